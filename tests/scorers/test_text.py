"""Text scorers: what counts as equal, included, found and overlapping."""

import asyncio
import re
import string
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.case import Case
from weighbridge.core.outcome import Answer, Outcome, Scored, Ungraded, Usage
from weighbridge.scorers.base import Scorer
from weighbridge.scorers.text import (
    F1,
    Exact,
    Includes,
    Length,
    Regex,
    StartsWith,
    squad_words,
    word_f1,
)

Grade = Callable[..., Outcome]
words = st.lists(st.sampled_from(["cat", "dog", "eel", "fox"]), max_size=6)


def value(outcome: Outcome) -> float:
    assert isinstance(outcome, Scored), outcome
    return outcome.value


@pytest.mark.parametrize(
    ("scorer", "answer", "target", "expected"),
    [
        (Exact(), "Paris", "Paris", 1),
        (Exact(), " Paris\n", "Paris ", 1),
        (Exact(), "paris", "Paris", 0),
        (Exact(), "Paris.", "Paris", 0),
        (Exact(), "", "Paris", 0),
        (Exact(), "cafe\u0301", "café", 1),
        (Exact(), "b", ["a", "b"], 1),
        (Exact(), "c", ["a", "b"], 0),
        (Exact(), "", ["none", ""], 1),
        (Exact(), "7", 7, 1),
        (Exact(), "true", True, 1),
        (Exact(), "a b", "ab", 0),
        (Exact(ignore_case=True), "STRASSE", "straße", 1),
        (Exact(ignore_whitespace=True), "a  b\nc", "ab c", 1),
        (Exact(ignore_punctuation=True), "“Paris!”", "Paris", 1),
        (Exact(ignore_punctuation=True), "don't", "dont", 1),
        (Exact(ignore_punctuation=True), "Paris", "London", 0),
        (Exact(ignore=(",", r"\$")), "$1,234", "1234", 1),
        (Exact(ignore=(",",)), "1,234", "1,2,3,4", 1),
        (Exact(ignore=(r"^(?:The|A) ",), ignore_case=True), "The Beatles", "beatles", 1),
        (Exact(ignore=(r"^the ",), ignore_case=True), "The Beatles", "beatles", 0),
        (Exact(ignore=("b",)), "a\ud800b", "a?", 1),
        (Includes(require="all"), "a cat, a Dog", ["cat", "dog"], 1),
        (Includes(require="all"), "a cat", ["cat", "dog"], 0),
        (StartsWith(), " Yes, it is.", "Yes", 1),
        (StartsWith(), "Well, yes", "yes", 0),
        (StartsWith(), "yes", "Yes", 0),
        (StartsWith(ignore_case=True), "YES!", ["no", "yes"], 1),
        (StartsWith(), "nothing", "no", 1),
        (StartsWith(whole_words=True), "nothing", "no", 0),
        (StartsWith(whole_words=True), "no: nothing", "no", 1),
        (StartsWith(whole_words=True), "no", "no", 1),
        (StartsWith(), "", "no", 0),
        (Length(most=2), " two words ", None, 1),
        (Length(most=2), "three words here", None, 0),
        (Length(least=2), "one", None, 0),
        (Length("characters", 4, 4), "cafe\u0301", None, 1),
        (Length("lines", most=2), "one\n\n \ntwo\n", None, 1),
        (Length(), "", None, 0),
        (Length(), "five words are in here", None, 5),
        (Includes(), "It is PARIS, of course", "Paris", 1),
        (Includes(), "It is London", "Paris", 0),
        (Includes(), "It is London", ["Paris", "London"], 1),
        (Includes(), "the year 1969", 1969, 1),
        (Includes(), "x", ["", "y"], 0),
        (Includes(ignore_case=False), "It is PARIS", "Paris", 0),
        (F1(), "The cat sat!", "a cat sat", 1),
        (F1(), "cat", "dog", 0),
        (F1(), "cat dog", "cat", 2 / 3),
        (F1(), "cat cat", "cat dog dog", 2 / 5),
        (F1(), "", "cat", 0),
        (F1(), "The.", ["", "cat"], 1),
        (F1(), "dog", ["cat", "big dog"], 2 / 3),
    ],
)
def test_answers_are_graded_like_this(
    grade: Grade, scorer: Scorer, answer: str, target: object, expected: float
) -> None:
    assert value(grade(scorer, answer, target)) == pytest.approx(expected)


@pytest.mark.parametrize("scorer", [Exact(), Includes(), F1(), Regex(), Regex("(a)", group=1)])
@pytest.mark.parametrize("target", [None, "", "  ", []])
def test_a_case_without_a_reference_is_ungraded_not_wrong(
    grade: Grade, scorer: Scorer, target: object
) -> None:
    outcome = grade(scorer, "a", target)
    assert isinstance(outcome, Ungraded)
    assert "no reference" in outcome.reason


@pytest.mark.parametrize("target", [{"a": 1}, [{"a": 1}], ["a", None]])
def test_a_reference_that_is_not_text_is_ungraded(grade: Grade, target: object) -> None:
    assert isinstance(grade(Exact(), "a", target), Ungraded)


def test_an_included_reference_must_not_be_empty(grade: Grade) -> None:
    assert isinstance(grade(Includes(), "a", [""]), Ungraded)


@given(words, words)
def test_f1_is_symmetric_and_one_only_for_the_same_words(one: list[str], other: list[str]) -> None:
    overlap = word_f1(one, other)
    assert overlap == word_f1(other, one)
    assert 0 <= overlap <= 1
    assert (overlap == 1) == (sorted(one) == sorted(other))


