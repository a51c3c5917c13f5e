"""Model calls: generateContent and its kin, checked before upstream hears of them and metered.

A call is passed on only if every file, cache and store it names is the caller's own. Its answer
passes as it comes; a file that a model made is recorded as the caller's before the caller learns
its name; tokens are counted when the answer ends, however it ends.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, ParamSpec, TypeVar
from urllib.parse import quote

import anyio
import anyio.to_thread

from filegate.adapters.refusals import (
    Subject,
    UpstreamKeyRefused,
    UpstreamRefused,
    UpstreamUnavailable,
)
from filegate.adapters.secret_store import SecretUnavailable
from filegate.adapters.table import TableBusy, TableUnavailable
from filegate.adapters.upstream_stream import StreamedAnswer, UpstreamStream
from filegate.adoptions import GENERATED, Adoptions
from filegate.answers import AnswerReader
from filegate.errors import UPSTREAM_UNAVAILABLE
from filegate.instants import Instant
from filegate.models import require_model
from filegate.ownership import Ownership
from filegate.tenants import Tenant
from filegate.usage import ModelUsage, Tokens

OPERATIONS: Final = frozenset(
    {
        "generateContent",
        "streamGenerateContent",
        "countTokens",
        "embedContent",
        "batchEmbedContents",
    }
)
"""What a model can be asked here, by the names of the wire (wire R12)."""

_NOT_ADOPTED: Final = (
    SecretUnavailable,
    TableBusy,
    TableUnavailable,
    UpstreamKeyRefused,
    UpstreamRefused,
    UpstreamUnavailable,
    ValueError,
)

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class ModelCall:
    """One call: `operation` is one of OPERATIONS, `query` what of it goes upstream."""

    version: str
    model: str
    operation: str
    query: Mapping[str, str]
    body: bytes


@dataclass
class Metered:
    """What a call came to, once its answer has ended."""

    answered: bool = False
    """Whether upstream began to answer; the rest says something only then."""
    tokens: Tokens | None = None
    """None where the answer said nothing of tokens."""
    complete: bool = False
    """Whether the answer came to its end."""
    unread: bool = False
    """Whether part of it was too long to be read, so that its tokens are not known."""
    counted: bool = False
    """False if the ledger could not be reached: then this call is in no usage record."""
    files_made: int = 0
    files_lost: int = 0
    """Generated files that were recorded as the caller's, and that could not be."""


class ModelCalls:
    """Calls models for a tenant."""

    def __init__(
        self,
        upstream: UpstreamStream,
        ownership: Ownership,
        adoptions: Adoptions,
        usage: ModelUsage,
    ) -> None:
        self._upstream = upstream
        self._ownership = ownership
        self._adoptions = adoptions
        self._usage = usage

    @asynccontextmanager
    async def open(
        self, tenant: Tenant, call: ModelCall, now: Instant, metered: Metered
    ) -> AsyncIterator[StreamedAnswer]:
        """The answer to a call, while its bytes are still to come.

        Leaving the block ends the call upstream and counts it: the request, and the tokens of
        which the answer has spoken by then. Raises StatusError, and what ledger and upstream
        raise, all before the first byte; reading the answer raises UpstreamUnavailable.
        """
        body = await _in_thread(self._check, tenant, call, now)
        async with self._upstream.open(
            tenant.project,
            "POST",
            f"/{call.version}/models/{quote(call.model, safe='')}:{call.operation}",
            query=call.query,
            body=body,
            subject=Subject.CONTENT,
        ) as answer:
            reader = AnswerReader(answer.content_type)
            metered.answered = True
            try:
                pieces = self._pass_on(tenant, answer, reader, now, metered)
                yield StreamedAnswer(answer.content_type, pieces)
            finally:
                # The caller may be gone by now; what it used is counted all the same.
                with anyio.CancelScope(shield=True):
                    await self._count(tenant, call, reader, now, metered)

    def _check(self, tenant: Tenant, call: ModelCall, now: Instant) -> bytes:
        require_model(tenant, call.model, call.body)
        return self._ownership.check(tenant, call.body, now)

    async def _pass_on(
        self,
        tenant: Tenant,
        answer: StreamedAnswer,
        reader: AnswerReader,
        now: Instant,
        metered: Metered,
    ) -> AsyncIterator[bytes]:
        try:
            async for piece in answer.pieces:
                if made := reader.feed(piece):
                    await self._adopt(tenant, made, now, metered)
                yield piece
        except UpstreamUnavailable:
            if not reader.between_events:
                raise
            # SDKs show an error event as their own exception (wire 7); a cut they could not name.
            yield f"data: {json.dumps(UPSTREAM_UNAVAILABLE.body())}\r\n\r\n".encode()
            return
        if made := reader.finish():
            await self._adopt(tenant, made, now, metered)
        metered.complete = True

    async def _adopt(
        self, tenant: Tenant, file_ids: Sequence[str], now: Instant, metered: Metered
    ) -> None:
        """Own generated files; if that fails the answer goes on, and its files stay unusable."""
        try:
            await _in_thread(self._adoptions.adopt_named, tenant, file_ids, now, GENERATED)
        except _NOT_ADOPTED:
            metered.files_lost += len(file_ids)
        else:
            metered.files_made += len(file_ids)

    async def _count(
        self, tenant: Tenant, call: ModelCall, reader: AnswerReader, now: Instant, metered: Metered
    ) -> None:
        metered.tokens, metered.unread = reader.tokens, not reader.complete
        tokens = reader.tokens or Tokens()
        try:
            await _in_thread(self._usage.add, tenant.id, call.model, call.operation, tokens, now)
        except (TableBusy, TableUnavailable):
            # The answer is on its way or gone; refusing it now would help nobody.
            return
        metered.counted = True


async def _in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return await anyio.to_thread.run_sync(lambda: work(*args, **kwargs))
