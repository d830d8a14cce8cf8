"""A file of rows as it is asked for: page by page, filtered, sorted, or by a query of one's own."""

from dataclasses import dataclass
from typing import Any

import orjson

from weighbridge.datasets.querying import Answer
from weighbridge.errors import Invalid, NotFound, TooLarge, WeighbridgeError
from weighbridge.services.frames import Frame, Frames
from weighbridge.web.rows import PAGE_ROWS, Table, table_of
from weighbridge.web.visit import Visit

LONGEST_SQL = 6_000
"""Characters of a query in an address."""

_TEXTS = frozenset({"string", "large_string"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A page of rows.

    Attributes:
        rows: how many there are in all.
        problem: what is wrong with what was asked; then there are none.
        status: of the page.
    """

    table: Table
    rows: int
    problem: str | None = None
    status: int = 200


def sql_of(visit: Visit) -> str:
    """The query in the address; "" where there is none.

    Raises:
        TooLarge: it is too long for one.
    """
    sql = visit.request.query_params.get("sql", "").replace("\r\n", "\n").strip()
    if len(sql) > LONGEST_SQL:
        raise TooLarge(f"a query in an address has at most {LONGEST_SQL:,} characters")
    return sql


async def ask(visit: Visit, frame: Frame, start: int) -> Asked:
    """The rows that the address asks for, from the 0-based place `start` on."""
    frames, column = visit.services.frames, visit.query.whole("column", 0)
    types = list(frame.columns.values())
    try:
        if sql := sql_of(visit):
            answer = await frames.ask(frame, sql, id_column=None, again=True)
            return _answered(answer, start, column)
        ordered = _Ordered.of(visit, frame)
        if ordered is not None and frame.shape.rows:
            rows, total = await ordered.page(frames, frame, start)
        else:
            found = await frames.rows(frame, start, start + PAGE_ROWS)
            rows = [(start + number, dict(row)) for number, row in enumerate(found)]
            total = frame.shape.rows
    except (Invalid, NotFound, TooLarge) as error:
        return Asked(table_of((), ()), 0, error.message, _status(error))
    return Asked(table_of(list(frame.columns), rows, types=types, column=column), total)


def rows_of(answer: Answer, start: int, stop: int) -> list[dict[str, Any]]:
    """Rows of an answer."""
    rows: list[dict[str, Any]] = orjson.loads(b"[%b]" % b"".join(answer.parts(start, stop)))
    return rows


def _answered(answer: Answer, start: int, column: int) -> Asked:
    rows = rows_of(answer, start, start + PAGE_ROWS) if start < answer.rows else []
    table = table_of(
        list(answer.columns),
        [(None, row) for row in rows],
        types=list(answer.columns.values()),
        column=column,
    )
    return Asked(table, answer.rows)


def _status(error: WeighbridgeError) -> int:
    return 413 if isinstance(error, TooLarge) else 400


@dataclass(frozen=True, slots=True)
class _Ordered:
    """Rows with a text in a column, in the order of a column.

    Attributes:
        where, has: None: all rows. sort: None: in their own order.
    """

    where: str | None
    has: str
    sort: str | None
    descending: bool

    @staticmethod
    def of(visit: Visit, frame: Frame) -> "_Ordered | None":
        """What the address says; None: nothing.

        Raises:
            NotFound: the file has no such column.
        """
        has = visit.query.text("has")
        where, sort = visit.query.text("where") if has else "", visit.query.text("sort")
        for name in (where, sort):
            if name and name not in frame.columns:
                raise NotFound(f"the file has no column {name[:80]!r}")
        if not (where or sort or has):
            return None
        return _Ordered(where or None, has, sort or None, visit.query.text("order") != "up")

    async def page(
        self, frames: Frames, frame: Frame, start: int
    ) -> tuple[list[tuple[int | None, dict[str, Any]]], int]:
        """The rows of a page, each with where it stands in the file, and how many there are."""
        id_column = "row"
        while id_column.casefold() in {name.casefold() for name in frame.columns}:
            id_column += "_"
        total = frame.shape.rows
        if self.has:
            counted = await frames.ask(
                frame,
                f"SELECT count(*) AS n FROM df{self._condition(frame)}",
                id_column=None,
                again=True,
            )
            total = int(rows_of(counted, 0, 1)[0]["n"])
        answer = await frames.ask(
            frame,
            f"SELECT * FROM df{self._condition(frame)}{self._order(frame, id_column)}"
            f" LIMIT {PAGE_ROWS} OFFSET {start}",
            id_column=id_column,
            again=True,
        )
        rows = rows_of(answer, 0, answer.rows) if answer.rows else []
        return [(frames.position_of(frame, str(row.pop(id_column))), row) for row in rows], total

    def _condition(self, frame: Frame) -> str:
        if not self.has:
            return ""
        names = [self.where] if self.where else list(frame.columns)
        text = "'" + self.has.casefold().replace("'", "''") + "'"
        tests = (f"contains(lower(CAST({_quoted(it)} AS VARCHAR)), {text})" for it in names)
        return f" WHERE {' OR '.join(tests)}"

    def _order(self, frame: Frame, id_column: str) -> str:
        if self.sort is None:
            return ""
        name, way = _quoted(self.sort), "DESC" if self.descending else "ASC"
        by = [f"{name} {way} NULLS LAST", _quoted(id_column)]
        if frame.columns[self.sort] in _TEXTS:  # cells of csv are text: `10` comes after `9`
            by.insert(0, f"TRY_CAST({name} AS DOUBLE) {way} NULLS LAST")
        return f" ORDER BY {', '.join(by)}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
