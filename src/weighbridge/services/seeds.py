"""Seeds: files that somebody hands in to have samples made like them."""

import asyncio
import builtins
import contextlib
import errno
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
from sqlalchemy.exc import IntegrityError

from weighbridge.core.asset import AssetKind
from weighbridge.core.caller import Caller, Role
from weighbridge.core.ids import new_id
from weighbridge.core.synthesis import SeedFile, Seeds, Shape
from weighbridge.datasets.readers import sniff as format_by_content
from weighbridge.errors import (
    Conflict,
    FieldProblem,
    Invalid,
    InvalidFields,
    NotFound,
    OutOfSpace,
)
from weighbridge.media.sniff import sniff
from weighbridge.services.asset_work import hash_file
from weighbridge.services.authors import author_of
from weighbridge.store import seeds as rows
from weighbridge.store.engine import Store
from weighbridge.store.moments import now
from weighbridge.synthesis import zips
from weighbridge.synthesis.names import extension_of
from weighbridge.synthesis.reading import count_rows
from weighbridge.synthesis.seed_rules import (
    LEAST_ROWS,
    MEDIA_TYPES,
    MOST_FILES,
    MOST_IN_ALL,
    WORKBOOK,
    Candidate,
    check,
    shape_of,
)

MOST_ARCHIVE = MOST_IN_ALL + (14 << 20)
"""Bytes of an archive: what it holds at most, and room for headers and what is passed over."""

NAMELESS = "upload"
"""What clients call files of which they have nothing but the bytes."""

