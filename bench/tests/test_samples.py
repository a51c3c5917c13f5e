"""Medians and the nearest rank."""

from bench.samples import p50, p90, p99


def test_p50_p90_and_p99() -> None:
    values = [float(value) for value in range(1, 101)]
    assert p50(values) == 50.5
    assert p90(values) == 90
    assert p99(values) == 99
    assert p99([3.0]) == 3
