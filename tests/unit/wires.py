"""Wires for AWS services in unit tests: moto in this process, or answers that a test has said."""

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto.core.models import botocore_stubber

from filegate.adapters.aws_service import AwsService, AwsUnavailable, Dialect, Reply
from filegate.adapters.signatures import Credentials, Signer

REGION: Final = "eu-central-1"


def service(dialect: Dialect, wire: Any, attempts: int = 1) -> AwsService:  # noqa: ANN401 - a Wire
    """A service at the end of a wire."""
    credentials = Credentials("testing", "testing")
    signer = Signer(dialect.service, REGION, endpoint(dialect))
    return AwsService(dialect, signer, lambda: credentials, wire, attempts)


def endpoint(dialect: Dialect) -> str:
    """Where AWS has a service."""
    return f"https://{dialect.service}.{REGION}.amazonaws.com"


class MotoWire:
    """Leads to moto, as requests of boto3 are led there."""

    def __init__(self, dialect: Dialect) -> None:
        self._url = endpoint(dialect) + "/"

    def post(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send one request once."""
        carried = HTTPHeaders.from_dict(dict(headers))
        request = AWSPreparedRequest("POST", self._url, carried, body, stream_output=False)
        answer: Any = botocore_stubber("before-send", request)
        assert answer is not None, "moto is not at work"
        return Reply(answer.status_code, answer.content)

    def close(self) -> None:
        """Nothing to close."""


@dataclass
class Script:
    """Answers in the order in which a test has said them, to the calls it expects."""

    sent: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    """Operations and arguments."""
    _answers: deque[tuple[str, Reply, Mapping[str, Any] | None]] = field(default_factory=deque)

    def answer(
        self, operation: str, answer: Mapping[str, Any], asked: Mapping[str, Any] | None = None
    ) -> None:
        """The next call is of this operation, with these arguments if given."""
        self._answers.append((operation, Reply(200, json.dumps(answer).encode()), asked))

    def refuse(
        self,
        operation: str,
        code: str,
        status: int = 400,
        **fields: Any,  # noqa: ANN401 - AWS's own JSON
    ) -> None:
        """The next call is of this operation and refused."""
        self._answers.append((operation, refused(code, status, **fields), None))

    def assert_done(self) -> None:
        """Everything said has been asked for."""
        assert not self._answers

    def post(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer a request."""
        operation, arguments = headers["x-amz-target"].rpartition(".")[2], json.loads(body)
        self.sent.append((operation, arguments))
        assert self._answers, f"nobody expected {operation}"
        expected, reply, asked = self._answers.popleft()
        assert operation == expected
        if asked is not None:
            assert arguments == asked
        return reply

    def close(self) -> None:
        """Nothing to close."""


@dataclass
class OneAnswer:
    """Gives every call the same answer, or none."""

    reply: Reply | AwsUnavailable
    sent: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def calls(self) -> int:
        """How many requests were sent."""
        return len(self.sent)

    def post(self, _headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer a request."""
        self.sent.append(json.loads(body))
        if isinstance(self.reply, AwsUnavailable):
            raise AwsUnavailable(str(self.reply), unsent=self.reply.unsent)
        return self.reply

    def close(self) -> None:
        """Nothing to close."""


def refused(code: str, status: int = 400, **fields: Any) -> Reply:  # noqa: ANN401
    """What AWS answers when it refuses."""
    body = {"__type": f"com.amazonaws.example.v1#{code}", "message": code, **fields}
    return Reply(status, json.dumps(body).encode())
