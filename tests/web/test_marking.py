"""Passages marked in a text: where they stand, and without a tag of the text's own."""

import html
import re

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.web.marking import marked, spans_of

_TAGS = re.compile(r"</?mark>|<span[^>]*>U\+[0-9A-F]+</span>")


def test_quotes_are_found_whatever_their_blanks_and_case() -> None:
    text = "The tower\n is in  Paris, and (of course) tall."
    assert spans_of(text, ["is in Paris"]) == [(11, 23)]
    assert spans_of(text, ["“THE TOWER”", "(of course)"]) == [(0, 9), (29, 40)]
    assert spans_of(text, ["Rome", "", "…", "  "]) == []


def test_passages_are_marked_and_overlapping_ones_are_one() -> None:
    assert marked("abcdef", [(1, 3), (2, 4)]) == "a<mark>bcd</mark>ef"
    assert marked("a<b>c", [(1, 4)]) == "a<mark>&lt;b&gt;</mark>c"
    assert marked("abc", [(2, 99), (-3, 1), (3, 3)]) == "<mark>a</mark>b<mark>c</mark>"
    assert marked("a" * 100, [(5, 50)], longest=10) == "aaaaa<mark>aaaaa</mark>"


@given(
    st.text(alphabet="ab<>&\"' \u202e", max_size=30),
    st.lists(st.tuples(st.integers(-5, 40), st.integers(-5, 40)), max_size=6),
)
def test_marks_add_nothing_to_a_text(text: str, spans: list[tuple[int, int]]) -> None:
    made = marked(text, spans)
    plain = html.unescape(_TAGS.sub("", made))
    assert plain == text.replace("\u202e", "")
    assert made.count("<mark>") == made.count("</mark>")
