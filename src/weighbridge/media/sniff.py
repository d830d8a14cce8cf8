"""What a file is by its content, whatever its name or its sender says."""

import codecs
import contextlib
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from weighbridge.core.asset import EXTENSIONS, AssetKind
from weighbridge.errors import Invalid

UNKNOWN = "application/octet-stream"
READABLE = (
    "images (PNG, JPEG, GIF, WebP, BMP), videos (MP4, MOV, WebM, MKV, AVI), documents (PDF, Word's "
    ".docx, HTML) and text in UTF-8"
)

_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_HTML = "text/html"
_BY_EXTENSION = {extension: media_type for media_type, extension in EXTENSIONS.items()} | {
    ".jpeg": "image/jpeg",
    ".htm": _HTML,
    ".xhtml": _HTML,
    ".m4v": "video/mp4",
    ".markdown": "text/markdown",
    ".jsonl": "text/plain",
    ".text": "text/plain",
    ".rst": "text/plain",
}
_MEDIA_TYPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,120}", re.ASCII)
_TEXTS = frozenset({"application/json", "application/xml", "application/yaml"})
_OTHERS = {
    b"PK\x03\x04": "a zip file, and no Word document",
    b"\x1f\x8b": "packed by gzip; unpack it",
    b"\xd0\xcf\x11\xe0": "in an old format of Office; save it as .docx or PDF",
    b"II*\0": "a TIFF image; save it as PNG",
    b"MM\0*": "a TIFF image; save it as PNG",
    b"\xff\xfe": "in UTF-16; save it as UTF-8",
    b"\xfe\xff": "in UTF-16; save it as UTF-8",
    b"OggS": "in an Ogg container; save it as WebM or MP4",
    b"ID3": "sound without pictures",
}
# Brands of ISO files (ISO/IEC 14496-12, 23008-12) that are no video.
_STILL = frozenset({b"avif", b"avis", b"heic", b"heix", b"heim", b"hevc", b"mif1", b"msf1"})
_SOUND = frozenset({b"M4A ", b"M4B ", b"M4P "})
_QUICKTIME_ATOMS = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
_BITMAP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
_LONGEST_ATOM = (1 << 27) - 1
_HEAD = 4_096
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What a file is."""

    kind: AssetKind
    media_type: str


def sniff(path: Path, said: str = UNKNOWN) -> Sniffed:
    """What the file at `path` is. Reads all of a text, and the beginning of others.

    Args:
        said: the media type that it is said to have (`expected`). It tells texts apart, which look
            alike (Markdown, JSON…); nothing else is believed of it.

    Raises:
        Invalid: it is empty, or nothing that can be read; the message says what can.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise Invalid("the file is empty")
    media_type = _image(head) or _video(head)
    if media_type is not None:
        kind = AssetKind.IMAGE if media_type.startswith("image/") else AssetKind.VIDEO
        return Sniffed(kind, media_type)
    if head.startswith(b"%PDF-"):
        return Sniffed(AssetKind.DOCUMENT, "application/pdf")
    if head.startswith(b"PK\x03\x04") and _holds(path, b"word/document.xml"):
        return Sniffed(AssetKind.DOCUMENT, _DOCX)
    for mark, what in _OTHERS.items():
        if head.startswith(mark):
            raise Invalid(f"the file is {what}; what can be read are {READABLE}")
    if not _is_utf8(path):
        raise Invalid(f"the file is nothing that can be read: {READABLE}")
    return _text(head, said)


def seen_as(head: bytes) -> str | None:
    """The media type of an image or video that begins with these bytes; None: it is neither, or
    one that is not read."""
    with contextlib.suppress(Invalid):
        return _image(head) or _video(head)
    return None


