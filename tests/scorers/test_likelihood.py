"""Scores of answers that were chosen by likelihood."""

import asyncio
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.case import Case
from weighbridge.core.outcome import Answer, Outcome, Scored, Ungraded
from weighbridge.scorers.likelihood import Likelihood, best_option, shares


def option(letter: str, text: str, logprob: float | None, tokens: int = 1) -> dict[str, Any]:
    return {
        "letter": letter,
        "text": text,
        "logprob": logprob,
        "tokens": tokens,
        "characters": len(text),
    }


# By itself A is the likeliest, by token B, by character C, by byte D.
OPTIONS = [
    option("A", "no", -4.0, 1),
    option("B", "maybe", -9.0, 9),
    option("C", "certainly", -6.3, 2),
    option("D", "éééééé", -4.5, 1),
]


def grade(scorer: Likelihood, target: Any, options: Any = OPTIONS) -> Outcome:
    answer = Answer("no", details={"options": options})
    return asyncio.run(scorer.score(answer, Case(0, "0", {}, target)))


@pytest.mark.parametrize(
    ("normalise", "letter"), [("none", "A"), ("tokens", "B"), ("characters", "C"), ("bytes", "D")]
)
def test_each_normalisation_chooses_its_own(normalise: Any, letter: str) -> None:
    for place, right in enumerate("ABCD"):
        for target in (right, place, str(place), OPTIONS[place]["text"]):
            found = grade(Likelihood(normalise), target)
            assert isinstance(found, Scored)
            assert (found.value, found.label) == (float(right == letter), letter)
            assert found.details == {"expected": right}


@given(st.lists(st.floats(-500, 0), min_size=2, max_size=8), st.data())
def test_probability_is_the_softmax_and_the_choice_its_largest(
    logprobs: list[float], data: st.DataObject
) -> None:
    options = [option("ABCDEFGH"[place], "x", one) for place, one in enumerate(logprobs)]
    softmax = np.exp(logprobs) / np.exp(logprobs).sum() if max(logprobs) > -300 else None
    found = shares(options, "none")
    assert math.fsum(found) == pytest.approx(1)
    if softmax is not None:
        assert found == pytest.approx(list(softmax))
    assert best_option(options, "none") == int(np.argmax(logprobs))
    place = data.draw(st.integers(0, len(logprobs) - 1))
    scored = grade(Likelihood(report="probability"), "ABCDEFGH"[place], options)
    assert scored.value == pytest.approx(found[place])  # type: ignore[union-attr]


def test_probabilities_have_a_mean_and_choices_an_accuracy() -> None:
    assert Likelihood().metric == "accuracy"
    assert Likelihood(report="probability").metric == "mean"


def test_numbers_may_begin_with_one_and_any_of_a_list_is_right() -> None:
    assert grade(Likelihood(first_number=1), 1).value == 1.0  # type: ignore[union-attr]
    found = grade(Likelihood(), ["D", "A"])
    assert isinstance(found, Scored)
    assert (found.value, found.details) == (1.0, {"expected": "A"})
    both = grade(Likelihood(report="probability"), ["A", "B", "C", "D"])
    assert both.value == pytest.approx(1)  # type: ignore[union-attr]


def test_a_number_that_is_the_text_of_an_option_means_that_option() -> None:
    counts = [option("A", "1", -3.0), option("B", "0", -1.0)]
    assert grade(Likelihood(), "0", counts).value == 1.0  # type: ignore[union-attr]
    assert grade(Likelihood(), 0, counts).value == 0.0  # type: ignore[union-attr]


def test_an_option_of_which_nothing_is_known_is_never_chosen() -> None:
    half = [option("A", "x", None), option("B", "y", -9.0)]
    assert grade(Likelihood(), "B", half).value == 1.0  # type: ignore[union-attr]
    assert shares(half, "none") == [0.0, 1.0]
    nothing = [option("A", "x", None), option("B", "y", None)]
    assert isinstance(grade(Likelihood(), "B", nothing), Ungraded)


@pytest.mark.parametrize("target", [None, "", "E", "perhaps", 4, -1, True, ["A", "E"], {}])
def test_a_reference_that_is_no_option_is_ungraded(target: Any) -> None:
    assert isinstance(grade(Likelihood(), target), Ungraded)


def test_an_answer_in_words_has_no_likelihoods() -> None:
    for details in (None, {}, {"options": []}):
        answer = Answer("no", details=details)
        found = asyncio.run(Likelihood().score(answer, Case(0, "0", {}, "A")))
        assert isinstance(found, Ungraded)
        assert "`choose`" in found.reason
