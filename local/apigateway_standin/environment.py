"""The worker process: one execution environment of one function.

Run as `python -m apigateway_standin.environment <descriptor> <handler>`. Talks length-prefixed JSON
over the inherited socket, so stdout and stderr belong to the handler. It imports nothing but the
standard library and the handler, and exits when its socket closes: an environment never outlives
the server, not even a killed one.

Frames: the worker opens with `{"ready": true}` or `{"initError": …}`; then for each invocation two
frames come in (`{"requestId", "timeoutMs"}` and the event) and two go out (`{"ok": bool}` and the
result or the error).
"""

from __future__ import annotations

import importlib
import json
import os
import select
import socket
import struct
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

    Handler = Callable[[Any, "Context"], object]

_LENGTH = struct.Struct(">I")


class Context:
    """The Lambda context object. Source: "Using the Lambda context object to retrieve Python
    function information"."""

    def __init__(self, request_id: str, timeout_ms: int) -> None:
        environ = os.environ
        self.aws_request_id = request_id
        self.function_name = environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = f"/aws/lambda/{self.function_name}"
        self.log_stream_name = environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        region = environ["AWS_REGION"]
        self.invoked_function_arn = (
            f"arn:aws:lambda:{region}:000000000000:function:{self.function_name}"
        )
        self.identity = None
        self.client_context = None
        self._deadline = time.monotonic() + timeout_ms / 1000

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the environment is killed, never below zero."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def describe(error: BaseException) -> dict[str, object]:
    """An exception as Lambda reports it: `errorMessage`, `errorType`, `stackTrace`."""
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "stackTrace": traceback.format_tb(error.__traceback__),
    }


class Channel:
    """Frames over the socket; a thread watches it, so that its end ends even a busy handler."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._stream = connection.makefile("rb")
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        # Only the other side's going away: bytes that wait do not wake it.
        watch = select.poll()
        watch.register(self._connection, select.POLLHUP)
        watch.poll()
        _end()

    def receive(self) -> bytes:
        """The next frame."""
        header = self._stream.read(_LENGTH.size)
        if len(header) < _LENGTH.size:
            _end()
        [length] = _LENGTH.unpack(header)
        return self._stream.read(length)

    def send(self, *frames: bytes) -> None:
        """Send frames, in one write: each would wake the other side by itself."""
        self._connection.sendall(b"".join(_LENGTH.pack(len(one)) + one for one in frames))


def _end() -> NoReturn:
    sys.stdout.flush()
    os._exit(0)


def load(name: str) -> Handler:
    """Import `module.function`; Lambda's handler setting may write the module's dots as slashes."""
    module, _, function = name.rpartition(".")
    handler: Handler = getattr(importlib.import_module(module.replace("/", ".")), function)
    return handler


def invoke(handler: Handler, settings: dict[str, Any], event: bytes) -> tuple[bytes, bytes]:
    """Run the handler once; an exception becomes a reported, logged error."""
    context = Context(settings["requestId"], settings["timeoutMs"])
    try:
        result = json.dumps(handler(json.loads(event), context), ensure_ascii=False)
    except BaseException as error:  # noqa: BLE001 - Lambda reports SystemExit as an error as well
        log_error(error, context.aws_request_id)
        return b'{"ok":false}', json.dumps(describe(error)).encode()
    return b'{"ok":true}', result.encode()


def log_error(error: BaseException, request_id: str) -> None:
    """Write an error to the function's log."""
    sys.stderr.write(f"[ERROR] {type(error).__name__}: {error} RequestId: {request_id}\n")
    traceback.print_exception(error)


def main() -> None:
    """Serve invocations until the socket closes."""
    descriptor, name = int(sys.argv[1]), sys.argv[2]
    for stream in (sys.stdout, sys.stderr):
        # A line reaches the log when it ends, in one write.
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    channel = Channel(socket.socket(fileno=descriptor))
    # The handler sees the arguments of a plain program and not the server's descriptor.
    sys.argv[1:] = []
    try:
        handler = load(name)
    except BaseException as error:  # noqa: BLE001 - whatever stops the import is Lambda's init error
        log_error(error, "init")
        channel.send(json.dumps({"initError": describe(error)}).encode())
        return
    channel.send(b'{"ready":true}')
    while True:
        settings = json.loads(channel.receive())
        channel.send(*invoke(handler, settings, channel.receive()))


if __name__ == "__main__":
    main()
