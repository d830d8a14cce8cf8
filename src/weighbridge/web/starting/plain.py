"""An evaluation of our own kind: data, a prompt, models, scorers; as fields or as YAML."""

import pprint
import re
from collections.abc import Mapping, Sequence
from typing import Any

from weighbridge.core.inference import frame_address
from weighbridge.dialects.native.translate import from_scorer
from weighbridge.errors import InvalidFields, WeighbridgeError
from weighbridge.scorers import SCORERS
from weighbridge.spec import EvaluationSpec, parse_spec
from weighbridge.specfile import load_spec, parse_yaml, write_spec
from weighbridge.validation import located
from weighbridge.web.forms import Form
from weighbridge.web.starting import fields
from weighbridge.web.starting.kind import (
    Begun,
    Checked,
    Kind,
    Recipe,
    curl,
    form_of,
    line,
    model_names,
    server_of,
)
from weighbridge.web.visit import Visit

SOURCE = "evaluation.yaml"
_LISTED = 200
_EXAMPLES = 3
_ROWS = 2
_ID_NAMES = ("id", "case_id", "question_id", "uid", "key")
_TARGET_NAMES = ("answer", "target", "expected", "reference", "label", "gold", "expected_answer")
_PROMPT_NAMES = ("prompt", "question", "instruction", "input", "text", "query")


async def prefill(visit: Visit) -> Form:
    """Empty, or of another evaluation, or about a data set."""
    query = visit.query
    if evaluation_id := query.text("evaluation"):
        stored = await visit.services.evaluations.get(visit.caller, evaluation_id)
        spec = {**stored.spec, "name": stored.name}
        spec.pop("metadata", None)
        found = fields.form_from(spec)
    elif data := query.text("data"):
        found = form_of(_guessed(data, (await _data(visit, data)).get("columns", ())))
    else:
        found = form_of({"scorer.0": "exact"})
    if models := query.texts("model"):
        kept = {name: found.data.getlist(name) for name in found.data if name != "models"}
        found = form_of({**kept, "models": models})
    return found


async def offer(visit: Visit, form: Form) -> dict[str, Any]:
    """Data sets, the columns of the one that is chosen, models and scorers."""
    listed = await visit.services.datasets.list(visit.caller, after=None, limit=_LISTED)
    names = dict.fromkeys(it.name for it in listed)
    rows = [row for row in range(fields.MOST_SCORERS) if form.text(f"scorer.{row}")]
    most = min(fields.MOST_SCORERS, max([*rows, 0]) + 1 + _ROWS)
    usable = await model_names(visit)
    return {
        "view": form.text("view", "form"),
        "data_names": [name for name in names if not name.startswith("prompts of suite_")],
        "models": usable,
        "others": [name for name in fields.models_of(form) if name not in usable],
        "pairs": [(name, name) for name in SCORERS],
        "scorers": [from_scorer(name, scorer) for name, scorer in SCORERS.items()],
        "rows": list(range(most if rows else _ROWS)),
        **await _data(visit, form.text("data")),
    }


async def check(visit: Visit, form: Form) -> Checked:
    """What it would take."""
    spec = spec_of(form)
    try:
        warnings = await visit.services.evaluations.warnings(spec)
        return Checked(await visit.services.estimates.of(visit.caller, spec), warnings)
    except InvalidFields as error:
        raise _told(error, form) from error


async def start(visit: Visit, form: Form) -> Begun:
    """Start it."""
    spec = spec_of(form)
    try:
        started = await visit.services.evaluations.start(visit.caller, spec)
    except InvalidFields as error:
        raise _told(error, form) from error
    if len(started.runs) == 1:
        return Begun(f"/runs/{started.runs[0].id}")
    return Begun(f"/evaluations/{started.evaluation.id}")


async def write(visit: Visit, form: Form) -> Sequence[Recipe]:
    """The same by curl, Python and the command line."""
    return recipes(server_of(visit), spec_of(form).as_json())


def recipes(server: str, spec: Mapping[str, Any]) -> list[Recipe]:
    """An evaluation of ours by curl, Python and the command line."""
    spec = {name: _said(value) for name, value in spec.items() if value is not None}
    text = write_spec(spec)
    end = "YAML"
    while end in text:
        end += "_END"
    return [
        Recipe(
            "curl",
            curl(f"{server}/api/v1/evaluations", spec),
        ),
        Recipe("Python", _python(server, spec), "pip install weighbridge"),
        Recipe(
            "Command line",
            f"cat > {SOURCE} <<'{end}'\n{text}{end}\n"
            f"{line('weighbridge', 'run', SOURCE, '--server', server)}\n",
        ),
        Recipe("The file", text, "what --server sends, and what the YAML view shows"),
    ]


