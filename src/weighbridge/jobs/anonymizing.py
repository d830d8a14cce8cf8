"""The end of a run that found personal data: the files with it masked.

May be broken off anywhere and begun again: what is written depends on the outcomes alone, and the
anonymisation is told of all files at once. Where a part of the data was not looked at, there are no
files: nothing is given out that was not looked through.
"""

import asyncio
import hashlib
import zipfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from weighbridge.core.anonymization import Anonymization, AnonymizedFile, Detection
from weighbridge.core.entity import Entity, merged
from weighbridge.core.ids import new_id
from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Scored
from weighbridge.core.run import Run, RunState
from weighbridge.core.synthesis import SeedFile, Seeds, Shape
from weighbridge.errors import Invalid
from weighbridge.scorers.personal.types import BY_PATTERN, by_type, meant
from weighbridge.scorers.personal_data import entities_of
from weighbridge.store.anonymizations import anonymized_key, end_anonymization
from weighbridge.store.engine import Store
from weighbridge.store.outcomes import stream_scores
from weighbridge.store.seeds import find_seeds, seed_key
from weighbridge.synthesis.masking import Masks, in_pieces
from weighbridge.synthesis.pieces import Passage, Piece, Write, passages, take_apart

KEY = "personal_data"
"""The key of the scorer."""

MOST_LISTED = 10_000
"""Entities that are listed one by one; all are counted, and masked."""

_ARCHIVE = "anonymized.zip"
_BY_FIELD = 0.9
"""How sure it is that a field that is called so holds this."""


@dataclass(slots=True)
class _Tally:
    """What was found so far."""

    counts: Counter[str] = field(default_factory=Counter)
    listed: list[JsonObject] = field(default_factory=list)

    def add(self, path: str, pieces: Sequence[Piece], found: Sequence[Sequence[Entity]]) -> None:
        for piece, entities in zip(pieces, found, strict=True):
            for one in entities:
                self.counts[one.label] += 1
                if len(self.listed) < MOST_LISTED:
                    listed: dict[str, Any] = {
                        "start": one.start,
                        "end": one.end,
                        "label": one.label,
                        "score": round(one.score, 3),
                        "file": path,
                    }
                    if piece.row is not None:
                        listed["row"] = piece.row
                    if piece.field:
                        listed["field"] = piece.field
                    self.listed.append(listed)


def passages_of(path: str, data: bytes) -> Iterator[str]:
    """The passages of a file of seeds, in the order in which `deliver_anonymized` expects them.

    Raises:
        Invalid: it is not what its extension says.
    """
    pieces, _ = _taken_apart(path, data)
    for passage in passages(pieces):
        yield passage.text


async def deliver_anonymized(
    store: Store, run: Run, made: Anonymization
) -> tuple[RunState, str | None]:
    """Write the files.

    Returns:
        The state and reason that the run ends with.
    """
    async with store.begin() as connection:
        seeds = await find_seeds(connection, made.workspace_id, made.seeds_id)
    if seeds is None:
        return await _failed(store, made, "the seeds were deleted while this was going on")
    outcomes = _found(store, run)
    tally = _Tally()
    files: list[AnonymizedFile] = []
    folder = await asyncio.to_thread(TemporaryDirectory, dir=store.folder, prefix=".anonymizing-")
    try:
        archive = Path(folder.name) / _ARCHIVE
        for file in seeds.files:
            data = await store.blobs.get(seed_key(file.sha256))
            pieces, write = await asyncio.to_thread(_taken_apart, file.path, data)
            shown: list[tuple[Passage, Sequence[Entity]]] = []
            for passage in passages(pieces):
                entities = await anext(outcomes, None)
                if entities is None:
                    problem = f"a part of {file.path} could not be looked through"
                    return await _failed(store, made, f"{problem}{await _why(store, run)}")
                shown.append((passage, entities))
            text = await asyncio.to_thread(_masked, made, file.path, pieces, write, shown, tally)
            files.append(await _keep(store, file, text))
            await asyncio.to_thread(_pack, archive, file.path, text)
        packed = await _keep_archive(store, made, archive)
    finally:
        await asyncio.to_thread(folder.cleanup)
    async with store.begin() as connection:
        await end_anonymization(
            connection, made, result=_result(made, seeds, tally), files=files, archive=packed
        )
    return RunState.SUCCEEDED, None


