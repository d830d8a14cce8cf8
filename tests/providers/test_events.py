"""Reading server-sent events."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.providers.events import Event, EventReader


def read(*parts: bytes) -> list[tuple[str, bytes]]:
    reader = EventReader()
    events = [event for part in parts for event in reader.read(part)]
    return [(event.name, event.data) for event in (*events, *reader.end())]


def test_an_event_has_its_data_and_its_name() -> None:
    assert read(b'event: ping\ndata: {"a":1}\n\ndata: x\n\n') == [
        ("ping", b'{"a":1}'),
        ("message", b"x"),
    ]


def test_lines_of_data_are_one_below_the_other() -> None:
    assert read(b"data: a\ndata:b\ndata:  c\n\n") == [("message", b"a\nb\n c")]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_line_ends_in_any_of_three_ways(end: bytes) -> None:
    assert read(b"data: a" + end * 2 + b"data: b" + end * 2) == [
        ("message", b"a"),
        ("message", b"b"),
    ]


def test_comments_ids_and_events_without_data_are_passed_over() -> None:
    assert read(b": keep-alive\n\nid: 7\nretry: 10\nevent: empty\n\ndata\n\ndata: x\n\n") == [
        ("message", b""),
        ("message", b"x"),
    ]


def test_a_byte_order_mark_and_a_missing_last_blank_line_do_no_harm() -> None:
    assert read(b"\xef\xbb\xbfdata: a\n\ndata: b") == [("message", b"a"), ("message", b"b")]


def test_an_event_is_given_as_soon_as_it_has_ended() -> None:
    reader = EventReader()
    assert list(reader.read(b"data: a\r\n\r")) == []
    assert list(reader.read(b"\ndata")) == [Event("message", b"a")]


@given(
    st.lists(
        st.sampled_from(
            [b"data: ", b"data:x", b"event: e", b": c", b"\n", b"\r", b"\r\n", b"\n\n", b"y", b":"]
        ),
        max_size=30,
    ),
    st.lists(st.integers(0, 120), max_size=8),
)
def test_it_does_not_matter_where_the_bytes_were_cut(pieces: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(pieces)
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    parts = [whole[start:end] for start, end in pairwise(places)]
    assert read(*parts) == read(whole)
