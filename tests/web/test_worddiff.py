"""What changed is marked word by word, and whatever the words are, they stay words."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.web.worddiff import LONGEST, MOST_WORDS, word_diff


def test_changed_words_are_marked() -> None:
    found = word_diff("The cat sat on the mat.", "The dog lay on the mat.")
    assert found.html == "The <del>cat sat</del><ins>dog lay</ins> on the mat."
    assert not found.same
    assert not found.cut


@pytest.mark.parametrize("text", ["", "the same", "  two  blanks\nand a line"])
def test_the_same_text_has_no_marks(text: str) -> None:
    found = word_diff(text, text)
    assert found.same
    assert found.html == text


def test_what_somebody_wrote_does_nothing() -> None:
    found = word_diff("<b>x</b>", "<script>alert(1)</script> \u202eevil")
    for tag in ("<script", "<b>", "\u202e"):
        assert tag not in found.html
    assert 'class="control"' in found.html


def test_long_texts_are_compared_in_part() -> None:
    for one, other in (
        ("x" * 1_000_000, "y" * 1_000_000),
        ("a b " * 10_000, "b a " * 10_000),
        ("line\n" * 10_000, "other\n" * 10_000),
    ):
        found = word_diff(one, other)
        assert found.cut
        assert len(found.html) < 2 * LONGEST + 30 * MOST_WORDS


@given(st.text(alphabet="ab \n.", max_size=40), st.text(alphabet="ab \n.", max_size=40))
def test_without_the_marks_both_texts_come_back(one: str, other: str) -> None:
    html = word_diff(one, other).html
    assert (
        re.sub(r"<ins>.*?</ins>", "", html, flags=re.DOTALL)
        .replace("<del>", "")
        .replace("</del>", "")
        == one
    )
    assert (
        re.sub(r"<del>.*?</del>", "", html, flags=re.DOTALL)
        .replace("<ins>", "")
        .replace("</ins>", "")
        == other
    )
