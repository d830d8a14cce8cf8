"""From what pydantic says of a value to problems with field, line and a hint."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from pydantic import ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from weighbridge.core.suggest import did_you_mean
from weighbridge.errors import FieldProblem, InvalidFields
from weighbridge.yamltext import Path

_LISTED_PROBLEMS = 20


def problems_of(
    error: ValidationError, lines: Mapping[Path, int], fields_at: Callable[[Path], Sequence[str]]
) -> list[FieldProblem]:
    """Every field that is wrong (the first 20).

    Args:
        lines: 1-based line of each field by its path, where the value came from a file.
        fields_at: the names of the fields beside that path, for a hint at a misspelt one.
    """
    details = error.errors(include_url=False, include_input=False)
    problems = [_problem(detail, lines, fields_at) for detail in details[:_LISTED_PROBLEMS]]
    if len(details) > _LISTED_PROBLEMS:
        problems.append(FieldProblem("", f"and {len(details) - _LISTED_PROBLEMS} more"))
    return problems


def refuse(problems: Iterable[tuple[Path, str]]) -> None:
    """Raise a `ValidationError` for (path, message) pairs, if there are any; pydantic puts the path
    of the field being validated in front of each."""
    details = [
        InitErrorDetails(
            type=PydanticCustomError("weighbridge", "{problem}", {"problem": message}),
            loc=path,
            input=None,
        )
        for path, message in problems
    ]
    if details:
        raise ValidationError.from_exception_data("value", details)


def line_of(place: str, lines: Mapping[Path, int]) -> int | None:
    """The line of a field (dotted path), or of what it is in."""
    path: Path = tuple(int(part) if part.isdigit() else part for part in place.split(".") if part)
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path) if path else None


def located(
    error: InvalidFields, lines: Mapping[Path, int], source: str | None = None
) -> InvalidFields:
    """The error with the lines of its fields, where they were not told yet.

    Args:
        source: the file's name, unless the error has one.
    """
    return InvalidFields(
        [
            replace(it, line=line_of(it.field, lines)) if it.line is None else it
            for it in error.problems
        ],
        error.source or source,
    )


def _problem(
    detail: ErrorDetails, lines: Mapping[Path, int], fields_at: Callable[[Path], Sequence[str]]
) -> FieldProblem:
    # Tags of unions stand in parentheses; the name of an unknown field may be anything.
    unknown = detail["loc"][-1:] if detail["type"] == "extra_forbidden" else ()
    named = detail["loc"][: len(detail["loc"]) - len(unknown)]
    path = (*(part for part in named if not str(part).startswith("(")), *unknown)
    message = detail["msg"]
    if unknown:
        message = f"there is no such field{did_you_mean(str(path[-1]), fields_at(path))}"
    elif detail["type"] == "value_error":
        message = str(detail["ctx"]["error"])
    line = next(
        (lines[path[:end]] for end in range(len(path), -1, -1) if path[:end] in lines), None
    )
    return FieldProblem(".".join(str(part) for part in path), message, line)
