"""How long a refusal takes tells nobody whether what was named is missing or another tenant's."""

import bisect
import random
import time
from collections.abc import Sequence

import pytest

from local_stack import LocalStack, StackTenant
from model_calls import uploaded
from refusals import essence, refused

ROUNDS = 600
WARM = 50
APART = 0.1
"""How far from a half the share may be; of `ROUNDS` it is 0.017 off by chance (one sigma)."""


def share_slower(one: Sequence[float], two: Sequence[float]) -> float:
    """How often a sample of one takes longer than one of two: a half if nothing tells them apart.

    The statistic of Mann and Whitney, which outliers of a busy machine do not move.
    """
    ordered = sorted(two)
    return sum(bisect.bisect_left(ordered, value) for value in one) / (len(one) * len(two))


@pytest.mark.slow
@pytest.mark.usefixtures("unscheduled")
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_foreign_file_takes_as_long_as_a_missing_one(
    stack: LocalStack, tenant: StackTenant, method: str
) -> None:
    foreign = uploaded(stack.tenant())
    missing = foreign[:-8] + "zzzzzzzz"
    order = [foreign, missing] * (ROUNDS + WARM)
    random.Random(1).shuffle(order)  # noqa: S311 - only an order
    taken: dict[str, list[float]] = {foreign: [], missing: []}
    with tenant.http() as client:
        for file_id in order:
            begun = time.perf_counter()
            answer = client.request(method, f"/v1beta/files/{file_id}")
            taken[file_id].append(time.perf_counter() - begun)
            refused(answer, 403)
        bodies = {
            essence(client.request(method, f"/v1beta/files/{one}"))[2].replace(one.encode(), b"")
            for one in (foreign, missing)
        }
    assert len(bodies) == 1
    share = share_slower(taken[foreign][WARM:], taken[missing][WARM:])
    print(f"{method}: a foreign file took longer than a missing one in {share:.1%} of all pairs")  # noqa: T201
    assert abs(share - 0.5) < APART
