"""Several judges vote; those that do not come to a verdict have no vote."""

import pytest

from support.judging import FakeJudge, judged, verdict
from weighbridge.core.outcome import Failed, Scored, Ungraded
from weighbridge.providers.base import CallFailed, ChatRequest
from weighbridge.scorers.jury import Jury
from weighbridge.scorers.options import OptionError

THREE = ("a", "b", "c")


def members(*says: str) -> list[FakeJudge]:
    return [FakeJudge(say, name=name) for say, name in zip(says, THREE, strict=True)]


def broken(name: str) -> FakeJudge:
    def say(_: ChatRequest) -> str:
        raise CallFailed(Failed("timeout", "too late", None, 2), retry=False)

    return FakeJudge(say, name=name)


async def test_the_majority_decides_and_every_vote_is_kept() -> None:
    jury = members(verdict("pass"), verdict("fail"), verdict("pass", confidence=0.5))
    outcome = await judged(Jury(THREE, "relevant"), "Paris", *jury)
    assert isinstance(outcome, Scored)
    assert (outcome.value, outcome.label) == (1.0, "pass")
    assert outcome.confidence == pytest.approx(2 / 3)
    assert outcome.explanation == "2 of 3 members: because"
    assert outcome.details is not None
    assert outcome.details["judge"] == "a + b + c"
    assert outcome.details["votes"] == [
        {"judge": "a", "label": "pass", "value": 1.0, "confidence": 0.9, "reason": "because"},
        {"judge": "b", "label": "fail", "value": 0.0, "confidence": 0.9, "reason": "because"},
        {"judge": "c", "label": "pass", "value": 1.0, "confidence": 0.5, "reason": "because"},
    ]
    assert [len(judge.asked) for judge in jury] == [1, 1, 1]


@pytest.mark.parametrize(
    ("reducer", "value", "label", "metric"),
    [
        ("majority", 0.25, "2", "mean"),
        ("mean", 0.5, None, "mean"),
        ("all", 0.25, "2", "mean"),
        ("any", 1.0, "5", "mean"),
    ],
)
async def test_reducers(reducer: str, value: float, label: str | None, metric: str) -> None:
    scorer = Jury(THREE, "helpful", reducer=reducer)  # type: ignore[arg-type]
    assert scorer.metric == metric
    outcome = await judged(scorer, "x", *members(verdict("2"), verdict("5"), verdict("2")))
    assert isinstance(outcome, Scored)
    assert (outcome.value, outcome.label) == (value, label)


async def test_a_tie_goes_to_the_lower_verdict() -> None:
    scorer = Jury(("a", "b"), "relevant")
    judges = [FakeJudge(verdict("pass"), name="a"), FakeJudge(verdict("fail"), name="b")]
    outcome = await judged(scorer, "x", *judges)
    assert isinstance(outcome, Scored)
    assert outcome.label == "fail"


async def test_a_member_without_a_verdict_has_no_vote() -> None:
    judges = [FakeJudge(verdict("pass"), name="a"), broken("b"), FakeJudge(verdict(1), name="c")]
    scorer = Jury(("a", "b", "c", "d"), "relevant")
    judges.append(FakeJudge(verdict("pass"), name="d"))
    no_quorum = await judged(scorer, "x", *judges)
    assert isinstance(no_quorum, Failed)
    assert (no_quorum.kind, no_quorum.calls) == ("timeout", 2)
    assert no_quorum.message.startswith("2 of 4 members of the jury voted")
    judges[2] = FakeJudge(verdict("pass"), name="c")
    outcome = await judged(scorer, "x", *judges)
    assert isinstance(outcome, Scored)
    votes = (outcome.details or {})["votes"]
    assert votes[1] == {"judge": "b", "status": "failed", "reason": "too late"}  # type: ignore[index]


async def test_members_who_all_talk_rubbish_leave_the_case_ungraded() -> None:
    outcome = await judged(Jury(THREE, "relevant"), "x", *members("hm", "hm", verdict("pass")))
    assert isinstance(outcome, Ungraded)
    assert outcome.reason.startswith("1 of 3 members of the jury voted")
    assert outcome.raw == "hm"


async def test_one_model_may_judge_by_several_rubrics() -> None:
    scorer = Jury(rubrics=("relevant", "instruction_following"), reducer="all")
    assert scorer.metric == "accuracy"
    replies = iter([verdict("pass"), verdict("fail")])
    outcome = await judged(scorer, "x", FakeJudge(lambda _: next(replies)))
    assert isinstance(outcome, Scored)
    assert outcome.value == 0.0
    assert (outcome.details or {})["judge"] == (
        "house-judge by relevant + house-judge by instruction_following"
    )


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({}, "models"),
        ({"models": ("a",)}, "models"),
        ({"models": ("a", "a")}, "models.1"),
        ({"models": ("a", "b"), "rubric": "better"}, "rubric"),
        ({"models": ("a", "b"), "rubric": "helpfull"}, "rubric"),
        ({"rubrics": ("helpful", "relevant")}, "reducer"),
        ({"rubrics": ("helpful", "relevant"), "rubric": "concise"}, "rubrics"),
        ({"models": ("a", "b"), "columns": {"contxt": "x"}}, "columns.contxt"),
    ],
)
def test_bad_options_are_named(options: dict[str, object], option: str) -> None:
    with pytest.raises(OptionError) as caught:
        Jury(**options)  # type: ignore[arg-type]
    assert caught.value.option == option
