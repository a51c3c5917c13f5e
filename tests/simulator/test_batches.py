"""Batches: operations that every get moves on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

if TYPE_CHECKING:
    import httpx
    from tests.simulator.conftest import Simulator

MODEL = "gemini-2.5-flash"
Json: TypeAlias = Any
"""Decoded JSON; what it holds is the test's business."""


def create(
    simulator: Simulator, config: dict[str, object], *, key: str | None = None
) -> httpx.Response:
    return simulator.http.post(
        f"/v1beta/models/{MODEL}:batchGenerateContent",
        json={"batch": {"display_name": "b", "input_config": config}},
        headers={"x-goog-api-key": key or simulator.first_key},
    )


def inlined(*names: object) -> dict[str, object]:
    requests = [
        {
            "request": {"contents": [{"parts": [{"fileData": {"fileUri": name}}]}]},
            "metadata": {"key": str(index)},
        }
        for index, name in enumerate(names)
    ]
    return {"requests": {"requests": requests}}


def test_inlined_requests(simulator: Simulator) -> None:
    names = [simulator.upload()["name"] for _ in range(2)]
    begun = create(simulator, inlined(*names)).json()
    assert begun["metadata"]["state"] == "BATCH_STATE_PENDING"
    assert begun["metadata"]["displayName"] == "b"
    assert begun["metadata"]["model"] == f"models/{MODEL}"
    assert begun["metadata"]["batchStats"] == {"requestCount": "2", "pendingRequestCount": "2"}
    assert "done" not in begun
    running = simulator.get(begun["name"]).json()
    assert running["metadata"]["state"] == "BATCH_STATE_RUNNING"
    ended = simulator.get(begun["name"]).json()
    assert (ended["done"], ended["metadata"]["state"]) == (True, "BATCH_STATE_SUCCEEDED")
    assert ended["metadata"]["endTime"]
    output = ended["metadata"]["output"]
    assert ended["response"] == {"@type": ended["metadata"]["@type"] + "Output", **output}
    answers = output["inlinedResponses"]["inlinedResponses"]
    assert [answer["metadata"] for answer in answers] == [{"key": "0"}, {"key": "1"}]
    texts = [answer["response"]["candidates"][0]["content"]["parts"][0] for answer in answers]
    assert [str(name) in text["text"] for name, text in zip(names, texts, strict=True)] == [
        True
    ] * 2
    assert simulator.get(begun["name"]).json() == ended
    assert simulator.listing().json()["files"][0]["source"] == "UPLOADED"


def line(key: object, name: object, text: str = "two words") -> str:
    parts = [{"file_data": {"file_uri": name}}, {"text": text}]
    return json.dumps({"key": key, "request": {"contents": [{"parts": parts}]}})


def upload_lines(simulator: Simulator, *lines: str) -> object:
    data = "\n".join(lines).encode()
    return simulator.upload(data, mime_type="application/jsonl")["name"]


def ended(simulator: Simulator, name: object) -> Json:
    simulator.get(name)
    return simulator.get(name).json()


def results(simulator: Simulator, batch: Json) -> list[Json]:
    location = simulator.get(f"{batch['response']['responsesFile']}:download?alt=media").headers[
        "location"
    ]
    lines = simulator.http.get(location, headers={"x-goog-api-key": simulator.first_key}).text
    return [json.loads(one) for one in lines.splitlines()]


def test_a_file_of_requests(simulator: Simulator) -> None:
    own = simulator.upload(mime_type="image/png")["name"]
    name = upload_lines(simulator, line("a", own), "", line("b", "https://youtu.be/x", "ä"))
    batch = create(simulator, {"file_name": name}).json()
    assert batch["metadata"]["inputConfig"] == {"fileName": name}
    assert batch["metadata"]["batchStats"]["requestCount"] == "2"
    done = ended(simulator, batch["name"])
    responses_file = done["response"]["responsesFile"]
    assert responses_file == batch["name"].replace("batches/", "files/batch-")
    assert done["metadata"]["output"] == {"responsesFile": responses_file}
    file = simulator.get(responses_file).json()
    assert (file["source"], file["mimeType"]) == ("GENERATED", "application/jsonl")
    first, second = results(simulator, done)
    assert (first["key"], second["key"]) == ("a", "b")
    assert f"I saw 1 file: {own} (image/png); 9 characters" in str(first["response"])
    assert "I saw 0 files; 1 characters" in str(second["response"])