def spec_of(form: Form) -> EvaluationSpec:
    """The evaluation that the form says, by its fields or its YAML.

    Raises:
        InvalidFields: of fields of the form, or with lines of the YAML.
    """
    if form.text("view") == "yaml":
        return load_spec(_yaml(form), SOURCE)
    try:
        return parse_spec(fields.object_of(form))
    except InvalidFields as error:
        raise _told(error, form) from error


def turn(form: Form, view: str) -> Form:
    """The same as fields, or as YAML.

    Raises:
        InvalidFields: it cannot be read, so that it could not be shown otherwise.
    """
    if view == "yaml":
        spec = fields.object_of(form)
        return form_of({"view": "yaml", "yaml": write_spec(spec) if spec else ""})
    value, _ = parse_yaml(_yaml(form), SOURCE)
    if isinstance(value, dict):
        # What is not in order cannot stand in fields, but what merely lacks something can.
        try:
            return fields.form_from(value)
        except (AttributeError, KeyError, TypeError, ValueError):
            pass
    load_spec(_yaml(form), SOURCE)
    return fields.form_from({})


def _said(value: Any) -> Any:
    """A field without what it leaves open."""
    if isinstance(value, dict):
        return {name: it for name, it in value.items() if it is not None}
    return value


def literal(value: Any) -> str:
    """A value as Python writes it."""
    return pprint.pformat(value, width=88, sort_dicts=False)


def _told(error: InvalidFields, form: Form) -> InvalidFields:
    """The error, of the fields of the form or of the lines of its YAML."""
    if form.text("view") != "yaml":
        return fields.renamed(error, form)
    _, lines = parse_yaml(_yaml(form), SOURCE)
    return located(error, lines)


def _yaml(form: Form) -> str:
    return str(form.data.get("yaml") or "").replace("\r\n", "\n")


def _python(server: str, spec: dict[str, Any]) -> str:
    return (
        "from weighbridge import Client\n\n"
        f"spec = {literal(spec)}\n\n"
        f"with Client({server!r}) as client:  # its key: WEIGHBRIDGE_API_KEY\n"
        "    done = client.evaluations.create_and_wait(spec)\n"
        "    for run in done.runs:\n"
        "        print(run.id, run.model, run.status, run.metrics)\n"
    )


async def _data(visit: Visit, data: str) -> dict[str, Any]:
    """The columns of the data that are named, and its first rows; nothing where there is none."""
    nothing: dict[str, Any] = {"columns": (), "examples": [], "total": None}
    if not data:
        return nothing
    try:
        if address := frame_address(data):
            repo = await visit.services.repositories.open(visit.caller, address.repository)
            commit = await repo.commit_at(address.revision)
            entry = await repo.entry(commit, address.path)
            content = await repo.content(entry.hash) if entry else None
            if content is None or content.frame is None:
                return nothing
            shape = content.frame
            return {"columns": tuple(shape.columns), "examples": [], "total": shape.rows}
        dataset = await visit.services.datasets.called(visit.caller, data)
        rows = await visit.services.datasets.page(dataset, limit=_EXAMPLES)
    except WeighbridgeError:  # it is said when it is checked
        return nothing
    return {"columns": dataset.frame.columns, "examples": rows, "total": dataset.frame.rows}


def _guessed(data: str, columns: Sequence[str]) -> dict[str, object]:
    """Which column is which, by their names."""
    by_word = {re.sub(r"[^a-z]+", "_", name.lower()).strip("_"): name for name in columns}

    def first(names: Sequence[str]) -> str | None:
        return next((by_word[name] for name in names if name in by_word), None)

    asked = first(_PROMPT_NAMES)
    return {
        "data": data,
        "id": first(_ID_NAMES),
        "target": first(_TARGET_NAMES),
        "prompt": f"{{{asked}}}" if asked else None,
        "scorer.0": "exact",
    }


KIND = Kind(
    slug="plain",
    title="Evaluation",
    about="Ask one or more models about every row of a data set, and grade their answers.",
    template="start_plain.html",
    fields=fields.FIELDS,
    prefill=prefill,
    offer=offer,
    check=check,
    start=start,
    write=write,
    turn=turn,
)
