"""What `weighbridge run` was asked to do, from its options and its file."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from weighbridge.cli.rubric_files import with_rubrics
from weighbridge.core.evaluation import Budget, Evaluation
from weighbridge.core.suggest import did_you_mean
from weighbridge.errors import FieldProblem, Invalid, InvalidFields
from weighbridge.spec import EvaluationSpec, parse_spec
from weighbridge.spec import Path as FieldPath
from weighbridge.specfile import MAX_BYTES, parse_yaml


@dataclass(frozen=True, slots=True)
class Overrides:
    """Options that come before what the file says. None (or empty): as the file says."""

    models: tuple[str, ...] = ()
    limit: int | None = None
    concurrency: int | None = None
    budget: Budget = field(default_factory=Budget)
    cache: bool | None = None

    @property
    def change_the_result(self) -> tuple[str, ...]:
        """The options given that would make it another evaluation."""
        return ("--model",) * bool(self.models) + ("--limit",) * (self.limit is not None)

    @property
    def given(self) -> bool:
        """Whether there is one at all."""
        return self != Overrides()

    def into(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The object of an evaluation file with these options in it."""
        changed = dict(data)
        if self.models:
            changed.pop("model", None)
            changed["models"] = list(self.models)
        for name in ("limit", "concurrency", "cache"):
            if getattr(self, name) is not None:
                changed[name] = getattr(self, name)
        budget = {k: v for k, v in (("usd", self.budget.usd), ("tokens", self.budget.tokens)) if v}
        written = changed.get("budget")
        if budget and (written is None or isinstance(written, Mapping)):
            changed["budget"] = {**(written or {}), **budget}
        return changed

    def applied(self, evaluation: Evaluation) -> Evaluation:
        """An evaluation that has begun already, with those that do not change its result."""
        budget = evaluation.budget
        return replace(
            evaluation,
            concurrency=self.concurrency or evaluation.concurrency,
            budget=Budget(
                budget.usd if self.budget.usd is None else self.budget.usd,
                budget.tokens if self.budget.tokens is None else self.budget.tokens,
            ),
        )


@dataclass(frozen=True, slots=True)
class EvaluationFile:
    """An evaluation file that was read and found in order.

    Attributes:
        source: its name, for messages. folder: where relative `data` files are looked for.
        lines: the line of each field.
    """

    spec: EvaluationSpec
    source: str
    folder: Path
    lines: Mapping[FieldPath, int]

    def locate(self, error: InvalidFields) -> InvalidFields:
        """The error with our file and its lines, for one that was found after reading it."""
        return InvalidFields(
            [
                replace(problem, line=self.line_of(problem.field))
                if problem.line is None
                else problem
                for problem in error.problems
            ],
            error.source or self.source,
        )

    def line_of(self, place: str) -> int | None:
        """The line of a field (dotted path), or of what it is in."""
        path: FieldPath = tuple(int(p) if p.isdigit() else p for p in place.split(".") if p)
        if path == ("model",) and path not in self.lines:
            path = ("models",)
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path) if path else None


def read_evaluation(name: str, overrides: Overrides) -> EvaluationFile:
    """Read an evaluation file; `-` is standard input.

    Raises:
        Invalid: there is no such file, or something is wrong in it.
    """
    text, source, folder = _read(name)
    data, lines = parse_yaml(text, source)
    if isinstance(data, Mapping):
        data = with_rubrics(overrides.into(data), folder, lines, source)
    return EvaluationFile(parse_spec(data, lines=lines, source=source), source, folder, lines)


def read_part(name: str, fields: Sequence[str]) -> dict[str, Any]:
    """Read a file that holds some fields of an evaluation; `-` is standard input.

    Args:
        fields: those that it may have.

    Raises:
        Invalid: there is no such file, it is not YAML, or it has other fields.
    """
    text, source, folder = _read(name)
    data, lines = parse_yaml(text, source)
    if not isinstance(data, Mapping):
        listed = ", ".join(f"`{field}:`" for field in fields)
        raise InvalidFields([FieldProblem("", f"named fields were expected: {listed}", 1)], source)
    problems = [
        FieldProblem(
            str(field),
            f"there is no such field here{did_you_mean(str(field), fields)}",
            lines.get((field,)),
        )
        for field in data
        if field not in fields
    ]
    if problems:
        raise InvalidFields(problems, source)
    given = {str(field): value for field, value in data.items() if value is not None}
    return with_rubrics(given, folder, lines, source)


def _read(name: str) -> tuple[str, str, Path]:
    try:
        if name == "-":
            source, folder = "<stdin>", Path.cwd()
            raw = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            source, folder = name, Path(name).absolute().parent
            with Path(name).open("rb") as file:
                raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Invalid(f"cannot read {name}: {error.strerror or error}") from error
    try:
        return raw.decode("utf-8-sig"), source, folder
    except UnicodeDecodeError as error:
        if error.end >= len(raw) > MAX_BYTES:  # cut in the middle of a character: too long anyway
            return raw[:MAX_BYTES].decode("utf-8-sig", "replace") + " " * 4, source, folder
        line = raw.count(b"\n", 0, error.start) + 1
        problem = FieldProblem("", "not UTF-8 text", line)
        raise InvalidFields([problem], source) from error
