"""What to know before a comparison is believed, in plain words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from weighbridge.core.evaluation import Evaluation
from weighbridge.core.run import FINISHED, RunState
from weighbridge.providers.declared import RESERVED_NAME
from weighbridge.services.scores import ScoredRun

if TYPE_CHECKING:
    from weighbridge.reports.comparison import Comparison, Difference

FEW_CASES = 30
MANY_LEFT_OUT = 0.05

# What may differ between two runs: the part of the pin, what people call it, and where it stands.
_PARTS: tuple[tuple[str, str], ...] = (
    ("model", "model"),
    ("messages", "prompt"),
    ("params", "params"),
    ("schema", "answer schema"),
    ("dataset", "data"),
    ("columns", "columns (id, target, cluster)"),
    ("scorers", "scorers"),
    ("judging", "judges"),
    ("epochs", "epochs"),
    ("reducer", "reducer"),
    ("limit", "limit"),
    ("stop", "stop"),
)


def what_differs(run: ScoredRun, baseline: ScoredRun) -> tuple[str, ...]:
    """What of all that determines a result is not as in the baseline, in words."""
    one, other = run.pin_parts, baseline.pin_parts
    if not one or not other:  # made before parts were kept
        return ()
    return tuple(word for part, word in _PARTS if one.get(part) != other.get(part))


def remarks(
    runs: Sequence[ScoredRun], scorers: Sequence[str], comparison: "Comparison"
) -> Iterator[str]:
    """Warnings, the gravest first.

    Args:
        runs: those compared, the baseline first. scorers: keys of those compared by.
    """
    for run in runs:
        yield from _unfinished(run)
    for run in runs[1:]:
        yield from _other_data(run, runs[0])
        yield from _other_scoring(run, runs[0], scorers)
    yield from _weakly_judged(runs)
    if len({run.evaluation.cluster_column is None for run in runs}) > 1:
        yield (
            "not all runs name a cluster column: where one does not, intervals take all cases "
            "for independent"
        )
    for difference in comparison.differences:
        if difference.a == 0:
            yield from _thin(difference, runs)
    if len({run.view.pin for run in runs}) < len(runs):
        yield "some runs did the same work (equal pins): their differences are chance"


def remarks_of_one(run: ScoredRun, left_out: Mapping[str, tuple[int, int, int]]) -> Iterator[str]:
    """Warnings about a run by itself.

    Args:
        left_out: key of a scorer → cases that failed, that are ungraded, and all that are known.
    """
    yield from _unfinished(run)
    for key, (failed, ungraded, cases) in left_out.items():
        if failed + ungraded > MANY_LEFT_OUT * cases:
            yield (
                f"{key}: {failed:,} cases failed and {ungraded:,} are ungraded, and are left out; "
                "if they are the hard ones, the metric is not that of all cases"
            )
    yield from _weakly_judged([run])


def _weakly_judged(runs: Sequence[ScoredRun]) -> Iterator[str]:
    judged = [run.id for run in runs if RESERVED_NAME in run.judges]
    if judged:
        yield (
            f"{', '.join(judged)}: judged by the embedded judge, which is weak; docs/judges.md has "
            "its figures"
        )


def _unfinished(run: ScoredRun) -> Iterator[str]:
    stored = run.view.run
    done = f"{stored.progress.done:,} of {stored.progress.total:,} cases are done"
    if stored.state not in FINISHED:
        yield (
            f"{run.id} is {stored.state}: {done}; an interval that is looked at again and again "
            "until it pleases is none"
        )
    elif stored.state is RunState.SUCCEEDED and run.evaluation.stop is not None:
        if stored.progress.done < stored.progress.total:
            yield (
                f"{run.id} was stopped when its {run.evaluation.stop.scorer} was precise enough "
                f"({done}); intervals and tests of differences take no account of that"
            )
    elif stored.progress.done < stored.progress.total:
        reason = f" ({stored.reason})" if stored.reason else ""
        yield f"{run.id} is {stored.state}{reason}: {done}, and perhaps not the typical ones"


def _other_data(run: ScoredRun, baseline: ScoredRun) -> Iterator[str]:
    if run.dataset.frame.sha256 == baseline.dataset.frame.sha256:
        return
    by = "by their id"
    if run.evaluation.id_column is None or baseline.evaluation.id_column is None:
        by = "by their position, as not both evaluations name an `id` column"
    yield (
        f"{run.id} is about other data than {baseline.id}: cases are matched {by}, and one that "
        "was changed all the same is not noticed"
    )


def _other_scoring(run: ScoredRun, baseline: ScoredRun, scorers: Sequence[str]) -> Iterator[str]:
    changed = [
        key for key in scorers if _scorer(run.evaluation, key) != _scorer(baseline.evaluation, key)
    ]
    if changed:
        yield f"{', '.join(changed)}: not the same scorer in {run.id} and {baseline.id}"
    differing = what_differs(run, baseline)
    if "scorers" in differing and not changed and set(run.scorers) == set(baseline.scorers):
        yield f"the scorers of {run.id} are of another version than those of {baseline.id}"
    if "judges" in differing:
        yield f"{run.id} and {baseline.id} were not judged alike (judge or wording differ)"
    if "reducer" in differing or "epochs" in differing:
        yield (
            f"{run.id} repeats or reduces its cases otherwise than {baseline.id} "
            f"({_repeats(run.evaluation)}; {_repeats(baseline.evaluation)})"
        )


def _thin(difference: "Difference", runs: Sequence[ScoredRun]) -> Iterator[str]:
    a, b = runs[difference.a].id, runs[difference.b].id
    n, left = difference.paired.n, difference.unmatched
    if n == 0:
        yield f"{difference.scorer}: no case is scored in both {a} and {b}"
    elif n < FEW_CASES:
        cases = "case is" if n == 1 else "cases are"
        yield f"{difference.scorer}: only {n} {cases} scored in both {a} and {b}"
    for name, failed, ungraded in (
        (a, left.failed_a, left.ungraded_a),
        (b, left.failed_b, left.ungraded_b),
    ):
        if failed + ungraded > MANY_LEFT_OUT * difference.matched:
            yield (
                f"{difference.scorer}: {failed:,} cases failed and {ungraded:,} are ungraded in "
                f"{name}, and are left out on both sides; if they are the hard ones, the "
                "difference is not that of all cases"
            )
    if difference.clusters_disagree:
        yield (
            f"{difference.clusters_disagree:,} cases are in other clusters in {b} than in {a}; "
            f"those of {a} are taken"
        )


def _scorer(evaluation: Evaluation, key: str) -> object:
    return next((s.name, s.options) for s in evaluation.scorers if s.key == key)


def _repeats(evaluation: Evaluation) -> str:
    return f"{evaluation.epochs} x, {evaluation.reducer}"
