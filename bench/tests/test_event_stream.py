"""When an event counts as arrived."""

from bench.event_stream import EventStream


def test_an_event_has_arrived_with_the_empty_line_behind_it() -> None:
    stream = EventStream(began=1.0)
    stream.feed(b"data: a\r\n", 2.0)
    assert stream.arrived == []
    stream.feed(b"\r\ndata: b", 3.0)
    stream.feed(b"\r\n\r", 4.0)
    stream.feed(b"\n", 5.0)
    assert stream.arrived == [3.0, 5.0]
    assert stream.first == 2.0
    assert stream.gaps == [2.0]
    assert stream.size == 22


def test_events_that_come_at_once_have_no_gap() -> None:
    stream = EventStream(began=0.0)
    stream.feed(b"data: a\r\n\r\ndata: b\r\n\r\n", 1.0)
    stream.ended = 1.5
    assert stream.gaps == [0.0]
    assert stream.seconds == 1.5


def test_an_end_is_counted_once() -> None:
    stream = EventStream(began=0.0)
    for piece in (b"data: a\r\n\r\n", b"\r\n", b"data: b\r\n\r\n"):
        stream.feed(piece, 1.0)
    assert len(stream.arrived) == 2
