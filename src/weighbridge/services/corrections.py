"""A run's metrics with people's verdicts in the place of the scorers': plain arithmetic over what
was reviewed, beside the rate that `agreement` estimates for all cases."""

from collections.abc import Mapping
from dataclasses import dataclass

from weighbridge.core.caller import Caller
from weighbridge.core.evaluation import Evaluation, Reducer
from weighbridge.core.outcome import Metric, Outcome, Scored
from weighbridge.reports.precision import SEQUENTIAL
from weighbridge.services.runs import RunView
from weighbridge.spec import parse_spec
from weighbridge.store.engine import Store
from weighbridge.store.outcomes import verdicts_at
from weighbridge.store.overrides import Place, current_overrides


@dataclass(frozen=True, slots=True)
class Correction:
    """A metric with people's verdicts put in.

    Attributes:
        value: of the metric then; None where it has none, or repeats were reduced to it.
        n: cases that enter it.
        reviewed: verdicts that people gave. changed: those of them that differ from the scorer's.
    """

    value: float | None
    n: int
    reviewed: int
    changed: int


class Corrections:
    """The corrections of an installation's runs.

    Args:
        store: where it is kept what people said.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of_run(self, caller: Caller, view: RunView) -> dict[str, Correction]:
        """By the scorer's key; those about which nobody said anything are missing. Reads no more of
        the run than was reviewed.

        Args:
            view: as the services of runs have it for this caller.
        """
        where = (caller.workspace_id, view.run.id)
        async with self._store.begin() as connection:
            said = await current_overrides(connection, *where)
            positions = {position for places in said.values() for position, _ in places}
            verdicts = await verdicts_at(connection, *where, positions) if positions else {}
        evaluation = parse_spec(view.evaluation.spec).to_evaluation()
        metrics = {metric.scorer: metric for metric in view.run.metrics}
        return {
            key: _corrected(key, places, verdicts, metrics.get(key), evaluation)
            for key, places in said.items()
        }


def _corrected(
    key: str,
    said: Mapping[Place, tuple[float, str | None]],
    verdicts: Mapping[Place, Mapping[str, Outcome]],
    metric: Metric | None,
    evaluation: Evaluation,
) -> Correction:
    more, new, changed = 0.0, 0, 0
    for place, (value, label) in said.items():
        before = verdicts.get(place, {}).get(key)
        if not isinstance(before, Scored):
            more, new, changed = more + value, new + 1, changed + 1
            continue
        more += value - before.value
        same_label = label is None or before.label is None or label == before.label
        changed += value != before.value or not same_label
    n = (metric.n_scored if metric else 0) + new
    corrected: float | None = None
    if metric is not None and _is_plain_mean(metric, evaluation) and n:
        corrected = ((metric.value or 0.0) * metric.n_scored + more) / n
    return Correction(corrected, n, len(said), changed)


def _is_plain_mean(metric: Metric, evaluation: Evaluation) -> bool:
    """Whether a metric is the mean of its scores, so that each counts for one n-th."""
    return (
        evaluation.epochs == 1
        and evaluation.reducer is not Reducer.PASS_AT_K
        and metric.name in {"accuracy", "mean"}
        and metric.method != SEQUENTIAL
    )
