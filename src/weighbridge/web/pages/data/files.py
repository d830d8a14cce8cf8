"""Files and folders of repositories at a revision: looked at, asked, saved, and added."""

import codecs
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from starlette.responses import Response

from weighbridge.core.caller import Role
from weighbridge.core.versions import Commit, Content, Entry, Kind, checked_path
from weighbridge.dialects.multipart import Form as ReceivedForm
from weighbridge.dialects.shared import decode_cursor, encode_cursor
from weighbridge.errors import NotFound, WeighbridgeError
from weighbridge.media.sniff import seen_as
from weighbridge.services import browsing
from weighbridge.versions.base import Repo
from weighbridge.web.downloads import in_place, of_pieces
from weighbridge.web.forms import Problems
from weighbridge.web.hostile import LONGEST_RENDERED, LONGEST_SHOWN
from weighbridge.web.pages.data.asking import LONGEST_SQL, ask, sql_of
from weighbridge.web.pages.data.opened import At, Opened, at_of, of_repository, open_here
from weighbridge.web.pages.data.shared import cell_as_file, next_of, start_of
from weighbridge.web.routing import page, status_of, upload_form
from weighbridge.web.rows import whole
from weighbridge.web.visit import Visit

_PAGE = 100
_USES = 50
_BRANCHES = 100
_READMES = ("README.md", "readme.md", "Readme.md", "README", "README.txt")
_HEAD = 1 << 18
_SHOWN_IN_PLACE = {
    *("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"),
    *("video/mp4", "video/webm", "video/quicktime"),
}


@dataclass(frozen=True, slots=True)
class Text:
    """The beginning of a file of text.

    Attributes:
        is_whole: whether that is all of it.
    """

    text: str
    is_whole: bool


async def show_root(visit: Visit, opened: Opened) -> Response:
    """The files of a repository, or how to get some into it."""
    if opened.main is None:
        return visit.page("data_repository_empty.html", opened=opened)
    return await _folder(visit, opened, await at_of(visit, opened), "")


async def show_file(visit: Visit, opened: Opened) -> Response:
    """A file or folder."""
    at = await at_of(visit, opened)
    entry = await browsing.look_at(opened.repo, at.commit, _path(visit))
    if entry.kind is Kind.FOLDER:
        return await _folder(visit, opened, at, entry.path)
    content = await opened.repo.content(entry.hash)
    if content.frame is not None:
        return await _frame(visit, opened, at, entry, content)
    return await _other(visit, opened, at, entry, content)


async def _folder(visit: Visit, opened: Opened, at: At, path: str) -> Response:
    cursor = visit.query.text("cursor")
    after = decode_cursor(cursor, str)[0] if cursor else ""
    found = await browsing.look_into(opened.repo, at.commit, path, after=after, limit=_PAGE + 1)
    shown = found[:_PAGE]
    made = [it.changed_by.id for it in shown if it.changed_by]
    return visit.page(
        "data_folder.html",
        **await _common(visit, opened, at, path),
        entries=shown,
        makers=await visit.services.data_uses.makers(visit.caller, opened.repository.id, made),
        next=encode_cursor(shown[-1].entry.path) if len(found) > _PAGE else None,
        readme=None if cursor else await _readme(opened.repo, at.commit, path),
    )


async def _frame(visit: Visit, opened: Opened, at: At, entry: Entry, content: Content) -> Response:
    frame = await visit.services.frames.at(opened.repo, at.commit, entry.path)
    show = visit.query.text("show", "rows")
    uses = None
    if show == "uses":
        uses = await visit.services.data_uses.of_file(
            visit.caller, opened.repo, entry.path, entry.hash, limit=_USES
        )
    start = start_of(visit)
    asked = await ask(visit, frame, start) if show != "uses" else None
    where = dict(visit.request.query_params)
    return visit.page(
        "data_frame.html",
        status=asked.status if asked else 200,
        **await _common(visit, opened, at, entry.path),
        entry=entry,
        content=content,
        frame=frame,
        show=show,
        uses=uses,
        asked=asked,
        sql=where.get("sql", ""),
        longest_sql=LONGEST_SQL,
        start=start,
        next=next_of(start, len(asked.table.rows), asked.rows) if asked else None,
        row_at=lambda it: opened.address("rows", entry.path, at=at.said, row=it),
        data=f"{opened.repository.address}@{at.said}:{entry.path}",
    )


