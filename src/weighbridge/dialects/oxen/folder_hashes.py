"""Which node each folder of a commit is, as the database that the client looks it up in.

That is a folder of RocksDB per commit, from a path to a hash in hexadecimal digits, both as text.
"""

import importlib
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from weighbridge.core.versions import Commit, Entry, Kind
from weighbridge.dialects.oxen import tree_nodes
from weighbridge.errors import NotFound
from weighbridge.versions.base import Repo

# RocksDB waits for the disk a dozen times for every database that it makes: two seconds for twenty
# commits. Where there is a folder in memory it is 3 ms a commit, and nothing is left to be lost.
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 (a folder of our own is made in it)
_NOT_READ = ("LOG", "OPTIONS", "LOCK", "rocksdict")


@dataclass(slots=True)
class _Folder:
    entry: Entry
    below: dict[str, "_Folder"] = field(default_factory=dict)


async def folder_hashes(
    repo: Repo, commits: Sequence[Commit]
) -> AsyncIterator[tuple[Commit, dict[str, str]]]:
    """Path → hash of every folder, commit by commit. What did not change from one to the next is
    not read again."""
    before: _Folder | None = None
    for commit in commits:
        root = await repo.entry(commit, "")
        if root is None:
            raise NotFound(f"{commit.id} has no files")
        before = await _look_at(repo, commit, root, before)
        hashes: dict[str, str] = {}
        waiting = [before]
        while waiting:
            folder = waiting.pop()
            hashes[folder.entry.path] = f"{tree_nodes.folder_hash(folder.entry):x}"
            waiting += folder.below.values()
        yield commit, hashes


async def _look_at(repo: Repo, commit: Commit, root: Entry, before: _Folder | None) -> _Folder:
    found = _Folder(root)
    waiting = [(found, before)]
    while waiting:
        folder, old = waiting.pop()
        for entry in await repo.folder(commit, folder.entry.path):
            if entry.kind is Kind.FILE:
                continue
            known = old.below.get(entry.name) if old else None
            if known is not None and known.entry == entry:
                folder.below[entry.name] = known
                continue
            folder.below[entry.name] = below = _Folder(entry)
            waiting.append((below, known))
    return found


def database(hashes: Mapping[str, str], beside: Path) -> dict[str, bytes]:
    """The files of a database, by name.

    Args:
        hashes: path → hash.
        beside: a folder to make it in, where the system has none in memory.
    """
    # Loaded when the first repository is cloned: 4 MB that no other request needs.
    rocks: Any = importlib.import_module("rocksdict")
    where = _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else beside
    with TemporaryDirectory(dir=where, prefix=".folders-") as made:
        options = rocks.Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_compression_type(rocks.DBCompressionType.none())  # whatever the client can read
        opened = rocks.Rdict(made, options)
        try:
            batch = rocks.WriteBatch(raw_mode=True)
            for path, digits in hashes.items():
                batch.put(path.encode(), digits.encode())
            opened.write(batch)
        finally:
            opened.close()
        return {
            file.name: file.read_bytes()
            for file in sorted(Path(made).iterdir())
            if not file.name.startswith(_NOT_READ)
        }
