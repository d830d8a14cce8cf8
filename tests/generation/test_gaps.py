"""Sentences with a gap: what is taken out, and which sentences are left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.generation.gaps import GAP, GapQuestion, gap_questions


def ask(text: str) -> list[GapQuestion]:
    return list(gap_questions(text, "The town"))


@pytest.mark.parametrize(
    ("sentence", "answer"),
    [
        ("The first weighbridge of the town was built in 1843 by a smith.", "1843"),
        ("The toll of the bridge was raised by 12.5% in the year after that.", "12.5%"),
        ("For many years the keeper of the bridge was old Karl Berg himself.", "Karl Berg"),
        (
            "Each cart was charged two öre, as Ängelholm-Sankt Petri had it.",
            "Ängelholm-Sankt Petri",
        ),
        ("Between 1843 and 1901 the bridge weighed each and every cart of 1843 twice.", "1901"),
    ],
)
def test_a_number_or_else_a_name_is_taken_out(sentence: str, answer: str) -> None:
    [found] = ask(sentence)
    assert (found.answer, found.quote) == (answer, sentence)
    assert sentence.replace(answer, GAP) in found.question
    assert "The town" in found.question


@pytest.mark.parametrize(
    "sentence",
    [
        "Nothing in this sentence could be asked for at all.",
        "In 1843.",
        "word " * 50 + "1843.",
        "In 1843 and again in 1843 nothing happened in the town.",
        "",
    ],
)
def test_a_sentence_without_one_right_answer_is_left_alone(sentence: str) -> None:
    assert ask(sentence) == []


def test_a_sentence_that_leads_back_is_shown_with_the_one_before_it() -> None:
    first, second = "The council voted to build a new house of brick.", "It opened in 1903."
    [found] = ask(f"{first} {second}")
    assert (found.answer, found.quote) == ("1903", f"{first} {second}")
    assert found.question.endswith(f"{first} It opened in {GAP}.”")


@given(st.lists(st.sampled_from(["The Bridge", "1843", "of", "It", "weighs", ".", "\n\n", "Berg"])))
def test_the_answer_fills_the_gap_and_stands_there_once(words: list[str]) -> None:
    for found in ask(" ".join(words)):
        shown = found.question.split("“", 2)[2].removesuffix("”")
        assert shown.count(GAP) == 1
        assert shown.replace(GAP, found.answer) == found.quote
        assert found.quote.count(found.answer) == 1
