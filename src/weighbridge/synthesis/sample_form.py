"""What a sample is made of: the columns, files or endings that its seeds have in common.

Within the engine a sample is one text: the text of its file, or, as JSON, its row or its files by
their names.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from weighbridge.core.json import Json, JsonObject
from weighbridge.core.synthesis import Production, Seeds, Shape, sample_name
from weighbridge.generation.replies import declines, read_object
from weighbridge.synthesis.names import extension_of
from weighbridge.synthesis.reading import SeedSample

LONGEST_SAMPLE = 1_000_000
"""Characters."""

_OPENING = 80
_MOST_PROBLEMS = 8
_WHOLE = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_DIGITS = re.compile(r"[0-9]+")
_FENCE = re.compile(r"\s*```[^\n`]*\n(.*?)\n?```\s*", re.DOTALL)
_INSTEAD = {".pdf": ".txt"}
"""Endings of seeds that are read and not written → what is written instead."""


class Unfit(Exception):
    """A reply is no sample, for these reasons."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems[:_MOST_PROBLEMS])


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        kind: `integer`, `number`, `boolean`, `text` or `any`.
        optional: whether it may be empty.
    """

    name: str
    kind: str
    optional: bool


@dataclass(frozen=True, slots=True)
class SampleForm:
    """What a sample is made of.

    Attributes:
        extension: of the file that is made, with its dot; of a folder's files each has its own.
        columns: of a table.
        names: of the files of a folder; `*` stands for the number of the sample, from 1.
        fields: columns, or keys of the object, that files of the shape MULTI_FILE all have.
    """

    shape: Shape
    extension: str = ".txt"
    columns: tuple[Column, ...] = ()
    names: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()

    @property
    def is_table(self) -> bool:
        """Whether samples are rows of one file."""
        return self.shape is Shape.SINGLE_FILE

    @property
    def prose(self) -> bool:
        """Whether it is a text that can be written part by part."""
        return self.shape is Shape.MULTI_FILE and self.extension in {".txt", ".md"}

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns or files that it is made of; a text is made of none."""
        return tuple(it.name for it in self.columns) or self.names

    def schema(self) -> JsonObject | None:
        """The JSON schema of a reply that is a sample; None: it is plain text."""
        if self.is_table:
            kinds = {it.name: _schema_of(it) for it in self.columns}
        elif self.shape is Shape.MULTI_FOLDER:
            kinds = {name: {"type": "string"} for name in self.names}
        else:
            return None
        return {
            "type": "object",
            "properties": kinds,
            "required": list(kinds),
            "additionalProperties": False,
        }

    def schema_of(self, column: str) -> JsonObject:
        """The JSON schema of the value of one column."""
        return next(_schema_of(it) for it in self.columns if it.name == column)

    def read(self, reply: str) -> str:
        """The sample that a reply is.

        Raises:
            Unfit: it is none.
        """
        if self.shape is Shape.MULTI_FILE:
            text = _clean(_unfenced(reply))
            if not text.strip():
                raise Unfit(["the reply is empty"])
            if len(text) > LONGEST_SAMPLE:
                raise Unfit([f"it has over {LONGEST_SAMPLE:,} characters"])
            return text
        value = read_object(reply)
        if value is None:
            raise Unfit(["the reply is no JSON object"])
        return self.put_together(value)

    def put_together(self, parts: Mapping[str, Json]) -> str:
        """A sample out of its columns or files.

        Raises:
            Unfit: none of them is there, or they are far too long.
        """
        if not any(key in parts for key in self.keys):
            raise Unfit([f"it has none of {', '.join(self.keys)}"])
        if self.is_table:
            made: dict[str, Json] = {
                it.name: _typed(_cleaned(parts.get(it.name)), it) for it in self.columns
            }
        else:
            made = {name: _text(parts.get(name)) for name in self.names}
        text = orjson.dumps(made).decode()
        if len(text) > LONGEST_SAMPLE:
            raise Unfit([f"it has over {LONGEST_SAMPLE:,} characters"])
        return text

    def problems(self, sample: str) -> list[str]:
        """What is structurally wrong with a sample."""
        if self.is_table:
            return self.problems_in(orjson.loads(sample))
        if self.shape is Shape.MULTI_FOLDER:
            files: dict[str, str] = orjson.loads(sample)
            found = [
                f"{name}: {problem}"
                for name, text in files.items()
                for problem in _problems_of(text, extension_of(name), ())
            ]
        else:
            found = _problems_of(sample, self.extension, self.fields)
        return found[:_MOST_PROBLEMS]

    def problems_in(self, row: JsonObject) -> list[str]:
        """What is structurally wrong with a row."""
        found = [problem for it in self.columns if (problem := _problem_in(row, it))]
        return found[:_MOST_PROBLEMS]

    def row(self, sample: str) -> JsonObject | None:
        """The row that a sample is; None: it is made of files."""
        return orjson.loads(sample) if self.is_table else None

    def files(self, sample: str, number: int) -> tuple[tuple[str, str], ...]:
        """The files that a sample consists of: path below the sample → text; none for a row.

        Args:
            number: 0-based, of the sample.
        """
        if self.is_table:
            return ()
        if self.shape is Shape.MULTI_FILE:
            return ((f"{sample_name(number)}{self.extension}", sample),)
        files: dict[str, str] = orjson.loads(sample)
        return tuple((name.replace("*", str(number + 1)), text) for name, text in files.items())


