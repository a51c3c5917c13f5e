"""Reconciler: once a day, compares each project's records with what upstream really has."""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from filegate.adapters.project_keys import ProjectKeyUnusable
from filegate.adapters.refusals import UpstreamKeyRefused, UpstreamRefused, UpstreamUnavailable
from filegate.adapters.secret_store import SecretUnavailable
from filegate.adapters.table import TableBusy
from filegate.edge.logs import LOGGER
from filegate.edge.reconciliation_wiring import ReconciliationWiring
from filegate.errors import StatusError
from filegate.instants import parse_rfc3339

if TYPE_CHECKING:
    from filegate.reconciliation import Report

metrics = Metrics()
wiring = ReconciliationWiring.from_environment()

_TIME_TO_STOP = 60_000
"""Milliseconds before the deadline at which no new page is begun; one can meet a slow upstream."""
_OBSTACLES = (
    SecretUnavailable,
    StatusError,
    TableBusy,
    UpstreamKeyRefused,
    UpstreamRefused,
    UpstreamUnavailable,
)
"""What keeps one project from being compared, and no other."""


class ProjectsNotCompared(Exception):
    """Upstream did not list the files of these projects; all others were compared."""


@LOGGER.inject_lambda_context(clear_state=True, log_event=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Lambda entry point (EventBridge scheduled event, whose `time` is the moment of the run)."""
    now = parse_rfc3339(event["time"])
    reports: list[Report] = []
    failed: list[str] = []

    def time_is_left() -> bool:
        return bool(context.get_remaining_time_in_millis() > _TIME_TO_STOP)

    for project in wiring.reconciliation.projects():
        if not time_is_left():
            break
        try:
            reports.append(wiring.reconciliation.run(project, now, time_is_left))
        except _OBSTACLES as obstacle:
            why = type(obstacle).__name__
            if isinstance(obstacle, ProjectKeyUnusable):
                why = f"put the project's Gemini API key into the secret {obstacle.secret}"
            LOGGER.error("not compared", extra={"project": project, "why": why})
            failed.append(project)
    wiring.project_health.keep(now)
    for report in reports:
        metrics.add_metric("PhantomBytes", MetricUnit.Bytes, report.phantoms.bytes)
        metrics.add_metric("LostRecords", MetricUnit.Count, report.lost.count)
        metrics.add_metric("Drift", MetricUnit.Bytes, report.drift)
        LOGGER.info("compared", extra=report.resource())
    if failed:
        raise ProjectsNotCompared(" ".join(failed))
    return {"reports": [report.resource() for report in reports]}
