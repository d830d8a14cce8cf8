"""The score of all cases as one text is sacrebleu's, with an interval that covers."""

import asyncio
from typing import Any

import numpy as np
import pytest
import sacrebleu

from weighbridge.core.case import Case
from weighbridge.core.outcome import Answer, Failed, Outcome, Scored, Ungraded
from weighbridge.reports.corpus import GROUPS, CorpusBuilder
from weighbridge.scorers.base import Pooled, Scorer
from weighbridge.scorers.translation import Bleu, Chrf, Ter

PAIRS = [
    ("the cat is on the mat", "there is a cat on the mat"),
    ("it rains heavily today", "it is raining heavily today"),
    ("", "a sentence that was left out"),
    ("a long answer with words that nobody asked for", "a long answer with few words"),
    ("good morning to you", "good morning to you"),
]


def graded(scorer: Scorer, said: str, wanted: str) -> Outcome:
    return asyncio.run(scorer.score(Answer(said), Case(0, "0", {}, wanted)))


def built(scorer: Any, outcomes: list[Outcome], clusters: list[str] | None = None) -> Any:
    builder = CorpusBuilder({"s": scorer.of_counts}, clustered=clusters is not None)
    for position, outcome in enumerate(outcomes):
        cluster = clusters[position] if clusters else None
        builder.add(position, {"s": outcome}, cluster)
    return builder.finish().get("s")


@pytest.mark.parametrize(
    ("scorer", "reference"),
    [
        (Bleu(), sacrebleu.BLEU()),
        (Bleu(order=2, lowercase=True), sacrebleu.BLEU(max_ngram_order=2, lowercase=True)),
        (Chrf(word_order=2), sacrebleu.CHRF(word_order=2)),
        (Ter(), sacrebleu.TER()),
    ],
)
def test_the_value_is_sacrebleus(scorer: Any, reference: Any) -> None:
    assert isinstance(scorer, Pooled)
    said, wanted = zip(*PAIRS, strict=True)
    expected = reference.corpus_score(list(said), [list(wanted)]).score / 100
    found = built(scorer, [graded(scorer, *pair) for pair in PAIRS])
    assert found["value"] == pytest.approx(expected, abs=1e-9)
    assert found["texts"] == len(PAIRS)
    assert 0 <= found["low"] <= found["value"] <= found["high"]
    assert (found["level"], found["method"]) == (0.95, "jackknife")


def test_the_interval_covers_the_truth_as_often_as_is_said() -> None:
    """Sentences with a quality of their own; the truth is the BLEU of a million of them."""
    random = np.random.default_rng(11)
    scorer = Bleu()

    def counts(n: int) -> np.ndarray[Any, Any]:
        length = random.integers(8, 40, n)
        quality = random.beta(6, 3, n)
        runs = np.stack([length - order for order in range(4)], axis=1)
        shared = np.stack(
            [random.binomial(runs[:, k], quality ** (k + 1)) for k in range(4)], axis=1
        )
        reference = length + random.integers(-2, 5, n)
        return np.column_stack([length, reference, shared, runs]).astype(float)

    truth = scorer.of_counts(list(counts(1_000_000).sum(axis=0)))
    trials, covered = 400, 0
    for _ in range(trials):
        rows = counts(60)
        found = built(scorer, [Scored(0.0, details={"counts": list(row)}) for row in rows])
        covered += found["low"] <= truth <= found["high"]
    assert 0.92 <= covered / trials <= 0.98


def test_more_cases_than_groups_give_the_same_value_and_nearly_the_same_interval() -> None:
    scorer = Ter()
    random = np.random.default_rng(3)
    rows = [[float(random.poisson(3)), float(random.integers(5, 20))] for _ in range(5 * GROUPS)]
    found = built(scorer, [Scored(0.0, details={"counts": row}) for row in rows])
    edits, words = np.array(rows).T
    rate = edits.sum() / words.sum()
    assert found["value"] == pytest.approx(rate)
    # The delta method for a ratio of means.
    error = np.sqrt(((edits - rate * words) ** 2).sum()) / words.sum()
    assert found["high"] - found["low"] == pytest.approx(2 * 1.96 * error, rel=0.15)


def test_cases_of_one_cluster_are_left_out_together() -> None:
    scorer = Ter()
    outcomes: list[Outcome] = [
        Scored(0.0, details={"counts": [edits, 10.0]})
        for edits in (1.0, 5.0, 3.0)
        for _ in range(20)
    ]
    apart = built(scorer, outcomes)
    together = built(scorer, outcomes, [f"source {n // 20}" for n in range(60)])
    assert together["value"] == apart["value"]
    assert together["high"] - together["low"] > 3 * (apart["high"] - apart["low"])


def test_what_has_no_score_is_left_out_and_nothing_makes_nothing() -> None:
    scorer = Ter()
    without: list[Any] = [Ungraded("no"), Failed("timeout", "late"), Scored(1.0), None]
    assert built(scorer, without) is None
    one = built(scorer, [*without, Scored(0.5, details={"counts": [5.0, 10.0]})])
    assert one == {
        "value": 0.5,
        "low": None,
        "high": None,
        "level": 0.95,
        "method": "jackknife",
        "texts": 1,
    }
