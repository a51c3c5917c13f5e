"""Runs a command that must not outlive the server, not even a killed one.

Run as `python leash.py <descriptor> <command…>`, with the standard library alone. The command gets
a process group of its own; its process id goes out over the inherited socket. When the socket
closes, the group is asked to end (SIGTERM) and killed after `_GRACE`; one byte over the socket
kills it at once. Exits as the command did.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress

_GRACE = 1.0
"""Seconds between SIGTERM and SIGKILL. Lambda gives a function with an external extension, as the
web adapter is one, two ("Understanding the Lambda execution environment lifecycle")."""


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)


def _watch(leash: socket.socket, group: int) -> None:
    if not leash.recv(1):
        _signal(group, signal.SIGTERM)
        time.sleep(_GRACE)
    _signal(group, signal.SIGKILL)


def main() -> None:
    """Run the command and watch the socket."""
    leash = socket.socket(fileno=int(sys.argv[1]))
    child = subprocess.Popen(sys.argv[2:], start_new_session=True)
    leash.sendall(f"{child.pid}\n".encode())
    threading.Thread(target=_watch, args=(leash, child.pid), daemon=True).start()
    status = child.wait()
    # What the command left behind in its group ends with it.
    _signal(child.pid, signal.SIGKILL)
    os._exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    main()