def form_of(shape: Shape, seeds: Seeds | None, samples: Sequence[SeedSample]) -> SampleForm:
    """What samples are made of that are like these.

    Args:
        seeds: None: there are none, and samples are plain texts.
        samples: read from them.
    """
    if seeds is None or not samples:
        return SampleForm(Shape.MULTI_FILE)
    first = extension_of(seeds.files[0].path)
    extension = _INSTEAD.get(first, first)
    if shape is Shape.SINGLE_FILE:
        rows = [it.row for it in samples if it.row is not None]
        return SampleForm(shape, extension, columns=_columns(rows))
    if shape is Shape.MULTI_FOLDER:
        names = _names([[name for name, _ in it.files] for it in samples])
        return SampleForm(shape, "", names=names)
    texts = [text for it in samples for _, text in it.files]
    return SampleForm(shape, extension, fields=_fields(extension, texts))


def form_to_json(form: SampleForm) -> JsonObject:
    """How it is kept."""
    return asdict(form)


def form_of_production(production: Production) -> SampleForm:
    """What the samples of a production are made of, as `form_to_json` has kept it."""
    params: Mapping[str, Any] = production.params
    kept = params["form"]
    return SampleForm(
        Shape(kept["shape"]),
        kept["extension"],
        tuple(Column(**it) for it in kept["columns"]),
        tuple(kept["names"]),
        tuple(kept["fields"]),
    )


