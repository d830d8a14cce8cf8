"""Files between this machine and a repository: which go where."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import click

from weighbridge.cli.places import Place
from weighbridge.cli.repositories import Repositories
from weighbridge.errors import Conflict, Invalid, NotFound


async def files_to_send(
    repositories: Repositories, place: Place, files: Sequence[Path]
) -> dict[str, Path]:
    """Which file of this machine is to be at which path, as `cp -r` would have it.

    Raises:
        Invalid: two would be at the same path, or a folder holds no file.
    """
    folder = place.path.strip("/")
    whole = len(files) > 1 or files[0].is_dir() or not folder or place.path.endswith("/")
    if not whole and not await _is_folder(repositories, place):
        return {place.path: files[0]}
    wanted: dict[str, Path] = {}
    for file in files:
        for below, found in _files_of(file):
            path = f"{folder}/{below}" if folder else below
            if path in wanted:
                raise Invalid(f"{wanted[path]} and {found} would both be {path!r}")
            wanted[path] = found
    if not wanted:
        raise Invalid("there is no file in it")
    return wanted


def _files_of(file: Path) -> Iterator[tuple[str, Path]]:
    if not file.is_dir():
        yield file.name, file
        return
    name = file.resolve().name
    for found in sorted(file.rglob("*")):
        if found.is_file():
            yield f"{name}/{found.relative_to(file).as_posix()}", found


async def _is_folder(repositories: Repositories, place: Place) -> bool:
    entries = repositories.entries(place.repository, place.path, revision=place.revision)
    try:
        first = await anext(entries, None)
    except NotFound:  # no such path yet; what else is missing, the commit will tell
        return False
    return first is not None and first.path != place.path.strip("/")


async def save_all(
    repositories: Repositories, place: Place, target: Path | None, *, force: bool
) -> tuple[int, Path]:
    """Save a file, or all files of a folder.

    Args:
        target: the file or folder that it becomes; a folder that is there gets it inside.

    Returns:
        How many files, and where.

    Raises:
        Conflict: a file is there already, and `force` is not given.
        NotFound: there is nothing at the place.
    """
    found = [
        entry.path
        async for entry in repositories.entries(
            place.repository, place.path, revision=place.revision, recursive=True
        )
    ]
    here = place.path.strip("/")
    is_file = found == [here]
    name = (here or place.repository).rpartition("/")[2]
    where = Path(name) if target is None else target
    if is_file and where.is_dir():
        where = where / name
    plan = {
        path: where if is_file else where / path.removeprefix(f"{here}/" if here else "")
        for path in found
    }
    there = [file for file in plan.values() if file.exists()]
    if there and not force:
        more = f" and {len(there) - 1:,} more" if len(there) > 1 else ""
        raise Conflict(f"{there[0]}{more}: there already; --force replaces")
    for path, file in plan.items():
        await _save(repositories.stream(place.repository, path, revision=place.revision), file)
    return len(plan), where


async def _save(pieces: AsyncIterator[bytes], file: Path) -> None:
    """A file that is not there before it is whole."""
    part = file.with_name(f".{file.name}.part")
    try:
        await asyncio.to_thread(file.parent.mkdir, parents=True, exist_ok=True)
        try:
            with await asyncio.to_thread(part.open, "wb") as opened:
                async for piece in pieces:
                    await asyncio.to_thread(opened.write, piece)
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise click.FileError(str(file), error.strerror or str(error)) from error
