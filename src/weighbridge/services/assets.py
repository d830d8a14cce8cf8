"""Files that callers hand in: their bytes are sent here, uploaded at once, or fetched by us."""

import asyncio
import builtins
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit
from uuid import UUID

from weighbridge.core.asset import Asset, AssetKind, AssetState, Frame
from weighbridge.core.caller import Caller, Role
from weighbridge.core.ids import id_of, new_id
from weighbridge.core.json import JsonObject
from weighbridge.documents.reading import read_text
from weighbridge.errors import Conflict, Invalid, NotFound, TooLarge, WeighbridgeError
from weighbridge.media.frames import check_installed
from weighbridge.media.sniff import expected, kind_of
from weighbridge.outbound.guard import Guard
from weighbridge.services.asset_work import (
    AssetWork,
    hash_file,
    most_of,
    sha256_of,
    write_pieces,
)
from weighbridge.services.authors import author_of
from weighbridge.services.links import Links
from weighbridge.store import assets
from weighbridge.store.engine import Store
from weighbridge.store.moments import now

LINK_S = 1_800
"""Seconds for which a link to a file is good, in either direction."""

_PUT, _GET = "asset.put", "asset.get"
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_ID = re.compile(r"asset_[0-9a-z]{26}")
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that is going to come.

    Attributes:
        name: as its sender calls it.
        media_type: as its sender says; None: as its name says.
        uri: where it is to be fetched; None: its bytes are sent.
    """

    name: str
    media_type: str | None = None
    uri: str | None = None

    @classmethod
    def at(cls, uri: str, media_type: str | None = None) -> "Wanted":
        """A file that is fetched from an address, and called as the address ends.

        Raises:
            Invalid: that is no address.
        """
        try:
            path = urlsplit(uri).path
        except ValueError as error:
            raise Invalid(f"that is no address: {error}") from error
        return cls(unquote(path, errors="replace"), media_type, uri)


class Assets:
    """The files of an installation. Use it in one event loop.

    Args:
        store: where they are kept.
        links: signs the links by which they come and go.
        guard: which addresses files may be fetched from.
    """

    def __init__(self, store: Store, links: Links, guard: Guard) -> None:
        self._store = store
        self._links = links
        self._guard = guard
        self._work = AssetWork(store, guard)

    async def close(self) -> None:
        """Leave off; files that are not done are taken up again by whoever asks for them next."""
        await self._work.close()

    # Coming in

    def check(self, wanted: Wanted) -> None:
        """Refuse what can be seen to be wrong with a file that has not come.

        Raises:
            Invalid: files of its type are not read, or its address may not be contacted, by its
                form.
        """
        if wanted.uri is not None:
            self._guard.check_form(wanted.uri)
        if kind_of(expected(wanted.media_type, wanted.name)) is AssetKind.VIDEO:
            check_installed()  # before hundreds of megabytes are sent

    async def add(self, caller: Caller, files: Sequence[Wanted]) -> builtins.list[Asset]:
        """Files that come later, all of them or none: their bytes are sent (`receive`), or fetched
        by us in the background.

        Raises:
            Forbidden: the caller may not write.
            Invalid: as `check`. What goes wrong later is a file's `problem`.
        """
        caller.must_be(Role.WRITER)
        for wanted in files:
            self.check(wanted)
        async with self._store.begin() as connection:
            author = await author_of(connection, caller)
            made = [_new(caller, author, wanted) for wanted in files]
            for asset in made:
                await assets.add_asset(connection, asset)
        for asset in made:
            self._work.begin(asset)
        return made

    async def expect(self, caller: Caller, name: str, media_type: str | None = None) -> Asset:
        """One file whose bytes are going to be sent; as `add`."""
        return (await self.add(caller, [Wanted(name, media_type)]))[0]

    async def fetch(self, caller: Caller, uri: str, media_type: str | None = None) -> Asset:
        """One file that is fetched from an address; as `add`."""
        return (await self.add(caller, [Wanted.at(uri, media_type)]))[0]

    async def receive(
        self,
        asset_id: str,
        workspace_id: str,
        pieces: AsyncIterator[builtins.bytes],
        media_type: str | None = None,
    ) -> Asset:
        """The bytes of a file that is expected, as they come in.

        Args:
            media_type: what their sender says that they are; None: nothing.

        Raises:
            As `take`.
        """
        asset = await self._found(workspace_id, asset_id)
        async with self._work.folder() as folder:
            path = folder / "file"
            try:
                await write_pieces(pieces, path, most_of(asset))
            except TooLarge as error:
                await self._refused(asset, error)
                raise
            return await self.take(asset_id, workspace_id, path, media_type)

    async def take(
        self, asset_id: str, workspace_id: str, path: Path, media_type: str | None = None
    ) -> Asset:
        """The bytes of a file that is expected, at `path`; they may be gone from there afterwards.

        Raises:
            NotFound: no such file is expected.
            Invalid: it is nothing that can be read, or not what it was said to be.
            TooLarge: it is over the limit for its kind.
            Conflict: other bytes have come before.
            OutOfSpace: no room for it.
        """
        asset = await self._found(workspace_id, asset_id)
        sha256 = await asyncio.to_thread(hash_file, path)
        if asset.sha256 is not None and asset.state is not AssetState.FAILED:
            return _unless_other(asset, sha256)
        try:
            taken = await self._work.accepted(asset, path, sha256, media_type)
        except (Invalid, TooLarge) as error:
            await self._refused(asset, error)
            raise
        async with self._store.begin() as connection:
            written = await assets.set_asset(connection, taken, unchanged_since=asset.updated_at)
        if not written:  # somebody else was faster
            return _unless_other(await self._found(workspace_id, asset_id), sha256)
        self._work.begin(taken)
        return taken

    async def upload(
        self, caller: Caller, path: Path, name: str, media_type: str | None = None
    ) -> Asset:
        """A file that is here already, at `path`; it may be gone from there afterwards.

        Raises:
            Forbidden: the caller may not write.
            Invalid, TooLarge, OutOfSpace: as `take`; nothing was kept.
        """
        caller.must_be(Role.WRITER)
        wanted = Wanted(name, media_type)
        self.check(wanted)
        async with self._store.begin() as connection:
            asset = _new(caller, await author_of(connection, caller), wanted)
        sha256 = await asyncio.to_thread(hash_file, path)
        taken = await self._work.accepted(asset, path, sha256, None)
        async with self._store.begin() as connection:
            await assets.add_asset(connection, taken)
        self._work.begin(taken)
        return taken

    # Looking

    async def get(self, caller: Caller, asset_id: str) -> Asset:
        """One file.

        Raises:
            NotFound: the workspace has no such file.
        """
        return await self._found(caller.workspace_id, asset_id)

    async def find(self, caller: Caller, ids: Iterable[str]) -> dict[str, Asset]:
        """Those of these files that are in the workspace and not deleted, by id."""
        async with self._store.begin() as connection:
            found = await assets.find_assets(connection, caller.workspace_id, ids)
        return {id_: await self._work.taken_up(asset) for id_, asset in found.items()}

    async def list(
        self,
        caller: Caller,
        *,
        kind: AssetKind | None = None,
        start: int = 0,
        limit: int = 100,
    ) -> builtins.list[Asset]:
        """Newest first, from the 0-based place `start` on."""
        async with self._store.begin() as connection:
            return await assets.list_assets(
                connection, caller.workspace_id, kind=kind, start=start, limit=limit
            )

    async def count(self, caller: Caller, *, kind: AssetKind | None = None) -> int:
        """How many there are."""
        async with self._store.begin() as connection:
            return await assets.count_assets(connection, caller.workspace_id, kind=kind)

    async def resolve(self, caller: Caller, file_id: str | None, path: str | None) -> Asset:
        """The file that somebody refers to.

        Args:
            file_id: its id, or the UUID that is the same; None: `path` says which.
            path: a name or address with that UUID in it, such as `<uuid>.png`; nothing else of it
                counts.

        Raises:
            NotFound: the workspace has no such file, or neither says which.
        """
        return await self._found(caller.workspace_id, self.meant(file_id, path))

    @staticmethod
    def meant(file_id: str | None, path: str | None) -> str:
        """The id of the file that somebody refers to, whether there is one or not.

        Args:
            file_id, path: as of `resolve`.

        Raises:
            NotFound: neither says which.
        """
        said = file_id or path or ""
        found = _UUID.findall(said)
        if not found and not _ID.fullmatch(said):
            raise NotFound(f"there is no file {said[:80]!r}")
        return id_of("asset", UUID(found[-1])) if found else said

    async def delete(self, caller: Caller, asset_id: str) -> None:
        """Have a file gone for everybody. Its bytes stay, as others may have handed in the same.

        Raises:
            Forbidden: the caller may not write. NotFound: the workspace has no such file.
        """
        caller.must_be(Role.WRITER)
        async with self._store.begin() as connection:
            if not await assets.delete_asset(connection, caller.workspace_id, asset_id):
                raise NotFound("there is no such file")
        self._work.stop(asset_id)

    # Going out

    async def bytes(self, asset: Asset) -> builtins.bytes:
        """What is in a file.

        Raises:
            Conflict: it has not come, or failed to; the message says which.
        """
        return b"".join([piece async for piece in self.open(asset)])

    async def open(self, what: Asset | Frame) -> AsyncIterator[builtins.bytes]:
        """What is in a file or a frame, piece by piece.

        Raises:
            Conflict: it has not come, or failed to; the message says which.
        """
        sha256 = what.sha256 if isinstance(what, Frame) else sha256_of(what)
        async for piece in self._work.pieces(sha256, what.size or 0):
            yield piece

    async def text(self, asset: Asset) -> str:
        """The text of a file: what it says, or what a document's pages say.

        Raises:
            Invalid: it is no text, or a document that cannot be read.
            Conflict: it has not come, or failed to; the message says which.
        """
        sha256 = sha256_of(asset)
        if asset.kind not in {AssetKind.TEXT, AssetKind.DOCUMENT}:
            raise Invalid(f"a text or a document was expected, and {asset.name!r} is not one")
        suffix = ".txt" if asset.kind is AssetKind.TEXT else asset.extension
        async with self._work.file(sha256, asset.size or 0) as path:
            text, _ = await read_text(path, PurePosixPath(asset.name).stem + suffix)
        return text

    async def link_to_send(self, asset: Asset) -> str:
        """The token of a link to which the bytes of a file are to be sent."""
        return await self._links.sign(_PUT, _names(asset), LINK_S)

    async def link_to_get(self, asset: Asset, frame: int | None = None) -> str:
        """The token of a link at which a file, or one of its frames (0-based), can be had."""
        return await self._links.sign(_GET, {**_names(asset), "frame": frame}, LINK_S)

    async def receive_by_link(
        self, token: str, pieces: AsyncIterator[builtins.bytes], media_type: str | None = None
    ) -> Asset:
        """The bytes of a file, for a token of `link_to_send`.

        Raises:
            NotFound: the token is none, or has expired.
            As `take`.
        """
        said = await self._links.read(_PUT, token)
        return await self.receive(str(said["asset"]), str(said["workspace"]), pieces, media_type)

    async def by_link(self, token: str) -> tuple[Asset, Frame | None]:
        """The file that a token of `link_to_get` is for, and the frame where it is for one.

        Raises:
            NotFound: the token is none, or has expired, or the file is gone.
            Conflict: the file has not come, or failed to; the message says which.
        """
        said = await self._links.read(_GET, token)
        asset = await self._found(str(said["workspace"]), str(said["asset"]))
        sha256_of(asset)
        place = said["frame"]
        if not isinstance(place, int):
            return asset, None
        if place >= len(asset.frames):
            raise NotFound("the video has no such frame")
        return asset, asset.frames[place]

    # Inside

    async def _found(self, workspace_id: str, asset_id: str) -> Asset:
        async with self._store.begin() as connection:
            asset = await assets.find_asset(connection, workspace_id, asset_id)
        if asset is None:
            raise NotFound("there is no such file")
        return await self._work.taken_up(asset)

    async def _refused(self, asset: Asset, error: WeighbridgeError) -> None:
        if asset.state not in {AssetState.PENDING, AssetState.FAILED}:
            return
        failed = replace(asset, state=AssetState.FAILED, problem=error.message, updated_at=now())
        async with self._store.begin() as connection:
            await assets.set_asset(connection, failed, unchanged_since=asset.updated_at)


def _new(caller: Caller, author: str, wanted: Wanted) -> Asset:
    said = expected(wanted.media_type, wanted.name)
    moment = now()
    return Asset(
        id=new_id("asset"),
        workspace_id=caller.workspace_id,
        name=_clean(wanted.name),
        kind=kind_of(said) or AssetKind.DOCUMENT,
        media_type=said,
        size=None,
        sha256=None,
        state=AssetState.PENDING if wanted.uri is None else AssetState.PROCESSING,
        uri=wanted.uri,
        problem=None,
        frames=(),
        about=None,
        author=author,
        created_at=moment,
        updated_at=moment,
    )


def _unless_other(asset: Asset, sha256: str) -> Asset:
    if asset.sha256 != sha256:
        raise Conflict("other bytes have been sent for this file before; hand in a new file")
    return asset


def _names(asset: Asset) -> JsonObject:
    return {"asset": asset.id, "workspace": asset.workspace_id}


def _clean(name: str) -> str:
    """A name without the folders before it, and without what cannot be shown."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    shown = "".join(it if it.isprintable() else "\N{REPLACEMENT CHARACTER}" for it in last)
    return shown.strip()[-_LONGEST_NAME:] or "file"