def to_cell(value: Json) -> str:
    """A value as a cell of a CSV file."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _columns(rows: Sequence[JsonObject]) -> tuple[Column, ...]:
    names = dict.fromkeys(name for row in rows for name in row)
    return tuple(_column(name, [row.get(name) for row in rows]) for name in names)


def _column(name: str, values: Sequence[Json]) -> Column:
    there = [it for it in values if it is not None and it != ""]
    return Column(name, _kind_of(there), len(there) < len(values))


def _kind_of(values: Sequence[Json]) -> str:
    """The narrowest kind that all values have."""
    if not values:
        return "any"
    kinds: tuple[tuple[str, Callable[[Json], bool]], ...] = (
        ("boolean", lambda it: isinstance(it, bool)),
        ("integer", lambda it: _is_whole(it)),
        ("number", lambda it: _is_number(it)),
        ("text", lambda it: isinstance(it, str)),
    )
    return next((kind for kind, fits in kinds if all(map(fits, values))), "any")


def _is_whole(value: Json) -> bool:
    if isinstance(value, str):
        # A leading zero belongs to a code, not to a number.
        digits = value.lstrip("+-")
        return bool(_WHOLE.fullmatch(value)) and (digits == "0" or not digits.startswith("0"))
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Json) -> bool:
    if isinstance(value, str):
        return bool(_NUMBER.fullmatch(value)) and (_is_whole(value) or not _WHOLE.fullmatch(value))
    return isinstance(value, int | float) and not isinstance(value, bool)


def _schema_of(column: Column) -> JsonObject:
    kind = {"text": "string"}.get(column.kind, column.kind)
    if kind == "any":
        return {}
    return {"type": [kind, "null"]} if column.optional else {"type": kind}


def _typed(value: Json, column: Column) -> Json:
    """A value as its column has it, if it can be read so."""
    if isinstance(value, str):
        text = value.strip()
        if column.kind == "integer" and _is_whole(text):
            return int(text)
        if column.kind == "number" and _is_number(text):
            return float(text)
        if column.kind == "boolean" and text.lower() in {"true", "false"}:
            return text.lower() == "true"
    if column.kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    if column.kind == "text" and isinstance(value, int | float) and not isinstance(value, bool):
        return to_cell(value)
    return value


def _problem_in(row: JsonObject, column: Column) -> str | None:
    value = row.get(column.name)
    if value is None or value == "":
        return None if column.optional else f"the column {column.name} is empty"
    is_plain = column.kind == "any" or (column.kind == "text" and isinstance(value, str))
    if not is_plain and _kind_of([value]) not in _WITHIN[column.kind]:
        return f"the column {column.name} holds no {column.kind}"
    if isinstance(value, str) and " " in value and declines(value[:_OPENING]):
        return f"in the column {column.name} the model declined to write it"
    return None


_WITHIN = {
    "boolean": {"boolean"},
    "integer": {"integer"},
    "number": {"integer", "number"},
    "text": {"integer", "number", "text"},
}


def _problems_of(text: str, extension: str, fields: Sequence[str]) -> list[str]:
    """What is wrong with the text of a file."""
    if not text.strip():
        return ["it is empty"]
    if extension == ".json":
        return _problems_of_json(text, fields)
    if extension == ".jsonl":
        lines = [line for line in text.splitlines() if line.strip()]
        broken = [number for number, line in enumerate(lines, start=1) if not _is_json(line)]
        return [f"line {broken[0]} is no JSON"] if broken else []
    if extension == ".csv":
        return _problems_of_csv(text, fields)
    if declines(text[:_OPENING]):
        return ["the model declined to write it"]
    return []


def _problems_of_json(text: str, fields: Sequence[str]) -> list[str]:
    try:
        value = orjson.loads(text)
    except ValueError as error:
        return [f"it is no JSON: {error}"]
    if not fields:
        return []
    if not isinstance(value, dict):
        return ["it is no JSON object"]
    return [f"the key {name} is missing" for name in fields if name not in value]


def _problems_of_csv(text: str, fields: Sequence[str]) -> list[str]:
    try:
        rows = [row for row in csv.reader(io.StringIO(text), strict=True) if row]
    except csv.Error as error:
        return [f"it is no CSV: {error}"]
    if len(rows) < 2:
        return ["a CSV has a header and at least one row"]
    found = [f"the column {name} is missing" for name in fields if name not in rows[0]]
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(rows[0]):
            found.append(f"row {number} has {len(row)} cells, and the header {len(rows[0])}")
            break
    return found


def _fields(extension: str, texts: Sequence[str]) -> tuple[str, ...]:
    """The columns or keys that all texts have; none where they are of another form."""
    seen: list[list[str]] = []
    for text in texts:
        if extension == ".csv":
            seen.append(next(csv.reader(io.StringIO(text)), []))
        elif extension == ".json":
            value = orjson.loads(text) if _is_json(text) else None
            seen.append(list(value) if isinstance(value, dict) else [])
    if not seen:
        return ()
    common = set(seen[0]).intersection(*map(set, seen[1:]))
    return tuple(name for name in seen[0] if name in common)


def _names(folders: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """What the files of a folder are called: as in most folders, or as in the first."""
    exact, times = _commonest(tuple(sorted(names)) for names in folders)
    if 2 * times > len(folders):
        return _in_order(exact, folders)
    numbered = [
        tuple(sorted(_numbered(name) for name in names))
        for names in folders
        if len({_numbered(name) for name in names}) == len(names)
    ]
    if numbered:
        pattern, times = _commonest(numbered)
        if 2 * times > len(folders):
            return pattern
    return tuple(folders[0])


def _commonest(items: Iterable[tuple[str, ...]]) -> tuple[tuple[str, ...], int]:
    return Counter(items).most_common(1)[0]


def _in_order(names: tuple[str, ...], folders: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The names as they follow each other in the first folder that has just these."""
    return next(tuple(it) for it in folders if tuple(sorted(it)) == names)


def _numbered(name: str) -> str:
    """A name of a file with the first number in it replaced; an ending stays as it is."""
    extension = extension_of(name)
    stem = name[: len(name) - len(extension)]
    return _DIGITS.sub("*", stem, count=1) + name[len(stem) :]


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except ValueError:
        return False
    return True


def _unfenced(reply: str) -> str:
    """A reply without the code fence around it, if it is all in one."""
    found = _FENCE.fullmatch(reply)
    return found[1] if found and "\n```" not in found[1] else reply


def _text(value: Json) -> str:
    if isinstance(value, str):
        return _clean(value)
    return "" if value is None else orjson.dumps(value).decode()


def _cleaned(value: Json) -> Json:
    return _clean(value) if isinstance(value, str) else value


def _clean(text: str) -> str:
    """Text that every store takes: half characters, which JSON can write, have no place in one."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "")
