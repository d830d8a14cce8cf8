"""A run whose answers become a column of a file in a repository: what it read, what it wrote."""

from dataclasses import dataclass
from typing import Any

from weighbridge.core.inference import Inference
from weighbridge.core.versions import Commit
from weighbridge.datasets.rows import Row
from weighbridge.errors import NotFound, WeighbridgeError
from weighbridge.services.deliveries import DeliveryView, view_delivery
from weighbridge.services.runs import RunView
from weighbridge.versions.base import Repo
from weighbridge.web.kinds.panel import Panel
from weighbridge.web.pages.data.shared import address
from weighbridge.web.visit import Visit

_ROWS = 20
_COLUMNS = 12


@dataclass(frozen=True, slots=True)
class Preview:
    """The first rows of a file.

    Attributes:
        columns: names, the new one last.
        new: the new one; None: it is not in it yet.
        hidden: how many columns are not shown.
        total: rows of the whole file.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    new: str | None
    hidden: int
    total: int


async def panel(visit: Visit, view: RunView) -> Panel | None:
    """Where the column is, with the first rows of the file that has it."""
    services, caller = visit.services, visit.caller
    if await services.inferences.find(caller, view.run.id) is None:
        return None
    delivery = await view_delivery(
        services.inferences, services.repositories, services.runs, caller, view.run.id
    )
    inference = delivery.inference
    shown: dict[str, Any] = {
        "inference": inference,
        "repository": delivery.repository,
        "n_rows": delivery.rows,
        "state": inference.state.value,
        "source": None,
        "commit": None,
        "preview": None,
        "unread": None,
        "unanswered": view.run.progress.failed,
        "run": view.run,
        "others": sorted(set(inference.result or ()) - {inference.target_path}),
    }
    if delivery.repository is not None:
        repo = await services.repositories.open_id(caller, inference.repository_id)
        commits = await repo.commits(
            [it for it in (inference.commit_id, inference.committed_as) if it]
        )
        shown["source"] = commits.get(inference.commit_id)
        shown["commit"] = commits.get(inference.committed_as or "")
        shown |= _addresses(delivery)
        try:
            shown["preview"] = await _preview(visit, repo, inference, shown["source"])
        except WeighbridgeError as error:
            shown["unread"] = error.message
    return Panel("_kind_column.html", shown)


def _addresses(delivery: DeliveryView) -> dict[str, str | None]:
    repository, inference = delivery.repository, delivery.inference
    assert repository is not None  # noqa: S101 (the caller has looked)
    base = ("repos", repository.namespace, repository.name)
    committed = inference.committed_as
    return {
        "to_repository": address(*base),
        "to_branch": address(*base, at=inference.branch),
        "to_source": address(*base, "files", inference.path, at=inference.commit_id),
        "to_source_commit": address(*base, "commits", inference.commit_id),
        "to_file": None
        if committed is None
        else address(*base, "files", inference.target_path, at=committed),
        "to_commit": None if committed is None else address(*base, "commits", committed),
    }


async def _preview(
    visit: Visit, repo: Repo, inference: Inference, source: Commit | None
) -> Preview | None:
    frames = visit.services.frames
    new: str | None = None
    if inference.result is not None:
        content = await repo.content(inference.result[inference.target_path])
        frame = frames.of(repo, content, inference.target_path)
        new = inference.column
    elif source is not None:
        frame = await frames.at(repo, source, inference.path)
    else:
        raise NotFound("the commit that was read is gone")
    others = [name for name in frame.columns if name != new]
    kept = others[:_COLUMNS]
    return Preview(
        columns=(*kept, *([new] if new is not None else [])),
        rows=tuple(await frames.rows(frame, 0, _ROWS)),
        new=new,
        hidden=len(others) - len(kept),
        total=frame.shape.rows,
    )
