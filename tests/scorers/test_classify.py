"""A model chooses among given labels, and the choice is compared, wanted, or only recorded."""

import pytest

from support.judging import FakeJudge, judged, verdict
from weighbridge.core.outcome import Scored, Ungraded
from weighbridge.scorers.classify import Classify
from weighbridge.scorers.options import OptionError

LABELS = ("billing", "shipping", "other")


async def test_a_label_is_compared_with_the_target() -> None:
    judge = FakeJudge(verdict("shipping"))
    right = await judged(Classify(LABELS), "Where is it?", judge, target="Shipping ")
    assert isinstance(right, Scored)
    assert (right.value, right.label) == (1.0, "shipping")
    assert right.details == {"judge": "house-judge", "expected": "shipping"}
    wrong = await judged(Classify(LABELS), "Where is it?", judge, target="billing")
    assert isinstance(wrong, Scored)
    assert wrong.value == 0.0
    assert len(judge.asked) == 2
    assert Classify(LABELS).metric == "accuracy"


async def test_a_list_of_expected_labels_means_any() -> None:
    judge = FakeJudge(verdict("other"))
    outcome = await judged(Classify(LABELS), "x", judge, target=["billing", "other"])
    assert isinstance(outcome, Scored)
    assert outcome.value == 1.0


async def test_the_expected_label_may_stand_in_a_column() -> None:
    scorer = Classify(LABELS, expected="queue")
    assert (scorer.reads, scorer.needs_target) == (("queue",), False)
    outcome = await judged(scorer, "x", FakeJudge(verdict("other")), queue="other")
    assert isinstance(outcome, Scored)
    assert outcome.value == 1.0


@pytest.mark.parametrize("target", ["returns", None, ""])
async def test_an_expected_label_that_is_none_of_them_is_found_before_the_call(
    target: str | None,
) -> None:
    judge = FakeJudge(verdict("other"))
    assert isinstance(await judged(Classify(LABELS), "x", judge, target=target), Ungraded)
    assert judge.asked == []


async def test_wanted_labels_score_one_whatever_the_target() -> None:
    scorer = Classify(LABELS, wanted=("billing", "shipping"))
    assert not scorer.needs_target
    for label, value in (("billing", 1.0), ("other", 0.0)):
        outcome = await judged(scorer, "x", FakeJudge(verdict(label)), target="something else")
        assert isinstance(outcome, Scored)
        assert outcome.value == value


async def test_labels_may_be_recorded_only() -> None:
    scorer = Classify(LABELS, compare=False)
    assert (scorer.metric, scorer.needs_target) == ("labels", False)
    outcome = await judged(scorer, "x", FakeJudge(verdict("other")))
    assert isinstance(outcome, Scored)
    assert outcome.label == "other"


async def test_the_judge_is_told_what_labels_mean_and_what_to_look_at() -> None:
    judge = FakeJudge(verdict("a"))
    scorer = Classify({"a": "about apples", "b": ""}, instructions="Think of {who}.", compare=False)
    await judged(scorer, "x", judge, who="a child")
    shown = str(judge.asked[0].messages[1].content)
    assert "- a: about apples\n- b\n" in shown
    assert "Think of <who-" in shown


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({}, "labels"),
        ({"labels": ("a",)}, "labels"),
        ({"labels": ("a", "A")}, "labels.1"),
        ({"labels": ("a", "b"), "wanted": ("c",)}, "wanted.0"),
        ({"labels": ("a", "b"), "wanted": ("a",), "expected": "x"}, "wanted"),
        ({"labels": ("a", "b"), "instructions": "Think {"}, "instructions"),
    ],
)
def test_bad_options_are_named(options: dict[str, object], option: str) -> None:
    with pytest.raises(OptionError) as caught:
        Classify(**options)  # type: ignore[arg-type]
    assert caught.value.option == option
