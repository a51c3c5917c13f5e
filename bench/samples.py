"""Samples: one quantity measured many times."""

import math
from collections.abc import Sequence
from statistics import median


def p50(values: Sequence[float]) -> float:
    """The median, in the unit of the values."""
    return median(values)


def p90(values: Sequence[float]) -> float:
    """The value that 9 in 10 do not exceed (nearest rank), in the unit of the values."""
    return _nearest_rank(values, 0.9)


def p99(values: Sequence[float]) -> float:
    """The value that 99 in 100 do not exceed (nearest rank), in the unit of the values."""
    return _nearest_rank(values, 0.99)


def _nearest_rank(values: Sequence[float], part: float) -> float:
    return sorted(values)[math.ceil(part * len(values)) - 1]
