"""Where the cases of an evaluation come from: a file, rows sent along, or a stored data set; and
which of its rows are taken."""

from pathlib import Path
from typing import cast

from weighbridge.core.caller import Caller
from weighbridge.core.evaluation import Evaluation
from weighbridge.datasets.cases import check_rows
from weighbridge.datasets.rows import Row
from weighbridge.datasets.selection import Selection
from weighbridge.errors import FieldProblem, InvalidFields, NotFound
from weighbridge.services.datasets import Datasets, first_rows
from weighbridge.services.frame_sources import FrameSources, Source
from weighbridge.spec import EvaluationSpec
from weighbridge.store.datasets import Dataset


class CaseSources:
    """Finds the cases of evaluations.

    Args:
        datasets: those that are stored, and where new ones are kept.
        frames: those that lie in repositories.
    """

    def __init__(self, datasets: Datasets, frames: FrameSources) -> None:
        self._datasets = datasets
        self._frames = frames

    async def take(
        self,
        caller: Caller,
        spec: EvaluationSpec,
        evaluation: Evaluation,
        folder: Path | None,
        source: Source | None = None,
    ) -> Dataset:
        """The data set that holds exactly the rows to be evaluated, all of them looked at, in the
        order in which they are to be taken.

        Args:
            folder: where a file is looked for; None: files cannot be named.
            source: where the data are, if in a repository.

        Raises:
            Invalid: there is no such data, or it lacks what the evaluation needs.
        """
        dataset = await self._take(caller, spec, evaluation, folder, source)
        if evaluation.stop is None:
            return dataset
        # A run that stops when it knows enough must not have begun with the easy cases.
        return await self._datasets.shuffle(caller, dataset, evaluation.stop.seed)

    async def _take(
        self,
        caller: Caller,
        spec: EvaluationSpec,
        evaluation: Evaluation,
        folder: Path | None,
        source: Source | None,
    ) -> Dataset:
        selection = spec.selection()
        # What is selected from is kept as it is; only what is selected must suit the evaluation.
        check = None if selection else lambda rows: check_rows(rows, evaluation)
        if source is not None:
            dataset = await self._frames.take(caller, source, evaluation, check=check is not None)
        elif spec.cases is not None:
            dataset = await self._datasets.import_rows(
                caller,
                f"{evaluation.name}, inline cases",
                [dict(row) for row in spec.cases],
                check,
            )
        else:
            found = await self._find(caller, spec.data or "", folder)
            if isinstance(found, Path):
                dataset = await self._datasets.import_file(caller, found, check=check)
            else:
                dataset = found
                if selection is None:
                    await self._datasets.verify(dataset, evaluation)
        if selection is None:
            return dataset
        return await self._datasets.select(caller, dataset, selection, evaluation)

    async def count(
        self,
        caller: Caller,
        spec: EvaluationSpec,
        evaluation: Evaluation,
        folder: Path | None,
        source: Source | None = None,
    ) -> int:
        """How many rows `take` would find; it refuses what `take` refuses, and nothing is kept."""
        selection = spec.selection()
        if source is not None:
            async with source.repo.file(source.content, source.path) as path:
                return await self._datasets.count(path, evaluation, selection, source.path)
        if spec.cases is not None:
            return _count_inline(spec, selection)  # the spec has looked at them itself
        found = await self._find(caller, spec.data or "", folder)
        if isinstance(found, Path):
            return await self._datasets.count(found, evaluation, selection)
        if selection is not None:
            return await self._datasets.count_selected(found, evaluation, selection)
        await self._datasets.verify(found, evaluation)
        return found.frame.rows

    async def examples(
        self,
        caller: Caller,
        spec: EvaluationSpec,
        folder: Path | None,
        source: Source | None,
        most: int,
    ) -> list[Row]:
        """Some of the rows that `take` would find: the first ones, and of a stored data set some
        from its middle and its end, too."""
        if most < 1:
            return []
        selection = spec.selection()
        if source is not None:
            async with source.repo.file(source.content, source.path) as path:
                return await self._datasets.examples_of(path, most, selection, source.path)
        if spec.cases is not None:
            return first_rows(cast("list[Row]", spec.cases), most, selection)
        found = await self._find(caller, spec.data or "", folder)
        if isinstance(found, Path):
            return await self._datasets.examples_of(found, most, selection)
        return await self._datasets.examples(found, most, selection)

    async def _find(self, caller: Caller, data: str, folder: Path | None) -> Dataset | Path:
        if folder is not None and not data.startswith("ds_") and (folder / data).is_file():
            return folder / data
        try:
            return await self._datasets.called(caller, data)
        except NotFound as error:
            message = error.message
            if folder is not None and not data.startswith("ds_"):
                message = f"there is no file {folder / data}, and {message}"
            elif not data.startswith("ds_"):
                message += (
                    "" if message.endswith("?") else "."
                ) + " Upload the file first with POST /api/v1/datasets, or send its rows as `cases`"
            raise InvalidFields([FieldProblem("data", message)]) from error


def _count_inline(spec: EvaluationSpec, selection: Selection | None) -> int:
    rows = cast("list[Row]", spec.cases or [])
    if selection is None:
        return len(rows)
    return selection.count(rows)
