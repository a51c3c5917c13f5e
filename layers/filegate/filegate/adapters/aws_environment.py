"""The AWS environment of this process: its region, its credentials, where its services are.

A function finds all of it in environment variables that Lambda sets (AWS: "Lambda environment
variables"). Where they do not say it - a profile on a desk, the container credentials of a
function restored from a snapshot - botocore's own chain does; it is loaded only then. A function
that is about to be put into a snapshot loads it at once, so that no restored one has to.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import certifi

from filegate.adapters.signatures import Credentials

if TYPE_CHECKING:
    from botocore.session import Session

_CHINA: Final = "cn-"
_INITIALIZATION: Final = "AWS_LAMBDA_INITIALIZATION_TYPE"
_SNAPSHOT: Final = "snap-start"

if os.environ.get(_INITIALIZATION) == _SNAPSHOT:
    # Modules only: a session or credentials would be the same in every function restored from it.
    import botocore.session  # noqa: F401


class AwsEnvironmentIncomplete(Exception):
    """No region or no credentials can be found."""


def read_region() -> str:
    """This process's region. Raises AwsEnvironmentIncomplete."""
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if region:
        return region
    with _botocore() as session:
        found = session.get_config_variable("region")
    if not found:
        raise AwsEnvironmentIncomplete("no AWS region: set AWS_REGION, or one for the AWS profile")
    return str(found)


def read_endpoint(service: str, variable: str, region: str) -> str:
    """Base URL of a service: what `AWS_ENDPOINT_URL_<variable>` or `AWS_ENDPOINT_URL` say.

    Else its regional endpoint (AWS: "Service-specific endpoints", "AWS service endpoints").
    """
    said = os.environ.get(f"AWS_ENDPOINT_URL_{variable}") or os.environ.get("AWS_ENDPOINT_URL")
    suffix = "amazonaws.com.cn" if region.startswith(_CHINA) else "amazonaws.com"
    return said or f"https://{service}.{region}.{suffix}"


def read_ca_bundle() -> str:
    """The file of certificates that services are verified by: `AWS_CA_BUNDLE`, or certifi's."""
    return os.environ.get("AWS_CA_BUNDLE") or certifi.where()


def find_credentials() -> Callable[[], Credentials]:
    """What gives this process's credentials, fresh for each call where they expire.

    Raises AwsEnvironmentIncomplete.
    """
    access_key = os.environ.get("AWS_ACCESS_KEY_ID")
    secret_key = os.environ.get("AWS_SECRET_ACCESS_KEY")
    if access_key and secret_key:
        # Lambda ends a process before the credentials that it was given expire.
        given = Credentials(access_key, secret_key, os.environ.get("AWS_SESSION_TOKEN"))
        return lambda: given
    with _botocore() as session:
        found = session.get_credentials()
    if found is None:
        raise AwsEnvironmentIncomplete("no AWS credentials")

    def current() -> Credentials:
        with _botocore():
            frozen = found.get_frozen_credentials()
        return Credentials(str(frozen.access_key), str(frozen.secret_key), frozen.token)

    return current


@contextmanager
def _botocore() -> "Iterator[Session]":
    """botocore's session; what it cannot find or fetch is AwsEnvironmentIncomplete."""
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - slow, and few need it

    try:
        yield _session()
    except BotoCoreError as error:
        raise AwsEnvironmentIncomplete(str(error)) from error


@lru_cache(maxsize=1)
def _session() -> "Session":
    from botocore.session import Session  # noqa: PLC0415 - slow, and few need it

    return Session()
