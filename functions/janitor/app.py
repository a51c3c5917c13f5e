"""Janitor: every minute, keeps the appointments that are due and publishes what waits."""

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from filegate.adapters.deadline import DEADLINE
from filegate.edge.janitor_wiring import JanitorWiring
from filegate.edge.logs import LOGGER
from filegate.instants import parse_rfc3339

metrics = Metrics()
wiring = JanitorWiring.from_environment()

_TIME_TO_STOP = 14_000
"""Milliseconds before the function's end at which no appointment is begun any more."""
_TIME_TO_HANG = 12_000
"""Milliseconds before it at which upstream is waited for no longer, as events are to go out."""
_TIME_TO_PUBLISH = 10_000
"""Milliseconds before it at which no batch of events is begun: a bus that hangs takes 9 s."""


@LOGGER.inject_lambda_context(clear_state=True, log_event=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Lambda entry point (EventBridge scheduled event, whose `time` is the round's moment)."""
    now = parse_rfc3339(event["time"])
    left = context.get_remaining_time_in_millis
    with DEADLINE.within((left() - _TIME_TO_HANG) / 1000):
        done = wiring.janitor.make_round(
            now, lambda: left() > _TIME_TO_STOP, lambda: left() > _TIME_TO_PUBLISH
        )
    wiring.project_health.keep(now)
    metrics.add_metric("AppointmentsKept", MetricUnit.Count, done.kept)
    metrics.add_metric("AppointmentsFailed", MetricUnit.Count, done.failed)
    metrics.add_metric("AppointmentLag", MetricUnit.Seconds, done.lag)
    metrics.add_metric("RoundsUnfinished", MetricUnit.Count, int(not done.complete))
    metrics.add_metric("EventsPublished", MetricUnit.Count, done.events)
    metrics.add_metric("EventsFailed", MetricUnit.Count, done.untold)
    if done.kept or done.failed or done.hours or done.events or done.untold or not done.complete:
        LOGGER.info("round", extra=asdict(done))
    return asdict(done)
