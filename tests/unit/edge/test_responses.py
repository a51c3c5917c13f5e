"""Responses: Google's shape, and every exception has its refusal."""

import json

import pytest

from filegate import errors
from filegate.adapters.refusals import UpstreamKeyRefused, UpstreamRefused, UpstreamUnavailable
from filegate.adapters.secret_store import SecretUnavailable
from filegate.adapters.table import TableBusy, TableUnavailable
from filegate.appointments import CannotKeep
from filegate.edge.responses import (
    answer_error,
    answer_json,
    answer_open_upload,
    answer_text,
)
from filegate.edge.statuses import status_of
from filegate.errors import Status, StatusError
from filegate.ledger import TenantChanged
from filegate.seals import KeyRingInvalid

URL = "https://files.example.com/live/upload/v1/sessions/AbC-_"


def test_json_is_answered_as_utf_8() -> None:
    answer = answer_json({"a": "é", "b": [1]})

    assert answer.status_code == 200
    assert json.loads(answer.body or "") == {"a": "é", "b": [1]}
    assert (answer.body or "").isascii()
    assert answer.headers["Content-Type"] == "application/json; charset=UTF-8"


def test_text_that_is_json_is_answered_as_it_is() -> None:
    answer = answer_text('{"sizeBytes":"5"}')

    assert (answer.status_code, answer.body) == (200, '{"sizeBytes":"5"}')
    assert answer.headers["Content-Type"] == "application/json; charset=UTF-8"


def test_an_open_upload_has_its_url_in_both_headers() -> None:
    answer = answer_open_upload(URL, 8_388_608)

    assert answer.status_code == 200
    assert answer.body == ""
    assert answer.headers["X-Goog-Upload-URL"] == URL
    assert answer.headers["X-Goog-Upload-Control-URL"] == URL
    assert answer.headers["X-Goog-Upload-Status"] == "active"
    assert answer.headers["X-Goog-Upload-Chunk-Granularity"] == "8388608"


def test_one_answers_headers_are_not_anothers() -> None:
    answer_open_upload(URL, 1)

    assert "X-Goog-Upload-URL" not in answer_json({}).headers
    assert "X-Goog-Upload-Status" not in answer_error(errors.INTERNAL, upload=True).headers


def test_a_refusal_is_googles_envelope() -> None:
    answer = answer_error(errors.file_not_found("é"), upload=False)

    assert answer.status_code == 403
    assert answer.headers["Content-Type"] == "application/json; charset=UTF-8"
    assert json.loads(answer.body or "") == errors.file_not_found("é").body()


@pytest.mark.parametrize(
    ("status", "upload", "final"),
    [
        (errors.KEY_INVALID, True, True),
        (errors.PROJECT_QUOTA_EXCEEDED, True, True),
        (Status(499, "CANCELLED", "x"), True, True),
        (errors.INTERNAL, True, False),
        (errors.LEDGER_BUSY, True, False),
        (errors.KEY_INVALID, False, False),
    ],
)
def test_only_what_cannot_be_mended_tells_an_sdk_to_stop(
    status: Status, upload: bool, final: bool
) -> None:
    headers = answer_error(status, upload=upload).headers

    assert headers.get("X-Goog-Upload-Status") == ("final" if final else None)


@pytest.mark.parametrize("status", [errors.INTERNAL, errors.PROJECT_QUOTA_EXCEEDED])
def test_a_refusal_says_when_to_come_back(status: Status) -> None:
    assert answer_error(status, upload=False).headers["Retry-After"] == str(status.retry_after)


def test_a_refusal_that_stays_names_no_time() -> None:
    assert "Retry-After" not in answer_error(errors.KEY_INVALID, upload=False).headers


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StatusError(errors.KEY_MISSING), errors.KEY_MISSING),
        (SecretUnavailable("AccessDenied"), errors.SECRETS_UNAVAILABLE),
        (TableBusy(), errors.LEDGER_BUSY),
        (TableUnavailable("ReadTimeoutError"), errors.LEDGER_UNAVAILABLE),
        (TenantChanged(), errors.LEDGER_BUSY),
        (UpstreamKeyRefused(), errors.UPSTREAM_KEY_REFUSED),
        (UpstreamUnavailable("ReadTimeout"), errors.UPSTREAM_UNAVAILABLE),
        (KeyError("secret detail"), errors.INTERNAL),
        (ValueError("secret detail"), errors.INTERNAL),
    ],
)
def test_every_exception_has_its_refusal(error: Exception, status: Status) -> None:
    assert status_of(error) is status


@pytest.mark.parametrize("code", [400, 404, 429, 503, 599])
def test_upstreams_refusals_pass(code: int) -> None:
    status = status_of(UpstreamRefused(code, "SOME_STATUS", "A sentence.", 7))

    assert status == Status(code, "SOME_STATUS", "A sentence.", (), 7)


@pytest.mark.parametrize("code", [100, 200, 204, 302, 308, 399, 600])
def test_what_is_no_error_of_http_is_no_answer(code: int) -> None:
    assert status_of(UpstreamRefused(code, "", "", None)) is errors.UPSTREAM_UNAVAILABLE


def test_a_key_ring_that_cannot_be_used_is_the_operators_to_mend() -> None:
    assert status_of(KeyRingInvalid("short")).code == 503


@pytest.mark.parametrize(
    ("cause", "code"),
    [(UpstreamRefused(429, "RESOURCE_EXHAUSTED", "", 3), 429), (ValueError("no File"), 503)],
)
def test_what_could_not_be_kept_is_answered_by_its_cause(cause: Exception, code: int) -> None:
    error = CannotKeep()
    error.__cause__ = cause
    assert status_of(error).code == code


def test_half_a_character_from_upstream_can_be_answered() -> None:
    answer = answer_error(Status(400, "INVALID_ARGUMENT", "\ud800"), upload=False)
    assert (answer.body or "").encode()
