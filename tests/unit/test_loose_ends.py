"""Loose ends: what upstream has and nobody recorded goes; what anybody recorded stays."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from tests.unit.held import ACME, NOW, RIVAL, World, open_world

from filegate import loose_ends
from filegate.adapters.aws_service import AwsService
from filegate.adapters.refusals import UpstreamKeyRefused, UpstreamRefused, UpstreamUnavailable
from filegate.adapters.table import Key, Put, TableBusy, TableUnavailable
from filegate.appointments import DELETING_LOOK, CannotKeep
from filegate.errors import CACHE_NOT_FOUND, StatusError
from filegate.holdings import Holding, HoldingGone, Kind
from filegate.instants import MINUTE, SECOND, Instant, format_rfc3339
from filegate.intents import OVER_AFTER, Intent
from filegate.inventory import Inventory
from filegate.loose_ends import LooseEnds, is_loose_end
from filegate.tenant_registry import LISTING, TenantRegistry

LISTED = {
    Kind.CACHE: "cachedContents",
    Kind.BATCH: "operations",
    Kind.STORE: "fileSearchStores",
}
kinds = pytest.mark.parametrize("kind", Kind)


def made(
    kind: Kind, resource_id: str = "x1", at: Instant = NOW, display_name: str | None = "mine"
) -> dict[str, Any]:
    """A resource as upstream shows it."""
    about = {"createTime": format_rfc3339(at)}
    if display_name is not None:
        about["displayName"] = display_name
    name = f"{kind}/{resource_id}"
    return {"name": name, "metadata": about} if kind is Kind.BATCH else {"name": name, **about}


@pytest.fixture
def world(
    dynamodb: AwsService,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    with open_world(dynamodb, monkeypatch) as opened:
        # A page of tenants for each, so that the last page is asked as well.
        monkeypatch.setattr(loose_ends, "_TENANTS_AT_ONCE", 1)
        for tenant in (ACME, RIVAL):
            opened.table.put(Put({"pk": LISTING, "sk": tenant.id}))
        yield opened


@pytest.fixture
def ends(world: World) -> LooseEnds:
    return LooseEnds(world.upstream, world.holdings, world.intents, TenantRegistry(world.table))


def inventory(world: World, kind: Kind) -> Inventory:
    return Inventory(world.upstream, world.holdings, world.intents, kind)


def create(world: World, kind: Kind, now: Instant = NOW) -> None:
    inventory(world, kind).create(ACME, f"/v1beta/{kind}", b"{}", "mine", now)


def intents(world: World) -> list[Intent]:
    items = world.table.query(f"TENANT#{ACME.id}", "INTENT#").items
    return [Intent.from_item(item) for item in items]


def stop_before_recording(world: World, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> Intent:
    """Have upstream make a resource that nobody records, as a crash would; the intent left over."""

    def unavailable(*_: object) -> None:
        raise TableUnavailable

    world.google.say(f"POST /v1beta/{kind}", made(kind))
    with monkeypatch.context() as patched:
        patched.setattr(world.holdings, "add", unavailable)
        with pytest.raises(TableUnavailable):
            create(world, kind)
    world.google.requests.clear()
    [intent] = intents(world)
    return intent


def list_of(world: World, kind: Kind, *resources: dict[str, Any]) -> None:
    world.google.say(f"GET /v1beta/{kind}", {LISTED[kind]: list(resources)})


def let_delete(world: World, kind: Kind, resource_id: str = "x1") -> str:
    call = f"DELETE /v1beta/{kind}/{resource_id}"
    world.google.say(call, {})
    if kind is Kind.BATCH:
        world.google.refuse(
            f"POST /v1beta/{kind}/{resource_id}:cancel", 400, "FAILED_PRECONDITION", "It has ended."
        )
    return call


@kinds
def test_what_is_recorded_leaves_no_intent(world: World, kind: Kind) -> None:
    world.google.say(f"POST /v1beta/{kind}", made(kind))
    create(world, kind)
    assert intents(world) == []
    assert world.records(ACME, f"{kind}#") == [f"{kind}#x1"]


@kinds
def test_the_intent_is_there_before_upstream_hears_of_it(world: World, kind: Kind) -> None:
    seen: list[list[Intent]] = []
    world.google.on_request = lambda _request: seen.append(intents(world))
    world.google.say(f"POST /v1beta/{kind}", made(kind))
    create(world, kind)
    [[intent]] = seen
    assert (intent.kind, intent.project, intent.created_at) == (kind, "p1", NOW)
    assert intent.due_at == NOW + 30 * MINUTE
    assert is_loose_end(intent.key)


@kinds
def test_what_nobody_recorded_is_deleted(
    world: World, ends: LooseEnds, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    intent = stop_before_recording(world, kind, monkeypatch)
    assert ends.find(intent.key, intent.due_at - 1) is None
    found = ends.find(intent.key, intent.due_at)
    assert found == intent
    list_of(world, kind, made(kind))
    call = let_delete(world, kind)
    ends.tie(intent)
    cancelled = [f"POST /v1beta/{kind}/x1:cancel"] if kind is Kind.BATCH else []
    assert world.google.calls[1:] == [*cancelled, call]
    assert intents(world) == []


@kinds
def test_it_is_found_on_any_page(
    world: World, ends: LooseEnds, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    intent = stop_before_recording(world, kind, monkeypatch)

    def turn(request: httpx.Request) -> None:
        last = request.url.params.get("pageToken") == "2"
        page = {LISTED[kind]: [made(kind)]} if last else {"nextPageToken": "2"}
        world.google.say(f"GET /v1beta/{kind}", page)

    world.google.on_request = turn
    call = let_delete(world, kind)
    ends.tie(intent)
    assert call in world.google.calls


NOT_OURS: dict[str, Callable[[Kind], dict[str, Any]]] = {
    "made before": lambda kind: made(kind, at=NOW - MINUTE - SECOND),
    "made long after": lambda kind: made(kind, at=NOW + 15 * MINUTE + SECOND),
    "another name": lambda kind: made(kind, display_name="theirs"),
    "no name": lambda kind: made(kind, display_name=None),
    "of no known age": lambda kind: {"name": f"{kind}/x1", "displayName": "mine"},
}


@kinds
@pytest.mark.parametrize("resource", NOT_OURS.values(), ids=NOT_OURS.keys())
def test_what_is_not_of_the_intent_stays(
    world: World,
    ends: LooseEnds,
    kind: Kind,
    resource: Callable[[Kind], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    intent = stop_before_recording(world, kind, monkeypatch)
    list_of(world, kind, resource(kind))
    ends.tie(intent)
    assert world.google.calls == [f"GET /v1beta/{kind}?pageSize=20"]
    assert intents(world) == []


@kinds
@pytest.mark.parametrize("tenant", [ACME, RIVAL])
def test_what_a_tenant_owns_stays(
    world: World,
    ends: LooseEnds,
    kind: Kind,
    tenant: Any,  # noqa: ANN401
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The owner was quicker with one of the same name; only the other is nobody's."""
    intent = stop_before_recording(world, kind, monkeypatch)
    owned = Holding(tenant.id, kind, "x2", "p1", NOW, "{}")
    world.table.put(Put(owned.item()))
    list_of(world, kind, made(kind, "x2"), made(kind, "x1"))
    call = let_delete(world, kind)
    ends.tie(intent)
    assert [one for one in world.google.calls if one.startswith("DELETE")] == [call]
    assert world.records(tenant, f"{kind}#") == [f"{kind}#x2"]


