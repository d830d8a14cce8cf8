"""A judge's rate corrected by people's labels covers what people would have found."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from weighbridge.statistics import CorrectedMean, judge_corrected_mean, mean_interval
from weighbridge.statistics.prediction_powered import MINIMUM_LABELS

SEED = 20240131


def ends(found: CorrectedMean) -> tuple[float, float]:
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high


def graded() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    i = np.arange(400)
    judge = ((i * 37) % 101) / 101
    return judge, np.clip(judge + (((i * 13) % 11) - 5) / 40, 0, 1)[:60]


def test_the_corrected_mean_is_that_of_the_authors_own_package() -> None:
    """ppi-python 0.2.3: `ppi_mean_pointestimate` and `ppi_mean_ci` of these numbers. It takes the
    normal quantile and divides by n where we take t and divide by n - 1."""
    judge, human = graded()
    found = judge_corrected_mean(judge, human, [*range(60)])
    assert found.estimate == pytest.approx(0.49559090352563606, rel=1e-12)
    low, high = ends(found)
    half = (high - low) / 2 * stats.norm.ppf(0.975) / stats.t.ppf(0.975, 59)
    assert half == pytest.approx((0.5306137821227694 - 0.4605680249285027) / 2, rel=5e-3)
    i = np.arange(400)
    verdicts = ((i * 7) % 10 < 8).astype(float)
    truths = np.where((i * 3) % 17 == 0, 1 - verdicts, verdicts)[:60]
    binary = judge_corrected_mean(verdicts, truths, [*range(60)])
    assert binary.estimate == pytest.approx(0.8, rel=1e-12)
    low, high = ends(binary)
    # The half case in each of four counts widens it a little beyond 0.7308 to 0.8692.
    assert 0.7 < low < 0.7308
    assert 0.8692 < high < 0.88


def drawn(
    random: np.random.Generator, n: int, right: float, finds: float, passes: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Judge and people, for people's share of right, and the judge's share of yes among right and
    wrong ones."""
    human = random.random(n) < right
    judge = random.random(n) < np.where(human, finds, passes)
    return judge.astype(float), human.astype(float)


@pytest.mark.parametrize(
    ("right", "finds", "passes"),
    [(0.5, 0.9, 0.1), (0.8, 0.95, 0.2), (0.8, 0.99, 0.05), (0.95, 0.99, 0.2), (0.9, 1.0, 0.0)],
)
@pytest.mark.parametrize("labels", [MINIMUM_LABELS, 100, 300])
def test_it_covers_what_people_would_have_found_though_the_judge_is_wrong(
    right: float, finds: float, passes: float, labels: int
) -> None:
    random, rounds, covered, raw_covered = np.random.default_rng(SEED), 400, 0, 0
    for _ in range(rounds):
        judge, human = drawn(random, 2000, right, finds, passes)
        found = judge_corrected_mean(judge, human[:labels], [*range(labels)])
        low, high = ends(found)
        covered += low <= right <= high
        naive = mean_interval(judge.mean(), judge.std(ddof=1), judge.size)
        raw_covered += (naive.low or 0) <= right <= (naive.high or 1)
    # 95 %, less three standard errors of the simulation: it may cover more when labels are few.
    assert covered / rounds >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / rounds)
    if abs(right - (right * finds + (1 - right) * passes)) > 0.03:
        assert raw_covered / rounds < 0.5


def test_a_good_judge_makes_the_interval_narrower_than_labels_alone() -> None:
    random = np.random.default_rng(SEED)
    judge, human = drawn(random, 5000, 0.7, 0.95, 0.05)
    found = judge_corrected_mean(judge, human[:200], [*range(200)])
    alone = mean_interval(human[:200].mean(), human[:200].std(ddof=1), 200)
    low, high = ends(found)
    assert high - low < 0.6 * ((alone.high or 0) - (alone.low or 0))
    assert (found.weight or 0) > 0.7


def test_a_judge_that_tells_nothing_is_not_relied_on() -> None:
    random = np.random.default_rng(SEED)
    human = (random.random(100) < 0.6).astype(float)
    found = judge_corrected_mean(np.ones(2000), human, [*range(100)])
    assert found.weight == 0
    assert found.estimate == found.human == pytest.approx(human.mean())
    assert found.raw == 1.0


def test_when_people_labelled_everything_there_is_nothing_to_predict() -> None:
    judge, human = drawn(np.random.default_rng(SEED), 100, 0.8, 0.9, 0.2)
    found = judge_corrected_mean(judge, human, [*range(100)])
    assert found.estimate == pytest.approx(human.mean())
    assert found.sampling_p_value is None


def test_a_judge_never_wrong_on_few_labels_is_not_taken_to_be_perfect() -> None:
    judge = np.array([1.0, 1.0, 1.0, 0.0] * 2500)
    low, high = ends(judge_corrected_mean(judge, judge[:40], [*range(40)]))
    assert high - low > 0.05