def test_a_line_that_cannot_be_answered_fails_alone(simulator: Simulator) -> None:
    theirs = str(simulator.upload(key=simulator.second_key)["name"])
    good = line("good", "gs://b/o")
    twice = good.replace('"parts"', f'"parts": [{{"fileUri": "{theirs}"}}], "parts"')
    name = upload_lines(
        simulator, line("\ud800", theirs), twice, good, '{"key": 1}', "[]", "{", "[" * 5000
    )
    done = ended(simulator, create(simulator, {"fileName": name}).json()["name"])
    assert done["metadata"]["batchStats"] == {
        "requestCount": "7",
        "successfulRequestCount": "1",
        "failedRequestCount": "6",
    }
    answers = results(simulator, done)
    assert [one.get("key") for one in answers] == ["\ud800", "good", "good", 1, None, None, None]
    assert answers[0]["error"] == {
        "code": 7,
        "message": f"You do not have permission to access the File {theirs[6:]} or it may not "
        "exist.",
    }
    codes = [one.get("error", {}).get("code") for one in answers]
    assert codes == [7, 7, None, 3, 3, 3, 3]


@pytest.mark.parametrize("protocol", ["raw", "multipart"])
def test_requests_come_in_any_upload(simulator: Simulator, protocol: str) -> None:
    data = line("k", "gs://b/o").encode()
    content_type = "application/jsonl"
    if protocol == "multipart":
        content_type = "multipart/related; boundary=B"
        head = b"--B\r\nContent-Type: application/json\r\n\r\n{}\r\n--B\r\n"
        data = head + b"Content-Type: text/jsonl\r\n\r\n" + data + b"\r\n--B--"
    answer = simulator.http.post(
        f"/upload/v1beta/files?key={simulator.first_key}",
        content=data,
        headers={"content-type": content_type, "x-goog-upload-protocol": protocol},
    )
    created = create(simulator, {"fileName": answer.json()["file"]["name"]}).json()
    (result,) = results(simulator, ended(simulator, created["name"]))
    assert result["key"] == "k"


@pytest.mark.parametrize(
    ("size", "mime_type"), [(2 * 1024 * 1024, "application/jsonl"), (5, "text/plain")]
)
def test_one_line_stands_for_requests_that_were_not_kept(
    simulator: Simulator, size: int, mime_type: str
) -> None:
    name = simulator.upload(bytes(size), mime_type=mime_type)["name"]
    done = ended(simulator, create(simulator, {"fileName": name}).json()["name"])
    (result,) = results(simulator, done)
    assert str(name) in str(result["response"])


def test_requests_that_were_uploaded_cannot_be_downloaded(simulator: Simulator) -> None:
    name = upload_lines(simulator, line("a", "gs://b/o"))
    key = {"x-goog-api-key": simulator.first_key}
    location = simulator.get(f"{name}:download?alt=media").headers["location"]
    refused = simulator.http.get(location, headers=key)
    assert (refused.status_code, refused.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_what_a_batch_names_must_be_there(simulator: Simulator) -> None:
    theirs = simulator.upload(key=simulator.second_key)["name"]
    assert create(simulator, inlined(theirs)).status_code == 403
    assert create(simulator, {"fileName": theirs}).status_code == 403
    both = {"fileName": simulator.upload()["name"], **inlined("gs://b/o")}
    configs: list[dict[str, object]] = [{}, {"fileName": "requests.jsonl"}, both]
    for config in configs:
        assert create(simulator, config).status_code == 400


def test_cancel_and_delete(simulator: Simulator) -> None:
    name = create(simulator, inlined("gs://b/o")).json()["name"]
    cancel = f"/v1beta/{name}:cancel?key="
    assert simulator.http.post(cancel + simulator.second_key).status_code == 404
    assert simulator.http.post(cancel + simulator.first_key).json() == {}
    cancelled = simulator.get(name).json()
    assert (cancelled["done"], cancelled["error"]["code"]) == (True, 1)
    assert cancelled["metadata"]["state"] == "BATCH_STATE_CANCELLED"
    assert simulator.delete(name, key=simulator.second_key).status_code == 404
    assert simulator.delete(name).json() == {}
    gone = simulator.get(name)
    assert gone.status_code == 404
    assert gone.json()["error"]["message"] == "Requested entity was not found."


def test_batches_are_listed_in_pages(simulator: Simulator) -> None:
    names = [create(simulator, inlined("gs://b/o")).json()["name"] for _ in range(3)]
    first = simulator.get("batches?pageSize=2").json()
    rest = simulator.get(f"batches?pageToken={first['nextPageToken']}").json()
    listed = first["operations"] + rest["operations"]
    assert [batch["name"] for batch in listed] == names[::-1]
    assert {batch["metadata"]["state"] for batch in listed} == {"BATCH_STATE_PENDING"}
    assert simulator.get("batches", key=simulator.second_key).json() == {}


@pytest.mark.parametrize("body", [{}, {"batch": []}, {"batch": {"inputConfig": 1}}])
def test_a_batch_of_nothing(simulator: Simulator, body: dict[str, object]) -> None:
    url = f"/v1/models/{MODEL}:batchGenerateContent?key={simulator.first_key}"
    assert simulator.http.post(url, json=body).status_code == 400
