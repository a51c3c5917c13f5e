"""Which models a tenant may call, named in a path or in a body."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from filegate.errors import StatusError
from filegate.limits import Limits
from filegate.models import require_model, require_models_of_lines
from filegate.tenants import Tenant

GOOD, BAD = "gemini-2.5-flash", "gemini-2.5-pro"


def tenant(*models: str) -> Tenant:
    limits = Limits(models=models)
    return Tenant("acme", "acme0001", "p1", active=True, max_file_bytes=1, limits=limits)


def body(value: object) -> bytes:
    return json.dumps(value).encode()


def test_a_tenant_that_may_call_all_is_not_even_read() -> None:
    require_model(tenant(), BAD, b"no JSON at all")
    require_models_of_lines(tenant(), b"no JSON at all\n")


@pytest.mark.parametrize("listed", [GOOD, f"models/{GOOD}"])
def test_a_model_of_the_list(listed: str) -> None:
    require_model(tenant("other", listed), GOOD, b"{}")
    require_model(tenant(listed), None, body({"model": f"models/{GOOD}"}))
    require_model(tenant(listed), None, body({"model": GOOD}))


@pytest.mark.parametrize(
    "model", [BAD, "", "Gemini-2.5-Flash", f"{GOOD} ", f"models/models/{GOOD}"]
)
def test_any_other_is_refused_and_the_list_named(model: str) -> None:
    with pytest.raises(StatusError) as refused:
        require_model(tenant(GOOD, "another"), model, b"{}")
    status = refused.value.status
    assert (status.code, status.status) == (403, "PERMISSION_DENIED")
    assert f"another, {GOOD}" in status.message
    assert repr(model) in status.message


def test_a_long_list_is_not_named_in_full() -> None:
    with pytest.raises(StatusError) as refused:
        require_model(tenant(*(f"m{number:02}" for number in range(25))), BAD, b"{}")
    assert "m19, 5 more" in refused.value.status.message


@pytest.mark.parametrize(
    "document",
    [
        {"model": BAD},
        {"model": None},
        {"model": [GOOD]},
        {"generateContentRequest": {"model": BAD}},
        {"generate_content_request": {"model": BAD}},
        {"requests": [{"model": GOOD}, {"model": BAD}]},
        {"batch": {"model": BAD}},
        {"batch": {"inputConfig": {"requests": {"requests": [{"request": {"model": BAD}}]}}}},
        {"batch": {"input_config": {"requests": {"requests": [{"request": {"model": BAD}}]}}}},
    ],
)
def test_a_body_names_models_too(document: Mapping[str, Any]) -> None:
    with pytest.raises(StatusError):
        require_model(tenant(GOOD), GOOD, body(document))


@pytest.mark.parametrize(
    "document",
    [
        {"contents": [{"role": "model", "parts": [{"text": BAD}]}]},
        {"contents": [{"parts": [{"functionCall": {"args": {"model": BAD}}}]}]},
        {"generationConfig": {"responseSchema": {"properties": {"model": {"type": "STRING"}}}}},
        {"tools": [{"functionDeclarations": [{"parameters": {"properties": {"model": {}}}}]}]},
    ],
)
def test_what_a_tenant_writes_of_models_is_its_own(document: Mapping[str, Any]) -> None:
    require_model(tenant(GOOD), GOOD, body(document))


def test_two_models_under_one_key_are_not_understood() -> None:
    with pytest.raises(StatusError) as refused:
        require_model(tenant(GOOD), None, f'{{"model":"{GOOD}","model":"{BAD}"}}'.encode())
    assert refused.value.status.code == 400


def test_lines() -> None:
    good, bad = (body({"key": "k", "request": {"model": f"models/{one}"}}) for one in (GOOD, BAD))
    require_models_of_lines(tenant(GOOD), b"\n\n" + good + b"\n" + good)
    with pytest.raises(StatusError):
        require_models_of_lines(tenant(GOOD), good + b"\n" + bad + b"\n")


@pytest.mark.parametrize("levels", [101, 400])
def test_what_is_nested_too_deeply_is_refused(levels: int) -> None:
    deep = b'{"requests":' * levels + b"1" + b"}" * levels

    with pytest.raises(StatusError) as refusal:
        require_model(tenant(GOOD), None, deep)

    assert refusal.value.status.code == 400
