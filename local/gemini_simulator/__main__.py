"""`python -m gemini_simulator --port P --key K [--key K2 ...] [--ready-file F]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from gemini_simulator.server import serve


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
    arguments = parser.parse_args()
    serve(arguments.keys, arguments.port, arguments.ready_file)


if __name__ == "__main__":
    main()
