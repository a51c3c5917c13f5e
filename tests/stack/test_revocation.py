"""A revoked key is refused on every warm instance of every function within the promised minute."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import pytest

from admin_api import AdminApi
from filegate.tenants import CACHE_SECONDS
from local_stack import LocalStack, StackTenant

PATHS: Final = {
    "FilesFunction": "/v1beta/files",
    "GenerateFunction": "/v1beta/models",
    "StoresFunction": "/v1beta/fileSearchStores",
}
THREADS: Final = 4
"""For each function."""
REQUESTS: Final = 50
"""So many in a row, and a thread has met each instance that there is."""
PATIENCE: Final = 3 * CACHE_SECONDS


@dataclass(frozen=True)
class Seen:
    """What one thread saw since the revocation began: requests taken, and when the last was sent.

    In seconds of the monotonic clock.
    """

    taken: int
    last: float


def use(
    tenant: StackTenant,
    path: str,
    warmed: threading.Barrier,
    revoking: threading.Event,
) -> Seen:
    """Use a key until it is refused for good."""
    taken, refusals, last = 0, 0, 0.0
    began = time.monotonic()
    with tenant.http() as http:
        for _ in range(REQUESTS):
            assert http.get(path).status_code == 200
        warmed.wait()
        while refusals < REQUESTS:
            sent = time.monotonic()
            assert sent < began + PATIENCE, "a revoked key is still taken"
            answer = http.get(path)
            assert answer.status_code in {200, 400}, answer.text
            if answer.status_code == 400:
                assert revoking.is_set(), answer.text
                refusals += 1
            elif revoking.is_set():
                refusals, taken, last = 0, taken + 1, sent
    return Seen(taken, last)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_warm_instance_refuses_a_revoked_key_within_a_minute(
    stack: LocalStack, admin: AdminApi
) -> None:
    tenant = admin.tenant()
    [key] = admin.get(f"/tenants/{tenant.id}/keys")["keys"]
    revoking = threading.Event()
    warmed = threading.Barrier(THREADS * len(PATHS) + 1, timeout=60)
    with ThreadPoolExecutor(THREADS * len(PATHS)) as pool:
        threads = [
            pool.submit(use, tenant, path, warmed, revoking)
            for path in PATHS.values()
            for _ in range(THREADS)
        ]
        warmed.wait()
        warm = stack.environments()
        revoking.set()
        admin.post(f"/tenants/{tenant.id}/keys/{key['id']}:revoke")
        revoked = time.monotonic()
        seen = [thread.result() for thread in threads]
    # All the while it was the same instances that answered: each was warm and knew the key.
    still = stack.environments()
    assert all(set(warm[name]) == set(still[name]) for name in PATHS)
    assert len(warm["FilesFunction"]) > 1
    assert sum(one.taken for one in seen) > 0
    assert max(one.last for one in seen) - revoked <= CACHE_SECONDS
