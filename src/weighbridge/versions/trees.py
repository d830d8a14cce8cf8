"""Trees: the folders of a commit, each kept once under the hash of what is in it.

Pure but for the loading of trees, which is handed in. Only the folders on the way to what changes
are read and written, however many files a repository has.
"""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import orjson

from weighbridge.core.versions import Entry, Kind
from weighbridge.errors import Conflict, NotFound


@dataclass(frozen=True, slots=True)
class Leaf:
    """An entry of a tree, under its name.

    Attributes:
        hash: of the content, or of the tree below.
        size: in bytes, of everything below.
        commit_id: the commit that last changed it; "" while that commit is being made.
        told: as that of an `Entry`.
    """

    kind: Kind
    hash: str
    size: int
    commit_id: str
    told: str | None = None


Tree: TypeAlias = Mapping[str, Leaf]
Load: TypeAlias = Callable[[str], Awaitable[Tree]]


@dataclass(slots=True)
class _Change:
    """What is to become of an entry: itself (`leaf`, None: removed), or what is below it."""

    leaf: Leaf | None = None
    whole: bool = False
    below: dict[str, "_Change"] = field(default_factory=dict)


def hash_of(tree: Tree) -> str:
    """32 hexadecimal digits of SHA-256 over names, kinds and hashes."""
    listed = [[name, leaf.kind.value, leaf.hash] for name, leaf in sorted(tree.items())]
    return hashlib.sha256(orjson.dumps(listed)).hexdigest()[:32]


async def apply(
    root: str | None, changes: Mapping[str, Leaf | None], load: Load
) -> tuple[str | None, dict[str, Tree]]:
    """The tree after some changes.

    Args:
        root: hash of the tree before; None: there are no files.
        changes: path → its new leaf, None: removed, with everything below.
        load: reads a tree.

    Returns:
        The hash of the new root (None: no file is left), and the trees that are to be kept.

    Raises:
        Conflict: a path leads through a file, or a file would take the place of a folder.
        NotFound: a path that is to be removed is not there.
    """
    wanted = _Change()
    for path, leaf in changes.items():
        here = wanted
        for part in path.split("/"):
            if here.whole and here.leaf is not None:
                raise Conflict(f"{path!r} is to be both below a file and a file")
            here = here.below.setdefault(part, _Change())
        if here.below and leaf is not None:
            raise Conflict(f"{path!r} is to be a file and a folder at once")
        here.leaf, here.whole = leaf, True
    made: dict[str, Tree] = {}
    return await _apply(root, wanted, "", load, made), made


async def _apply(
    root: str | None, wanted: _Change, path: str, load: Load, made: dict[str, Tree]
) -> str | None:
    tree = dict(await load(root)) if root is not None else {}
    for name, change in wanted.below.items():
        before = tree.get(name)
        where = f"{path}/{name}" if path else name
        if change.whole:
            if change.leaf is None:
                if before is None:
                    raise NotFound(f"there is no {where!r} to be removed")
                del tree[name]
            elif before is not None and before.kind is Kind.FOLDER:
                raise Conflict(f"{where!r} is a folder; a file cannot take its place")
            elif before is None or before.hash != change.leaf.hash:
                tree[name] = change.leaf
            continue
        if before is not None and before.kind is Kind.FILE:
            raise Conflict(f"{where!r} is a file; nothing can be below it")
        below = await _apply(before.hash if before else None, change, where, load, made)
        if below is None:
            tree.pop(name, None)
        elif before is None or below != before.hash:
            size = sum(leaf.size for leaf in made[below].values())
            tree[name] = Leaf(Kind.FOLDER, below, size, "")
    if not tree:
        return None
    own = hash_of(tree)
    made[own] = tree
    return own


async def find(root: str | None, path: str, load: Load) -> Leaf | None:
    """The entry at a path that is not the root; None: there is none."""
    parts = path.split("/")
    here = root
    for depth, part in enumerate(parts):
        if here is None:
            return None
        leaf = (await load(here)).get(part)
        if leaf is None or depth == len(parts) - 1:
            return leaf
        here = leaf.hash if leaf.kind is Kind.FOLDER else None
    return None


async def walk(root: str | None, path: str, load: Load) -> AsyncIterator[Entry]:
    """All files of a tree, by path.

    Args:
        path: of the tree itself; "" for a commit's.
    """
    if root is None:
        return
    tree = await load(root)
    # By whole paths: `a/b` comes before `a.csv`, as `/` does before `.`… and after `a-1`.
    order = sorted(tree, key=lambda name: name + "/" if tree[name].kind is Kind.FOLDER else name)
    for name in order:
        leaf = tree[name]
        where = f"{path}/{name}" if path else name
        if leaf.kind is Kind.FILE:
            yield Entry(where, leaf.kind, leaf.hash, leaf.size, leaf.commit_id, leaf.told)
        else:
            async for entry in walk(leaf.hash, where, load):
                yield entry


async def differences(
    before: str | None, after: str | None, path: str, load: Load
) -> AsyncIterator[tuple[Entry | None, Entry | None]]:
    """The files that differ between two trees; only folders that differ are read.

    Args:
        path: of the trees themselves; "" for a commit's.
    """
    if before == after:
        return
    one = await load(before) if before else {}
    other = await load(after) if after else {}
    for name in sorted(one.keys() | other.keys()):
        where = f"{path}/{name}" if path else name
        old, new = one.get(name), other.get(name)
        if old is not None and new is not None and old.hash == new.hash and old.kind == new.kind:
            continue
        files = [
            Entry(where, leaf.kind, leaf.hash, leaf.size, leaf.commit_id, leaf.told)
            if leaf is not None and leaf.kind is Kind.FILE
            else None
            for leaf in (old, new)
        ]
        if any(files):
            yield files[0], files[1]
        folders = [
            leaf.hash if leaf is not None and leaf.kind is Kind.FOLDER else None
            for leaf in (old, new)
        ]
        if any(folders):
            async for pair in differences(folders[0], folders[1], where, load):
                yield pair
