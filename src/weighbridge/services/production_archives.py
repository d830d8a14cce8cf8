"""All files of a production in one ZIP, which is put together in the background when it is first
asked for, and kept.

Beside each file lies `<file>.metadata` with the values that were drawn for its sample, and at the
top `top_level.metadata` with what the production came to.
"""

import asyncio
import logging
import os
import tempfile
import zipfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import orjson

from weighbridge.core.json import JsonObject
from weighbridge.core.production import Archive, ProductionView
from weighbridge.core.synthesis import MadeFile, Production, sample_name
from weighbridge.errors import WeighbridgeError
from weighbridge.jobs.sample_files import Slot, stream_slots
from weighbridge.services.asset_work import hash_file
from weighbridge.store import productions
from weighbridge.store.engine import Store
from weighbridge.store.moments import now
from weighbridge.synthesis.shares import percentages

MEDIA_TYPE = "application/zip"
METADATA = ".metadata"

_BEAT_S = 10.0
_STALE_S = 60.0
"""After so many seconds without a sign of life whoever makes an archive is taken to be gone."""
_AT_ONCE = 64

log = logging.getLogger(__name__)


class ProductionArchives:
    """Makes archives.

    Args:
        store: where files are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def close(self) -> None:
        """Leave off; what is not done is taken up again by whoever asks for it next."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def get(self, view: ProductionView) -> Archive:
        """The archive of a production that has ended, which is begun if it is not there.

        One that was made before the newest inspection is made again, to tell of that.
        """
        production = view.production
        async with self._store.begin() as connection:
            kept = await productions.read_archive(connection, production.id)
            newest = await productions.newest_result(
                connection, production.workspace_id, production.id
            )
        inspection = newest[0] if newest else None
        if kept is not None and kept["state"] == "ready" and kept["inspection"] == inspection:
            return Archive(kept["sha256"], kept["size"])
        if kept is not None and kept["state"] == "failed":
            # Told once: whoever asks again has it tried again.
            async with self._store.begin() as connection:
                await productions.set_archive(connection, production.id, None, instead_of=kept)
            return Archive(None, None, kept["problem"])
        if kept is not None and kept["state"] == "making" and self._is_made(production.id, kept):
            return Archive(None, None)
        ours = {"state": "making", "at": now().isoformat(), "inspection": inspection}
        async with self._store.begin() as connection:
            begun = await productions.set_archive(connection, production.id, ours, instead_of=kept)
        if begun:
            task = asyncio.create_task(self._make(view, ours, newest[1] if newest else None))
            self._tasks[production.id] = task
            task.add_done_callback(lambda _: self._tasks.pop(production.id, None))
        return Archive(None, None)

    def _is_made(self, production_id: str, kept: Mapping[str, Any]) -> bool:
        """Whether somebody is at it."""
        since = (now() - datetime.fromisoformat(kept["at"])).total_seconds()
        return production_id in self._tasks or since < _STALE_S

    async def _make(
        self, view: ProductionView, ours: JsonObject, result: JsonObject | None
    ) -> None:
        production = view.production
        state = _Making(self._store, production.id, ours)
        try:
            handle, temporary = await asyncio.to_thread(
                tempfile.mkstemp, dir=self._store.folder, prefix=".incoming-"
            )
            os.close(handle)
            path = Path(temporary)
            try:
                await self._write(view, path, result, state)
                sha256 = await asyncio.to_thread(hash_file, path)
                size = (await asyncio.to_thread(path.stat)).st_size
                await self._store.blobs.take_file(productions.made_key(sha256), path)
            finally:
                await asyncio.to_thread(path.unlink, missing_ok=True)
            done = {**ours, "state": "ready", "sha256": sha256, "size": size}
        except WeighbridgeError as error:
            done = {**ours, "state": "failed", "problem": error.message}
        except Exception as error:
            log.exception("the archive of %s", production.id)
            done = {**ours, "state": "failed", "problem": f"{type(error).__name__}: {error}"}
        await state.change(done)

    async def _write(
        self, view: ProductionView, path: Path, result: JsonObject | None, state: "_Making"
    ) -> None:
        production = view.production
        async with self._store.begin() as connection:
            files = await productions.list_files(connection, production.workspace_id, production.id)
        seen: dict[str, list[str]] = {}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
            table = next((file for file in files if file.sample is None), None)
            if table is not None:
                await self._put_file(archive, table)
                await self._put_tags_of_table(archive, table, production, seen, state)
            else:
                await self._put_samples(archive, files, production, seen, state)
            top = _top(view, seen, result)
            await asyncio.to_thread(archive.writestr, f"top_level{METADATA}", _json(top))

    async def _put_file(self, archive: zipfile.ZipFile, file: MadeFile) -> None:
        """A file of any size."""
        pieces = self._store.blobs.pieces(productions.made_key(file.sha256), file.size)
        with archive.open(file.path, "w", force_zip64=True) as entry:
            async for piece in pieces:
                await asyncio.to_thread(entry.write, piece)

    async def _put_tags_of_table(
        self,
        archive: zipfile.ZipFile,
        table: MadeFile,
        production: Production,
        seen: dict[str, list[str]],
        state: "_Making",
    ) -> None:
        with archive.open(f"{table.path}{METADATA}", "w", force_zip64=True) as entry:
            await asyncio.to_thread(entry.write, b'{"samples": {')
            first = True
            async with aclosing(stream_slots(self._store, production)) as pages:
                async for page in pages:
                    _note(page, seen)
                    await asyncio.to_thread(_write_tags, entry, page, first)
                    first = False
                    await state.beat()
            await asyncio.to_thread(entry.write, b"}}\n")

    async def _put_samples(
        self,
        archive: zipfile.ZipFile,
        files: list[MadeFile],
        production: Production,
        seen: dict[str, list[str]],
        state: "_Making",
    ) -> None:
        async with aclosing(_with_slots(self._store, production, files)) as groups:
            async for group in groups:
                _note([slot for slot, _ in group], seen)
                entries = [(slot, file) for slot, them in group for file in them]
                for start in range(0, len(entries), _AT_ONCE):
                    chunk = entries[start : start + _AT_ONCE]
                    blobs = await asyncio.gather(
                        *(
                            self._store.blobs.get(productions.made_key(file.sha256))
                            for _, file in chunk
                        )
                    )
                    await asyncio.to_thread(_write_entries, archive, chunk, blobs)
                    await state.beat()