async def _other(visit: Visit, opened: Opened, at: At, entry: Entry, content: Content) -> Response:
    head = await opened.repo.read(content, 0, min(content.size, _HEAD))
    media_type = seen_as(head)
    text = _text_of(head, content.size) if media_type is None else None
    is_markdown = PurePosixPath(entry.path.lower()).suffix in {".md", ".markdown"}
    return visit.page(
        "data_file.html",
        **await _common(visit, opened, at, entry.path),
        entry=entry,
        content=content,
        media_type=media_type if media_type in _SHOWN_IN_PLACE else None,
        text=text,
        rendered=is_markdown and not visit.query.text("plain"),
        is_markdown=is_markdown,
    )


async def _common(visit: Visit, opened: Opened, at: At, path: str) -> dict[str, Any]:
    """What the page of every file and folder shows."""
    parts = path.split("/") if path else []
    crumbs = [
        (part, opened.address("files", "/".join(parts[: number + 1]), at=at.said))
        for number, part in enumerate(parts[:-1])
    ]
    made = await visit.services.data_uses.makers(visit.caller, opened.repository.id, [at.commit.id])
    return {
        "opened": opened,
        "at": at,
        "path_shown": path,
        "crumbs": crumbs,
        "branches": opened.branches[:_BRANCHES],
        "maker": made.get(at.commit.id),
    }


async def _readme(repo: Repo, commit: Commit, path: str) -> str | None:
    for name in _READMES:
        entry = await repo.entry(commit, f"{path}/{name}" if path else name)
        if entry is not None and entry.kind is Kind.FILE and entry.size <= LONGEST_RENDERED:
            text = _text_of(await repo.read(await repo.content(entry.hash)), entry.size)
            return None if text is None else _without_front_matter(text.text)
    return None


def _without_front_matter(text: str) -> str:
    """Without what describes a text to machines, between lines of three dashes before it."""
    if text.startswith("---\n"):
        _, end, rest = text[4:].partition("\n---\n")
        if end:
            return rest
    return text


