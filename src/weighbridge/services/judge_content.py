"""What is sent to a judge with dimensions, made ready to be judged: a conversation with the files
that stand in it as `data:` URIs, or an input, and the output.

Nothing is fetched: a file that is only named by its address is refused.
"""

import asyncio
import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from weighbridge.core.asset import EXTENSIONS, AssetKind
from weighbridge.documents.reading import read_text
from weighbridge.errors import FieldProblem, Invalid, InvalidFields, TooLarge, Unprocessable
from weighbridge.media.sniff import sniff
from weighbridge.providers.base import ImagePart
from weighbridge.scorers.judging.dimensions import Content
from weighbridge.scorers.judging.parts import ANSWER, PROMPT
from weighbridge.scorers.judging.pictures import MOST_BYTES, MOST_IMAGES

MOST_CHARACTERS = 400_000
"""Characters of content that a judge takes, files' texts included."""
MOST_FILES = 20
MOST_MESSAGES = 2_000
MOST_BLOCKS = 1_000

_DATA = re.compile(r"data:(?P<type>[\w.+/-]{0,200})(?P<rest>(?:;[\w.=+-]{1,200})*),", re.ASCII)
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}:")
_BARE = re.compile(r"[A-Za-z0-9+/=_\s-]+", re.ASCII)
_REFERENCES = ("url", "image_url", "file_url", "file_data", "data", "uri", "source", "file")
_NAMES = ("filename", "file_name", "title", "name")
_IDS = ("file_id", "media_id", "attachment_id")
_TEXTS = frozenset({"text", "input_text", "output_text"})
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Sent:
    """What a caller sends to a judge, as JSON values.

    Attributes:
        output: what is judged; None: it is missing.
        messages: the conversation before, or None. input: what was asked instead, or None.
        name, generation_model, metadata: told to the judge as context.
    """

    output: Any
    messages: Any = None
    input: Any = None
    name: str | None = None
    generation_model: str | None = None
    metadata: Any = None


@dataclass(frozen=True, slots=True)
class Rendered:
    """Content that is ready, and the same as one text, for people."""

    content: Content
    text: str


@dataclass(slots=True)
class _File:
    where: str
    name: str
    media_type: str
    data: bytes


@dataclass(slots=True)
class _Reading:
    """What was found so far."""

    problems: list[FieldProblem] = field(default_factory=list)
    files: list[_File] = field(default_factory=list)

    def refuse(self, where: str, message: str) -> str:
        self.problems.append(FieldProblem(where, message))
        return ""


async def render(sent: Sent, folder: Path) -> Rendered:
    """Make content ready.

    Args:
        folder: where files may lie while they are read.

    Raises:
        InvalidFields: something is missing, or cannot be read; each problem with its place.
        Unprocessable: it is more than a judge takes.
    """
    reading = _Reading()
    conversation = await asyncio.to_thread(_read, sent, reading)
    if reading.problems:
        raise InvalidFields(reading.problems)
    texts, images, notes = await _read_files(reading, folder)
    context = _context(sent)
    shown = {"context": context, **conversation[0], **texts, ANSWER: conversation[1]}
    # A file at the command line may hold what no database keeps.
    shown = {
        name: text.replace("\0", "\N{REPLACEMENT CHARACTER}")
        for name, text in shown.items()
        if text or name == ANSWER
    }
    total = sum(map(len, shown.values()))
    if total > MOST_CHARACTERS:
        raise Unprocessable(
            f"the content has {total:,} characters, and a judge takes at most {MOST_CHARACTERS:,}"
        )
    about = {name: _ABOUT.get(name) or _about_file(name) for name in shown}
    parts = [f"{about[name][0].upper()}{about[name][1:]}:\n{shown[name]}" for name in shown]
    return Rendered(Content(shown, about, images), "\n\n".join((*parts, *notes)))


_ABOUT = {
    "context": "what is known about this interaction",
    "conversation": "the conversation, up to the answer",
    PROMPT: "what the assistant was asked",
    ANSWER: "the answer that is to be judged",
}


