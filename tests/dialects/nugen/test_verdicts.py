"""Verdicts by simulation: where models are alike, `better` or `worse` is said in 5 ± 1 % of
comparisons, and what is printed as detectable is found in 80 ± 4 %."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from weighbridge.core.scale import UNBOUNDED, ZERO_TO_ONE, Bounds
from weighbridge.dialects.nugen import beside
from weighbridge.reports.comparison import RunScores, compare_runs
from weighbridge.statistics import paired

SEED = 20240131
ROUNDS = 2_000
Scores = tuple[NDArray[np.float64], NDArray[np.float64]]


def compared(
    scores: Scores, bounds: Bounds = ZERO_TO_ONE, clusters: NDArray[np.uint64] | None = None
) -> dict[str, Any]:
    """What stands beside the vendor's numbers of two models with these scores."""
    n = len(scores[0])
    runs = [
        RunScores(
            ids=np.arange(n, dtype=np.uint64),
            positions=np.arange(n, dtype=np.uint32),
            clusters=clusters,
            values={"metric": np.asarray(each, dtype=np.float64)},
            states={"metric": np.zeros(n, dtype=np.uint8)},
            latencies=None,
            first_id="0",
        )
        for each in scores
    ]
    found = compare_runs(runs, ["metric"], bounds={"metric": bounds})
    return beside.difference(found.differences[0], found.level, first=True)


