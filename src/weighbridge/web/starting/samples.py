"""Samples by a spec, or first a spec out of a description: DataFramer's own requests."""

from collections.abc import Sequence
from typing import Any

from weighbridge.core.production import FILTERS, REVISIONS, TOOLS
from weighbridge.core.synthesis import DataSpec, SpecState
from weighbridge.dialects.dataframer import runs as frames
from weighbridge.dialects.dataframer.access import shown_id
from weighbridge.dialects.dataframer.errors import parsed
from weighbridge.errors import FieldProblem, InvalidFields
from weighbridge.providers.declared import RESERVED_NAME
from weighbridge.services.production_estimates import estimate_samples, estimate_spec
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
    model_names,
    server_of,
    without_nothing,
)
from weighbridge.web.visit import Visit

FIELDS = (
    *("spec_id", "name", "objectives", "spec_model", "number_of_samples", "spec_version"),
    *("generation_model", "outline_model", "revision_model", "revision_types"),
    *("filtering_types", "max_revision_cycles", "skip_outline", "tools"),
)
_LISTS = ("revision_types", "filtering_types", "tools")
_NEW = {"model": "spec_model"}


async def prefill(visit: Visit) -> Form:
    """Of the spec and the model that the address names."""
    query = visit.query
    return form_of(
        {
            "spec_id": query.text("spec"),
            "generation_model": query.text("model"),
            "number_of_samples": 20,
            "max_revision_cycles": 1,
        }
    )


async def offer(visit: Visit, form: Form) -> dict[str, Any]:
    """Specs that are there, and models."""
    listed = await visit.services.data_specs.list(visit.caller)
    chosen = await _spec(visit, form) if form.text("spec_id") else None
    return {
        "spec_names": [(it.id, it.name) for it in listed if it.state is SpecState.SUCCEEDED],
        "chosen": chosen,
        "waits": chosen is not None and chosen.state is SpecState.PROCESSING,
        "models": [it for it in await model_names(visit) if it != RESERVED_NAME],
        "revisions": REVISIONS,
        "filters": FILTERS,
        "tools": TOOLS,
    }


async def check(visit: Visit, form: Form) -> Checked:
    """What it would take."""
    services = visit.services
    if not form.text("spec_id"):
        _described(form)
        writer = _writer(visit, form)
        return Checked(await estimate_spec(services.estimates, writer))
    spec, body = await _spec(visit, form), parsed(frames.RUN, await _body(visit, form))
    try:
        found = await estimate_samples(
            services.productions,
            services.estimates,
            visit.caller,
            spec.id,
            body.number_of_samples,
            version=body.spec_version,
            making=body.making(seeded=spec.seeds_id is not None),
        )
    except InvalidFields as error:
        raise frames.in_vendors_words(error) from error
    return Checked(found)


async def start(visit: Visit, form: Form) -> Begun:
    """Have samples made; or first the spec proposed, and then come back here."""
    services = visit.services
    if not form.text("spec_id"):
        made = await _propose(visit, form)
        return Begun(
            f"/start?kind=samples&spec={made.id}",
            "The spec is being proposed; when it is there, samples can be made by it.",
        )
    spec, body = await _spec(visit, form), parsed(frames.RUN, await _body(visit, form))
    try:
        view = await services.productions.create(
            visit.caller,
            spec.id,
            body.number_of_samples,
            version=body.spec_version,
            making=body.making(seeded=spec.seeds_id is not None),
        )
    except InvalidFields as error:
        raise frames.in_vendors_words(error) from error
    return Begun(f"/runs/{view.run.id}")


