"""`python -m apigateway_standin`: serve a template until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path

from apigateway_standin.document import TemplateError
from apigateway_standin.server import Config, Ready, serve


def parse(arguments: list[str]) -> tuple[Config, Path | None]:
    """The configuration and the ready file of a command line."""
    parser = argparse.ArgumentParser(prog="apigateway_standin", description=__doc__)
    parser.add_argument("--template", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--resources", type=Path, help="JSON: Parameters, Resources, Environment")
    parser.add_argument("--log-dir", type=Path, help="one <LogicalId>.log for each function")
    parser.add_argument("--ready-file", type=Path, help="written once functions are warm")
    parser.add_argument("--max-environments", type=int, default=4, help="for each function")
    parser.add_argument("--no-schedule", action="store_true")
    options = parser.parse_args(arguments)
    config = Config(
        template=options.template,
        port=options.port,
        control_port=options.control_port,
        resources=options.resources,
        log_dir=options.log_dir,
        max_environments=options.max_environments,
        schedule=not options.no_schedule,
    )
    return config, options.ready_file


async def run(config: Config, ready_file: Path | None) -> None:
    """Serve until a signal comes."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def announce(ready: Ready) -> None:
        text = json.dumps(
            {"base_url": ready.base_url, "control_url": ready.control_url, "pids": ready.pids}
        )
        if ready_file is None:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
            return
        # A reader sees nothing or everything.
        partial = ready_file.with_name(ready_file.name + ".partial")
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, ready_file)  # noqa: PTH105 - Path.replace says the same

    await serve(config, stop, announce)


def main() -> int:
    """Exit status 2 when the template cannot be served."""
    logging.basicConfig(level=logging.WARNING, format="apigateway_standin: %(message)s")
    config, ready_file = parse(sys.argv[1:])
    try:
        asyncio.run(run(config, ready_file))
    except (TemplateError, OSError, ValueError) as error:
        sys.stderr.write(f"apigateway_standin: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
