"""Parsers take time by the length of what they are sent, and not by its square.

What is measured is only that they come to an end: each of these texts kept a parser busy for
minutes, or would keep a careless one, and a request ends after half a minute. (No signal reaches
a parser in C, so the watchdog is a thread, and ends the run.)
"""

import json
from collections.abc import Callable
from contextlib import suppress

import pytest

from filegate.edge.audit_queries import AuditQuery
from filegate.errors import StatusError
from filegate.multipart import read_boundary, read_parts
from filegate.names import chosen_file_id, file_id_of_uri
from filegate.pages import read_page_size
from filegate.references import find_references, read_document
from filegate.store_requests import read_document as read_store_document
from filegate.tenants import tenant_of_key
from filegate.token_requests import read_origin, read_token_request
from filegate.upload_requests import protocol_of, read_start
from filegate.wire import read_metadata

SIZE = 64 * 1024
"""Bytes: the most that metadata may have, and more than all headers together."""
LARGE = 256 * 1024
"""Bytes of a model call, which may have many times as many."""

PIECES = [
    *(
        '"',
        "'",
        "\\",
        '\\"',
        "\\'",
        "\"'",
        'a="',
        'a=";',
        "a=",
        ";",
        "; ",
        " ",
        "\t",
        "\r\n",
        "=",
        ",",
    ),
    *(
        "{",
        "[",
        "{'a':",
        '{"a":',
        "/",
        "//",
        "files/",
        "files//",
        "/v1",
        "v1/",
        "%25",
        "%",
        ":",
        "-",
    ),
    *(
        "a-",
        "0",
        "9",
        "gs:",
        "https://",
        "fg_a_",
        "a.",
        "é",
        "e\u0301",
        "\u0301\u0316",
        "\ufdfa",
        "\ud800",
    ),
]


def texts(size: int) -> list[str]:
    """Each piece over and over, alone and behind the beginnings that parsers look for."""
    return [
        begin + piece * (size // len(piece))
        for piece in PIECES
        for begin in ("", "{", "multipart/related; boundary=")
    ]


def names(text: str, key: str) -> None:
    find_references(read_document(json.dumps({"contents": [{key: text}]}).encode()))


PARSERS: dict[str, Callable[[str], object]] = {
    "metadata": lambda text: read_metadata(text.encode("utf-8", "surrogatepass")[:SIZE]),
    "token request": lambda text: read_token_request(text.encode("utf-8", "replace")[:SIZE]),
    "document": lambda text: read_store_document(text.encode("utf-8", "replace")[:SIZE]),
    "boundary": read_boundary,
    "parts": lambda text: read_parts(
        "a/b; boundary=X", b"--X\r\n" + text.encode("utf-8", "replace")
    ),
    "part header": lambda text: read_parts(
        "a/b; boundary=X", f"--X\r\nA: {text}".encode("utf-8", "replace")
    ),
    "protocol": lambda text: protocol_of({"x-goog-upload-protocol": text}, {"uploadType": text}),
    "size": lambda text: read_start(
        {"x-goog-upload-command": "start", "x-goog-upload-header-content-length": text}, b""
    ),
    "type": lambda text: read_start(
        {"x-goog-upload-command": "start", "x-goog-upload-header-content-type": text}, b""
    ),
    "command": lambda text: read_start({"x-goog-upload-command": text}, b""),
    "file uri": lambda text: names(text, "fileUri"),
    "unknown field": lambda text: names(text, "whatever"),
    "cache": lambda text: names(text, "cachedContent"),
    "URI of upstream": file_id_of_uri,
    "name": lambda text: chosen_file_id("acme0001", text),
    "key": tenant_of_key,
    "page size": read_page_size,
    "origin": read_origin,
    "audit": lambda text: AuditQuery.read(text, text, text, 0),
}


@pytest.mark.timeout(60, method="thread")
@pytest.mark.parametrize("parser", PARSERS)
def test_a_parser_ends(parser: str) -> None:
    for text in texts(SIZE):
        with suppress(StatusError, ValueError):
            PARSERS[parser](text)


@pytest.mark.timeout(60, method="thread")
@pytest.mark.parametrize(
    "piece", ["\u0301\u0316", "\u0f71\u0f72", "e\u0301", "\ufdfa", "\\", "%25", "/v1"]
)
def test_a_model_call_is_read(piece: str) -> None:
    with suppress(StatusError):
        names("files/" + piece * (LARGE // len(piece.encode())), "fileUri")
