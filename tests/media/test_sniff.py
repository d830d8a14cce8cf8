"""Files are what their content says; a disguise is seen through."""

from pathlib import Path

import docx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.videos import png, sound, video
from weighbridge.core.asset import AssetKind
from weighbridge.errors import Invalid
from weighbridge.media.sniff import (
    UNKNOWN,
    Sniffed,
    expected,
    kind_of,
    refuse_disguise,
    seen_as,
    sniff,
)

BMP = b"BM" + b"\x46\0\0\0" + b"\0\0\0\0" + b"\x36\0\0\0" + b"\x28\0\0\0" + b"\0" * 40
HEADS = {
    "image/png": png(),
    "image/jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "image/gif": b"GIF89a\x01\0\x01\0",
    "image/webp": b"RIFF\x10\0\0\0WEBPVP8 ",
    "image/bmp": BMP,
    "application/pdf": b"%PDF-1.7\n",
}


def look(folder: Path, data: bytes, said: str = UNKNOWN) -> Sniffed:
    path = folder / "file"
    path.write_bytes(data)
    return sniff(path, said)


@pytest.mark.parametrize("media_type", HEADS)
def test_images_and_documents_are_known_by_their_first_bytes(
    tmp_path: Path, media_type: str
) -> None:
    found = look(tmp_path, HEADS[media_type], "video/mp4")
    kind = AssetKind.IMAGE if media_type.startswith("image") else AssetKind.DOCUMENT
    assert found == Sniffed(kind, media_type)


def test_what_can_be_shown_in_place_is_an_image_or_a_video() -> None:
    seen = {media_type: seen_as(head) for media_type, head in HEADS.items()}
    assert seen == {it: it if it.startswith("image/") else None for it in HEADS}
    assert seen_as(b"\0\0\0\x18ftypheic") is None
    assert seen_as(b"<svg onload=alert(1)>") is None
    assert seen_as(b"") is None


@pytest.mark.parametrize(
    ("name", "codec", "media_type"),
    [
        ("a.mp4", "mpeg4", "video/mp4"),
        ("a.mov", "mpeg4", "video/quicktime"),
        ("a.webm", "libvpx", "video/webm"),
        ("a.mkv", "mpeg4", "video/x-matroska"),
        ("a.avi", "mpeg4", "video/x-msvideo"),
    ],
)
def test_videos_are_known_by_their_container(
    tmp_path: Path, name: str, codec: str, media_type: str
) -> None:
    made = video(tmp_path / name, codec=codec, frames=3)
    assert look(tmp_path, made) == Sniffed(AssetKind.VIDEO, media_type)


def test_word_is_told_from_other_zip_files(tmp_path: Path) -> None:
    docx.Document().save(str(tmp_path / "a.docx"))
    found = look(tmp_path, (tmp_path / "a.docx").read_bytes())
    assert found.media_type.endswith("wordprocessingml.document")
    with pytest.raises(Invalid, match="a zip file, and no Word document"):
        look(tmp_path, b"PK\x03\x04 something else")


def test_what_a_text_is_said_to_be_tells_texts_apart_and_nothing_else(tmp_path: Path) -> None:
    text = "# Weighing äöü".encode()
    assert look(tmp_path, text) == Sniffed(AssetKind.TEXT, "text/plain")
    assert look(tmp_path, text, "text/markdown") == Sniffed(AssetKind.TEXT, "text/markdown")
    assert look(tmp_path, text, "image/png") == Sniffed(AssetKind.TEXT, "text/plain")
    assert look(tmp_path, text, "text/html") == Sniffed(AssetKind.DOCUMENT, "text/html")
    page = b"\xef\xbb\xbf \n<!DOCTYPE html><p>x"
    assert look(tmp_path, page) == Sniffed(AssetKind.DOCUMENT, "text/html")
    assert look(tmp_path, page, "text/plain") == Sniffed(AssetKind.TEXT, "text/plain")


@given(st.text(min_size=1))
def test_every_text_is_a_text(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    written = text.replace("\0", "x").encode("utf-8", "replace")
    folder = tmp_path_factory.mktemp("text")
    if written.startswith((b"GIF87a", b"GIF89a", b"%PDF-", b"OggS", b"ID3", b"BM")):
        return
    assert look(folder, written).kind in {AssetKind.TEXT, AssetKind.DOCUMENT}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"\0" * 100, "nothing that can be read"),
        ("café".encode("latin-1"), "nothing that can be read"),
        (b"a" * (1 << 20) + b"\xff", "nothing that can be read"),
        ("text".encode("utf-16"), "UTF-16"),
        (b"II*\0", "TIFF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"\0\0\0\x18ftypM4A \0\0\0\0", "sound"),
        (b"\x1f\x8b\x08", "gzip"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(
    tmp_path: Path, data: bytes, said: str
) -> None:
    with pytest.raises(Invalid, match=said):
        look(tmp_path, data)


def test_sound_in_the_container_of_videos_is_a_video_for_now(tmp_path: Path) -> None:
    assert look(tmp_path, sound(tmp_path / "a.mp4")).kind is AssetKind.VIDEO


def test_the_sender_goes_before_the_name_and_the_name_before_nothing() -> None:
    assert expected("image/JPEG; x=y", "a.png") == "image/jpeg"
    assert expected(UNKNOWN, "a.b.PNG") == "image/png"
    assert expected(None, "clip.mov") == "video/quicktime"
    assert expected("", "notes") == UNKNOWN
    assert expected(None, "a.zip") == UNKNOWN


def test_types_that_are_not_read_are_refused_before_they_come() -> None:
    assert kind_of(UNKNOWN) is None
    assert kind_of("application/ld+json") is AssetKind.TEXT
    for media_type in ("audio/mpeg", "application/zip", "image/png\r\nX: y", "video"):
        with pytest.raises(Invalid, match="are not read"):
            kind_of(media_type)


@pytest.mark.parametrize("claim", ["image/jpeg", "image/svg+xml", UNKNOWN, "audio/mpeg"])
def test_an_image_may_be_in_another_format_than_was_said(claim: str) -> None:
    refuse_disguise(Sniffed(AssetKind.IMAGE, "image/png"), claim)


@pytest.mark.parametrize(
    ("found", "claim"),
    [
        (Sniffed(AssetKind.TEXT, "text/plain"), "image/png"),
        (Sniffed(AssetKind.DOCUMENT, "text/html"), "image/png"),
        (Sniffed(AssetKind.TEXT, "text/plain"), "application/pdf"),
        (Sniffed(AssetKind.IMAGE, "image/png"), "video/mp4"),
        (Sniffed(AssetKind.VIDEO, "video/mp4"), "image/png"),
        (Sniffed(AssetKind.DOCUMENT, "application/pdf"), "text/plain"),
    ],
)
def test_a_file_of_another_kind_than_was_said_is_refused(found: Sniffed, claim: str) -> None:
    with pytest.raises(Invalid, match=f"said to be {claim}, and by its content"):
        refuse_disguise(found, UNKNOWN, claim)


def test_a_page_may_be_called_a_text() -> None:
    refuse_disguise(Sniffed(AssetKind.DOCUMENT, "text/html"), "text/plain", "text/html")