def test_f1_normalises_as_squad_does() -> None:
    assert squad_words("The  U.S.-born an'A a theatre") == ["usborn", "ana", "theatre"]


@pytest.mark.parametrize(
    ("scorer", "answer", "target", "expected"),
    [
        (Regex(r"\d{4}"), "in 1969", None, 1),
        (Regex(r"^\d{4}$"), "in 1969", None, 0),
        (Regex(r"(?m)^b$"), "a\nb", None, 1),
        (Regex("paris"), "PARIS", None, 0),
        (Regex("paris", ignore_case=True), "PARIS", None, 1),
        (Regex(), "colour", "colou?r", 1),
        (Regex(), "colour", ["x", "colou?r"], 1),
        (Regex(r"#### (-?\d+)", group=1), "so #### 42", "42", 1),
        (Regex(r"#### (-?\d+)", group=1), "so #### 42", 42, 1),
        (Regex(r"#### (-?\d+)", group=1), "so #### 41", "42", 0),
        (Regex(r"#### (-?\d+)", group=1), "so 42", "42", 0),
        (Regex(r"(?P<n>\d+)", group="n"), "1 or 2", "1", 1),
        (Regex(r"(?P<n>\d+)", group="n", match="last"), "1 or 2", "2", 1),
        (Regex(r"is (\w+)", group=1, ignore_case=True), "It IS paris", "Paris", 1),
        (Regex(r"a(b)?", group=1), "ac", "b", 0),
        (Regex(r"#### ([\d.,]+)", group=1, ignore=(",", r"\.$")), "#### 1,234.", "1234", 1),
        (Regex(r"#### ([\d.,]+)", group=1, ignore=(",", r"\.$")), "#### 1.5", "1,5", 0),
        (Regex("b"), "a\ud800b", None, 1),
    ],
)
def test_patterns_are_graded_like_this(
    grade: Grade, scorer: Regex, answer: str, target: object, expected: float
) -> None:
    assert value(grade(scorer, answer, target)) == expected


def test_what_the_group_read_is_the_label(grade: Grade) -> None:
    assert grade(Regex(r"= (\w+)", group=1), "x = 5", "6") == Scored(0.0, "5")


def test_a_reference_that_is_no_pattern_is_ungraded(
    grade: Grade, capfd: pytest.CaptureFixture[str]
) -> None:
    outcome = grade(Regex(), "a", "(a")
    assert isinstance(outcome, Ungraded)
    assert outcome.reason == "the reference is no pattern: RE2 refuses this pattern: missing ): (a"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"pattern": "(a"}, r"pattern: RE2 refuses this pattern: missing \): \(a"),
        ({"pattern": "(?<=a)b"}, "pattern: RE2 refuses this pattern: invalid perl operator"),
        ({"pattern": "x" * 10_001}, "pattern: a pattern may have 10000 characters"),
        ({"group": 1}, "group: needs a `pattern`"),
        ({"pattern": "a", "group": 1}, "group: the pattern has 0 groups"),
        ({"pattern": "(a)", "group": -1}, "group: the pattern has 1 groups"),
        ({"pattern": "a", "ignore": ("b",)}, "ignore: is for the text of a `group`"),
        ({"pattern": "a", "group": 0, "ignore": ("b", "(")}, "ignore.1: RE2 refuses"),
        ({"pattern": "(?P<x>a)", "group": "y"}, "group: the pattern has no group called `y`"),
    ],
)
def test_a_pattern_that_cannot_work_is_refused_with_the_reason(
    options: dict[str, object], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        Regex(**options)  # type: ignore[arg-type]


def test_a_pattern_made_to_take_forever_does_not(grade: Grade) -> None:
    assert value(grade(Regex("^(a+)+$"), "a" * 50_000 + "b")) == 0


def test_tokens_are_as_the_endpoint_counted_them() -> None:
    case = Case(0, "0", {})
    counted = Answer("x", usage=Usage(output_tokens=7))
    assert asyncio.run(Length("tokens").score(counted, case)) == Scored(7.0)
    found = asyncio.run(Length("tokens", most=7).score(counted, case))
    assert found == Scored(1.0, None, "7 tokens")
    assert isinstance(asyncio.run(Length("tokens").score(Answer("x"), case)), Ungraded)


def squad_f1(prediction: str, ground_truth: str) -> float:
    """As the steps of SQuAD's evaluation script, version 2.0, one after the other."""

    def normalize(text: str) -> list[str]:
        text = "".join(mark for mark in text.lower() if mark not in set(string.punctuation))
        return re.sub(r"\b(a|an|the)\b", " ", text).split()

    said, wanted = normalize(prediction), normalize(ground_truth)
    same = sum((Counter(said) & Counter(wanted)).values())
    if not said or not wanted:
        return float(said == wanted)
    if same == 0:
        return 0.0
    precision, recall = same / len(said), same / len(wanted)
    return 2 * precision * recall / (precision + recall)


PHRASES = st.lists(
    st.sampled_from(["the", "A", "an", "cat", "Cat's", "sat.", "on", "U.S.", "3,5", "é", "-", " "])
).map(" ".join) | st.text(st.characters(max_codepoint=127))


@given(PHRASES, PHRASES.filter(str.strip))
def test_f1_is_that_of_squads_own_steps(grade: Grade, said: str, wanted: str) -> None:
    assert value(grade(F1(), said, wanted)) == pytest.approx(squad_f1(said, wanted), abs=1e-12)
