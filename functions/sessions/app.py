"""Sessions: the authorizer of the chunk route. Opens the sealed session, decides, hands it over.

No file content and no upstream key ever comes here; a plain chunk touches no database.
"""

import json
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from filegate.chunks import Chunk, SessionRefused, admit
from filegate.edge.cors import allowed_origin
from filegate.edge.logs import LOGGER
from filegate.edge.requests import read_request
from filegate.edge.wiring import Wiring
from filegate.errors import StatusError

wiring = Wiring.from_environment()

_STORE_ROUTE = "/upload/{version}/storeSessions/{session}"


@LOGGER.inject_lambda_context(clear_state=True, log_event=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Lambda entry point (API Gateway REQUEST authorizer).

    Allow carries `uploadId`, `command`, `offset` and `store` for the integration, and `origin` for
    the answer, so that the page it comes from can read it. Deny carries
    `message` and `status` for the gateway response ACCESS_DENIED; the error "Unauthorized" makes
    API Gateway answer UNAUTHORIZED.
    """
    arn = event["methodArn"]
    try:
        request = read_request(event)
        chunk = Chunk(
            version=request.parameters.get("version", ""),
            sealed_session=request.parameters.get("session", ""),
            command=request.headers.get("x-goog-upload-command"),
            offset=request.headers.get("x-goog-upload-offset"),
            credential=request.credential,
            to_store=event["resource"] == _STORE_ROUTE,
        )
        admitted = admit(
            chunk,
            wiring.sessions,
            wiring.tokens,
            lambda: wiring.ledger,
            request.received_at,
        )
    except SessionRefused:
        LOGGER.info("session refused")
        # The one text that API Gateway turns into UNAUTHORIZED (AWS: Lambda authorizer output).
        raise Exception("Unauthorized") from None  # noqa: TRY002
    except StatusError as error:
        LOGGER.info("chunk refused", extra={"reason": error.status.status})
        # The gateway response puts both into JSON as they are, so they are escaped here.
        context_values = {
            "message": json.dumps(error.status.message)[1:-1],
            "status": error.status.status,
        }
        return _policy("nobody", "Deny", arn, context_values)
    passes = {
        "uploadId": admitted.session.upload_id,
        "command": admitted.command,
        "origin": allowed_origin(request.credential.origin),
    }
    if admitted.offset is not None:
        passes["offset"] = str(admitted.offset)
    if admitted.session.store is not None:
        passes["store"] = admitted.session.store
    return _policy(admitted.session.tenant, "Allow", arn, passes)


def _policy(principal: str, effect: str, arn: str, context: dict[str, str]) -> dict[str, Any]:
    return {
        "principalId": principal,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": effect, "Resource": arn}],
        },
        "context": context,
    }
