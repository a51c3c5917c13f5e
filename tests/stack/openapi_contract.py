"""Runs of schemathesis against a stack: requests made from an OpenAPI document, and what of the
answers the document does not allow.

Its checks are used as they are, but where the API is Google's and not what they expect; those that
stand in for them are here, with the reason.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import schemathesis
from schemathesis.checks import CHECKS
from schemathesis.core.failures import Failure
from schemathesis.core.parameters import ParameterLocation
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.generation.meta import CoveragePhaseData, CoverageScenario

from refusals import STATUSES

CHECKED: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "use_after_free",
    "ensure_resource_availability",
)
"""Checks of schemathesis. Not among them, each for what the API is:

`ignored_auth` wants 401 or 403 for a key that is none, where Google says 400 `API_KEY_INVALID`:
`credentials_are_asked_for` wants just that. `unsupported_method` wants 405, where API Gateway has
one answer for unknown paths and methods: `other_methods_are_unknown` wants that.
`positive_data_acceptance` would have each request of the right form succeed, also for files that
are not there and uploads beyond a quota: `Run.succeeded` says which operations did.
"""
_INTERNAL: Final = re.compile(
    r"Traceback|\.py\b|botocore|boto3|httpx|pydantic|arn:aws|dynamodb|ConditionExpression"
    r"|errorMessage|stackTrace|\bNone\b|<class |KeyError|ValueError|[a-z]Error\("
)


@dataclass
class Run:
    """What came of one run."""

    cases: int = 0
    modes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Requests by operation and by mode, `positive` or `negative`."""
    succeeded: Counter[str] = field(default_factory=Counter)
    """Successes by operation."""
    failures: list[str] = field(default_factory=list)
    """What was not as it should be, with a command that shows it again."""


def run_contract(
    document: Mapping[str, Any],
    base_url: str,
    keys: Mapping[str, Mapping[str, str]],
    known: Mapping[str, Sequence[str]],
    settings: Mapping[str, Any],
    operations: Sequence[Mapping[str, Any]] = (),
) -> Run:
    """Try every operation of a document.

    `keys` are credentials by security scheme, `known` values by path parameter that half of the
    requests have, `settings` schemathesis's own, `operations` its settings of single operations.
    """
    config = schemathesis.Config.from_dict(
        {
            "base-url": base_url,
            "auth": {"openapi": keys},
            "cache": {"enabled": False},
            "continue-on-failure": True,
            "max-redirects": 0,
            "request-timeout": 60,
            "dictionaries": {name: {"values": list(values)} for name, values in known.items()},
            "parameters": {
                f"path.{name}": {"dictionary": name, "probability": 0.5}
                for name in known
                if not name.startswith("spare")
            },
            "operations": list(operations),
            "checks": {
                "enabled": False,
                **{name: {"enabled": True} for name in (*CHECKED, *_OWN)},
            },
            **settings,
        }
    )
    run = Run()
    with _own_checks():
        schema = schemathesis.openapi.from_dict(dict(document), config=config)
        for event in from_schema(schema).execute():
            if isinstance(event, events.ScenarioFinished):
                _note(run, event.recorder)
            elif isinstance(event, events.NonFatalError):
                run.failures.append(f"{event.label}: {event.value!r}")
            elif isinstance(event, events.FatalError):
                raise event.exception
    return run


def _note(run: Run, recorder: ScenarioRecorder) -> None:
    run.cases += len(recorder.cases)
    for case_id, node in recorder.cases.items():
        case, interaction = node.value, recorder.interactions.get(case_id)
        operation = str(case.operation.definition.raw["operationId"])
        if case.meta is not None:
            run.modes[operation, case.meta.generation.mode.value] += 1
        answer = interaction.response if interaction else None
        if answer is not None and answer.status_code < 400:
            run.succeeded[operation] += 1
    for case_id, checks in recorder.checks.items():
        interaction = recorder.interactions.get(case_id)
        answer = interaction.response if interaction else None
        for check in checks:
            if check.failure_info is not None and not _is_right(
                check.name, recorder.cases[case_id].value
            ):
                failure = check.failure_info.failure
                run.failures.append(
                    f"{recorder.label}: {check.name}: {failure.title}\n{failure.message}\n"
                    f"{check.failure_info.code_sample}\n{answer.text[:500] if answer else ''}"
                )


