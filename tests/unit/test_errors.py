"""Errors: each is Google's envelope, and says the numbers that matter."""

import json
import re
from typing import Any

import pytest

from filegate import errors
from filegate.errors import Shortage, Status, StatusError

NOW = 1_739_572_413_000

CANONICAL = {
    400: {"INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE"},
    401: {"UNAUTHENTICATED"},
    403: {"PERMISSION_DENIED"},
    404: {"NOT_FOUND"},
    409: {"ALREADY_EXISTS", "ABORTED"},
    413: {"INVALID_ARGUMENT"},
    429: {"RESOURCE_EXHAUSTED"},
    500: {"INTERNAL"},
    503: {"UNAVAILABLE"},
}

NAMED = {name: value for name, value in vars(errors).items() if isinstance(value, Status)}
MADE = {
    "invalid_argument": errors.invalid_argument("Wrong."),
    "invalid_argument of a field": errors.invalid_argument("Wrong.", "file.name"),
    "scope_missing": errors.scope_missing("files:write"),
    "origin_refused": errors.origin_refused("https://app.example"),
    "token_cannot": errors.token_cannot("make tokens"),
    "token_type_refused": errors.token_type_refused("text/html", ["image/*"]),
    "model_refused": errors.model_refused("gemini-2.5-pro", ["gemini-2.5-flash"]),
    "file_not_found": errors.file_not_found("abc"),
    "file_exists": errors.file_exists("abc"),
    "file_too_large": errors.file_too_large(3_000_000_000, 2_147_483_648),
    "request_too_large": errors.request_too_large(5_000_000, 4_194_304),
    "tenant_quota_exceeded": errors.tenant_quota_exceeded(Shortage(3, 2, 5, NOW + 1_500), NOW),
}
STATUSES = NAMED | MADE
OWN = [one for one in STATUSES.values() if one.code == 403 and "ErrorInfo" in str(one.details)]


def detail(status: Status, kind: str) -> dict[str, Any]:
    found = [
        entry
        for entry in status.body()["error"].get("details", [])
        if entry["@type"] == f"type.googleapis.com/google.rpc.{kind}"
    ]
    assert len(found) == 1
    return dict(found[0])


def test_there_are_named_statuses() -> None:
    assert len(NAMED) >= 10


@pytest.mark.parametrize("status", STATUSES.values(), ids=STATUSES.keys())
def test_the_body_is_googles_envelope(status: Status) -> None:
    body = json.loads(json.dumps(status.body()))

    assert list(body) == ["error"]
    error = body["error"]
    assert error["code"] == status.code
    assert error["status"] in CANONICAL[status.code]
    assert error["message"] == status.message
    assert len(status.message) > 5
    assert set(error) <= {"code", "message", "status", "details"}
    for entry in error.get("details", []):
        assert re.fullmatch(r"type\.googleapis\.com/google\.rpc\.[A-Z][A-Za-z]+", entry["@type"])


@pytest.mark.parametrize("status", STATUSES.values(), ids=STATUSES.keys())
def test_retry_info_is_there_exactly_where_waiting_helps(status: Status) -> None:
    if status.retry_after is None:
        assert "retryDelay" not in json.dumps(status.body())
    else:
        assert status.retry_after > 0
        assert detail(status, "RetryInfo")["retryDelay"] == f"{status.retry_after}s"


@pytest.mark.parametrize("status", STATUSES.values(), ids=STATUSES.keys())
def test_what_is_unavailable_says_when_to_come_back(status: Status) -> None:
    assert (status.retry_after is not None) or status.code < 500


def test_a_body_without_details_has_no_such_field() -> None:
    assert Status(400, "INVALID_ARGUMENT", "Wrong.").body() == {
        "error": {"code": 400, "message": "Wrong.", "status": "INVALID_ARGUMENT"}
    }


def test_a_body_can_be_made_twice() -> None:
    status = errors.PROJECT_QUOTA_EXCEEDED

    assert status.body() == status.body()
    assert len(status.details) == 1


