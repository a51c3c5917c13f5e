"""What to do where a machine lacks something."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def leave_out(reason: str) -> NoReturn:
    """Skip with a plain reason; where `FILEGATE_REQUIRE_SDKS=1` is set, as in CI, fail instead."""
    if os.environ.get("FILEGATE_REQUIRE_SDKS") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
