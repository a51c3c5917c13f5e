"""Batches: a tenant's own and nobody else's; what they make belongs to who began them."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from threading import Barrier
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest
from google import genai
from google.genai.types import HttpOptions
from tests.unit.held import ACME, KEY, NOW, ODD_IDS, RIVAL, World, open_world, refusal

from filegate.adapters.aws_service import AwsService
from filegate.adapters.refusals import UpstreamKeyRefused, UpstreamRefused, UpstreamUnavailable
from filegate.adoptions import Adoptions
from filegate.batches import Batches
from filegate.errors import (
    BATCH_NOT_FOUND,
    ROUTE_UNKNOWN,
    StatusError,
    batch_input_unchecked,
    file_not_found,
)
from filegate.holdings import Kind
from filegate.inventory import LARGEST_SNAPSHOT
from filegate.tenants import Tenant

if TYPE_CHECKING:
    from filegate.batch_inputs import BatchInputs

MODEL = "gemini-2.5-flash"
CREATE = f"POST /v1beta/models/{MODEL}:batchGenerateContent"
GET, CANCEL, DELETE = (
    "GET /v1beta/batches/b1",
    "POST /v1beta/batches/b1:cancel",
    "DELETE /v1beta/batches/b1",
)
BODY = b'{ "batch": {"displayName": "mine", "inputConfig": {"requests": {"requests": []}}} }\n'
MADE = "batch-b1made"
RESPONSES = {"responsesFile": f"files/{MADE}"}
INLINED: dict[str, Any] = {
    "inlinedResponses": {"inlinedResponses": [{"response": {"candidates": []}}]}
}


def batch(
    state: str = "RUNNING",
    batch_id: str = "b1",
    output: dict[str, Any] | None = None,
    **fields: object,
) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
        "model": f"models/{MODEL}",
        "displayName": "mine",
        "state": f"BATCH_STATE_{state}",
        "name": f"batches/{batch_id}",
    }
    made: dict[str, Any] = {"name": f"batches/{batch_id}", "metadata": metadata, **fields}
    if state not in {"PENDING", "RUNNING"}:
        made["done"] = True
    if output is not None:
        metadata["output"] = output
        made["response"] = {"@type": metadata["@type"] + "Output", **output}
    return made


@pytest.fixture
def world(
    dynamodb: AwsService,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    with open_world(dynamodb, monkeypatch) as opened:
        opened.google.say(
            f"GET /v1beta/files/{MADE}",
            {"name": f"files/{MADE}", "source": "GENERATED", "state": "ACTIVE"},
        )
        yield opened


class Inputs:
    """Files of requests; those in `unread` were not checked."""

    unread: frozenset[str] = frozenset({"acme0001unread"})

    def require_checked(self, tenant: Tenant, file_id: str, _now: int) -> None:
        assert tenant == ACME
        if file_id in self.unread:
            raise StatusError(batch_input_unchecked(file_id, 1))


@pytest.fixture
def batches(world: World) -> Batches:
    adoptions = Adoptions(world.ledger, world.upstream)
    return Batches(
        world.upstream,
        world.holdings,
        world.intents,
        world.ownership,
        adoptions,
        cast("BatchInputs", Inputs()),
    )


def begin(world: World, batches: Batches, batch_id: str, tenant: Tenant = ACME) -> None:
    world.google.say(CREATE, batch("PENDING", batch_id))
    batches.create(tenant, "v1beta", MODEL, "batchGenerateContent", BODY, NOW)


@pytest.fixture
def begun(world: World, batches: Batches) -> World:
    """A world in which acme has the batch b1, and of which nothing was asked yet."""
    begin(world, batches, "b1")
    world.google.requests.clear()
    world.table.reads = 0
    return world


USES: dict[str, Callable[[Batches, Tenant, str], object]] = {
    "get": lambda batches, tenant, name: batches.get(tenant, "v1beta", name, NOW),
    "cancel": lambda batches, tenant, name: batches.cancel(tenant, "v1beta", name, NOW),
    "delete": lambda batches, tenant, name: batches.delete(tenant, "v1beta", name, NOW),
}
uses = pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
use_calls = pytest.mark.parametrize(
    ("use", "call"), list(zip(USES.values(), (GET, CANCEL, DELETE), strict=True)), ids=USES.keys()
)


@pytest.mark.parametrize("action", ["batchGenerateContent", "asyncBatchEmbedContent"])
def test_a_batch_is_begun_as_it_was_asked_for(world: World, batches: Batches, action: str) -> None:
    world.google.say(f"POST /v1alpha/models/{MODEL}:{action}", batch("PENDING"))
    assert batches.create(ACME, "v1alpha", MODEL, action, BODY, NOW) == batch("PENDING")
    (request,) = world.google.requests
    assert request.content == BODY
    assert request.headers["x-goog-api-key"] == KEY + "p1"
    held = world.holdings.find("acme", Kind.BATCH, "b1")
    assert held is not None
    assert (held.project, held.ends_at, json.loads(held.snapshot)) == ("p1", None, batch("PENDING"))
    assert (world.used(ACME, "batchesCreated"), world.used(RIVAL, "batchesCreated")) == (1, 0)


def test_a_model_stays_one_segment_of_the_path(world: World, batches: Batches) -> None:
    place = "POST /v1beta/models/..%2Fx%3Fy%23z:batchGenerateContent"
    world.google.say(place, batch("PENDING"))
    batches.create(ACME, "v1beta", "../x?y#z", "batchGenerateContent", BODY, NOW)
    assert world.google.calls == [place]


@pytest.mark.parametrize("action", ["", "generateContent", "batchGenerateContent?x", "predict"])
def test_no_other_action_begins_a_batch(world: World, batches: Batches, action: str) -> None:
    call = lambda: batches.create(ACME, "v1beta", MODEL, action, BODY, NOW)  # noqa: E731
    assert refusal(call) is ROUTE_UNKNOWN
    assert world.google.calls == []


@pytest.mark.parametrize(
    "source",
    [
        {"fileName": "files/rival002doc"},
        {"file_name": "rival002doc"},
        {
            "requests": {
                "requests": [{"request": {"x": {"file_data": {"file_uri": "rival002doc"}}}}]
            }
        },
    ],
)
def test_what_a_batch_names_must_be_ones_own(
    world: World, batches: Batches, source: object
) -> None:
    body = json.dumps({"batch": {"input_config": source}}).encode()
    call = lambda: batches.create(ACME, "v1beta", MODEL, "batchGenerateContent", body, NOW)  # noqa: E731
    assert refusal(call) == file_not_found("rival002doc")
    assert world.google.calls == []


@pytest.mark.parametrize(
    ("status", "message", "raised"),
    [
        (400, "Exactly one of file_name and requests is required.", UpstreamRefused),
        (403, "Consumer 'project_number:1' has been suspended.", UpstreamKeyRefused),
        (403, "The video is private.", UpstreamRefused),
        (429, "quota", UpstreamRefused),
    ],
)
def test_what_upstream_refuses_is_not_recorded(
    world: World, batches: Batches, status: int, message: str, raised: type[Exception]
) -> None:
    world.google.refuse(CREATE, status, "S", message)
    with pytest.raises(raised):
        batches.create(ACME, "v1beta", MODEL, "batchGenerateContent", BODY, NOW)
    assert world.records(ACME, "batches") == []


def test_what_has_no_name_is_not_recorded(world: World, batches: Batches) -> None:
    world.google.say(CREATE, {"name": "operations/b1"})
    with pytest.raises(UpstreamUnavailable):
        batches.create(ACME, "v1beta", MODEL, "batchGenerateContent", BODY, NOW)
    assert world.records(ACME, "batches") == []


@uses
@pytest.mark.parametrize(("tenant", "name"), [(RIVAL, "b1"), (ACME, "b2"), (RIVAL, "b2")])
def test_foreign_and_missing_are_one_answer_after_one_read(
    begun: World, batches: Batches, use: Callable[..., object], tenant: Tenant, name: str
) -> None:
    assert refusal(lambda: use(batches, tenant, name)) is BATCH_NOT_FOUND
    assert (begun.table.reads, begun.google.calls) == (1, [])
    assert begun.records(ACME, "batches") == ["batches#b1"]


@uses
def test_what_can_be_no_id_is_missing(
    begun: World, batches: Batches, use: Callable[..., object]
) -> None:
    for name in ODD_IDS:
        assert refusal(partial(use, batches, ACME, name)) is BATCH_NOT_FOUND
    assert begun.google.calls == []


@use_calls
def test_what_upstream_has_no_more_is_forgotten(
    begun: World, batches: Batches, use: Callable[..., object], call: str
) -> None:
    begun.google.refuse(call, 404, "NOT_FOUND", "Requested entity was not found.")
    if call is DELETE:
        use(batches, ACME, "b1")
    else:
        assert refusal(lambda: use(batches, ACME, "b1")) is BATCH_NOT_FOUND
    assert begun.records(ACME, "batches") == []
    assert refusal(lambda: use(batches, ACME, "b1")) is BATCH_NOT_FOUND


@use_calls
@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (httpx.Response(400, text="no"), UpstreamRefused),
        (httpx.Response(404, text="<html>"), UpstreamRefused),
        (httpx.Response(500, text="no"), UpstreamRefused),
        (httpx.ConnectError("no"), UpstreamUnavailable),
    ],
)
def test_other_refusals_forget_nothing(
    begun: World,
    batches: Batches,
    use: Callable[..., object],
    call: str,
    answer: httpx.Response | Exception,
    raised: type[Exception],
) -> None:
    begun.google.answers[call] = answer
    with pytest.raises(raised):
        use(batches, ACME, "b1")
    assert begun.records(ACME, "batches") == ["batches#b1"]


def test_cancel_and_delete(begun: World, batches: Batches) -> None:
    begun.google.say(CANCEL, {"whatever": 1})
    begun.google.say(DELETE, {})
    assert batches.cancel(ACME, "v1beta", "b1", NOW) == {}
    batches.delete(ACME, "v1beta", "b1", NOW)
    assert begun.google.calls == [CANCEL, DELETE]
    assert begun.records(ACME, "batches") == []


@pytest.mark.parametrize("spelling", ["responsesFile", "responses_file", "fileName", "file_name"])
@pytest.mark.parametrize("place", ["response", "output", "dest", "metadata.output"])
def test_a_file_of_responses_is_ones_own_before_it_is_answered(
    begun: World, batches: Batches, spelling: str, place: str
) -> None:
    ended = batch("SUCCEEDED")
    holder = ended["metadata"] if place.startswith("metadata") else ended
    holder[place.rpartition(".")[2]] = {spelling: f"files/{MADE}"}
    begun.google.say(GET, ended)
    assert batches.get(ACME, "v1beta", "b1", NOW) == ended
    assert begun.records(ACME, "FILE#") == [f"FILE#{MADE}"]
    assert begun.records(RIVAL, "FILE#") == []
    assert begun.used(ACME, "generated") == 1
    # Nothing of it changes any more: upstream is not asked again, and nothing counted twice.
    assert batches.get(ACME, "v1beta", "b1", NOW) == ended
    assert begun.google.calls == [GET, f"GET /v1beta/files/{MADE}"]
    assert begun.used(ACME, "generated") == 1


def test_a_file_of_responses_is_where_its_batch_is_and_not_where_its_tenant_is_by_now(
    begun: World, batches: Batches
) -> None:
    begun.google.say(GET, batch("SUCCEEDED", output=RESPONSES))
    batches.get(replace(ACME, project="p2"), "v1beta", "b1", NOW)
    record = begun.ledger.find(ACME.id, MADE)
    assert record is not None
    assert record.project == ACME.project
    sent = {request.headers["x-goog-api-key"] for request in begun.google.requests}
    assert sent == {KEY + ACME.project}


def test_a_file_that_cannot_be_recorded_is_not_answered(begun: World, batches: Batches) -> None:
    ended = batch("SUCCEEDED", output=RESPONSES)
    begun.google.say(GET, ended)
    file = begun.google.answers[f"GET /v1beta/files/{MADE}"]
    begun.google.answers[f"GET /v1beta/files/{MADE}"] = httpx.ReadTimeout("slow")
    with pytest.raises(UpstreamUnavailable):
        batches.get(ACME, "v1beta", "b1", NOW)
    begun.google.answers[f"GET /v1beta/files/{MADE}"] = file
    assert batches.get(ACME, "v1beta", "b1", NOW) == ended
    assert begun.records(ACME, "FILE#") == [f"FILE#{MADE}"]


def test_what_a_tenant_wrote_makes_no_file_its_own(begun: World, batches: Batches) -> None:
    named = {"responsesFile": "files/rival002doc", "output": RESPONSES}
    answers = [{"metadata": named, "response": {"responsesFile": "files/rival002doc"}}]
    ended = batch("SUCCEEDED", output={"inlinedResponses": {"inlinedResponses": answers, **named}})
    ended["metadata"]["inputConfig"] = {"fileName": "files/rival002doc"}
    ended["metadata"]["displayName"] = "files/rival002doc"
    begun.google.say(GET, ended)
    assert batches.get(ACME, "v1beta", "b1", NOW) == ended
    assert begun.records(ACME, "FILE#") == []
    assert begun.google.calls == [GET]


def test_an_uploaded_file_is_adopted_under_no_circumstance(begun: World, batches: Batches) -> None:
    begun.google.say("GET /v1beta/files/rival002doc", {"name": "files/rival002doc"})
    begun.google.say(GET, batch("SUCCEEDED", output={"responsesFile": "files/rival002doc"}))
    batches.get(ACME, "v1beta", "b1", NOW)
    assert begun.records(ACME, "FILE#") == []


@pytest.mark.parametrize("name", ["", "files/", "files/A_B", "gs://bucket/object", "batches/b1"])
def test_what_reads_as_no_file_is_let_be(begun: World, batches: Batches, name: str) -> None:
    ended = batch("SUCCEEDED", output={"responsesFile": name})
    begun.google.say(GET, ended)
    assert batches.get(ACME, "v1beta", "b1", NOW) == ended
    assert begun.google.calls == [GET]


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED", "EXPIRED"])
def test_a_batch_that_failed_is_not_asked_about_again(
    begun: World, batches: Batches, state: str
) -> None:
    ended = batch(state, error={"code": 1, "message": "no"})
    begun.google.say(GET, ended)
    for _ in range(2):
        assert batches.get(ACME, "v1beta", "b1", NOW) == ended
    assert batches.page(ACME, "v1beta", 10, None, NOW) == ([ended], None)
    assert begun.google.calls == [GET]


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "SUCCEEDED", "UNSPECIFIED"])
def test_a_batch_without_its_output_is_asked_about_again(
    begun: World, batches: Batches, state: str
) -> None:
    begun.google.say(GET, batch(state))
    batches.get(ACME, "v1beta", "b1", NOW)
    begun.google.say(GET, batch("SUCCEEDED", output=RESPONSES))
    assert batches.get(ACME, "v1beta", "b1", NOW)["response"]["responsesFile"] == f"files/{MADE}"


def test_what_is_inlined_is_not_kept_but_asked_for(begun: World, batches: Batches) -> None:
    ended = batch("SUCCEEDED", output=INLINED)
    ended["metadata"]["inputConfig"] = {"requests": {"requests": [{"request": {}}]}}
    begun.google.say(GET, ended)
    for _ in range(2):
        assert batches.get(ACME, "v1beta", "b1", NOW) == ended
    assert begun.google.calls == [GET, GET]
    kept = batch("SUCCEEDED", output={"inlinedResponses": {}})
    kept["metadata"]["inputConfig"] = {"requests": {}}
    held = begun.holdings.find("acme", Kind.BATCH, "b1")
    assert held is not None
    assert json.loads(held.snapshot) == kept
    # It has ended, so for a list upstream is not asked.
    assert batches.page(ACME, "v1beta", 10, None, NOW) == ([kept], None)
    assert begun.google.calls == [GET, GET]


def test_the_stock_sdk_reads_what_a_list_leaves_out() -> None:
    listed = {"operations": [batch("SUCCEEDED", output={"inlinedResponses": {}})]}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=listed))
    options = HttpOptions(base_url="https://gateway.test", client_args={"transport": transport})
    with genai.Client(api_key="fg_acme_x", http_options=options) as client:
        (job,) = client.batches.list()
    assert job.state == "JOB_STATE_SUCCEEDED"
    assert job.dest is not None
    assert (job.dest.file_name, job.dest.inlined_responses) == (None, None)


def test_megabytes_leave_a_small_snapshot(world: World, batches: Batches) -> None:
    large = batch("PENDING")
    large["metadata"]["inputConfig"] = {"requests": {"requests": ["x" * 5_000_000]}}
    world.google.say(CREATE, large)
    made = batches.create(ACME, "v1beta", MODEL, "batchGenerateContent", BODY, NOW)
    assert made == large
    inlined = {"inlined_responses": [{"response": "x" * 5_000_000}]}
    ended = batch("SUCCEEDED", output=inlined)
    world.google.say(GET, ended)
    assert batches.get(ACME, "v1beta", "b1", NOW) == ended
    held = world.holdings.find("acme", Kind.BATCH, "b1")
    assert held is not None
    assert len(held.snapshot) < 1_000


def test_of_what_is_still_too_large_only_the_name_is_kept(begun: World, batches: Batches) -> None:
    ended = batch("FAILED", error={"message": "é" * LARGEST_SNAPSHOT})
    begun.google.say(GET, ended)
    for _ in range(2):
        assert batches.get(ACME, "v1beta", "b1", NOW) == ended
    held = begun.holdings.find("acme", Kind.BATCH, "b1")
    assert held is not None
    assert held.snapshot == '{"name":"batches/b1"}'
    assert batches.page(ACME, "v1beta", 10, None, NOW) == ([ended], None)
    assert begun.google.calls == [GET, GET, GET]


def test_a_list_is_as_true_as_a_get(world: World, batches: Batches) -> None:
    for batch_id in ("b1", "b2", "b3", "b4"):
        begin(world, batches, batch_id)
    begin(world, batches, "b5", RIVAL)
    ended = batch("SUCCEEDED", "b1", RESPONSES)
    world.google.say("GET /v1beta/batches/b1", ended)
    world.google.say("GET /v1beta/batches/b2", batch("RUNNING", "b2"))
    world.google.refuse("GET /v1beta/batches/b3", 404, "NOT_FOUND", "gone")
    world.google.say("GET /v1beta/batches/b4", batch("SUCCEEDED", "b4", INLINED))
    assert batches.page(ACME, "v1beta", 10, None, NOW) == (
        [
            ended,
            batch("RUNNING", "b2"),
            batch("SUCCEEDED", "b4", {"inlinedResponses": {}}),
        ],
        None,
    )
    assert world.records(ACME, "FILE#") == [f"FILE#{MADE}"]
    assert world.records(ACME, "batches") == ["batches#b1", "batches#b2", "batches#b4"]
    world.google.requests.clear()
    first, following = batches.page(ACME, "v1beta", 1, None, NOW)
    assert (first, following) == ([ended], "b1")
    second, following = batches.page(ACME, "v1beta", 2, following, NOW)
    assert ([one["name"] for one in second], following) == (["batches/b2", "batches/b4"], None)
    # Only of what has not ended upstream is asked.
    assert world.google.calls == ["GET /v1beta/batches/b2"]
    assert batches.page(ACME, "v1beta", 5, "b4", NOW) == ([], None)


def test_a_list_asks_upstream_side_by_side(world: World, batches: Batches) -> None:
    names = [f"b{number:02}" for number in range(16)]
    for name in names:
        begin(world, batches, name)
        world.google.say(f"GET /v1beta/batches/{name}", batch("RUNNING", name))
    everyone = Barrier(16, timeout=20)

    def meet(_: httpx.Request) -> None:
        everyone.wait()

    world.google.on_request = meet
    listed, _ = batches.page(ACME, "v1beta", 100, None, NOW)
    assert [one["name"] for one in listed] == [f"batches/{name}" for name in names]


def test_a_list_says_when_upstream_cannot_be_asked(begun: World, batches: Batches) -> None:
    begun.google.answers[GET] = httpx.ReadTimeout("slow")
    with pytest.raises(UpstreamUnavailable):
        batches.page(ACME, "v1beta", 10, None, NOW)


def test_a_later_word_is_not_overwritten_by_an_earlier_one(begun: World, batches: Batches) -> None:
    ended = batch("SUCCEEDED", output=RESPONSES)

    def meanwhile(_: httpx.Request) -> None:
        begun.google.on_request = None
        begun.google.say(GET, ended)
        batches.get(ACME, "v1beta", "b1", NOW)
        begun.google.say(GET, batch("RUNNING"))

    begun.google.on_request = meanwhile
    assert batches.get(ACME, "v1beta", "b1", NOW) == batch("RUNNING")
    begun.google.requests.clear()
    assert batches.get(ACME, "v1beta", "b1", NOW) == ended
    assert begun.google.calls == []


def test_only_a_file_that_was_read_is_run(world: World, batches: Batches) -> None:
    for file_id in ("acme0001unread", "acme0001read"):
        world.store_file(ACME, file_id)
    world.google.say(CREATE, batch("PENDING"))

    def create(file_name: str) -> object:
        body = json.dumps({"batch": {"inputConfig": {"fileName": file_name}}}).encode()
        return batches.create(ACME, "v1beta", MODEL, "batchGenerateContent", body, NOW)

    for spelling in ("files/acme0001unread", "acme0001unread", "files/unread", "unread"):
        with pytest.raises(StatusError) as caught:
            create(spelling)
        assert "cannot be run as a batch" in caught.value.status.message
    assert world.google.requests == []
    create("files/read")
    assert len(world.google.requests) == 1
