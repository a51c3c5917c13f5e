"""AWS services that speak JSON: a call is one signed POST, its answer one JSON object.

In place of boto3's clients, which cost four times as much for each call and most of a cold start
(docs/decisions/0026). What they do besides is left to who calls: nothing is validated before it is
sent, and nothing is sent again but what `attempts` says.
"""

import json
import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from random import SystemRandom
from typing import Any, Final, Protocol, Self
from urllib.parse import urlsplit

from filegate.adapters import aws_environment
from filegate.adapters.signatures import Credentials, Signer

JITTER: Final = SystemRandom()
"""Of the system: Python's own is seeded once, and restored instances would all share its seed."""
_LONGEST_PAUSE: Final = 1.0
_THROTTLED: Final = frozenset(
    {"ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"}
)


class AwsUnavailable(Exception):
    """No answer; whether the call took effect is unknown.

    `unsent`: it is known, as the call never got there.
    """

    def __init__(self, reason: str, *, unsent: bool = False) -> None:
        super().__init__(reason)
        self.unsent: Final = unsent


class AwsRefused(Exception):
    """The service refused the call, or failed: `code` is AWS's word for why.

    `status` of HTTP: from 500 on, whether the call took effect is unknown. `answer` is all that was
    said.
    """

    def __init__(self, code: str, status: int, answer: Mapping[str, Any]) -> None:
        super().__init__(f"{code}: {answer.get('message') or answer.get('Message') or ''}")
        self.code: Final = code
        self.status: Final = status
        self.answer: Final = answer

    @property
    def failed(self) -> bool:
        """Whether it is the service's own failure."""
        return self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


@dataclass(frozen=True)
class Dialect:
    """What tells one JSON service of AWS from another."""

    service: str
    """Its name in endpoints and signatures."""
    variable: str
    """Its name in `AWS_ENDPOINT_URL_<name>`."""
    target: str
    """What stands before the operation in `X-Amz-Target`."""
    version: str
    """Version of the protocol."""


DYNAMODB: Final = Dialect("dynamodb", "DYNAMODB", "DynamoDB_20120810", "1.0")
SECRETS_MANAGER: Final = Dialect("secretsmanager", "SECRETS_MANAGER", "secretsmanager", "1.1")
EVENTBRIDGE: Final = Dialect("events", "EVENTBRIDGE", "AWSEvents", "1.1")


@dataclass(frozen=True)
class Reply:
    """An HTTP answer, whole."""

    status: int
    body: bytes


