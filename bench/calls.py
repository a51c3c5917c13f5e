"""Calls: what each operation asks of DynamoDB, Secrets Manager and upstream. Nothing is timed.

The real handlers run in this process on a real engine; what their own clients send is counted, and
what AWS would bill for it is computed from the items (units). The same numbers come out every time.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from bench.caller import CHUNK, TAIL, Caller
from bench.functions import FILES, JANITOR, SESSIONS, Event, Functions
from bench.recorder import Cost, Recorder

Costs: TypeAlias = dict[str, Cost]

_TWO_DAYS: Final = 48 * 3600 + 60
"""Seconds after which every file has expired."""
_CLOSING: Final = 10
"""Seconds after which an upload that has ended is looked at."""
_DUE: Final = 10


def count_calls(functions: Functions, caller: Caller, recorder: Recorder) -> Costs:
    """The cost of every operation, in the order of a file's life."""
    return dict(_Count(functions, caller, recorder).operations())


class _Count:
    def __init__(self, functions: Functions, caller: Caller, recorder: Recorder) -> None:
        self._functions = functions
        self._caller = caller
        self._recorder = recorder

    def operations(self) -> Iterator[tuple[str, Cost]]:
        """Name and cost, one operation after the other."""
        caller = self._caller
        self._warm()
        cold, _ = self._count(FILES, caller.start(caller.new_key()))
        yield "start, key not cached", cold
        yield from self._life()
        yield "upload in one request", self._count(FILES, caller.whole())[0]
        file = caller.store()
        yield "get", self._count(FILES, caller.get(file))[0]
        yield "get, key not cached", self._count(FILES, caller.get(file, caller.new_key()))[0]
        for _ in range(110):
            caller.store()
        yield "list of 10", self._count(FILES, caller.list(10))[0]
        yield "list of 100", self._count(FILES, caller.list(100))[0]
        yield from self._rounds()

    def _warm(self) -> None:
        """Let every function make its clients and read its secrets, as in its first invocation."""
        self._caller.finish(self._caller.open())
        self._caller.sweep(_CLOSING)

    def _life(self) -> Iterator[tuple[str, Cost]]:
        """One upload from its start to its end, step by step."""
        caller = self._caller
        start, answer = self._count(FILES, caller.start())
        yield "start", start
        upload = caller.opened(answer)
        plain, admitted = self._count(SESSIONS, caller.plain_chunk(upload))
        yield "plain chunk", plain
        caller.send(admitted, CHUNK)
        last, admitted = self._count(SESSIONS, caller.last_chunk(upload))
        yield "last chunk", last
        file = caller.send(admitted, TAIL)
        if file is None:
            raise RuntimeError("the last chunk did not finish the upload")
        settle, _ = self._count(FILES, caller.get(file))
        yield "first get after the upload (settles)", settle
        delete, _ = self._count(FILES, caller.delete(file))
        yield "delete", delete
        yield "an upload's whole life", start + plain + last + settle + delete

    def _rounds(self) -> Iterator[tuple[str, Cost]]:
        """Rounds of the janitor; each begins with nothing else due."""
        caller = self._caller
        caller.sweep(_TWO_DAYS)
        yield "janitor, nothing due", self._count(JANITOR, caller.round())[0]
        for _ in range(_DUE):
            caller.finish(caller.open())
        settling, done = self._count(JANITOR, caller.round(_CLOSING))
        _require_kept(done)
        yield f"janitor, settles {_DUE} uploads", settling
        expiring, done = self._count(JANITOR, caller.round(_TWO_DAYS))
        _require_kept(done)
        yield f"janitor, expires {_DUE} files", expiring

    def _count(self, function: str, event: Event) -> tuple[Cost, Mapping[str, Any]]:
        with self._recorder.recording() as found:
            answer = self._functions.call(function, event)
        if answer.get("statusCode", 200) != 200:
            raise RuntimeError(f"{function} refused: {answer['body']}")
        return found[0], answer


def _require_kept(done: Mapping[str, Any]) -> None:
    if done["kept"] != _DUE or done["failed"]:
        raise RuntimeError(f"the janitor kept other appointments than planned: {done}")
