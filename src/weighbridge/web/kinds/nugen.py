"""A model over a benchmark, or two of them side by side."""

from typing import Any
from urllib.parse import quote, urlencode

from weighbridge.core.outcome import Metric
from weighbridge.core.run import FINISHED
from weighbridge.dialects.nugen import beside
from weighbridge.dialects.nugen.evaluations import KEPT, Asked
from weighbridge.errors import NotFound, WeighbridgeError
from weighbridge.services.flips import Direction
from weighbridge.services.runs import RunView
from weighbridge.web.kinds.panel import Panel
from weighbridge.web.visit import Visit

AT_ONCE = 2_000
"""Questions that are compared with the page; of more, the page's script asks for the comparison."""

_FLIPS = 5


async def panel(visit: Visit, view: RunView) -> Panel | None:
    """The metrics of both models, and how they compare."""
    asked = await find_asked(visit, view)
    if asked is None:
        return None
    shown: dict[str, Any] = {
        "asked": asked,
        "kept": asked.kept,
        "sides": asked.runs,
        "rows": _rows(asked),
        "over": asked.status != "PROCESSING",
        "problem": asked.problem,
        "live": None,
        "compared": None,
        **await _benchmark(visit, asked),
    }
    if len(asked.runs) > 1 and all(run.state in FINISHED for run in asked.runs):
        if asked.runs[0].progress.total <= AT_ONCE:
            shown["compared"] = await compared(visit, asked)
        else:
            shown["live"] = f"/runs/{view.run.id}/models"
    return Panel("_kind_models.html", shown)


async def find_asked(visit: Visit, view: RunView) -> Asked | None:
    """The evaluation of a run with all its runs; None: it is none of models over a benchmark."""
    said = view.evaluation.spec.get("metadata")
    if not isinstance(said, dict) or not isinstance(said.get(KEPT), dict):
        return None
    runs = await visit.services.runs.list(visit.caller, evaluation_id=view.evaluation.id, limit=10)
    order = {name: place for place, name in enumerate(view.evaluation.spec.get("models", ()))}
    named = [run for run in reversed(runs) if run.model in order]
    # Of runs of one model, such as one that was done again, the first is the evaluation's.
    first = {run.model: run for run in reversed(named)}
    return Asked(view.evaluation, tuple(sorted(first.values(), key=lambda run: order[run.model])))


async def compared(visit: Visit, asked: Asked) -> dict[str, Any]:
    """How the two models compare, with some cases that changed sides.

    Returns:
        What the template `_models_compared.html` shows.
    """
    services, caller = visit.services, visit.caller
    a, b = asked.runs[0], asked.runs[-1]
    told = (await beside.told(services, caller, asked))["comparison"]
    flips = []
    if told and told["by"]:
        flips = await services.flips.page(
            caller, a.id, b.id, told["by"], direction=Direction.ALL, limit=_FLIPS
        )
    words = {"run": [a.id, b.id], "mode": "different"}
    if told and told["by"]:
        words["scorer"] = told["by"]
    return {
        "told": told,
        "flips": flips,
        "a": a,
        "b": b,
        "target": asked.stored.spec.get("target"),
        "to_compare": f"/compare?{urlencode(words, doseq=True)}",
    }


def _rows(asked: Asked) -> list[tuple[str, list[Metric | None]]]:
    """Each metric, with its value for each model."""
    of_runs = [{metric.scorer: metric for metric in run.metrics} for run in asked.runs]
    return [(key, [metrics.get(key) for metrics in of_runs]) for key in asked.keys]


async def _benchmark(visit: Visit, asked: Asked) -> dict[str, Any]:
    name = str(asked.kept["benchmark_id"])
    to = f"/data/benchmarks/{quote(name, safe='')}"
    try:
        found = await visit.services.benchmarks.get(visit.caller, name)
    except NotFound:
        return await _standard(visit, name)
    return {"benchmark": found.name, "to_benchmark": to, "questions": found.questions}


async def _standard(visit: Visit, name: str) -> dict[str, Any]:
    try:
        visit.services.standard.find(name)
    except WeighbridgeError:  # it was deleted
        return {"benchmark": name, "to_benchmark": None, "questions": None}
    to = f"/data/benchmarks/{quote(name, safe='')}"
    return {"benchmark": name, "to_benchmark": to, "questions": None}