def expected(media_type: str | None, name: str = "") -> str:
    """What a file is said to be before it has come.

    Args:
        media_type: as its sender says; None or `application/octet-stream`: it is left to the name.

    Returns:
        A media type without parameters; `application/octet-stream` where nobody says anything.
    """
    said = (media_type or UNKNOWN).partition(";")[0].strip().lower()
    if said and said != UNKNOWN:
        return said
    extension = PurePosixPath(name.lower()).suffix
    named = _BY_EXTENSION.get(extension) or mimetypes.types_map.get(extension, UNKNOWN)
    return named if _kind_or_none(named) is not None else UNKNOWN


def kind_of(media_type: str) -> AssetKind | None:
    """What kind of file a media type promises.

    Returns:
        None for `application/octet-stream`, which promises nothing.

    Raises:
        Invalid: one that is not read.
    """
    kind = _kind_or_none(media_type)
    if kind is None and media_type != UNKNOWN:
        raise Invalid(
            f"files of the type {media_type[:80]!r} are not read; what can be: {READABLE}"
        )
    return kind


def refuse_disguise(found: Sniffed, *claims: str) -> None:
    """Refuse a file that is not of the kind that it was said to be. An image that is in another
    format than it was said to be is let pass: clients call images `file.png` for want of a name.

    Args:
        claims: media types; those that are not read promise nothing.

    Raises:
        Invalid: the message says what it is, and what it was said to be.
    """
    for claim in claims:
        promised = _kind_or_none(claim)
        if promised is not None and not _compatible(found, promised):
            raise Invalid(
                f"the file is said to be {claim[:80]}, and by its content it is {found.media_type}"
            )


def _image(head: bytes) -> str | None:
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    if head.startswith(b"BM") and head[6:10] == b"\0\0\0\0":
        return "image/bmp" if int.from_bytes(head[14:18], "little") in _BITMAP_HEADERS else None
    return None


def _video(head: bytes) -> str | None:
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return "video/x-msvideo"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    if int.from_bytes(head[:4], "big") > _LONGEST_ATOM:  # letters of a text, say
        return None
    if head[4:8] in _QUICKTIME_ATOMS:
        return "video/quicktime"
    if head[4:8] != b"ftyp":
        return None
    brand = head[8:12]
    if brand in _STILL:
        raise Invalid("the file is a HEIC or AVIF image; save it as PNG or JPEG")
    if brand in _SOUND:
        raise Invalid("the file is sound without pictures")
    return "video/quicktime" if brand == b"qt  " else "video/mp4"


def _text(head: bytes, said: str) -> Sniffed:
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()[:20].lower()
    looks = start.startswith((b"<!doctype html", b"<html"))
    if said == _HTML or (looks and _kind_or_none(said) is not AssetKind.TEXT):
        return Sniffed(AssetKind.DOCUMENT, _HTML)
    known = said in EXTENSIONS and _kind_or_none(said) is AssetKind.TEXT
    return Sniffed(AssetKind.TEXT, said if known else "text/plain")


def _compatible(found: Sniffed, promised: AssetKind) -> bool:
    # A page of HTML is a text, too.
    texts = {AssetKind.TEXT, AssetKind.DOCUMENT}
    if found.media_type == _HTML or found.kind is AssetKind.TEXT:
        return promised in texts and (promised is AssetKind.TEXT or found.media_type == _HTML)
    return found.kind is promised


def _kind_or_none(media_type: str) -> AssetKind | None:
    if media_type in {"application/pdf", _DOCX, _HTML, "application/xhtml+xml"}:
        return AssetKind.DOCUMENT
    if not _MEDIA_TYPE.fullmatch(media_type):
        return None
    main, _, sub = media_type.partition("/")
    if main == "image":
        return AssetKind.IMAGE
    if main == "video":
        return AssetKind.VIDEO
    if main == "text" or media_type in _TEXTS or sub.endswith(("+json", "+xml", "ndjson")):
        return AssetKind.TEXT
    return None


def _holds(path: Path, mark: bytes) -> bool:
    """Whether these bytes are anywhere in a file."""
    tail = b""
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            if mark in tail + piece:
                return True
            tail = piece[-len(mark) :]
    return False


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                if b"\0" in piece:
                    return False
                decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
