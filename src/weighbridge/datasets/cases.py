"""From rows to cases, and everything about the rows that must hold before a call is paid."""

from collections.abc import Iterable, Iterator, Mapping

import xxhash

from weighbridge.core.case import Case
from weighbridge.core.evaluation import AnswerColumn, Evaluation
from weighbridge.core.json import Json
from weighbridge.core.media import Medium, media_problem
from weighbridge.core.prompt import Template, as_text, value_at
from weighbridge.core.suggest import did_you_mean
from weighbridge.datasets.rows import Row
from weighbridge.errors import Invalid

_LISTED_COLUMNS = 30


class BadRow(Invalid):
    """`Invalid`, with the row at fault.

    Args:
        row: 1-based number of the row.
        message: what is wrong, with the row in it.
    """

    def __init__(self, row: int, message: str) -> None:
        super().__init__(message)
        self.row = row


def check_rows(rows: Iterable[Row], evaluation: Evaluation) -> Iterator[Row]:
    """Pass rows through, unchanged, while making sure that the evaluation can be done on them.

    Every row must have every column that the prompt, `id`, `target`, `cluster` and scorers name
    (null is a value like any other, except for ids); ids must be there and differ from each other.
    All rows are passed and checked, whatever the evaluation's `limit`. Memory: 16 bytes a row where
    there is an id column, none otherwise.

    Raises:
        BadRow: a row lacks a column (the message names the row, the column, those that exist and
            the closest of them), or names an image or video by what is no address, or its id is
            missing or was there before. Ids past the first
            `UniqueIds.EXACT` rows are compared when the last row has been passed.
        Invalid: there are no rows.
    """
    wanted = used_columns(evaluation)
    id_column = evaluation.id_column
    ids = UniqueIds()
    media = _media_templates(evaluation) if evaluation.files is None else []
    number = 0
    for number, row in enumerate(rows, 1):
        if not wanted.keys() <= row.keys() and (lost := _not_found(row, wanted)) is not None:
            raise _missing_column(number, row, lost, wanted[lost])
        if id_column is not None:
            ids.add(number, _checked_id(number, id_column, row[id_column]))
        for medium, template in media:
            problem = media_problem(medium, template.render(row))
            if problem is not None:
                raise BadRow(number, f"row {number}: {problem}")
        yield row
    if number == 0:
        raise Invalid("the data set has no rows")
    ids.finish()


def used_columns(evaluation: Evaluation) -> dict[str, str]:
    """The columns an evaluation names, each with the place that names it (`the prompt`, `id`…).

    Raises:
        ValueError: a template is malformed.
    """
    columns: dict[str, str] = {}
    for message in evaluation.messages:
        for text in (message.content, *message.images, *message.videos):
            columns.update(dict.fromkeys(Template(text).columns, "the prompt"))
    answers, choose = evaluation.answers, evaluation.choose
    if choose is not None and not isinstance(choose.options, str):
        for text in choose.options:
            columns.update(dict.fromkeys(Template(text).columns, "`choose`"))
    if choose is not None and choose.then is not None:
        columns.update(dict.fromkeys(Template(choose.then).columns, "`choose`"))
    for place, column in (
        ("`choose`", choose.options if choose and isinstance(choose.options, str) else None),
        ("`answers`", answers.column if isinstance(answers, AnswerColumn) else None),
        ("`answers`", answers.files if isinstance(answers, AnswerColumn) else None),
        ("`target`", evaluation.target_column),
        ("`id`", evaluation.id_column),
        ("`cluster`", evaluation.cluster_column),
    ):
        if column is not None:
            columns.setdefault(column, place)
    for column, key in evaluation.scorer_columns.items():
        columns.setdefault(column, f"the scorer `{key}`")
    return columns


def _media_templates(evaluation: Evaluation) -> list[tuple[Medium, Template]]:
    templates: list[tuple[Medium, Template]] = []
    for message in evaluation.messages:
        templates += [("image", Template(text)) for text in message.images]
        templates += [("video", Template(text)) for text in message.videos]
    return templates