@kinds
@pytest.mark.parametrize("status", [400, 403, 404, 429])
def test_what_upstream_refused_was_never_made(world: World, kind: Kind, status: int) -> None:
    world.google.refuse(f"POST /v1beta/{kind}", status, "S", "The video is private.")
    with pytest.raises(UpstreamRefused):
        create(world, kind)
    assert intents(world) == []


@kinds
def test_a_refusal_is_told_even_if_the_intent_cannot_be_ended(
    world: World, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise TableBusy

    world.google.refuse(f"POST /v1beta/{kind}", 400, "S", "No.")
    monkeypatch.setattr(world.intents, "end", busy)
    with pytest.raises(UpstreamRefused):
        create(world, kind)
    assert len(intents(world)) == 1


@kinds
@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(503, text="later"),
        httpx.ReadTimeout("slow"),
        httpx.Response(200, text="no JSON"),
        httpx.Response(200, json={"name": "else"}),
    ],
)
def test_what_may_have_been_made_is_looked_for(
    world: World, kind: Kind, answer: httpx.Response | Exception
) -> None:
    world.google.answers[f"POST /v1beta/{kind}"] = answer
    with pytest.raises((UpstreamUnavailable, UpstreamRefused)):
        create(world, kind)
    assert len(intents(world)) == 1


