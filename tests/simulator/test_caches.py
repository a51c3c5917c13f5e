"""Cached contents: their life, their use and their end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import httpx
    from tests.simulator.conftest import Simulator

MODEL = "models/gemini-2.5-flash"


def create(simulator: Simulator, *, key: str | None = None, **fields: object) -> httpx.Response:
    headers = {"x-goog-api-key": key or simulator.first_key}
    return simulator.http.post(
        "/v1beta/cachedContents", json={"model": MODEL, **fields}, headers=headers
    )


def contents(*names: object) -> list[object]:
    return [{"parts": [{"file_data": {"file_uri": name}} for name in names]}]


def update(simulator: Simulator, name: str, mask: str | None = None, **body: str) -> httpx.Response:
    return simulator.http.patch(
        f"/v1beta/{name}",
        params={} if mask is None else {"updateMask": mask},
        headers={"x-goog-api-key": simulator.first_key},
        json=body,
    )


def test_a_cache_is_gone_after_an_hour(simulator: Simulator) -> None:
    cache = create(simulator).json()
    simulator.advance(3590)
    assert simulator.get(cache["name"]).json() == cache
    simulator.advance(20)
    gone = simulator.get(cache["name"])
    assert gone.status_code == 403
    assert gone.json()["error"]["message"] == "CachedContent not found (or permission denied)"
    assert simulator.get("cachedContents").json() == {}


def test_a_cache_belongs_to_its_project(simulator: Simulator) -> None:
    name = create(simulator).json()["name"]
    other = simulator.second_key
    assert simulator.get(name, key=other).status_code == 403
    assert simulator.delete(name, key=other).status_code == 403
    assert simulator.get("cachedContents", key=other).json() == {}
    url = f"/v1/{MODEL}:generateContent"
    for key, status in ((other, 403), (simulator.first_key, 200)):
        answer = simulator.http.post(f"{url}?key={key}", json={"cached_content": name})
        assert answer.status_code == status


def test_what_is_cached_must_be_there(simulator: Simulator) -> None:
    mine = simulator.upload()["uri"]
    theirs = simulator.upload(key=simulator.second_key)["uri"]
    cache = create(simulator, contents=contents(mine)).json()
    assert cache["usageMetadata"] == {"totalTokenCount": 258}
    assert create(simulator, contents=contents(theirs)).status_code == 403
    assert create(simulator, model="models/none").status_code == 404
    assert create(simulator, model="").status_code == 400


def test_the_end_can_be_moved(simulator: Simulator) -> None:
    name = create(simulator, ttl="10.5s").json()["name"]
    assert update(simulator, name, ttl="7200s").status_code == 200
    simulator.advance(7190)
    assert simulator.get(name).status_code == 200
    moved = update(simulator, name, "expire_time", expireTime="2100-01-01T00:00:00Z", ttl="1s")
    assert moved.json()["expireTime"] == "2100-01-01T00:00:00.000000000Z"
    assert update(simulator, name, "model", model="x").status_code == 400
    assert update(simulator, name, displayName="x").status_code == 400


@pytest.mark.parametrize(
    "field",
    [{"ttl": "1h"}, {"expireTime": "tomorrow"}, {"expireTime": "0001-01-01T00:00:00+14:00"}],
)
def test_an_end_that_makes_no_sense(simulator: Simulator, field: dict[str, str]) -> None:
    assert create(simulator, **field).status_code == 400


def test_caches_are_listed_in_pages(simulator: Simulator) -> None:
    names = [create(simulator).json()["name"] for _ in range(3)]
    first = simulator.get("cachedContents?pageSize=2").json()
    rest = simulator.get(f"cachedContents?pageToken={first['nextPageToken']}").json()
    listed = [cache["name"] for cache in first["cachedContents"] + rest["cachedContents"]]
    assert listed == names[::-1]
