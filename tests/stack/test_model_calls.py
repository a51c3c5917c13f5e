"""Model calls: what a tenant may name goes up as it came; tokens are counted."""

import hashlib
import json
from pathlib import Path

import httpx
import pytest
from google.genai import errors, types

from filegate.instants import SECOND
from local_stack import LocalStack, StackTenant
from model_calls import (
    GENERATE,
    MODEL,
    STREAM,
    generate,
    model_usage,
    prompt,
    uploaded,
    uri,
    watching,
)
from refusals import essence, refused

LARGEST = 4 * 1024 * 1024


def test_a_model_sees_the_callers_files_and_no_others(
    stack: LocalStack, tenant: StackTenant, tmp_path: Path
) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("some notes")
    other = stack.tenant().sdk
    other.files.upload(file=str(path))
    file = tenant.sdk.files.upload(file=str(path), config={"mime_type": "text/plain"})

    with watching(stack) as seen:
        answer = tenant.sdk.models.generate_content(model=MODEL, contents=["Summarise", file])

    assert file.name is not None
    assert answer.text is not None
    assert f"1 file: {file.name} (text/plain)" in answer.text
    [call] = seen
    assert call["files"] == [file.name.removeprefix("files/")]
    used = answer.usage_metadata
    assert used is not None
    assert model_usage(stack, tenant) == {
        "requests": 1,
        "generateContent": 1,
        "promptTokens": used.prompt_token_count,
        "candidatesTokens": used.candidates_token_count,
        "totalTokens": used.total_token_count,
    }


def test_every_operation_of_a_model_is_there_and_counted(
    stack: LocalStack, tenant: StackTenant
) -> None:
    models = tenant.sdk.models
    models.generate_content(model=MODEL, contents="one two")
    assert len(list(models.generate_content_stream(model=MODEL, contents="one two"))) == 3
    assert models.count_tokens(model=MODEL, contents="one two three").total_tokens == 3
    embedding = "gemini-embedding-001"
    embedded = models.embed_content(model=embedding, contents=["a", "b"]).embeddings
    assert embedded is not None
    assert len(embedded) == 2
    answer = generate(
        tenant,
        {"content": {"parts": [{"text": "a"}]}},
        f"/v1beta/models/{embedding}:embedContent",
    )
    assert answer.json()["embedding"]["values"]

    usage = model_usage(stack, tenant)
    assert (usage["requests"], usage["totalTokens"]) == (3, 2 * (2 + 8))
    assert {name for name in usage if name.endswith(("Content", "Tokens"))} >= {
        "generateContent",
        "streamGenerateContent",
        "countTokens",
    }
    embeddings = model_usage(stack, tenant, embedding)
    assert embeddings["requests"] == 2
    assert (embeddings["batchEmbedContents"], embeddings["embedContent"]) == (1, 1)


def test_models_can_be_listed_and_looked_up(tenant: StackTenant) -> None:
    names = [model.name for model in tenant.sdk.models.list()]
    assert f"models/{MODEL}" in names
    assert tenant.sdk.models.get(model=MODEL).name == f"models/{MODEL}"
    with tenant.http() as http:
        page = http.get("/v1beta/models", params={"pageSize": 2}).json()
        assert len(page["models"]) == 2
        rest = http.get("/v1beta/models", params={"pageToken": page["nextPageToken"]}).json()
        assert rest["models"][0] not in page["models"]
        refused(http.get("/v1beta/models/no-such-model"), 404)


@pytest.mark.parametrize("value", ["AAA", "null", "2", "yes"])
def test_pretty_print_is_true_or_false(stack: LocalStack, tenant: StackTenant, value: str) -> None:
    with watching(stack) as seen:
        answer = generate(tenant, prompt(), f"{GENERATE}?prettyPrint={value}")
        assert "prettyPrint" in refused(answer, 400, status="INVALID_ARGUMENT")
    assert seen == []
    assert generate(tenant, prompt(), f"{GENERATE}?prettyPrint=False").status_code == 200


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
def test_all_versions_and_an_encoded_colon(tenant: StackTenant, version: str) -> None:
    for colon in (":", "%3A", "%3a"):
        path = f"/{version}/models/{MODEL}{colon}generateContent"
        assert generate(tenant, prompt(), path).status_code == 200


