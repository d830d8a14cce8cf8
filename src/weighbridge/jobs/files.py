"""Images and videos that a prompt finds in a repository."""

import base64
from collections.abc import Sequence
from dataclasses import replace

from weighbridge.core.inference import files_address
from weighbridge.core.media import Medium, media_problem
from weighbridge.core.outcome import Failed
from weighbridge.core.versions import Commit, Kind
from weighbridge.errors import NotFound, WeighbridgeError
from weighbridge.providers.base import (
    CallFailed,
    ChatRequest,
    ImagePart,
    Message,
    Part,
    VideoPart,
)
from weighbridge.providers.wire import media_type_of
from weighbridge.versions.base import Repo, VersionStore

MOST_BYTES: dict[Medium, int] = {"image": 32 << 20, "video": 256 << 20}
_ADDRESSES = ("https://", "http://", "data:")


class Files:
    """The files of one commit, as parts of prompts.

    Args:
        repo: where they are. commit: which of their versions.
    """

    def __init__(self, repo: Repo, commit: Commit) -> None:
        self._repo = repo
        self._commit = commit

    async def put_into(self, request: ChatRequest) -> ChatRequest:
        """The request with the bytes of every file that it names by a path.

        Raises:
            CallFailed: a path is none, or there is no such image or video.
        """
        messages = [
            message
            if isinstance(message.content, str)
            else Message(message.role, await self._parts(message.content))
            for message in request.messages
        ]
        return replace(request, messages=tuple(messages))

    async def _parts(self, parts: Sequence[Part]) -> tuple[Part, ...]:
        return tuple([await self._part(part) for part in parts])

    async def _part(self, part: Part) -> Part:
        if not isinstance(part, ImagePart | VideoPart):
            return part
        medium: Medium = "image" if isinstance(part, ImagePart) else "video"
        if part.url.startswith(_ADDRESSES):
            if media_problem(medium, part.url) is not None:
                said = f"`{part.url[:40]}…` is no `data:{medium}/…;base64,…` URI with data in it"
                raise _no_file(said)
            return part
        try:
            uri = await self._read(medium, part.url)
        except WeighbridgeError as error:
            raise _no_file(error.message) from error
        return ImagePart(uri) if medium == "image" else VideoPart(uri)

    async def _read(self, medium: Medium, path: str) -> str:
        entry = await self._repo.entry(self._commit, path)
        if entry is None or entry.kind is not Kind.FILE:
            raise NotFound(f"there is no file {path[:200]!r} in the repository")
        most = MOST_BYTES[medium]
        if entry.size > most:
            raise NotFound(f"{path[:200]!r} has over {most >> 20} MiB, too much for a prompt")
        data = await self._repo.read(await self._repo.content(entry.hash))
        kind = media_type_of(data)
        if kind is None or not kind.startswith(f"{medium}/"):
            raise NotFound(f"{path[:200]!r} is no {medium} that models know, by its first bytes")
        return f"data:{kind};base64,{base64.b64encode(data).decode()}"


async def open_files(versions: VersionStore, workspace_id: str, address: str) -> Files:
    """The files that an evaluation's `files` names.

    Raises:
        NotFound: there is no such repository or revision. Invalid: it is no address.
    """
    repository, revision = files_address(address)
    repo = await versions.open(workspace_id, *repository.split("/"))
    return Files(repo, await repo.commit_at(revision))


def _no_file(message: str) -> CallFailed:
    # Of this row alone: `not_found` would say that the model is not there, and end the run.
    return CallFailed(Failed("bad_request", message, calls=0), retry=False)
