"""The AWS environment: Lambda's variables first, botocore's chain where they say nothing."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from filegate.adapters import aws_environment
from filegate.adapters.aws_environment import (
    AwsEnvironmentIncomplete,
    find_credentials,
    read_endpoint,
    read_region,
)
from filegate.adapters.aws_service import DYNAMODB, AwsService, AwsUnavailable
from filegate.adapters.signatures import Credentials
from filegate.adapters.table import TableUnavailable, create_client


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A process that knows nothing of AWS."""
    for name in (
        *("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL"),
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        *("AWS_ENDPOINT_URL_DYNAMODB", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    aws_environment._session.cache_clear()  # noqa: SLF001
    yield
    aws_environment._session.cache_clear()  # noqa: SLF001


def test_lambdas_variables_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "A")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "S")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "T")

    assert read_region() == "eu-west-1"
    assert find_credentials()() == Credentials("A", "S", "T")
    assert aws_environment._session.cache_info().misses == 0  # noqa: SLF001


@pytest.mark.parametrize(
    ("variables", "region", "endpoint"),
    [
        ({}, "eu-west-1", "https://dynamodb.eu-west-1.amazonaws.com"),
        ({}, "us-gov-west-1", "https://dynamodb.us-gov-west-1.amazonaws.com"),
        ({}, "cn-north-1", "https://dynamodb.cn-north-1.amazonaws.com.cn"),
        ({"AWS_ENDPOINT_URL": "http://a"}, "eu-west-1", "http://a"),
        (
            {"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_DYNAMODB": "http://b"},
            "eu-west-1",
            "http://b",
        ),
    ],
)
def test_where_a_service_is(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], region: str, endpoint: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert read_endpoint("dynamodb", "DYNAMODB", region) == endpoint


def test_a_profile_has_what_the_variables_have_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("[profile desk]\nregion = eu-north-1\n")
    (tmp_path / "credentials").write_text(
        "[desk]\naws_access_key_id = P\naws_secret_access_key = Q\n"
    )
    monkeypatch.setenv("AWS_PROFILE", "desk")

    assert read_region() == "eu-north-1"
    assert find_credentials()() == Credentials("P", "Q", None)


def test_nothing_found_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AwsEnvironmentIncomplete, match="AWS_REGION"):
        read_region()
    with pytest.raises(AwsEnvironmentIncomplete, match="credentials"):
        find_credentials()
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    with pytest.raises(AwsUnavailable, match="credentials") as failure:
        AwsService.connect(DYNAMODB, connect_timeout=1, read_timeout=1)
    assert failure.value.unsent
    with pytest.raises(TableUnavailable, match="credentials"):
        create_client()


def test_a_profile_that_does_not_exist_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(AwsEnvironmentIncomplete, match="nobody"):
        find_credentials()


def test_container_credentials_are_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Lambda gives a function that was restored from a snapshot (AWS: SnapStart)."""
    served: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.headers["authorization"] == "container-token"
            served.append(self.path)
            # Expires at once, so that the next call asks anew.
            body = json.dumps(
                {
                    "AccessKeyId": f"A{len(served)}",
                    "SecretAccessKey": "S",
                    "Token": "T",
                    "Expiration": "2000-01-01T00:00:00Z"
                    if len(served) < 2
                    else "2999-01-01T00:00:00Z",
                }
            ).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Be silent."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}/credentials"
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-token")
        try:
            current = find_credentials()
            assert current() == Credentials("A2", "S", "T")
            assert current() == Credentials("A2", "S", "T")
        finally:
            server.shutdown()
            thread.join()
    assert len(served) == 2
