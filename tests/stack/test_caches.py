"""Cached contents through the gateway: owned, isolated, usable, ended."""

import pytest
from google.genai import errors, types

from local_stack import LocalStack, StackTenant
from model_calls import MODEL, Ask, generate, model_usage, prompt, uploaded, uri, watching
from refusals import essence, refused, usage

CACHES = "/v1beta/cachedContents"


def body(*file_ids: str) -> dict[str, object]:
    return {"model": f"models/{MODEL}", **prompt(*map(uri, file_ids))}


def made(tenant: StackTenant, *file_ids: str) -> str:
    """Make a cache; answers its name."""
    answer = generate(tenant, body(*file_ids), CACHES)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["name"])


def test_the_sdks_whole_life_of_a_cache(stack: LocalStack, tenant: StackTenant) -> None:
    file_id = uploaded(tenant)
    part = types.Part.from_uri(file_uri=uri(file_id), mime_type="text/plain")
    caches = tenant.sdk.caches
    cache = caches.create(
        model=MODEL, config={"contents": [part], "display_name": "notes", "ttl": "600s"}
    )
    assert cache.name is not None
    assert caches.get(name=cache.name).display_name == "notes"
    assert [one.name for one in caches.list()] == [cache.name]
    later = caches.update(name=cache.name, config={"ttl": "7200s"})
    assert later.expire_time is not None
    assert cache.expire_time is not None
    assert later.expire_time > cache.expire_time
    assert caches.get(name=cache.name).expire_time == later.expire_time
    with watching(stack) as seen:
        answer = tenant.sdk.models.generate_content(
            model=MODEL, contents="Go on", config={"cached_content": cache.name}
        )
    assert seen[0]["caches"] == [cache.name.removeprefix("cachedContents/")]
    assert answer.usage_metadata is not None
    cached = answer.usage_metadata.cached_content_token_count
    assert cached
    assert model_usage(stack, tenant)["cachedTokens"] == cached
    assert usage(stack, tenant)["cachesCreated"] == 1
    caches.delete(name=cache.name)
    assert list(caches.list()) == []
    with pytest.raises(errors.ClientError) as gone:
        caches.get(name=cache.name)
    assert gone.value.code == 403


def test_a_cache_of_foreign_files_is_not_made(stack: LocalStack, tenant: StackTenant) -> None:
    foreign = uploaded(stack.tenant())
    with tenant.http() as http:
        message = refused(generate(tenant, body(foreign), CACHES), 403)
        assert foreign in message
        assert http.get(CACHES).json() == {}


def test_foreign_and_missing_caches_are_one(stack: LocalStack, tenant: StackTenant) -> None:
    name = made(stack.tenant())
    missing = "cachedContents/" + "m" * (len(name) - len("cachedContents/"))
    ways: dict[str, Ask] = {
        "get": lambda http, one: http.get(f"/v1beta/{one}"),
        "patch": lambda http, one: http.patch(f"/v1beta/{one}", json={"ttl": "60s"}),
        "delete": lambda http, one: http.delete(f"/v1beta/{one}"),
        "delete-with-body": lambda http, one: http.request("DELETE", f"/v1beta/{one}", json={}),
        "use": lambda _, one: generate(tenant, {**prompt(), "cachedContent": one}),
        "stream": lambda _, one: generate(
            tenant,
            {**prompt(), "cached_content": one},
            f"/v1/models/{MODEL}:streamGenerateContent",
        ),
    }
    with tenant.http() as http, watching(stack) as seen:
        for way, ask in ways.items():
            foreign, nothing = ask(http, name), ask(http, missing)
            refused(foreign, 403)
            assert essence(foreign) == essence(nothing), way
        assert http.get(CACHES).json() == {}
    assert seen == []


def test_a_cache_ends_by_itself(stack: LocalStack, tenant: StackTenant) -> None:
    name = made(tenant)
    with tenant.http() as http:
        assert http.get(CACHES).json()["cachedContents"][0]["name"] == name
        stack.advance(3601)
        assert http.get(CACHES).json() == {}
        refused(http.get(f"/v1beta/{name}"), 403)
    refused(generate(tenant, {**prompt(), "cachedContent": name}), 403)


def test_pages(stack: LocalStack, tenant: StackTenant) -> None:
    names = {made(tenant) for _ in range(5)}
    with tenant.http() as http, stack.tenant().http() as other:
        found, token = set(), ""
        while True:
            page = http.get(CACHES, params={"pageSize": 2, "pageToken": token}).json()
            found |= {one["name"] for one in page["cachedContents"]}
            if "nextPageToken" not in page:
                break
            token = page["nextPageToken"]
        assert found == names
        refused(other.get(CACHES, params={"pageToken": token}), 400)
        refused(http.get("/v1beta/files", params={"pageToken": token}), 400)
        refused(http.get("/v1beta/batches", params={"pageToken": token}), 400)


@pytest.mark.parametrize(
    "change", [{}, {"displayName": "x"}, {"ttl": 5}, {"contents": []}, {"ttl": "5s", "model": "m"}]
)
def test_only_the_end_of_a_cache_can_be_changed(tenant: StackTenant, change: object) -> None:
    name = made(tenant)
    with tenant.http() as http:
        before = http.get(f"/v1beta/{name}").json()
        refused(http.patch(f"/v1beta/{name}", json=change), 400)
        assert http.get(f"/v1beta/{name}").json() == before


def test_a_cache_that_upstream_lost_is_forgotten(stack: LocalStack, tenant: StackTenant) -> None:
    name = made(tenant)
    upstream_key = stack.upstream_key()
    with tenant.http() as http:
        http.base_url = stack.upstream_url
        http.delete(f"/v1beta/{name}", headers={"x-goog-api-key": upstream_key}).raise_for_status()
    with tenant.http() as http:
        refused(http.get(f"/v1beta/{name}"), 403)
        assert http.get(CACHES).json() == {}
