"""The process: both ports, the functions, the schedule, from start to clean stop."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from apigateway_standin.api import build_api
from apigateway_standin.clients import Clients, WatchfulServer
from apigateway_standin.clock import Clock
from apigateway_standin.control import Control
from apigateway_standin.document import Section
from apigateway_standin.functions import make_pools
from apigateway_standin.gateway import Gateway
from apigateway_standin.schedule import Scheduler
from apigateway_standin.stack import read_api, read_functions
from apigateway_standin.template import Template
from apigateway_standin.web_functions import make_web_pools

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from apigateway_standin.functions import FunctionPool
    from apigateway_standin.web_functions import WebPool

log = logging.getLogger(__name__)

_HOST = "127.0.0.1"
_READ_BUFFER = 64 * 1024
_LINE = 64 * 1024
"""Above API Gateway's own limit for line and headers, so that our check answers and not aiohttp."""


@dataclass(frozen=True, slots=True)
class Config:
    """What to serve and where; port 0 takes a free one."""

    template: Path
    port: int = 0
    control_port: int = 0
    resources: Path | None = None
    log_dir: Path | None = None
    max_environments: int = 4
    schedule: bool = True


@dataclass(frozen=True, slots=True)
class Ready:
    """Where the stand-in is reached, once each function has a warm environment."""

    base_url: str
    control_url: str
    pids: dict[str, list[int]]


async def serve(config: Config, stop: asyncio.Event, ready: Callable[[Ready], None]) -> None:
    """Run until `stop` is set. `TemplateError` before anything starts if the template is wrong."""
    overrides = Section({}, "resources file")
    if config.resources is not None:
        given = json.loads(config.resources.read_text(encoding="utf-8"))
        overrides = Section(given, "resources file")
    template = Template.load(config.template, overrides)
    functions = read_functions(template)
    api = build_api(read_api(template), functions)
    if config.log_dir is not None:
        config.log_dir.mkdir(parents=True, exist_ok=True)

    clock = Clock()
    pools = make_pools(functions, config.max_environments, config.log_dir)
    web_pools = make_web_pools(functions, config.max_environments, config.log_dir)
    all_pools: dict[str, FunctionPool | WebPool] = {**pools, **web_pools}
    async with asyncio.TaskGroup() as group:
        warming = {name: group.create_task(pool.warm()) for name, pool in all_pools.items()}
    for name, task in warming.items():
        if (error := task.result()) is not None:
            log.error("%s does not start: %s", name, error.message)

    clients = Clients()
    gateway = Gateway(api, pools, web_pools, clock, clients)
    server = WatchfulServer(
        gateway.handle,
        clients,
        access_log=None,
        auto_decompress=False,
        read_bufsize=_READ_BUFFER,
        max_line_size=_LINE,
        max_field_size=_LINE,
    )
    public = web.ServerRunner(server, shutdown_timeout=0.5)
    scheduler = Scheduler(pools.values() if config.schedule else (), clock)
    control = web.AppRunner(
        Control(api, pools, web_pools, clock, scheduler).application(),
        access_log=None,
        shutdown_timeout=0.5,
    )
    try:
        base_url = await _listen(public, config.port)
        control_url = await _listen(control, config.control_port)
        pids = {name: pool.pids for name, pool in all_pools.items()}
        ready(Ready(base_url, control_url, pids))
        await stop.wait()
    finally:
        await scheduler.close()
        await public.cleanup()
        await control.cleanup()
        await gateway.close()
        await asyncio.gather(*(pool.close() for pool in all_pools.values()))


async def _listen(runner: web.BaseRunner, port: int) -> str:
    await runner.setup()
    site = web.TCPSite(runner, _HOST, port, backlog=512)
    await site.start()
    address = runner.addresses[0]
    return f"http://{_HOST}:{address[1]}"
