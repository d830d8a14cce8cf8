"""Files that are handed in as seeds, and how they are refused."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from weighbridge.core.caller import Caller
from weighbridge.core.synthesis import Seeds
from weighbridge.errors import InvalidFields
from weighbridge.services.seeds import Incoming, Seeding


def incoming(folder: Path, *listed: tuple[str, str | bytes]) -> list[Incoming]:
    """Files that have come in: what they are called, and what is in them."""
    found = []
    for number, (name, data) in enumerate(listed):
        path = folder / f"{number}"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        found.append(Incoming(path, name))
    return found


def archive_of(folder: Path, *listed: tuple[str, str | bytes]) -> Path:
    """A ZIP archive of files: their paths in it, and what is in them."""
    path = folder / "archive.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in listed:
            made.writestr(name, data)
    return path


def by_field(error: InvalidFields) -> dict[str, list[str]]:
    """Field → messages."""
    found: dict[str, list[str]] = {}
    for it in error.problems:
        found.setdefault(it.field, []).append(it.message)
    return found


async def refused(
    seeding: Seeding,
    caller: Caller,
    shape: str | None,
    files: Sequence[Incoming],
    folders: Sequence[str] = (),
    name: str | None = "seeds",
) -> dict[str, list[str]]:
    """Field → messages of a refusal to take in files."""
    with pytest.raises(InvalidFields) as caught:
        await seeding.create(caller, name=name, shape=shape, files=files, folders=folders)
    return by_field(caught.value)


def paths(seeds: Seeds) -> list[str]:
    """Of the files, in their order."""
    return [it.path for it in seeds.files]