def test_an_upload_can_be_used_at_once(stack: LocalStack, tenant: StackTenant) -> None:
    """Its record is not settled yet: nobody has looked since the last chunk."""
    file_id = uploaded(tenant)
    assert generate(tenant, prompt(uri(file_id))).status_code == 200
    stack.advance(6)
    stack.run_janitor()
    assert generate(tenant, prompt(uri(file_id))).status_code == 200


@pytest.mark.parametrize("size", [0, 1, 100_000, LARGEST])
def test_a_body_goes_up_byte_for_byte(stack: LocalStack, tenant: StackTenant, size: int) -> None:
    start, end = b'{"contents" :\t[{"parts":[ {"text":"', b'\\u00e9 \xc3\xa9"} ]}], "x":1.50e0}\n'
    body = start + b"x" * max(0, size - len(start + end)) + end
    with watching(stack) as seen:
        assert generate(tenant, body).status_code == 200
    [call] = seen
    assert (call["bodyBytes"], call["bodySha256"]) == (len(body), hashlib.sha256(body).hexdigest())


def test_a_larger_body_is_told_of_the_file_api(stack: LocalStack, tenant: StackTenant) -> None:
    body = json.dumps(prompt(text="x" * LARGEST)).encode()
    with watching(stack) as seen:
        message = refused(generate(tenant, body), 413, status="INVALID_ARGUMENT")
        assert f"{len(body):,}" in message
        assert f"{LARGEST:,}" in message
        assert "File API" in message
        # What API Gateway itself does not take it refuses in its own words (AWS: not changeable).
        assert generate(tenant, b"x" * 11_000_000).status_code == 413
    assert seen == []


def test_an_alias_is_written_out_for_upstream(stack: LocalStack, tenant: StackTenant) -> None:
    answer = httpx.post(
        f"{tenant.base_url}/upload/v1beta/files",
        headers={"x-goog-api-key": tenant.key, "X-Goog-Upload-Protocol": "multipart"}
        | {"content-type": "multipart/related; boundary=B"},
        content=b'--B\r\nContent-Type: application/json\r\n\r\n{"file":{"name":"files/my-doc"}}\r\n'
        b"--B\r\nContent-Type: text/plain\r\n\r\nabc\r\n--B--",
    )
    full = answer.json()["file"]["name"].removeprefix("files/")
    assert full != "my-doc"
    with watching(stack) as seen:
        for name in ("files/my-doc", uri("my-doc"), uri(full, "v1"), f"files/{full}"):
            assert generate(tenant, prompt(name)).status_code == 200, name
    assert [call["files"] for call in seen] == [[full]] * 4


@pytest.mark.parametrize("operation", ["generateContent", "streamGenerateContent", "countTokens"])
def test_foreign_missing_and_expired_files_are_one(
    stack: LocalStack, tenant: StackTenant, operation: str
) -> None:
    path = f"/v1beta/models/{MODEL}:{operation}"
    foreign, missing = uploaded(stack.tenant()), "abcdefgh0mbq0x1y2zzzzzzzz"
    own = uploaded(tenant)
    stack.advance(6)
    stack.run_janitor()
    stack.advance(49 * 3600)
    with watching(stack) as seen:
        answers = [
            generate(tenant, prompt(uri(file_id)), path) for file_id in (foreign, missing, own)
        ]
    assert seen == []
    for answer, file_id in zip(answers, (foreign, missing, own), strict=True):
        message = refused(answer, 403, status="PERMISSION_DENIED")
        assert (
            message
            == f"You do not have permission to access the File {file_id} or it may not exist."
        )
    same = {
        essence(answer)[2].replace(file_id.encode(), b"?")
        for answer, file_id in zip(answers, (foreign, missing, own), strict=True)
    }
    assert len(same) == 1


def test_a_file_still_processing_is_upstreams_to_refuse(tenant: StackTenant) -> None:
    file_id = uploaded(tenant, b"video", "video/mp4")
    message = refused(generate(tenant, prompt(uri(file_id))), 400, status="FAILED_PRECONDITION")
    assert f"The File {file_id} is not in an ACTIVE state" in message


def test_upstreams_own_refusals_reach_the_sdk(stack: LocalStack, tenant: StackTenant) -> None:
    with pytest.raises(errors.ClientError) as unknown:
        tenant.sdk.models.generate_content(model="no-such-model", contents="x")
    assert unknown.value.code == 404
    with stack.fault({"kind": "status", "status": 429}, path="generateContent"):
        with pytest.raises(errors.ClientError) as busy:
            tenant.sdk.models.generate_content(model=MODEL, contents="x")
        assert busy.value.code == 429
    with stack.fault({"kind": "status", "status": 503}, path="generateContent"):
        with pytest.raises(errors.ServerError) as down:
            tenant.sdk.models.generate_content(model=MODEL, contents="x")
        assert down.value.code == 503
    assert model_usage(stack, tenant) == {}


