"""Instructions that can be checked. That they are checked as lm-evaluation-harness does is tested
with its recorded verdicts in tests/standard/test_harness.py."""

import time
from typing import Any

import pytest

from scorers.conftest import Grade
from weighbridge.core.outcome import Outcome, Scored, Ungraded
from weighbridge.scorers.instruction_checks import CHECKS
from weighbridge.scorers.instructions import Instructions
from weighbridge.scorers.options import OptionError

BOTH = [
    ("punctuation:no_comma", {}),
    ("length_constraints:number_words", {"relation": "at least", "num_words": 3}),
]


def graded(grade: Grade, text: str, listed: list[tuple[Any, Any]], **options: Any) -> Outcome:
    scorer = Instructions(**options)
    return grade(
        scorer,
        text,
        instruction_id_list=[name for name, _ in listed],
        kwargs=[arguments for _, arguments in listed],
    )


def test_every_instruction_must_be_kept_and_each_is_told(grade: Grade) -> None:
    assert graded(grade, "one two three", BOTH) == Scored(
        1.0,
        details={
            "instructions": [
                {"id": "punctuation:no_comma", "kept": True},
                {"id": "length_constraints:number_words", "kept": True},
            ]
        },
    )
    found = graded(grade, "one, two, three", BOTH)
    assert isinstance(found, Scored)
    assert found.value == 0.0
    assert found.explanation == "not kept: punctuation:no_comma"


def test_a_share_counts_those_kept(grade: Grade) -> None:
    found = graded(grade, "one, two, three", BOTH, report="share")
    assert isinstance(found, Scored)
    assert found.value == 0.5
    assert Instructions(report="share").metric == "mean"
    assert Instructions().metric == "accuracy"


def test_an_empty_answer_keeps_to_nothing(grade: Grade) -> None:
    found = graded(grade, " ", [("punctuation:no_comma", {})])
    assert isinstance(found, Scored)
    assert found.value == 0.0


def test_loosely_the_first_and_last_line_and_asterisks_do_not_count(grade: Grade) -> None:
    said = [("startend:quotation", {})]
    text = 'Here it is, as you wished:\n"Tea *is* hot"\nI hope you like it.'
    strict, loose = (graded(grade, text, said, loose=one) for one in (False, True))
    assert isinstance(strict, Scored)
    assert isinstance(loose, Scored)
    assert (strict.value, loose.value) == (0.0, 1.0)


@pytest.mark.parametrize("text", ["", "Bonjour", "one, two"])
def test_what_cannot_be_checked_is_ungraded_whatever_the_answer(grade: Grade, text: str) -> None:
    listed = [*BOTH, ("language:response_language", {"language": "fr"})]
    found = graded(grade, text, listed)
    assert isinstance(found, Ungraded)
    assert "needs a detector" in found.reason


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ([], "lists no instructions"),
        ([("keywords:existance", {})], "did you mean `keywords:existence`"),
        ([(5, {})], "there is no instruction `5`"),
        ([("keywords:existence", {})], "a list of texts `keywords`"),
        ([("keywords:existence", {"keywords": [None]})], "a list of texts `keywords`"),
        ([("keywords:existence", "kettle")], "no object"),
        ([("startend:end_checker", None)], "a text `end_phrase`"),
        ([("length_constraints:number_words", {"num_words": 1.5})], "a whole number `num_words`"),
        (
            [("length_constraints:number_words", {"num_words": 5, "relation": "about"})],
            "not `about`",
        ),
        (
            [
                (
                    "keywords:letter_frequency",
                    {"letter": "ab", "let_frequency": 1, "let_relation": "at least"},
                )
            ],
            "one character",
        ),
        ([("keywords:existence", {"keywords": ["x" * 20_000]})], "10000 characters"),
    ],
)
def test_an_instruction_that_is_none_is_ungraded_with_the_reason(
    grade: Grade, listed: list[tuple[Any, Any]], said: str
) -> None:
    found = graded(grade, "text", listed)
    assert isinstance(found, Ungraded)
    assert said in found.reason


def test_lists_of_different_lengths_are_ungraded(grade: Grade) -> None:
    found = grade(Instructions(), "x", instruction_id_list=["punctuation:no_comma"], kwargs=[])
    assert isinstance(found, Ungraded)
    assert "as many objects of arguments" in found.reason


def test_keywords_are_words_not_patterns(grade: Grade) -> None:
    listed = [("keywords:existence", {"keywords": ["c++ (really?)"]})]
    assert graded(grade, "C++ (Really?)", listed).value == 1.0  # type: ignore[union-attr]
    assert graded(grade, "cc really", listed).value == 0.0  # type: ignore[union-attr]


def test_numbers_may_come_as_floats_from_columnar_files(grade: Grade) -> None:
    listed = [("length_constraints:number_words", {"num_words": 2.0, "relation": "at least"})]
    assert graded(grade, "one two", listed).value == 1.0  # type: ignore[union-attr]


def test_the_columns_must_have_names() -> None:
    with pytest.raises(OptionError, match="name of a column"):
        Instructions(arguments=" ")


ARGUMENTS: dict[str, Any] = {
    "keywords": ["a"],
    "keyword": "a",
    "frequency": 2,
    "forbidden_words": ["a"],
    "relation": "at least",
    "letter": "a",
    "let_frequency": 1,
    "let_relation": "at least",
    "num_sentences": 1,
    "num_words": 1,
    "num_paragraphs": 1,
    "nth_paragraph": 1,
    "first_word": "a",
    "num_placeholders": 1,
    "postscript_marker": "P.S.",
    "num_bullets": 1,
    "num_highlights": 1,
    "section_spliter": "Section",
    "num_sections": 1,
    "prompt_to_repeat": "a",
    "end_phrase": "a",
    "capital_frequency": 1,
    "capital_relation": "at least",
    "language": "en",
}


@pytest.mark.parametrize(
    "piece", ["[", "<<", "*", "* ", "\n", "a", "***", "P.", "{", "'S ", "\ud800"]
)
def test_no_answer_makes_a_check_take_long_or_fail(grade: Grade, piece: str) -> None:
    names = [name for name in CHECKS if name != "language:response_language"]
    begun = time.process_time()
    found = graded(grade, piece * 50_000, [(name, ARGUMENTS) for name in names])
    assert isinstance(found, Scored)
    assert time.process_time() - begun < 3
