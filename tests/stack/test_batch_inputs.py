"""Batch inputs: what a JSONL file names is checked as it comes in, whatever way it comes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.genai import errors, types

from local_stack import NO_TLS, LocalStack, StackTenant
from model_calls import MODEL, generate, prompt, uploaded, uri
from refusals import refused
from resumable import send, start

BATCH = f"/v1beta/models/{MODEL}:batchGenerateContent"
JSONL = "application/jsonl"


def lines(*bodies: object) -> bytes:
    keyed = [{"key": f"r{number}", "request": one} for number, one in enumerate(bodies)]
    return "".join(json.dumps(one) + "\n" for one in keyed).encode()


def run(tenant: StackTenant, file_name: str) -> httpx.Response:
    body = {"batch": {"displayName": "b", "inputConfig": {"fileName": file_name}}}
    return generate(tenant, body, BATCH)


def results(tenant: StackTenant, name: str) -> list[Mapping[str, Any]]:
    """The lines of a batch's result, once it is done."""
    with tenant.http() as http:
        for _ in range(10):
            found = http.get(f"/v1beta/{name}").raise_for_status().json()
            if found.get("done"):
                break
        path = f"/v1beta/{found['response']['responsesFile']}:download?alt=media"
        text = http.get(path, follow_redirects=True).raise_for_status().text
    return [json.loads(line) for line in text.splitlines()]


def refused_as_unchecked(answer: httpx.Response) -> None:
    message = refused(answer, 400, status="INVALID_ARGUMENT")
    assert "cannot be run as a batch" in message
    assert JSONL in message


@pytest.mark.parametrize("mime_type", [JSONL, "jsonl", "application/x-jsonlines+jsonl"])
def test_the_sdks_own_way_works(tenant: StackTenant, tmp_path: Path, mime_type: str) -> None:
    file_id = uploaded(tenant)
    path = tmp_path / "requests.jsonl"
    path.write_bytes(lines(prompt(uri(file_id)), prompt(text="no file")))
    file = tenant.sdk.files.upload(
        file=str(path), config=types.UploadFileConfig(mime_type=mime_type)
    )
    job = tenant.sdk.batches.create(model=MODEL, src=str(file.name))
    first, second = results(tenant, str(job.name))
    assert file_id in first["response"]["candidates"][0]["content"]["parts"][0]["text"]
    assert "0 files" in second["response"]["candidates"][0]["content"]["parts"][0]["text"]
    done = tenant.sdk.batches.get(name=str(job.name))
    assert done.dest is not None
    assert done.dest.file_name is not None
    assert tenant.sdk.files.download(file=done.dest.file_name)


@pytest.mark.parametrize("way", ["resumable", "put", "multipart", "raw", "media"])
def test_every_way_a_file_can_come_is_read(
    stack: LocalStack, tenant: StackTenant, way: str
) -> None:
    foreign = uploaded(stack.tenant())
    own = uploaded(tenant)
    good = run(tenant, upload(tenant, lines(prompt(uri(own))), way))
    assert good.status_code == 200, good.text
    assert own in json.dumps(results(tenant, good.json()["name"]))
    refused_as_unchecked(run(tenant, upload(tenant, lines(prompt(uri(foreign))), way)))
    hidden = lines(
        prompt(uri(own)),
        {
            "system_instruction": {
                "parts": [{"file_data": {"file_uri": uri(foreign).replace("files", "%66iles")}}]
            }
        },
    )
    refused_as_unchecked(run(tenant, upload(tenant, hidden, way)))


def upload(tenant: StackTenant, content: bytes, way: str, mime_type: str = JSONL) -> str:
    """Store a file in one of the ways there are; answers its name."""
    if way in {"resumable", "put"}:
        kind = {"X-Goog-Upload-Header-Content-Type": mime_type}
        url = start(tenant, len(content), **kind).headers["x-goog-upload-url"]
        headers = {"X-Goog-Upload-Command": "upload, finalize", "X-Goog-Upload-Offset": "0"}
        method = "PUT" if way == "put" else "POST"
        answer = httpx.request(method, url, content=content, headers=headers, verify=NO_TLS)
        assert answer.headers["x-goog-upload-status"] == "final"
    else:
        headers = {"X-Goog-Upload-Protocol": way, "content-type": mime_type}
        query = ""
        if way == "multipart":
            headers["content-type"] = "multipart/related; boundary=B"
            kind_line = f"Content-Type: {mime_type}\r\n\r\n".encode()
            content = (
                b"--B\r\nContent-Type: application/json\r\n\r\n{}\r\n--B\r\n"
                + kind_line
                + content
                + b"\r\n--B--"
            )
        if way == "media":
            del headers["X-Goog-Upload-Protocol"]
            query = "?uploadType=media"
        with tenant.http() as http:
            path = f"/upload/v1beta/files{query}"
            answer = http.post(path, content=content, headers=headers)
    name: str = answer.raise_for_status().json()["file"]["name"]
    return name


