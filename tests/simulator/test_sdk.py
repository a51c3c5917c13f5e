"""The stock Python SDK against the simulator, with nothing changed but the base URL."""

from __future__ import annotations

import asyncio
import hashlib
import io
from base64 import b64decode
from typing import TYPE_CHECKING

import pytest
from google import genai
from google.genai import errors, types

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.simulator.conftest import Simulator


@pytest.fixture
def client(simulator: Simulator) -> Iterator[genai.Client]:
    options = types.HttpOptions(base_url=simulator.url)
    with genai.Client(api_key=simulator.first_key, http_options=options) as client:
        yield client


@pytest.mark.parametrize("size", [0, 5, 8_388_608, 9_000_000])
def test_a_file_from_disk(
    simulator: Simulator, client: genai.Client, tmp_path: Path, size: int
) -> None:
    path = tmp_path / "talk.txt"
    path.write_bytes(b"x" * size)
    file = client.files.upload(file=path, config={"display_name": "talk"})
    digest = hashlib.sha256(b"x" * size).hexdigest()
    assert (file.display_name, file.mime_type, file.size_bytes) == ("talk", "text/plain", size)
    assert b64decode(file.sha256_hash or "").decode() == digest
    assert file.state is types.FileState.ACTIVE
    assert client.files.get(name=file.name or "") == file
    assert simulator.project()["bytesStored"] == size


def test_list_and_delete(simulator: Simulator, client: genai.Client) -> None:
    names = [
        client.files.upload(
            file=io.BytesIO(b"x"), config={"name": f"n-{index}", "mime_type": "text/plain"}
        ).name
        for index in range(3)
    ]
    pager = client.files.list(config={"page_size": 2})
    assert [file.name for file in pager] == names[::-1]
    for name in names:
        client.files.delete(name=name or "")
    assert simulator.project()["files"] == []


def test_a_video_becomes_active(client: genai.Client) -> None:
    file = client.files.upload(file=io.BytesIO(b"x"), config={"mime_type": "video/mp4"})
    states = [file.state] + [client.files.get(name=file.name or "").state for _ in range(3)]
    assert states[0] is types.FileState.PROCESSING
    assert states[-1] is types.FileState.ACTIVE


def test_errors_are_understood(simulator: Simulator, client: genai.Client) -> None:
    with pytest.raises(errors.ClientError, match="You do not have permission") as missing:
        client.files.get(name="none")
    assert missing.value.code == 403
    config = types.UploadFileConfig(name="taken", mime_type="text/plain")
    client.files.upload(file=io.BytesIO(b"x"), config=config)
    with pytest.raises(errors.ClientError, match=r"taken already exists\.") as taken:
        client.files.upload(file=io.BytesIO(b"x"), config=config)
    assert taken.value.code == 409
    simulator.control("rekey", {"index": 0, "key": "other"})
    with pytest.raises(errors.ClientError, match="API key not valid"):
        client.files.upload(file=io.BytesIO(b"x"), config=config)


# Both are the SDK's own way to use aiohttp.
@pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")
@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
def test_the_async_client(simulator: Simulator) -> None:
    async def scenario() -> types.File:
        options = types.HttpOptions(base_url=simulator.url)
        async with genai.Client(api_key=simulator.second_key, http_options=options).aio as client:
            return await client.files.upload(
                file=io.BytesIO(b"x" * 9_000_000), config={"mime_type": "audio/mpeg"}
            )

    assert asyncio.run(scenario()).size_bytes == 9_000_000
    assert simulator.project(1)["bytesStored"] == 9_000_000


def test_a_redirected_chunk_arrives(simulator: Simulator, client: genai.Client) -> None:
    simulator.fault({"kind": "redirect"}, command="finalize")
    file = client.files.upload(file=io.BytesIO(b"hello"), config={"mime_type": "text/plain"})
    assert file.size_bytes == 5


def test_an_unfinished_finalize_is_an_error(simulator: Simulator, client: genai.Client) -> None:
    simulator.fault({"kind": "active-after-finalize"}, command="finalize")
    with pytest.raises(ValueError, match="upload status is not finalized"):
        client.files.upload(file=io.BytesIO(b"hello"), config={"mime_type": "text/plain"})
