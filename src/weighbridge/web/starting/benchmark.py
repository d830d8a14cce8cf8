"""One model, or two side by side, over a benchmark: Nugen's evaluation, by its own request."""

from collections.abc import Sequence
from typing import Any

from weighbridge.core.benchmark import BenchmarkState
from weighbridge.dialects.nugen.requests import spec_of
from weighbridge.errors import FieldProblem, Invalid, InvalidFields, NotFound
from weighbridge.spec import EvaluationSpec
from weighbridge.web.forms import Form
from weighbridge.web.starting import plain
from weighbridge.web.starting.kind import (
    Begun,
    Checked,
    Kind,
    Reader,
    Recipe,
    curl,
    form_of,
    line,
    model_names,
    server_of,
    without_nothing,
)
from weighbridge.web.visit import Visit

_LISTED = 100
FIELDS = ("benchmark_id", "model_id", "model_id_2", "judge_provider", "name", "custom_metrics")
_OURS = {"model": "model_id", "judge": "judge_provider", "data": "benchmark_id"}


async def prefill(visit: Visit) -> Form:
    """Of the benchmark and the models that the address names."""
    models = [*visit.query.texts("model"), "", ""]
    return form_of(
        {
            "benchmark_id": visit.query.text("benchmark"),
            "model_id": models[0],
            "model_id_2": models[1],
        }
    )


async def offer(visit: Visit, _form: Form) -> dict[str, Any]:
    """Benchmarks of the workspace, standard ones that are installed, models."""
    own = await visit.services.benchmarks.list(visit.caller, limit=_LISTED)
    return {
        "own": [it for it in own if it.state is BenchmarkState.READY],
        "standard": [it for it in visit.services.standard.list() if it.copy is not None],
        "models": await model_names(visit),
    }


async def check(visit: Visit, form: Form) -> Checked:
    """What it would take."""
    spec = await _spec(visit, form)
    try:
        warnings = await visit.services.evaluations.warnings(spec)
        return Checked(await visit.services.estimates.of(visit.caller, spec), warnings)
    except InvalidFields as error:
        raise _renamed(error) from error


async def start(visit: Visit, form: Form) -> Begun:
    """Start it."""
    spec = await _spec(visit, form)
    try:
        started = await visit.services.evaluations.start(visit.caller, spec)
    except InvalidFields as error:
        raise _renamed(error) from error
    return Begun(f"/runs/{started.runs[0].id}")


async def write(visit: Visit, form: Form) -> Sequence[Recipe]:
    """The vendor's request, our SDK, the command line."""
    server, body = server_of(visit), body_of(form)
    url = f"{server}/api/v3/evaluations"
    spec = (await _spec(visit, form)).as_json()
    ours = {it.title: it for it in plain.recipes(server, spec)}
    requests = (
        "import os\n\nimport requests\n\n"
        "headers = {'Authorization': 'Bearer ' + os.environ['WEIGHBRIDGE_API_KEY']}\n"
        f"body = {plain.literal(body)}\n"
        f"begun = requests.post({url!r}, json=body, headers=headers)\n"
        "begun.raise_for_status()\n"
        "evaluation = begun.json()['evaluation_id']\n"
        f"print(requests.get(f'{url}/{{evaluation}}/status', headers=headers).json())\n"
    )
    return [
        Recipe(
            "curl",
            curl(url, body),
            "Nugen's own request, and its field names",
        ),
        Recipe("Python as Nugen's examples", requests, "the vendor has no official client"),
        Recipe("Python", ours["Python"].text, "pip install weighbridge; the same as our own kind"),
        Recipe("Command line", ours["Command line"].text, _shorter(visit, server, body)),
    ]


def body_of(form: Form) -> dict[str, Any]:
    """The request, as the vendor has it."""
    read = Reader(form)
    metrics = [it.strip() for it in form.text("custom_metrics").split(",") if it.strip()]
    return without_nothing(
        {
            "name": read.text("name"),
            "model_id": read.text("model_id"),
            "model_id_2": read.text("model_id_2"),
            "benchmark_id": read.text("benchmark_id"),
            "judge_provider": read.text("judge_provider"),
            "custom_metrics": metrics,
        }
    )


async def _spec(visit: Visit, form: Form) -> EvaluationSpec:
    missing = [name for name in ("benchmark_id", "model_id") if not form.text(name)]
    if missing:
        raise InvalidFields([FieldProblem(name, "is needed") for name in missing])
    body = body_of(form)
    for name in ("model_id", "model_id_2"):
        if body.get(name):
            _check_model(visit, name, body[name])
    try:
        return await spec_of(visit.services, visit.caller, body)
    except NotFound as error:
        raise InvalidFields([FieldProblem("benchmark_id", error.message)]) from error
    except InvalidFields as error:
        raise _renamed(error) from error


def _check_model(visit: Visit, field: str, name: str) -> None:
    try:
        visit.services.catalog.resolve(name)
    except Invalid as error:
        raise InvalidFields([FieldProblem(field, error.message)]) from error


def _renamed(error: InvalidFields) -> InvalidFields:
    return InvalidFields(
        [FieldProblem(_OURS.get(it.field, it.field), it.message) for it in error.problems]
    )


def _shorter(visit: Visit, server: str, body: dict[str, Any]) -> str:
    """How a standard benchmark is run by its name; empty: it is none."""
    try:
        visit.services.standard.find(body["benchmark_id"])
    except NotFound:
        return ""
    name, _, subjects = body["benchmark_id"].partition(":")
    words = ["weighbridge", "bench", "run", name]
    for subject in filter(None, subjects.split(",")):
        words += ["--subject", subject.strip()]
    for model in dict.fromkeys(filter(None, (body["model_id"], body.get("model_id_2")))):
        words += ["--model", model]
    told = line(*words, "--server", server)
    return f"shorter, its scores under the benchmark's own names: {told}"


KIND = Kind(
    slug="benchmark",
    title="Benchmark",
    about="Put one model, or two side by side, through a benchmark (Nugen, and the standard ones).",
    template="start_benchmark.html",
    fields=FIELDS,
    prefill=prefill,
    offer=offer,
    check=check,
    start=start,
    write=write,
)
