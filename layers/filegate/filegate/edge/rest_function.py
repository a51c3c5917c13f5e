"""A function behind the REST API: its routes, and what becomes of all they do not answer."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from filegate.adapters.deadline import DEADLINE, SHARED
from filegate.edge.logs import LOGGER
from filegate.edge.requests import Request, read_request
from filegate.edge.responses import answer_error
from filegate.edge.statuses import status_of
from filegate.errors import ROUTE_UNKNOWN, Status, StatusError
from filegate.names import VERSIONS


class RestFunction:
    """What every such function has: a resolver, metrics, and refusals as google.rpc Status."""

    def __init__(self, *, unknown: Status = ROUTE_UNKNOWN, of_metrics: str = "") -> None:
        """`unknown` answers what has no route; `of_metrics` begins the names of its metrics."""
        self.app = APIGatewayRestResolver()
        self.metrics = Metrics()
        self._unknown = unknown
        self._of_metrics = of_metrics
        self.app.not_found(self._unknown_route)
        self.app.exception_handler(Exception)(self._refuse)

    def request(self, version: str, public_base_url: str) -> Request:
        """The request under way. Raises StatusError for a version there is not."""
        if version not in VERSIONS:
            raise StatusError(ROUTE_UNKNOWN)
        return read_request(self.app.current_event.raw_event, public_base_url)

    def answer(self, event: dict[str, Any], context: LambdaContext) -> Mapping[str, Any]:
        """The answer to a REST proxy integration's event; nothing that a route raises gets out."""
        self.metrics.add_metric(f"{self._of_metrics}Requests", MetricUnit.Count, 1)
        with DEADLINE.within(SHARED):
            answer: Mapping[str, Any] = self.app.resolve(event, context)
        return answer

    def _unknown_route(self, _error: Exception) -> Response[str]:
        """A path the API has, with a method or a spelling it has not."""
        return answer_error(self._unknown, upload=self._is_upload())

    def _refuse(self, error: Exception) -> Response[str]:
        """Every failure as a refusal; one that nobody foresaw is logged with its trace."""
        status = status_of(error)
        self.metrics.add_metric(f"{self._of_metrics}Refusals", MetricUnit.Count, 1)
        if status.code >= 500:
            LOGGER.exception("request failed", extra={"code": status.code})
        else:
            LOGGER.info("request refused", extra={"code": status.code, "reason": status.status})
        return answer_error(status, upload=self._is_upload())

    def _is_upload(self) -> bool:
        return self.app.current_event.path.startswith(("/upload/", "/resumable/"))
