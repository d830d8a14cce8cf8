"""Data on a desk: data sets, repositories with files, and runs that read and write them."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from support.native import SPEC
from support.pages import Desk
from weighbridge.core.versions import Commit, Signature
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.jobs.loading import load_run
from weighbridge.spec import parse_spec
from weighbridge.store.datasets import Dataset
from weighbridge.versions.base import Repo

ANN = Signature("Ann", "ann@example.com")
QUESTIONS = "id,q,answer\n1,ja,ja\n2,nein,doch\n3,oui,oui\n"


async def data_set(desk: Desk, rows: list[dict[str, Any]], name: str = "capitals") -> Dataset:
    """A data set of these rows."""
    return await desk.services.datasets.import_rows(desk.caller, name, rows)


async def repository(desk: Desk, files: Mapping[str, str | bytes], name: str = "one") -> Repo:
    """A new repository `ns/…` with these files on `main`."""
    repo = await desk.services.repositories.create(desk.caller, "ns", name)
    if files:
        await committed(repo, files, "The first files")
    return repo


async def committed(
    repo: Repo,
    files: Mapping[str, str | bytes | None],
    message: str = "A change",
    branch: str = "main",
) -> Commit:
    """A commit of these files; None: removed."""
    contents = {
        path: None
        if data is None
        else await repo.keep_bytes(data.encode() if isinstance(data, str) else data, path)
        for path, data in files.items()
    }
    return await repo.commit(branch, contents, message, ANN)


async def evaluated(desk: Desk, **fields: Any) -> list[str]:
    """Run an evaluation to its end; the ids of its runs."""
    spec = {name: value for name, value in (SPEC | fields).items() if value is not None}
    if "data" in fields:
        del spec["cases"]
    services = desk.services
    started = await services.evaluations.start(desk.caller, parse_spec(spec))
    for run in started.runs:
        loaded = await load_run(services.store, services.models, run.id)
        await run_in_foreground(services.store, loaded)
    return [run.id for run in started.runs]


def at(path: str, rest: str = "files", repo: str = "ns/one") -> str:
    """The address of a file's page."""
    return f"/data/repos/{repo}/{rest}/{quote(path)}"
