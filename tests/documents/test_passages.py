"""Passages hold all of a text, and none is too long."""

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.documents.passages import passages

texts = st.lists(
    st.sampled_from(["word", "Ünï", "a. ", "\n\n", "\n", " ", "x" * 37, "? ", "end."]), max_size=80
).map("".join)


def bare(text: str) -> str:
    return "".join(text.split())


@given(texts, st.integers(10, 60))
def test_nothing_is_lost_and_nothing_is_too_long(text: str, length: int) -> None:
    found = passages(text, length)
    assert bare("".join(found)) == bare(text)
    assert all(1 <= len(passage) <= length for passage in found)
    assert all(passage == passage.strip() for passage in found)


def test_whole_paragraphs_stay_together_while_they_fit() -> None:
    text = "One.\n\nTwo two.\n\nThree three three."
    assert passages(text, 16) == ["One.\n\nTwo two.", "Three three", "three."]
    assert passages(text, 100) == [text]


def test_long_paragraphs_are_cut_between_sentences() -> None:
    assert passages("A b c d. E f g h. I j.", 12) == ["A b c d.", "E f g h.", "I j."]


def test_a_text_of_white_space_has_none() -> None:
    assert passages(" \n\n \n") == []
