"""Usage reports: what can be asked, and what is refused with a sentence that helps."""

import pytest

from filegate.errors import StatusError
from filegate.instants import HOUR, MINUTE, parse_rfc3339
from filegate.usage_reports import DAY, Span, Step

NOW = parse_rfc3339("2026-11-23T09:30:00Z")


def moment(text: str) -> int:
    return parse_rfc3339(text)


def test_without_parameters_it_is_today_by_hour() -> None:
    assert Span.read(None, None, None, NOW) == Span(
        moment("2026-11-23T00:00:00Z"), moment("2026-11-23T10:00:00Z"), Step.HOUR
    )


def test_at_midnight_today_is_the_hour_that_has_just_begun() -> None:
    midnight = moment("2026-11-23T00:00:00Z")
    assert Span.read(None, None, None, midnight) == Span(midnight, midnight + HOUR, Step.HOUR)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-11-01", "2026-11-02"),
        ("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"),
        ("2026-11-01T02:00:00+02:00", "2026-11-02T02:00:00.000+02:00"),
    ],
)
def test_times_are_dates_or_rfc_3339(start: str, end: str) -> None:
    expected = Span(moment("2026-11-01T00:00:00Z"), moment("2026-11-02T00:00:00Z"), Step.DAY)
    assert Span.read(start, end, "day", NOW) == expected


@pytest.mark.parametrize(
    ("parameters", "field", "words"),
    [
        (("yesterday", None, None), "from", "must be a date"),
        (("2026-11-01T00:00:00", None, None), "from", "must be a date"),
        (("2026-11-01", "9999-99-99", None), "to", "must be a date"),
        (("2026-11-01T00:30:00Z", None, None), "from", "whole one"),
        (("2026-11-01T00:00:00.001Z", None, None), "from", "whole one"),
        (("1969-12-31", None, None), "from", "whole one"),
        (("2026-11-02", "2026-11-01", None), "to", "later than from"),
        (("2026-11-02", "2026-11-02", None), "to", "later than from"),
        (("2026-10-01", "2026-11-02", "hour"), "from", "31 days; this would be 32"),
        (("2025-01-01", "2026-11-02", "day"), "from", "400 days"),
        ((None, None, "week"), "by", "hour, day, tenant"),
    ],
)
def test_what_cannot_be_reported_is_refused(
    parameters: tuple[str | None, str | None, str | None], field: str, words: str
) -> None:
    with pytest.raises(StatusError) as refused:
        Span.read(*parameters, NOW)
    status = refused.value.status
    assert (status.code, status.status) == (400, "INVALID_ARGUMENT")
    assert words in status.message
    assert status.details[0]["fieldViolations"][0]["field"] == field


def test_a_tenant_cannot_ask_for_all_at_once() -> None:
    with pytest.raises(StatusError, match="it can be hour, day"):
        Span.read(None, None, "tenant", NOW, (Step.HOUR, Step.DAY))


def test_rows_end_where_the_span_ends() -> None:
    start = moment("2026-11-01T22:00:00Z")
    span = Span(start, start + DAY, Step.DAY)
    assert span.piece(start + MINUTE) == (start, start + 2 * HOUR)
    assert span.piece(start + 3 * HOUR) == (start + 2 * HOUR, start + DAY)
    assert Span(start, start + DAY, Step.TENANT).piece(start) == (start, start + DAY)
    assert Span(start, start + DAY, Step.HOUR).piece(start + 61 * MINUTE) == (
        start + HOUR,
        start + 2 * HOUR,
    )
