"""Quantities as people write them."""

import pytest
import typer

from filegate_cli.quantities import (
    read_count,
    read_moment,
    read_size,
    read_span,
    show_moment,
    show_size,
    show_span,
    write_moment,
)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1048576", 1_048_576),
        ("12B", 12),
        ("500MB", 500_000_000),
        ("500 mb", 500_000_000),
        ("2GiB", 2_147_483_648),
        ("1.5GiB", 1_610_612_736),
        ("0.001KB", 1),
        ("1TiB", 2**40),
        ("1tb", 10**12),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1", "1e3", "5XB", "1.5B", "0.0001KB", "1.GB", "٣MB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        read_size(text)


@pytest.mark.parametrize(
    ("text", "span"),
    [("90s", "90s"), ("30m", "1800s"), ("24h", "86400s"), ("7D", "604800s")],
)
def test_spans(text: str, span: str) -> None:
    assert read_span(text) == span


@pytest.mark.parametrize("text", ["", "0s", "1", "1w", "-1h", "1.5h"])
def test_what_is_no_span(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        read_span(text)


@pytest.mark.parametrize("text", ["", "-1", "1.5", "x", "9" * 16])
def test_what_is_no_count(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        read_count(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-01", "2026-11-01T00:00:00Z"),
        ("2026-11-01T06:00:00Z", "2026-11-01T06:00:00Z"),
        ("2026-11-01T06:00:00+02:00", "2026-11-01T04:00:00Z"),
        ("2026-11-01T06:00", "2026-11-01T06:00:00Z"),
    ],
)
def test_moments(text: str, moment: str) -> None:
    assert write_moment(read_moment(text)) == moment


def test_what_people_are_shown() -> None:
    sizes = {size: show_size(size) for size in (0, 1023, 1024, "20000000", 2**31, 2**50, -1)}
    assert list(sizes.values()) == [
        *("0 B", "1023 B", "1.0 KiB", "19.1 MiB", "2.0 GiB", "1024.0 TiB", "-1 B")
    ]
    assert show_size(None) == ""
    assert [show_span(span) for span in ("86400s", "5400s", "61s", None)] == [
        *("1d", "90m", "61s", "")
    ]
    assert show_moment("2026-11-01T06:00:00.123456789Z") == "2026-11-01T06:00:00Z"
