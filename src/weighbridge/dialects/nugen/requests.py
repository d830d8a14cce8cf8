"""From a request for an evaluation to ours: for the route, and for the form on the pages, which
shows the request that it stands for."""

from weighbridge.core.caller import Caller
from weighbridge.dialects.nugen import evaluations as translate
from weighbridge.dialects.nugen import wire
from weighbridge.dialects.nugen.errors import parsed
from weighbridge.dialects.nugen.metrics import metrics_of
from weighbridge.dialects.nugen.models import must_be_there
from weighbridge.dialects.nugen.questions import find_questions
from weighbridge.spec import EvaluationSpec, parse_spec
from weighbridge.wiring import Services


async def spec_of(services: Services, caller: Caller, body: object) -> EvaluationSpec:
    """The evaluation that a request asks for. The data of a standard benchmark are taken in.

    Raises:
        NotFound: there is no such model or benchmark.
        Conflict: the benchmark is still being written.
        Invalid: something else is wrong with the request.
    """
    wanted = parsed(wire.EVALUATION, body)
    models = [wanted.model_id, *([wanted.model_id_2] if wanted.model_id_2 else [])]
    for model in models:
        must_be_there(services.catalog, model)
    metrics = metrics_of(wanted.custom_metrics, services.catalog)
    questions = await find_questions(services, caller, wanted.benchmark_id, models, metrics)
    kept = {
        "model_id": wanted.model_id,
        "model_id_2": wanted.model_id_2 or None,
        "benchmark_id": wanted.benchmark_id,
        "judge_provider": wanted.judge_provider or services.catalog.defaults.judge,
        "metrics": list(questions.metrics),
        "measured": list(questions.measured),
    }
    spec = {
        **questions.spec,
        "name": wanted.name or f"{questions.name}: {' and '.join(models)}"[:200],
        "models": list(dict.fromkeys(models)),
        "metadata": {**questions.spec.get("metadata", {}), translate.KEPT: kept},
    }
    if wanted.judge_provider and _is_model(services, wanted.judge_provider):
        spec["judge"] = wanted.judge_provider
    return parse_spec(spec)


def _is_model(services: Services, name: str) -> bool:
    return any(row.name == name for row in services.catalog.list())
