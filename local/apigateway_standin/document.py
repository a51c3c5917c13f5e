"""Typed reading of a resolved template: every complaint names the place in the template."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Node: TypeAlias = "bool | int | float | str | list[Node] | dict[str, Node] | None"


class TemplateError(Exception):
    """The template asks for something that is wrong or that this stand-in does not do."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(f"{place or 'template'}: {message}")
        self.place = place


class Section:
    """One mapping of the template together with its place, such as `Resources.Api.Properties`."""

    __slots__ = ("_values", "place")

    def __init__(self, value: Node, place: str) -> None:
        if not isinstance(value, dict):
            raise TemplateError(place, f"expected a mapping, found {_kind(value)}")
        self._values = value
        self.place = place

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    @property
    def values(self) -> dict[str, Node]:
        """The mapping itself."""
        return self._values

    def at(self, key: str) -> str:
        """The place of one key."""
        return f"{self.place}.{key}" if self.place else key

    def node(self, key: str) -> Node:
        """The value of a key, or None."""
        return self._values.get(key)

    def section(self, key: str) -> Section:
        """The mapping under a key; an absent key is an empty mapping."""
        value = self._values.get(key)
        return Section({} if value is None else value, self.at(key))

    def sections(self) -> Iterator[tuple[str, Section]]:
        """Every entry, each of which must be a mapping."""
        for key in self._values:
            yield key, self.section(key)

    def items(self, key: str) -> list[Node]:
        """The list under a key; an absent key is an empty list."""
        value = self._values.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise TemplateError(self.at(key), f"expected a list, found {_kind(value)}")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """The value of a key as text; numbers and booleans are written as CloudFormation does."""
        value = self._values.get(key)
        if value is None:
            if default is None:
                raise TemplateError(self.place, f"{key} is required")
            return default
        return as_text(value, self.at(key))

    def number(self, key: str, default: int) -> int:
        """The whole number under a key."""
        value = self._values.get(key)
        if value is None:
            return default
        try:
            return int(as_text(value, self.at(key)))
        except ValueError:
            raise TemplateError(self.at(key), f"expected a whole number, found {value!r}") from None

    def texts(self, key: str) -> dict[str, str]:
        """The mapping under a key with every value as text."""
        section = self.section(key)
        return {name: section.text(name, "") for name in section}

    def refuse(self, keys: Iterable[str], reason: str) -> None:
        """Complain about the first of these keys that is present."""
        for key in keys:
            if key in self:
                raise TemplateError(self.at(key), reason)

    def only(self, keys: Iterable[str]) -> None:
        """Complain about the first key that is not one of these."""
        allowed = set(keys)
        for key in self._values:
            if key not in allowed:
                raise TemplateError(self.at(key), "is not supported by the stand-in")


def as_text(value: Node, place: str) -> str:
    """A scalar as text: `true` and `false` in lower case, numbers as written."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise TemplateError(place, f"expected text, found {_kind(value)}")


def _kind(value: Node) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else repr(value)
