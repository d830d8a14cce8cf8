"""Two answers are compared in both orders, and only verdicts that agree make a winner."""

import re

import pytest

from support.judging import FakeJudge, judged, verdict
from weighbridge.core.outcome import Failed, Scored, Ungraded
from weighbridge.providers.base import CallFailed, ChatRequest
from weighbridge.scorers.options import OptionError
from weighbridge.scorers.pairwise import Pairwise


def prefers(wanted: str) -> FakeJudge:
    """A judge that prefers the answer with this text, wherever it stands."""

    def say(request: ChatRequest) -> str:
        shown = str(request.messages[1].content)
        first = re.search(r"<first-\w+>\s*(.*?)\s*</first-", shown, re.DOTALL)
        assert first is not None
        return verdict("first" if first[1] == wanted else "second")

    return FakeJudge(say)


@pytest.mark.parametrize(("better", "value", "label"), [("mine", 1, "win"), ("other", 0, "loss")])
async def test_a_judge_that_goes_by_the_answer_decides(
    better: str, value: float, label: str
) -> None:
    judge = prefers(better)
    outcome = await judged(Pairwise(), "mine", judge, target="other")
    assert isinstance(outcome, Scored)
    assert (outcome.value, outcome.label) == (value, label)
    assert len(judge.asked) == 2
    assert "position_bias" not in (outcome.details or {})


async def test_a_judge_that_goes_by_the_place_decides_nothing() -> None:
    outcome = await judged(Pairwise(), "mine", FakeJudge(verdict("first")), target="other")
    assert isinstance(outcome, Scored)
    assert (outcome.value, outcome.label, outcome.confidence) == (0.5, "tie", None)
    assert outcome.details == {
        "judge": "house-judge",
        "orders": ["first", "first"],
        "position_bias": "first",
    }


async def test_a_win_and_a_tie_do_not_agree() -> None:
    replies = iter([verdict("first"), verdict("tie")])
    outcome = await judged(Pairwise(), "mine", FakeJudge(lambda _: next(replies)), target="other")
    assert isinstance(outcome, Scored)
    assert outcome.label == "tie"
    assert (outcome.details or {})["position_bias"] == "unsteady"


async def test_two_ties_are_a_tie_without_bias() -> None:
    outcome = await judged(Pairwise(), "mine", FakeJudge(verdict("tie")), target="other")
    assert isinstance(outcome, Scored)
    assert (outcome.value, outcome.confidence) == (0.5, 0.9)
    assert "position_bias" not in (outcome.details or {})


async def test_the_same_answer_twice_is_a_tie_without_a_call() -> None:
    judge = FakeJudge(verdict("first"))
    outcome = await judged(Pairwise(against="rival"), "same ", judge, rival="same")
    assert isinstance(outcome, Scored)
    assert outcome.label == "tie"
    assert judge.asked == []


async def test_no_other_answer_is_ungraded_without_a_call() -> None:
    judge = FakeJudge(verdict("first"))
    assert isinstance(await judged(Pairwise(), "mine", judge), Ungraded)
    assert judge.asked == []


async def test_one_order_without_a_verdict_leaves_the_case_ungraded() -> None:
    replies = iter([verdict("first"), "hm", "hm"])
    outcome = await judged(Pairwise(), "mine", FakeJudge(lambda _: next(replies)), target="other")
    assert isinstance(outcome, Ungraded)


async def test_one_order_that_fails_fails_the_case() -> None:
    def say(request: ChatRequest) -> str:
        if "first" in str(request.messages[1].content):
            raise CallFailed(Failed("timeout", "late"), retry=False)
        return verdict("first")

    with pytest.raises(CallFailed):
        await judged(Pairwise(), "mine", FakeJudge(say), target="other")


async def test_criteria_in_a_sentence_replace_the_rubrics() -> None:
    judge = FakeJudge(verdict("tie"))
    await judged(
        Pairwise("Prefer the one that rhymes with {word}."), "a", judge, target="b", word="x"
    )
    shown = str(judge.asked[0].messages[1].content)
    assert "Prefer the one that rhymes with <word-" in shown
    assert "tie when you would not mind" not in shown


def test_a_rubric_for_one_answer_is_refused() -> None:
    with pytest.raises(OptionError, match="use it with `judge`"):
        Pairwise("helpful")


def test_what_it_reads_follows_from_its_options() -> None:
    assert (Pairwise().needs_target, Pairwise().reads) == (True, ())
    assert Pairwise(against="rival").needs_target is False
    assert Pairwise(against="rival").reads == ("rival",)


def test_the_other_answer_is_one_of_two_things() -> None:
    with pytest.raises(OptionError, match="not both"):
        Pairwise(against="rival", against_run="run_1")
    assert Pairwise(against_run="run_1").needs_target is False
    assert Pairwise(against_run="run_1").against_runs == ("run_1",)