class Wire(Protocol):
    """What carries requests to a service's endpoint."""

    def post(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send one request once. Raises AwsUnavailable."""

    def close(self) -> None:
        """Close its connections."""


class HttpWire:
    """Kept connections to one endpoint, for any number of threads.

    Of Python's own HTTP client: urllib3 carries the same for half as much again of each call, and
    a fifth of a cold start (docs/decisions/0026).
    """

    def __init__(self, url: str, connect_timeout: float, read_timeout: float) -> None:
        """Both timeouts in seconds."""
        parts = urlsplit(url)
        self.connect_timeout: Final = connect_timeout
        self.read_timeout: Final = read_timeout
        self._host, self._port = str(parts.hostname), parts.port
        self._tls = (
            ssl.create_default_context(cafile=aws_environment.read_ca_bundle())
            if parts.scheme == "https"
            else None
        )
        self._idle: deque[HTTPConnection] = deque()

    def post(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send one request once. Raises AwsUnavailable."""
        connection = self._take_idle() or self._connect()
        try:
            connection.request("POST", "/", body, headers)
            answer = connection.getresponse()
            reply = Reply(answer.status, answer.read())
        except (OSError, HTTPException) as error:
            connection.close()
            raise AwsUnavailable(type(error).__name__) from error
        if connection.sock is not None and not answer.will_close:
            self._idle.append(connection)
        return reply

    def close(self) -> None:
        """Close the connections that are at rest."""
        while self._idle:
            self._idle.pop().close()

    def _take_idle(self) -> HTTPConnection | None:
        """The connection used last that the service has not closed meanwhile."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            # Nothing is owed on it: what can be read is its end.
            if not _readable(connection.sock):
                return connection
            connection.close()

    def _connect(self) -> HTTPConnection:
        connection = (
            HTTPConnection(self._host, self._port, timeout=self.connect_timeout)
            if self._tls is None
            else HTTPSConnection(
                self._host, self._port, timeout=self.connect_timeout, context=self._tls
            )
        )
        try:
            connection.connect()
        except (OSError, HTTPException) as error:
            connection.close()
            raise AwsUnavailable(type(error).__name__, unsent=True) from error
        connection.sock.settimeout(self.read_timeout)
        return connection


def _readable(connection: socket.socket) -> bool:
    waiting = select.poll()
    waiting.register(connection, select.POLLIN)
    return bool(waiting.poll(0))


class AwsService:
    """One service in one region, called in its own JSON."""

    def __init__(
        self,
        dialect: Dialect,
        signer: Signer,
        credentials: Callable[[], Credentials],
        wire: Wire,
        attempts: int = 1,
    ) -> None:
        """`attempts`: how often a call is sent at most, where nothing says that it was taken."""
        self.wire = wire
        self._signer = signer
        self._credentials = credentials
        self._attempts = attempts
        self._target = f"{dialect.target}."
        self._content_type = f"application/x-amz-json-{dialect.version}"

    @classmethod
    def connect(
        cls,
        dialect: Dialect,
        *,
        connect_timeout: float,
        read_timeout: float,
        attempts: int = 1,
    ) -> Self:
        """The service as this process's environment leads to it; timeouts in seconds.

        Raises AwsUnavailable where region or credentials are missing.
        """
        try:
            region = aws_environment.read_region()
            credentials = aws_environment.find_credentials()
        except aws_environment.AwsEnvironmentIncomplete as incomplete:
            raise AwsUnavailable(str(incomplete), unsent=True) from None
        url = aws_environment.read_endpoint(dialect.service, dialect.variable, region)
        return cls(
            dialect,
            Signer(dialect.service, region, url),
            credentials,
            HttpWire(url, connect_timeout, read_timeout),
            attempts,
        )

    def call(self, operation: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer to one call, in the service's own JSON.

        Raises AwsUnavailable or AwsRefused.
        """
        body = json.dumps(arguments, separators=(",", ":")).encode()
        for _ in range(1, self._attempts):
            try:
                return self._send(operation, body)
            except AwsUnavailable:
                pass
            except AwsRefused as refusal:
                if not refusal.failed and refusal.code not in _THROTTLED:
                    raise
            time.sleep(JITTER.uniform(0, _LONGEST_PAUSE))
        return self._send(operation, body)

    def _send(self, operation: str, body: bytes) -> Mapping[str, Any]:
        headers = {"content-type": self._content_type, "x-amz-target": self._target + operation}
        try:
            credentials = self._credentials()
        except aws_environment.AwsEnvironmentIncomplete as incomplete:
            raise AwsUnavailable(str(incomplete), unsent=True) from None
        signed = self._signer.sign(credentials, time.time(), headers, body)
        reply = self.wire.post(signed, body)
        answer = _read(reply)
        if reply.status == HTTPStatus.OK:
            return answer
        # Namespaced as in `com.amazonaws.dynamodb.v20120810#TransactionCanceledException`.
        code = str(answer.get("__type", "")).rpartition("#")[2] or str(reply.status)
        raise AwsRefused(code, reply.status, answer)

    def close(self) -> None:
        """Close its connections."""
        self.wire.close()


def _read(reply: Reply) -> Mapping[str, Any]:
    """What a reply says; one in words that are no JSON object says nothing, or nothing at all."""
    try:
        answer = json.loads(reply.body or b"{}")
    except ValueError:
        answer = None
    if isinstance(answer, dict):
        return answer
    if reply.status == HTTPStatus.OK:
        raise AwsUnavailable("the answer is no JSON object")
    return {}
