"""ROUGE: rouge-score's figures, and what it cannot read."""

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rouge_score import rouge_scorer

from scorers.conftest import Grade
from weighbridge.core.outcome import Scored, Ungraded
from weighbridge.scorers.summaries import Rouge

WORDS = st.sampled_from(["cats", "cat", "running", "ran", "the", "3", "Größe", "\n", "dog's", "中"])
TEXTS = st.lists(WORDS, max_size=25).map(" ".join) | st.text(max_size=80)
VARIANTS = st.sampled_from(["rouge1", "rouge2", "rougeL", "rougeLsum"])
NUMBERS = st.sampled_from(["fmeasure", "precision", "recall"])


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=3), VARIANTS, NUMBERS, st.booleans())
def test_rouge_is_rouge_scores(
    grade: Grade, said: str, wanted: list[str], variant: Any, number: Any, stemmer: bool
) -> None:
    assume(all(any(mark.isascii() and mark.isalnum() for mark in text) for text in wanted))
    found = grade(Rouge(variant, number, stemmer), said, wanted)
    scorer = rouge_scorer.RougeScorer([variant], use_stemmer=stemmer)
    reference = scorer.score_multi(wanted, said)[variant]
    assert isinstance(found, Scored)
    assert found.value == getattr(reference, number)
    assert found.details == reference._asdict()


def test_known_figures(grade: Grade) -> None:
    said, wanted = "the cat sat on the mat", "the cat is on the mat"
    assert grade(Rouge("rouge1"), said, wanted).value == pytest.approx(5 / 6)  # type: ignore[union-attr]
    assert grade(Rouge("rouge2"), said, wanted).value == pytest.approx(3 / 5)  # type: ignore[union-attr]
    assert grade(Rouge("rougeL"), "mat the on", wanted).value == pytest.approx(4 / 9)  # type: ignore[union-attr]
    assert grade(Rouge("rouge1", threshold=0.8), said, wanted).value == 1.0  # type: ignore[union-attr]


def test_what_it_cannot_read_is_ungraded_not_wrong(grade: Grade) -> None:
    assert isinstance(grade(Rouge(), "猫が座った", "猫が座った"), Ungraded)
    assert isinstance(grade(Rouge(), "cat", ["cat", "кошка"]), Ungraded)
    assert isinstance(grade(Rouge(), "cat", None), Ungraded)
    assert grade(Rouge(), "猫", "cat") == Scored(
        0.0, details={"precision": 0.0, "recall": 0.0, "fmeasure": 0.0}
    )


def test_long_texts_are_refused_only_where_time_is_their_product(grade: Grade) -> None:
    long = "word " * 2_001
    assert isinstance(grade(Rouge("rougeL"), long, long), Ungraded)
    assert isinstance(grade(Rouge("rougeLsum"), long, long), Ungraded)
    assert grade(Rouge("rouge2"), long, long).value == 1.0  # type: ignore[union-attr]
    assert isinstance(grade(Rouge("rouge1"), "w" * 1_000_000, "w"), Ungraded)
