"""How the command gets along with a network and a gateway that fail: beside a stand-in of one."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from filegate_command import FilegateCommand

Answer = tuple[int, Mapping[str, str], Any]
LOST: Answer = (0, {}, None)
"""The request arrives, and its answer does not."""
TENANT = {"id": "acme", "state": "ACTIVE"}
BUSY = (503, {"retry-after": "0"}, {"error": {"code": 503, "message": "Busy.", "status": "X"}})


class FailingGateway(ThreadingHTTPServer):
    """Answers what it was told to, in order, and remembers what it was asked."""

    def __init__(self, answers: list[Answer]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: FailingGateway

    def _answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.rfile.read(int(headers.get("content-length", "0")))
        self.server.asked.append((self.command, self.path, headers))
        status, more, body = self.server.answers[len(self.server.asked) - 1]
        self.close_connection = True
        if status == 0:
            return
        text = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-length": str(len(text)), **more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815 - names of http.server

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def failing_gateway(
    home: FilegateCommand, *answers: Answer
) -> Iterator[tuple[FailingGateway, FilegateCommand]]:
    """A gateway that answers so, and the command with its URL and keys."""
    with FailingGateway(list(answers)) as gateway:
        thread = threading.Thread(target=gateway.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{gateway.server_port}"
            keys = {"FILEGATE_ADMIN_KEY": "k", "FILEGATE_KEY": "k"}
            yield gateway, FilegateCommand(home.home, {"FILEGATE_URL": url, **keys})
        finally:
            gateway.shutdown()
            thread.join()


@pytest.mark.parametrize("failure", [LOST, BUSY])
def test_a_creation_is_sent_again_as_the_same_one(nobody: FilegateCommand, failure: Answer) -> None:
    with failing_gateway(nobody, failure, failure, (200, {}, TENANT)) as (gateway, command):
        assert command.ok("tenant", "create", "acme", "--json").json() == TENANT
    keys = [headers["idempotency-key"] for _, _, headers in gateway.asked]
    assert len(keys) == 3
    assert len(set(keys)) == 1
    with failing_gateway(nobody, (200, {}, TENANT)) as (other, command):
        command.ok("tenant", "create", "acme")
    assert other.asked[0][2]["idempotency-key"] not in keys


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (("tenant", "get", "acme"), TENANT),
        (("tenant", "update", "acme", "--storage", "1GiB"), TENANT),
        (("files", "list"), {"files": []}),
    ],
)
def test_what_may_be_repeated_is(
    nobody: FilegateCommand, arguments: tuple[str, ...], answer: object
) -> None:
    with failing_gateway(nobody, BUSY, LOST, (200, {}, answer)) as (gateway, command):
        command.ok(*arguments, "--json")
    assert len(gateway.asked) == 3


def test_what_may_not_be_repeated_is_not(nobody: FilegateCommand) -> None:
    with failing_gateway(nobody, LOST) as (gateway, command):
        told = command.refused("tenant", "suspend", "acme")
    assert "does not answer" in told
    assert len(gateway.asked) == 1


def test_it_does_not_go_on_for_ever(nobody: FilegateCommand) -> None:
    with failing_gateway(nobody, *[BUSY] * 10) as (gateway, command):
        told = command.refused("tenant", "get", "acme")
    assert "Busy." in told
    assert "try again in a moment" in told
    assert len(gateway.asked) == 4


def test_a_key_whose_text_was_lost_is_to_be_revoked(nobody: FilegateCommand) -> None:
    again = {"id": "3f9a0c1d2e4b", "label": "cli", "notice": "shown once"}
    with failing_gateway(nobody, LOST, (200, {}, again)) as (_, command):
        told = command.refused("key", "issue", "acme")
    assert "filegate key revoke acme 3f9a0c1d2e4b" in told


def test_a_refusal_says_when_to_come_back(nobody: FilegateCommand) -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"}]
    error = {"code": 429, "message": "Too many.", "status": "RESOURCE_EXHAUSTED"}
    refusal = {"error": {**error, "details": details}}
    with failing_gateway(nobody, (429, {}, refusal)) as (_, command):
        told = command.refused("files", "list")
    assert "Too many." in told
    assert "17s" in told


@pytest.mark.parametrize("reason", ["TENANT_SUSPENDED", None])
def test_only_a_name_that_may_be_wrong_is_to_be_looked_up(
    nobody: FilegateCommand, reason: str | None
) -> None:
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}
    error = {"code": 403, "message": "No.", "status": "PERMISSION_DENIED"}
    refusal = {"error": {**error, "details": [info] if reason else []}}
    with failing_gateway(nobody, (403, {}, refusal)) as (_, command):
        told = command.refused("files", "get", "files/talk")
    assert ("filegate files list" in told) is (reason is None)


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"content-type": "text/html"}, "<html>hello</html>"),
        (404, {"content-type": "text/html"}, "<html>not here</html>"),
        (403, {}, {"message": "Missing Authentication Token"}),
        (200, {}, ["a", "list"]),
        (500, {}, ""),
    ],
)
def test_what_answers_is_no_gateway(nobody: FilegateCommand, answer: Answer) -> None:
    with failing_gateway(nobody, answer) as (_, command):
        told = command.refused("files", "list")
    assert "as no Filegate does" in told
    assert "FILEGATE_URL" in told


def test_ids_cannot_leave_their_place_in_a_path(nobody: FilegateCommand) -> None:
    with failing_gateway(nobody, (200, {}, TENANT), (200, {}, {})) as (gateway, command):
        command.ok("tenant", "get", "../projects/x?y#z")
        command.ok("files", "delete", "files/../../admin")
    assert [path for _, path, _ in gateway.asked] == [
        "/admin/v1/tenants/..%2Fprojects%2Fx%3Fy%23z",
        "/v1/files/..%2F..%2Fadmin",
    ]


def test_a_difference_that_passes_is_none(nobody: FilegateCommand) -> None:
    def page(difference: int) -> Answer:
        return 200, {}, {"tenants": [{"tenant": "acme", "differenceBytes": difference}]}

    with failing_gateway(nobody, page(7), page(0)) as (gateway, command):
        command.ok("ledger", "check")
    assert len(gateway.asked) == 2


def test_each_credential_goes_its_own_way(nobody: FilegateCommand) -> None:
    with failing_gateway(nobody, (200, {}, TENANT), (200, {}, {})) as (gateway, command):
        command.ok("tenant", "get", "acme")
        command.ok("files", "list")
    admin, tenant = (headers for _, _, headers in gateway.asked)
    assert admin["x-filegate-admin-key"] == "k"
    assert tenant["x-goog-api-key"] == "k"
    for headers in (admin, tenant):
        assert "authorization" not in headers
    assert "x-goog-api-key" not in admin
    assert "x-filegate-admin-key" not in tenant
