"""References: no body, however nested or encoded, gets another tenant's file past the gateway.

The simulator reads references as leniently as any upstream might, and notes which it saw.
"""

from collections.abc import Iterator

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foreign_references import bodies
from local_stack import LocalStack
from model_calls import GENERATE, MODEL, calls, prompt, uploaded, uri

METHODS = ("generateContent", "streamGenerateContent", "countTokens", "batchGenerateContent")


@pytest.fixture(scope="module")
def pair(running_stack: LocalStack) -> Iterator[tuple[httpx.Client, str, str]]:
    """A tenant's client, a file of its own, and a file of another tenant."""
    tenant, other = running_stack.tenant(), running_stack.tenant()
    with tenant.http() as http:
        yield http, uploaded(tenant), uploaded(other)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data(), method=st.sampled_from(METHODS))
def test_no_body_gets_a_foreign_file_to_a_model(
    running_stack: LocalStack,
    pair: tuple[httpx.Client, str, str],
    data: st.DataObject,
    method: str,
) -> None:
    http, own, foreign = pair
    body = data.draw(bodies(own, foreign))
    running_stack.simulator("DELETE", "/model-calls")

    answer = http.post(f"/v1beta/models/{MODEL}:{method}", content=body)

    for call in calls(running_stack):
        assert foreign not in call["files"]
    if answer.status_code != 200:
        assert answer.status_code in {400, 403}
        assert "error" in answer.json()


def test_the_simulator_would_have_seen_it(
    running_stack: LocalStack, pair: tuple[httpx.Client, str, str]
) -> None:
    """The test above can fail: the same body sent past the gateway is read."""
    http, own, foreign = pair
    running_stack.simulator("DELETE", "/model-calls")
    body = prompt(uri(own), uri(foreign).replace("files", "%66iles"))

    answer = httpx.post(
        f"{running_stack.upstream_url}{GENERATE}",
        json=body,
        headers={"x-goog-api-key": running_stack.upstream_key()},
    )

    assert answer.status_code == 200
    assert calls(running_stack)[0]["files"] == [own, foreign]
    assert http.post(GENERATE, json=body).status_code == 403
