"""A multipart upload, written to disk as it comes in: memory does not grow with the file."""

import asyncio
import errno
import hashlib
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException
from starlette.requests import Request

from weighbridge.dialects.shared import Unreadable
from weighbridge.errors import FieldProblem, InvalidFields, OutOfSpace

_PIECE = 1 << 20
_LONGEST_FIELD = 1_000
_LONGEST_NAME = 200
_FIELDS = ("name", "format")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that somebody sent.

    Attributes:
        path: where it is now, under the name it was sent with, until the request ends.
        name, format: the form's other fields, None where they were left out.
        sha256: of the file's bytes, and of the fields.
    """

    path: Path
    name: str | None
    format: str | None
    sha256: bytes


@asynccontextmanager
async def receive_upload(request: Request, folder: Path) -> AsyncIterator[Upload]:
    """The one file of a multipart form, in a folder of its own that is gone afterwards.

    Args:
        folder: where that folder is made.

    Raises:
        HTTPException: 415, the body says that it is something else.
        Unreadable: it is not a multipart form.
        InvalidFields: the form has no file, two, or a field that there is not.
        OutOfSpace: no room for it.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data":
        raise HTTPException(415, "the body must be multipart/form-data, with the file as `file`")
    boundary = options.get(b"boundary")
    if not boundary or len(boundary) > 256:
        raise Unreadable("the Content-Type does not say where a part ends (`boundary=…`)")
    try:
        keep = await asyncio.to_thread(TemporaryDirectory, dir=folder, prefix=".upload-")
        try:
            yield await _receive(request, Path(keep.name), boundary)
        finally:
            await asyncio.to_thread(keep.cleanup)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise OutOfSpace("no room left on the disk for this file") from error
        raise


async def _receive(request: Request, folder: Path, boundary: bytes) -> Upload:
    form = _Form(folder, boundary)
    pending = bytearray()
    try:
        async for chunk in request.stream():
            pending += chunk
            if len(pending) >= _PIECE:
                await asyncio.to_thread(form.feed, bytes(pending))
                pending.clear()
        await asyncio.to_thread(form.feed, bytes(pending))
        return await asyncio.to_thread(form.finish)
    except FormParserError as error:
        raise Unreadable(f"the body is not a multipart form: {error}") from error
    finally:
        form.close()


class _Form:
    """Takes the bytes of a form, and writes its file. Used by one thread at a time."""

    def __init__(self, folder: Path, boundary: bytes) -> None:
        self._folder = folder
        self._fields: dict[str, bytes] = {}
        self._digest = hashlib.sha256()
        self._path: Path | None = None
        self._file: BinaryIO | None = None
        self._field: str | None = None
        self._header, self._value = b"", b""
        self._disposition: dict[bytes, bytes] = {}
        self._ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._add_to_header,
                "on_header_value": self._add_to_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._open_part,
                "on_part_data": self._add_to_part,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
        )

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self._parser.write(data)

    def finish(self) -> Upload:
        """The upload, when all bytes were taken."""
        self._parser.finalize()
        if not self._ended:
            raise Unreadable("the multipart form ends too early: its last boundary is missing")
        if self._path is None:
            raise InvalidFields(
                [FieldProblem("file", "the form has no file; send it as the field `file`")]
            )
        name, format_ = (self._text(field) for field in _FIELDS)
        self._digest.update(repr((self._path.name, name, format_)).encode("utf-8", "replace"))
        return Upload(self._path, name, format_, self._digest.digest())

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()

    def _text(self, field: str) -> str | None:
        value = self._fields.get(field)
        if value is None:
            return None
        try:
            text = value.decode().strip()
        except UnicodeDecodeError as error:
            raise InvalidFields([FieldProblem(field, "not UTF-8")]) from error
        if "\0" in text or len(text) > _LONGEST_NAME:
            raise InvalidFields(
                [FieldProblem(field, f"at most {_LONGEST_NAME} characters, and no NUL")]
            )
        return text or None

    def _begin_part(self) -> None:
        self._disposition = {}
        self._field = None

    def _add_to_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _add_to_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, self._disposition = parse_options_header(self._value)
        self._header, self._value = b"", b""

    def _open_part(self) -> None:
        field = self._disposition.get(b"name", b"").decode("utf-8", "replace")
        if field in _FIELDS and field not in self._fields:
            self._field = field
            self._fields[field] = b""
        elif field == "file" and self._path is None:
            self._path = self._folder / file_name(self._disposition.get(b"filename", b""))
            self._file = self._path.open("wb")
        elif field in (*_FIELDS, "file"):
            raise InvalidFields([FieldProblem(field, "the form has this field twice")])
        else:
            raise InvalidFields(
                [FieldProblem(field[:100], "there is no such field (there are file, name, format)")]
            )

    def _add_to_part(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        if self._field is not None:
            self._fields[self._field] += piece
            if len(self._fields[self._field]) > _LONGEST_FIELD:
                raise InvalidFields([FieldProblem(self._field, "too long")])
        elif self._file is not None:
            self._digest.update(piece)
            self._file.write(piece)

    def _end_part(self) -> None:
        if self._field is None and self._file is not None:
            self._file.close()
            self._file = None

    def _end(self) -> None:
        self._ended = True


def file_name(sent: bytes) -> str:
    """A name that a file can have here: the last part of what was sent, without what does harm.

    At most 200 bytes, so that it fits any file system; the extension stays.
    """
    text = unicodedata.normalize("NFC", sent.decode("utf-8", "replace"))
    last = text.replace("\\", "/").rsplit("/", 1)[-1]
    clean = "".join(c if c.isprintable() else "_" for c in last).strip(" .")
    stem, dot, extension = clean.rpartition(".")
    if not dot:
        stem, extension = clean, ""
    extension = extension[:16]
    room = _LONGEST_NAME - len(f".{extension}".encode())
    stem = stem.encode()[:room].decode("utf-8", "ignore")
    return f"{stem or 'data'}.{extension}" if extension else stem or "data"
