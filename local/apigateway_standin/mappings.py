"""Parameter mapping expressions of REST APIs."""

from __future__ import annotations

import functools
import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import unquote

from apigateway_standin.document import TemplateError
from apigateway_standin.exchange import Context, Exchange, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger(__name__)

Kind: TypeAlias = Literal["static", "context", "stage", "header", "querystring", "path", "response"]

_STATIC = re.compile(r"'([^']*)'")
_REQUEST = re.compile(r"method\.request\.(header|querystring|path)\.([a-zA-Z0-9._$-]+)")
_RESPONSE = re.compile(r"integration\.response\.header\.([a-zA-Z0-9._$-]+)")
_CONTEXT = re.compile(r"context\.([a-zA-Z0-9._-]+)")
_STAGE = re.compile(r"stageVariables\.([a-zA-Z0-9_]+)")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a mapped value comes from; see "Parameter mapping source reference for REST APIs"."""

    kind: Kind
    name: str

    def read(self, exchange: Exchange, response: Sequence[tuple[str, str]] = ()) -> str | None:
        """The value, or None when the source is absent or empty: such a mapping is left out.

        Names are matched exactly, as REST APIs do ("Amazon API Gateway important notes": "Header
        names and query parameters are processed in a case-sensitive way"). A miss that only the
        case explains is logged, for nothing else on AWS would tell.
        """
        value: str | None
        if self.kind == "static":
            value = self.name
        elif self.kind == "context":
            value = text_of(lookup(exchange.request_context(), self.name))
        elif self.kind == "stage":
            value = exchange.stage_variables.get(self.name)
        elif self.kind == "querystring":
            value = exchange.query_parameter(self.name)
        elif self.kind == "path":
            raw = exchange.path_parameters.get(self.name)
            value = None if raw is None else unquote(raw)
        else:
            headers = exchange.headers if self.kind == "header" else response
            value = _header(headers, self.name, self.kind)
        return value or None


def lookup(context: dict[str, Context], name: str) -> Context:
    """A context variable by its dotted name, such as `authorizer.uploadId`."""
    value: Context = context
    for part in name.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def _header(headers: Sequence[tuple[str, str]], name: str, kind: str) -> str | None:
    value = None
    other = None
    for key, found in headers:
        if key == name:
            value = found
        elif key.lower() == name.lower():
            other = key
    if value is None and other is not None:
        _warn("client" if kind == "header" else "upstream", name, other)
    return value


@functools.lru_cache(maxsize=256)
def _warn(side: str, name: str, other: str) -> None:
    """Say once what every request would repeat."""
    log.warning(
        "mapping of header %s found nothing: the %s sent %s, and REST APIs match header names "
        "case-sensitively",
        name,
        side,
        other,
    )


def request_source(expression: str, place: str) -> Source:
    """The source of an integration request parameter or of a gateway response header."""
    if match := _REQUEST.fullmatch(expression):
        kind: Kind = (
            "header" if match[1] == "header" else "path" if match[1] == "path" else "querystring"
        )
        return Source(kind, match[2])
    return _common(expression, place)


def response_source(expression: str, place: str) -> Source:
    """The source of a method response header."""
    if match := _RESPONSE.fullmatch(expression):
        return Source("response", match[1])
    return _common(expression, place)


def _common(expression: str, place: str) -> Source:
    if match := _STATIC.fullmatch(expression):
        return Source("static", match[1])
    if match := _CONTEXT.fullmatch(expression):
        return Source("context", match[1])
    if match := _STAGE.fullmatch(expression):
        return Source("stage", match[1])
    raise TemplateError(place, f"mapping expression {expression!r} is not supported")
