"""Commits that come from a store of the sender's own become commits here: checked whole, before
anything of them can be seen.

The sender leaves out what the commits before have: a folder that did not change is named, and not
sent. So each name is looked for where it can mean something: among the folders of the parents,
which go by our names; among what was sent; and among the folders of all that led to the parents.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from weighbridge.core.sent import (
    SentCommit,
    SentEntry,
    SentFolder,
    SentGroup,
    SentNode,
    Settled,
)
from weighbridge.core.versions import Commit, Content, Entry, Kind, checked_path
from weighbridge.datasets.shapes import format_of
from weighbridge.errors import Invalid
from weighbridge.versions import trees
from weighbridge.versions.base import NamesOf, Repo
from weighbridge.versions.trees import Leaf, Load, Tree

Find: TypeAlias = Callable[[str], Awaitable[SentNode | Settled | None]]
_DEEPEST = 100


@dataclass(slots=True)
class Received:
    """Commits that are whole, to be kept together.

    Attributes:
        commits: parents before those that come of them.
        before: ids of all commits that led to them and are here.
        made: the trees to be kept.
        used: trees that must be here. contents: hashes of contents that must be.
        settled: hash → kind, and what the node of that hash turned out to be.
    """

    commits: list[Commit] = field(default_factory=list)
    before: set[str] = field(default_factory=set)
    made: dict[str, Tree] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    contents: set[str] = field(default_factory=set)
    settled: dict[str, tuple[str, Settled]] = field(default_factory=dict)


async def assemble(
    repo: Repo, commit_id: str, find: Find, load: Load, names_of: NamesOf
) -> Received:
    """A commit that was sent, and those before it that are not here yet.

    Args:
        find: what was sent under a hash.
        load: reads a tree.
        names_of: how the sender calls a folder of ours, and the group of its entries.

    Raises:
        Invalid: something is missing, or is not what it should be; the message names it.
    """
    sent, known = await _line(repo, commit_id, find)
    received = Received()
    before = {it.id: it for commit in known.values() for it in await repo.ancestors(commit)}
    received.before = set(before)
    commits = dict(known)
    for one in sent:
        parents = [commits[parent] for parent in one.parents]
        others = sorted(before.values(), key=lambda it: -it.generation)
        assembly = _Assembly(one.hash, parents, others, received, find, load, names_of)
        tree = await assembly.folder(one.root, "")
        await _check_contents(repo, assembly.files)
        received.contents |= {file.hash for file in assembly.files.values()}
        commits[one.hash] = commit = Commit(
            id=one.hash,
            parents=one.parents,
            tree=tree,
            generation=1 + max((parent.generation for parent in parents), default=-1),
            message=one.message,
            author=one.author,
            created_at=one.created_at,
        )
        received.commits.append(commit)
        received.settled[one.hash] = ("commit", Settled(None))
    return received


async def _line(
    repo: Repo, commit_id: str, find: Find
) -> tuple[list[SentCommit], dict[str, Commit]]:
    """The commits that were sent, parents first, and those here that they were made from."""
    sent: dict[str, SentCommit] = {}
    known: dict[str, Commit] = {}
    waiting = [commit_id]
    while waiting:
        wanted = waiting.pop()
        if wanted in sent or wanted in known:
            continue
        if here := (await repo.commits([wanted])).get(wanted):
            known[wanted] = here
            continue
        node = await find(wanted)
        if not isinstance(node, SentCommit):
            raise Invalid(f"the commit {wanted} is not here, and was not sent")
        sent[wanted] = node
        waiting += node.parents
    return _parents_first(sent), known


def _parents_first(sent: Mapping[str, SentCommit]) -> list[SentCommit]:
    ordered: dict[str, SentCommit] = {}
    while len(ordered) < len(sent):
        ready = [
            it
            for it in sent.values()
            if it.hash not in ordered
            and all(parent in ordered or parent not in sent for parent in it.parents)
        ]
        if not ready:
            raise Invalid("commits were sent that lead to each other in a circle")
        ordered |= {it.hash: it for it in ready}
    return list(ordered.values())


class _Assembly:
    """The folders of one commit.

    Args:
        parents: here, or received just before.
        others: all commits here that led to it, latest first.
        received: what is known of the commits so far; grows.

    Attributes:
        files: path → file, of those that no parent has at that path.
    """

    def __init__(
        self,
        commit_id: str,
        parents: Sequence[Commit],
        others: Sequence[Commit],
        received: Received,
        find: Find,
        load: Load,
        names_of: NamesOf,
    ) -> None:
        self.files: dict[str, SentEntry] = {}
        self._id = commit_id
        self._parents = parents
        self._others = others
        self._received = received
        self._find = find
        self._stored = load
        self._names_of = names_of

    async def folder(self, name: str, path: str) -> str | None:
        """The tree of a folder; None: nothing is in it.

        Args:
            name: the sender's.
        """
        known = self._received.settled.get(name)
        if known is not None and known[0] == "folder":
            return known[1].tree
        tree = await self._named_alike(self._parents, name, path)
        if tree is None:
            node = await self._find(name)
            if isinstance(node, SentFolder):
                return await self._built(node, path)
            if isinstance(node, Settled):
                tree = node.tree
            else:
                tree = await self._named_alike(self._others, name, path)
                if tree is None:
                    raise Invalid(
                        f"the folder {path!r} of the commit {self._id} ({name}) was not sent, and "
                        "no commit before has it"
                    )
        self._note(name, "folder", Settled(tree))
        return tree

    async def _named_alike(self, commits: Iterable[Commit], name: str, path: str) -> str | None:
        """The tree of the folder that goes by this name in one of the commits."""
        for commit in commits:
            entry = await self._entry(commit, path)
            if entry is not None and self._names_of(entry).folder == name:
                return entry.hash
        return None

    async def _entry(self, commit: Commit, path: str) -> Entry | None:
        if commit.tree is None:
            return None
        if not path:
            size = sum(leaf.size for leaf in (await self._load(commit.tree)).values())
            return Entry("", Kind.FOLDER, commit.tree, size, commit.id)
        leaf = await trees.find(commit.tree, path, self._load)
        if leaf is None or leaf.kind is not Kind.FOLDER:
            return None
        return Entry(path, leaf.kind, leaf.hash, leaf.size, leaf.commit_id)

    async def _built(self, folder: SentFolder, path: str) -> str | None:
        if path.count("/") >= _DEEPEST:
            raise Invalid(f"the folders of the commit {self._id} are over {_DEEPEST} deep")
        entries = [await self._entry(parent, path) for parent in self._parents]
        before = [await self._load(it.hash) for it in entries if it is not None]
        leaves: dict[str, Leaf] = {}
        groups: dict[str, tuple[str, ...]] = {}
        for group in folder.groups:
            found = await self._group(group, path, before)
            if twice := found.keys() & leaves.keys():
                raise Invalid(f"{min(twice)!r} is twice in the folder {path!r}")
            leaves |= found
            groups[group] = tuple(found)
        tree = await self._kept(leaves)
        self._note(folder.hash, "folder", Settled(tree))
        for group, names in groups.items():
            self._note(group, "group", Settled(tree, names if len(groups) > 1 else None))
        return tree

    async def _kept(self, leaves: dict[str, Leaf]) -> str | None:
        if not leaves:
            return None
        own = trees.hash_of(leaves)
        self._received.made.setdefault(own, leaves)
        return own

    async def _group(self, name: str, path: str, before: Sequence[Tree]) -> dict[str, Leaf]:
        for commit in self._parents:
            entry = await self._entry(commit, path)
            if entry is not None and self._names_of(entry).group == name:
                return dict(await self._load(entry.hash))
        known = self._received.settled.get(name)
        node = known[1] if known is not None and known[0] == "group" else await self._find(name)
        if isinstance(node, SentGroup):
            found = {it.name: await self._leaf(it, path, before) for it in node.entries}
            if len(found) != len(node.entries):
                raise Invalid(f"a name is twice in the folder {path!r}")
            return {it: leaf for it, leaf in found.items() if leaf is not None}
        if isinstance(node, Settled):
            whole = await self._load(node.tree) if node.tree else {}
            names = whole if node.names is None else node.names
            return {it: whole[it] for it in names}
        raise Invalid(f"entries of the folder {path!r} of {self._id} ({name}) were not sent")

    async def _leaf(self, it: SentEntry, path: str, before: Sequence[Tree]) -> Leaf | None:
        """An entry as it is kept: with the commit that changed it last. None: an empty folder."""
        where = f"{path}/{it.name}" if path else it.name
        if checked_path(where) != where:
            raise Invalid(f"{where!r} is no path of a file")
        wanted: str | None = it.hash
        if it.kind is Kind.FOLDER:
            wanted = await self.folder(it.hash, where)
        if wanted is None:
            return None
        for tree in before:
            old = tree.get(it.name)
            if old is not None and (old.kind, old.hash) == (it.kind, wanted):
                return old
        if it.kind is Kind.FILE:
            self.files[where] = it
            return Leaf(Kind.FILE, wanted, it.size, self._id, it.told)
        size = sum(leaf.size for leaf in (await self._load(wanted)).values())
        return Leaf(Kind.FOLDER, wanted, size, self._id)

    async def _load(self, tree_hash: str) -> Tree:
        made = self._received.made.get(tree_hash)
        if made is not None:
            return made
        self._received.used.add(tree_hash)
        try:
            return await self._stored(tree_hash)
        except LookupError as error:
            raise Invalid(
                "a folder was sent before and is gone by now: push to a branch of another name"
            ) from error

    def _note(self, name: str, kind: str, settled: Settled) -> None:
        self._received.settled.setdefault(name, (kind, settled))


async def _check_contents(repo: Repo, files: Mapping[str, SentEntry]) -> None:
    """Raises `Invalid` when a content is not here, or is no such file of rows as it is called."""
    known = await repo.contents(list({it.hash for it in files.values()}))
    looked_at: set[tuple[str, str | None]] = set()
    for path, it in files.items():
        content = known.get(it.hash)
        if content is None:
            raise Invalid(f"the content {it.hash} of {path!r} was not sent")
        if content.size != it.size:
            raise Invalid(
                f"{path!r} is said to have {it.size} bytes; its content {it.hash} has "
                f"{content.size}"
            )
        kind = format_of(it.name)
        if (it.hash, kind) not in looked_at:
            looked_at.add((it.hash, kind))
            await _look_at(repo, content, path, kind)


async def _look_at(repo: Repo, content: Content, path: str, kind: str | None) -> None:
    """Contents come without a name: only now is it known which are files of rows."""
    if kind is None or (content.frame is not None and content.frame.format == kind):
        return
    async with repo.file(content, path) as file:
        try:
            await repo.keep(file, path)
        except Invalid as error:
            raise Invalid(f"{path!r} cannot be taken: {error.message}") from error
