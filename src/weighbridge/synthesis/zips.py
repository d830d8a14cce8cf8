"""ZIP archives from outside: looked through before anything is unpacked, then unpacked piece by
piece. Memory does not grow with what is in them.

An archive is refused as a whole when an entry of it is not what an honest archive has: a path that
leads elsewhere, a link, another archive, a password, more bytes than its header says… Entries that
are merely of no use are passed over: hidden ones, those of macOS, and those of other extensions.
"""

import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from weighbridge.errors import Invalid
from weighbridge.synthesis.names import extension_of, problem_of

MOST_ENTRIES = 10_000
"""Of all kinds, those that are passed over included."""
MOST_DIRECTORY = 2 << 20
"""Bytes of the list of entries at the end of an archive: what is held in memory of it."""
MOST_RATIO = 200
"""How many times as large as in the archive an entry may be unpacked, if it has over 64 KiB."""

_RATIO_FROM = 64 << 10
_LONGEST_PATH = 1_000
_PIECE = 1 << 16
_END, _END_SIZE = b"PK\5\6", 22
_END64_LOCATOR, _END64_LOCATOR_SIZE = b"PK\6\7", 20
_LONGEST_COMMENT = (1 << 16) - 1
_LOCAL = struct.Struct("<4s5H3L2H")
_ARCHIVE = b"PK\3\4"
_ENCRYPTED, _SIZE_COMES_LATER, _UTF8 = 1 << 0, 1 << 3, 1 << 11
_MASKED, _STRONG = 1 << 13, 1 << 6
_NO_ZIP = "Uploaded file is not a valid ZIP file"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in an archive, as its directory tells of it.

    Attributes:
        path: checked: parts joined by `/`, none of which leads anywhere.
        size: unpacked, in bytes.
        info: what else the directory says.
    """

    path: str
    size: int
    info: zipfile.ZipInfo

    @property
    def folder(self) -> str | None:
        """The topmost folder that it lies in; None: it lies in none."""
        return self.path.partition("/")[0] if "/" in self.path else None

    @property
    def name(self) -> str:
        """Without folders."""
        return self.path.rpartition("/")[2]


def look_through(
    path: Path,
    extensions: Collection[str],
    *,
    most_files: int,
    most_bytes: int,
    most_in_all: int,
) -> list[Entry]:
    """The files of an archive that are of use, in their order. Nothing is unpacked.

    Args:
        extensions: which are of use, as `.txt`.
        most_files: of those that are of use.
        most_bytes: of one of them, unpacked.
        most_in_all: bytes of all of them, unpacked.

    Raises:
        Invalid: it is no ZIP archive, or none that may be unpacked; the message names the entry
            and says why.
    """
    _check_directory(path)
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except UnicodeDecodeError as error:
        raise Invalid("Invalid ZIP file: a name in it is not UTF-8") from error
    except (zipfile.BadZipFile, NotImplementedError, struct.error, ValueError) as error:
        raise Invalid(_NO_ZIP) from error
    if len(infos) > MOST_ENTRIES:
        raise Invalid(f"Invalid ZIP file: it has over {MOST_ENTRIES:,} entries")
    _refuse_overlaps(infos, path.stat().st_size)
    found = []
    for info in infos:
        name = _name(info)
        parts = _parts(name)
        _refuse_kind(info)
        # A folder has nothing in it, whatever it says; its files are entries of their own.
        if parts and not name.endswith("/") and _is_of_use(parts, extensions):
            _check_names(parts)
            found.append(Entry("/".join(parts), info.file_size, info))
    _refuse_twins(found)
    _refuse_bombs(found, most_files, most_bytes, most_in_all)
    return found


def unpack(path: Path, entries: Sequence[Entry], folder: Path) -> list[Path]:
    """Write entries of an archive into a folder, each under its number.

    Args:
        entries: of this archive, by `look_through`.

    Returns:
        Where they are, in the same order.

    Raises:
        Invalid: an entry is damaged, is an archive itself, or is not what its header says.
    """
    written = []
    with path.open("rb") as archive:
        for number, entry in enumerate(entries):
            here = folder / f"unpacked-{number}"
            with here.open("wb") as file:
                for piece in _unpacked(archive, entry):
                    file.write(piece)
            written.append(here)
    return written


# The directory


def _check_directory(path: Path) -> None:
    """Refuse a directory that is too large to be read, before it is."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = max(0, size - _END_SIZE - _LONGEST_COMMENT - _END64_LOCATOR_SIZE)
        file.seek(start)
        tail = file.read()
    # The same place that `zipfile` takes: the very end, or else the last mark before a comment.
    at = len(tail) - _END_SIZE
    if not (tail[at:].startswith(_END) and tail.endswith(b"\0\0")):
        at = tail.rfind(_END)
    if at < 0 or len(tail) < at + _END_SIZE:
        raise Invalid(_NO_ZIP)
    if tail[max(0, at - _END64_LOCATOR_SIZE) : at].startswith(_END64_LOCATOR):
        raise Invalid(
            "Invalid ZIP file: it is written as ZIP64, for archives beyond what may be sent; write "
            "it as an ordinary ZIP file"
        )
    entries, length = struct.unpack_from("<HL", tail, at + 10)
    if entries > MOST_ENTRIES or length > MOST_DIRECTORY:
        raise Invalid(
            f"Invalid ZIP file: it has over {MOST_ENTRIES:,} entries, or a directory of over "
            f"{MOST_DIRECTORY >> 20} MB"
        )


