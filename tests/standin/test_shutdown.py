"""No process outlives the stand-in, however it ends."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.standin.conftest import Standin


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_the_server(
    launch: Callable[..., Standin],
    is_alive: Callable[[int], bool],
    wait_until: Callable[[Callable[[], bool], str], None],
    number: signal.Signals,
) -> None:
    standin = launch()
    with ThreadPoolExecutor(1) as pool:
        # One environment is in the middle of a handler when the end comes.
        busy = pool.submit(standin.control, "POST", "/invoke/EchoFunction", {"mode": "sleep"})
        wait_until(lambda: "asleep" in standin.log("EchoFunction"), "a handler in its middle")
        pids = [pid for pids in standin.pids.values() for pid in pids]
        assert len(pids) == 3
        assert all(map(is_alive, pids))
        standin.process.send_signal(number)
        code = standin.process.wait(3)
        assert code == (-signal.SIGKILL if number == signal.SIGKILL else 0)
        wait_until(lambda: not any(map(is_alive, pids)), "all workers gone")
        assert busy.exception() is not None or "error" in busy.result()
