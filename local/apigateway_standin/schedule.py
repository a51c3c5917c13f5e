"""Runs the `Schedule` events of functions by the movable clock."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING

from apigateway_standin.events import scheduled_event

if TYPE_CHECKING:
    from collections.abc import Iterable

    from apigateway_standin.clock import Clock
    from apigateway_standin.functions import FunctionPool, Invocation
    from apigateway_standin.stack import Schedule

log = logging.getLogger(__name__)


class Scheduler:
    """Invokes functions at their rates, the first time one period after the start.

    A clock moved over several periods causes one invocation, not one for each. Invocations do not
    wait for each other, as EventBridge does not; failed ones are logged and not retried, where
    Lambda would try twice more.
    """

    def __init__(self, pools: Iterable[FunctionPool], clock: Clock) -> None:
        self._clock = clock
        self._let = asyncio.Event()
        self._let.set()
        self._loops = [
            asyncio.create_task(self._run(pool, schedule))
            for pool in pools
            for schedule in pool.function.schedules
            if schedule.enabled
        ]
        self._running: set[asyncio.Task[Invocation]] = set()

    async def hold(self) -> None:
        """Begin no invocation until `go_on`; returns once none is under way."""
        self._let.clear()
        while self._running:
            await asyncio.wait(self._running)

    def go_on(self) -> None:
        """Invoke again. What fell due meanwhile does so once."""
        self._let.set()

    async def close(self) -> None:
        """Stop scheduling."""
        tasks = [*self._loops, *self._running]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, pool: FunctionPool, schedule: Schedule) -> None:
        due = self._clock.now() + schedule.period
        while True:
            await self._clock.wait_until(due)
            await self._let.wait()
            now = self._clock.now()
            due += (int((now - due) // schedule.period) + 1) * schedule.period
            task = asyncio.create_task(pool.invoke(event_of(schedule, self._clock)))
            self._running.add(task)
            task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[Invocation]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.result().error):
            log.warning("a scheduled invocation failed: %s", error.message)


def event_of(schedule: Schedule, clock: Clock) -> bytes:
    """The event a schedule sends: its own `Input`, or the scheduled event of this instant."""
    if schedule.input is not None:
        return schedule.input.encode()
    return json.dumps(scheduled_event(schedule.rule_arn, clock.datetime())).encode()
