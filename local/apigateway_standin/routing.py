"""Finds the resource of a path the way REST APIs do."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import unquote

from apigateway_standin.document import TemplateError

T = TypeVar("T")

_PART = re.compile(r"[a-zA-Z0-9._\-:,~$]+|\{[a-zA-Z0-9._\-:]+\+?\}")


@dataclass(slots=True)
class _Variable(Generic[T]):
    name: str
    greedy: bool
    node: _Node[T]


@dataclass(slots=True)
class _Node(Generic[T]):
    literals: dict[str, _Node[T]] = field(default_factory=dict)
    variable: _Variable[T] | None = None
    resource: T | None = None


class Router(Generic[T]):
    """Resources by path: a literal beats `{parameter}` and `{proxy+}`.

    - A literal is compared with the decoded segment, so `files%3Aregister` finds `files:register`.
    - `%2F` does not split a segment, and values keep the encoding the client sent: both as observed
      on AWS (aws/aws-sam-cli issues 771 and 3524, recordings in aws/aws-lambda-dotnet).
    - One trailing slash is ignored (aws/aws-sam-cli pull request 1495).
    """

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, path: str, resource: T, place: str) -> None:
        """Register a resource path; what "Amazon API Gateway important notes" or `CreateResource`
        forbid is an error here too."""
        if not path.startswith("/"):
            raise TemplateError(place, f"{path!r} does not begin with a slash")
        parts = path.split("/")[1:] if path != "/" else []
        node = self._root
        for index, part in enumerate(parts):
            if not _PART.fullmatch(part):
                raise TemplateError(place, f"{part!r} must be all literal or all one parameter")
            if not part.startswith("{"):
                node = node.literals.setdefault(part, _Node())
                continue
            greedy = part.endswith("+}")
            if greedy and index != len(parts) - 1:
                raise TemplateError(place, f"{part} must be the last segment")
            variable = _Variable[T](part[1:-1].rstrip("+"), greedy, _Node())
            known = node.variable or variable
            if (known.name, known.greedy) != (variable.name, greedy):
                raise TemplateError(
                    place,
                    f"a sibling already has the path variable {{{known.name}}}; one is allowed",
                )
            node.variable = known
            node = known.node
        node.resource = resource

    def find(self, path: str) -> tuple[T, dict[str, str]] | None:
        """The resource of a raw request path with its path parameters, still encoded."""
        parts = path.split("/")[1:]
        if parts and parts[-1] == "":
            parts.pop()
        return self._find(self._root, parts)

    def _find(self, node: _Node[T], parts: list[str]) -> tuple[T, dict[str, str]] | None:
        if not parts:
            return None if node.resource is None else (node.resource, {})
        head, rest = parts[0], parts[1:]
        if (literal := node.literals.get(unquote(head))) and (found := self._find(literal, rest)):
            return found
        if (variable := node.variable) is None:
            return None
        if variable.greedy:
            resource = variable.node.resource
            return None if resource is None else (resource, {variable.name: "/".join(parts)})
        if head and (found := self._find(variable.node, rest)):
            return found[0], {variable.name: head, **found[1]}
        return None
