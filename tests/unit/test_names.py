"""Names: ownership is a prefix, so no spelling of a foreign id may ever become a tenant's own."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from filegate.errors import FILE_NAME_INVALID, StatusError
from filegate.names import (
    FILE_ID_LENGTH,
    TAG_LENGTH,
    chosen_file_id,
    is_tag,
    new_file_id,
    new_tag,
    owned_file_id,
    random_characters,
)

TAG = "acme0001"
LAST_INSTANT = 36**9 - 1

tags = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=TAG_LENGTH, max_size=TAG_LENGTH)
instants = st.integers(0, LAST_INSTANT)
ids = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,45}[a-z0-9])?", fullmatch=True)
UPSTREAM_ID = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


@given(tags, instants)
def test_a_generated_id_is_short_has_no_dash_and_is_its_tags_own(tag: str, now: int) -> None:
    file_id = new_file_id(tag, now)

    assert file_id.startswith(tag)
    assert len(file_id) == 25
    assert re.fullmatch("[a-z0-9]+", file_id)
    assert owned_file_id(tag, file_id) == file_id


@given(tags, instants, instants)
def test_generated_ids_sort_by_time(tag: str, one: int, other: int) -> None:
    assume(one != other)
    earlier, later = sorted((one, other))

    assert new_file_id(tag, earlier) < new_file_id(tag, later)


def test_ids_of_one_moment_differ() -> None:
    assert len({new_file_id(TAG, 1_700_000_000_000) for _ in range(1_000)}) == 1_000


@given(tags, tags, ids)
def test_another_tenants_id_only_ever_becomes_ones_own(tag: str, other: str, rest: str) -> None:
    assume(tag != other)
    foreign = other + rest

    full = owned_file_id(tag, foreign)

    assert full is None or (full == tag + foreign and full != foreign)


@given(tags, st.integers(0, TAG_LENGTH - 1), st.sampled_from("0az9"), ids)
def test_a_tag_that_differs_in_one_character_is_foreign(
    tag: str, at: int, character: str, rest: str
) -> None:
    assume(tag[at] != character)
    foreign = tag[:at] + character + tag[at + 1 :] + rest

    assert owned_file_id(tag, foreign) in {None, tag + foreign}


@given(tags, tags, instants)
def test_another_tenants_generated_id_still_costs_one_look_up(
    tag: str, other: str, now: int
) -> None:
    assume(tag != other)
    foreign = new_file_id(other, now)

    assert owned_file_id(tag, foreign) == tag + foreign


@given(tags, st.one_of(st.text(max_size=60), ids))
def test_owned_ids_are_valid_owned_and_stable(tag: str, text: str) -> None:
    full = owned_file_id(tag, text)

    if full is not None:
        assert full.startswith(tag)
        assert UPSTREAM_ID.fullmatch(full)
        assert owned_file_id(tag, full) == full


@given(tags, ids)
def test_both_spellings_of_a_chosen_name_are_one_file(tag: str, name: str) -> None:
    assume(len(name) <= FILE_ID_LENGTH - TAG_LENGTH and not name.startswith(tag))

    full = chosen_file_id(tag, name)

    assert full == tag + name
    assert owned_file_id(tag, name) == full
    assert owned_file_id(tag, full) == full
    assert chosen_file_id(tag, full) == full
    assert chosen_file_id(tag, f"files/{name}") == full


@given(tags, tags, ids)
def test_two_tenants_may_choose_one_name(tag: str, other: str, name: str) -> None:
    assume(tag != other and len(name) <= FILE_ID_LENGTH - TAG_LENGTH)

    assert chosen_file_id(tag, name) != chosen_file_id(other, name)


@given(tags, st.text(max_size=60))
def test_a_chosen_name_is_valid_upstream_or_refused(tag: str, name: str) -> None:
    try:
        full = chosen_file_id(tag, name)
    except StatusError as refusal:
        assert refusal.status.code == 400
    else:
        assert full.startswith(tag)
        assert UPSTREAM_ID.fullmatch(full)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "files/",
        "My-Doc",
        "-doc",
        "doc-",
        "a b",
        "a_b",
        "a.b",
        "a/b",
        "files/files/a",
        "é",
        "a\n",
    ],
)
def test_a_malformed_name_gets_upstreams_sentence(name: str) -> None:
    with pytest.raises(StatusError) as refusal:
        chosen_file_id(TAG, name)

    assert refusal.value.status is FILE_NAME_INVALID


def test_a_name_may_have_what_the_tag_leaves() -> None:
    assert chosen_file_id(TAG, "a" * 32) == TAG + "a" * 32

    with pytest.raises(StatusError) as refusal:
        chosen_file_id(TAG, "a" * 33)

    assert "33" in refusal.value.status.message
    assert "32" in refusal.value.status.message


@pytest.mark.parametrize("text", ["", "acme001", "acme00012", "Acme0001", "acme-001", "acme000é"])
def test_what_is_no_tag(text: str) -> None:
    assert not is_tag(text)


def test_new_tags_are_tags() -> None:
    made = {new_tag() for _ in range(100)}

    assert len(made) == 100
    assert all(is_tag(tag) for tag in made)


@pytest.mark.parametrize("count", [0, 1, 8, 100])
def test_random_characters_are_as_many_as_asked(count: int) -> None:
    assert re.fullmatch(f"[a-z0-9]{{{count}}}", random_characters(count))
