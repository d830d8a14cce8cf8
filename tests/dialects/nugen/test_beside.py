"""What a verdict says where there is little to say, or where saying it would be rash."""

import numpy as np
import pytest
from numpy.typing import NDArray

from dialects.nugen.conftest import Api
from weighbridge.core.outcome import ScorerSpec
from weighbridge.core.scale import UNBOUNDED, ZERO_TO_ONE
from weighbridge.dialects.nugen.beside import Aim, aim_of, difference
from weighbridge.reports.comparison import Difference, RunScores, compare_runs

SCORED, UNGRADED, FAILED = range(3)
SHARE = Aim(1, 1.0)


def compared(
    a: list[float],
    b: list[float],
    *,
    failed_b: int = 0,
    ungraded_b: int = 0,
    clusters: NDArray[np.uint64] | None = None,
) -> Difference:
    """Two models by one metric.

    Args:
        failed_b, ungraded_b: of how many questions, the last ones, the second has no score.
    """

    def run(values: list[float], failed: int = 0, ungraded: int = 0) -> RunScores:
        states = [SCORED] * (len(values) - failed - ungraded)
        states += [FAILED] * failed + [UNGRADED] * ungraded
        return RunScores(
            ids=np.arange(len(values), dtype=np.uint64),
            positions=np.arange(len(values), dtype=np.uint32),
            clusters=clusters,
            values={"metric": np.array(values, dtype=np.float64)},
            states={"metric": np.array(states, dtype=np.uint8)},
            latencies=None,
            first_id="0",
        )

    return compare_runs([run(a), run(b, failed_b, ungraded_b)], ["metric"]).differences[0]


def said(one: Difference, aim: Aim = SHARE) -> tuple[str, str | None]:
    told = difference(one, 0.95, first=True, aim=aim)
    return told["verdict"], told["reason"]


def test_one_question_says_nothing() -> None:
    one = compared([0.0], [1.0])
    assert said(one) == ("cannot tell", None)
    assert difference(one, 0.95, first=True)["minimum_detectable_effect"] is None
    assert said(compared([0.2], [0.9])) == ("cannot tell", None)


def test_no_question_scored_for_both_says_nothing() -> None:
    one = compared([1.0] * 20, [0.0] * 20, failed_b=20)
    told = difference(one, 0.95, first=True, aim=SHARE)
    assert (told["verdict"], told["difference"], told["n"]) == ("cannot tell", None, 0)
    assert told["left_out"]["failed_b"] == 20


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_models_that_agree_everywhere_cannot_be_told_apart_and_are_not_said_to_be_equal(
    value: float,
) -> None:
    told = difference(compared([value] * 50, [value] * 50), 0.95, first=True)
    assert (told["verdict"], told["difference"], told["equal"]) == ("cannot tell", 0.0, 50)
    assert told["low"] < 0 < told["high"]


def test_clusters_count_as_what_they_are() -> None:
    """Of five texts with ten questions each, the second model understood four better."""
    clusters = np.repeat(np.arange(5, dtype=np.uint64), 10)
    a, b = [0.0] * 50, [1.0] * 30 + [0.0] * 20
    assert said(compared(a, b)) == ("better", None)
    assert said(compared(a, b, clusters=clusters)) == ("cannot tell", None)
    one = np.zeros(50, dtype=np.uint64)
    assert said(compared(a, b, clusters=one)) == ("cannot tell", None)


def test_what_few_questions_left_out_could_change_is_not_asked() -> None:
    a, b = [0.0] * 20 + [1.0] * 80, [1.0] * 100
    assert said(compared(a, b, failed_b=5)) == ("better", None)


@pytest.mark.parametrize("missing", ["failed_b", "ungraded_b"])
def test_a_difference_that_hangs_on_what_is_left_out_is_not_told(missing: str) -> None:
    """The second model refuses the last twenty questions, all of which the first gets right."""
    a, b = [0.0] * 20 + [1.0] * 80, [1.0] * 100
    verdict, reason = said(compared(a, b, **{missing: 20}))  # type: ignore[arg-type]
    assert verdict == "cannot tell"
    assert reason is not None
    assert "20 of 100 questions" in reason
    verdict, _ = said(compared(b, a, **{missing: 20}))  # type: ignore[arg-type]
    assert verdict == "cannot tell"


