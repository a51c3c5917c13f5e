"""Requests that name a foreign file, in every spelling that someone upstream might read as one."""

import json
import random
from typing import Final

from hypothesis import strategies as st

ORIGIN: Final = "https://generativelanguage.googleapis.com"

_KEYS = ["fileUri", "file_uri", "fileURI", "file-uri", "FILE_URI", "fileName", "file_name", "uri"]
_KEYS += ["gcsUri", "inputUri", "name", "names", "url", "source", "anything"]
_HOSTS = ["generativelanguage.googleapis.com", "GENERATIVELANGUAGE.googleapis.com:443"]
_HOSTS += ["generativelanguage.googleapis.com.", "user:pass@generativelanguage.googleapis.com"]
_HOSTS += ["autopush-generativelanguage.sandbox.googleapis.com", "gateway.example", "127.0.0.1:1"]
_HOSTS += ["generativelanguage%2Egoogleapis.com", "generativelanguage.googleapis.com"]
_PREFIXES = ["/v1beta/", "/v1/", "//v1alpha//", "/download/v1beta/", "/upload/v1/", "/live/v1beta/"]
_ENDINGS = ["", "/", ":download", ":download?alt=media", "?alt=json", "#x", "%20", "/../x", ";a=b"]
_CONTAINERS = ["contents", "parts", "fileData", "functionResponse", "response", "args", "tools"]
_CONTAINERS += ["systemInstruction", "request", "parameters", "batch", "video", "text", "data"]


@st.composite
def spellings(draw: st.DrawFn, foreign: str) -> str:
    """A way of writing the foreign file's name or URI that someone might read as such."""
    named = f"files/{foreign}"
    if draw(st.booleans()):
        scheme = draw(st.sampled_from(["https://", "http://", "HTTPS://", "//"]))
        host, prefix = draw(st.sampled_from(_HOSTS)), draw(st.sampled_from(_PREFIXES))
        named = scheme + host + prefix + named
    else:
        named = draw(st.sampled_from(["", "/", "v1beta/", "/v1/"])) + named
    text = named + draw(st.sampled_from(_ENDINGS))
    chance = random.Random(draw(st.integers(0, 2**32)))  # noqa: S311
    for _ in range(draw(st.integers(0, 3))):
        share = chance.choice([0.05, 0.5, 1.0])
        text = "".join(
            f"%{ord(one):02x}" if one.isascii() and chance.random() < share else one for one in text
        )
    if draw(st.booleans()):
        text = "".join(one.upper() if chance.random() < 0.3 else one for one in text)
    if draw(st.booleans()):
        at = chance.randrange(len(text) + 1)
        text = text[:at] + draw(st.sampled_from(["\t", "\n", " ", "\u200b", "\u00ad"])) + text[at:]
    return text


@st.composite
def bodies(draw: st.DrawFn, own: str, foreign: str) -> bytes:
    """A request that names a foreign file somewhere, in JSON that escapes what it likes."""
    value: object = {draw(st.sampled_from(_KEYS)): draw(spellings(foreign))}
    for _ in range(draw(st.integers(0, 6))):
        if draw(st.booleans()):
            value = [{"text": "hello"}, value, {"fileUri": f"{ORIGIN}/v1beta/files/{own}"}]
        else:
            value = {draw(st.sampled_from(_CONTAINERS)): value, "mimeType": "text/plain"}
    body = json.dumps({"contents": value}, ensure_ascii=draw(st.booleans()))
    if draw(st.booleans()):
        body = body.replace("/", "\\/")
    if draw(st.booleans()):
        body = body.replace("f", "\\u0066")
    return body.encode()