def _refuse_overlaps(infos: Sequence[zipfile.ZipInfo], size: int) -> None:
    """Entries that share their bytes are the core of the worst bombs."""
    end = 0
    for info in sorted(infos, key=lambda it: it.header_offset):
        if info.header_offset < end or info.header_offset < 0:
            raise Invalid(f"Invalid ZIP file: {_shown(info)} overlaps another entry (a ZIP bomb)")
        end = info.header_offset + _LOCAL.size + info.compress_size
    if end > size:
        raise Invalid("Invalid ZIP file: its directory tells of more bytes than it has")


def _parts(name: str) -> list[str]:
    """The parts of an entry's path, none of which leads anywhere."""
    unsafe = "Invalid ZIP file: contains unsafe paths"
    if name.startswith(("/", "\\")) or (name[1:2] == ":" and name[:1].isalpha()):
        raise Invalid(f"{unsafe}: {name[:100]!r} is absolute; it must lie below the archive")
    if "\\" in name:
        parts = name.replace("\\", "/").split("/")
        what = "leads out of the archive (`..`)" if ".." in parts else "holds a backslash; use /"
        raise Invalid(f"{unsafe}: {name[:100]!r} {what}")
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise Invalid(f"{unsafe}: {name[:100]!r} leads out of the archive (`..`)")
    return parts


def _name(info: zipfile.ZipInfo) -> str:
    name = info.orig_filename  # as `filename`, and not cut off at a NUL
    if not info.flag_bits & _UTF8:
        # Most who do not say that it is UTF-8 write UTF-8 all the same; `zipfile` took it for the
        # old code page of MS-DOS, in which each byte is a character.
        try:
            name = name.encode("cp437").decode()
        except UnicodeDecodeError as error:
            raise Invalid(
                f"Invalid ZIP file: the name of {_shown(info)} is not UTF-8; pack it with a tool "
                "that writes names in UTF-8"
            ) from error
    return unicodedata.normalize("NFC", name)


