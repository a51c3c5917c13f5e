"""Calls: what each operation asks of DynamoDB, Secrets Manager and upstream. Nothing is timed.

The real handlers run in this process on a real engine; what their own clients send is counted, and
what AWS would bill for it is computed from the items (units). The same numbers come out every time.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from bench.caller import CHUNK, TAIL, Caller
from bench.counter import Counter
from bench.events import scheduled
from bench.functions import FILES, GENERATE, JANITOR, SESSIONS, STORES, Functions
from bench.model_calls import ModelCaller, body_of, file_made, prompt
from bench.recorder import Cost, Recorder
from bench.store_calls import StoreCaller
from filegate.instants import HOUR, SECOND
from filegate.limits import Limits, UploadMode
from filegate.usage import GRACE, SPREAD, hour_start

Costs: TypeAlias = dict[str, Cost]

_TWO_DAYS: Final = 48 * 3600 + 60
"""Seconds after which every file has expired."""
_CLOSING: Final = 10
"""Seconds after which an upload that has ended is looked at."""
_DUE: Final = 10
_LISTED: Final = 10
_NAMED: Final = 200
"""Files that one model call names; a batch of reads takes 100."""


def count_calls(functions: Functions, caller: Caller, recorder: Recorder) -> Costs:
    """The cost of every operation: files, models, stores, and what the janitor does about them."""
    return dict(_Count(functions, caller, Counter(functions, recorder)).operations())


class _Count:
    def __init__(self, functions: Functions, caller: Caller, counter: Counter) -> None:
        self._functions = functions
        self._caller = caller
        self._models = ModelCaller(caller)
        self._stores = StoreCaller(caller)
        self._counter = counter

    def operations(self) -> Iterator[tuple[str, Cost]]:
        """Name and cost, one operation after the other."""
        caller, cost = self._caller, self._counter.cost
        self._warm()
        yield "start, key not cached", cost(FILES, caller.start(caller.new_key()))
        yield from self._life()
        yield from self._limited_starts()
        yield "upload in one request", cost(FILES, caller.whole())
        files = [caller.store() for _ in range(_NAMED)]
        self._renew_key()
        yield "get", cost(FILES, caller.get(files[0]))
        yield "get, key not cached", cost(FILES, caller.get(files[0], caller.new_key()))
        yield "list of 10", cost(FILES, caller.list(10))
        yield "list of 100", cost(FILES, caller.list(100))
        yield "create of metadata only", cost(FILES, caller.create())
        yield f"register {_DUE} objects", cost(FILES, caller.register(_DUE))
        yield from self._model_calls(files)
        yield from self._caches(files[0])
        yield from self._batches(files[0])
        yield from self._store_calls(files[0])
        yield from self._rounds()

    def _warm(self) -> None:
        """Let every function make its clients and read its secrets, as in its first invocation."""
        self._caller.finish(self._caller.open())
        self._caller.sweep(_CLOSING)
        self._counter.cost(GENERATE, self._models.ask("generateContent", prompt()))
        self._counter.cost(STORES, self._stores.create())
        self._renew_key()

    def _renew_key(self) -> None:
        """Let every function know the caller's key for another minute, however slow this runs."""
        self._caller.renew_key()
        for function, event in (
            (FILES, self._caller.list(1)),
            (GENERATE, self._models.list_caches(1)),
            (STORES, self._stores.list(1)),
        ):
            self._functions.call(function, event)

    def _life(self) -> Iterator[tuple[str, Cost]]:
        """One upload from its start to its end, step by step."""
        caller, count = self._caller, self._counter.count
        start, answer = count(FILES, caller.start())
        yield "start", start
        upload = caller.opened(answer)
        plain, admitted = count(SESSIONS, caller.plain_chunk(upload))
        yield "plain chunk", plain
        caller.send(admitted, CHUNK)
        last, admitted = count(SESSIONS, caller.last_chunk(upload))
        yield "last chunk", last
        file = caller.send(admitted, TAIL)
        if file is None:
            raise RuntimeError("the last chunk did not finish the upload")
        settle, _ = count(FILES, caller.get(file))
        yield "first get after the upload (settles)", settle
        delete, _ = count(FILES, caller.delete(file))
        yield "delete", delete
        yield "an upload's whole life", start + plain + last + settle + delete

    def _limited_starts(self) -> Iterator[tuple[str, Cost]]:
        """The second start of tenants with limits beyond bytes."""
        size = CHUNK + TAIL
        for name, limits in (
            ("a rate and open uploads limited", Limits(requests_per_minute=99, open_sessions=9)),
            ("straight to upstream", Limits(upload_mode=UploadMode.DIRECT)),
            ("tells of 80 % of storage", Limits(storage=size * 12 // 5)),
        ):
            start = self._caller.start(self._caller.key_of(limits))
            self._functions.call(FILES, start)
            yield f"start, {name}", self._counter.cost(FILES, start)

    def _model_calls(self, files: Sequence[str]) -> Iterator[tuple[str, Cost]]:
        models, cost = self._models, self._counter.cost
        self._renew_key()
        for named, name in ((0, ""), (1, ", 1 file"), (_NAMED, f", {_NAMED} files")):
            event = models.ask("generateContent", prompt(*files[:named]))
            yield f"generateContent{name}", cost(GENERATE, event)
        yield "streamGenerateContent", cost(GENERATE, models.stream())
        yield "countTokens", cost(GENERATE, models.ask("countTokens", prompt()))
        made, answer = self._counter.count(GENERATE, models.make_file())
        yield "generateContent that makes a file", made
        redirect, answer = self._counter.count(FILES, models.download(file_made(answer)), 302)
        yield "download, the redirect", redirect
        yield "download, the bytes", cost(GENERATE, models.follow(answer))

    def _caches(self, file: str) -> Iterator[tuple[str, Cost]]:
        models, cost = self._models, self._counter.cost
        for _ in range(_LISTED):
            create, answer = self._counter.count(GENERATE, models.create_cache(file))
        yield "create a cache of 1 file", create
        cache = body_of(answer)["name"]
        asked = models.ask("generateContent", {**prompt(), "cachedContent": cache})
        yield "generateContent, 1 cache", cost(GENERATE, asked)
        yield "get a cache", cost(GENERATE, models.cache("GET", cache))
        yield f"list of {_LISTED} caches", cost(GENERATE, models.list_caches(_LISTED))
        yield "delete a cache", cost(GENERATE, models.cache("DELETE", cache))

    def _batches(self, file: str) -> Iterator[tuple[str, Cost]]:
        create, answer = self._counter.count(GENERATE, self._models.create_batch(file))
        yield "create a batch", create
        event = self._models.get_batch(body_of(answer)["name"])
        get, answer = self._counter.count(GENERATE, event)
        yield "get a batch that has moved on", get
        while not body_of(answer).get("done"):
            get, answer = self._counter.count(GENERATE, event)
        yield "get a batch that has ended", self._counter.cost(GENERATE, event)

    def _store_calls(self, file: str) -> Iterator[tuple[str, Cost]]:
        stores, cost = self._stores, self._counter.cost
        self._renew_key()
        for _ in range(_LISTED):
            create, answer = self._counter.count(STORES, stores.create())
        yield "create a store", create
        store = body_of(answer)["name"]
        yield "get a store", cost(STORES, stores.store("GET", store))
        yield f"list of {_LISTED} stores", cost(STORES, stores.list(_LISTED))
        start, answer = self._counter.count(STORES, stores.start(store))
        yield "start into a store", start
        last, admitted = self._counter.count(SESSIONS, stores.last_chunk(answer))
        yield "last chunk into a store", last
        self._caller.send(admitted, TAIL)
        yield "upload into a store in one request", cost(STORES, stores.whole(store))
        imported, answer = self._counter.count(STORES, stores.import_file(store, file))
        yield "importFile", imported
        yield "get an operation", cost(STORES, stores.operation(body_of(answer)["name"]))
        yield "list of documents", cost(STORES, stores.documents(store))
        yield "delete a store", cost(STORES, stores.store("DELETE", f"{store}?force=true"))

    def _rounds(self) -> Iterator[tuple[str, Cost]]:
        """Rounds of the janitor; each begins with nothing else due."""
        caller = self._caller
        caller.sweep(_TWO_DAYS)
        yield "janitor, nothing due", self._counter.cost(JANITOR, caller.round())
        for _ in range(_DUE):
            caller.finish(caller.open())
        yield f"janitor, settles {_DUE} uploads", self._round(_CLOSING)
        # All hours of usage until then are closed by now, but for the last.
        caller.sweep(_TWO_DAYS - 3600)
        yield f"janitor, expires {_DUE} files", self._round(_TWO_DAYS)
        store = body_of(self._functions.call(STORES, self._stores.create()))["name"]
        for _ in range(_DUE):
            start = self._functions.call(STORES, self._stores.start(store))
            caller.send(self._functions.call(SESSIONS, self._stores.last_chunk(start)), TAIL)
        yield f"janitor, settles {_DUE} uploads into a store", self._round(_CLOSING)
        yield f"janitor, closes {_DUE} hours", self._closing()

    def _closing(self) -> Cost:
        """A round that closes the hours of tenants that store something and do nothing else."""
        caller = self._caller
        for _ in range(_DUE):
            self._functions.call(FILES, caller.whole(caller.key_of(Limits())))
        # The first hour has their uploads in it, and others' doings.
        closed = (hour_start(int(time.time() * SECOND)) + HOUR + GRACE + SPREAD) / SECOND
        while self._functions.call(JANITOR, scheduled(closed))["hours"]:
            pass
        cost, done = self._counter.count(JANITOR, scheduled(closed + HOUR / SECOND))
        if done["hours"] != _DUE or done["kept"]:
            raise RuntimeError(f"the janitor closed other hours than planned: {done}")
        return cost

    def _round(self, ahead: float) -> Cost:
        cost, done = self._counter.count(JANITOR, self._caller.round(ahead))
        if done["kept"] != _DUE or done["failed"]:
            raise RuntimeError(f"the janitor kept other appointments than planned: {done}")
        return cost
