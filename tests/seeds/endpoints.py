"""Where the samples are sent: straight to the upstream simulator, and through `filegate local`."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
from tests.conformance.endpoints import simulator as run_simulator

from local_stack import run_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

Json = dict[str, Any]


@dataclass(frozen=True)
class Endpoint:
    """A base URL, keys for it, and a look at the simulator behind it."""

    kind: str
    base_url: str
    new_key: Callable[[], str]
    """Make a key that owns nothing yet; the one before it is no longer good for anything."""
    control: httpx.Client

    def model_calls(self) -> list[Json]:
        """Return the model calls that upstream received since they were last forgotten."""
        calls: list[Json] = self._get("model-calls")["modelCalls"]
        return calls

    def forget_model_calls(self) -> None:
        """Begin the list of model calls anew."""
        self.control.delete("/model-calls").raise_for_status()

    def events(self) -> list[Json]:
        """Return what happened to files and documents upstream, oldest first."""
        events: list[Json] = self._get("log")["events"]
        return events

    def files(self) -> dict[str, Json]:
        """Return what upstream holds of files, by name."""
        return self._held("files")

    def document(self, name: str) -> Json:
        """Return what upstream holds of a store's document."""
        store = self._held("stores")[name.partition("/documents/")[0]]
        [document] = [document for document in store["documents"] if document["name"] == name]
        found: Json = document
        return found

    def _held(self, kind: str) -> dict[str, Json]:
        return {
            resource["name"]: resource
            for project in self._get("projects")["projects"]
            for resource in project[kind]
        }

    def _get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        return self.control.get(f"/{path}").raise_for_status().json()


@contextmanager
def straight(folder: Path) -> Iterator[Endpoint]:
    """Run the simulator: what holds here is true of the sample and of this harness."""
    with run_simulator(folder) as upstream, _control(upstream.base_url) as control:

        def start_over() -> str:
            control.post("/reset").raise_for_status()
            return upstream.key

        yield Endpoint("simulator", upstream.base_url, start_over, control)


@contextmanager
def through_filegate(folder: Path) -> Iterator[Endpoint]:
    """Run the gateway: what holds straight and not here is the gateway's fault."""
    with run_stack(folder) as stack, _control(stack.upstream_url) as control:
        yield Endpoint("filegate", stack.base_url, lambda: stack.tenant().key, control)


ENDPOINTS: dict[str, Callable[[Path], AbstractContextManager[Endpoint]]] = {
    "simulator": straight,
    "filegate": through_filegate,
}


def _control(url: str) -> httpx.Client:
    return httpx.Client(base_url=f"{url}/_simulator", timeout=60)
