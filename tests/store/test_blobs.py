"""Blobs appear whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from weighbridge.errors import OutOfSpace, Unavailable
from weighbridge.store.blobs import Blobs


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(None, tmp_path / "blobs")


async def test_a_file_is_read_back_by_ranges(blobs: Blobs, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(200)))
    await blobs.take_file("a/b.jsonl", path)
    assert await blobs.get_range("a/b.jsonl", 10, 13) == bytes([10, 11, 12])
    assert await blobs.get_range("a/b.jsonl", 5, 5) == b""
    assert await blobs.exists("a/b.jsonl")


async def test_a_deleted_blob_is_gone_and_deleting_it_again_is_no_error(
    blobs: Blobs, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    await blobs.take_file("a", path)
    await blobs.delete("a")
    await blobs.delete("a")
    assert not await blobs.exists("a")
    with pytest.raises(Unavailable, match="gone"):
        await blobs.get_range("a", 0, 1)


async def test_a_full_disk_is_said_and_leaves_nothing_behind(
    blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutOfSpace, match="no room left"):
        await blobs.take_file("a", path)
    assert not await blobs.exists("a")


async def test_a_file_from_another_file_system_arrives_whole(
    blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    replace = Path.replace

    def elsewhere(self: Path, target: Path) -> Path:
        if self == path:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", elsewhere)
    await blobs.take_file("a", path)
    assert await blobs.get_range("a", 0, 7) == b"content"
    assert [p.name for p in (tmp_path / "blobs").iterdir()] == ["a"]


async def test_bytes_are_stored_and_read_whole(tmp_path: Path) -> None:
    blobs = Blobs(None, tmp_path / "blobs")
    await blobs.put("images/ab/abc", b"first")
    await blobs.put("images/ab/abc", b"second")
    assert await blobs.get("images/ab/abc") == b"second"
    assert await blobs.get_range("images/ab/abc", 1, 3) == b"ec"
    with pytest.raises(Unavailable, match="is gone"):
        await blobs.get("images/ab/other")


async def test_bytes_that_cannot_be_stored_say_so(tmp_path: Path) -> None:
    blobs = Blobs(None, tmp_path / "blobs")
    (tmp_path / "blobs" / "images").write_text("a file where a folder should be")
    with pytest.raises(Unavailable, match="cannot be written"):
        await blobs.put("images/ab/abc", b"x")
