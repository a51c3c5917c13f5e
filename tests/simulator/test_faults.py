"""Faults: every kind, who is hit, how often, and what has happened afterwards."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import httpx
import pytest

from gemini_simulator import create_app

if TYPE_CHECKING:
    from tests.simulator.conftest import Simulator


def test_a_cut_before_takes_no_effect(simulator: Simulator) -> None:
    url = simulator.session(length=5)
    simulator.fault({"kind": "drop-before"}, command="finalize")
    with pytest.raises(httpx.TransportError):
        simulator.send(url, b"hello")
    assert simulator.project()["files"] == []
    assert simulator.send(url, b"hello").status_code == 200


def test_a_cut_afterwards_takes_effect(simulator: Simulator) -> None:
    url = simulator.session(length=5)
    simulator.fault({"kind": "drop-after"}, command="finalize")
    with pytest.raises(httpx.TransportError):
        simulator.send(url, b"hello")
    assert simulator.project()["bytesStored"] == 5
    assert simulator.requests()[-1]["fault"] == "drop-after"
    assert simulator.requests()[-1]["status"] is None
    again = simulator.send(url, b"hello")
    assert again.headers["x-goog-upload-status"] == "final"
    assert simulator.project()["bytesStored"] == 5


def test_a_cut_of_a_delete(simulator: Simulator) -> None:
    name = simulator.upload()["name"]
    simulator.fault({"kind": "drop-after"}, method="DELETE")
    with pytest.raises(httpx.TransportError):
        simulator.delete(name)
    assert simulator.delete(name).status_code == 403


def test_a_status_without_effect(simulator: Simulator) -> None:
    url = simulator.session(length=5)
    simulator.fault(
        {"kind": "status", "status": 503, "retryAfter": "2"}, times=2, path="upload_id="
    )
    for _ in range(2):
        answer = simulator.send(url, b"hello")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "2"
        assert "x-goog-upload-status" not in answer.headers
    assert simulator.send(url, b"hello").status_code == 200


def test_a_status_of_the_api_is_json(simulator: Simulator) -> None:
    simulator.fault({"kind": "status", "status": 500}, method="get", path="^/v1beta/files$")
    assert simulator.listing().json()["error"]["code"] == 500
    assert simulator.listing().status_code == 200


def test_no_status_header(simulator: Simulator) -> None:
    url = simulator.session(length=5)
    simulator.fault({"kind": "no-status-header"}, command="^upload, finalize$")
    answer = simulator.send(url, b"hello")
    assert answer.status_code == 200
    assert "x-goog-upload-status" not in answer.headers
    assert simulator.send(url, b"hello").headers["x-goog-upload-status"] == "final"


def test_active_after_finalize(simulator: Simulator) -> None:
    url = simulator.session(length=5)
    simulator.fault({"kind": "active-after-finalize"}, command="finalize")
    answer = simulator.send(url, b"hello")
    assert answer.headers["x-goog-upload-status"] == "active"
    assert answer.content == b""
    assert simulator.project()["bytesStored"] == 5


def test_malformed_json(simulator: Simulator) -> None:
    name = simulator.upload()["name"]
    simulator.fault({"kind": "malformed-json"}, method="GET")
    answer = simulator.get(name)
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        answer.json()


def test_a_redirect_repeats_the_request(simulator: Simulator) -> None:
    url = simulator.session(length=5)
    simulator.fault({"kind": "redirect"}, command="finalize")
    answer = simulator.send(url, b"hello")
    assert (answer.status_code, answer.headers["location"]) == (307, url)
    assert simulator.send(answer.headers["location"], b"hello").status_code == 200


def test_latency_only_delays(simulator: Simulator) -> None:
    simulator.fault({"kind": "latency", "seconds": 0.01})
    assert simulator.listing().status_code == 200
    assert simulator.requests()[-1]["fault"] == "latency"


def test_rules_can_be_seen_and_dropped(simulator: Simulator) -> None:
    simulator.fault({"kind": "status", "status": 418}, times=3)
    simulator.listing()
    rules = simulator.control("faults")["faults"]
    assert isinstance(rules, list)
    assert rules[0]["times"] == 2
    assert simulator.http.delete("/_simulator/faults").json() == {"faults": []}
    assert simulator.listing().status_code == 200


def test_the_control_plane_is_never_hit(simulator: Simulator) -> None:
    simulator.fault({"kind": "status"}, times=100)
    assert simulator.control("clock")


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"fault": {"kind": "nonsense"}},
        {"fault": {"kind": "status"}, "match": {"path": "("}},
        {"fault": {"kind": "status", "status": "x"}},
        [],
    ],
)
def test_a_rule_that_makes_no_sense(simulator: Simulator, rule: object) -> None:
    answer = simulator.http.post("/_simulator/faults", json=rule)
    assert answer.status_code == 400
    assert re.search("fault rule|JSON object", answer.json()["error"])


def test_in_process_a_cut_is_an_error_of_the_transport() -> None:
    async def scenario() -> None:
        transport = httpx.ASGITransport(create_app(["key"]))
        async with httpx.AsyncClient(transport=transport, base_url="http://upstream") as http:
            await http.post("/_simulator/faults", json={"fault": {"kind": "drop-before"}})
            with pytest.raises(ConnectionResetError):
                await http.get("/v1/files?key=key")
            assert (await http.get("/v1/files?key=key")).json() == {}

    asyncio.run(scenario())
