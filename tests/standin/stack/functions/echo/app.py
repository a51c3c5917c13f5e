"""Answers with its own event, or misbehaves as `mode` says."""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nested_words  # type: ignore[import-not-found]
import shared_words  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from collections.abc import Callable

    from apigateway_standin.environment import Context

    Query = dict[str, str]


def handler(event: dict[str, Any], context: Context) -> object:
    """Dispatch on the query parameter, or on the event itself when it is no request."""
    query: Query = event.get("queryStringParameters") or event
    modes: dict[str, Callable[[], object]] = {
        "raise": fail,
        "exit": lambda: os._exit(3),
        "sleep": sleep,
        "nap": lambda: time.sleep(float(query["seconds"])),
        "print": speak,
        "huge": lambda: answer("x" * 6_300_000),
        "bytes": lambda: {**answer(base64.b64encode(bytes(range(256))).decode()), **BASE64},
        "text": lambda: answer("grüße"),
        "answer": lambda: json.loads(query["answer"]),
        "self": lambda: answer(json.dumps(facts(context))),
    }
    mode = query.get("mode", "echo")
    result = modes[mode]() if mode in modes else None
    echoes = result is None and mode != "answer"
    return answer(json.dumps(event)) if echoes else result


BASE64 = {"isBase64Encoded": True}


def answer(body: str) -> dict[str, object]:
    """A well-formed proxy response."""
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": body}


def fail() -> None:
    """Raise."""
    raise ValueError("deliberate")


def sleep() -> None:
    """Say so, and be busy for longer than a test lasts."""
    sys.stdout.write("asleep\n")
    time.sleep(300)


def speak() -> None:
    """Write to both streams."""
    sys.stdout.write("one line to stdout\n")
    sys.stderr.write("one line to stderr\n")


def facts(context: Context) -> dict[str, object]:
    """What this process is."""
    return {
        "pid": os.getpid(),
        "cwd": str(Path.cwd()),
        "environ": dict(os.environ),
        "words": [shared_words.WORD, nested_words.WORD],
        "context": {
            "name": context.function_name,
            "memory": context.memory_limit_in_mb,
            "arn": context.invoked_function_arn,
            "request": context.aws_request_id,
            "remaining": context.get_remaining_time_in_millis(),
        },
    }