@pytest.mark.parametrize("kind", ["drop-before", "drop-after"])
def test_an_upstream_that_hangs_up_is_unavailable(
    stack: LocalStack, tenant: StackTenant, kind: str
) -> None:
    with stack.fault({"kind": kind}, times=3, path="generateContent"):
        refused(generate(tenant, prompt()), 503, status="UNAVAILABLE")
    assert generate(tenant, prompt()).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        f"/v1beta/models/{MODEL}:predict",
        f"/v1beta/models/{MODEL}:predictLongRunning",
        f"/v1beta/models/{MODEL}:GenerateContent",
        f"/v1beta/models/{MODEL}",
        f"/v1beta/models/{MODEL}:",
        "/v1beta/models/:generateContent",
        "/v1beta/models/a%2Fb:generateContent",
        "/v1beta/models/..:generateContent",
        "/v1beta/models/a%00b:generateContent",
        f"/v2/models/{MODEL}:generateContent",
        f"/v1beta/tunedModels/{MODEL}:generateContent",
        f"/v1beta/models/{MODEL}:generateContent/",
        f"/v1beta/models/{MODEL}/operations/x",
        "/v1beta/interactions",
    ],
)
def test_what_is_no_method_here_fails_closed(
    stack: LocalStack, tenant: StackTenant, path: str
) -> None:
    with watching(stack) as seen:
        refused(generate(tenant, prompt(), path), 404, status="NOT_FOUND")
    assert seen == []


@pytest.mark.parametrize(
    "query",
    ["fields=candidates", "access_token=x", "callback=f", "alt=proto", "alt=media", "$alt=sse"],
)
def test_query_parameters_that_hide_or_replace_something_are_refused(
    stack: LocalStack, tenant: StackTenant, query: str
) -> None:
    with watching(stack) as seen:
        message = refused(generate(tenant, prompt(), f"{STREAM}?{query}"), 400)
    assert query.partition("=")[0] in message
    assert seen == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"x"',
        b"{'contents': []}",
        b'{"contents":[],"contents":[]}',
        b'{"a":' * 200 + b"1" + b"}" * 200,
        b'{"a":NaN}',
        b"\xff\xfe{}",
        b"\x1f\x8b\x08\x00" + bytes(30),
    ],
)
def test_what_cannot_be_read_is_not_forwarded(
    stack: LocalStack, tenant: StackTenant, body: bytes
) -> None:
    with watching(stack) as seen:
        message = refused(generate(tenant, body), 400, status="INVALID_ARGUMENT")
    assert "Invalid JSON payload" in message
    assert seen == []


def test_a_key_is_needed_and_must_allow_it(stack: LocalStack, tenant: StackTenant) -> None:
    now = stack.now()
    reader = stack.registry.issue_key(tenant.id, "reader", now, ["files:read"])
    short = stack.registry.issue_key(tenant.id, "short", now, expires_at=now - SECOND)
    with watching(stack) as seen:
        for key, code, words in (
            (reader, 403, "`generate` scope"),
            (short, 400, "API key not valid"),
            ("nonsense", 400, "API key not valid"),
        ):
            message = refused(generate(tenant, prompt(), **{"x-goog-api-key": key}), code)
            assert words in message
        answer = httpx.post(tenant.base_url + GENERATE, json=prompt())
        assert "unregistered callers" in refused(answer, 403)
    assert seen == []
    assert httpx.post(f"{tenant.base_url}{GENERATE}?key={tenant.key}", json=prompt()).is_success


def test_two_hundred_files_in_one_call(stack: LocalStack, tenant: StackTenant) -> None:
    with tenant.http() as http:
        ids = [
            http.post("/upload/v1beta/files?uploadType=media", content=b"x").json()["file"]["name"]
            for _ in range(200)
        ]
    with watching(stack) as seen:
        answer = tenant.sdk.models.generate_content(
            model=MODEL,
            contents=[
                types.Part.from_uri(file_uri=uri(name[6:]), mime_type="text/plain") for name in ids
            ],
        )
    assert answer.text is not None
    assert answer.text.startswith("I saw 200 files")
    assert seen[0]["files"] == [name[6:] for name in ids]
