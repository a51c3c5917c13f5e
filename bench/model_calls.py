"""Model calls: events for the function whose answers stream, and what they are answered.

Model calls, cached contents, batches, downloads; see `calls` for what each costs.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

import httpx

from bench.caller import Caller
from bench.events import Event

MODEL: Final = "gemini-2.5-flash"
_ORIGIN: Final = "https://generativelanguage.googleapis.com/v1beta"
_MODELS: Final = "/{version}/models/{model}"
_CACHES: Final = "/{version}/cachedContents"
_BATCH: Final = "/{version}/batches/{batch}"
_FILE: Final = "/{version}/files/{file}"
_DOWNLOAD: Final = "/download/{version}/files/{file}"


def prompt(*files: str, text: str = "hello") -> dict[str, Any]:
    """A GenerateContentRequest over the files of these ids."""
    parts = [
        {"fileData": {"fileUri": f"{_ORIGIN}/files/{one}", "mimeType": "text/plain"}}
        for one in files
    ]
    return {"contents": [{"role": "user", "parts": [*parts, {"text": text}]}]}


class ModelCaller:
    """Builds events of model calls as a tenant."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def ask(self, operation: str, body: object) -> Event:
        """A method of a model, e.g. `generateContent`."""
        path = f"/v1beta/models/{MODEL}:{operation}"
        return self._caller.request("POST", path, _MODELS, body)

    def stream(self) -> Event:
        """`streamGenerateContent` as the SDKs call it."""
        return self.ask("streamGenerateContent?alt=sse", prompt())

    def make_file(self) -> Event:
        """`generateContent` whose answer has a file."""
        return self.ask("generateContent", prompt(text="please generate a file"))

    def create_cache(self, *files: str) -> Event:
        """`cachedContents.create`."""
        body = {"model": f"models/{MODEL}", **prompt(*files)}
        return self._caller.request("POST", "/v1beta/cachedContents", _CACHES, body)

    def list_caches(self, page_size: int) -> Event:
        """`cachedContents.list`."""
        path = f"/v1beta/cachedContents?pageSize={page_size}"
        return self._caller.request("GET", path, _CACHES)

    def cache(self, method: str, name: str) -> Event:
        """`cachedContents.get` and `.delete`."""
        return self._caller.request(method, f"/v1beta/{name}", f"{_CACHES}/{{cachedContent}}")

    def create_batch(self, *files: str) -> Event:
        """A batch of one inlined request."""
        requests = {"requests": {"requests": [{"request": prompt(*files)}]}}
        body = {"batch": {"displayName": "night", "inputConfig": requests}}
        return self.ask("batchGenerateContent", body)

    def get_batch(self, name: str) -> Event:
        """`batches.get`."""
        return self._caller.request("GET", f"/v1beta/{name}", _BATCH)

    def download(self, file: str) -> Event:
        """`files.download`, which is answered with a redirect."""
        path = f"/v1beta/files/{file}:download?alt=media"
        return self._caller.request("GET", path, _FILE)

    def follow(self, answer: Mapping[str, Any]) -> Event:
        """The request behind a redirect."""
        [location] = answer["multiValueHeaders"]["Location"]
        path = httpx.URL(location).raw_path.decode()
        return self._caller.request("GET", path, _DOWNLOAD)


def body_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON of an answer."""
    body: dict[str, Any] = json.loads(answer["body"])
    return body


def file_made(answer: Mapping[str, Any]) -> str:
    """The id of the file in a model's answer."""
    [*_, last] = body_of(answer)["candidates"][0]["content"]["parts"]
    return str(last["fileData"]["fileUri"]).rpartition("/")[2]
