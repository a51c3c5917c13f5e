"""What bench/peers is made of; no peer is needed for it."""

import ast
import json
import re
from pathlib import Path

import httpx
import pytest
import yaml

from bench.peers import environments, litellm, nginx, portkey
from bench.peers.capabilities import sentence
from bench.peers.gets import Gets, Round, summary
from bench.peers.peer import Peer, Unavailable, Upstream, running
from bench.peers.report import EDGE, FUNCTIONS, Figures, tables
from bench.peers.uploads import Uploads, chunk_url, failed
from bench.report import README, fill

UPSTREAM = Upstream("http://127.0.0.1:9555", "AIza-hidden")
PEER = Peer("nginx", "http://127.0.0.1:1/gate", ("a", "b"), dict)


def test_nginx_is_told_key_host_and_tenants() -> None:
    text = nginx.config(UPSTREAM, 8123)
    assert "server 127.0.0.1:9555;" in text
    assert "listen 127.0.0.1:8123;" in text
    assert 'proxy_set_header x-goog-api-key "AIza-hidden";' in text
    assert all(f'"{key}"' in text for key in nginx.KEYS)
    assert "$$" not in text
    assert text.count("{") == text.count("}")


def test_litellm_is_told_upstream_and_its_hook() -> None:
    config = yaml.safe_load(litellm.CONFIG)
    module, name = config["general_settings"]["custom_auth"].split(".")
    defined = [node.name for node in ast.parse(litellm.HOOK).body if hasattr(node, "name")]
    assert (module, name) == ("tenants", defined[0])
    environment = litellm.environment(UPSTREAM)
    assert environment["GEMINI_API_BASE"] == UPSTREAM.url
    assert environment["GEMINI_API_KEY"] == UPSTREAM.key
    assert environment["LITELLM_MASTER_KEY"] != litellm.environment(UPSTREAM)["LITELLM_MASTER_KEY"]


def test_portkey_is_told_where_google_is() -> None:
    assert portkey.headers(UPSTREAM)["x-portkey-custom-host"] == UPSTREAM.url


@pytest.mark.parametrize("name", ["litellm", "nginx"])
def test_python_locks_are_pinned_and_name_no_registry(name: str) -> None:
    text = (environments.LOCKS / f"{name}.txt").read_text()
    pins = re.findall(r"^[a-z0-9][\w.\[\]-]*==\S+", text, re.MULTILINE)
    assert pins
    assert text.count("--hash=sha256:") >= len(pins)
    assert "://" not in text


def test_node_lock_is_pinned_and_names_no_registry() -> None:
    lock = json.loads((environments.LOCKS / "portkey" / "package-lock.json").read_text())
    packages = {path: one for path, one in lock["packages"].items() if path}
    assert packages
    assert all(one["integrity"].startswith("sha512-") for one in packages.values())
    assert not any("resolved" in one for one in packages.values())


def test_a_machine_without_node_leaves_portkey_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="needs node"):
        environments.node_environment("portkey")


def test_what_ends_at_once_is_left_out_with_its_last_words(tmp_path: Path) -> None:
    command = ["/bin/sh", "-c", "echo first; echo no such option"]
    with (
        pytest.raises(Unavailable, match="no such option"),
        running(command, tmp_path, "http://127.0.0.1:9/", {}),
    ):
        pytest.fail("it is not running")


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("http://127.0.0.1:1/upload?upload_id=x", "http://127.0.0.1:1/upload?upload_id=x"),
        (
            "https://upstream/upload/v1/files?a=b%20c",
            "http://127.0.0.1:1/gate/upload/v1/files?a=b%20c",
        ),
    ],
)
def test_chunks_go_through_what_is_measured(given: str, sent: str) -> None:
    assert chunk_url(given, PEER.base_url) == sent


def test_a_round_of_gets_is_counted_per_answer() -> None:
    rounds = [
        Round((1.0, 2.0, 3.0, 4.0), 2.0, 0, {"nginx": 0.008}),
        Round((2.0, 2.0, 2.0, 2.0), 1.0, 1, {"nginx": 0.016}),
        Round((), 1.0, 5, {"nginx": 0.5}),
    ]
    found = summary(PEER, 16, rounds)
    assert found.errors == 6
    assert found.rate == 3.0
    assert found.cpu["nginx"] == pytest.approx(3.0)


def test_nothing_but_errors_is_no_figure() -> None:
    assert summary(PEER, 1, [Round((), 1.0, 5, {})]).rate == 0


def test_a_failure_is_told_in_a_few_words() -> None:
    assert "upload URL" in failed(PEER, KeyError("x-goog-upload-url")).failure
    request = httpx.Request("POST", "http://127.0.0.1:1/")
    error = httpx.HTTPStatusError("x", request=request, response=httpx.Response(400))
    assert failed(PEER, error).failure == "POST is answered 400"
    assert sentence(ValueError("a | b\n c")) == "ValueError: a / b c"
    assert (
        sentence(ValueError("429 X. {'error': {'message': 'Full.', 'code': 429}}")) == "429 Full."
    )
    assert len(sentence(ValueError("word " * 100))) < 80


def test_tables_have_their_place_and_every_peer() -> None:
    figures = Figures(
        gets={
            "straight": {n: Gets("straight", n, 9, 1, 2, 0, {}, {}) for n in (1, 16)},
            "Filegate": {
                n: Gets("Filegate", n, 9, 1, 2, 0, {FUNCTIONS: 2.0, EDGE: 1.0}, {FUNCTIONS: 80})
                for n in (1, 16)
            },
            "LiteLLM": {
                n: Gets("LiteLLM", n, 9, 1, 2, 3, {"LiteLLM": 10.0}, {"LiteLLM": 300})
                for n in (1, 16)
            },
        },
        uploads={
            "straight": Uploads("straight", 600, {}, {}),
            "LiteLLM": Uploads("LiteLLM", 0, {}, {}, "no upload URL"),
        },
        capabilities={"LiteLLM": {"upload": "no"}},
        left_out={"Portkey": "needs node"},
    )
    found = tables(figures)
    gets = found["peers gets"]
    assert re.search(r"\| LiteLLM .* 5\.00 \|", gets)
    assert "9, 3 errors" in gets
    assert "Portkey: left out, it needs node" in gets
    assert "LiteLLM: impossible, no upload URL" in found["peers uploads"]
    assert "| straight " in found["peers uploads"]
    assert "| upload " in found["peers capabilities"]
    assert fill(README.read_text(), found)
