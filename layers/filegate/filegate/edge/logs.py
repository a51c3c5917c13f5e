"""Logs: one JSON line per event, with every secret this process knows struck out by value."""

from typing import Any, Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from filegate.redaction import REDACTOR


class RedactingFormatter(LambdaPowertoolsFormatter):
    """Powertools' JSON lines, redacted as a whole: messages, fields and tracebacks alike."""

    def serialize(self, log: Any) -> str:  # noqa: ANN401 - Powertools' own signature
        """Write a log record as one redacted JSON line."""
        return REDACTOR.redact(super().serialize(log))


LOGGER: Final = Logger(service="filegate", logger_formatter=RedactingFormatter())
