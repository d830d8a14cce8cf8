"""Classification: which of the labels an answer names."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorers.conftest import Grade
from weighbridge.core.outcome import Scored, Ungraded
from weighbridge.scorers.labels import Label
from weighbridge.scorers.options import OptionError

MOODS = Label({"positive": ("good", "very good"), "negative": ("bad", "not good"), "neutral": ()})


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("positive", "positive"),
        ("  **Positive**.", "positive"),
        ("The mood is negative, I think.", "negative"),
        ("Very good!", "positive"),
        ("This is not good at all", "negative"),
        ("positive or negative? Hard to say", None),
        ("nonnegative", None),
        ("", None),
    ],
)
def test_the_one_label_named_is_read(grade: Grade, said: str, read: str | None) -> None:
    found = grade(MOODS, said, "positive")
    assert isinstance(found, Scored)
    assert found.label == read
    assert found.value == float(read == "positive")
    assert found.details == {"expected": "positive"}
    assert found.explanation


def test_the_reference_may_be_another_word_or_any_of_a_list(grade: Grade) -> None:
    assert grade(MOODS, "negative", "BAD").value == 1.0  # type: ignore[union-attr]
    found = grade(MOODS, "neutral", ["positive", "neutral"])
    assert isinstance(found, Scored)
    assert (found.value, found.details) == (1.0, {"expected": "neutral"})


def test_a_reference_that_is_no_label_is_ungraded(grade: Grade) -> None:
    found = grade(MOODS, "positive", "mixed")
    assert isinstance(found, Ungraded)
    assert "`mixed` is none of `positive`, `negative`" in found.reason
    assert isinstance(grade(MOODS, "positive", None), Ungraded)


def test_the_whole_answer_can_be_asked_for(grade: Grade) -> None:
    strict = Label(("yes", "no"), read="whole")
    assert grade(strict, "Yes.", "yes").value == 1.0  # type: ignore[union-attr]
    assert grade(strict, "I say yes", "yes").value == 0.0  # type: ignore[union-attr]


@given(st.sampled_from(["spam", "ham", "eggs"]), st.sampled_from(["spam", "ham", "eggs"]))
def test_it_is_right_exactly_when_the_labels_are_the_same(
    grade: Grade, said: str, target: str
) -> None:
    found = grade(
        Label(("spam", "ham", "eggs")), f"I would file this under {said.upper()}.", target
    )
    assert found == Scored(
        float(said == target),
        said,
        "the only label that the answer names",
        details={"expected": target},
    )


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ((), "two labels or more"),
        (("a", "a"), "two labels or more"),
        (("yes", "YES."), "`YES.` stands for both"),
        ({"a": ("x",), "b": ("x",)}, "`x` stands for both `a` and `b`"),
        (("a", "!"), "no letter or digit"),
    ],
)
def test_bad_labels_are_refused(labels: Any, said: str) -> None:
    with pytest.raises(OptionError, match=said) as caught:
        Label(labels)
    assert caught.value.option == "labels"
