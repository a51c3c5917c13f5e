"""Caches: a tenant's own and nobody else's, as upstream has them, until they end."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx
import pytest
from tests.unit.held import ACME, KEY, NOW, ODD_IDS, RIVAL, World, open_world, refusal

from filegate.adapters.aws_service import AwsService
from filegate.adapters.refusals import UpstreamKeyRefused, UpstreamRefused, UpstreamUnavailable
from filegate.adapters.table import TableBusy
from filegate.caches import Caches
from filegate.errors import CACHE_NOT_FOUND, file_not_found
from filegate.holdings import Kind
from filegate.instants import HOUR, MINUTE, SECOND, Instant, format_rfc3339
from filegate.inventory import LARGEST_SNAPSHOT
from filegate.tenants import Tenant

CREATE = "POST /v1beta/cachedContents"
GET, PATCH, DELETE = (
    f"{method} /v1beta/cachedContents/c1" for method in ("GET", "PATCH", "DELETE")
)
ENDS = NOW + HOUR
BODY = b'{ "model" : "models/gemini-2.5-flash", "contents": [{"parts": [{"text": "hello"}]}] }\n'
GONE = "CachedContent not found (or permission denied)"


def cache(cache_id: str = "c1", ends: Instant = ENDS, **fields: object) -> dict[str, Any]:
    return {
        "name": f"cachedContents/{cache_id}",
        "model": "models/gemini-2.5-flash",
        "expireTime": format_rfc3339(ends),
        "usageMetadata": {"totalTokenCount": 7},
        **fields,
    }


@pytest.fixture
def world(
    dynamodb: AwsService,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    with open_world(dynamodb, monkeypatch) as opened:
        yield opened


@pytest.fixture
def caches(world: World) -> Caches:
    return Caches(world.upstream, world.holdings, world.intents, world.ownership)


@pytest.fixture
def made(world: World, caches: Caches) -> World:
    """A world in which acme has the cache c1, and of which nothing was asked yet."""
    world.google.say(CREATE, cache())
    caches.create(ACME, "v1beta", BODY, NOW)
    world.google.requests.clear()
    world.table.reads = 0
    return world


USES: dict[str, Callable[[Caches, Tenant, str, Instant], object]] = {
    "get": lambda caches, tenant, name, now: caches.get(tenant, "v1beta", name, now),
    "update": lambda caches, tenant, name, now: caches.update(
        tenant, "v1beta", name, b'{"ttl":"60s"}', None, now
    ),
    "delete": lambda caches, tenant, name, now: caches.delete(tenant, "v1beta", name, now),
}
uses = pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
use_calls = pytest.mark.parametrize(
    ("use", "call"), list(zip(USES.values(), (GET, PATCH, DELETE), strict=True)), ids=USES.keys()
)


def test_a_cache_is_made_as_it_was_asked_for(world: World, caches: Caches) -> None:
    world.google.say(CREATE, cache())
    assert caches.create(ACME, "v1beta", BODY, NOW) == cache()
    (request,) = world.google.requests
    assert request.content == BODY
    assert request.headers["x-goog-api-key"] == KEY + "p1"
    held = world.holdings.find("acme", Kind.CACHE, "c1")
    assert held is not None
    assert (held.project, held.ends_at, json.loads(held.snapshot)) == ("p1", ENDS, cache())
    assert world.used(ACME, "cachesCreated") == 1
    assert world.used(RIVAL, "cachesCreated") == 0


def test_what_a_body_names_must_be_ones_own(world: World, caches: Caches) -> None:
    body = b'{"contents":[{"parts":[{"fileData":{"fileUri":"files/rival002doc"}}]}]}'
    assert refusal(lambda: caches.create(ACME, "v1beta", body, NOW)) == file_not_found(
        "rival002doc"
    )
    assert refusal(lambda: caches.create(ACME, "v1beta", b"", NOW)).code == 400
    assert world.google.calls == []


@pytest.mark.parametrize(
    ("status", "message", "raised"),
    [
        (400, "Cached content is too small.", UpstreamRefused),
        (403, "You do not have permission to access the File x or it may not exist.", None),
        (403, "The video is private.", None),
        (403, "Consumer 'project_number:1' has been suspended.", UpstreamKeyRefused),
        (503, "overloaded", UpstreamRefused),
    ],
)
def test_what_upstream_refuses_is_not_recorded(
    world: World, caches: Caches, status: int, message: str, raised: type[Exception] | None
) -> None:
    world.google.refuse(CREATE, status, "S", message)
    with pytest.raises(raised or UpstreamRefused):
        caches.create(ACME, "v1beta", BODY, NOW)
    assert world.records(ACME, "cached") == []


@pytest.mark.parametrize("name", [None, 5, "", "c1", "batches/c1", "cachedContents/", "a/b/c"])
def test_what_has_no_name_is_not_recorded(world: World, caches: Caches, name: object) -> None:
    world.google.say(CREATE, {**cache(), "name": name})
    with pytest.raises(UpstreamUnavailable):
        caches.create(ACME, "v1beta", BODY, NOW)
    assert world.records(ACME, "cached") == []


def test_upstream_out_of_reach_is_said(made: World, caches: Caches) -> None:
    for call in (CREATE, GET, PATCH, DELETE):
        made.google.answers[call] = httpx.ReadTimeout("slow")
    with pytest.raises(UpstreamUnavailable):
        caches.create(ACME, "v1beta", BODY, NOW)
    for use in USES.values():
        with pytest.raises(UpstreamUnavailable):
            use(caches, ACME, "c1", NOW)
    assert made.records(ACME, "cached") == ["cachedContents#c1"]


@uses
@pytest.mark.parametrize(("tenant", "name"), [(RIVAL, "c1"), (ACME, "c2"), (RIVAL, "c2")])
def test_foreign_and_missing_are_one_answer_after_one_read(
    made: World, caches: Caches, use: Callable[..., object], tenant: Tenant, name: str
) -> None:
    assert refusal(lambda: use(caches, tenant, name, NOW)) is CACHE_NOT_FOUND
    assert (made.table.reads, made.google.calls) == (1, [])
    assert made.records(ACME, "cached") == ["cachedContents#c1"]


@uses
def test_what_can_be_no_id_is_missing(
    made: World, caches: Caches, use: Callable[..., object]
) -> None:
    for name in ODD_IDS:
        assert refusal(partial(use, caches, ACME, name, NOW)) is CACHE_NOT_FOUND
    assert made.google.calls == []


@uses
def test_an_ended_cache_is_missing(made: World, caches: Caches, use: Callable[..., object]) -> None:
    assert refusal(lambda: use(caches, ACME, "c1", ENDS)) is CACHE_NOT_FOUND
    assert made.google.calls == []


@use_calls
@pytest.mark.parametrize(
    ("code", "status", "message"),
    [(403, "PERMISSION_DENIED", GONE), (404, "NOT_FOUND", "Requested entity was not found.")],
)
def test_what_upstream_has_no_more_is_forgotten(
    made: World,
    caches: Caches,
    use: Callable[..., object],
    call: str,
    code: int,
    status: str,
    message: str,
) -> None:
    made.google.refuse(call, code, status, message)
    if call is DELETE:
        use(caches, ACME, "c1", NOW)
    else:
        assert refusal(lambda: use(caches, ACME, "c1", NOW)) is CACHE_NOT_FOUND
    assert made.records(ACME, "cached") == []
    assert refusal(lambda: use(caches, ACME, "c1", NOW)) is CACHE_NOT_FOUND


@use_calls
@pytest.mark.parametrize("code", [400, 429, 500])
def test_other_refusals_forget_nothing(
    made: World, caches: Caches, use: Callable[..., object], call: str, code: int
) -> None:
    made.google.refuse(call, code, "S", "no")
    with pytest.raises(UpstreamRefused):
        use(caches, ACME, "c1", NOW)
    assert made.records(ACME, "cached") == ["cachedContents#c1"]


def test_a_get_asks_upstream_and_keeps_what_is_new(made: World, caches: Caches) -> None:
    later = cache(ends=ENDS + MINUTE)
    made.google.say("GET /v1alpha/cachedContents/c1", later)
    assert caches.get(ACME, "v1alpha", "c1", NOW) == later
    assert caches.page(ACME, 10, None, ENDS) == ([later], None)
    assert caches.page(RIVAL, 10, None, NOW) == ([], None)


def test_a_get_with_nothing_new_writes_nothing(
    made: World, caches: Caches, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.google.say(GET, cache())
    monkeypatch.setattr(made.table, "update", None)
    assert caches.get(ACME, "v1beta", "c1", NOW) == cache()


def test_a_list_shows_the_living_page_by_page(world: World, caches: Caches) -> None:
    for at in range(7):
        made = cache(f"c{at}", ends=NOW + SECOND if at % 2 else ENDS)
        world.google.say(CREATE, made)
        caches.create(ACME, "v1beta", BODY, NOW)
    assert len(caches.page(ACME, 10, None, NOW)[0]) == 7
    first, following = caches.page(ACME, 2, None, NOW + SECOND)
    assert ([one["name"] for one in first], following) == (
        ["cachedContents/c0", "cachedContents/c2"],
        "c2",
    )
    second, following = caches.page(ACME, 2, following, NOW + SECOND)
    assert ([one["name"] for one in second], following) == (
        ["cachedContents/c4", "cachedContents/c6"],
        None,
    )


@pytest.mark.parametrize(
    ("body", "mask"),
    [
        (b'{"ttl": "60s"}', None),
        (b'{"ttl":"60s"}', "ttl"),
        (b'{"expireTime":"2030-01-01T00:00:00Z"}', "expireTime"),
        (b'{"expire_time":"2030-01-01T00:00:00Z"}', "expire_time"),
        (b'{"ttl":"60s"}', "ttl, expireTime"),
    ],
)
def test_an_update_moves_the_end(
    made: World, caches: Caches, body: bytes, mask: str | None
) -> None:
    sooner = cache(ends=NOW + MINUTE)
    made.google.say(PATCH, sooner)
    assert caches.update(ACME, "v1beta", "c1", body, mask, NOW) == sooner
    (request,) = made.google.requests
    assert request.content == body
    assert request.url.params.get("updateMask") == mask
    assert caches.page(ACME, 10, None, NOW) == ([sooner], None)
    assert caches.page(ACME, 10, None, NOW + MINUTE) == ([], None)


@pytest.mark.parametrize(
    ("body", "mask", "field"),
    [
        (b"{}", None, None),
        (b'{"ttl":60}', None, "ttl"),
        (b'{"ttl":null}', None, "ttl"),
        (b'{"expireTime":{"seconds":1}}', None, "expireTime"),
        (b'{"ttl":"60s","displayName":"x"}', None, "displayName"),
        (b'{"ttl":"60s","contents":[{"fileData":{"fileUri":"files/x"}}]}', None, "contents"),
        (b'{"name":"cachedContents/c2","ttl":"60s"}', None, "name"),
        (b'{"ttl":"60s"}', "*", "*"),
        (b'{"ttl":"60s"}', "ttl,model", "model"),
        (b'{"\\ud800":"60s"}', None, "\ud800"),
        (b"", None, None),
        (b'{"ttl":"60s","ttl":"61s"}', None, None),
    ],
)
def test_nothing_but_the_end_is_updated(
    made: World, caches: Caches, body: bytes, mask: str | None, field: str | None
) -> None:
    status = refusal(lambda: caches.update(ACME, "v1beta", "c1", body, mask, NOW))
    assert (status.code, status.status) == (400, "INVALID_ARGUMENT")
    assert json.dumps(status.body()).encode()
    if field is not None:
        assert status.details[0]["fieldViolations"][0]["field"] == field
    assert made.google.calls == []


def test_of_two_updates_at_once_upstreams_end_holds(made: World, caches: Caches) -> None:
    first, second = cache(ends=NOW + MINUTE), cache(ends=NOW + 5 * HOUR)
    made.google.say(PATCH, first)
    made.google.say(GET, second)

    def meanwhile(request: httpx.Request) -> None:
        made.google.on_request = None
        if request.method == "PATCH":
            made.google.say(PATCH, second)
            caches.update(ACME, "v1beta", "c1", b'{"ttl":"18000s"}', None, NOW)
            made.google.say(PATCH, first)

    made.google.on_request = meanwhile
    assert caches.update(ACME, "v1beta", "c1", b'{"ttl":"60s"}', None, NOW) == second
    assert caches.page(ACME, 10, None, NOW + HOUR) == ([second], None)


def test_a_get_does_not_bring_back_what_was_deleted(made: World, caches: Caches) -> None:
    made.google.say(GET, cache(displayName="new"))
    made.google.say(DELETE, {})

    def meanwhile(_: httpx.Request) -> None:
        made.google.on_request = None
        caches.delete(ACME, "v1beta", "c1", NOW)

    made.google.on_request = meanwhile
    assert caches.get(ACME, "v1beta", "c1", NOW)
    assert made.records(ACME, "cached") == []


def test_a_cache_without_an_end_stays_until_upstream_says_so(world: World, caches: Caches) -> None:
    endless = {"name": "cachedContents/c1", "expireTime": "soon"}
    world.google.say(CREATE, endless)
    world.google.say(GET, endless)
    caches.create(ACME, "v1beta", BODY, NOW)
    assert caches.get(ACME, "v1beta", "c1", NOW + 1_000 * HOUR) == endless


def test_a_snapshot_stays_small(world: World, caches: Caches) -> None:
    large = cache(displayName="x" * LARGEST_SNAPSHOT)
    world.google.say(CREATE, large)
    world.google.say(GET, large)
    assert caches.create(ACME, "v1beta", BODY, NOW) == large
    assert caches.page(ACME, 10, None, NOW) == ([{"name": "cachedContents/c1"}], None)
    assert caches.get(ACME, "v1beta", "c1", NOW) == large
    assert caches.page(ACME, 10, None, ENDS) == ([], None)


def test_a_delete_stops_halfway_and_is_done_again(
    made: World, caches: Caches, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.google.say(DELETE, {})

    def busy(*_: object) -> None:
        raise TableBusy

    with monkeypatch.context() as patch:
        patch.setattr(made.table, "transact", busy)
        with pytest.raises(TableBusy):
            caches.delete(ACME, "v1beta", "c1", NOW)
    made.google.refuse(DELETE, 403, "PERMISSION_DENIED", GONE)
    caches.delete(ACME, "v1beta", "c1", NOW)
    assert made.records(ACME, "cached") == []
