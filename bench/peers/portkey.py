"""Portkey's gateway: the open-source one, which keeps no keys and knows no tenants."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from bench.peers.environments import node_environment
from bench.peers.peer import Peer, Upstream, family, running
from filegate_local.children import free_port


def headers(upstream: Upstream) -> dict[str, str]:
    """What every request must carry: the provider, and where it is."""
    return {"x-portkey-provider": "google", "x-portkey-custom-host": upstream.url}


@contextlib.contextmanager
def run_portkey(upstream: Upstream, folder: Path) -> Iterator[Peer]:
    """Run Portkey's gateway. Raises Unavailable."""
    installed = node_environment("portkey")
    port = free_port()
    server = installed / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    environment = {
        "NODE_ENV": "production",
        "TRUSTED_CUSTOM_HOSTS": urlsplit(upstream.url).hostname or "",
    }
    url = f"http://127.0.0.1:{port}"
    command: list[str | Path] = ["node", server, f"--port={port}", "--headless"]
    with running(command, folder, url, environment) as process:
        yield Peer(
            "Portkey",
            f"{url}/v1",
            # There is no key but upstream's own: whoever calls must have it.
            (upstream.key, upstream.key),
            lambda: {"Portkey": family(process)},
            headers(upstream),
            # It passes the bytes of no other type on; a chunk's type says nothing to upstream.
            chunk_type="audio/mpeg",
        )
