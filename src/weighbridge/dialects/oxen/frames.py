"""How pages of a data frame are asked for and shown."""

import re
import secrets
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Annotated, Any, TypeAlias

import xxhash
from fastapi import Query
from pydantic import BaseModel, Field
from starlette.responses import Response, StreamingResponse

from weighbridge.datasets.columns import HIDDEN
from weighbridge.datasets.rows import Row
from weighbridge.dialects.oxen import wire
from weighbridge.dialects.oxen.answers import FOUND, success
from weighbridge.dialects.shared import NotSupported
from weighbridge.errors import Invalid
from weighbridge.services.frames import Frame, Frames, chosen

ROW_ID = "_oxen_id"
"""The column that the client tells rows by. It is shown, and never in a file."""

_MOST_ROWS = 10_000
_SLICE = re.compile(r"(\d{1,15})\.\.(\d{1,15})")
_LIST = re.compile(r"(?:large_|fixed_size_)?list<[^:]*: (.*?)(?: not null)?>(?:\[\d+\])?")
_DTYPES = {
    "bool": "bool",
    "uint8": "uint8",
    "uint16": "u16",
    "uint32": "u32",
    "uint64": "u64",
    "int8": "i8",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
    "halffloat": "f32",
    "float": "f32",
    "double": "f64",
    "string": "str",
    "large_string": "str",
    "string_view": "str",
    "null": "null",
    "list": "list[?]",
}


class Wanted(BaseModel):
    """What a request asks of a data frame. The last ones are refused when they are used."""

    page: int = Field(1, ge=0, le=10**9)
    page_size: int = Field(100, ge=1, le=2**63)
    sql: str | None = None
    columns: str | None = None
    slice: str | None = None
    filter: str | None = None
    aggregate: str | None = None
    unique: str | None = None
    sort_by: str | None = None
    take: str | None = None
    col_at: str | None = Field(None, alias="col-at")
    randomize: bool = False
    reverse: bool = False
    find_embedding_where: str | None = None
    sort_by_similarity_to: str | None = None

    @property
    def stretch(self) -> tuple[int, int]:
        """The first row, and the one after the last.

        Raises:
            Invalid: `slice` is none.
        """
        if self.slice is None:
            start = max(0, self.page - 1) * self.page_size
            return start, start + self.page_size
        found = _SLICE.fullmatch(self.slice)
        if found is None:
            raise Invalid(f"the slice {self.slice[:40]!r} cannot be read: `start..end`")
        return int(found[1]), int(found[2])

    @property
    def names(self) -> list[str] | None:
        """The columns that are asked for; None: all."""
        return self.columns.split(",") if self.columns else None


WantedHere: TypeAlias = Annotated[Wanted, Query()]


def dtype(kind: str) -> str:
    """A type of arrow's words in those of the client."""
    if kind in _DTYPES:
        return _DTYPES[kind]
    for start, word in _STARTS:
        if kind.startswith(start):
            return word
    found = _LIST.fullmatch(kind)
    return f"list[{dtype(found[1])}]" if found else "?"


_STARTS = (
    ("date", "date"),
    ("timestamp", "datetime"),
    ("time", "time"),
    ("struct", "struct"),
    ("map", "struct"),
    ("decimal", "str"),
    ("duration", "f64"),
    ("fixed_size_binary", "str"),
    ("binary", "str"),
    ("large_binary", "str"),
    ("dictionary<values=string", "str"),
)


def arrow_type(dtype: str) -> str:
    """A type in the client's words in those of arrow; as it is where that is none."""
    return _ARROW.get(dtype, dtype)


_ARROW = {word: kind for kind, word in reversed(_DTYPES.items())} | {
    "str": "string",
    "f32": "float",
    "float": "float",
    "int": "int32",
    "date": "date32",
}


def given_rows(body: object, frame: Frame) -> list[Row]:
    """The rows of a request: one object or many, by themselves or as `data`, without the columns
    that are the vendor's own.

    Raises:
        Invalid: there are none.
    """
    if isinstance(body, dict) and body.keys() == {"data"} and "data" not in frame.columns:
        body = body["data"]
    rows: list[Any] = body if isinstance(body, list) else [body]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise Invalid("a row is an object, column → value")
    return [
        {name: cell for name, cell in row.items() if not name.startswith(HIDDEN)} for row in rows
    ]


async def some_rows(
    frames: Frames, frame: Frame, start: int, count: int, **fields: Any
) -> Response:
    """A few rows with their ids as an answer, as to an edit of them.

    Args:
        fields: what stands beside them.
    """
    rows = await frames.rows(frame, start, start + count)
    columns, named = with_ids(frame, frame.columns, rows, start)
    # The client picks columns by a list with commas in between, and dies of one that has a comma.
    columns = {name: kind for name, kind in columns.items() if "," not in name}
    one = len(named) == 1
    return success(
        fields.pop("message", FOUND),
        **{
            "data_frame": views(frame, columns, named, len(named), Wanted(page_size=max(1, count))),
            "diff": None,
            "commit": None,
            "derived_resource": None,
            "resource": None,
            "row_id": named[0][ROW_ID] if one else None,
            "row_index": start if one else None,
            **fields,
        },
    )