def make_case(position: int, row: Mapping[str, Json], evaluation: Evaluation) -> Case:
    """The case of a row that `check_rows` has passed.

    Args:
        position: 0-based place of the row in the data set.

    Raises:
        KeyError: a column that the evaluation names is not there.
    """
    id_column, cluster_column = evaluation.id_column, evaluation.cluster_column
    target_column = evaluation.target_column
    cluster = None if cluster_column is None else row[cluster_column]
    return Case(
        position,
        str(position) if id_column is None else as_text(row[id_column]),
        row,
        None if target_column is None else row[target_column],
        None if cluster is None else as_text(cluster),
    )


class UniqueIds:
    """Finds ids that come twice, in 16 bytes a row.

    The first `EXACT` ids are kept as they are, and one that comes again is refused at once. Of
    the others only 96 bits of a hash and the row number are kept (a thousand million ids have
    a chance of 10⁻¹¹ to hold two with the same 96 bits), and those are compared by `finish`.
    """

    EXACT = 16_384

    _HASHED, _NUMBER = 11, 5

    def __init__(self) -> None:
        self._first: dict[str, int] = {}
        # By first byte of the hash, so that `finish` looks at a 256th part at a time.
        self._rest = [bytearray() for _ in range(256)]

    def add(self, row: int, value: str) -> None:
        """Note the id of a row (1-based, below 2⁴⁰).

        Raises:
            BadRow: one of the first `EXACT` rows has the same id.
        """
        before = self._first.get(value)
        if before is not None:
            raise BadRow(row, f"rows {before} and {row} have the same id `{shortened(value)}`")
        if len(self._first) < self.EXACT:
            self._first[value] = row
            return
        digest = xxhash.xxh3_128_digest(value.encode("utf-8", "surrogatepass"))
        entry = digest[1 : 1 + self._HASHED] + row.to_bytes(self._NUMBER, "big")
        self._rest[digest[0]] += entry

    def finish(self) -> None:
        """Compare the ids that were only hashed.

        Raises:
            BadRow: two of them are the same.
        """
        size = self._HASHED + self._NUMBER
        for bucket in self._rest:
            seen: dict[bytes, bytes] = {}
            data = bytes(bucket)
            for start in range(0, len(data), size):
                hashed = data[start : start + self._HASHED]
                number = data[start + self._HASHED : start + size]
                before = seen.setdefault(hashed, number)
                if before is not number:
                    first, second = int.from_bytes(before, "big"), int.from_bytes(number, "big")
                    raise BadRow(second, f"rows {first} and {second} have the same id")


def shortened(value: str, limit: int = 80) -> str:
    """A value as a message shows it: at most `limit` characters of it."""
    return value if len(value) <= limit else value[: limit - 1] + "…"


def _checked_id(number: int, column: str, value: Json) -> str:
    if isinstance(value, str):
        if value and not value.isspace():
            return value
        raise BadRow(number, f"row {number}: the id in column `{column}` is empty")
    if value is None:
        raise BadRow(number, f"row {number}: the id in column `{column}` is null")
    if isinstance(value, (int, float)):
        return as_text(value)
    raise BadRow(number, f"row {number}: the id in column `{column}` is neither text nor number")


def _not_found(row: Row, wanted: Mapping[str, str]) -> str | None:
    """The first column that a row does not have; the prompt may name fields, too."""
    for column, place in wanted.items():
        if column in row:
            continue
        if place != "the prompt":
            return column
        try:
            value_at(row, column)
        except KeyError:
            return column
    return None


def _missing_column(number: int, row: Row, column: str, place: str) -> BadRow:
    names = list(row)
    listed = ", ".join(f"`{shortened(name)}`" for name in names[:_LISTED_COLUMNS])
    more = ", …" if len(names) > _LISTED_COLUMNS else ""
    hint = did_you_mean(column, names)
    if not hint and any(mark in column for mark in "\"':,\n"):
        hint = "; braces that are text, not a column, are written twice: `{{` and `}}`"
    return BadRow(
        number,
        f"row {number}: {place} names the column `{shortened(column)}`, which this row does not "
        f"have{hint} (columns: {listed}{more})",
    )
