"""Instants: what is read from the wire is what is written to it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filegate.instants import format_rfc3339, hour_of, parse_rfc3339

FROM = 1_104_537_600_000  # 2005
UNTIL = 2_145_916_800_000  # 2038
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

instants = st.integers(FROM, UNTIL - 1)


@given(instants)
def test_an_instant_survives_the_wire(instant: int) -> None:
    assert parse_rfc3339(format_rfc3339(instant)) == instant


@given(instants)
def test_an_instant_is_written_as_upstream_does(instant: int) -> None:
    text = format_rfc3339(instant)

    assert text.endswith("Z")
    assert datetime.fromisoformat(text) == EPOCH + timedelta(milliseconds=instant)
    assert ("." in text) == bool(instant % 1_000)


@given(instants, st.integers(0, 999_999), st.integers(-14 * 60, 14 * 60))
def test_any_offset_names_the_same_moment(instant: int, nanos: int, offset: int) -> None:
    zone = timezone(timedelta(minutes=offset))
    seconds = EPOCH + timedelta(milliseconds=instant - instant % 1_000)
    sign, minutes = "-" if offset < 0 else "+", abs(offset)
    text = (
        seconds.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S")
        + f".{instant % 1_000:03d}{nanos:06d}"
        + f"{sign}{minutes // 60:02d}:{minutes % 60:02d}"
    )

    assert parse_rfc3339(text) == instant


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2025-02-16T22:33:33.359672295Z", 1_739_745_213_359),
        ("2025-02-14T22:33:33.377817Z", 1_739_572_413_377),
        ("2025-02-14T22:33:33Z", 1_739_572_413_000),
        ("2025-02-14T22:33:33.5Z", 1_739_572_413_500),
        ("2025-02-14T23:33:33+01:00", 1_739_572_413_000),
        ("2025-02-14T22:33:33.000999999Z", 1_739_572_413_000),
    ],
)
def test_timestamps_of_the_wire(text: str, instant: int) -> None:
    assert parse_rfc3339(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "1739572413",
        "2025-02-14",
        "2025-02-14T22:33:33",
        "2025-02-30T22:33:33Z",
        "2025-02-14T25:33:33Z",
        "2025-02-14T22:33:33+99:00",
        "2025-02-14T22:33:33Z ",
        "\ud800",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_rfc3339(text)


@given(st.text(max_size=40))
def test_no_text_raises_anything_but_value_error(text: str) -> None:
    try:
        parse_rfc3339(text)
    except ValueError:
        return


@pytest.mark.parametrize(
    ("instant", "hour"),
    [
        (1_739_572_413_377, "2025-02-14T22"),
        (1_739_574_000_000 - 1, "2025-02-14T22"),
        (1_739_574_000_000, "2025-02-14T23"),
        (0, "1970-01-01T00"),
    ],
)
def test_hours(instant: int, hour: str) -> None:
    assert hour_of(instant) == hour


@given(st.integers(-2_208_988_800_000, 7_258_118_400_000))
def test_no_millisecond_is_lost_in_any_year(instant: int) -> None:
    assert parse_rfc3339(format_rfc3339(instant)) == instant