def _is_right(check: str, case: schemathesis.Case[Any]) -> bool:
    """Whether what a schema calls wrong is not, as a schema cannot say it.

    A query parameter without a value is one that is not there, as upstream reads it. And a body
    that was taken for metadata may be the file itself, in which nothing is wrong: that is decided
    by the upload protocol, not by the media type.
    """
    if check != "negative_data_rejection" or case.meta is None:
        return False
    if case.meta.is_negative_at(ParameterLocation.QUERY) and "" in (case.query or {}).values():
        return True
    return (
        case.operation.path.startswith(("/upload/", "/resumable/"))
        and case.meta.is_negative_at(ParameterLocation.BODY)
        and dict(case.headers or {}).get("X-Goog-Upload-Protocol") != "resumable"
    )


class ContractBroken(Failure):
    """What a check of our own found."""

    def __init__(self, operation: str, message: str) -> None:
        super().__init__(operation=operation, title="Contract broken", message=message)


def refusals_are_statuses(
    _ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> bool | None:
    """Every refusal is a google.rpc Status, of the code it has; but for upstream's own words."""
    if response.status_code < 400 or response.request.method == "HEAD":
        return None
    kind = response.headers.get("content-type", [""])[0]
    if kind.startswith("text/plain") and "essions/" in case.operation.path:
        return None  # The upload server's (wire 4).
    try:
        error = response.json()["error"]
        fine = error["code"] == response.status_code and error["status"] in STATUSES
        fine = fine and isinstance(error["message"], str) and bool(error["message"])
    except (ValueError, KeyError, TypeError):
        fine = False
    if not fine:
        raise ContractBroken(case.operation.label, f"no Status: {kind} {response.text[:500]}")
    return None


def nothing_internal_is_said(
    _ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> bool | None:
    """No refusal speaks of what the gateway is made of."""
    if response.status_code < 400 or response.content is None:
        return None
    try:
        said = str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        said = response.text
    # What the caller wrote may stand in quotes, and the name of what is missing without.
    said = re.sub(r"'.*'|\".*\"", "", said, flags=re.DOTALL)
    for named in (case.path_parameters or {}).values():
        said = said.replace(str(named), "")
    if found := _INTERNAL.search(said):
        raise ContractBroken(case.operation.label, f"says {found.group()!r}: {said[:500]}")
    return None


def other_methods_are_unknown(
    _ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> bool | None:
    """A method that a path has not is refused, as API Gateway refuses unknown paths."""
    phase = case.meta.phase.data if case.meta else None
    if (
        isinstance(phase, CoveragePhaseData)
        and phase.scenario == CoverageScenario.UNSPECIFIED_HTTP_METHOD
        and response.request.method != "OPTIONS"
        and response.status_code not in {400, 403, 404}
    ):
        message = f"{response.request.method} is answered with {response.status_code}"
        raise ContractBroken(case.operation.label, message)
    return None


def credentials_are_asked_for(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> bool | None:
    """What succeeded is refused without a key, and with one that nobody issued."""
    operation = case.operation
    security: Sequence[Mapping[str, object]] = operation.definition.raw.get(
        "security", operation.schema.raw_schema.get("security", [])
    )
    by_grant = "grant" in (case.query or {})
    preflight = response.request.method == "OPTIONS"
    if response.status_code >= 300 or not security or {} in security or by_grant or preflight:
        return None
    # Once for each operation is enough.
    asked = ctx.auth_enforced_operations
    if asked is None or operation.label in asked:
        return None
    asked.add(operation.label)
    for key, code in ((None, {401, 403}), ("fg_nobody_" + "x" * 40, {400, 401})):
        again = _resend(response, key)
        if again not in code:
            raise ContractBroken(operation.label, f"is answered with {again} for the key {key}")
    return None


_KEYS: Final = ("x-goog-api-key", "x-filegate-admin-key")


def _resend(response: schemathesis.Response, key: str | None) -> int:
    """The code of the same request with another key."""
    import requests  # noqa: PLC0415 - schemathesis's own, which nothing else here needs

    request = response.request.copy()
    had = [name for name in _KEYS if name in request.headers]
    for name in had:
        del request.headers[name]
        if key is not None:
            request.headers[name] = key
    assert request.url is not None
    request.url = re.sub(r"([?&])key=[^&]*", r"\1" if key is None else rf"\1key={key}", request.url)
    with requests.Session() as session:
        return session.send(request, timeout=60, allow_redirects=False).status_code


_OWN: Final = {
    check.__name__: check
    for check in (
        refusals_are_statuses,
        nothing_internal_is_said,
        other_methods_are_unknown,
        credentials_are_asked_for,
    )
}


@contextmanager
def _own_checks() -> Iterator[None]:
    for check in _OWN.values():
        schemathesis.check(check)
    try:
        yield
    finally:
        for name in _OWN:
            CHECKS.unregister(name)
