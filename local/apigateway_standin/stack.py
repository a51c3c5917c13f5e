"""What the template deploys: functions with their layers and schedules, and one REST API."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from apigateway_standin.adapter_settings import AdapterSettings, read_adapter
from apigateway_standin.document import Section, TemplateError, as_text
from apigateway_standin.limits import DEFAULT_FUNCTION_MEMORY, DEFAULT_FUNCTION_TIMEOUT
from apigateway_standin.template import ACCOUNT, REGION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from apigateway_standin.template import Template

_PUBLISHED = re.compile(r"arn:aws[\w-]*:lambda:[\w-]+:\d{12}:layer:[\w-]+:\d+")
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}


@dataclass(frozen=True, slots=True)
class Schedule:
    """One `Schedule` event of a function; `period` is in seconds."""

    name: str
    rule_arn: str
    period: int
    enabled: bool
    input: str | None


@dataclass(frozen=True, slots=True)
class Function:
    """One `AWS::Serverless::Function`; `timeout` is in seconds, `memory` in MB.

    With `web` it is a web server behind the Lambda Web Adapter and takes no other events than
    requests.
    """

    logical_id: str
    name: str
    arn: str
    handler: str
    code: Path
    layers: tuple[Path, ...]
    timeout: int
    memory: int
    environment: dict[str, str]
    schedules: tuple[Schedule, ...]
    aliases: tuple[str, ...] = ()
    """Their ARNs. Whatever version they point to, there is one code here."""
    web: AdapterSettings | None = None


@dataclass(frozen=True, slots=True)
class RestApi:
    """One `AWS::Serverless::Api` with its still unread OpenAPI body."""

    logical_id: str
    api_id: str
    stage: str
    stage_variables: dict[str, str]
    binary_media_types: tuple[str, ...]
    body: Section


def read_functions(template: Template) -> dict[str, Function]:
    """The functions of the template by logical id."""
    shared = template.resolved(template.globals.section("Function"))
    return {
        name: _function(template, name, shared)
        for name in template.of_type("AWS::Serverless::Function")
    }


def _function(template: Template, logical_id: str, shared: Section) -> Function:
    own = template.section(logical_id)
    merged = Section({**shared.values, **own.values}, own.place)
    if merged.text("PackageType", "Zip") != "Zip":
        raise TemplateError(own.at("PackageType"), "only Zip packages run here")
    own.refuse(["InlineCode", "ImageUri"], "only a local CodeUri runs here")
    if not merged.text("Runtime").startswith("python"):
        raise TemplateError(own.at("Runtime"), "only Python functions run here")
    given = template.overrides.section("Environment")
    arn = template.resolve({"Fn::GetAtt": [logical_id, "Arn"]}, own.place)
    name = merged.text("FunctionName", "")
    code = _directory(template, merged, "CodeUri")
    environment = {
        **shared.section("Environment").texts("Variables"),
        **own.section("Environment").texts("Variables"),
        **given.texts("*"),
        **given.texts(logical_id),
    }
    schedules = tuple(_schedules(logical_id, own.section("Events")))
    # SAM concatenates lists: the layers of Globals come first.
    layers = [
        as_text(item, section.at("Layers"))
        for section in (shared, own)
        for item in section.items("Layers")
    ]
    handler = merged.text("Handler")
    web = read_adapter(environment, layers, code / handler, own.place)
    if web is not None and schedules:
        raise TemplateError(own.at("Events"), "a web function takes only requests here")
    name = name or as_text(template.resolve({"Ref": logical_id}, own.place), own.place)
    return Function(
        logical_id=logical_id,
        name=name,
        arn=as_text(arn, own.place),
        handler=handler,
        code=code,
        layers=tuple(_layers(template, layers, own.at("Layers"))),
        timeout=merged.number("Timeout", DEFAULT_FUNCTION_TIMEOUT),
        memory=merged.number("MemorySize", DEFAULT_FUNCTION_MEMORY),
        environment=environment,
        schedules=schedules,
        aliases=tuple(_aliases(template, name)),
        web=web,
    )


def _aliases(template: Template, function: str) -> Iterator[str]:
    for alias in template.of_type("AWS::Lambda::Alias"):
        properties = template.section(alias)
        if properties.text("FunctionName") == function:
            yield as_text(template.resolve({"Ref": alias}, properties.place), properties.place)


def _directory(template: Template, section: Section, key: str) -> Path:
    path = (template.directory / section.text(key)).resolve()
    if not path.is_dir():
        raise TemplateError(section.at(key), f"{section.text(key)} is not a directory")
    return path


def _layers(template: Template, references: list[str], place: str) -> list[Path]:
    """Content directories of the layers of this template; a published layer (the adapter's) has
    none here and is left out."""
    by_ref = {}
    for name in template.of_type("AWS::Serverless::LayerVersion"):
        by_ref[as_text(template.resolve({"Ref": name}, place), place)] = name
    found = []
    for reference in references:
        if reference in by_ref:
            layer = template.section(by_ref[reference])
            found.append(_directory(template, layer, "ContentUri"))
        elif not _PUBLISHED.fullmatch(reference):
            raise TemplateError(place, f"{reference} is not a layer of the template")
    return found


def _schedules(logical_id: str, events: Section) -> list[Schedule]:
    found = []
    for name, event in events.sections():
        kind = event.text("Type")
        if kind in {"Api", "HttpApi"}:
            raise TemplateError(
                events.at(name),
                "SAM does not merge events into an explicit DefinitionBody; write the route there",
            )
        if kind != "Schedule":
            raise TemplateError(events.at(name), f"event type {kind} is not supported")
        properties = event.section("Properties")
        properties.only(
            [
                "Schedule",
                "Enabled",
                "State",
                "Input",
                "Name",
                "Description",
                "RetryPolicy",
                "DeadLetterConfig",
            ]
        )
        rate = _RATE.fullmatch(properties.text("Schedule"))
        if rate is None or int(rate[1]) == 0:
            raise TemplateError(properties.at("Schedule"), "only rate(n minutes|hours|days) runs")
        rule = properties.text("Name", f"{logical_id}{name}")
        found.append(
            Schedule(
                name=name,
                rule_arn=f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}",
                period=int(rate[1]) * _SECONDS[rate[2]],
                enabled=properties.text("Enabled", "true") != "false"
                and properties.text("State", "ENABLED") != "DISABLED",
                input=properties.text("Input") if "Input" in properties else None,
            )
        )
    return found


def read_api(template: Template) -> RestApi:
    """The one REST API of the template."""
    names = template.of_type("AWS::Serverless::Api")
    if len(names) != 1:
        raise TemplateError("Resources", f"expected one AWS::Serverless::Api, found {names}")
    properties = template.section(names[0])
    properties.refuse(
        ["Auth", "Cors", "GatewayResponses", "Models", "DefinitionUri", "ApiKeySourceType"],
        "is not supported by the stand-in: write it in DefinitionBody",
    )
    properties.refuse(
        ["MinimumCompressionSize", "CacheClusterEnabled", "CanarySetting"],
        "is not supported by the stand-in",
    )
    # SAM writes the slash of a media type as ~1, as JSON Pointer does.
    media = [as_text(item, properties.place) for item in properties.items("BinaryMediaTypes")]
    place = properties.at("RestApiId")
    return RestApi(
        logical_id=names[0],
        api_id=as_text(template.resolve({"Ref": names[0]}, place), place),
        stage=properties.text("StageName"),
        stage_variables=properties.texts("Variables"),
        binary_media_types=tuple(item.replace("~1", "/") for item in media),
        body=properties.section("DefinitionBody"),
    )
