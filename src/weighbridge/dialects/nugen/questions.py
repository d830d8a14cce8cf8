"""Where the questions of an evaluation come from, and how they are asked."""

from dataclasses import dataclass
from typing import Any

from weighbridge.core.benchmark import BenchmarkState
from weighbridge.core.caller import Caller
from weighbridge.dialects.nugen.metrics import Metrics
from weighbridge.errors import Conflict, Invalid
from weighbridge.wiring import Services


@dataclass(frozen=True, slots=True)
class Questions:
    """A benchmark, ready to be asked.

    Attributes:
        name: of the benchmark.
        spec: what an evaluation over it says, but for its name and models.
        metrics: keys, in the order in which they are shown.
    """

    name: str
    spec: dict[str, Any]
    metrics: tuple[str, ...]


async def find_questions(
    services: Services, caller: Caller, benchmark_id: str, metrics: Metrics
) -> Questions:
    """The questions of a benchmark of the workspace.

    Raises:
        NotFound: there is no such benchmark.
        Conflict: it is still being written. Invalid: it has failed.
    """
    found = await services.benchmarks.get(caller, benchmark_id)
    if found.state is BenchmarkState.WRITING:
        raise Conflict(f"the benchmark {benchmark_id} is PROCESSING; try again when it is READY")
    if found.state is BenchmarkState.FAILED or found.dataset_id is None:
        raise Invalid(f"the benchmark {benchmark_id} has no questions: {found.problem}")
    dataset = await services.datasets.get(caller, found.dataset_id)
    message = {"role": "user", "content": "{question}"}
    pictures = {"images": ["{image_url}"]} if "image_url" in dataset.frame.columns else {}
    spec = {
        "data": dataset.id,
        "id": "question_num",
        "messages": [{**message, **pictures}],
        "target": "answer",
        "scorers": list(metrics.scorers),
    }
    return Questions(found.name, spec, metrics.keys)
