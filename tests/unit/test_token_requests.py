"""Token requests: what a backend may ask, and that a limit misspelled is no limit lost."""

import json
from dataclasses import replace
from typing import Any

import pytest

from filegate.errors import StatusError
from filegate.limits import Limits
from filegate.tenants import ALL_SCOPES, Caller, Credential, Tenant, key_sha256
from filegate.token_requests import (
    TokenRequest,
    answer_of,
    mint,
    read_origin,
    read_token_request,
)
from filegate.tokens import ANY_COUNT, Token

NOW = 1_739_572_413_000
KEY = "fg_acme_" + "a" * 43
ACME = Tenant("acme", "acme0001", "default", active=True, max_file_bytes=2**31)
CALLER = Caller(ACME, frozenset(ALL_SCOPES), None)
PAGE = "https://app.example.com"


def read(**fields: Any) -> TokenRequest:  # noqa: ANN401 - whatever JSON there is
    return read_token_request(json.dumps(fields).encode())


def made(caller: Caller = CALLER, **fields: Any) -> Token:  # noqa: ANN401
    return mint(caller, Credential(KEY), read(**fields), NOW)


def refused(code: int, words: str, caller: Caller = CALLER, **fields: Any) -> None:  # noqa: ANN401
    with pytest.raises(StatusError) as refusal:
        made(caller, **fields)
    assert refusal.value.status.code == code
    assert words in refusal.value.status.message


def test_what_is_not_asked_for_has_a_default() -> None:
    token = made(byteBudget=5)

    assert token == Token(
        id=token.id,
        tenant="acme",
        key_sha256=key_sha256(KEY),
        scopes=("files:write",),
        byte_budget=5,
        file_count=ANY_COUNT,
        mime_types=(),
        origin=None,
        expires_at=NOW + 600_000,
    )
    assert made(byteBudget=5).id != token.id
    assert answer_of(token, "fgt_x") == {
        "token": "fgt_x",
        "expireTime": "2025-02-14T22:43:33Z",
        "scopes": ["files:write"],
        "byteBudget": 5,
    }


def test_all_that_can_be_asked_for() -> None:
    token = made(
        scopes=["generate", "files:write", "generate"],
        byteBudget="20971520",
        fileCount=3,
        mimeTypes=["Video/*", "application/pdf"],
        origin="HTTPS://App.example.com:443",
        ttl="3600s",
    )

    assert answer_of(token, "fgt_x") == {
        "token": "fgt_x",
        "expireTime": "2025-02-14T23:33:33Z",
        "scopes": ["generate", "files:write"],
        "byteBudget": 20_971_520,
        "fileCount": 3,
        "mimeTypes": ["video/*", "application/pdf"],
        "origin": PAGE,
    }


@pytest.mark.parametrize("ttl", ["0s", "3601s", "-1s", "1.5s", "10m", "60", 60, "", "60s ", "1e3s"])
def test_a_token_lasts_an_hour_at_most(ttl: object) -> None:
    refused(400, "from 1s to 3600s", byteBudget=5, ttl=ttl)


@pytest.mark.parametrize(
    "fields",
    [
        {"mimetypes": ["video/mp4"]},
        {"byteBudget": -1},
        {"byteBudget": 1.5},
        {"byteBudget": 2**63},
        {"byteBudget": "many"},
        {"fileCount": 0},
        {"fileCount": True},
        {"fileCount": "3"},
        {"mimeTypes": "video/mp4"},
        {"mimeTypes": ["video"]},
        {"mimeTypes": ["*/*"]},
        {"mimeTypes": ["video/mp4; codecs=x"]},
        {"mimeTypes": ["video/*mp4"]},
        {"mimeTypes": [f"video/v{number}" for number in range(21)]},
        {"scopes": []},
        {"scopes": "files:write"},
        {"scopes": ["files"]},
        {"scopes": ["files:own"]},
        {"origin": ""},
        {"origin": "*"},
        {"origin": "null"},
    ],
)
def test_what_cannot_be_asked_for(fields: dict[str, Any]) -> None:
    refused(400, "", **{"byteBudget": 5, **fields})


@pytest.mark.parametrize("scope", ["files:write", "stores"])
def test_what_uploads_needs_a_budget(scope: str) -> None:
    refused(400, "byteBudget", scopes=[scope])
    assert made(scopes=["generate", "files:read"]).byte_budget == 0


def test_a_token_has_no_scope_that_its_key_has_not() -> None:
    caller = replace(CALLER, scopes=frozenset({"files:read"}))

    refused(403, "`files:write`", caller, byteBudget=5)
    assert made(caller, scopes=["files:read"]).scopes == ("files:read",)


def test_a_token_makes_no_token() -> None:
    caller = replace(CALLER, tenant=replace(ACME, token=made(byteBudget=5)))

    refused(403, "cannot make tokens", caller, byteBudget=1)


def test_a_token_is_for_a_page_that_the_tenant_allows() -> None:
    limits = Limits(allowed_origins=(PAGE,))
    caller = replace(CALLER, tenant=replace(ACME, limits=limits))

    refused(
        403, "https://evil.example.com", caller, byteBudget=5, origin="https://evil.example.com"
    )
    assert made(caller, byteBudget=5, origin=PAGE).origin == PAGE
    assert made(caller, byteBudget=5).origin is None


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://app.example.com", "https://app.example.com"),
        ("https://APP.example.com:443", "https://app.example.com"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_an_origin_is_read_as_browsers_send_it(text: str, origin: str) -> None:
    assert read_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        *(
            "https://app.example.com/",
            "https://app.example.com/page",
            "app.example.com",
            "https://",
        ),
        *("ftp://app.example.com", "https://a b", "https://u@app.example.com", "https://a:b"),
        *("https://app.example.com?x", "https://app.example.com#x", "https://a:99999", "https://é"),
        *("https://a.example https://b.example", "https://app.example.com:", "//app.example.com"),
    ],
)
def test_what_is_no_origin(text: str) -> None:
    with pytest.raises(ValueError, match="must be an origin"):
        read_origin(text)
