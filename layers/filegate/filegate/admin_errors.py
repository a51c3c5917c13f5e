"""Admin errors: the ways a request of the gateway's operator can fail, beside those in `errors`."""

from typing import Final

from filegate.errors import Status, StatusError, invalid_argument

ADMIN_KEY_REFUSED: Final = Status(
    401,
    "UNAUTHENTICATED",
    "The admin API needs the gateway's admin key in the header x-filegate-admin-key. It is the "
    "secret <stack name>/admin-key in Secrets Manager; `filegate local` prints its own.",
)
"""Missing and wrong keys alike."""

ADMIN_ROUTE_UNKNOWN: Final = Status(
    404,
    "NOT_FOUND",
    "This path and HTTP method are not part of the admin API; docs/openapi/admin.json lists what "
    "is.",
)

IDEMPOTENCY_KEY_INVALID: Final = invalid_argument(
    "An Idempotency-Key has 1 to 128 printable ASCII characters.", "Idempotency-Key"
)

IDEMPOTENCY_KEY_REUSED: Final = Status(
    409,
    "ABORTED",
    "This Idempotency-Key was used within the last 24 hours for a request with another body. "
    "Nothing was changed. Use a new key for a new request.",
)

TENANT_ID_INVALID: Final = "must have 1 to 31 characters of a-z, 0-9 and dashes, no dash first"


class AlreadyExists(StatusError):
    """There is one of that name already; nothing was changed."""


def tenant_exists(tenant_id: str) -> Status:
    """409: the id is taken."""
    return Status(409, "ALREADY_EXISTS", f"The tenant {tenant_id} already exists.")


def tenant_id_used(tenant_id: str) -> Status:
    """409: the id was a deleted tenant's."""
    return Status(
        409,
        "ALREADY_EXISTS",
        f"There was a tenant {tenant_id}, and it was deleted. Its usage records stand under that "
        "id, so the id is not given away again. Choose another.",
    )


def tenant_not_found(tenant_id: str) -> Status:
    """404: no tenant has this id; as the caller sent it."""
    return Status(404, "NOT_FOUND", f"There is no tenant {tenant_id[:64]!r}.")


def tenant_going(tenant_id: str, deed: str) -> Status:
    """400: what cannot be done any more to a tenant that is being deleted, or was."""
    return Status(
        400,
        "FAILED_PRECONDITION",
        f"The tenant {tenant_id} is being deleted or was deleted, and cannot be {deed}.",
    )


def key_not_found(tenant_id: str, key_id: str) -> Status:
    """404: the tenant has no key of this id; as the caller sent it."""
    return Status(404, "NOT_FOUND", f"The tenant {tenant_id} has no key {key_id[:64]!r}.")


def key_dead(key_id: str) -> Status:
    """400: a key that is revoked or expired has nothing that another could take over."""
    return Status(
        400,
        "FAILED_PRECONDITION",
        f"The key {key_id} is revoked or has expired, and cannot be rotated. Issue a new one.",
    )


def project_exists(project_id: str) -> Status:
    """409: the id is taken."""
    return Status(409, "ALREADY_EXISTS", f"The project {project_id} already exists.")


def project_not_found(project_id: str) -> Status:
    """404: no project has this id; as the caller sent it."""
    return Status(404, "NOT_FOUND", f"There is no project {project_id[:64]!r}.")


def project_key_unusable(project_id: str, secret: str) -> Status:
    """400: the project's secret is missing, or holds what no key can be."""
    return Status(
        400,
        "FAILED_PRECONDITION",
        f"The project {project_id} cannot be compared with upstream, as its key is missing or not "
        f"usable. Put the project's Gemini API key into the secret {secret} in Secrets Manager "
        f"(aws secretsmanager create-secret or put-secret-value), then POST "
        f"/admin/v1/projects/{project_id}:reconcile again.",
    )


def project_key_refused(project_id: str, secret: str) -> Status:
    """400: upstream takes none of the keys that the project's secret has held lately."""
    return Status(
        400,
        "FAILED_PRECONDITION",
        f"The project {project_id} cannot be compared with upstream, which refuses its key. Put a "
        f"valid Gemini API key of the project into the secret {secret} in Secrets Manager, then "
        f"POST /admin/v1/projects/{project_id}:reconcile again; what upstream said is in the "
        f"project's health.",
    )


def never_reconciled(project_id: str) -> Status:
    """404: nobody compared this project with upstream yet."""
    return Status(
        404,
        "NOT_FOUND",
        f"The project {project_id} was not reconciled yet. It is once a day; POST "
        f"/admin/v1/projects/{project_id}:reconcile does it now.",
    )
