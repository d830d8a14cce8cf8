"""A column of answers in a file of a repository: Oxen's evaluation, by Oxen's own request."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from weighbridge.datasets.shapes import format_of
from weighbridge.dialects.oxen import evaluations as oxen
from weighbridge.dialects.oxen.requests import spec_of
from weighbridge.errors import FieldProblem, Invalid, InvalidFields, NotFound, WeighbridgeError
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

_MOST_FILES = 500
_MOST_LOOKED_AT = 5_000
FIELDS = (
    *("repository", "revision", "path", "prompt", "input_type", "output_type", "model_id"),
    *("target_column", "name", "is_sample", "sample_count", "batch_size", "auto_commit"),
    *("commit_message", "target_branch", "target_path"),
)


async def prefill(visit: Visit) -> Form:
    """Of the file that the address names, as `repository`, `revision` and `path`."""
    query = visit.query
    return form_of(
        {
            "repository": query.text("repository"),
            "revision": query.text("revision", "main"),
            "path": query.text("path"),
            "model_id": query.text("model"),
            "input_type": "text",
            "output_type": "text",
            "auto_commit": True,
        }
    )


async def offer(visit: Visit, form: Form) -> dict[str, Any]:
    """Repositories, the branches and files of the one that is chosen, the columns of the file."""
    listed = await visit.services.repositories.list(visit.caller)
    offered: dict[str, Any] = {
        "repositories": [it.address for it in listed],
        "models": await model_names(visit),
        "branches": [],
        "files": [],
        "columns": (),
        "total": None,
    }
    if not form.text("repository"):
        return offered
    try:
        repo = await visit.services.repositories.open(visit.caller, form.text("repository"))
        offered["branches"] = [it.name for it in await repo.branches()]
        commit = await repo.commit_at(form.text("revision", "main"))
        looked = 0
        async for it in repo.files(commit):
            looked += 1
            if format_of(it.path) is not None:
                offered["files"].append(it.path)
            if len(offered["files"]) == _MOST_FILES or looked == _MOST_LOOKED_AT:
                break
        entry = await repo.entry(commit, form.text("path")) if form.text("path") else None
        content = await repo.content(entry.hash) if entry else None
        if content is not None and content.frame is not None:
            offered |= {"columns": tuple(content.frame.columns), "total": content.frame.rows}
    except WeighbridgeError:  # it is said when it is checked
        pass
    return offered


async def check(visit: Visit, form: Form) -> Checked:
    """What it would take."""
    spec = await _spec(visit, form)
    try:
        return Checked(await visit.services.estimates.of(visit.caller, spec))
    except Invalid as error:
        raise oxen.refused(error) from error


async def start(visit: Visit, form: Form) -> Begun:
    """Start it."""
    spec = await _spec(visit, form)
    try:
        started = await visit.services.evaluations.start(visit.caller, spec)
    except Invalid as error:
        raise oxen.refused(error) from error
    return Begun(f"/runs/{started.runs[0].id}")


async def write(visit: Visit, form: Form) -> Sequence[Recipe]:
    """The vendor's request, our SDK, the command line."""
    server, body = server_of(visit), body_of(form)
    spec = (await _spec(visit, form)).as_json()
    url = server + address_of(form)
    python, *_ = [it for it in plain.recipes(server, spec) if it.title == "Python"]
    return [
        Recipe(
            "curl",
            curl(url, body),
            "Oxen's own request, and its field names",
        ),
        Recipe("Python", python.text, "pip install weighbridge"),
        Recipe(
            "Python with Oxen's client",
            _oxen(server, url, body, form),
            "pip install oxenai requests; the client itself has no call that starts an evaluation",
        ),
        Recipe("Command line", _command(server, body, form)),
    ]


def body_of(form: Form) -> dict[str, Any]:
    """The request, as the vendor has it.

    Raises:
        InvalidFields: a field is no number.
    """
    read = Reader(form)
    sample = read.whole("sample_count")
    body = without_nothing(
        {
            "name": read.text("name"),
            "prompt": read.text("prompt"),
            "input_type": form.text("input_type", "text"),
            "output_type": form.text("output_type", "text"),
            "model_id": read.text("model_id"),
            "target_column": read.text("target_column"),
            "is_sample": True if sample is not None else None,
            "sample_count": sample,
            "batch_size": read.whole("batch_size"),
            "auto_commit": form.ticked("auto_commit"),
            "commit_message": read.text("commit_message"),
            "target_branch": read.text("target_branch"),
            "target_path": read.text("target_path"),
        }
    )
    read.refuse()
    return body


def address_of(form: Form) -> str:
    """Where the request is sent."""
    where = "/".join(form.text(name) for name in ("revision", "path"))
    return f"/api/repos/{quote(form.text('repository'))}/evaluations/{quote(where)}"


async def _spec(visit: Visit, form: Form) -> EvaluationSpec:
    missing = [name for name in ("repository", "revision", "path") if not form.text(name)]
    if missing:
        raise InvalidFields([FieldProblem(name, "is needed") for name in missing])
    body = body_of(form)
    try:
        repo = await visit.services.repositories.open(
            visit.caller, form.text("repository"), write=True
        )
    except NotFound as error:
        raise InvalidFields([FieldProblem("repository", error.message)]) from error
    resource = f"{form.text('revision')}/{form.text('path')}"
    try:
        return await spec_of(repo, resource, body, visit.services.catalog)
    except NotFound as error:
        raise InvalidFields([FieldProblem("path", error.message)]) from error


def _oxen(server: str, url: str, body: dict[str, Any], form: Form) -> str:
    scheme, _, host = server.partition("://")
    branch = body.get("target_branch") or form.text("revision")
    path = body.get("target_path") or form.text("path")
    return (
        "import os\n\nimport requests\nfrom oxen import RemoteRepo\nfrom oxen.auth import "
        "config_auth\n\n"
        'key = os.environ["WEIGHBRIDGE_API_KEY"]\n'
        f"body = {plain.literal(body)}\n"
        "headers = {'Authorization': f'Bearer {key}'}\n"
        f"begun = requests.post({url!r}, json=body, headers=headers)\n"
        "begun.raise_for_status()\n"
        'print(begun.json()["evaluation"]["id"])\n\n'
        "# When it is completed, the column is on its branch.\n"
        f"config_auth(key, host={host!r})\n"
        f"repo = RemoteRepo({form.text('repository')!r}, host={host!r}, scheme={scheme!r})\n"
        f"repo.checkout({branch!r})\n"
        f"repo.download({path!r}, 'answers')\n"
    )


def _command(server: str, body: dict[str, Any], form: Form) -> str:
    place = f"{form.text('repository')}@{form.text('revision')}:{form.text('path')}"
    words = ["weighbridge", "infer", place]
    flags = {
        "--prompt": body.get("prompt"),
        "--model": body.get("model_id"),
        "--column": body.get("target_column"),
        "--branch": body.get("target_branch"),
        "--path": body.get("target_path"),
        "--message": body.get("commit_message"),
        "--sample": body.get("sample_count"),
        "--output": None if body["output_type"] == "text" else body["output_type"],
        "--server": server,
    }
    for flag, value in flags.items():
        if value is not None:
            words += [flag, str(value)]
    if not body["auto_commit"]:
        words.append("--no-commit")
    return line(*words) + "\n"


KIND = Kind(
    slug="column",
    title="Column",
    about="Ask a model about every row of a file in a repository, and commit its answers as a "
    "column (Oxen).",
    template="start_column.html",
    fields=FIELDS,
    prefill=prefill,
    offer=offer,
    check=check,
    start=start,
    write=write,
)
