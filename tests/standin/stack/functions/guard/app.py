"""A REQUEST authorizer that decides as the header `Guard` tells it."""

from __future__ import annotations

import json
from typing import Any


def handler(event: dict[str, Any], context: object) -> object:
    """Decide; the event itself goes along in the context."""
    del context
    said = {name.lower(): value for name, value in event["headers"].items()}.get("guard", "allow")
    arn = event["methodArn"]
    facts = {
        "uploadId": "up&load/id=1",
        "event": json.dumps(event),
        "count": 7,
        "ratio": 1.5,
        "fine": True,
        "reason": "because",
        "nothing": None,
    }
    if said == "unauthorized":
        raise Exception("Unauthorized")  # noqa: TRY002 - the very words API Gateway looks for
    if said == "raise":
        raise RuntimeError("deliberate")
    if said == "shape":
        return {"principalId": "p", "policyDocument": "no policy"}
    if said == "nested":
        return {**policy("Allow", arn), "context": {"nested": {"a": 1}}}
    if said == "elsewhere":
        return {**policy("Allow", arn + "/elsewhere"), "context": facts}
    if said == "wildcard":
        return {**policy("Allow", arn.split("/")[0] + "/*/P?ST/*"), "context": facts}
    if said == "both":
        both = policy("Allow", "*")
        both["policyDocument"]["Statement"] += policy("Deny", arn)["policyDocument"]["Statement"]
        return {**both, "context": facts}
    return {**policy("Deny" if said == "deny" else "Allow", arn), "context": facts}


def policy(effect: str, resource: str) -> dict[str, Any]:
    """A policy of one statement."""
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
    return {
        "principalId": "somebody",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
    }
