"""Loads a SAM template: YAML with CloudFormation tags, parameters, conditions and intrinsics."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml

from apigateway_standin.document import Node, Section, TemplateError, as_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REGION = "us-east-1"
ACCOUNT = "000000000000"

_PSEUDO = {
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::StackName": "local",
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/local/0",
    "AWS::URLSuffix": "amazonaws.com",
}
_VARIABLE = re.compile(r"\$\{(!?)([^}]*)\}")


class _NoValue:
    """What `AWS::NoValue` resolves to: the property or list element disappears."""


class _Loader(yaml.SafeLoader):
    """SafeLoader that keeps dates as text and turns `!Tag` into its long form."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _construct_tag(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Node]:
    value: Node
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)  # noqa: S101 - the three kinds YAML has
        value = {str(key): item for key, item in loader.construct_mapping(node, deep=True).items()}
    if suffix == "GetAtt" and isinstance(value, str):
        value = list(value.split(".", 1))
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _construct_tag)


def _normal(value: object) -> Node:
    """Keys as text: YAML reads the status code `200:` as a number."""
    if isinstance(value, dict):
        return {str(key): _normal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_normal(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


class Template:
    """A loaded template that resolves intrinsics on demand.

    `overrides` has the shape of the resources file: `Parameters` (name to value), `Resources`
    (logical id to `Ref` and attributes) and `Environment` (logical id or `*` to variables).
    An unlisted resource resolves to its logical id and to a plausible ARN.
    """

    def __init__(self, document: Node, directory: Path, overrides: Section | None = None) -> None:
        root = Section(document, "")
        self.directory = directory
        self.resources = root.section("Resources")
        self.globals = root.section("Globals")
        self.overrides = overrides or Section({}, "resources file")
        self._parameters = root.section("Parameters")
        self._conditions = root.section("Conditions")
        self._mappings = root.section("Mappings")
        self._functions: dict[str, Callable[[Node, str], Node | _NoValue]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::If": self._if,
            "Fn::Join": self._join,
            "Fn::Split": self._split,
            "Fn::Select": self._select,
            "Fn::FindInMap": self._find_in_map,
            "Fn::Equals": self._equals,
            "Fn::Not": self._not,
            "Fn::And": self._and,
            "Fn::Or": self._or,
        }

    @classmethod
    def load(cls, path: Path, overrides: Section | None = None) -> Template:
        """Read a template file; `TemplateError` if it is not YAML."""
        try:
            # _Loader is a SafeLoader: only the tags above are added, and they build plain data.
            document = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506
        except yaml.YAMLError as error:
            raise TemplateError(str(path), f"is not YAML: {error}") from error
        return cls(_normal(document), path.resolve().parent, overrides)

    def section(self, key: str) -> Section:
        """A resource's `Properties`, resolved; a resource whose condition is false is refused."""
        resource = self.resources.section(key)
        return self.resolved(resource.section("Properties"))

    def resolved(self, section: Section) -> Section:
        """The same section with every intrinsic replaced by its value."""
        return Section(self.resolve(section.values, section.place), section.place)

    def of_type(self, kind: str) -> list[str]:
        """Logical ids of the resources of a type whose condition holds."""
        found = []
        for name, resource in self.resources.sections():
            if resource.text("Type", "") != kind:
                continue
            if "Condition" in resource and not self._condition(
                resource.text("Condition"), resource.at("Condition")
            ):
                continue
            found.append(name)
        return found

    def resolve(self, value: Node, place: str) -> Node:
        """Replace intrinsics in a value; an unknown one is an error that names the place."""
        result = self._resolve(value, place)
        return None if isinstance(result, _NoValue) else result

    def _resolve(self, value: Node, place: str) -> Node | _NoValue:
        if isinstance(value, list):
            found = (self._resolve(item, f"{place}[{at}]") for at, item in enumerate(value))
            return [item for item in found if not isinstance(item, _NoValue)]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(name, argument)] = value.items()
            if function := self._functions.get(name):
                return function(argument, f"{place}.{name}")
            if name.startswith("Fn::"):
                raise TemplateError(f"{place}.{name}", "this intrinsic is not supported")
        pairs = ((key, self._resolve(item, f"{place}.{key}")) for key, item in value.items())
        return {key: item for key, item in pairs if not isinstance(item, _NoValue)}

    def _ref(self, argument: Node, place: str) -> Node | _NoValue:
        name = as_text(argument, place)
        if name == "AWS::NoValue":
            return _NoValue()
        if name in _PSEUDO:
            return _PSEUDO[name]
        if name in self._parameters.values:
            return self._parameter(name, place)
        physical = self.overrides.section("Resources").section(name)
        if "Ref" in physical:
            return physical.node("Ref")
        self._known(name, place)
        if self.resources.section(name).text("Type", "") == "AWS::Lambda::Alias":
            return self._alias_arn(name)
        return name

    def _alias_arn(self, name: str) -> str:
        alias = self.section(name)
        function = f"function:{alias.text('FunctionName')}:{alias.text('Name')}"
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:{function}"

    def _parameter(self, name: str, place: str) -> Node:
        given = self.overrides.section("Parameters")
        declared = self._parameters.section(name)
        value = given.node(name) if name in given else declared.node("Default")
        if value is None:
            raise TemplateError(place, f"parameter {name} has neither a value nor a Default")
        text = as_text(value, declared.place)
        if "List" in declared.text("Type", "String"):
            return [item.strip() for item in text.split(",")]
        return text

    def _get_att(self, argument: Node, place: str) -> Node:
        if isinstance(argument, str):
            argument = list(argument.split(".", 1))
        if not isinstance(argument, list) or len(argument) != 2:
            raise TemplateError(place, "expects a logical id and an attribute")
        return self._attribute(as_text(argument[0], place), as_text(argument[1], place), place)

    def _attribute(self, name: str, attribute: str, place: str) -> Node:
        physical = self.overrides.section("Resources").section(name)
        if attribute in physical:
            return physical.node(attribute)
        self._known(name, place)
        if attribute != "Arn":
            return f"{name}.{attribute}"
        kind = self.resources.section(name).text("Type", "AWS::IAM::Role")
        if kind in {"AWS::Serverless::Function", "AWS::Lambda::Function"}:
            return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self._ref(name, place)}"
        service = kind.split("::")[1].lower()
        return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{name}"

    def _known(self, name: str, place: str) -> None:
        # SAM makes resources of its own whose ids begin with the declared one (FnRole, Api.Stage).
        if not any(name.startswith(declared) for declared in self.resources.values):
            raise TemplateError(place, f"{name} is neither a parameter nor a resource")

    def _sub(self, argument: Node, place: str) -> str:
        own: dict[str, Node] = {}
        if isinstance(argument, list):
            if len(argument) != 2:
                raise TemplateError(place, "expects text and a mapping")
            own = self.resolved(Section(argument[1], place)).values
            argument = argument[0]
        text = as_text(argument, place)

        def replace(match: re.Match[str]) -> str:
            if match[1]:
                return f"${{{match[2]}}}"
            name = match[2].strip()
            if name in own:
                return as_text(own[name], place)
            resource, _, attribute = name.partition(".")
            if attribute and name not in self.overrides.section("Resources"):
                value = self._resolve({"Fn::GetAtt": [resource, attribute]}, place)
            else:
                value = self._ref(name, place)
            if isinstance(value, _NoValue):
                return ""
            return ",".join(map(str, value)) if isinstance(value, list) else as_text(value, place)

        return _VARIABLE.sub(replace, text)

    def _if(self, argument: Node, place: str) -> Node | _NoValue:
        name, yes, no = self._arguments(argument, 3, place)
        return self._resolve(yes if self._condition(as_text(name, place), place) else no, place)

    def _join(self, argument: Node, place: str) -> str:
        glue, items = self._arguments(self.resolve(argument, place), 2, place)
        if not isinstance(items, list):
            raise TemplateError(place, "expects a list to join")
        return as_text(glue, place).join(as_text(item, place) for item in items)

    def _split(self, argument: Node, place: str) -> Node:
        glue, text = self._arguments(self.resolve(argument, place), 2, place)
        return list(as_text(text, place).split(as_text(glue, place)))

    def _select(self, argument: Node, place: str) -> Node:
        index, items = self._arguments(self.resolve(argument, place), 2, place)
        number = int(as_text(index, place))
        if not isinstance(items, list) or number >= len(items):
            raise TemplateError(place, f"has no element {number}")
        return items[number]

    def _find_in_map(self, argument: Node, place: str) -> Node:
        name, top, second = self._arguments(self.resolve(argument, place), 3, place)
        keys = as_text(top, place), as_text(second, place)
        found = self._mappings.section(as_text(name, place)).section(keys[0])
        if keys[1] not in found:
            raise TemplateError(place, f"Mappings has no {name}.{keys[0]}.{keys[1]}")
        return found.node(keys[1])

    def _equals(self, argument: Node, place: str) -> bool:
        left, right = self._arguments(self.resolve(argument, place), 2, place)
        return as_text(left, place) == as_text(right, place)

    def _not(self, argument: Node, place: str) -> bool:
        [value] = self._arguments(argument, 1, place)
        return not self._truth(value, place)

    def _and(self, argument: Node, place: str) -> bool:
        return all(self._truth(value, place) for value in self._list(argument, place))

    def _or(self, argument: Node, place: str) -> bool:
        return any(self._truth(value, place) for value in self._list(argument, place))

    def _condition(self, name: str, place: str) -> bool:
        if name not in self._conditions:
            raise TemplateError(place, f"there is no condition {name}")
        return self._truth(self._conditions.node(name), self._conditions.at(name))

    def _truth(self, value: Node, place: str) -> bool:
        if isinstance(value, dict) and len(value) == 1:
            [(name, argument)] = value.items()
            if name == "Condition":
                return self._condition(as_text(argument, place), place)
            value = self.resolve(value, place)
        if isinstance(value, bool):
            return value
        raise TemplateError(place, "expects a condition")

    @staticmethod
    def _list(argument: Node, place: str) -> list[Node]:
        if not isinstance(argument, list):
            raise TemplateError(place, "expects a list")
        return argument

    def _arguments(self, argument: Node, count: int, place: str) -> list[Node]:
        values = self._list(argument, place)
        if len(values) != count:
            raise TemplateError(place, f"expects {count} arguments, found {len(values)}")
        return values