def test_a_difference_that_stands_whatever_the_left_out_would_have_been_is_told() -> None:
    a, b = [0.0] * 90 + [1.0] * 10, [1.0] * 100
    assert said(compared(a, b, failed_b=10)) == ("better", None)
    assert said(compared(b, a, failed_b=10)) == ("worse", None)
    # Scores without bounds could have been anything.
    assert said(compared(a, b, failed_b=10), Aim())[0] == "cannot tell"


def test_less_may_be_better_or_neither() -> None:
    a, b = [0.0] * 30 + [1.0] * 20, [1.0] * 50
    assert said(compared(a, b), Aim(1, 1.0)) == ("better", None)
    assert said(compared(a, b), Aim(-1, 1.0)) == ("worse", None)
    verdict, reason = said(compared(a, b), Aim(0, 1.0))
    assert (verdict, reason) == ("cannot tell", "more metric is neither better nor worse")


def test_what_is_wanted_goes_by_the_scorer_not_by_its_name() -> None:
    assert aim_of(ScorerSpec("ter", {}, "edits"), (0.0, 10.0)) == Aim(-1, 10.0)
    assert aim_of(ScorerSpec("exact", {}, "ter"), ZERO_TO_ONE) == Aim(1, 1.0)
    assert aim_of(ScorerSpec("length", {}, "words"), UNBOUNDED).sign == 0
    assert aim_of(ScorerSpec("length", {"most": 10}, "short"), ZERO_TO_ONE) == Aim(1, 1.0)


QUESTIONS = [
    {"question": f"{number}: The capital of {land}?", "answer": city}
    for number in range(12)
    for land, city in (("Peru", "Lima"), ("France", "Paris"))
]


@pytest.mark.usefixtures("working")
class TestThroughTheApi:
    async def test_metrics_of_all_kinds_stand_beside_each_other(self, api: Api) -> None:
        """`atlas` knows Lima, `capital` says "wrong"."""
        found = await api.results(
            model_id="capital",
            model_id_2="atlas",
            benchmark_id=await api.benchmark(QUESTIONS),
            custom_metrics={
                "edits": {"scorer": "ter"},
                "words": {"scorer": "length", "unit": "characters"},
                "short": {"scorer": "length", "unit": "characters", "most": 4},
                "tone": {"scorer": "classify", "labels": ["PASS", "FAIL"], "compare": False},
            },
        )
        ours = found["weighbridge"]["comparison"]
        assert ours["verdict"] == "better"
        verdicts = {each["metric"]: each["verdict"] for each in ours["metrics"]}
        assert verdicts["binary_correctness"] == "better"
        assert verdicts["edits"] == "better"  # fewer of them
        assert verdicts["words"] == "cannot tell"
        assert verdicts["short"] == "better"
        assert "tone" not in verdicts  # labels are no numbers
        reasons = {each["metric"]: each["reason"] for each in ours["metrics"]}
        assert reasons["words"] == "more words is neither better nor worse"

    async def test_many_failed_questions_are_warned_about(self, api: Api) -> None:
        """`flaky` fails in Peru, where `capital` is wrong, and is as good elsewhere."""
        found = await api.results(
            model_id="capital",
            model_id_2="flaky",
            benchmark_id=await api.benchmark(QUESTIONS),
        )
        assert found["comparison"]["metrics"][0]["improvement_%"] == 100.0  # as the vendor has it
        ours = found["weighbridge"]["comparison"]
        assert ours["verdict"] == "cannot tell"
        first = ours["metrics"][0]
        assert (first["matched"], first["n"], first["left_out"]["failed_b"]) == (24, 12, 12)
        assert any("12 cases failed" in warning for warning in ours["warnings"])
