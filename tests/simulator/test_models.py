"""Models: what there is and what a call answers."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, cast

import pytest

if TYPE_CHECKING:
    import httpx
    from tests.simulator.conftest import Simulator

MODEL = "gemini-2.5-flash"


def call(
    simulator: Simulator,
    body: object,
    *,
    method: str = "generateContent",
    model: str = MODEL,
    key: str | None = None,
    version: str = "v1beta",
) -> httpx.Response:
    return simulator.http.post(
        f"/{version}/models/{model}:{method}",
        json=body,
        headers={"x-goog-api-key": key or simulator.first_key},
    )


def showing(*names: object, text: str = "hello there") -> dict[str, object]:
    parts = [{"fileData": {"fileUri": name}} for name in names]
    return {"contents": [{"role": "user", "parts": [*parts, {"text": text}]}]}


def calls(simulator: Simulator) -> list[dict[str, object]]:
    return cast("list[dict[str, object]]", simulator.control("model-calls")["modelCalls"])


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
def test_models_are_listed_in_pages(simulator: Simulator, version: str) -> None:
    headers = {"x-goog-api-key": simulator.first_key}
    url = f"/{version}/models"
    whole = simulator.http.get(url, headers=headers).json()
    names = [model["name"] for model in whole["models"]]
    assert names[0] == "models/gemini-3-flash-preview"
    assert len(names) == 8
    assert "nextPageToken" not in whole
    first = simulator.http.get(url, params={"pageSize": 5}, headers=headers).json()
    token = first["nextPageToken"]
    rest = simulator.http.get(url, params={"pageToken": token}, headers=headers).json()
    assert [model["name"] for model in first["models"] + rest["models"]] == names
    other = {"x-goog-api-key": simulator.second_key}
    assert simulator.http.get(url, params={"pageToken": token}, headers=other).status_code == 400
    assert simulator.http.get(url, params={"pageSize": "x"}, headers=headers).status_code == 400
    assert simulator.http.get(f"{url}?key=wrong").status_code == 400


def test_one_model(simulator: Simulator) -> None:
    model = simulator.get(f"models/{MODEL}").json()
    assert model["supportedGenerationMethods"][0] == "generateContent"
    assert model["name"] == f"models/{MODEL}"


@pytest.mark.parametrize(
    ("model", "method"), [("gemini-9", "generateContent"), (MODEL, "embedContent")]
)
def test_a_model_that_is_not_there(simulator: Simulator, model: str, method: str) -> None:
    answer = call(simulator, showing(), model=model, method=method)
    assert answer.status_code == 404
    assert answer.json()["error"] == {
        "code": 404,
        "message": f"models/{model} is not found for API version v1beta, or is not supported for "
        f"{method}. Call ListModels to see the list of available models and their supported "
        "methods.",
        "status": "NOT_FOUND",
    }
    assert calls(simulator)[0]["outcome"] == "failed"


def test_unknown_routes(simulator: Simulator) -> None:
    assert simulator.get("models/gemini-9").status_code == 404
    assert call(simulator, {}, method="predict").status_code == 404
    assert calls(simulator) == []


def test_the_answer_says_what_was_seen(simulator: Simulator) -> None:
    picture = simulator.upload(mime_type="image/jpeg")
    text = simulator.upload()
    answer = call(simulator, showing(picture["uri"], text["name"]))
    assert answer.status_code == 200
    reply = answer.json()
    (candidate,) = reply["candidates"]
    seen = (
        f"I saw 2 files: {picture['name']} (image/jpeg), {text['name']} (text/plain); "
        "11 characters of text."
    )
    assert candidate == {
        "content": {"parts": [{"text": seen}], "role": "model"},
        "index": 0,
        "finishReason": "STOP",
    }
    assert reply["usageMetadata"] == {
        "promptTokenCount": 518,
        "candidatesTokenCount": 12,
        "totalTokenCount": 530,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 260},
            {"modality": "IMAGE", "tokenCount": 258},
        ],
    }
    assert reply["modelVersion"] == MODEL
    assert reply["responseId"]


def test_external_uris_are_passed_over(simulator: Simulator) -> None:
    answer = call(simulator, showing("https://youtu.be/x", "gs://b/o")).json()
    text = answer["candidates"][0]["content"]["parts"][0]["text"]
    assert text == "I saw 0 files; 11 characters of text."


def test_what_a_call_may_not_use(simulator: Simulator) -> None:
    theirs = str(simulator.upload(key=simulator.second_key)["uri"])
    file_id = theirs.rpartition("/")[2]
    video = str(simulator.upload(mime_type="video/mp4")["name"])
    foreign = call(simulator, showing(theirs.replace("files/", "FILES%2F") + ":download"))
    assert foreign.status_code == 403
    assert foreign.json()["error"]["message"] == (
        f"You do not have permission to access the File {file_id} or it may not exist."
    )
    busy = call(simulator, showing(video))
    assert (busy.status_code, busy.json()["error"]["status"]) == (400, "FAILED_PRECONDITION")
    cache = call(simulator, {"cachedContent": "cachedContents/none"})
    assert cache.status_code == 403
    assert cache.json()["error"] == {
        "code": 403,
        "message": "CachedContent not found (or permission denied)",
        "status": "PERMISSION_DENIED",
    }
    tools = [{"file_search": {"file_search_store_names": ["fileSearchStores/none"]}}]
    store = call(simulator, {"tools": tools})
    assert (store.status_code, store.json()["error"]["status"]) == (403, "PERMISSION_DENIED")
    assert {entry["outcome"] for entry in calls(simulator)} == {"failed"}
    assert call(simulator, [1]).status_code == 400


def test_stores_that_exist_are_used(simulator: Simulator) -> None:
    headers = {"x-goog-api-key": simulator.first_key}
    store = simulator.http.post("/v1beta/fileSearchStores", json={}, headers=headers).json()
    tools = [{"fileSearch": {"fileSearchStoreNames": [store["name"]]}}]
    assert call(simulator, {"tools": tools}).status_code == 200
    assert calls(simulator)[0]["stores"] == [store["name"].partition("/")[2]]


def test_calls_are_noted(simulator: Simulator) -> None:
    name = str(simulator.upload(key=simulator.second_key)["name"])
    body = json.dumps(showing(name)).encode()
    url = f"/v1/models/{MODEL}:generateContent?key={simulator.second_key}&alt=json"
    assert simulator.http.post(url, content=body).status_code == 200
    assert calls(simulator) == [
        {
            "index": 1,
            "method": "generateContent",
            "model": MODEL,
            "version": "v1",
            "query": {"alt": "json"},
            "files": [name.removeprefix("files/")],
            "caches": [],
            "stores": [],
            "bodyBytes": len(body),
            "bodySha256": hashlib.sha256(body).hexdigest(),
            "body": json.loads(body),
            "eventsSent": 0,
            "outcome": "complete",
        }
    ]
    assert simulator.http.delete("/_simulator/model-calls").json() == {"modelCalls": []}
    call(simulator, {})
    simulator.control("reset", {})
    assert calls(simulator) == []


def test_tokens_are_counted(simulator: Simulator) -> None:
    name = simulator.upload()["name"]
    plain = call(simulator, showing(name), method="countTokens").json()
    wrapped = {"generateContentRequest": {"model": f"models/{MODEL}", **showing(name)}}
    assert plain["totalTokens"] == 260
    assert call(simulator, wrapped, method="countTokens").json() == plain


def test_embeddings_depend_on_the_text_only(simulator: Simulator) -> None:
    model = "gemini-embedding-001"
    one, other = ({"content": {"parts": [{"text": text}]}} for text in ("a", "b"))
    small = {**one, "outputDimensionality": 3}
    first = call(simulator, one, method="embedContent", model=model).json()["embedding"]
    body = {"requests": [one, other, small]}
    answer = call(simulator, body, method="batchEmbedContents", model=model).json()
    same, different, short = answer["embeddings"]
    assert (len(first["values"]), same) == (768, first)
    assert different != first
    assert short["values"] == first["values"][:3]


@pytest.mark.parametrize("quote", ['"', "'"])
def test_a_body_too_deep_is_refused(simulator: Simulator, quote: str) -> None:
    for depth in (*range(940, 990), 100_000):
        body = f"{{{quote}a{quote}:" * depth + "1" + "}" * depth
        answer = simulator.http.post(
            f"/v1beta/models/{MODEL}:generateContent?key={simulator.first_key}", content=body
        )
        assert answer.status_code in {200, 400}
    assert answer.status_code == 400


def test_single_quotes_are_read(simulator: Simulator) -> None:
    answer = simulator.http.post(
        f"/v1beta/models/{MODEL}:generateContent?key={simulator.first_key}",
        content=b"{'contents': [{'parts': [{'text': 'hi'}]}]}",
    )
    assert answer.status_code == 200
    assert answer.json()["usageMetadata"]["promptTokenCount"] == 1


def test_faults_and_the_mirror_reach_model_calls(simulator: Simulator) -> None:
    simulator.fault({"kind": "status", "status": 429}, path=":generateContent")
    assert call(simulator, showing()).status_code == 429
    simulator.control("reflect", {"enabled": True})
    answer = call(simulator, showing(text="generate a file"))
    assert answer.headers["x-debug-key"] == simulator.first_key
    assert answer.json()["debugKey"] == simulator.first_key
    file_data = answer.json()["candidates"][0]["content"]["parts"][1]["fileData"]
    assert file_data["fileUri"].endswith(f"?key={simulator.first_key}")