async def write(visit: Visit, form: Form) -> Sequence[Recipe]:
    """The vendor's request, and the vendor's client."""
    server, api = server_of(visit), "/api/dataframer"
    if not form.text("spec_id"):
        _described(form)
        new = spec_body(form)
        make = f"spec = client.specs.create(**{plain.literal(new)})\n" + _POLL_SPEC
        body = {"number_of_samples": 20}
        first = Recipe("curl", curl(f"{server}{api}/specs/", new), "proposes the spec")
        ordered = "spec_id=spec.id, **" + plain.literal(body)
    else:
        body = await _body(visit, form)
        make = ""
        first = Recipe(
            "curl",
            curl(f"{server}{api}/runs/", body),
            "DataFramer's own request, and its field names",
        )
        ordered = "**" + plain.literal(body)
    client = (
        "import os\nimport time\n\nfrom dataframer import Dataframer\n\n"
        f"client = Dataframer(\n    base_url={server!r}, "
        "api_key=os.environ['WEIGHBRIDGE_API_KEY']\n).dataframer\n"
        f"{make}run = client.runs.create({ordered})\n{_POLL_RUN}"
        "print(run.status, run.samples_completed)\n"
    )
    return [first, Recipe("Python with DataFramer's client", client, "pip install pydataframer")]


_POLL_SPEC = (
    "while (spec := client.specs.retrieve(spec.id)).status == 'PROCESSING':\n    time.sleep(1)\n"
)
_POLL_RUN = (
    "while (run := client.runs.retrieve(run.id)).status in ('PENDING', 'PROCESSING'):\n"
    "    time.sleep(1)\n"
)


def spec_body(form: Form) -> dict[str, Any]:
    """The request for a spec, as the vendor has it."""
    return without_nothing(
        {
            "name": form.text("name") or None,
            "generation_objectives": form.text("objectives") or None,
            "spec_generation_model_name": form.text("spec_model") or None,
        }
    )


async def _body(visit: Visit, form: Form) -> dict[str, Any]:
    """The request for samples, as the vendor has it."""
    read = Reader(form)
    spec = await _spec(visit, form)
    wanted = read.whole("number_of_samples")
    if wanted is None and not read.problems:
        read.problems.append(FieldProblem("number_of_samples", "is needed"))
    body = without_nothing(
        {
            "spec_id": shown_id(spec.id),
            "number_of_samples": wanted,
            "spec_version": read.whole("spec_version"),
            **{
                name: read.text(name)
                for name in ("generation_model", "outline_model", "revision_model")
            },
            **{name: form.texts(name) for name in _LISTS},
            "max_revision_cycles": read.whole("max_revision_cycles"),
            "skip_outline": True if form.ticked("skip_outline") else None,
        }
    )
    read.refuse()
    if not body.get("revision_types"):
        body.pop("max_revision_cycles", None)
    return body


async def _spec(visit: Visit, form: Form) -> DataSpec:
    return await visit.services.data_specs.get(visit.caller, form.text("spec_id"))


def _described(form: Form) -> None:
    missing = [
        FieldProblem(name, message)
        for name, message in (
            ("name", "a new spec needs a name; or choose one that is there"),
            ("objectives", "say what a sample is, and what it is for"),
        )
        if not form.text(name)
    ]
    if missing:
        raise InvalidFields(missing)


def _writer(visit: Visit, form: Form) -> str:
    name = form.text("spec_model") or visit.services.catalog.defaults.generator
    if not name or name == RESERVED_NAME:
        message = "a spec out of a description needs a model that writes: name one"
        raise InvalidFields([FieldProblem("spec_model", message)])
    return name


async def _propose(visit: Visit, form: Form) -> DataSpec:
    _described(form)
    try:
        return await visit.services.data_specs.create(
            visit.caller,
            form.text("name"),
            objectives=form.text("objectives"),
            model=form.text("spec_model") or None,
        )
    except InvalidFields as error:
        raise InvalidFields(
            [FieldProblem(_NEW.get(it.field, it.field), it.message) for it in error.problems]
        ) from error


KIND = Kind(
    slug="samples",
    title="Samples",
    about="Have a model write samples, their properties distributed as a spec says (DataFramer).",
    template="start_samples.html",
    fields=FIELDS,
    prefill=prefill,
    offer=offer,
    check=check,
    start=start,
    write=write,
)
