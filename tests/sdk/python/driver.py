"""Drive the stock Google Gen AI SDK for Python: a JSON command a line in, a JSON answer a line out.

The gateway's address and key come from `SDK_BASE_URL` and `SDK_API_KEY`; with `--async` the SDK's
asyncio client does the work. The same file runs under every major version of the SDK.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from google import genai
from google.genai import errors, types

if TYPE_CHECKING:
    from collections.abc import Coroutine

Command = dict[str, Any]
Answer = dict[str, Any]
Source = str | io.BufferedReader
T = TypeVar("T")

FIELDS = (
    "name",
    "displayName",
    "mimeType",
    "sizeBytes",
    "createTime",
    "updateTime",
    "expirationTime",
    "sha256Hash",
    "uri",
    "downloadUri",
    "state",
    "source",
    "videoMetadata",
    "error",
)


class Files(Protocol):
    """What the driver asks of an SDK client, synchronous or not."""

    def upload(self, file: Source, config: types.UploadFileConfig | None) -> types.File: ...
    def get(self, name: str) -> types.File: ...
    def pages(self, config: types.ListFilesConfig | None) -> list[list[types.File]]: ...
    def delete(self, name: str) -> None: ...


class BlockingFiles:
    """The SDK's synchronous client."""

    def __init__(self, client: genai.Client) -> None:
        self._files = client.files

    def upload(self, file: Source, config: types.UploadFileConfig | None) -> types.File:
        return self._files.upload(file=file, config=config)

    def get(self, name: str) -> types.File:
        return self._files.get(name=name)

    def pages(self, config: types.ListFilesConfig | None) -> list[list[types.File]]:
        pager = self._files.list(config=config)
        pages = [list(pager.page)]
        while pager.config.get("page_token"):
            pages.append(list(pager.next_page()))
        return pages

    def delete(self, name: str) -> None:
        self._files.delete(name=name)


class AsyncFiles:
    """The SDK's asyncio client, one call at a time."""

    def __init__(self, client: genai.Client, runner: asyncio.Runner) -> None:
        self._files = client.aio.files
        self._runner = runner

    def upload(self, file: Source, config: types.UploadFileConfig | None) -> types.File:
        return self._run(self._files.upload(file=file, config=config))

    def get(self, name: str) -> types.File:
        return self._run(self._files.get(name=name))

    def pages(self, config: types.ListFilesConfig | None) -> list[list[types.File]]:
        return self._run(self._pages(config))

    def delete(self, name: str) -> None:
        self._run(self._files.delete(name=name))

    async def _pages(self, config: types.ListFilesConfig | None) -> list[list[types.File]]:
        pager = await self._files.list(config=config)
        pages = [list(pager.page)]
        while pager.config.get("page_token"):
            pages.append(list(await pager.next_page()))
        return pages

    def _run(self, call: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(call)


def normalised(file: types.File) -> Answer:
    """Return a File as the wire spells it: camelCase, `sizeBytes` a decimal string."""
    raw = file.model_dump(mode="json", by_alias=True, exclude_none=True)
    fields = {field: raw[field] for field in FIELDS if field in raw}
    if "sizeBytes" in fields:
        fields["sizeBytes"] = str(fields["sizeBytes"])
    return fields


def upload(files: Files, command: Command) -> Answer:
    """Upload from a path or from an open binary file."""
    given = {key: command[key] for key in ("displayName", "mimeType", "name") if key in command}
    config = types.UploadFileConfig.model_validate(given) if given else None
    with ExitStack() as opened:
        path: str = command["path"]
        file: Source = path
        if command["source"] == "object":
            file = opened.enter_context(Path(path).open("rb"))
        return {"file": normalised(files.upload(file, config))}


def listed(files: Files, command: Command) -> Answer:
    """Walk every page with the SDK's own pager."""
    size = command.get("pageSize")
    pages = files.pages(types.ListFilesConfig(page_size=size) if size else None)
    return {
        "pages": [[file.name for file in page] for page in pages],
        "files": [normalised(file) for page in pages for file in page],
    }


def perform(files: Files, command: Command) -> Answer:
    """Carry out one command."""
    match command["op"]:
        case "version":
            return {"sdk": "google-genai", "version": genai.__version__}
        case "upload":
            return upload(files, command)
        case "get":
            return {"file": normalised(files.get(command["name"]))}
        case "list":
            return listed(files, command)
        case "delete":
            files.delete(command["name"])
            return {}
        case other:
            raise ValueError(f"unknown op {other!r}")


def answer(files: Files, command: Command) -> Answer:
    """Return the outcome of one command; whatever the SDK raises becomes part of it."""
    try:
        return {"ok": True, **perform(files, command)}
    except errors.APIError as error:
        code, status, message = error.code, error.status, error.message
        kind = type(error).__name__
    except Exception as error:  # noqa: BLE001 - the caller judges every failure of the SDK
        code, status, message = 0, "", str(error)
        kind = type(error).__name__
    return {"ok": False, "code": code, "status": status or "", "message": message, "type": kind}


def main() -> None:
    """Answer commands until the input ends."""
    client = genai.Client(
        api_key=os.environ["SDK_API_KEY"],
        http_options=types.HttpOptions(base_url=os.environ["SDK_BASE_URL"]),
    )
    with asyncio.Runner() as runner:
        asynchronous = "--async" in sys.argv[1:]
        files: Files = AsyncFiles(client, runner) if asynchronous else BlockingFiles(client)
        for line in sys.stdin:
            sys.stdout.write(json.dumps(answer(files, json.loads(line))) + "\n")
            sys.stdout.flush()
        if asynchronous:
            runner.run(client.aio.aclose())
    client.close()


if __name__ == "__main__":
    main()