class _Making:
    """What is kept about an archive while it is made."""

    def __init__(self, store: Store, production_id: str, kept: JsonObject) -> None:
        self._store = store
        self._production_id = production_id
        self._kept = kept
        self._at = asyncio.get_running_loop().time()

    async def beat(self) -> None:
        """Say, now and then, that it is still being made."""
        moment = asyncio.get_running_loop().time()
        if moment - self._at >= _BEAT_S:
            self._at = moment
            await self.change({**self._kept, "at": now().isoformat()})

    async def change(self, kept: JsonObject) -> None:
        """Keep something else, unless somebody else has taken over."""
        async with self._store.begin() as connection:
            await productions.set_archive(
                connection, self._production_id, kept, instead_of=self._kept
            )
        self._kept = kept


async def _with_slots(
    store: Store, production: Production, files: list[MadeFile]
) -> AsyncGenerator[list[tuple[Slot, list[MadeFile]]], None]:
    """Samples with their files, in pages."""
    of: dict[int, list[MadeFile]] = {}
    for file in files:
        of.setdefault(file.sample or 0, []).append(file)
    async with aclosing(stream_slots(store, production)) as pages:
        async for page in pages:
            yield [(slot, of[slot.number]) for slot in page if slot.number in of]


def _note(page: list[Slot], seen: dict[str, list[str]]) -> None:
    for slot in page:
        for name, value in slot.tags.items():
            seen.setdefault(name, []).append(value)


def _write_tags(entry: IO[bytes], page: list[Slot], first: bool) -> None:
    lines = [_json(sample_name(slot.number)) + b": " + _json(slot.tags) for slot in page]
    entry.write((b"\n" if first else b",\n") + b",\n".join(lines))


def _write_entries(
    archive: zipfile.ZipFile, entries: list[tuple[Slot, MadeFile]], blobs: list[bytes]
) -> None:
    for (slot, file), data in zip(entries, blobs, strict=True):
        archive.writestr(file.path, data)
        told = {"sample_identifier": sample_name(slot.number), "classifications": slot.tags}
        archive.writestr(f"{file.path}{METADATA}", _json(told))


def _top(
    view: ProductionView, seen: dict[str, list[str]], result: JsonObject | None
) -> dict[str, Any]:
    production, progress = view.production, view.run.progress
    return {
        "spec": {"name": production.spec_name, "version": production.spec_version},
        "dataset_name": production.seeds_name,
        "dataset_type": production.shape.value,
        "number_of_samples": production.wanted,
        "samples_completed": progress.done - progress.failed,
        "samples_failed": progress.failed,
        "problem": production.problem,
        "generation_distributions": {
            name: percentages(values, list(dict.fromkeys(values))) for name, values in seen.items()
        },
        "evaluation": result,
    }


def _json(value: Any) -> bytes:
    return orjson.dumps(value)
