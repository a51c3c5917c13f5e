"""Signatures: the same as botocore makes, for whatever is sent."""

import datetime as dt
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from filegate.adapters.signatures import Credentials, Signer

REGIONS = st.sampled_from(["us-east-1", "eu-central-1", "ap-southeast-2", "cn-north-1"])
SECRETS = st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S")), min_size=1)
TOKENS = st.none() | st.text(st.sampled_from("abcXYZ019+/="), min_size=1, max_size=400)
URLS = st.sampled_from(
    [
        "https://dynamodb.us-east-1.amazonaws.com",
        "http://127.0.0.1:4566",
        "http://localhost:80/",
        "https://example.test:443",
        "https://example.test:8443",
    ]
)
MOMENTS = st.integers(1_500_000_000, 4_000_000_000)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(REGIONS, SECRETS, TOKENS, URLS, MOMENTS, st.binary(max_size=2_000))
def test_a_request_is_signed_as_botocore_signs_it(
    monkeypatch: pytest.MonkeyPatch,
    region: str,
    secret: str,
    token: str | None,
    url: str,
    moment: int,
    body: bytes,
) -> None:
    at = dt.datetime.fromtimestamp(moment, dt.UTC)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda **_: at.replace(tzinfo=None))
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "X_1.Operation"}
    theirs: Any = AWSRequest("POST", url.rstrip("/") + "/", headers=dict(headers), data=body)
    SigV4Auth(BotocoreCredentials("AKID", secret, token), "dynamodb", region).add_auth(theirs)

    ours = Signer("dynamodb", region, url).sign(
        Credentials("AKID", secret, token), moment, headers, body
    )

    assert ours["authorization"] == theirs.headers["Authorization"]
    assert ours["x-amz-date"] == theirs.headers["X-Amz-Date"]
    assert ours.get("x-amz-security-token") == theirs.headers.get("X-Amz-Security-Token")


def test_a_key_is_derived_anew_for_another_day_and_for_other_credentials() -> None:
    signer = Signer("dynamodb", "us-east-1", "https://dynamodb.test")
    first, second = Credentials("A", "one"), Credentials("A", "two")
    moments = [(first, 0), (first, 86_399), (second, 86_399), (first, 86_400), (first, 0)]

    kept = [signer.sign(who, at, {}, b"")["authorization"] for who, at in moments]

    fresh = [
        Signer("dynamodb", "us-east-1", "https://dynamodb.test").sign(who, at, {}, b"")
        for who, at in moments
    ]
    assert kept == [signed["authorization"] for signed in fresh]
    assert len(set(kept)) == 4
