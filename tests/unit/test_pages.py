"""Pages: a token goes on where it was made, for whom it was made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filegate import pages, sessions
from filegate.errors import PAGE_TOKEN_INVALID, StatusError
from filegate.pages import open_position, read_page_size, seal_position
from filegate.seals import KeyRing, Sealer

RING = KeyRing("k1", {"k1": "a" * 32})
SEALER = Sealer(pages.PURPOSE, lambda: RING, lambda: RING)


def assert_invalid(tenant: str, token: str) -> None:
    with pytest.raises(StatusError) as refusal:
        open_position(tenant, "files", token, SEALER)
    assert refusal.value.status is PAGE_TOKEN_INVALID


@given(st.text(max_size=31), st.text(max_size=40))
def test_a_token_holds_its_position(tenant: str, position: str) -> None:
    assert (
        open_position(tenant, "files", seal_position(tenant, "files", position, SEALER), SEALER)
        == position
    )


def test_a_token_shows_no_position() -> None:
    assert "acme0001abc" not in seal_position("acme", "files", "acme0001abc", SEALER)


def test_another_tenants_token_is_invalid() -> None:
    assert_invalid("globex", seal_position("acme", "files", "acme0001abc", SEALER))


def test_a_token_of_another_list_is_invalid() -> None:
    token = seal_position("acme", "fileSearchStores", "acme0001abc", SEALER)

    assert_invalid("acme", token)


def test_names_of_tenant_and_list_do_not_run_together() -> None:
    assert_invalid("acme", seal_position("acme/files", "", "acme0001abc", SEALER))
    assert_invalid("acme", SEALER.seal('["acme", "acme0001abc"]'))


def test_a_changed_token_is_invalid() -> None:
    assert_invalid("acme", seal_position("acme", "files", "acme0001abc", SEALER)[:-1])


def test_a_sealed_session_is_no_token() -> None:
    other = Sealer(sessions.PURPOSE, lambda: RING, lambda: RING)

    assert_invalid("acme", seal_position("acme", "files", "acme0001abc", other))


@pytest.mark.parametrize(
    "text", ["[]", "1", "null", "{}", '["acme"]', '["acme", "x", "y"]', "no json"]
)
def test_a_token_of_another_shape_is_invalid(text: str) -> None:
    assert_invalid("acme", SEALER.seal(text))


@given(st.text(max_size=100))
def test_what_is_no_token(text: str) -> None:
    assert_invalid("acme", text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (None, 10),
        ("", 10),
        ("0", 10),
        ("1", 1),
        ("007", 7),
        ("99", 99),
        ("100", 100),
        ("101", 100),
        ("999999999", 100),
    ],
)
def test_page_sizes(text: str | None, size: int) -> None:
    assert read_page_size(text) == size


@pytest.mark.parametrize("text", ["-1", "+1", "1.5", "ten", " 1", "1e1", "٣", "²", "9" * 10])
def test_what_is_no_page_size(text: str) -> None:
    with pytest.raises(StatusError) as refusal:
        read_page_size(text)

    assert refusal.value.status.code == 400
    assert repr(text) in refusal.value.status.message
    assert "100" in refusal.value.status.message


@given(st.text(max_size=20))
def test_a_page_size_is_1_to_100_or_refused(text: str) -> None:
    try:
        assert 1 <= read_page_size(text) <= 100
    except StatusError as refusal:
        assert refusal.status.code == 400
