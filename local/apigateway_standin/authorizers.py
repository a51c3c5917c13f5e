"""Runs REQUEST authorizers and reads their policies."""

from __future__ import annotations

import fnmatch
import json
from typing import TYPE_CHECKING

from apigateway_standin.events import authorizer_event, method_arn
from apigateway_standin.gateway_responses import GatewayFailure
from apigateway_standin.limits import MAX_METHOD_ARN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from apigateway_standin.api import Authorizer
    from apigateway_standin.exchange import Context, Exchange
    from apigateway_standin.functions import FunctionPool

_EXPLICIT = (
    "User is not authorized to access this resource with an explicit deny in an "
    "identity-based policy"
)
_IMPLICIT = (
    "User is not authorized to access this resource because no identity-based policy allows the "
    "execute-api:Invoke action"
)


async def authorize(
    authorizer: Authorizer, exchange: Exchange, pools: Mapping[str, FunctionPool]
) -> None:
    """Let a request pass or raise; sets `exchange.authorizer` in both cases, once known.

    Source: "Output from an API Gateway Lambda authorizer". A function that raises exactly
    `Unauthorized` means 401; any other failure of it 500 (`AUTHORIZER_FAILURE`); an answer that is
    no policy 500 (`AUTHORIZER_CONFIGURATION_ERROR`).
    """
    arn = method_arn(exchange)
    if len(arn) > MAX_METHOD_ARN:
        raise GatewayFailure("DEFAULT_4XX", "Request URI too long", 414)
    event = json.dumps(authorizer_event(exchange, arn)).encode()
    invocation = await pools[authorizer.function].invoke(event)
    if invocation.error is not None:
        if invocation.error.kind == "raised" and invocation.error.message == "Unauthorized":
            raise GatewayFailure("UNAUTHORIZED")
        raise GatewayFailure("AUTHORIZER_FAILURE")
    try:
        output = json.loads(invocation.payload)
        exchange.authorizer = _context(output)
        effects = _effects(output["policyDocument"], arn)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise GatewayFailure("AUTHORIZER_CONFIGURATION_ERROR") from None
    if "Deny" in effects:
        raise GatewayFailure("ACCESS_DENIED", _EXPLICIT)
    if "Allow" not in effects:
        raise GatewayFailure("ACCESS_DENIED", _IMPLICIT)


def _context(output: dict[str, object]) -> dict[str, Context]:
    """`principalId` and the flat context, everything as text."""
    principal = output["principalId"]
    if not isinstance(principal, str):
        raise TypeError("principalId must be text")
    found: dict[str, Context] = {"principalId": principal}
    context = output.get("context") or {}
    if not isinstance(context, dict):
        raise TypeError("context must be a mapping")
    for name, value in context.items():
        if isinstance(value, bool):
            found[name] = "true" if value else "false"
        elif isinstance(value, str | int | float):
            found[name] = str(value)
        elif value is not None:
            raise TypeError("context must be flat")
    return found


def _effects(policy: dict[str, object], arn: str) -> set[str]:
    """The effects of the statements that cover this method."""
    statements = _as_list(policy["Statement"])
    if not statements:
        raise ValueError("a policy has statements")
    found = set()
    for statement in statements:
        if not isinstance(statement, dict) or statement["Effect"] not in {"Allow", "Deny"}:
            raise ValueError("a statement allows or denies")
        actions, resources = _as_list(statement["Action"]), _as_list(statement["Resource"])
        if any(_covers(one, "execute-api:Invoke", ignore_case=True) for one in actions) and any(
            _covers(one, arn) for one in resources
        ):
            found.add(str(statement["Effect"]))
    return found


def _covers(pattern: object, value: str, *, ignore_case: bool = False) -> bool:
    """IAM wildcards: `*` for any run of characters, slashes included, `?` for one."""
    if not isinstance(pattern, str):
        raise TypeError("actions and resources are text")
    # IAM has no character classes; "[" stands for itself.
    literal = pattern.replace("[", "[[]")
    if ignore_case:
        literal, value = literal.lower(), value.lower()
    return fnmatch.fnmatchcase(value, literal)


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]
