"""Batches through the gateway: owned, isolated, their output downloadable."""

import json
from typing import Any

import httpx
import pytest
from google.genai import errors, types

from local_stack import LocalStack, StackTenant
from model_calls import MODEL, Ask, generate, model_usage, prompt, uploaded, uri
from refusals import essence, refused, usage

BATCH = f"/v1beta/models/{MODEL}:batchGenerateContent"
BATCHES = "/v1beta/batches"


def inlined(*bodies: object) -> dict[str, Any]:
    requests = [{"request": one} for one in bodies]
    return {"batch": {"displayName": "b", "inputConfig": {"requests": {"requests": requests}}}}


def made(tenant: StackTenant) -> str:
    """Make a batch; answers its name."""
    answer = generate(tenant, inlined(prompt()), BATCH)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["name"])


def ended(tenant: StackTenant, name: str) -> dict[str, Any]:
    """A batch once it is done; each look moves it on."""
    with tenant.http() as http:
        for _ in range(10):
            found: dict[str, Any] = http.get(f"/v1beta/{name}").raise_for_status().json()
            if found.get("done"):
                return found
    raise AssertionError(found)


def test_inlined_requests(stack: LocalStack, tenant: StackTenant) -> None:
    file_id = uploaded(tenant)
    part = types.Part.from_uri(file_uri=uri(file_id), mime_type="text/plain")
    batches = tenant.sdk.batches
    job = batches.create(
        model=MODEL,
        src=[types.InlinedRequest(contents=[types.Content(parts=[part], role="user")])],
        config={"display_name": "night"},
    )
    assert job.name is not None
    for _ in range(5):
        job = batches.get(name=job.name or "")
        if job.done:
            break
    assert job.state is types.JobState.JOB_STATE_SUCCEEDED
    assert job.dest is not None
    assert job.dest.inlined_responses
    response = job.dest.inlined_responses[0].response
    assert response is not None
    assert response.text is not None
    assert file_id in response.text
    assert [one.name for one in batches.list()] == [job.name]
    assert usage(stack, tenant)["batchesCreated"] == 1
    batches.delete(name=job.name or "")
    assert list(batches.list()) == []


def test_what_inlined_requests_used_is_counted_once(stack: LocalStack, tenant: StackTenant) -> None:
    name = str(generate(tenant, inlined(prompt(), prompt(text="a b c")), BATCH).json()["name"])
    assert model_usage(stack, tenant) == {}
    answers = ended(tenant, name)["response"]["inlinedResponses"]["inlinedResponses"]
    with tenant.http() as http:
        for _ in range(3):
            http.get(f"/v1beta/{name}").raise_for_status()
            http.get(BATCHES).raise_for_status()
    used = [answer["response"]["usageMetadata"] for answer in answers]
    assert model_usage(stack, tenant) == {
        "requests": 2,
        "batched": 2,
        "promptTokens": sum(one["promptTokenCount"] for one in used),
        "candidatesTokens": sum(one["candidatesTokenCount"] for one in used),
        "totalTokens": sum(one["totalTokenCount"] for one in used),
    }


def test_embeddings_in_a_batch(stack: LocalStack, tenant: StackTenant) -> None:
    content = {"content": {"parts": [{"text": "a"}]}}
    path = "/v1beta/models/gemini-embedding-001:asyncBatchEmbedContent"
    name = str(generate(tenant, inlined(content, content), path).raise_for_status().json()["name"])
    output = ended(tenant, name)["response"]
    assert "embedding" in json.dumps(output)
    assert usage(stack, tenant)["batchesCreated"] == 1


def test_a_file_that_a_batch_made_is_the_tenants(stack: LocalStack, tenant: StackTenant) -> None:
    wanted = prompt(text="please generate a file")
    name = str(generate(tenant, inlined(wanted), BATCH).json()["name"])
    [answer] = ended(tenant, name)["response"]["inlinedResponses"]["inlinedResponses"]
    made = answer["response"]["candidates"][0]["content"]["parts"][-1]["fileData"]["fileUri"]
    path = f"/v1beta/files/{made.rpartition('/')[2]}:download?alt=media"
    with tenant.http() as http, stack.tenant().http() as other:
        assert http.get(path, follow_redirects=True).is_success
        refused(other.get(path), 403)


def test_what_a_tenant_writes_beside_its_requests_makes_nothing_its_own(
    stack: LocalStack, tenant: StackTenant
) -> None:
    other = stack.tenant()
    made = generate(other, prompt(text="please generate a file")).json()
    foreign = made["candidates"][0]["content"]["parts"][-1]["fileData"]["fileUri"]
    file_id = foreign.rpartition("/")[2]
    answer = {"candidates": [{"content": {"parts": [{"fileData": {"fileUri": foreign[8:]}}]}}]}
    body = inlined(prompt())
    body["batch"]["inputConfig"]["requests"]["requests"][0]["metadata"] = {
        "responsesFile": f"x files/{file_id}",
        "response": answer,
    }
    response = generate(tenant, body, BATCH)
    if response.is_success:
        ended(tenant, response.json()["name"])
    with tenant.http() as http:
        refused(http.get(f"/v1beta/files/{file_id}"), 403)