@kinds
def test_an_intent_that_cannot_be_kept_waits(
    world: World, ends: LooseEnds, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    intent = stop_before_recording(world, kind, monkeypatch)
    world.google.answers[f"GET /v1beta/{kind}"] = httpx.ReadTimeout("slow")
    with pytest.raises(CannotKeep):
        ends.tie(intent)
    list_of(world, kind, made(kind))
    let_delete(world, kind)
    world.google.refuse(f"DELETE /v1beta/{kind}/x1", 503, "UNAVAILABLE", "later")
    with pytest.raises(CannotKeep):
        ends.tie(intent)
    ends.put_off(intent, NOW + 2 * OVER_AFTER)
    [later] = intents(world)
    assert (later.due_at, later.looks) == (NOW + 2 * OVER_AFTER, 1)
    world.intents.end(intent)
    ends.put_off(intent, NOW + 3 * OVER_AFTER)
    assert intents(world) == []


def test_a_store_in_use_is_not_what_a_crash_left(
    world: World, ends: LooseEnds, monkeypatch: pytest.MonkeyPatch
) -> None:
    intent = stop_before_recording(world, Kind.STORE, monkeypatch)
    list_of(world, Kind.STORE, made(Kind.STORE))
    world.google.refuse(
        "DELETE /v1beta/fileSearchStores/x1", 400, "FAILED_PRECONDITION", "It is not empty."
    )
    ends.tie(intent)
    assert intents(world) == []


@kinds
def test_what_comes_after_its_intent_is_over_is_not_recorded(world: World, kind: Kind) -> None:
    """The janitor has looked already, so a record would name what is or will be deleted."""

    def end_intent(_request: httpx.Request) -> None:
        for intent in intents(world):
            world.intents.end(intent)

    world.google.on_request = end_intent
    world.google.say(f"POST /v1beta/{kind}", made(kind))
    with pytest.raises(UpstreamUnavailable):
        create(world, kind)
    assert world.records(ACME, f"{kind}#") == []
    assert world.used(ACME, "cachesCreated") == 0


# -- deletes


def delete(world: World, kind: Kind) -> None:
    inventory(world, kind).delete(ACME, "v1beta", "x1", NOW)


@pytest.fixture
def owned(world: World, request: pytest.FixtureRequest) -> Kind:
    """A kind, of which acme has x1."""
    kind: Kind = request.param
    world.google.say(f"POST /v1beta/{kind}", made(kind))
    create(world, kind)
    world.google.requests.clear()
    return kind


each_owned = pytest.mark.parametrize("owned", Kind, indirect=True)


def due(ends: LooseEnds, kind: Kind) -> Holding | None:
    found = ends.find(Key(f"TENANT#{ACME.id}", f"{kind}#x1"), NOW + DELETING_LOOK)
    assert found is None or isinstance(found, Holding)
    return found


def stop_after_deleting(world: World, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(*_: object) -> None:
        raise TableUnavailable

    let_delete(world, kind)
    with monkeypatch.context() as patched:
        patched.setattr(world.holdings, "drop", unavailable)
        with pytest.raises(TableUnavailable):
            delete(world, kind)


@each_owned
def test_a_delete_that_stopped_is_finished(
    world: World, ends: LooseEnds, owned: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert due(ends, owned) is None
    stop_after_deleting(world, owned, monkeypatch)
    found = due(ends, owned)
    assert found is not None
    world.google.refuse(f"GET /v1beta/{owned}/x1", 404, "NOT_FOUND", "Gone.")
    ends.tie(found)
    assert world.records(ACME, f"{owned}#") == []


@each_owned
def test_a_delete_that_never_reached_upstream_is_forgotten(
    world: World, ends: LooseEnds, owned: Kind
) -> None:
    world.google.answers[f"DELETE /v1beta/{owned}/x1"] = httpx.ConnectError("cut off")
    with pytest.raises(UpstreamUnavailable):
        delete(world, owned)
    found = due(ends, owned)
    assert found is not None
    world.google.say(f"GET /v1beta/{owned}/x1", made(owned))
    ends.tie(found)
    assert due(ends, owned) is None
    assert world.records(ACME, f"{owned}#") == [f"{owned}#x1"]


@each_owned
def test_a_look_that_learns_nothing_comes_again(
    world: World, ends: LooseEnds, owned: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_after_deleting(world, owned, monkeypatch)
    found = due(ends, owned)
    assert found is not None
    world.google.refuse(f"GET /v1beta/{owned}/x1", 503, "UNAVAILABLE", "later")
    with pytest.raises(CannotKeep):
        ends.tie(found)
    ends.put_off(found, NOW + MINUTE)
    assert due(ends, owned) is None
    later = world.holdings.find(ACME.id, owned, "x1")
    assert later is not None
    assert (later.due_at, later.looks) == (NOW + MINUTE, 1)
    assert Holding.from_item(later.item()) == later


@each_owned
def test_a_delete_that_upstream_refuses_leaves_no_appointment(
    world: World, ends: LooseEnds, owned: Kind
) -> None:
    world.google.refuse(f"DELETE /v1beta/{owned}/x1", 403, "S", "Consumer is suspended.")
    with pytest.raises(UpstreamKeyRefused):
        delete(world, owned)
    assert due(ends, owned) is None


@each_owned
def test_of_two_deletes_at_once_one_is_told_that_nothing_is_there(
    world: World, owned: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise HoldingGone

    monkeypatch.setattr(world.holdings, "appoint", gone)
    with pytest.raises(StatusError) as caught:
        delete(world, owned)
    if owned is Kind.CACHE:
        assert caught.value.status is CACHE_NOT_FOUND
    assert world.google.calls == []


@each_owned
def test_an_appointment_is_made_of_what_is_there_only(world: World, owned: Kind) -> None:
    holding = world.holdings.find(ACME.id, owned, "x1")
    assert holding is not None
    world.holdings.drop(holding)
    with pytest.raises(HoldingGone):
        world.holdings.appoint(holding, NOW)
    world.holdings.dismiss(holding)
    assert world.records(ACME, f"{owned}#") == []
