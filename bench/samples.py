"""Samples: one quantity measured many times."""

import math
from collections.abc import Sequence
from statistics import median


def p50(values: Sequence[float]) -> float:
    """The median, in the unit of the values."""
    return median(values)


def p99(values: Sequence[float]) -> float:
    """The value that 99 in 100 do not exceed (nearest rank), in the unit of the values."""
    return sorted(values)[math.ceil(0.99 * len(values)) - 1]
