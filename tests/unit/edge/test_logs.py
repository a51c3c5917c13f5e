"""Logs: whatever is logged, as a message, a field or a trace, a learnt secret is not in it."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from filegate.edge.logs import LOGGER, RedactingFormatter
from filegate.redaction import REDACTED, REDACTOR

SECRET = 'AIzaSyLogs-"quoted"/0123456789\\'
REDACTOR.learn(SECRET)


class Log:
    """What a logger wrote, line by line."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def log(stream: io.StringIO) -> Log:
    return Log(stream)


@pytest.fixture
def logger(stream: io.StringIO, request: pytest.FixtureRequest) -> Iterator[Logger]:
    made = Logger(
        service=f"test-{request.node.name}", stream=stream, logger_formatter=RedactingFormatter()
    )
    yield made
    logging.getLogger(made.name).handlers.clear()


def assert_clean(log: Log) -> None:
    for form in (SECRET, json.dumps(SECRET)[1:-1], "AIzaSyLogs"):
        assert form not in log.text
    assert REDACTED in log.text


def test_the_processs_logger_redacts() -> None:
    assert isinstance(LOGGER.registered_formatter, RedactingFormatter)
    assert LOGGER.service == "filegate"


def test_a_line_is_json(logger: Logger, log: Log) -> None:
    logger.info("upload.start", extra={"tenant": "acme", "bytes": 5})

    [line] = log.lines()
    assert (line["message"], line["tenant"], line["bytes"]) == ("upload.start", "acme", 5)


def test_a_message_is_redacted(logger: Logger, log: Log) -> None:
    logger.info(f"got {SECRET}")

    assert_clean(log)
    assert log.lines()[0]["message"] == f"got {REDACTED}"


def test_arguments_are_redacted(logger: Logger, log: Log) -> None:
    logger.info("got %s", SECRET)

    assert_clean(log)


def test_fields_are_redacted(logger: Logger, log: Log) -> None:
    logger.info("x", extra={"headers": {"x-goog-api-key": SECRET}, "list": [SECRET]})

    assert_clean(log)


def test_kept_fields_are_redacted(logger: Logger, log: Log) -> None:
    logger.append_keys(key=SECRET)
    logger.info("x")

    assert_clean(log)


def fail() -> None:
    raise ValueError(SECRET)


def fail_because() -> None:
    try:
        fail()
    except ValueError as error:
        raise RuntimeError("outer") from error


def test_traces_are_redacted(logger: Logger, log: Log) -> None:
    try:
        fail()
    except ValueError:
        logger.exception("failed")

    assert_clean(log)
    assert "ValueError" in log.lines()[0]["exception"]


def test_a_cause_is_redacted(logger: Logger, log: Log) -> None:
    try:
        fail_because()
    except RuntimeError:
        logger.exception("failed")

    assert_clean(log)
