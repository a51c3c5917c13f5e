"""Whether a function is a web server behind the AWS Lambda Web Adapter, and how it is set up.

Source: awslabs/aws-lambda-web-adapter 2194417 (1.0), `layer/bootstrap` and `src/lib.rs`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from apigateway_standin.document import TemplateError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"
_BOOTSTRAP = "/opt/bootstrap"
_LAYER = re.compile(r"arn:aws[\w-]*:lambda:[\w-]+:\d{12}:layer:LambdaAdapterLayer\w+:\d+")
_READINESS_PATH = "AWS_LWA_READINESS_CHECK_PATH"
_MODE = "AWS_LWA_INVOKE_MODE"
# AWS_LWA_ASYNC_INIT only splits a start of more than ten seconds over two phases.
_KNOWN = {"AWS_LWA_PORT", "AWS_LWA_ASYNC_INIT", _MODE, _READINESS_PATH}


@dataclass(frozen=True, slots=True)
class AdapterSettings:
    """What the adapter is told by variables; the port is the stand-in's to choose."""

    readiness_path: str


def read_adapter(
    variables: Mapping[str, str], layers: Iterable[str], script: Path, place: str
) -> AdapterSettings | None:
    """The adapter's settings, or None for a function without it.

    What would not start on AWS is a `TemplateError`: `/opt/bootstrap` comes with the adapter's
    layer, and it `exec`s the handler, which must be an executable file. So is every variable that
    is not emulated.
    """
    wrapper = variables.get(_WRAPPER)
    if wrapper is None:
        return None
    if wrapper != _BOOTSTRAP:
        raise TemplateError(place, f"{_WRAPPER}={wrapper}: only {_BOOTSTRAP} runs here")
    if not any(map(_LAYER.fullmatch, layers)):
        raise TemplateError(place, f"{_BOOTSTRAP} needs the layer of the AWS Lambda Web Adapter")
    if not script.is_file() or not os.access(script, os.X_OK):
        raise TemplateError(place, f"the handler {script.name} must be an executable file")
    for name in variables:
        if name.startswith("AWS_LWA_") and name not in _KNOWN:
            raise TemplateError(place, f"{name} is not supported by the stand-in")
    if variables.get(_MODE, "buffered").lower() != "response_stream":
        raise TemplateError(place, f"only {_MODE}=response_stream runs here")
    return AdapterSettings(readiness_path=variables.get(_READINESS_PATH, "/"))
