"""The text of a document: plain text, Markdown, HTML, PDF and Word.

What people send may be broken or hostile, and readers of PDF and Word are large: they run in a
process of their own, which has so much memory and so much time, and no more (`documents.child`).
"""

import asyncio
import contextlib
import os
import sys
import unicodedata
from pathlib import Path, PurePosixPath

from weighbridge.core.suggest import did_you_mean
from weighbridge.documents.child import MOST_CHARACTERS, NO_TEXT, REFUSED, TOO_LONG
from weighbridge.errors import Invalid, TooLarge

KINDS = {
    ".txt": "text",
    ".text": "text",
    ".md": "text",
    ".markdown": "text",
    ".rst": "text",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".docx": "docx",
}
"""Extension → kind."""

SECONDS = 120
_PASSED_ON = frozenset({"PYTHONPATH", "LD_LIBRARY_PATH"})
"""Of the environment; none of the server's secrets."""
_MARKS = {b"%PDF-": "pdf", b"PK\x03\x04": "docx"}


def kind_of(name: str) -> str:
    """The kind of a document, by its name.

    Raises:
        Invalid: none that can be read.
    """
    extension = PurePosixPath(name.lower()).suffix
    kind = KINDS.get(extension)
    if kind is None:
        hint = did_you_mean(extension, KINDS)
        raise Invalid(
            f"{name[:80]!r} is no document that can be read{hint}; supported are {', '.join(KINDS)}"
        )
    return kind


async def read_text(path: Path, name: str) -> tuple[str, str]:
    """The text of a document, and its kind.

    Args:
        path: where it is.
        name: what it is called, which says its kind.

    Returns:
        The text in Unicode's form NFC, with at least one letter or digit in it.

    Raises:
        Invalid: it is not what its name says, damaged, encrypted, or has no text (a scan, say).
        TooLarge: it has over `MOST_CHARACTERS`, or takes over `SECONDS` to be read.
    """
    kind = kind_of(name)
    _refuse_disguise(await asyncio.to_thread(_head, path), kind, name)
    if kind == "text":
        text = await asyncio.to_thread(_plain, path, name)
    else:
        text = await _in_a_process(path, name, kind)
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\0", ""))
    if not any(character.isalnum() for character in text):
        raise Invalid(f"{name[:80]!r} holds no text; a scan has to be read by OCR before")
    return text.strip(), kind


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(1_024)


def _refuse_disguise(head: bytes, kind: str, name: str) -> None:
    found = next((what for mark, what in _MARKS.items() if head.lstrip().startswith(mark)), None)
    if kind in _MARKS.values() and found != kind:
        raise Invalid(f"{name[:80]!r} is no {kind} by its first bytes")
    if kind == "text" and (found is not None or b"\0" in head):
        what = f"a {found} file" if found else "no text"
        raise Invalid(f"{name[:80]!r} is {what} by its first bytes; let its name say what it is")


def _plain(path: Path, name: str) -> str:
    if path.stat().st_size > 4 * MOST_CHARACTERS:
        raise _too_long(name)
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(
            f"{name[:80]!r} is not UTF-8 (byte {error.start + 1}); save it as UTF-8"
        ) from error
    if len(text) > MOST_CHARACTERS:
        raise _too_long(name)
    return text


async def _in_a_process(path: Path, name: str, kind: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "weighbridge.documents.child", kind, str(path)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name in _PASSED_ON},
    )
    try:
        async with asyncio.timeout(SECONDS):
            text, said = await process.communicate()
    except TimeoutError as error:
        raise TooLarge(f"{name[:80]!r} takes over {SECONDS} s to be read") from error
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if process.returncode == 0:
        return text.decode("utf-8", "replace")
    if process.returncode == TOO_LONG:
        raise _too_long(name)
    if process.returncode == NO_TEXT:
        return ""
    reason = said.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it cannot be read"]
    if process.returncode == REFUSED:
        raise Invalid(f"{name[:80]!r} cannot be read as {kind}: {reason[0][:200]}")
    raise Invalid(f"{name[:80]!r} is damaged, or beyond what may be used to read it")


def _too_long(name: str) -> TooLarge:
    return TooLarge(f"{name[:80]!r} has over {MOST_CHARACTERS:,} characters; send it in parts")
