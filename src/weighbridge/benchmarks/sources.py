"""Where the data of a benchmark are: a file or folder of the user's, or files inside installed
packages, which are read and never imported."""

import csv
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from weighbridge.benchmarks.form import Copy, StandardBenchmark
from weighbridge.datasets.readers import EXTENSIONS, open_rows
from weighbridge.datasets.rows import Row, describe
from weighbridge.errors import Invalid

INSTALL = "pip install --no-deps --require-hashes -r requirements/embedded.txt"

_MOST_FILES = 2_000
_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val"), "validation"),
    **{name: name for name in ("dev", "test")},
}
# The authors' word for the split that hubs call `validation`, and the other way round.
_ALSO = {"validation": "dev", "dev": "validation"}


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of records.

    Attributes:
        subject: what its name says that its questions are about.
    """

    path: Path
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where a benchmark's records come from.

    Attributes:
        files: those of the split that is asked. shots: those that worked examples come from.
        format: name of the loader.
        words: where it is, for people.
        note: in what it is not the whole benchmark.
    """

    files: tuple[DataFile, ...]
    shots: tuple[DataFile, ...]
    format: str
    words: str
    note: str | None = None


def find_source(benchmark: StandardBenchmark, path: Path | None = None) -> Source:
    """The records of a benchmark: those at `path`, else the first copy that is installed.

    Args:
        path: a file, or a folder with a file (or several) of each split.

    Raises:
        Invalid: there are none; the message says where they can be had.
    """
    if path is not None:
        return _of_folder(benchmark, path) if path.is_dir() else _of_file(benchmark, path)
    for copy in benchmark.copies:
        if found := installed(copy):
            words = f"{copy.package} {_version(copy.package)}, {copy.file}"
            return Source((DataFile(found),), (), copy.format or benchmark.format, words, copy.note)
    raise Invalid(missing(benchmark))


def installed(copy: Copy) -> Path | None:
    """The file of a copy; None when its package is not installed."""
    spec = importlib.util.find_spec(copy.package)  # finds its folder; imports nothing of it
    for folder in (spec.submodule_search_locations if spec else None) or ():
        path = Path(folder) / copy.file
        if path.is_file():
            return path
    return None


def missing(benchmark: StandardBenchmark) -> str:
    """What to do about data that are not here."""
    packages = ", ".join(copy.package for copy in benchmark.copies)
    message = f"the data of {benchmark.name} are not here"
    if packages:
        message += f": the package {packages} is not installed; run: {INSTALL}. Or"
    else:
        message += ":"
    return f"{message} get {benchmark.obtain}, and say where they are: --source PATH"


def records(benchmark: StandardBenchmark, file: DataFile) -> Iterator[Row]:
    """The records of a file, one at a time.

    Raises:
        Invalid: it cannot be read; the message names the file and the place.
    """
    rows = _rows(benchmark, file.path)
    labels = _labels_beside(benchmark, file.path)
    for number, row in enumerate(rows):
        if file.subject is not None:
            row.setdefault("subject", file.subject)
        if labels is not None and number < len(labels):
            row.setdefault("label", labels[number])
        yield row


def _rows(benchmark: StandardBenchmark, path: Path) -> Iterator[Row]:
    if benchmark.columns and path.suffix.lower() == ".csv" and not _has_header(path):
        return _without_header(path, benchmark.columns)
    return open_rows(path)