@pytest.mark.parametrize(
    "content",
    [
        b"not json\n",
        b'{"a":1}\r{"b":2}\n',
        b"[1]\n",
        b'{"request":{},"request":{}}\n',
        b"\x1f\x8b\x08\x00",
        b'\xef\xbb\xbf{"request":{}}\n',
        lines({"contents": [{"parts": [{"fileData": {"fileUri": "gs://bucket/x"}}]}]}),
        lines({"cachedContent": "cachedContents/foreign"}),
        lines({"tools": [{"fileSearch": {"fileSearchStoreNames": ["fileSearchStores/foreign"]}}]}),
        lines(prompt("files/my-alias")),
    ],
)
def test_what_is_not_understood_is_stored_and_not_run(tenant: StackTenant, content: bytes) -> None:
    with tenant.http() as http:
        name = upload(tenant, content, "resumable")
        refused_as_unchecked(run(tenant, name))
        assert http.get(f"/v1beta/{name}").status_code == 200


def test_a_file_that_was_not_read_is_not_run(tenant: StackTenant) -> None:
    plain = upload(tenant, lines(prompt()), "resumable", "text/plain")
    large = upload(tenant, lines(prompt(text="x" * 4_200_000)), "resumable")
    for name in (plain, large):
        refused_as_unchecked(run(tenant, name))
    with pytest.raises(errors.ClientError) as caught:
        tenant.sdk.batches.create(model=MODEL, src=plain)
    assert caught.value.message is not None
    assert "pass the requests inline" in caught.value.message


def test_bytes_that_were_not_the_ones_read_are_not_run(
    stack: LocalStack, tenant: StackTenant
) -> None:
    """A good chunk that upstream never took must not vouch for the bad one it then takes."""
    foreign = uploaded(stack.tenant())
    good, bad = lines(prompt()), lines(prompt(uri(foreign)))
    good = good.ljust(len(bad) - 1) + b"\n"
    kind = {"X-Goog-Upload-Header-Content-Type": JSONL}
    url = start(tenant, len(bad), **kind).headers["x-goog-upload-url"]
    with stack.fault({"kind": "status", "status": 503}, path="upload/"):
        assert send(url, "upload, finalize", good).status_code == 503
    stored = send(url, "upload, finalize", bad)
    assert stored.status_code == 200
    refused_as_unchecked(run(tenant, stored.json()["file"]["name"]))


def test_the_chunk_route_of_batch_inputs_is_as_strict_as_the_other(
    stack: LocalStack, tenant: StackTenant
) -> None:
    content = lines(prompt())
    kind = {"X-Goog-Upload-Header-Content-Type": JSONL}
    url = start(tenant, len(content), **kind).headers["x-goog-upload-url"]
    assert "/batchSessions/" in url
    assert send(url, "query").headers["x-goog-upload-size-received"] == "0"
    refused(send(url, "nonsense", content), 400, final=True)
    refused(send(url, "upload, finalize", content, 10**9), 400, final=True)
    refused(send(url[:-4], "upload, finalize", content), 403, final=True)
    stranger = stack.tenant()
    strange = {"x-goog-api-key": stranger.key}
    refused(send(url, "upload, finalize", content, 0, **strange), 403, final=True)
    assert stack.available(tenant) < 20 * 1024**3
    assert send(url, "upload, finalize", content).status_code == 200
    again = send(url, "upload, finalize", content)
    assert again.headers["x-goog-upload-status"] == "final"


def test_a_cancelled_batch_input_gives_its_bytes_back(
    stack: LocalStack, tenant: StackTenant
) -> None:
    available = stack.available(tenant)
    kind = {"X-Goog-Upload-Header-Content-Type": JSONL}
    url = start(tenant, 1000, **kind).headers["x-goog-upload-url"]
    assert stack.available(tenant) == available - 1000
    assert send(url, "cancel").headers["x-goog-upload-status"] == "cancelled"
    stack.advance(6)
    stack.run_janitor()
    assert stack.available(tenant) == available