def undetected(made: Anonymization) -> list[str]:
    """The types that were asked for and that patterns do not find in running text; none where a
    model looks."""
    if made.request.detection is not Detection.LOCAL:
        return []
    return [name for name in made.request.types if meant(name) not in BY_PATTERN]


def _taken_apart(path: str, data: bytes) -> tuple[list[Piece], Write]:
    extension = Path(path).suffix.lower()
    try:
        return take_apart(extension, data.decode("utf-8-sig", "replace"))
    except Invalid as error:
        raise Invalid(f"{path[:200]!r}: {error.message}") from error


def _masked(
    made: Anonymization,
    path: str,
    pieces: Sequence[Piece],
    write: Write,
    shown: Sequence[tuple[Passage, Sequence[Entity]]],
    tally: _Tally,
) -> bytes:
    request = made.request
    found = in_pieces(pieces, shown)
    if request.detection is not Detection.MODEL and request.threshold <= _BY_FIELD:
        wanted = by_type(request.types)
        found = [
            merged((*entities, *_by_field(piece, wanted)))
            for piece, entities in zip(pieces, found, strict=True)
        ]
    tally.add(path, pieces, found)
    masks = Masks(request.masks, request.key)
    texts = [masks.apply(it.text, entities) for it, entities in zip(pieces, found, strict=True)]
    return write(texts).encode("utf-8", "replace")


def _by_field(piece: Piece, wanted: Mapping[str, str]) -> Iterator[Entity]:
    """All of a value, where its column or key is called like a type that is looked for."""
    label = wanted.get(meant(piece.field)) if piece.field else None
    text = piece.text.strip()
    if label is not None and text:
        start = piece.text.index(text)
        yield Entity(start, start + len(text), label, _BY_FIELD)


async def _found(store: Store, run: Run) -> AsyncIterator[list[Entity]]:
    """What was found in each passage, in their order; ends at the first that was not looked at."""
    position = 0
    async for page in stream_scores(store, run.workspace_id, run.id):
        for row in page:
            outcome = (row.outcomes or {}).get(KEY)
            if row.position != position or not isinstance(outcome, Scored):
                return
            yield entities_of(outcome)
            position += 1


async def _why(store: Store, run: Run) -> str:
    """Why the first passage that was not looked at was not, for the end of a sentence."""
    async for page in stream_scores(store, run.workspace_id, run.id):
        for row in page:
            outcome = row.failure or (row.outcomes or {}).get(KEY)
            reason = getattr(outcome, "message", None) or getattr(outcome, "reason", None)
            if reason:
                return f": {reason}"
    return ""


async def _failed(store: Store, made: Anonymization, problem: str) -> tuple[RunState, str | None]:
    async with store.begin() as connection:
        await end_anonymization(connection, made, result=None, problem=problem)
    return RunState.FAILED, problem


async def _keep(store: Store, file: SeedFile, data: bytes) -> AnonymizedFile:
    sha256 = hashlib.sha256(data).hexdigest()
    await store.blobs.put(anonymized_key(sha256), data)
    return AnonymizedFile(new_id("afile"), file.path, file.media_type, len(data), sha256)


def _pack(archive: Path, path: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(path)  # of a fixed moment: the same files are the same archive
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    with zipfile.ZipFile(archive, "a") as packed:
        packed.writestr(entry, data)


async def _keep_archive(store: Store, made: Anonymization, archive: Path) -> AnonymizedFile:
    def look() -> tuple[str, int]:
        with archive.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), archive.stat().st_size

    sha256, size = await asyncio.to_thread(look)
    await store.blobs.take_file(anonymized_key(sha256), archive)
    name = f"{made.seeds_name[:100]}-anonymized.zip"
    return AnonymizedFile(new_id("afile"), name, "application/zip", size, sha256)


def _result(made: Anonymization, seeds: Seeds, tally: _Tally) -> JsonObject:
    samples = seeds.rows if seeds.shape is Shape.SINGLE_FILE else None
    if samples is None:
        samples = seeds.folders if seeds.shape is Shape.MULTI_FOLDER else len(seeds.files)
    return {
        "entities_found": tally.listed,
        "entities_total": tally.counts.total(),
        "entity_summary": dict(sorted(tally.counts.items())),
        "samples_processed": samples,
        "types_not_detected": undetected(made),
    }