def _has_header(path: Path) -> bool:
    """Whether the first line names columns that we know, as files from hubs do."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        return True  # the reader of files with a header says what is wrong
    return {"question", "answer"} <= {cell.strip().lower() for cell in first}


def _without_header(path: Path, columns: list[str]) -> Iterator[Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, strict=True)
            for cells in lines:
                if len(cells) == len(columns):
                    yield dict(zip(columns, cells, strict=True))
                elif cells:
                    raise Invalid(
                        f"{describe(path)}, line {lines.line_num}: {len(cells)} cells where "
                        f"{len(columns)} were expected ({', '.join(columns)})"
                    )
    except OSError as error:
        raise Invalid(f"{describe(path)} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise Invalid(f"{describe(path)} is not UTF-8: {error.reason}") from error
    except csv.Error as error:
        raise Invalid(f"{describe(path)}: {error}") from error


def _labels_beside(benchmark: StandardBenchmark, path: Path) -> list[str] | None:
    """The lines of the file of answers beside a file of questions, where the authors keep one."""
    if benchmark.labels is None:
        return None
    beside = path.with_name(path.stem + benchmark.labels)
    try:
        return beside.read_text(encoding="utf-8").split() if beside.is_file() else None
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{describe(beside)} cannot be read: {error}") from error


def _of_file(benchmark: StandardBenchmark, path: Path) -> Source:
    if not path.is_file():
        raise Invalid(f"there is no file or folder {path}; get {benchmark.obtain}")
    return Source((_data_file(benchmark, path),), (), benchmark.format, str(path))


def _of_folder(benchmark: StandardBenchmark, folder: Path) -> Source:
    files = _files_in(folder)
    if benchmark.skip is not None:
        files = [path for path in files if benchmark.skip not in str(path.relative_to(folder))]
    if benchmark.folder is not None:
        wanted = benchmark.folder.lower()
        meant = [path for path in files if wanted in str(path.relative_to(folder)).lower()]
        files = meant or files
    split = _of_split(files, folder, benchmark.split)
    unnamed = [path for path in files if _split_of(path, folder) is None]
    if not split and len(unnamed) == 1:
        split = unnamed
    if not split:
        raise Invalid(
            f"in {folder} no data file is called `{benchmark.split}` (csv, jsonl, json, parquet…); "
            f"name the file itself, or get {benchmark.obtain}"
        )
    shots = _of_split(files, folder, benchmark.shots.split) if benchmark.shots else []
    return Source(
        tuple(_data_file(benchmark, path) for path in split),
        tuple(_data_file(benchmark, path) for path in shots if path not in split),
        benchmark.format,
        str(folder),
    )


def _files_in(folder: Path) -> list[Path]:
    found = []
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.suffix.lower() in EXTENSIONS and path.is_file():
            found.append(path)
        if len(found) > _MOST_FILES:
            raise Invalid(f"{folder} holds over {_MOST_FILES:,} data files; name the one meant")
    # What is there in two formats is read once.
    best: dict[Path, Path] = {}
    for path in found:
        other = best.setdefault(path.with_suffix(""), path)
        if _rank(path) < _rank(other):
            best[path.with_suffix("")] = path
    return list(best.values())


def _rank(path: Path) -> int:
    """The richest format first: cells of csv files are only text."""
    format_ = EXTENSIONS[path.suffix.lower()]
    return ("jsonl", "json", "parquet", "arrow", "csv", "tsv").index(format_)


def _of_split(files: list[Path], folder: Path, split: str) -> list[Path]:
    for name in (split, _ALSO.get(split)):
        if found := [path for path in files if name and _split_of(path, folder) == name]:
            return found
    return []


def _split_of(path: Path, folder: Path) -> str | None:
    """The split that a file's name, or else a folder's, says; the last word that is one."""
    for part in reversed(path.relative_to(folder).parts):
        words = re.split(r"[^a-z]+", part.lower())
        if named := [_SPLITS[word] for word in words if word in _SPLITS]:
            return named[-1]
    return None


def _data_file(benchmark: StandardBenchmark, path: Path) -> DataFile:
    """With its subject, where the authors' file has no column for it (`anatomy_test.csv`)."""
    if benchmark.columns is None:
        return DataFile(path)
    subject = re.sub(r"[_-](?:test|dev|val|train)$", "", path.stem.lower())
    return DataFile(path, subject if subject != path.stem.lower() else None)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(version unknown)"
