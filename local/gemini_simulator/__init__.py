"""A stand-in for Google's File API at `generativelanguage.googleapis.com`.

It speaks the wire protocol that the official SDKs speak, keeps counts and hashes instead of
bytes, and has a control plane under `/_simulator/` for tests:

    python -m gemini_simulator --port 8081 --key AIza-first --key AIza-second

With `--state-file F` the next process goes on where this one stopped; half-received uploads and
all upload sessions of File Search stores are lost, their URLs unknown.
"""

from gemini_simulator.app import create_app

__all__ = ["create_app"]
