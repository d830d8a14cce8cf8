"""A failed call is never a wrong answer: the types keep the two apart."""

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.outcome import Answer, Failed, Record, Scored, Status, Ungraded, Usage

FAILURE = Failed("timeout", "no answer within 10 s")


def record(answer: Answer | None, outcomes: dict[str, object], failure: Failed | None) -> Record:
    return Record(0, "0", 0, answer, outcomes, failure)  # type: ignore[arg-type]


def test_a_case_without_an_answer_is_failed() -> None:
    assert record(None, {}, FAILURE).status is Status.FAILED


def test_a_wrong_answer_is_scored() -> None:
    assert record(Answer("no"), {"exact": Scored(0.0)}, None).status is Status.SCORED


def test_an_answer_no_judge_could_grade_is_ungraded() -> None:
    outcomes: dict[str, object] = {"exact": Scored(1.0), "judge": Ungraded("rubbish")}
    assert record(Answer("yes"), outcomes, None).status is Status.UNGRADED


def test_a_judge_that_could_not_be_reached_makes_the_case_failed_so_that_it_is_retried() -> None:
    outcomes: dict[str, object] = {"judge": FAILURE, "other": Ungraded("rubbish")}
    assert record(Answer("yes"), outcomes, None).status is Status.FAILED


def test_without_scorers_a_case_is_answered() -> None:
    assert record(Answer("yes"), {}, None).status is Status.ANSWERED


costs = st.none() | st.floats(0, 100)


@given(costs, costs)
def test_a_cost_is_known_as_soon_as_one_part_of_it_is(a: float | None, b: float | None) -> None:
    total = (Usage(cost_usd=a) + Usage(cost_usd=b)).cost_usd
    if a is None and b is None:
        assert total is None
    else:
        assert total == (a or 0.0) + (b or 0.0)
