"""`python -m gemini_simulator --port P --key K [--key L ...] [--ready-file F] [--state-file S]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from gemini_simulator.server import serve
from gemini_simulator.state_file import StateFile, StateFileError


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(
        prog="gemini_simulator", description="A stand-in for the Gemini File API."
    )
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1; 0 takes any")
    parser.add_argument(
        "--key", action="append", required=True, dest="keys", help="one API key per project"
    )
    parser.add_argument("--ready-file", type=Path, help="gets the URL as JSON once it answers")
    parser.add_argument(
        "--state-file", type=Path, help="read at the start, written at a clean stop; holds no key"
    )
    arguments = parser.parse_args()
    state_file = None if arguments.state_file is None else StateFile(arguments.state_file)
    try:
        serve(arguments.keys, arguments.port, arguments.ready_file, state_file)
    except StateFileError as error:
        parser.exit(1, f"{parser.prog}: {error}\n")


if __name__ == "__main__":
    main()