def test_an_error_says_its_sentence() -> None:
    assert str(StatusError(errors.KEY_MISSING)) == errors.KEY_MISSING.message


def test_a_wrong_field_is_named() -> None:
    violation = {"field": "file.name", "description": "Wrong."}

    assert detail(MADE["invalid_argument of a field"], "BadRequest")["fieldViolations"] == [
        violation
    ]
    assert "details" not in MADE["invalid_argument"].body()["error"]


@pytest.mark.parametrize("status", STATUSES.values(), ids=STATUSES.keys())
def test_a_decision_of_the_gateways_own_has_a_reason(status: Status) -> None:
    # What hides whether there is such a thing must not tell by a detail more or less.
    own = status.code == 403 and not status.hides and status is not errors.KEY_MISSING
    told = [one for one in status.details if one.get("domain") == "filegate"]
    assert [bool(one["reason"]) for one in told] == [True] * own


def test_reasons_differ() -> None:
    reasons = [detail(one, "ErrorInfo")["reason"] for one in OWN]

    assert sorted(reasons) == sorted(set(reasons))
    assert detail(MADE["scope_missing"], "ErrorInfo")["metadata"] == {"scope": "files:write"}


def test_upstreams_wording_is_kept() -> None:
    assert errors.file_not_found("abc").message == (
        "You do not have permission to access the File abc or it may not exist."
    )
    assert errors.file_exists("abc").message == "abc already exists."
    assert errors.KEY_INVALID.message == "API key not valid. Please pass a valid API key."
    assert detail(errors.KEY_INVALID, "ErrorInfo")["reason"] == "API_KEY_INVALID"
    assert errors.KEY_INVALID.code == 400
    assert errors.KEY_MISSING.code == 403


@pytest.mark.parametrize(
    ("status", "numbers"),
    [
        (MADE["file_too_large"], ["3,000,000,000", "2,147,483,648"]),
        (MADE["request_too_large"], ["5,000,000", "4,194,304", "resumable"]),
        (MADE["scope_missing"], ["files:write"]),
    ],
)
def test_messages_hold_the_numbers(status: Status, numbers: list[str]) -> None:
    assert all(number in status.message for number in numbers)


def test_a_shortage_that_ends_says_when() -> None:
    status = errors.tenant_quota_exceeded(Shortage(3_000, 2_000, 5_000, NOW + 90_500), NOW)

    assert "needs 3,000 bytes" in status.message
    assert "2,000 of 5,000 bytes are left" in status.message
    assert "2025-02-14T22:35:03.500Z" in status.message
    assert "91 seconds" in status.message
    assert status.retry_after == 91
    violation = detail(status, "QuotaFailure")["violations"][0]
    assert violation["quotaValue"] == "5000"
    assert violation["quotaId"] == "FileStorageBytesPerTenant"


@pytest.mark.parametrize("free_at", [NOW - 10_000, NOW, NOW + 1])
def test_a_shortage_that_is_over_asks_for_a_second(free_at: int) -> None:
    assert errors.tenant_quota_exceeded(Shortage(3, 2, 5, free_at), NOW).retry_after == 1


def test_a_shortage_that_waiting_does_not_end() -> None:
    status = errors.tenant_quota_exceeded(Shortage(3, 2, 5, None), NOW)

    assert status.retry_after is None
    assert "Delete files" in status.message


def test_what_never_fits_is_not_told_to_wait() -> None:
    status = errors.tenant_quota_exceeded(Shortage(6, 5, 5, NOW + 1), NOW)

    assert status.retry_after is None
    assert "never fit" in status.message


def test_what_fits_exactly_is_told_to_wait() -> None:
    assert errors.tenant_quota_exceeded(Shortage(5, 4, 5, NOW + 1_000), NOW).retry_after == 1


def test_a_limit_lowered_below_what_is_held_shows_no_negative_bytes() -> None:
    message = errors.tenant_quota_exceeded(Shortage(5, -10, 100, None), NOW).message
    assert "0 of 100 bytes are left" in message