def _about_file(name: str) -> str:
    return f"the text of a file in it ({name.replace('_', ' ')})"


def _context(sent: Sent) -> str:
    lines = []
    if sent.name:
        lines.append(f"name: {sent.name}")
    if sent.generation_model:
        lines.append(f"generation model: {sent.generation_model}")
    if sent.metadata not in (None, {}, [], ""):
        lines.append(f"metadata: {_plain(sent.metadata)}")
    return "\n".join(lines)


def _read(sent: Sent, reading: _Reading) -> tuple[dict[str, str], str]:
    """The conversation (or the input) by its name, and the output."""
    given: dict[str, str] = {}
    if sent.messages is not None and sent.input is not None:
        reading.refuse("input", "either `messages` or `input`, not both")
    elif sent.messages is not None:
        given["conversation"] = _conversation(sent.messages, reading)
    elif sent.input is not None:
        given[PROMPT] = _plain(sent.input)
    if sent.output is None:
        return given, reading.refuse("output", "This field is required.")
    if isinstance(sent.output, Mapping) and "content" in sent.output:
        return given, _message(sent.output, "output", reading)
    output = _plain(sent.output)
    if not output.strip():
        reading.refuse("output", "This field may not be blank.")
    return given, output


def _conversation(messages: Any, reading: _Reading) -> str:
    if not isinstance(messages, list) or not messages:
        return reading.refuse("messages", "a list of messages, each with `role` and `content`")
    if len(messages) > MOST_MESSAGES:
        return reading.refuse("messages", f"at most {MOST_MESSAGES:,} messages")
    parts = []
    for place, message in enumerate(messages):
        where = f"messages.{place}"
        if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
            reading.refuse(where, "a message is an object with `role` and `content`")
            continue
        parts.append(f"{message['role']}: {_message(message, where, reading)}")
    return "\n\n".join(parts)


def _message(message: Mapping[str, Any], where: str, reading: _Reading) -> str:
    content = message.get("content")
    parts: list[str] = []
    if isinstance(content, str):
        parts.append(content)
    elif isinstance(content, list):
        if len(content) > MOST_BLOCKS:
            reading.refuse(f"{where}.content", f"at most {MOST_BLOCKS:,} blocks")
        parts += [
            _block(block, f"{where}.content.{place}", reading)
            for place, block in enumerate(content[:MOST_BLOCKS])
        ]
    elif isinstance(content, Mapping):
        parts.append(_block(content, f"{where}.content", reading))
    elif content is not None:
        reading.refuse(f"{where}.content", "a string or a list of content blocks")
    for name in ("tool_calls", "function_call"):
        if message.get(name):
            parts.append(f"{name}: {_plain(message[name])}")
    return "\n".join(parts)


def _block(block: Any, where: str, reading: _Reading) -> str:
    if isinstance(block, str):
        return block
    if not isinstance(block, Mapping):
        return reading.refuse(where, "a content block is a string or an object with its `type`")
    kind = block.get("type")
    if isinstance(block.get("text"), str) and (kind in _TEXTS or kind is None):
        return str(block["text"])
    said = _reference(block)
    if said is None:
        if any(name in _flat(block) for name in _IDS):
            message = "files are not kept here by an id; send the bytes as a base64 data: URI"
            return reading.refuse(where, message)
        return _plain(block)
    uri, name = said
    return _file(uri, name, where, reading)


def _reference(block: Mapping[str, Any]) -> tuple[str, str] | None:
    """The address or `data:` URI in a block, and what the file is called; None: it has none."""
    flat = _flat(block)
    name = next((str(flat[it]) for it in _NAMES if isinstance(flat.get(it), str)), "")
    media_type = flat.get("media_type") or flat.get("mime_type") or flat.get("mimeType")
    for key in _REFERENCES:
        found = flat.get(key)
        if not isinstance(found, str) or not found:
            continue
        bare = key in {"data", "file_data"} and not _ADDRESS.match(found)
        if bare and _BARE.fullmatch(found[:200]):
            found = f"data:{media_type or ''};base64,{found}"
        if bare or _ADDRESS.match(found) or found.startswith("//"):
            return found, name[:_LONGEST_NAME]
    return None