def _text_of(head: bytes, size: int) -> Text | None:
    """The text that a file begins with; None: it is no text."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with contextlib.suppress(UnicodeDecodeError):
        text = decoder.decode(head, final=len(head) == size).removeprefix("\ufeff")
        if "\0" not in text:
            return Text(text, len(head) == size and len(text) <= LONGEST_SHOWN)
    return None


async def show_row(visit: Visit, opened: Opened) -> Response:
    """One row of a file in full, or one value of it as a file."""
    at = await at_of(visit, opened)
    frame = await visit.services.frames.at(opened.repo, at.commit, _path(visit))
    position = visit.query.whole("row", 0)
    found = await visit.services.frames.rows(frame, position, position + 1)
    if not found:
        raise NotFound(f"{frame.path!r} has {frame.shape.rows:,} rows, and not this one")
    if column := visit.query.text("column"):
        return cell_as_file(dict(found[0]), column, f"row-{position + 1}.txt")

    def row_at(place: int, **more: str) -> str:
        return opened.address("rows", frame.path, at=at.said, row=place, **more)

    return visit.page(
        "data_row.html",
        title=f"Row {position + 1:,}",
        crumbs=[
            (opened.repository.address, opened.address(at=at.said)),
            (frame.path, opened.address("files", frame.path, at=at.said)),
        ],
        cells=[(name, whole(found[0].get(name), indented=True)) for name in frame.columns],
        cell_at=lambda name: row_at(position, column=name),
        previous=row_at(position - 1) if position else None,
        next=row_at(position + 1) if position + 1 < frame.shape.rows else None,
    )


async def save_file(visit: Visit, opened: Opened) -> Response:
    """A file as it is; with `show=1`, pictures and films so that a page can show them."""
    at = await at_of(visit, opened)
    entry, content = await browsing.file_at(opened.repo, at.commit, _path(visit))
    pieces = _pieces(opened.repo, content)
    if visit.query.text("show"):
        media_type = seen_as(await opened.repo.read(content, 0, min(content.size, 4_096)))
        if media_type in _SHOWN_IN_PLACE:
            return in_place(pieces, entry.name, media_type, content.size)
    return of_pieces(pieces, entry.name, "application/octet-stream", content.size)


async def save_answer(visit: Visit, opened: Opened) -> Response:
    """All that a query selects, as JSON."""
    at = await at_of(visit, opened)
    frame = await visit.services.frames.at(opened.repo, at.commit, _path(visit))
    answer = await visit.services.frames.ask(frame, sql_of(visit), id_column=None, again=True)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"["
        for part in answer.parts(0, answer.rows) if answer.rows else ():
            yield part
        yield b"]\n"

    return of_pieces(pieces(), "answer.json", "application/json")


async def _pieces(repo: Repo, content: Content) -> AsyncIterator[bytes]:
    async for piece in repo.stream(content):
        yield piece


def _path(visit: Visit) -> str:
    return checked_path(visit.path("path"), root=True)


# Files that are added


async def show_adding(visit: Visit, opened: Opened) -> Response:
    """The form that adds files to a folder of a branch."""
    visit.caller.must_be(Role.WRITER)
    said = {"branch": visit.query.text("at") or opened.main or "main"}
    return _adding_page(visit, opened, Problems(), said | {"folder": visit.query.text("folder")})


async def take_files(visit: Visit, read: ReceivedForm) -> Response:
    """Commit files to a folder of a branch."""
    opened = await open_here(visit, write=True)
    said = {it: read.fields.get(it, "").strip() for it in ("branch", "folder", "message")}
    files = [it for it in read.files if it.field == "file" and it.name]
    if not files:
        return _adding_page(visit, opened, Problems({"file": "choose a file"}), said, 422)
    try:
        await browsing.must_take_files(opened.repo, said["branch"])
        changes: dict[str, Content | None] = {}
        for file in files:
            name = file.name.replace("\\", "/").rpartition("/")[2]
            path = checked_path(f"{said['folder']}/{name}" if said["folder"] else name)
            changes[path] = await opened.repo.keep(file.path, path)
        author = await browsing.author_of(visit.services.keys, visit.caller)
        commit, moved = await browsing.change_files(
            opened.repo, said["branch"], changes, author, message=said["message"] or None
        )
    except WeighbridgeError as error:
        problems = Problems(others=(error.message,))
        return _adding_page(visit, opened, problems, said, status_of(error))
    if not moved:
        to = opened.address("files", said["folder"], at=said["branch"])
        return visit.go(to, "The branch has these very files already.")
    return visit.go(opened.address("commits", commit.id), "Committed.")


def _adding_page(
    visit: Visit, opened: Opened, problems: Problems, said: dict[str, str], status: int = 200
) -> Response:
    return visit.page(
        "data_adding.html",
        status=status,
        opened=opened,
        problems=problems,
        said={"message": ""} | said,
        most_mb=visit.services.settings.max_upload_mb,
    )


_ONE = "/data/repos/{ns}/{name}"
ROUTES = (
    page(_ONE, of_repository(show_root)),
    page(f"{_ONE}/files/{{path:path}}", of_repository(show_file)),
    page(f"{_ONE}/rows/{{path:path}}", of_repository(show_row)),
    page(f"{_ONE}/raw/{{path:path}}", of_repository(save_file)),
    page(f"{_ONE}/answers/{{path:path}}", of_repository(save_answer)),
    page(f"{_ONE}/upload", of_repository(show_adding)),
    upload_form(f"{_ONE}/upload", take_files),
)
