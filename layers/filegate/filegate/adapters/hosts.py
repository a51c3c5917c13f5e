"""Hosts: where upstream may send this gateway, or a client, by a URL in an answer.

Upstream itself, and over TLS the hosts that Google serves content from. Anywhere else is refused,
so that an answer that was tampered with leads to nobody's host, and to none inside the network.
"""

from typing import Final

import httpx

_GOOGLES: Final = ("googleapis.com", "googleusercontent.com", "google.com")
_TLS_PORT: Final = 443


def is_upstream(url: httpx.URL, base: httpx.URL) -> bool:
    """Whether a URL is upstream's own, whose address `base` is: only there a key may go."""
    return (url.scheme, url.host, url.port) == (base.scheme, base.host, base.port)


def may_lead_to(url: httpx.URL, base: httpx.URL) -> bool:
    """Whether a URL in an answer of upstream's may be followed."""
    if url.userinfo:
        return False
    if is_upstream(url, base):
        return True
    googles = any(url.host == name or url.host.endswith(f".{name}") for name in _GOOGLES)
    return googles and url.scheme == "https" and url.port in {None, _TLS_PORT}