_LONGEST_NAME = 255
_LONGEST_DESCRIPTION = 10_000
_TOLD = 10  # files that are told of when many are wrong
_PDF = b"%PDF-"
_REQUIRED = "This field is required."


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file that has come in.

    Attributes:
        path: where it is; it may be gone afterwards.
        name: as its sender calls it, unchecked.
    """

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class _Placed:
    """A file on this disk, and what it is to be among the seeds."""

    path: Path
    candidate: Candidate


class Seeding:
    """The seeds of an installation.

    Args:
        store: where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    # Coming in

    async def create(
        self,
        caller: Caller,
        *,
        name: str | None,
        description: str | None = None,
        shape: str | None,
        files: Sequence[Incoming],
        folders: Sequence[str] = (),
    ) -> Seeds:
        """Take in files.

        Args:
            name: unique in the workspace.
            shape: one of `Shape`.
            files: in order. They may be gone from where they are afterwards.
            folders: the folder of each file, where folders are samples; otherwise they say nothing.

        Raises:
            Forbidden: the caller may not write.
            InvalidFields: of the fields `name`, `description`, `shape`, `files` and `folders`.
                Nothing was kept.
            OutOfSpace: no room for them.
        """
        caller.must_be(Role.WRITER)
        problems = await self._wrong_name(caller, name, description)
        wanted = next((it for it in Shape if it == shape), None)
        placed: list[_Placed] = []
        if wanted is None:
            problems.append(
                FieldProblem("shape", f"Valid dataset_type is required ({_listed(Shape)})")
            )
        else:
            placed, wrong = await asyncio.to_thread(_placed, wanted, files, folders)
            problems += wrong or check(wanted, [it.candidate for it in placed])
        if problems or wanted is None:
            raise InvalidFields(problems)
        return await self._keep(caller, str(name), description, wanted, placed, "files")

    async def create_from_zip(
        self,
        caller: Caller,
        *,
        name: str | None,
        description: str | None = None,
        archive: Path | None,
    ) -> Seeds:
        """Take in the files of a ZIP archive; what they are meant to be is told by its folders.

        Args:
            archive: where it is; None: none was sent.

        Raises:
            Forbidden: the caller may not write.
            InvalidFields: of the fields `name`, `description` and `archive`. Nothing was kept.
            OutOfSpace: no room for them.
        """
        caller.must_be(Role.WRITER)
        problems = await self._wrong_name(caller, name, description)
        if archive is None:
            problems.append(FieldProblem("archive", _REQUIRED))
        if problems or archive is None:
            raise InvalidFields(problems)
        async with self._folder() as folder:
            with _about("archive"):
                entries = await asyncio.to_thread(_looked_through, archive)
                shape, candidates = _arranged(entries)
                wrong = check(shape, candidates)
                if wrong:
                    raise InvalidFields([FieldProblem("archive", it.message) for it in wrong])
                paths = await asyncio.to_thread(zips.unpack, archive, entries, folder)
            placed = [_Placed(*it) for it in zip(paths, candidates, strict=True)]
            return await self._keep(caller, str(name), description, shape, placed, "archive")

    # Looking

    async def get(self, caller: Caller, seeds_id: str) -> Seeds:
        """Seeds with their files.

        Raises:
            NotFound: the workspace has none with this id.
        """
        async with self._store.begin() as connection:
            found = await rows.find_seeds(connection, caller.workspace_id, seeds_id)
        if found is None:
            raise NotFound("Seed dataset not found")
        return found

    async def list(self, caller: Caller) -> builtins.list[tuple[Seeds, int]]:
        """All of the workspace, newest first: without their files, and how many these are."""
        async with self._store.begin() as connection:
            return await rows.list_seeds(connection, caller.workspace_id)

    async def file(self, caller: Caller, seeds_id: str, file_id: str) -> SeedFile:
        """One file; its bytes are the blob `store.seeds.seed_key`.

        Raises:
            NotFound: there are no such seeds, or they have no such file.
        """
        seeds = await self.get(caller, seeds_id)
        found = next((it for it in seeds.files if it.id == file_id), None)
        if found is None:
            raise NotFound("File not found")
        return found

    async def delete(self, caller: Caller, seeds_id: str) -> None:
        """Have seeds gone. The bytes of their files stay, as others may have handed in the same.

        Raises:
            Forbidden: the caller may not write. NotFound: the workspace has none with this id.
            Conflict: specs were proposed from them.
        """
        caller.must_be(Role.WRITER)
        async with self._store.begin() as connection:
            specs = await rows.specs_from_seeds(connection, caller.workspace_id, seeds_id)
            if specs:
                named = ", ".join(repr(it[:80]) for it in specs[:_TOLD])
                raise Conflict(
                    f"Cannot delete a dataset that specs were made from: {named}; delete them first"
                )
            if not await rows.delete_seeds(connection, caller.workspace_id, seeds_id):
                raise NotFound("Seed dataset not found")

    # Inside

    async def _wrong_name(
        self, caller: Caller, name: str | None, description: str | None
    ) -> builtins.list[FieldProblem]:
        problems = []
        if not (name or "").strip():
            problems.append(FieldProblem("name", _REQUIRED))
        elif "\0" in (said := str(name).strip()) or len(said) > _LONGEST_NAME:
            message = f"A name has 1 to {_LONGEST_NAME} characters, none of them NUL."
            problems.append(FieldProblem("name", message))
        else:
            async with self._store.begin() as connection:
                if await rows.find_seeds_called(connection, caller.workspace_id, said):
                    problems.append(_taken(said))
        if description and (len(description) > _LONGEST_DESCRIPTION or "\0" in description):
            message = f"A description has at most {_LONGEST_DESCRIPTION:,} characters, none NUL."
            problems.append(FieldProblem("description", message))
        return problems

    async def _keep(
        self,
        caller: Caller,
        name: str,
        description: str | None,
        shape: Shape,
        placed: Sequence[_Placed],
        field: str,
    ) -> Seeds:
        """Seeds out of files whose names, places and sizes are right.

        Args:
            field: which is to blame for what is in them.
        """
        await asyncio.to_thread(_check_contents, shape, placed, field)
        count = None
        if shape is Shape.SINGLE_FILE:
            with _about(field):
                count = await _counted(placed[0])
        files = [await self._kept(it) for it in placed]
        moment = now()
        async with self._store.begin() as connection:
            author = await author_of(connection, caller)
        seeds = Seeds(
            id=new_id("seeds"),
            workspace_id=caller.workspace_id,
            name=name.strip(),
            description=description or None,
            shape=shape,
            files=tuple(files),
            folders=len({it.candidate.folder for it in placed} - {None}),
            rows=count,
            author=author,
            created_at=moment,
            updated_at=moment,
        )
        try:
            async with self._store.begin() as connection:
                await rows.add_seeds(connection, seeds)
        except IntegrityError as error:  # somebody else was faster
            raise InvalidFields([_taken(seeds.name)]) from error
        return seeds

    async def _kept(self, placed: _Placed) -> SeedFile:
        sha256 = await asyncio.to_thread(hash_file, placed.path)
        await self._store.blobs.take_file(rows.seed_key(sha256), placed.path)
        candidate = placed.candidate
        return SeedFile(
            id=new_id("sfile"),
            path=candidate.path,
            media_type=MEDIA_TYPES[extension_of(candidate.name)],
            size=candidate.size,
            sha256=sha256,
        )

    @contextlib.asynccontextmanager
    async def _folder(self) -> AsyncIterator[Path]:
        """A folder for files on their way, which is gone afterwards."""
        try:
            made = await asyncio.to_thread(
                TemporaryDirectory, dir=self._store.folder, prefix=".incoming-"
            )
            try:
                yield Path(made.name)
            finally:
                await asyncio.to_thread(made.cleanup)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise OutOfSpace("no room left on the disk for these files") from error
            raise


# Files that are sent by themselves


def _placed(
    shape: Shape, files: Sequence[Incoming], folders: Sequence[str]
) -> tuple[list[_Placed], list[FieldProblem]]:
    """Each file with its name and folder, and what is wrong with the folders as they were sent."""
    wrong = []
    if shape is Shape.MULTI_FOLDER and files:
        if not folders:
            wrong.append("folder_names array is required for MULTI_FOLDER dataset")
        elif len(folders) != len(files):
            wrong.append(
                "Files and folder_names arrays must be same length. "
                f"Got {len(files)} files and {len(folders)} folder names."
            )
    if wrong:
        return [], [FieldProblem("folders", it) for it in wrong]
    lie_in = folders if shape is Shape.MULTI_FOLDER and files else [None] * len(files)
    found = []
    for number, (file, folder) in enumerate(zip(files, lie_in, strict=True), start=1):
        size = file.path.stat().st_size
        found.append(_Placed(file.path, Candidate(_named(shape, file, number), folder, size)))
    return found, []