@pytest.fixture
def without_planning(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Called, it leaves out what takes most of the time and no verdict depends on."""

    def leave_out() -> None:
        for name in ("mean", "paired", "where_few_differ"):
            monkeypatch.setattr(paired, f"smallest_detectable_{name}", lambda *_a, **_k: None)

    return leave_out


def error(rounds: int, share: float) -> float:
    """Three standard errors of a simulated share."""
    return 3 * math.sqrt(share * (1 - share) / rounds)


# Right and wrong.


@dataclass(frozen=True)
class Alike:
    """Two models of one accuracy over n questions.

    Attributes:
        correlation: of their being right; what they share of what makes a question hard.
    """

    n: int
    accuracy: float
    correlation: float

    @property
    def discordance(self) -> float:
        """Share of questions that only one of them gets right."""
        return 2 * self.accuracy * (1 - self.accuracy) * (1 - self.correlation)


def right_and_wrong(only_a: int, only_b: int, n: int) -> Scores:
    a, b = np.ones(n), np.ones(n)
    a[:only_b], b[only_b : only_b + only_a] = 0, 0
    return a, b


def verdicts(n: int, discordance: float, difference: float, rounds: int) -> Counter[str]:
    """Of so many simulated comparisons; tables that come twice are compared once."""
    shares = [(discordance - difference) / 2, (discordance + difference) / 2, 1 - discordance]
    drawn = np.random.default_rng(SEED).multinomial(n, np.clip(shares, 0, 1), rounds)
    tables, counts = np.unique(drawn, axis=0, return_counts=True)
    counted: Counter[str] = Counter()
    for (only_a, only_b, _), times in zip(tables, counts, strict=True):
        counted[compared(right_and_wrong(int(only_a), int(only_b), n))["verdict"]] += int(times)
    return counted


@pytest.mark.parametrize(
    "alike",
    [
        Alike(100, 0.5, 0.6),
        Alike(200, 0.8, 0.0),
        Alike(500, 0.95, 0.5),
        Alike(1_000, 0.7, 0.5),
        Alike(2_000, 0.9, 0.9),
    ],
    ids=str,
)
def test_equal_accuracies_are_told_apart_in_5_percent(
    alike: Alike, without_planning: Callable[[], None]
) -> None:
    """From 12 questions on that only one of them is expected to get right. Ten times as many
    rounds, as 2,000 would leave ± 1.4 % to chance."""
    assert alike.n * alike.discordance >= 12
    without_planning()
    found = verdicts(alike.n, alike.discordance, 0, 10 * ROUNDS)
    told = (found["better"] + found["worse"]) / found.total()
    assert told == pytest.approx(0.05, abs=0.01)
    assert found["better"] == pytest.approx(found["worse"], rel=0.25)


def test_with_few_questions_that_only_one_gets_right_they_are_told_apart_less_often(
    without_planning: Callable[[], None],
) -> None:
    without_planning()
    for n, discordance in ((20, 0.1), (100, 0.05)):
        found = verdicts(n, discordance, 0, ROUNDS)
        assert found["better"] + found["worse"] < 0.04 * found.total()


@pytest.mark.parametrize(
    "alike",
    [
        Alike(100, 0.5, 0.5),
        Alike(200, 0.8, 0.0),
        Alike(500, 0.98, 0.5),
        Alike(1_000, 0.7, 0.6),
        Alike(2_000, 0.8, 0.8),
    ],
    ids=str,
)
def test_a_difference_of_the_printed_detectable_size_is_found_in_80_percent(
    alike: Alike, without_planning: Callable[[], None]
) -> None:
    """Printed by a comparison in which as many questions differ as is to be expected."""
    half = round(alike.n * alike.discordance / 2)
    printed = compared(right_and_wrong(half, half, alike.n))["minimum_detectable_effect"]
    assert 0 < printed < 0.2
    without_planning()
    found = verdicts(alike.n, max(alike.discordance, printed), printed, ROUNDS)
    assert found["better"] / found.total() == pytest.approx(0.8, abs=0.04)
    assert found["worse"] <= 2
    found = verdicts(alike.n, max(alike.discordance, printed), -printed, ROUNDS)
    assert found["worse"] / found.total() == pytest.approx(0.8, abs=0.04)


# Graded metrics: (how they differ, questions).


def _all_differ(random: np.random.Generator, n: int, difference: float) -> Scores:
    a = random.beta(4, 2, n)
    return a, a + random.normal(difference, 0.15, n)


def _steps_of_a_rubric(random: np.random.Generator, n: int, difference: float) -> Scores:
    """0, ¼ … 1, of which the second model is a step away in two of five questions."""
    a = random.choice([0.25, 0.5, 0.75], n)
    steps = random.choice([1, -1, 0], n, p=[0.2 + 2 * difference, 0.2 - 2 * difference, 0.6])
    return a, a + steps / 4


def _few_differ(random: np.random.Generator, n: int, difference: float) -> Scores:
    """One in ten, by as much more as the difference of all asks for."""
    a = random.beta(4, 1, n)
    by = random.normal(10 * difference, 0.2, n)
    return a, np.where(random.random(n) < 0.1, a + by, a)


def graded_verdicts(
    made: Callable[[np.random.Generator, int, float], Scores],
    n: int,
    difference: float,
    rounds: int,
    clusters: NDArray[np.uint64] | None = None,
) -> Counter[str]:
    random = np.random.default_rng(SEED + n)
    return Counter(
        compared(made(random, n, difference), UNBOUNDED, clusters)["verdict"] for _ in range(rounds)
    )


def printed_for(
    made: Callable[[np.random.Generator, int, float], Scores],
    n: int,
    clusters: NDArray[np.uint64] | None = None,
) -> float:
    """What comparisons of models that are alike print, on average."""
    random = np.random.default_rng(SEED)
    printed = [
        compared(made(random, n, 0), UNBOUNDED, clusters)["minimum_detectable_effect"]
        for _ in range(20)
    ]
    return float(np.mean([each for each in printed if each is not None]))


@pytest.mark.parametrize(
    ("made", "n"), [(_all_differ, 100), (_all_differ, 1_000), (_steps_of_a_rubric, 300)]
)
def test_a_graded_metric_tells_apart_in_5_percent_and_finds_what_it_prints_in_80(
    made: Callable[[np.random.Generator, int, float], Scores],
    n: int,
    without_planning: Callable[[], None],
) -> None:
    printed = printed_for(made, n)
    without_planning()
    found = graded_verdicts(made, n, 0, ROUNDS)
    told = (found["better"] + found["worse"]) / ROUNDS
    assert told == pytest.approx(0.05, abs=0.01)
    found = graded_verdicts(made, n, printed, ROUNDS)
    assert found["better"] / ROUNDS == pytest.approx(0.8, abs=0.04)


def test_so_do_questions_that_share_clusters(without_planning: Callable[[], None]) -> None:
    clusters = np.repeat(np.arange(60, dtype=np.uint64), 5)

    def made(random: np.random.Generator, n: int, difference: float) -> Scores:
        a, b = _all_differ(random, n, difference)
        return a, b + random.normal(0, 0.1, 60)[clusters]

    printed = printed_for(made, 300, clusters)
    without_planning()
    found = graded_verdicts(made, 300, 0, ROUNDS, clusters)
    assert (found["better"] + found["worse"]) / ROUNDS == pytest.approx(0.05, abs=0.01)
    found = graded_verdicts(made, 300, printed, ROUNDS, clusters)
    assert found["better"] / ROUNDS == pytest.approx(0.8, abs=0.04)


# The permutation test takes a fiftieth of a second.
@pytest.mark.parametrize(
    ("n", "rounds"),
    [
        (150, 150),
        pytest.param(150, ROUNDS, marks=pytest.mark.slow),
        pytest.param(400, ROUNDS, marks=pytest.mark.slow),
    ],
)
def test_where_few_questions_differ_flipping_signs_does_as_well(
    n: int, rounds: int, without_planning: Callable[[], None]
) -> None:
    by_chance = 1 if rounds < ROUNDS else 0
    printed = printed_for(_few_differ, n)
    without_planning()
    found = graded_verdicts(_few_differ, n, 0, rounds)
    told = (found["better"] + found["worse"]) / rounds
    assert told == pytest.approx(0.05, abs=0.01 + by_chance * error(rounds, 0.05))
    found = graded_verdicts(_few_differ, n, printed, rounds)
    assert found["better"] / rounds == pytest.approx(0.8, abs=0.04 + by_chance * error(rounds, 0.8))