def test_a_file_of_requests_and_its_file_of_answers(stack: LocalStack, tenant: StackTenant) -> None:
    line = json.dumps({"key": "a", "request": prompt()}).encode()
    file_id = uploaded(tenant, line, "application/jsonl")
    job = tenant.sdk.batches.create(model=MODEL, src=f"files/{file_id}")
    assert job.name is not None
    result = ended(tenant, job.name)["response"]["responsesFile"]
    with tenant.http() as http, stack.tenant().http() as other:
        path = f"/v1beta/{result}:download?alt=media"
        assert http.get(path, follow_redirects=True).is_success
        refused(other.get(path), 403)
        assert http.get(f"/v1beta/{result}").json()["source"] == "GENERATED"
    done = tenant.sdk.batches.get(name=job.name)
    assert done.dest is not None
    assert done.dest.file_name == result
    assert tenant.sdk.files.download(file=result)


@pytest.mark.parametrize("how", ["inlined", "deep", "file", "file_snake", "embed"])
def test_foreign_files_are_not_read_by_a_batch(
    stack: LocalStack, tenant: StackTenant, how: str
) -> None:
    foreign = uploaded(stack.tenant())
    bodies = {
        "inlined": inlined(prompt(), prompt(uri(foreign))),
        "deep": {
            "batch": {
                "input_config": {
                    "requests": {
                        "requests": [
                            {
                                "request": {
                                    "system_instruction": {
                                        "parts": [{"file_data": {"file_uri": uri(foreign)}}]
                                    }
                                }
                            }
                        ]
                    }
                }
            }
        },
        "file": {"batch": {"inputConfig": {"fileName": f"files/{foreign}"}}},
        "file_snake": {"batch": {"input_config": {"file_name": foreign}}},
        "embed": {"batch": {"inputConfig": {"fileName": f"files/{foreign}"}}},
    }
    model = "gemini-embedding-001:asyncBatchEmbedContent" if how == "embed" else BATCH[15:]
    with tenant.http() as http:
        message = refused(generate(tenant, bodies[how], f"/v1beta/models/{model}"), 403)
        assert foreign in message
        assert http.get(BATCHES).json() == {}


def test_foreign_and_missing_batches_are_one(stack: LocalStack, tenant: StackTenant) -> None:
    name = made(stack.tenant())
    missing = "batches/" + "m" * (len(name) - len("batches/"))
    ways: dict[str, Ask] = {
        "get": lambda http, one: http.get(f"/v1beta/{one}"),
        "cancel": lambda http, one: http.post(f"/v1beta/{one}:cancel", json={}),
        "delete": lambda http, one: http.delete(f"/v1beta/{one}"),
    }
    with tenant.http() as http:
        for way, ask in ways.items():
            foreign, nothing = ask(http, name), ask(http, missing)
            refused(foreign, 404)
            assert essence(foreign) == essence(nothing), way
        assert http.get(BATCHES).json() == {}


def test_a_batch_can_be_cancelled(tenant: StackTenant) -> None:
    name = made(tenant)
    tenant.sdk.batches.cancel(name=name)
    job = tenant.sdk.batches.get(name=name)
    assert job.state is types.JobState.JOB_STATE_CANCELLED
    with tenant.http() as http:
        refused(http.post(f"/v1beta/{name}:pause", json={}), 404)
        refused(http.post(f"/v1beta/{name}", json={}), 404)


def test_pages_are_as_true_as_a_get(tenant: StackTenant) -> None:
    names = {made(tenant) for _ in range(3)}
    states: list[str] = []
    with tenant.http() as http:
        for _ in range(3):
            page = http.get(BATCHES, params={"pageSize": 2}).json()
            rest = http.get(BATCHES, params={"pageToken": page["nextPageToken"]}).json()
            found = page["operations"] + rest["operations"]
            assert {one["name"] for one in found} == names
            states.append({one["metadata"]["state"] for one in found}.pop())
    assert states[-1] == "BATCH_STATE_SUCCEEDED"


def test_the_sdk_sees_a_missing_batch_as_its_own_exception(tenant: StackTenant) -> None:
    with pytest.raises(errors.ClientError) as caught:
        tenant.sdk.batches.get(name="batches/nothing")
    assert caught.value.code == 404


def test_a_batch_takes_the_same_care_as_a_call(stack: LocalStack, tenant: StackTenant) -> None:
    reader = stack.registry.issue_key(tenant.id, "reader", stack.now(), ["files:read"])
    refused(generate(tenant, inlined(prompt()), BATCH, **{"x-goog-api-key": reader}), 403)
    refused(httpx.post(tenant.base_url + BATCH, json=inlined(prompt())), 403)
    refused(generate(tenant, b"{", BATCH), 400)
    refused(generate(tenant, inlined(prompt(text="x" * 4_200_000)), BATCH), 413)
    refused(generate(tenant, inlined(prompt()), f"{BATCH}?fields=name"), 400)