def _flat(block: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a block, and of the objects in it."""
    found: dict[str, Any] = {}
    for key, value in block.items():
        if isinstance(value, Mapping) and key in {*_REFERENCES, "image", "document", "input_audio"}:
            found |= {inner: it for inner, it in value.items() if inner != "type"}
        elif key != "type":
            found.setdefault(key, value)
    return found


def _file(uri: str, name: str, where: str, reading: _Reading) -> str:
    match = _DATA.match(uri)
    if match is None:
        shown = uri[:80]
        message = f"{shown!r} is not fetched: send the bytes inline, as a base64 data: URI"
        return reading.refuse(where, message)
    if not match["rest"].endswith(";base64"):
        return reading.refuse(where, "a data: URI has to be base64 (data:…;base64,…)")
    text = "".join(uri[match.end() :].split()).replace("-", "+").replace("_", "/")
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return reading.refuse(where, "the data: URI is not base64")
    if not data:
        return reading.refuse(where, "the file is empty")
    reading.files.append(_File(where, name, match["type"].lower(), data))
    if len(reading.files) > MOST_FILES:
        raise Unprocessable(f"a judge takes at most {MOST_FILES} files")
    called = f" {name}" if name else ""
    return f"[file {len(reading.files)}:{called} {match['type']}, {len(data):,} bytes]"


async def _read_files(
    reading: _Reading, folder: Path
) -> tuple[dict[str, str], tuple[ImagePart, ...], list[str]]:
    """The texts of documents, by name; images; and what is said of those to people."""
    texts: dict[str, str] = {}
    images: list[ImagePart] = []
    notes: list[str] = []
    if not reading.files:
        return texts, (), notes
    place = await asyncio.to_thread(TemporaryDirectory, dir=folder, prefix=".judged-")
    try:
        for number, file in enumerate(reading.files, start=1):
            path = Path(place.name) / str(number)
            await asyncio.to_thread(path.write_bytes, file.data)
            try:
                found = await asyncio.to_thread(sniff, path, file.media_type)
                if found.kind is AssetKind.IMAGE:
                    images.append(_image(file, found.media_type))
                    notes.append(_note(number, file, found.media_type))
                elif found.kind is AssetKind.VIDEO:
                    raise Invalid("videos are not judged; send frames of it as images")
                else:
                    name = f"file{EXTENSIONS.get(found.media_type, '.txt')}"
                    texts[f"file_{number}"] = await _text(path, found.kind, name)
            except (Invalid, TooLarge) as error:
                reading.refuse(file.where, error.message)
    finally:
        await asyncio.to_thread(place.cleanup)
    if reading.problems:
        raise InvalidFields(reading.problems)
    if len(images) > MOST_IMAGES:
        raise Unprocessable(f"a judge is shown at most {MOST_IMAGES} images, not {len(images)}")
    return texts, tuple(images), notes


async def _text(path: Path, kind: AssetKind, name: str) -> str:
    if kind is AssetKind.TEXT:
        return await asyncio.to_thread(path.read_text, "utf-8-sig")
    text, _ = await read_text(path, name)
    return text


def _image(file: _File, media_type: str) -> ImagePart:
    if len(file.data) > MOST_BYTES:
        raise Unprocessable(
            f"an image has {len(file.data) / (1 << 20):.1f} MiB, and a judge is shown at most "
            f"{MOST_BYTES >> 20} MiB"
        )
    return ImagePart(f"data:{media_type};base64,{base64.b64encode(file.data).decode()}")


def _note(number: int, file: _File, media_type: str) -> str:
    sha256 = hashlib.sha256(file.data).hexdigest()
    return f"[file {number}: {media_type}, {len(file.data):,} bytes, SHA-256 {sha256}]"


def _plain(value: Any) -> str:
    """A JSON value as text."""
    if isinstance(value, str):
        return value
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
