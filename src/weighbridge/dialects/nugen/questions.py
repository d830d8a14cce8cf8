"""Where the questions of an evaluation come from, and how they are asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from weighbridge.core.benchmark import BenchmarkState
from weighbridge.core.caller import Caller
from weighbridge.dialects.nugen.metrics import ALWAYS, CORRECT, Metrics
from weighbridge.errors import Conflict, Invalid, NotFound
from weighbridge.services.standard_benchmarks import Wanted
from weighbridge.wiring import Services


@dataclass(frozen=True, slots=True)
class Questions:
    """A benchmark, ready to be asked.

    Attributes:
        name: of the benchmark.
        spec: what an evaluation over it says, but for its name and models.
        metrics: keys, in the order in which they are shown.
        measured: those of them that have a scorer.
    """

    name: str
    spec: dict[str, Any]
    metrics: tuple[str, ...]
    measured: tuple[str, ...]


async def find_questions(
    services: Services, caller: Caller, benchmark_id: str, models: Sequence[str], metrics: Metrics
) -> Questions:
    """The questions of a benchmark of the workspace, or else of a standard one.

    Args:
        benchmark_id: an id, or the name of a standard benchmark: `boolq`, `mmlu:anatomy`.
        models: who will be asked, which decides how a standard benchmark asks.

    Raises:
        NotFound: there is no such benchmark.
        Conflict: it is still being written.
        Invalid: it has failed, or the data of a standard one are not here.
    """
    try:
        found = await services.benchmarks.get(caller, benchmark_id)
    except NotFound as error:
        return await _standard(services, caller, benchmark_id, models, metrics, error)
    if found.state is BenchmarkState.WRITING:
        raise Conflict(f"the benchmark {benchmark_id} is PROCESSING; try again when it is READY")
    if found.state is BenchmarkState.FAILED or found.dataset_id is None:
        raise Invalid(f"the benchmark {benchmark_id} has no questions: {found.problem}")
    dataset = await services.datasets.get(caller, found.dataset_id)
    message = {"role": "user", "content": "{question}"}
    columns = dataset.frame.columns
    pictures = {"images": ["{image_url}"]} if "image_url" in columns else {}
    spec = {
        "data": dataset.id,
        "id": "question_num",
        "messages": [{**message, **pictures}],
        "target": "answer",
        "cluster": "cluster" if "cluster" in columns else None,
        "scorers": [{"as": key, **scorer} for key, scorer in metrics.scorers.items()],
    }
    return Questions(found.name, spec, metrics.keys, metrics.keys)


async def _standard(
    services: Services,
    caller: Caller,
    name: str,
    models: Sequence[str],
    metrics: Metrics,
    missing: NotFound,
) -> Questions:
    """A standard benchmark, asked and scored as is its custom: its first score is the correctness;
    the relevance of an answer to it is not measured."""
    try:
        benchmark, subjects = services.standard.find(name)
    except NotFound as error:
        raise NotFound(f"{missing.message}; nor is it a standard one: {error.message}") from error
    wanted = Wanted(benchmark, tuple(dict.fromkeys(models)), subjects=subjects)
    prepared = await services.standard.prepare(caller, wanted)
    spec = prepared.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    first, *others = [_as_object(it) for it in spec["scorers"]]
    added = {key: scorer for key, scorer in metrics.scorers.items() if key not in ALWAYS}
    spec["scorers"] = [
        {**first, "as": CORRECT},
        *others,
        *({"as": key, **scorer} for key, scorer in added.items()),
    ]
    keys = [CORRECT, *(_key(it) for it in others), *added]
    shown = (*ALWAYS, *(key for key in keys if key not in ALWAYS))
    return Questions(wanted.name, spec, shown, tuple(keys))


def _as_object(scorer: Any) -> dict[str, Any]:
    return {scorer: {}} if isinstance(scorer, str) else dict(scorer)


def _key(scorer: dict[str, Any]) -> str:
    return str(scorer.get("as") or next(name for name in scorer if name != "as"))
