"""Generate wiring: the parts of the function whose answers stream."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cached_property

import anyio
import anyio.to_thread

from filegate.adapters.upstream_stream import (
    StreamedAnswer,
    UpstreamStream,
    create_stream_client,
)
from filegate.batches import Batches
from filegate.caches import Caches
from filegate.downloads import Downloads
from filegate.edge.content_wiring import ContentWiring
from filegate.instants import Instant
from filegate.model_calls import ModelCalls
from filegate.usage import ModelUsage


class GenerateWiring(ContentWiring):
    """What calls models, downloads, and keeps caches and batches."""

    @cached_property
    def model_calls(self) -> ModelCalls:
        """What calls models."""
        return ModelCalls(self._stream, self.ownership, self.adoptions, ModelUsage(self.table))

    @cached_property
    def downloads(self) -> Downloads:
        """What downloads generated files and media."""
        return Downloads(self._stream, self.holdings)

    @cached_property
    def caches(self) -> Caches:
        """What makes and shows cached contents."""
        return Caches(self.upstream, self.holdings, self.intents, self.ownership)

    @cached_property
    def batches(self) -> Batches:
        """What makes and shows batches."""
        return Batches(
            self.upstream,
            self.holdings,
            self.intents,
            self.ownership,
            self.adoptions,
            self.batch_inputs,
        )

    @asynccontextmanager
    async def watched(
        self, opening: AbstractAsyncContextManager[StreamedAnswer], tenant_id: str, now: Instant
    ) -> AsyncIterator[StreamedAnswer]:
        """An answer to a tenant, after whose end the health of its project is kept.

        Counts as a refusal what fails before there is an answer.
        """
        opened = False
        try:
            async with opening as answer:
                opened = True
                yield answer
        except Exception as error:
            if not opened:
                await anyio.to_thread.run_sync(self.refused, tenant_id, error, now)
            raise
        finally:
            # The caller may be gone by now.
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self.project_health.keep, now)
                await anyio.to_thread.run_sync(self.request_counts.write_due)

    @cached_property
    def _stream(self) -> UpstreamStream:
        client = create_stream_client(self.settings.upstream_url)
        return UpstreamStream(client, self.project_keys.in_turn, self.project_health.note)