def _refuse_kind(info: zipfile.ZipInfo) -> None:
    """Refuse what is no ordinary file or folder."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise Invalid(f"Invalid ZIP file: {_shown(info)} is a link; pack the file itself")
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise Invalid(f"Invalid ZIP file: {_shown(info)} is a special file, such as a device")
    if info.flag_bits & (_ENCRYPTED | _STRONG | _MASKED):
        raise Invalid(f"Invalid ZIP file: {_shown(info)} is encrypted; pack it without a password")


def _is_of_use(parts: Sequence[str], extensions: Collection[str]) -> bool:
    if "__MACOSX" in parts or any(part.startswith(".") for part in parts):
        return False
    extension = extension_of(parts[-1])
    if extension == ".zip":
        raise Invalid(
            f"Invalid ZIP file: {parts[-1][:100]!r} is a ZIP file inside it; pack its files "
            "directly"
        )
    return extension in extensions


def _check_names(parts: Sequence[str]) -> None:
    for part in parts:
        if (problem := problem_of(part)) is not None:
            raise Invalid(f"Invalid ZIP file: the name {part[:100]!r} in it {problem}")
    if sum(map(len, parts)) > _LONGEST_PATH:
        raise Invalid(
            f"Invalid ZIP file: the path {'/'.join(parts)[:100]!r}… has over {_LONGEST_PATH:,} "
            "characters"
        )


def _refuse_twins(entries: Sequence[Entry]) -> None:
    seen: set[str] = set()
    for entry in entries:
        if entry.path in seen:
            raise Invalid(f"Invalid ZIP file: two entries are called {entry.path[:100]!r}")
        seen.add(entry.path)


def _refuse_bombs(
    entries: Sequence[Entry], most_files: int, most_bytes: int, most_in_all: int
) -> None:
    if len(entries) > most_files:
        raise Invalid(f"the ZIP file holds {len(entries):,} files; at most {most_files:,} may be")
    for entry in entries:
        if entry.size > most_bytes:
            raise Invalid(
                f"{entry.path[:100]!r} has {entry.size:,} bytes unpacked; a file may have at most "
                f"{most_bytes >> 20} MB"
            )
        if entry.size > _RATIO_FROM and entry.size > MOST_RATIO * entry.info.compress_size:
            raise Invalid(
                f"Invalid ZIP file: {entry.path[:100]!r} unpacks to over {MOST_RATIO} times its "
                "size (a ZIP bomb)"
            )
    if (total := sum(entry.size for entry in entries)) > most_in_all:
        raise Invalid(
            f"the files in the ZIP file have {total:,} bytes unpacked; all of them together may "
            f"have at most {most_in_all >> 20} MB"
        )


# Entries


def _unpacked(archive: BinaryIO, entry: Entry) -> Iterator[bytes]:
    """What is in an entry, piece by piece, and not a byte more than the directory says."""
    info = entry.info
    _check_header(archive, entry)
    pieces = _deflated if info.compress_type == zipfile.ZIP_DEFLATED else _stored
    size, checksum = 0, 0
    for piece in pieces(archive, entry):
        if size == 0 and piece.startswith(_ARCHIVE):
            raise Invalid(f"Invalid ZIP file: {entry.path[:100]!r} is a ZIP file inside it")
        size += len(piece)
        if size > entry.size:
            raise _lying(entry)
        checksum = zlib.crc32(piece, checksum)
        yield piece
    if size != entry.size:
        raise _lying(entry)
    if checksum != info.CRC:
        raise Invalid(f"Invalid ZIP file: {entry.path[:100]!r} is damaged (its checksum is wrong)")


def _check_header(archive: BinaryIO, entry: Entry) -> None:
    """Go to the bytes of an entry, past its own header, which must say what the directory says."""
    info = entry.info
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise Invalid(
            f"Invalid ZIP file: {entry.path[:100]!r} is packed by a method that is not read; pack "
            "it by Deflate, as is usual"
        )
    archive.seek(info.header_offset)
    head = archive.read(_LOCAL.size)
    if len(head) < _LOCAL.size or not head.startswith(_ARCHIVE):
        raise _lying(entry)
    _, _, flags, method, _, _, _, packed, size, name_length, extra_length = _LOCAL.unpack(head)
    if flags & _ENCRYPTED:
        raise Invalid(f"Invalid ZIP file: {entry.path[:100]!r} is encrypted")
    name = archive.read(name_length)
    told = info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437")
    sizes = {(packed, size)} - {(0xFFFFFFFF, 0xFFFFFFFF)}
    if flags & _SIZE_COMES_LATER:
        sizes -= {(0, 0)}
    if method != info.compress_type or name != told or sizes - {(info.compress_size, entry.size)}:
        raise _lying(entry)
    archive.seek(extra_length, 1)


def _stored(archive: BinaryIO, entry: Entry) -> Iterator[bytes]:
    if entry.info.compress_size != entry.size:
        raise _lying(entry)
    yield from _packed(archive, entry)


def _deflated(archive: BinaryIO, entry: Entry) -> Iterator[bytes]:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for piece in _packed(archive, entry):
            if inflate.eof:
                raise _lying(entry)
            while piece:
                yield inflate.decompress(piece, _PIECE)
                piece = inflate.unconsumed_tail
        yield inflate.flush()
    except zlib.error as error:
        raise Invalid(f"Invalid ZIP file: {entry.path[:100]!r} is damaged") from error
    if not inflate.eof or inflate.unused_data:
        raise _lying(entry)


def _packed(archive: BinaryIO, entry: Entry) -> Iterator[bytes]:
    left = entry.info.compress_size
    while left:
        piece = archive.read(min(left, _PIECE))
        if not piece:
            raise _lying(entry)
        left -= len(piece)
        yield piece


def _lying(entry: Entry) -> Invalid:
    return Invalid(
        f"Invalid ZIP file: {entry.path[:100]!r} is not what its header says (its size, name or "
        "method); pack it again"
    )


def _shown(info: zipfile.ZipInfo) -> str:
    return repr(info.orig_filename[:100])
