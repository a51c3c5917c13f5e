"""OpenAPI refusals: what both descriptions say of the answers that are no success."""

from collections.abc import Iterable
from typing import Any, Final

from filegate.errors import STATUS_NAMES

STATUS: Final[dict[str, Any]] = {
    "type": "object",
    "description": "A google.rpc.Status, as in every Google API.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "status"],
            "properties": {
                "code": {"type": "integer"},
                "message": {"type": "string"},
                "status": {"type": "string"},
                "details": {"type": "array", "items": {"type": "object"}},
            },
        }
    },
}
"""The schema of a refusal, `Status` among the components."""

ALWAYS: Final = (400, 403, 404, 429, 500, 503, 504)
"""Codes that any operation may be refused with."""

_SAYS: Final = {
    400: "The request is wrong, or its key is not valid",
    401: "Credentials are missing or are none",
    403: "Not allowed; or missing, or another tenant's, which is one answer",
    404: "No such route, model or resource",
    409: "The name is taken",
    412: "Something has to be done first",
    413: "Too many bytes for one request",
    416: "The bytes at this offset are not the next ones",
    429: "A limit is reached: how much is left, and in RetryInfo when to send this again",
    500: "A failure of the gateway's own",
    503: "Cannot be done right now; send this again",
    504: "Upstream did not answer in time",
}
_CONTENT: Final = {"application/json": {"schema": {"$ref": "#/components/schemas/Status"}}}


def refusals(codes: Iterable[int], where: str = "Refused") -> dict[str, Any]:
    """The responses of an operation that is refused with these codes, as references."""
    return {str(code): {"$ref": f"#/components/responses/{where}{code}"} for code in sorted(codes)}


def described(codes: Iterable[int], where: str = "Refused", *others: str) -> dict[str, Any]:
    """What these references lead to; `others` are media types of refusals in upstream's words."""
    content = {**_CONTENT, **{kind: {"schema": {"type": "string"}} for kind in others}}
    return {
        f"{where}{code}": {
            "description": f"{STATUS_NAMES[code]}: {_SAYS[code]}.",
            "content": content,
        }
        for code in sorted(codes)
    }
