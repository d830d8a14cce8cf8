"""ZIP archives: honest ones, and a gallery of hostile ones, each made here."""

import io
import re
import stat
import struct
import tracemalloc
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weighbridge.errors import Invalid
from weighbridge.synthesis.zips import MOST_RATIO, look_through, unpack

EXTENSIONS = {".txt", ".csv"}
MB = 1 << 20
DEVICE = r"(?i)con|nul|aux|prn|(com|lpt)[0-9¹²³]"


def read(
    path: Path, *, most_files: int = 100, most_bytes: int = MB, most_in_all: int = 5 * MB
) -> dict[str, bytes]:
    """What is in an archive, by path: it is looked through, and unpacked beside it."""
    entries = look_through(
        path, EXTENSIONS, most_files=most_files, most_bytes=most_bytes, most_in_all=most_in_all
    )
    folder = path.with_suffix(".unpacked")
    folder.mkdir(exist_ok=True)
    return {
        entry.path: file.read_bytes()
        for entry, file in zip(entries, unpack(path, entries, folder), strict=True)
    }


def refusal(path: Path, **limits: int) -> str:
    with pytest.raises(Invalid) as caught:
        read(path, **limits)
    return caught.value.message


Made = Callable[..., Path]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Makes an archive of entries: a name or a ZipInfo, and what is in it."""

    def make(*entries: tuple[str | zipfile.ZipInfo, str | bytes]) -> Path:
        path = tmp_path / "made.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for entry, data in entries:
                archive.writestr(entry, data)
        return path

    return make


def info(name: str, mode: int = 0, **fields: int) -> zipfile.ZipInfo:
    found = zipfile.ZipInfo(name)
    found.external_attr = mode << 16
    for field, value in fields.items():
        setattr(found, field, value)
    return found


def nfc(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def patched(path: Path, change: Callable[[bytearray], None]) -> Path:
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)
    return path


def central(data: bytes | bytearray, name: bytes) -> int:
    """Where an entry of the directory begins."""
    at = data.find(b"PK\1\2")
    while data[at + 46 : at + 46 + len(name)] != name:
        at = data.find(b"PK\1\2", at + 1)
    return at


# What is honest


def test_files_come_in_their_order_with_their_folders(made: Made) -> None:
    path = made(("b/2.txt", "two"), ("a/1.txt", "one"), ("3.txt", "three" * 10_000))
    assert read(path) == {
        "b/2.txt": b"two",
        "a/1.txt": b"one",
        "3.txt": b"three" * 10_000,
    }
    entries = look_through(path, EXTENSIONS, most_files=9, most_bytes=MB, most_in_all=MB)
    assert [(it.folder, it.name) for it in entries] == [
        ("b", "2.txt"),
        ("a", "1.txt"),
        (None, "3.txt"),
    ]


def test_what_is_of_no_use_is_passed_over(made: Made) -> None:
    path = made(
        ("folder/", ""),
        (".hidden.txt", "x"),
        (".git/config.txt", "x"),
        ("__MACOSX/._a.txt", "x"),
        ("folder/Icon\r", "x"),
        ("picture.png", "x"),
        ("README", "x"),
        ("folder/a.TXT", "kept"),
    )
    assert read(path) == {"folder/a.TXT": b"kept"}


def test_stored_entries_prefixes_and_comments_are_read(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.txt", "stored")
        archive.comment = b"with a comment PK"
    path = tmp_path / "made.zip"
    path.write_bytes(b"#!/bin/sh\n" + packed.getvalue())
    assert read(path) == {"a.txt": b"stored"}


def test_an_archive_that_was_written_as_a_stream_is_read(tmp_path: Path) -> None:
    class Stream(io.RawIOBase):
        """Where nobody can go back to write a size into a header."""

        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, piece: bytes) -> int:  # type: ignore[override]
            self.data += bytes(piece)
            return len(piece)

    stream = Stream()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[arg-type]
        archive.writestr("a.txt", "streamed")
    path = tmp_path / "made.zip"
    path.write_bytes(stream.data)
    assert read(path) == {"a.txt": b"streamed"}


def test_names_in_utf8_that_do_not_say_so_are_taken_for_it(made: Made) -> None:
    path = made(("grün.txt", "x"))

    def unsay(data: bytearray) -> None:
        for at in (data.find(b"PK\3\4") + 6, data.find(b"PK\1\2") + 8):
            data[at + 1] &= ~0x08

    assert read(patched(path, unsay)) == {"grün.txt": b"x"}


@given(
    names=st.lists(
        st.text(
            st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/\\:."),
            min_size=1,
            max_size=20,
        ),
        min_size=1,
        max_size=5,
        unique=True,
    ),
    data=st.binary(max_size=2_000),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_packed_is_unpacked_or_refused_by_name(
    made: Made, names: list[str], data: bytes
) -> None:
    path = made(*((f"{name}.txt", data) for name in names))
    if any(re.fullmatch(DEVICE, name.rstrip()) for name in names):
        assert "device" in refusal(path)
    elif data.startswith(b"PK\3\4"):
        assert "ZIP file inside" in refusal(path)
    elif len(set(map(nfc, names))) < len(names):
        assert "two entries" in refusal(path)
    else:
        assert read(path) == {f"{nfc(name)}.txt": data for name in names}


@given(
    name=st.text(st.sampled_from("ab./\\:\0 CON~\u202e-é"), min_size=1, max_size=12)
    | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
)
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_name_gets_a_file_out_of_its_folder(made: Made, name: str) -> None:
    entry = info("x")
    entry.filename = f"{name}.txt"  # as it is: the tool would cut it off at a NUL
    path = made((entry, "x"))
    try:
        found = read(path)
    except Invalid:
        return
    for here in found:
        assert not here.startswith("/")
        assert not {"", ".", ".."} & set(here.split("/"))
        assert "\\" not in here
        assert "\0" not in here


@given(
    at=st.integers(0, 10_000),
    value=st.integers(0, 255),
    cut=st.integers(0, 40) | st.none(),
)
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_anywhere_is_refused_and_never_an_error_of_ours(
    made: Made, at: int, value: int, cut: int | None
) -> None:
    path = made(("a.txt", "some text " * 30), ("b/c.csv", "x,y\n1,2\n"))

    def damage(data: bytearray) -> None:
        data[at % len(data)] = value
        if cut is not None:
            del data[len(data) - cut :]

    try:
        found = read(patched(path, damage))
    except Invalid:
        return
    # What is read all the same is what was packed: only what does not matter was changed.
    assert set(found.values()) <= {b"some text " * 30, b"x,y\n1,2\n"}


# What is hostile


@pytest.mark.parametrize("name", ["/etc/passwd.txt", "\\share\\a.txt", "C:/a.txt", "c:a.txt"])
def test_absolute_paths_are_refused(made: Made, name: str) -> None:
    message = refusal(made(("fine.txt", "x"), (name, "x")))
    assert "unsafe paths" in message
    assert "absolute" in message


@pytest.mark.parametrize("name", ["../a.txt", "a/../../b.txt", "a/..", "..\\a.txt", "../../x.png"])
def test_paths_that_lead_out_are_refused(made: Made, name: str) -> None:
    message = refusal(made(("fine.txt", "x"), (name, "x")))
    assert "unsafe paths" in message
    assert "leads out" in message


def test_dots_that_lead_nowhere_are_fine(made: Made) -> None:
    assert list(read(made(("./a..b.txt", "x"), ("c//d.txt", "x")))) == ["a..b.txt", "c/d.txt"]


@pytest.mark.parametrize("name", ["a.txt", "a.png", "__MACOSX/a", "folder"])
def test_links_are_refused(made: Made, name: str) -> None:
    link = info(name, stat.S_IFLNK | 0o777)
    assert "is a link" in refusal(made(("fine.txt", "x"), (link, "/etc/passwd")))


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_devices_and_the_like_are_refused(made: Made, kind: int) -> None:
    assert "special file" in refusal(made((info("a.txt", kind | 0o644), "x")))


def test_archives_in_archives_are_refused(made: Made, tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("a.txt", "x")
    assert "ZIP file inside" in refusal(made(("fine.txt", "x"), ("b.zip", inner.getvalue())))
    assert "ZIP file inside" in refusal(made(("disguised.txt", inner.getvalue())))


def test_encrypted_entries_are_refused(made: Made) -> None:
    def lock(data: bytearray) -> None:
        data[data.find(b"PK\1\2") + 8] |= 1

    def lock_only_the_file(data: bytearray) -> None:
        data[data.find(b"PK\3\4") + 6] |= 1

    assert "encrypted" in refusal(patched(made(("a.txt", "x")), lock))
    assert "encrypted" in refusal(patched(made(("a.txt", "x")), lock_only_the_file))


def test_two_entries_of_one_name_are_refused(made: Made) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        path = made(("a.txt", "x"), ("a.txt", "y"))
    assert "two entries are called 'a.txt'" in refusal(path)
    assert "two entries" in refusal(made(("a/./b.txt", "x"), ("a/b.txt", "y")))
    assert "two entries" in refusal(made(("u\u0308.txt", "x"), ("\u00fc.txt", "y")))


def test_names_that_are_not_utf8_are_refused(made: Made) -> None:
    def respell(data: bytearray) -> None:
        data[:] = data.replace(b"gr-n.txt", b"gr\xfcn.txt")

    def and_say_that_it_is(data: bytearray) -> None:
        respell(data)
        for at in (data.find(b"PK\3\4") + 6, data.find(b"PK\1\2") + 8):
            data[at + 1] |= 0x08

    assert "not UTF-8" in refusal(patched(made(("gr-n.txt", "x")), respell))
    assert "not UTF-8" in refusal(patched(made(("gr-n.txt", "x")), and_say_that_it_is))


@pytest.mark.parametrize("name", ["CON.txt", "nul.txt", "a/LPT1.txt", "aux/a.txt", "com1.b.txt"])
def test_names_of_devices_are_refused(made: Made, name: str) -> None:
    assert "device" in refusal(made((name, "x")))


def test_names_with_control_characters_or_too_long_are_refused(made: Made) -> None:
    assert "control character" in refusal(made(("a\nb.txt", "x")))
    assert "over 255 bytes" in refusal(made((f"{'ä' * 130}.txt", "x")))
    assert "characters" in refusal(made((f"{'d' * 100}/" * 11 + "a.txt", "x")))

    def end_early(data: bytearray) -> None:
        data[:] = data.replace(b"a.png-.txt", b"a.png\0.txt")

    assert "control character" in refusal(patched(made(("a.png-.txt", "x")), end_early))


def test_too_many_files_are_refused(made: Made) -> None:
    path = made(*((f"{number}.txt", "x") for number in range(11)))
    assert "holds 11 files; at most 10" in refusal(path, most_files=10)
    assert len(read(path, most_files=11)) == 11


def test_too_many_entries_are_refused_before_they_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(10_001):
            archive.writestr(f"{number}.png", "")
    assert "over 10,000 entries" in refusal(path)

    def lie(data: bytearray) -> None:
        end = data.rfind(b"PK\5\6")
        struct.pack_into("<HH", data, end + 8, 1, 1)

    assert "over 10,000 entries" in refusal(patched(path, lie))


def test_too_many_bytes_are_refused(made: Made) -> None:
    noise = bytes(range(256)) * 40
    path = made(("a.txt", noise), ("b.txt", noise), ("picture.png", noise * 100))
    assert "'a.txt' has 10,240 bytes" in refusal(path, most_bytes=10_000)
    assert "have 20,480 bytes unpacked" in refusal(path, most_in_all=20_000)
    assert len(read(path, most_bytes=10_240, most_in_all=20_480)) == 2


def test_a_bomb_is_refused_by_its_ratio(made: Made) -> None:
    path = made(("bomb.txt", b"\0" * (MB - 1)))
    assert f"over {MOST_RATIO} times its size (a ZIP bomb)" in refusal(path)
    assert read(made(("small.txt", b"\0" * 60_000)))  # little that is packed well is no bomb


def test_a_bomb_that_says_it_is_small_is_refused(made: Made) -> None:
    def lie(data: bytearray) -> None:
        prefix = b"\0" * 100
        for at, name in ((data.find(b"PK\3\4"), 14), (data.find(b"PK\1\2"), 16)):
            struct.pack_into("<L", data, at + name, zlib.crc32(prefix))
            struct.pack_into("<L", data, at + name + 8, len(prefix))

    path = patched(made(("bomb.txt", b"\0" * (20 * MB))), lie)
    tracemalloc.start()
    try:
        assert "not what its header says" in refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 2 * MB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (22, 5),  # the size in the header of the file
        (8, 0),  # its method
        (30, ord("b")),  # its name
        (0, ord("Q")),  # its mark
    ],
)
def test_a_header_that_disagrees_with_the_directory_is_refused(
    made: Made, at: int, value: int
) -> None:
    def lie(data: bytearray) -> None:
        data[at] = value

    assert "not what its header says" in refusal(patched(made(("a.txt", "text " * 9)), lie))


def test_a_directory_that_tells_of_more_than_there_is_is_refused(made: Made) -> None:
    def longer(data: bytearray) -> None:
        struct.pack_into("<L", data, data.find(b"PK\1\2") + 20, 1 << 30)

    assert "more bytes than it has" in refusal(patched(made(("a.txt", "x")), longer))


def test_entries_that_share_their_bytes_are_refused(made: Made) -> None:
    def overlap(data: bytearray) -> None:
        struct.pack_into("<L", data, central(data, b"b.txt") + 42, 0)

    path = patched(made(("a.txt", "the same"), ("b.txt", "the same")), overlap)
    assert "overlaps another entry (a ZIP bomb)" in refusal(path)


def test_other_methods_of_packing_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "made.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.txt", "x" * 100)
    assert "by a method that is not read" in refusal(path)


def test_a_damaged_entry_is_refused(made: Made) -> None:
    def damage(data: bytearray) -> None:
        struct.pack_into("<L", data, data.find(b"PK\1\2") + 16, 12_345)

    assert "checksum is wrong" in refusal(patched(made(("a.txt", "x")), damage))


def test_zip64_is_refused(made: Made) -> None:
    def insert(data: bytearray) -> None:
        data[data.rfind(b"PK\5\6") : data.rfind(b"PK\5\6")] = b"PK\6\7" + bytes(16)

    assert "ZIP64" in refusal(patched(made(("a.txt", "x")), insert))


@pytest.mark.parametrize("data", [b"", b"PK", b"no archive", b"PK\5\6", b"\x1f\x8b\x08"])
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "made.zip"
    path.write_bytes(data)
    assert refusal(path) == "Uploaded file is not a valid ZIP file"


def test_an_empty_archive_has_no_files(made: Made) -> None:
    assert read(made()) == {}
