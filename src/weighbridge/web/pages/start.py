"""The form that starts an evaluation of any kind: filled in, its price told, started."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from starlette.datastructures import FormData
from starlette.responses import Response

from weighbridge.core.caller import Role
from weighbridge.core.suite import SuiteState
from weighbridge.core.synthesis import SpecState
from weighbridge.datasets.readers import EXTENSIONS
from weighbridge.dialects.multipart import Form as ReceivedForm
from weighbridge.errors import FieldProblem, Invalid, InvalidFields, NotFound, WeighbridgeError
from weighbridge.web import streams
from weighbridge.web.forms import TOKEN, Form, Problems, by_line, problems_of
from weighbridge.web.routing import form, page, status_of, stream, upload_form
from weighbridge.web.starting import KINDS
from weighbridge.web.starting.kind import Checked, Kind, Recipe, form_of
from weighbridge.web.visit import Visit

_LOOK_EVERY_S = 1.0
_NOT_SAID = frozenset({TOKEN, "do", "checked", "kind"})
_REFUSED = 422


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the page shows besides the form.

    Attributes:
        checked: what it would take; None: nobody has asked yet.
        mark: of the form that it was told for.
        wrong: by line of the YAML.
        said: a sentence above the form.
    """

    problems: Problems = field(default_factory=Problems)
    checked: Checked | None = None
    mark: str = ""
    wrong: dict[int, str] = field(default_factory=dict)
    said: str = ""
    status: int = 200


async def show_start(visit: Visit) -> Response:
    """The form of a kind, filled in as far as the address says."""
    visit.caller.must_be(Role.WRITER)
    kind = _kind(visit.query.text("kind", "plain"))
    return await _page(visit, kind, await kind.prefill(visit), _Shown())


async def take_start(visit: Visit, form: Form) -> Response:
    """Show it otherwise, tell what it would take, or start it."""
    visit.caller.must_be(Role.WRITER)
    kind, do = _kind(form.text("kind", "plain")), form.text("do", "look")
    try:
        if do in {"form", "yaml"} and kind.turn is not None:
            return await _page(visit, kind, kind.turn(form, do), _Shown())
        if do == "start" and form.text("checked") == mark_of(form):
            begun = await kind.start(visit, form)
            return visit.go(begun.to, begun.notice)
        if do in {"check", "start"}:
            checked = await kind.check(visit, form)
            said = "" if do == "check" else "It was changed since: look at what it would take now."
            shown = _Shown(checked=checked, mark=mark_of(form), said=said)
            return await _page(visit, kind, form, shown)
    except WeighbridgeError as error:
        return await _page(visit, kind, form, _refusal(kind, form, error))
    return await _page(visit, kind, form, _Shown())


async def take_upload(visit: Visit, received: ReceivedForm) -> Response:
    """Take a file in as a data set, and go on with the form."""
    form = Form(
        FormData([(name, text.decode("utf-8", "replace")) for name, text in received.repeated])
    )
    kind = _kind(form.text("kind", "plain"))
    file = next((it for it in received.files if it.name), None)
    try:
        if file is None:
            raise InvalidFields([FieldProblem("file", "choose a file first")])
        dataset = await visit.services.datasets.import_file(
            visit.caller, file.path, name=_name_of(file.name), format=_format_of(file.name)
        )
    except WeighbridgeError as error:
        problems = (
            problems_of(error, ("file",))
            if isinstance(error, InvalidFields)
            else Problems(of={"file": error.message})
        )
        shown = _Shown(problems=problems, status=max(400, status_of(error)))
        return await _page(visit, kind, form, shown)
    kept = [(name, value) for name, value in form.data.multi_items() if name != "data"]
    said = f"{dataset.name} is data set {dataset.id} now: {dataset.frame.rows:,} rows."
    return await _page(
        visit, kind, Form(FormData([*kept, ("data", dataset.id)])), _Shown(said=said)
    )


async def follow_waiting(visit: Visit) -> Response:
    """How far the prompts of a suite, or a spec, are with being written."""
    suite_id, spec_id = visit.query.text("suite"), visit.query.text("spec")
    if not suite_id and not spec_id:
        raise NotFound("nothing is waited for")

    async def parts() -> AsyncIterator[str]:
        while True:
            if suite_id:
                suite = await visit.services.suites.get(visit.caller, suite_id)
                evaluation, over = suite.evaluation_id, suite.state is not SuiteState.WRITING
            else:
                spec = await visit.services.data_specs.get(visit.caller, spec_id)
                evaluation, over = spec.evaluation_id, spec.state is not SpecState.PROCESSING
            found = await visit.services.runs.list(
                visit.caller, evaluation_id=evaluation or "", limit=1
            )
            run = found[0] if found else None
            yield visit.render(
                "_start_waiting.html", run=run, what="prompts" if suite_id else "spec"
            )
            if over:
                return
            await asyncio.sleep(_LOOK_EVERY_S)

    return streams.follow(parts())


def mark_of(form: Form) -> str:
    """A mark of all that a form says: what was told of one holds for no other."""
    said = sorted(
        (name, value.replace("\r\n", "\n").strip())
        for name, value in form.data.multi_items()
        if name not in _NOT_SAID and isinstance(value, str) and value.strip()
    )
    return hashlib.sha256(repr(said).encode("utf-8", "replace")).hexdigest()


def _kind(slug: str) -> Kind:
    kind = KINDS.get(slug)
    if kind is None:
        raise NotFound(f"no kind of evaluation is called {slug[:60]!r}: {', '.join(KINDS)}")
    return kind


def _refusal(kind: Kind, form: Form, error: WeighbridgeError) -> _Shown:
    status = _REFUSED if isinstance(error, Invalid) else status_of(error)
    if form.text("view") == "yaml":
        return _Shown(wrong=by_line(error), problems=Problems(others=("",)), status=status)
    return _Shown(problems=problems_of(error, kind.fields), status=status)


async def _page(visit: Visit, kind: Kind, form: Form, shown: _Shown) -> Response:
    return visit.page(
        "start.html",
        status=shown.status,
        kinds=list(KINDS.values()),
        kind=kind,
        form=form,
        problems=shown.problems,
        checked=shown.checked,
        mark=shown.mark,
        wrong=shown.wrong,
        said=shown.said,
        recipes=await _recipes(visit, kind, form),
        **await _offered(visit, kind, form),
    )


async def _offered(visit: Visit, kind: Kind, form: Form) -> dict[str, Any]:
    try:
        return {"offered": await kind.offer(visit, form)}
    except NotFound:  # what was chosen is gone
        left = {
            name: form.data.getlist(name) for name in form.data if name not in {"suite", "spec_id"}
        }
        return {"offered": await kind.offer(visit, form_of(left))}


async def _recipes(visit: Visit, kind: Kind, form: Form) -> list[Recipe]:
    """None, as long as the form does not say enough."""
    try:
        return list(await kind.write(visit, form))
    except WeighbridgeError:
        return []


def _name_of(filename: str) -> str:
    name = PurePosixPath(filename.replace("\\", "/")).name
    return "".join(it for it in name if it.isprintable())[:200] or "upload"


def _format_of(filename: str) -> str | None:
    return EXTENSIONS.get(PurePosixPath(filename).suffix.lower())


ROUTES = (
    page("/start", show_start),
    form("/start", take_start),
    upload_form("/start/upload", take_upload),
    stream("/start/waiting", follow_waiting),
)
