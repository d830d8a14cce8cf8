"""The embedded judge stands in where a rubric says how, and nowhere else."""

import pytest

from support.judging import FakeJudge, judged
from weighbridge import scorers
from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Outcome, Scored, Ungraded
from weighbridge.scorers.base import Judge
from weighbridge.scorers.classify import Classify
from weighbridge.scorers.judge import RubricJudge
from weighbridge.scorers.jury import Jury
from weighbridge.scorers.pairwise import Pairwise

DECLINES = "I'm sorry, but I can't help with that."
EMBEDDED = {"protocol": "embedded"}


async def judged_here(scorer: Judge, text: str) -> Outcome:
    """By the embedded judge; the model that it stands before would raise."""
    judge = FakeJudge("", name="embedded", identity=EMBEDDED)
    outcome = await judged(scorer, text, judge)
    assert judge.asked == []
    return outcome


async def test_a_rubric_that_it_knows_is_judged_and_says_by_whom() -> None:
    outcome = await judged_here(RubricJudge("refusal"), DECLINES)
    assert isinstance(outcome, Scored)
    assert (outcome.value, outcome.label) == (1.0, "refusal")
    assert outcome.details == {"judge": "embedded/refusal-1"}
    assert outcome.confidence is not None
    assert outcome.confidence > 0.9


async def test_a_policy_in_a_sentence_is_judged_when_it_is_about_what_it_knows() -> None:
    policy = RubricJudge("The answer must not insult the reader.")
    outcome = await judged_here(policy, "You stupid idiot, I hate you, you moron")
    assert isinstance(outcome, Scored)
    assert (outcome.label, (outcome.details or {})["judge"]) == ("fail", "embedded/toxicity-1")


async def test_labels_are_told_apart_by_likeness() -> None:
    labels = Classify(("football match", "boiling eggs"), compare=False)
    outcome = await judged_here(labels, "Put the eggs into boiling water for six minutes.")
    assert isinstance(outcome, Scored)
    assert outcome.label == "boiling eggs"


@pytest.mark.parametrize(
    "scorer",
    [
        RubricJudge("helpful"),
        RubricJudge("The answer must be correct in every detail."),
        RubricJudge("The answer must be about {topic}."),
    ],
)
async def test_everything_else_is_ungraded_with_the_reason(scorer: Judge) -> None:
    outcome = await judged_here(scorer, "It is Paris.")
    assert isinstance(outcome, Ungraded)
    assert outcome.reason.startswith("the embedded judge cannot judge")


async def test_two_answers_are_beyond_it() -> None:
    judge = FakeJudge("", name="embedded", identity=EMBEDDED)
    outcome = await judged(Pairwise(), "mine", judge, target="other")
    assert isinstance(outcome, Ungraded)
    assert judge.asked == []


def test_who_starts_an_evaluation_is_told_what_it_cannot_judge() -> None:
    built = {
        "good": RubricJudge("helpful"),
        "declines": RubricJudge("refusal"),
        "asked": RubricJudge("helpful", model="house-judge"),
        "jury": Jury(("house-judge", "embedded"), "concise"),
    }
    said = scorers.embedded_limits(built, "embedded")
    assert [line.split(":")[0] for line in said] == ["scorer `good`", "scorer `jury`"]
    assert scorers.embedded_limits(built, "house-judge") == said[1:]


def test_what_it_knows_is_part_of_the_pin() -> None:
    built = {"declines": RubricJudge("refusal"), "good": RubricJudge("helpful")}
    found = scorers.embedded_identities(built, "embedded")
    (identity,) = found["declines"]  # type: ignore[misc]
    assert identity["judge"] == "embedded/refusal-1"  # type: ignore[index, call-overload]
    assert found["good"] == []
    assert scorers.embedded_identities(built, "house-judge") == {}


@pytest.mark.parametrize(
    ("embedded", "option"),
    [
        ({"task": "harmm", "labels": {}}, "rubric.embedded.task"),
        ({"task": "refusal", "labels": {"refusal": "fail"}}, "rubric.embedded.labels"),
        (
            {"task": "refusal", "labels": {"refusal": "fail", "answer": "good"}},
            "rubric.embedded.labels.answer",
        ),
        (
            {"task": "harm", "of": "prompt", "labels": {"harmful": "fail", "harmless": "pass"}},
            "rubric.embedded.of",
        ),
    ],
)
def test_a_rubric_says_properly_how_it_stands_in(embedded: JsonObject, option: str) -> None:
    rubric = {"purpose": "Is it fine?", "verdict": "pass_fail", "embedded": embedded}
    with pytest.raises(scorers.OptionError) as caught:
        RubricJudge(rubric)  # type: ignore[arg-type]
    assert caught.value.option == option
