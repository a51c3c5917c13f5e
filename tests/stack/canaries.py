"""Canaries: upstream keys and upload ids, looked for in everything that a stack leaves behind."""

import base64
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

if TYPE_CHECKING:
    from local_stack import LocalStack


def forms(secret: str) -> set[bytes]:
    """A secret as it is, percent-encoded, JSON-escaped and in base64, wherever it begins there."""
    raw = secret.encode()
    found = {raw, quote(secret, safe="").encode(), quote(secret).encode()}
    found.add(json.dumps(secret)[1:-1].encode())
    found.add(raw.hex().encode())
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before, lost in ((0, 0), (1, 2), (2, 3)):
            whole = encode(bytes(before) + raw).rstrip(b"=")
            # The last character may hold bits of what follows.
            found.add(whole[lost:-1])
    return found


def leaks(secret: str, found: list[tuple[str, bytes]]) -> list[str]:
    """The names of the texts that hold a secret in any form."""
    wanted = forms(secret)
    return [name for name, text in found if any(form in text for form in wanted)]


def left_behind(stack: "LocalStack") -> Iterator[tuple[str, bytes]]:
    """Log files, with metrics and exceptions in them, and table items, by name."""
    for path in sorted(stack.logs.rglob("*")):
        if path.is_file():
            yield path.name, path.read_bytes()
    for item in stack.items():
        yield f"{item['pk']} {item['sk']}", json.dumps(item, ensure_ascii=False).encode()


def upload_ids(stack: "LocalStack") -> set[str]:
    """The upload ids that the simulator was asked about."""
    return {
        upload_id
        for request in stack.simulator("GET", "/requests")["requests"]
        for upload_id in parse_qs(urlsplit(request["path"]).query).get("upload_id", [])
    }


def assert_kept_secret(stack: "LocalStack") -> None:
    """No key of any project, and no upload id, stands in what the stack leaves behind."""
    found = list(left_behind(stack))
    assert any(name.endswith(".log") for name, _ in found)
    for key in stack.upstream_keys:
        assert leaks(key, found) == []
    whole = b"\n".join(text for _, text in found)
    assert [one for one in upload_ids(stack) if one.encode() in whole] == []
