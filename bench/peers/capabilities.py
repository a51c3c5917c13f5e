"""Capabilities: what the stock SDK can do through each peer, tried and not looked up."""

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx
from google import genai
from google.genai.types import HttpOptions, UploadFileConfig

from bench.peers.peer import Peer, Upstream
from bench.stack import LocalStack
from bench.throughput import start_upload

_SIZE: Final = 20 * 1024 * 1024
"""Bytes of a file that takes three of the SDK's chunks."""

_QUOTA: Final = 10 * 1024 * 1024
_WORDS: Final = 70


@dataclass(frozen=True)
class Bench:
    """What every trial needs."""

    stack: LocalStack
    upstream: Upstream
    limit: Callable[[Peer, int | None], bool]
    """Sets tenant A's storage limit where the peer has such a thing; answers whether it has."""


def try_all(peer: Peer, bench: Bench) -> dict[str, str]:
    """Each capability and what came of it: `yes` or `no`, and then in a few words why."""
    trials: Mapping[str, Callable[[Peer, Bench], str]] = {
        "resumable upload by the stock SDK": _upload,
        "its chunks pass the gateway": _chunks_pass,
        "a tenant's file is closed to another": _isolation,
        "a byte quota refuses before bytes go": _quota,
        "upstream's key stays hidden": _hidden,
    }
    return {name: _tried(trial, peer, bench) for name, trial in trials.items()}


def sentence(error: BaseException) -> str:
    """An exception in one line that fits a table."""
    text = re.sub(r"\s+", " ", str(error)).replace("|", "/").strip()
    found = re.search(r"'message': (['\"])(.*?)\1", text)
    code = re.match(r"\d{3}", text)
    said = f"{code[0]} {found[2]}" if found and code else f"{type(error).__name__}: {text}"
    return said if len(said) <= _WORDS else said[:_WORDS].rsplit(" ", 1)[0] + " …"


def _tried(trial: Callable[[Peer, Bench], str], peer: Peer, bench: Bench) -> str:
    try:
        return trial(peer, bench)
    except Exception as error:  # noqa: BLE001 - whatever another's gateway does is a result
        return f"no: {sentence(error)}"


def _sdk(peer: Peer, tenant: int) -> genai.Client:
    options = HttpOptions(base_url=peer.base_url, headers=dict(peer.headers), timeout=60_000)
    return genai.Client(api_key=peer.keys[tenant], http_options=options)


def _send(client: genai.Client) -> str:
    """Upload a file; answers its name."""
    config = UploadFileConfig(mime_type="video/mp4")
    file = client.files.upload(file=io.BytesIO(bytes(_SIZE)), config=config)
    if file.size_bytes != _SIZE or file.name is None:
        raise ValueError(f"{file.size_bytes} of {_SIZE} bytes are there")
    return file.name


def _upload(peer: Peer, _bench: Bench) -> str:
    client = _sdk(peer, 0)
    client.files.delete(name=_send(client))
    return "yes"


def _chunks_pass(peer: Peer, _bench: Bench) -> str:
    with peer.client() as client:
        try:
            url = start_upload(client, 1)
        except KeyError:
            return "no: the start is answered without an upload URL"
    if urlsplit(url).netloc != urlsplit(peer.base_url).netloc:
        return "no: the upload URL names upstream's own host"
    return "yes"


def _isolation(peer: Peer, bench: Bench) -> str:
    owner, other = _sdk(peer, 0), _sdk(peer, 1)
    try:
        name = _send(owner)
    except Exception:  # noqa: BLE001 - where no file goes up, one that is there already must do
        name = straight_file(bench.upstream)
    try:
        other.files.get(name=name)
    except genai.errors.APIError as error:
        return f"yes: {error.code} for tenant B"
    return "no: tenant B reads tenant A's file"


def _quota(peer: Peer, bench: Bench) -> str:
    client = _sdk(peer, 0)
    settable = bench.limit(peer, _QUOTA)
    bench.stack.forget_requests()
    refusal = ""
    try:
        _send(client)
    except Exception as error:  # noqa: BLE001 - a refusal is what is hoped for
        refusal = sentence(error)
    finally:
        bench.limit(peer, None)
    went = bench.stack.upload_bytes_seen()
    if settable and refusal and not went:
        return f"yes: {refusal}"
    return f"no: {'' if settable else 'none to set; '}{went:,} bytes went up"


def _hidden(peer: Peer, bench: Bench) -> str:
    """Search what a tenant sends and gets for upstream's key."""
    if bench.upstream.key in peer.keys:
        return "no: whoever calls must have it"
    with peer.client() as client:
        answers = [
            client.get(f"/v1beta/{straight_file(bench.upstream)}"),
            client.get("/v1beta/files/absent"),
            client.post(
                "/upload/v1beta/files",
                headers={
                    "x-goog-upload-protocol": "resumable",
                    "x-goog-upload-command": "start",
                    "x-goog-upload-header-content-length": "1",
                    "x-goog-upload-header-content-type": "text/plain",
                },
                json={"file": {}},
            ),
        ]
    for answer in answers:
        if bench.upstream.key in f"{answer.headers} {answer.text}":
            return f"no: it is in the answer to {answer.request.method}"
    return "yes"


def straight_file(upstream: Upstream) -> str:
    """A small file, uploaded straight to upstream; answers its name."""
    with httpx.Client(base_url=upstream.url, timeout=60) as client:
        answer = client.post(
            "/upload/v1beta/files",
            headers={"x-goog-api-key": upstream.key, "x-goog-upload-protocol": "raw"},
            content=b"straight",
        ).raise_for_status()
    name: str = answer.json()["file"]["name"]
    return name