async def page(frames: Frames, frame: Frame, wanted: Wanted, *, ids: bool) -> dict[str, Any]:
    """One page of a data frame.

    Args:
        ids: whether rows have their id beside their own columns.

    Raises:
        Invalid: a column is not there, or more rows are asked for than a page may have.
    """
    start, stop = wanted.stretch
    if stop - start > _MOST_ROWS:
        raise Invalid(f"a page may have {_MOST_ROWS:,} rows, not {stop - start:,}")
    some = chosen(frame, wanted.names) if wanted.names is not None else frame
    rows, columns = await frames.rows(some, start, stop), some.columns
    if ids:
        columns, rows = with_ids(frame, columns, rows, start)
    return views(frame, columns, rows, frame.shape.rows, wanted)


async def answered(
    frames: Frames, frame: Frame, wanted: Wanted, *, ids: bool, **fields: Any
) -> Response:
    """A page of a data frame, or of what a query selects from it, as an answer.

    Args:
        ids: whether rows have their id beside their own columns.
        fields: what stands beside it.

    Raises:
        NotSupported: it is asked for in a way that we do not have.
        Invalid: as `page`; or the query is wrong.
    """
    _refuse(wanted)
    if not wanted.sql:
        return success(data_frame=await page(frames, frame, wanted, ids=ids), **fields)
    start, stop = wanted.stretch
    answer = await frames.ask(frame, wanted.sql, id_column=ROW_ID if ids else None, again=start > 0)
    # The client wants all rows at once: they go from where they are kept to it, a part at a time.
    place = secrets.token_hex()
    whole = success(data_frame=views(frame, answer.columns, place, answer.rows, wanted), **fields)
    before, _, after = bytes(whole.body).partition(b'"%b"' % place.encode())
    parts = chain([before + b"["], answer.parts(start, stop), [b"]" + after])
    return StreamingResponse(parts, media_type="application/json")


def with_ids(
    frame: Frame, columns: Mapping[str, str], rows: Sequence[Row], start: int
) -> tuple[dict[str, str], list[Row]]:
    """Columns and rows with the ids that the rows have when they stand at `start` and after."""
    named = [
        {**row, ROW_ID: frame.numbers.id_at(position)} for position, row in enumerate(rows, start)
    ]
    return {**columns, ROW_ID: "string"}, named


def views(
    frame: Frame, columns: Mapping[str, str], rows: object, total: int, wanted: Wanted
) -> dict[str, Any]:
    """A data frame and what is shown of it.

    Args:
        columns: of the rows that are shown.
        rows: a list, or what stands for it.
        total: how many rows there are to be shown, on all pages.
    """
    start, stop = wanted.stretch
    return {
        "source": {
            "schema": schema(frame.columns),
            "size": {"height": frame.shape.rows, "width": len(frame.columns)},
        },
        "view": {
            "schema": schema(columns),
            "size": {"height": max(0, min(stop, total) - start), "width": len(columns)},
            "data": rows,
            "pagination": wire.page(wanted.page, wanted.page_size, total),
            "opts": [{"name": "sql", "value": wanted.sql}] if wanted.sql else [],
        },
    }


def schema(columns: Mapping[str, str]) -> dict[str, Any]:
    """Columns and their types."""
    fields = [
        {"name": name, "dtype": dtype(kind), "metadata": None, "changes": None}
        for name, kind in columns.items()
    ]
    told = "".join(f"{it['name']}\0{it['dtype']}\0" for it in fields)
    digest = xxhash.xxh3_128(told.encode("utf-8", "replace")).intdigest()
    return {"hash": f"{digest:x}", "fields": fields, "metadata": None}


def _refuse(wanted: Wanted) -> None:
    given = [
        name
        for name in ("filter", "aggregate", "unique", "sort_by", "take", "randomize", "reverse")
        if getattr(wanted, name)
    ]
    if wanted.col_at:
        given.append("col-at")
    if given:
        raise NotSupported(
            f"`{given[0]}` is not supported; use `sql`, a SELECT statement over the table `df`, "
            "such as SELECT * FROM df WHERE … ORDER BY …"
        )
    if wanted.find_embedding_where or wanted.sort_by_similarity_to:
        raise NotSupported(NEIGHBORS)


NEIGHBORS = (
    "there is no index of neighbours; use `sql` with list_cosine_similarity: SELECT *, "
    "list_cosine_similarity(embedding, [0.1, 0.2]) AS similarity FROM df "
    "ORDER BY similarity DESC LIMIT 10"
)
