"""Multipart forms with any number of files, written to disk as they come in: memory does not grow
with them."""

import asyncio
import errno
import hashlib
import math
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, TypeAlias

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException
from starlette.requests import Request

from weighbridge.dialects.shared import Unreadable
from weighbridge.errors import Invalid, OutOfSpace, TooLarge

_PIECE = 1 << 20
_LONGEST_FIELD = 100_000
_MOST_PARTS = 10_000
_GZIP = 31  # window bits: a gzip header is expected


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file of a form.

    Attributes:
        field: the field that it came in.
        name: as it was sent, unchecked: it may be a path, or anything else.
        path: where it is until the request ends.
    """

    field: str
    name: str
    path: Path


@dataclass(slots=True)
class Form:
    """What a form held.

    Attributes:
        texts: its text fields, as they were sent; of one that was sent several times the last.
        files: in order.
        repeated: the text fields in order, those that were sent several times, too.
    """

    texts: dict[str, bytes] = field(default_factory=dict)
    files: list[FormFile] = field(default_factory=list)
    repeated: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def fields(self) -> dict[str, str]:
        """The text fields; what is not UTF-8 in them is replaced."""
        return {name: text.decode("utf-8", "replace") for name, text in self.texts.items()}


Opening: TypeAlias = Callable[[Form, str], None]
"""Looks at the name of a part that begins, beside what the form holds so far; may refuse it."""


@asynccontextmanager
async def receive_form(
    request: Request,
    folder: Path,
    *,
    most_bytes: int | None = None,
    most_parts: int = _MOST_PARTS,
    gzip: bool = False,
    opening: Opening | None = None,
    digest: "hashlib._Hash | None" = None,
) -> AsyncIterator[Form]:
    """A multipart form, its files in a folder of their own that is gone afterwards.

    Args:
        folder: where that folder is made.
        most_bytes: of all files together, unpacked; None: as many as the body may have.
        most_parts: of fields and files.
        gzip: whether parts that say they are packed are unpacked.
        opening: looks at each part before its bytes come.
        digest: is updated with the bytes of all files.

    Raises:
        HTTPException: 415, the body says that it is something else.
        Unreadable: it is not a multipart form. TooLarge: it holds too much.
        OutOfSpace: no room for it.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data":
        raise HTTPException(415, "the body must be multipart/form-data")
    boundary = options.get(b"boundary")
    if not boundary or len(boundary) > 256:
        raise Unreadable("the Content-Type does not say where a part ends (`boundary=…`)")
    keep = await asyncio.to_thread(TemporaryDirectory, dir=folder, prefix=".upload-")
    try:
        parts = _Parts(Path(keep.name), boundary, most_bytes, most_parts, gzip, opening, digest)
        yield await _receive(request, parts)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise OutOfSpace("no room left on the disk for these files") from error
        raise
    finally:
        await asyncio.to_thread(keep.cleanup)


async def _receive(request: Request, parts: "_Parts") -> Form:
    pending = bytearray()
    try:
        async for chunk in request.stream():
            pending += chunk
            if len(pending) >= _PIECE:
                await asyncio.to_thread(parts.feed, bytes(pending))
                pending.clear()
        await asyncio.to_thread(parts.feed, bytes(pending))
        return await asyncio.to_thread(parts.finish)
    except FormParserError as error:
        raise Unreadable(f"the body is not a multipart form: {error}") from error
    finally:
        parts.close()


class _Parts:
    """Takes the bytes of a form, and writes its files. Used by one thread at a time."""

    def __init__(
        self,
        folder: Path,
        boundary: bytes,
        most_bytes: int | None,
        most_parts: int,
        gzip: bool,
        opening: Opening | None,
        digest: "hashlib._Hash | None",
    ) -> None:
        self._folder = folder
        self._left = math.inf if most_bytes is None else most_bytes
        self._most_parts = most_parts
        self._gzip = gzip
        self._opening = opening
        self._digest = digest
        self._form = Form()
        self._count = 0
        self._headers: dict[bytes, bytes] = {}
        self._header, self._value = b"", b""
        self._field: str | None = None
        self._text = bytearray()
        self._file: BinaryIO | None = None
        self._unpack: Any = None
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

    def finish(self) -> Form:
        """The form, when all bytes were taken."""
        self._parser.finalize()
        if not self._ended:
            raise Unreadable("the multipart form ends too early: its last boundary is missing")
        return self._form

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()

    def _begin_part(self) -> None:
        self._count += 1
        if self._count > self._most_parts:
            most = f"{self._most_parts:,}"
            raise Invalid(f"the form has over {most} parts; send them in several requests")
        self._headers = {}

    def _add_to_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _add_to_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._header.lower()] = self._value
        self._header, self._value = b"", b""

    def _open_part(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        self._field = options.get(b"name", b"").decode("utf-8", "replace")
        if self._opening is not None:
            self._opening(self._form, self._field)
        name = options.get(b"filename")
        self._text.clear()
        if name is None:
            return
        path = self._folder / str(self._count)
        self._file = path.open("wb")
        packed = b"gzip" in (
            self._headers.get(b"content-type", b"") + self._headers.get(b"content-encoding", b"")
        )
        self._unpack = zlib.decompressobj(_GZIP) if packed and self._gzip else None
        self._form.files.append(FormFile(self._field, name.decode("utf-8", "replace"), path))

    def _add_to_part(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        if self._file is None:
            self._text += piece
            if len(self._text) > _LONGEST_FIELD:
                raise Invalid(f"the field {(self._field or '')[:100]!r} is too long")
            return
        if self._unpack is None:
            self._write(piece)
            return
        try:
            while piece:
                self._write(self._unpack.decompress(piece, _PIECE))
                piece = self._unpack.unconsumed_tail
        except zlib.error as error:
            raise Unreadable(f"a part says that it is gzip, and is not: {error}") from error

    def _write(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            raise TooLarge("the files are over the limit on uploads")
        if self._file is not None:
            if self._digest is not None:
                self._digest.update(data)
            self._file.write(data)

    def _end_part(self) -> None:
        if self._file is not None:
            if self._unpack is not None and not self._unpack.eof:
                raise Unreadable("a part that is gzip ends too early")
            self._file.close()
            self._file = None
        elif self._field:
            text = bytes(self._text)
            self._form.texts[self._field] = text
            self._form.repeated.append((self._field, text))

    def _end(self) -> None:
        self._ended = True
