"""A multipart upload, written to disk as it comes in: memory does not grow with the file."""

import asyncio
import hashlib
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request

from weighbridge.dialects.multipart import Form, FormFile, receive_form
from weighbridge.errors import FieldProblem, InvalidFields

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
    digest = hashlib.sha256()
    async with receive_form(request, folder, opening=_refuse_others, digest=digest) as form:
        file = _file(form)
        path = file.path.with_name(file_name(file.name.encode()))
        await asyncio.to_thread(file.path.rename, path)
        name, format_ = (_text(form, field) for field in _FIELDS)
        digest.update(repr((path.name, name, format_)).encode("utf-8", "replace"))
        yield Upload(path, name, format_, digest.digest())


def _refuse_others(form: Form, field: str) -> None:
    if field not in (*_FIELDS, "file"):
        raise InvalidFields(
            [FieldProblem(field[:100], "there is no such field (there are file, name, format)")]
        )
    if field in form.texts or (field == "file" and form.files):
        raise InvalidFields([FieldProblem(field, "the form has this field twice")])


def _file(form: Form) -> FormFile:
    for file in form.files:
        if file.field != "file":
            raise InvalidFields([FieldProblem(file.field, "text is expected here, and no file")])
    if not form.files:
        raise InvalidFields(
            [FieldProblem("file", "the form has no file; send it as the field `file`")]
        )
    return form.files[0]


def _text(form: Form, field: str) -> str | None:
    try:
        text = form.texts.get(field, b"").decode().strip()
    except UnicodeDecodeError as error:
        raise InvalidFields([FieldProblem(field, "not UTF-8")]) from error
    if "\0" in text or len(text) > _LONGEST_NAME:
        raise InvalidFields(
            [FieldProblem(field, f"at most {_LONGEST_NAME} characters, and no NUL")]
        )
    return text or None


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
