"""Prompt templates: `{column}` stands for that column's value, and nothing else is interpreted."""

import re
from collections.abc import Collection

import orjson

from weighbridge.core.json import Json, JsonObject

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class Template:
    """A text with places for columns.

    A place is `{column}`. The name between the braces is taken literally, so that it may hold
    spaces, dots or dashes; where no column is called so, `{column.field}` is a field of a column
    that holds objects. There is no attribute, no index, no format and no expression. `{{` and `}}`
    stand for braces.

    Args:
        text: the template.

    Attributes:
        text: as it was given.
        columns: names of the columns, each once, in the order in which they first appear.

    Raises:
        ValueError: a brace without its partner, or nothing between two; the message says where,
            as 1-based line and column of the template.
    """

    __slots__ = ("_columns", "_format", "columns", "text")

    text: str
    columns: tuple[str, ...]

    def __init__(self, text: str) -> None:
        literal: list[str] = []
        places: list[str] = []
        end = 0
        for piece in _PIECE.finditer(text):
            literal.append(text[end : piece.start()].replace("%", "%%"))
            end = piece.end()
            if (column := piece[1]) is not None:
                if not column.strip():
                    raise ValueError(_at(text, piece.start(), "there is no column name in `{}`"))
                places.append(column)
                literal.append("%s")
            elif len(piece[0]) == 2:
                literal.append(piece[0][0])
            else:
                brace = piece[0]
                problem = "`{` is never closed" if brace == "{" else "`}` was never opened"
                raise ValueError(
                    _at(text, piece.start(), f"{problem} (a brace of the text is written twice)")
                )
        literal.append(text[end:].replace("%", "%%"))
        self.text = text
        self.columns = tuple(dict.fromkeys(places))
        # One `%` operation is the fastest join there is: about half a microsecond a prompt.
        self._format = "".join(literal)
        self._columns = tuple(places)

    def render(self, inputs: JsonObject) -> str:
        """The text with the values of one row.

        Args:
            inputs: column → value. Strings stand as they are, null is empty, and everything else
                is written as compact JSON (`true`, `1.5`, `["a","b"]`).

        Raises:
            KeyError: a column is not there. `datasets.cases.check_rows` has made sure before.
        """
        try:
            return self._format % tuple(
                [
                    value if type(value := inputs[column]) is str else as_text(value)
                    for column in self._columns
                ]
            )
        except KeyError:
            found = (as_text(value_at(inputs, column)) for column in self._columns)
            return self._format % tuple(found)

    def __repr__(self) -> str:
        return f"Template({self.text!r})"


def without_columns(text: str, columns: Collection[str]) -> str:
    """A template without the places of some columns, and without the blanks around what is left."""
    return _PIECE.sub(lambda found: "" if found[1] in columns else found[0], text).strip()


def value_at(inputs: JsonObject, name: str) -> Json:
    """The value of a column, or, where none is called so, of a field: `column.field`, any number
    of fields deep. What is below null is null.

    Raises:
        KeyError: there is neither.
    """
    if name in inputs:
        return inputs[name]
    steps = name.split(".")
    for depth in range(len(steps) - 1, 0, -1):  # columns' names may hold dots themselves
        column = ".".join(steps[:depth])
        if column in inputs:
            value = inputs[column]
            for step in steps[depth:]:
                if value is None:
                    return None
                if not isinstance(value, dict) or step not in value:
                    raise KeyError(name)
                value = value[step]
            return value
    raise KeyError(name)


def as_text(value: Json) -> str:
    """How a value stands in a prompt: a string as it is, null as "", the rest as compact JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return orjson.dumps(value).decode()


def _at(text: str, position: int, problem: str) -> str:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    where = f"column {column}" if "\n" not in text else f"line {line}, column {column}"
    return f"{problem}, at {where} of the template"
