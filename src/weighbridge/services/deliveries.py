"""Columns that runs deliver, as whoever asked for one wants to see it."""

from dataclasses import dataclass

from weighbridge.core.caller import Caller
from weighbridge.core.inference import Inference
from weighbridge.core.run import Run
from weighbridge.core.versions import Repository
from weighbridge.errors import NotFound
from weighbridge.services.inferences import Inferences
from weighbridge.services.repositories import Repositories
from weighbridge.services.runs import Runs


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """Where the answers of a run go, and how far they have come.

    Attributes:
        repository: where the file is; None: it was deleted since.
        rows: of the file with the column; None before it is made.
    """

    inference: Inference
    run: Run
    repository: Repository | None
    rows: int | None


async def view_delivery(
    inferences: Inferences,
    repositories: Repositories,
    runs: Runs,
    caller: Caller,
    run_id: str,
) -> DeliveryView:
    """What became of the column of a run.

    Raises:
        NotFound: the workspace has no such run, or its answers go nowhere.
    """
    run = await runs.get(caller, run_id)
    inference = await inferences.get(caller, run.id)
    try:
        repo = await repositories.open_id(caller, inference.repository_id)
    except NotFound:
        return DeliveryView(inference, run, None, None)
    rows = None
    if inference.result is not None:
        made = inference.result[inference.target_path]
        content = (await repo.contents([made])).get(made)
        rows = content.frame.rows if content and content.frame else None
    return DeliveryView(inference, run, repo.repository, rows)