def _named(shape: Shape, file: Incoming, number: int) -> str:
    """The name of a file without folders; of one that has none, one that says what it is."""
    name = file.name.replace("\\", "/").rpartition("/")[2].strip()
    if name not in {NAMELESS, ""}:
        return name
    stem = NAMELESS if shape is Shape.SINGLE_FILE else f"{NAMELESS}_{number}"
    return stem + _extension_by_content(shape, file.path)


def _extension_by_content(shape: Shape, path: Path) -> str:
    """What a file without a name seems to be."""
    with path.open("rb") as file:
        if file.read(len(_PDF)) == _PDF:
            return ".pdf"
    try:
        found = f".{format_by_content(path)}"
    except Invalid:
        return ".txt"
    texts = {".json", ".jsonl"}  # any text looks like a csv with one column
    allowed = texts | {".csv"} if shape is Shape.SINGLE_FILE else texts
    if found == ".json" and shape is not Shape.SINGLE_FILE and _wrong_json(path):
        return ".txt"
    return found if found in allowed else ".txt"


# Files of an archive


def _looked_through(archive: Path) -> list[zips.Entry]:
    found = zips.look_through(
        archive,
        {*MEDIA_TYPES, WORKBOOK},
        most_files=MOST_FILES,
        most_bytes=MOST_IN_ALL,
        most_in_all=MOST_IN_ALL,
    )
    if not found:
        raise Invalid(f"No valid files found in ZIP. Supported extensions: {_listed(MEDIA_TYPES)}")
    return found


def _arranged(entries: Sequence[zips.Entry]) -> tuple[Shape, list[Candidate]]:
    """What the files of an archive are meant to be.

    Raises:
        Invalid: they lie in folders, and not as samples do.
    """
    shape = shape_of([Candidate(it.name, it.folder, it.size) for it in entries])
    if shape is not Shape.MULTI_FOLDER:
        return shape, [Candidate(it.name, None, it.size) for it in entries]
    for entry in entries:
        if (depth := entry.path.count("/")) != 1:
            where = "lies in no folder" if depth == 0 else "lies in a folder within a folder"
            raise Invalid(
                f"{entry.path[:200]!r} {where}: where folders are samples, each file lies directly "
                "in one of them"
            )
    return shape, [Candidate(it.name, it.folder, it.size) for it in entries]


# What is in them


def _check_contents(shape: Shape, placed: Sequence[_Placed], field: str) -> None:
    """Refuse files that are not what their names say.

    Raises:
        InvalidFields: with the first of those that are wrong.
    """
    problems = []
    for it in placed:
        try:
            _check_content(shape, it)
        except Invalid as error:
            problems.append(FieldProblem(field, f"{it.candidate.path[:200]!r}: {error.message}"))
        if len(problems) == _TOLD:
            break
    if problems:
        raise InvalidFields(problems)


def _check_content(shape: Shape, placed: _Placed) -> None:
    extension = extension_of(placed.candidate.name)
    media_type = MEDIA_TYPES[extension]
    found = sniff(placed.path, media_type)
    if extension == ".pdf":
        if found.media_type != media_type:
            raise Invalid(f"it is no PDF; by its content it is {found.media_type}")
        return
    if found.kind is not AssetKind.TEXT and found.media_type != "text/html":
        raise Invalid(f"by its content it is {found.media_type}, and no text")
    if shape is Shape.SINGLE_FILE:
        return  # its rows are counted, which reads it
    wrong = _wrong_json if extension == ".json" else _wrong_lines if extension == ".jsonl" else None
    if wrong is not None and (problem := wrong(placed.path)) is not None:
        raise Invalid(problem)


def _wrong_json(path: Path) -> str | None:
    try:
        orjson.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        return f"it is not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
    return None


def _wrong_lines(path: Path) -> str | None:
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            if line.strip():
                orjson.loads(line.removeprefix(b"\xef\xbb\xbf"))
        except orjson.JSONDecodeError as error:
            return f"line {number} is not JSON: {error.msg} (column {error.colno})"
    return None


async def _counted(placed: _Placed) -> int:
    name = placed.candidate.name
    count = await count_rows(placed.path, name)
    if count < LEAST_ROWS:
        raise Invalid(
            f"SINGLE_FILE dataset requires at least {LEAST_ROWS} rows; {name[:100]!r} has {count}."
        )
    return count


# Messages


@contextlib.contextmanager
def _about(field: str) -> Iterator[None]:
    """Blame a field for what is wrong."""
    try:
        yield
    except InvalidFields:
        raise
    except Invalid as error:
        raise InvalidFields([FieldProblem(field, error.message)]) from error


def _taken(name: str) -> FieldProblem:
    return FieldProblem("name", f"A seed dataset with the name {name[:100]!r} already exists.")


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
