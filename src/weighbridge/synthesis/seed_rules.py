"""What seeds may be: which files, how many, how large. Plain rules over names and sizes."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from weighbridge.core.synthesis import Shape
from weighbridge.errors import FieldProblem
from weighbridge.synthesis.names import extension_of, problem_of

MEDIA_TYPES: Mapping[str, str] = {
    ".txt": "text/plain",
    ".md": "text/markdown",
    ".json": "application/json",
    ".csv": "text/csv",
    ".jsonl": "application/jsonl",
    ".pdf": "application/pdf",
}
"""Extension → media type of what is read."""
WORKBOOK = ".xlsx"
"""An extension that is known, and refused by name."""
TABLES = (".csv", ".json", ".jsonl")
"""Extensions of files that hold all samples, a row each."""

MOST_IN_ALL = 50 << 20
"""Bytes of all files together; also of a file that holds all samples."""
MOST_BYTES = 1 << 20
"""Bytes of a file that is a sample, or a part of one."""
MOST_FILES = 1_000
MOST_IN_FOLDER = 20
LEAST_ROWS = 2

_TOLD = 10  # problems of one kind that are told of


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that is to be one of the seeds.

    Attributes:
        name: without folders.
        folder: that it lies in; None: in none.
        size: in bytes.
    """

    name: str
    folder: str | None
    size: int

    @property
    def path(self) -> str:
        """Below the seeds."""
        return self.name if self.folder is None else f"{self.folder}/{self.name}"


def check(shape: Shape, files: Sequence[Candidate]) -> list[FieldProblem]:
    """What is wrong with files as seeds of a shape, by their names, places and sizes.

    Returns:
        Problems of the fields `files` and `folders`; none: they may be read.
    """
    if (problem := _wrong_number(shape, files)) is not None:
        return [FieldProblem("files", problem)]
    problems = [FieldProblem("files", it) for it in _first(_wrong_names(shape, files))]
    problems += [FieldProblem("files", it) for it in _first(_wrong_sizes(shape, files))]
    if shape is Shape.MULTI_FILE:
        extensions = sorted({extension_of(it.name) for it in files})
        if len(extensions) > 1:
            problems.append(
                FieldProblem(
                    "files",
                    "All files in a multi-file dataset must have the same extension. Found: "
                    + ", ".join(it or "none" for it in extensions[:_TOLD]),
                )
            )
    if shape is Shape.MULTI_FOLDER:
        problems += [FieldProblem("folders", it) for it in _first(_wrong_folders(files))]
    return problems


def shape_of(files: Sequence[Candidate]) -> Shape:
    """What files of an archive are meant to be: folders are samples if there are several."""
    if len({it.folder for it in files} - {None}) >= 2:
        return Shape.MULTI_FOLDER
    return Shape.SINGLE_FILE if len(files) == 1 else Shape.MULTI_FILE


def _wrong_number(shape: Shape, files: Sequence[Candidate]) -> str | None:
    if shape is Shape.SINGLE_FILE:
        if not files:
            return "No file provided. SINGLE_FILE dataset requires exactly 1 file."
        if len(files) > 1:
            return f"SINGLE_FILE dataset requires exactly 1 file, got {len(files)}."
    elif len(files) < 2:
        return f"{shape} dataset requires at least 2 files, got {len(files)}."
    elif len(files) > MOST_FILES:
        return f"{shape} dataset may have at most {MOST_FILES:,} files, got {len(files):,}."
    return None


def _wrong_names(shape: Shape, files: Sequence[Candidate]) -> Iterator[str]:
    allowed = TABLES if shape is Shape.SINGLE_FILE else tuple(MEDIA_TYPES)
    for file in files:
        extension = extension_of(file.name)
        if (problem := problem_of(file.name)) is not None:
            yield f"The file name {file.name[:100]!r} {problem}."
        elif extension == WORKBOOK:
            yield (
                f"{file.name[:100]!r}: Excel workbooks (.xlsx) are not read here; save the sheet "
                "as CSV and send that."
            )
        elif extension not in allowed:
            yield (
                f"File type {extension or 'without an extension'} not allowed for {shape} "
                f"({file.name[:100]!r}). Allowed: {', '.join(allowed)}"
            )
    for path, count in Counter(it.path for it in files).items():
        if count > 1:
            yield f"{count} files are called {path[:200]!r}; each needs a name of its own."


def _wrong_sizes(shape: Shape, files: Sequence[Candidate]) -> Iterator[str]:
    most = MOST_IN_ALL if shape is Shape.SINGLE_FILE else MOST_BYTES
    for file in files:
        if file.size > most:
            yield (
                f"{file.path[:200]!r} has {_megabytes(file.size)}; a file of a {shape} dataset "
                f"may have at most {most >> 20} MB."
            )
        elif file.size == 0:
            yield f"{file.path[:200]!r} is empty."
    total = sum(it.size for it in files)
    if shape is not Shape.SINGLE_FILE and total > MOST_IN_ALL:
        yield f"The files have {_megabytes(total)} in all; at most {MOST_IN_ALL >> 20} MB may be."


def _wrong_folders(files: Sequence[Candidate]) -> Iterator[str]:
    folders = Counter(it.folder or "" for it in files)
    for folder, count in folders.items():
        if (problem := problem_of(folder)) is not None:
            yield f"The folder name {folder[:100]!r} {problem}."
        elif count > MOST_IN_FOLDER:
            yield (
                f"The folder {folder[:100]!r} has {count} files; at most {MOST_IN_FOLDER} may be "
                "in a folder."
            )
    if len(folders.keys() - {""}) < 2:
        yield "MULTI_FOLDER dataset requires at least 2 different folders."


def _first(problems: Iterator[str]) -> list[str]:
    found = list(problems)
    more = len(found) - _TOLD
    return found if more <= 0 else [*found[:_TOLD], f"… and {more:,} more like these."]


def _megabytes(size: int) -> str:
    return f"{size / (1 << 20):.1f} MB"
