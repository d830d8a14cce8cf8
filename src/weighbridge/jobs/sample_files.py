"""The end of a run that made samples: the files that they are.

May be broken off anywhere and begun again: files are named by what is in them, and the production
is told of all of them in one transaction, which takes the place of what it was told before.
"""

import asyncio
import hashlib
import os
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from weighbridge.core.ids import new_id
from weighbridge.core.json import JsonObject
from weighbridge.core.production import Sample
from weighbridge.core.run import RunState
from weighbridge.core.synthesis import MadeFile, Production, Shape, sample_name
from weighbridge.datasets.frame import SEGMENT
from weighbridge.errors import NotFound
from weighbridge.jobs.loading import LoadedRun
from weighbridge.store import productions
from weighbridge.store.datasets import Dataset, find_dataset, read_segment
from weighbridge.store.engine import Store
from weighbridge.store.evaluations import find_evaluation
from weighbridge.store.outcomes import stream_answers
from weighbridge.synthesis.names import extension_of
from weighbridge.synthesis.sample_form import SampleForm, form_of_production
from weighbridge.synthesis.seed_rules import MEDIA_TYPES
from weighbridge.synthesis.table_file import TableFile

TABLE = "samples"
"""What the file is called that holds all samples, without its ending."""

_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a sample.

    Attributes:
        number: 0-based. tags: property → the value that was drawn for it.
    """

    number: int
    tags: dict[str, str]


async def deliver_samples(
    store: Store, loaded: LoadedRun, production: Production, failures: Counter[str]
) -> tuple[RunState, str | None]:
    """Write the files of a production.

    Args:
        failures: how often each kind of failure occurs, by an example.

    Returns:
        The state and reason that the run ends with.

    Raises:
        OutOfSpace: no room for them.
    """
    form = form_of_production(production)
    if form.is_table:
        files = [await _write_table(store, production, form)]
    else:
        files = await _write_files(store, production)
    problem = _problem(production, loaded.run.progress.total, failures)
    async with store.begin() as connection:
        await productions.set_files(connection, production, files, problem)
    return RunState.SUCCEEDED, problem


async def stream_slots(store: Store, production: Production) -> AsyncGenerator[list[Slot], None]:
    """The places of a production's samples, in their order, in pages; they are there from the
    beginning.

    Raises:
        NotFound: its evaluation is gone.
    """
    dataset = await _dataset(store, production)
    for segment in range(dataset.frame.segments):
        rows = await read_segment(store.blobs, dataset.frame, segment)
        first = segment * SEGMENT
        yield [Slot(first + place, _tags(row)) for place, row in enumerate(rows)]


async def stream_samples(
    store: Store, production: Production
) -> AsyncGenerator[list[Sample], None]:
    """The samples that a production has made so far, in their order, in pages; those that failed
    are left out.

    Raises:
        NotFound: its evaluation is gone.
    """
    form = form_of_production(production)
    answers = stream_answers(store, production.workspace_id, production.run_id, details=False)
    async with aclosing(stream_slots(store, production)) as pages:
        slots: dict[int, Slot] = {}
        async for page in answers:
            made = []
            for row in page:
                while row.position not in slots:
                    slots = {slot.number: slot for slot in await anext(pages)}
                if row.answer is not None:
                    made.append(_sample(form, slots[row.position], row.answer))
            if made:
                yield made


def _sample(form: SampleForm, slot: Slot, answer: str) -> Sample:
    return Sample(
        slot.number,
        sample_name(slot.number),
        slot.tags,
        form.files(answer, slot.number),
        form.row(answer),
    )


async def _write_table(store: Store, production: Production, form: SampleForm) -> MadeFile:
    """One file with all samples."""
    handle, temporary = await asyncio.to_thread(
        tempfile.mkstemp, dir=store.folder, prefix=".incoming-"
    )
    path = Path(temporary)
    try:
        with os.fdopen(handle, "wb") as file:
            table = TableFile(file, form.extension, form.keys)
            async with aclosing(stream_samples(store, production)) as pages:
                async for page in pages:
                    rows = [sample.row for sample in page if sample.row is not None]
                    await asyncio.to_thread(table.write, rows)
            sha256 = await asyncio.to_thread(table.finish)
        await store.blobs.take_file(productions.made_key(sha256), path)
    finally:
        await asyncio.to_thread(path.unlink, missing_ok=True)
    return _made(f"{TABLE}{form.extension}", None, table.size, sha256)


async def _write_files(store: Store, production: Production) -> list[MadeFile]:
    """A file, or a folder of files, for each sample."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def put(path: str, number: int, text: str) -> MadeFile:
        data = text.encode("utf-8", "replace")
        sha256 = hashlib.sha256(data).hexdigest()
        async with slots:
            await store.blobs.put(productions.made_key(sha256), data)
        return _made(path, number, len(data), sha256)

    found: list[MadeFile] = []
    async with aclosing(stream_samples(store, production)) as pages:
        async for page in pages:
            found += await asyncio.gather(
                *(
                    put(_path(production, sample, name), sample.number, text)
                    for sample in page
                    for name, text in sample.files
                )
            )
    return found


def _path(production: Production, sample: Sample, name: str) -> str:
    return f"{sample.name}/{name}" if production.shape is Shape.MULTI_FOLDER else name


def _made(path: str, sample: int | None, size: int, sha256: str) -> MadeFile:
    media_type = MEDIA_TYPES.get(extension_of(path), "text/plain")
    return MadeFile(new_id("mfile"), path, sample, media_type, size, sha256)


def _problem(production: Production, total: int, failures: Counter[str]) -> str | None:
    told = [str(note)] if (note := production.params.get("note")) else []
    if failures:
        message, _ = failures.most_common(1)[0]
        told.append(f"{failures.total()} of {total} samples are missing: {message}")
    return "; ".join(told) or None


async def _dataset(store: Store, production: Production) -> Dataset:
    async with store.begin() as connection:
        workspace_id = production.workspace_id
        stored = await find_evaluation(connection, workspace_id, production.evaluation_id)
        dataset = stored and await find_dataset(connection, workspace_id, stored.dataset_id)
    if not dataset:
        raise NotFound(f"the evaluation that made {production.id} is gone")
    return dataset


def _tags(row: JsonObject) -> dict[str, str]:
    tags = row.get("tags")
    found = tags if isinstance(tags, Mapping) else {}
    return {name: str(value) for name, value in found.items()}
