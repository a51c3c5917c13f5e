"""LiteLLM's proxy: its Gemini pass-through, tuned, with an auth hook of our own."""

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.peers.environments import python_environment
from bench.peers.peer import Peer, Upstream, family, running
from filegate_local.children import free_port

KEYS: Final = ("litellm-tenant-a", "litellm-tenant-b")

CONFIG: Final = """\
model_list: []
litellm_settings:
  set_verbose: false
  turn_off_message_logging: true
general_settings:
  custom_auth: tenants.authenticate
  disable_spend_logs: true
"""

# Its own check of virtual keys needs Postgres and costs more; a hook is the cheapest it offers.
HOOK: Final = f"""\
from fastapi import HTTPException
from litellm.proxy._types import UserAPIKeyAuth

TENANTS = {{"{KEYS[0]}": "a", "{KEYS[1]}": "b"}}


async def authenticate(request, api_key):
    tenant = TENANTS.get(api_key)
    if tenant is None:
        raise HTTPException(401, "no such key")
    return UserAPIKeyAuth(api_key=api_key, user_id=tenant)
"""


def environment(upstream: Upstream) -> dict[str, str]:
    """Its environment variables: where Gemini is, and no logs, telemetry or downloads."""
    return {
        "GEMINI_API_BASE": upstream.url,
        "GEMINI_API_KEY": upstream.key,
        "LITELLM_MASTER_KEY": f"sk-{secrets.token_hex(24)}",
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOG": "ERROR",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "DISABLE_ADMIN_UI": "True",
    }


@contextlib.contextmanager
def run_litellm(upstream: Upstream, folder: Path) -> Iterator[Peer]:
    """Run LiteLLM's proxy in a folder of its own, with one worker. Raises Unavailable."""
    installed = python_environment("litellm")
    port = free_port()
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "tenants.py").write_text(HOOK)
    command: list[str | Path] = [
        *(installed / "bin" / "litellm", "--config", folder / "config.yaml"),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--num_workers", "1", "--telemetry", "False"),
    ]
    url = f"http://127.0.0.1:{port}"
    alive = f"{url}/health/liveliness"
    with running(command, folder, alive, environment(upstream)) as process:
        yield Peer("LiteLLM", f"{url}/gemini", KEYS, lambda: {"LiteLLM": family(process)})