@pytest.mark.parametrize("labels", [40, 200])
def test_graded_scores_are_covered(labels: int) -> None:
    random, rounds, covered = np.random.default_rng(SEED), 1000, 0
    for _ in range(rounds):
        human = random.beta(4, 2, 1000)
        judge = np.clip(human + random.normal(0.1, 0.1, 1000), 0, 1)
        low, high = ends(judge_corrected_mean(judge, human[:labels], [*range(labels)]))
        covered += low <= 4 / 6 <= high
    assert covered / rounds == pytest.approx(0.95, abs=3 * math.sqrt(0.05 * 0.95 / rounds) + 0.005)


def rubric(
    random: np.random.Generator, n: int, wrong: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Judge and people on five levels; the judge is two levels too low in a few cases."""
    human = random.choice(5, n, p=[0.05, 0.05, 0.1, 0.3, 0.5]) / 4
    return np.where(random.random(n) < wrong, np.clip(human - 0.5, 0, 1), human), human


@pytest.mark.parametrize("labels", [MINIMUM_LABELS, 100, 300])
@pytest.mark.parametrize("wrong", [0.01, 0.03, 0.1])
def test_graded_scores_of_a_judge_that_is_rarely_wrong_are_covered(
    labels: int, wrong: float
) -> None:
    """Among thirty labels such a judge is often never wrong, which says little of how often it is:
    without the half cases the interval holds in 84 to 93 %."""
    random, rounds, covered = np.random.default_rng(SEED), 600, 0
    for _ in range(rounds):
        judge, human = rubric(random, 2000, wrong)
        low, high = ends(judge_corrected_mean(judge, human[:labels], [*range(labels)]))
        covered += low <= 0.7875 <= high
    assert covered / rounds >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / rounds)


def test_clusters_do_not_make_a_judge_that_was_never_wrong_perfect() -> None:
    random = np.random.default_rng(SEED)
    judge, human = rubric(random, 1000, 0.0)
    alone = ends(judge_corrected_mean(judge, human[:40], [*range(40)]))
    clustered = judge_corrected_mean(judge, human[:40], [*range(40)], clusters=[*range(1000)])
    assert ends(clustered) == pytest.approx(alone)


def test_values_that_are_all_the_same_have_no_interval() -> None:
    found = judge_corrected_mean([0.5] * 500, [0.5] * 40, [*range(40)])
    assert (found.estimate, found.low, found.high) == (0.5, None, None)
    passed = judge_corrected_mean([1.0] * 500, [1.0] * 40, [*range(40)])
    assert (passed.low or 0) < 0.97
    assert passed.high == 1.0


def test_clusters_are_allowed_for() -> None:
    random, rounds, covered, naive = np.random.default_rng(SEED), 500, 0, 0
    groups = np.repeat(np.arange(100), 10)
    places = [*np.flatnonzero(groups < 40)]
    for _ in range(rounds):
        human = random.normal(0, 1, 100)[groups] + random.normal(0, 1, 1000)
        judge = human + random.normal(0, 1, 100)[groups]
        low, high = ends(judge_corrected_mean(judge, human[places], places, clusters=groups))
        covered += low <= 0 <= high
        low, high = ends(judge_corrected_mean(judge, human[places], places))
        naive += low <= 0 <= high
    assert 0.92 <= covered / rounds <= 0.98
    assert naive / rounds < 0.8


def test_too_few_labels_give_a_reason_and_no_number() -> None:
    judge, human = drawn(np.random.default_rng(SEED), 500, 0.8, 0.9, 0.2)
    found = judge_corrected_mean(judge, human[:12], [*range(12)])
    assert (found.estimate, found.low, found.high) == (None, None, None)
    assert found.reason == f"12 labels of people, and it takes {MINIMUM_LABELS}"
    assert found.raw == pytest.approx(judge.mean())
    one_cluster = judge_corrected_mean(judge, human[:50], [*range(50)], clusters=[0] * 500)
    assert one_cluster.reason == "the labelled cases are all of one cluster"
    assert judge_corrected_mean([], [], []).raw is None


def test_labels_of_what_looked_wrong_are_shown_to_be_no_random_sample() -> None:
    judge, human = drawn(np.random.default_rng(SEED), 2000, 0.8, 0.9, 0.2)
    wrong_first = [*np.argsort(judge, kind="stable")[:60]]
    chosen = judge_corrected_mean(judge, human[wrong_first], wrong_first)
    assert (chosen.sampling_p_value or 0) < 1e-6
    random = [*np.random.default_rng(SEED).choice(2000, 60, replace=False)]
    fair = judge_corrected_mean(judge, human[random], random)
    assert (fair.sampling_p_value or 0) > 0.05
    rest = np.delete(judge, random)
    expected = stats.ttest_ind(judge[random], rest, equal_var=False).pvalue
    assert fair.sampling_p_value == pytest.approx(expected)


def test_what_does_not_fit_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="1 values of people for 2"):
        judge_corrected_mean([1, 0], [1], [0, 1])
    with pytest.raises(ValueError, match="outside of the 2"):
        judge_corrected_mean([1, 0], [1], [2])
    with pytest.raises(ValueError, match="labelled twice"):
        judge_corrected_mean([1, 0], [1, 1], [0, 0])
    with pytest.raises(ValueError, match="human: number 0"):
        judge_corrected_mean([1, 0], [math.nan], [0])
    with pytest.raises(ValueError, match="level"):
        judge_corrected_mean([1, 0], [1], [0], level=0)
