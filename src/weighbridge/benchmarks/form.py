"""What a standard benchmark is: the form of its YAML file."""

from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)

from weighbridge import yamltext
from weighbridge.benchmarks.loaders import FORMATS
from weighbridge.core.prompt import Template
from weighbridge.core.suggest import did_you_mean
from weighbridge.errors import FieldProblem, InvalidFields
from weighbridge.spec import EvaluationSpec
from weighbridge.validation import problems_of, refuse
from weighbridge.yamltext import Path

Manner: TypeAlias = Literal["likelihood", "generation", "judge"]
"""How a model is asked: which of the options it finds likeliest; for an answer that a scorer
reads; for an answer that a judge reads."""

EXAMPLES = "examples"
"""The column with the worked examples that stand before a question."""

_PROBE = {"data": "benchmark", "model": "model", "id": "id"}


def _check_template(text: str) -> str:
    Template(text)
    return text


def _check_format(name: str) -> str:
    if name not in FORMATS:
        hint = did_you_mean(name, FORMATS)
        raise ValueError(f"there is no format `{name}`{hint} (formats: {', '.join(FORMATS)})")
    return name


TemplateText = Annotated[str, AfterValidator(_check_template)]
FormatName = Annotated[str, AfterValidator(_check_format)]
Line = Annotated[str, Field(min_length=1, max_length=2_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Citation(_Strict):
    """The publication that a benchmark comes from."""

    authors: Line
    title: Line
    year: int = Field(ge=1950, le=2100)
    url: Line


class Copy(_Strict):
    """Data that lie in an installed package, whose files are read and which is never imported."""

    package: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    file: Line = Field(description="Path within the package's folder.")
    format: FormatName | None = Field(default=None, description="Where it is another one.")
    cases: int = Field(ge=1, description="How many cases come of it.")
    note: str | None = Field(default=None, description="In what it is not the whole benchmark.")


class Shots(_Strict):
    """Worked examples before each question: the first of another split, always the same ones."""

    n: int = Field(ge=1, le=64)
    split: str = Field(pattern=r"^[a-z]+$", description="`train`, `dev` or `validation`.")
    example: TemplateText = Field(description="Template of one, over the columns of a case.")
    instead: TemplateText | None = Field(
        default=None, description="What stands there where the data have no such split."
    )


class Mode(_Strict):
    """One way of asking: fields of an evaluation."""

    prompt: TemplateText | None = None
    messages: list[Any] | None = None
    choose: dict[str, Any] | None = None
    target: str | None = None
    cluster: str | None = None
    scorers: list[Any] = Field(
        min_length=1, description="The first gives the figure of the benchmark."
    )
    params: dict[str, JsonValue] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_whole(self) -> "Mode":
        EvaluationSpec.model_validate({**_PROBE, **self.fields()})
        return self

    def fields(self) -> dict[str, Any]:
        """These fields, as an evaluation has them."""
        given = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: value for name, value in given.items() if value not in (None, {})}


class StandardBenchmark(_Strict):
    """A benchmark: what it measures, where its data are, and how models are asked.

    `source` is for benchmarks of one's own: the data beside the YAML file.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    title: Line
    measures: Line
    citation: Citation | None = None
    licence: Line = Field(description="Of the data, as their authors state it.")
    cases: int | None = Field(default=None, ge=1, description="Of the whole published split.")
    split: str = Field(default="test", pattern=r"^[a-z]+$", description="The one that is asked.")
    obtain: Line = Field(description="Where the data can be had, and in which files.")
    format: FormatName = Field(description="The loader that makes cases of records.")
    fields: dict[str, Line] = Field(
        default_factory=dict,
        description="What the loader looks for → the column where it is (`column.field`).",
    )
    columns: list[Line] | None = Field(
        default=None, description="Names of the columns of csv files that have none in them."
    )
    folder: Line | None = Field(
        default=None, description="Of a folder with several configurations, the one that is meant."
    )
    skip: Line | None = Field(
        default=None, description="Files of a folder with this in their names are something else."
    )
    labels: Line | None = Field(
        default=None, description="What the name of the file with the answers ends with."
    )
    source: Line | None = Field(default=None, description="The data, beside this file.")
    copies: list[Copy] = Field(default_factory=list)
    intro: TemplateText | None = Field(
        default=None, description="Stands before the examples, where a case has its columns."
    )
    shots: Shots | None = None
    modes: dict[Manner, Mode] = Field(min_length=1)
    default: Manner

    @model_validator(mode="after")
    def _check_whole(self) -> "StandardBenchmark":
        refuse(self._contradictions())
        return self

    @property
    def has_examples(self) -> bool:
        """Whether its cases have a column with what stands before a question."""
        return self.intro is not None or self.shots is not None

    def figure(self, manner: Manner) -> str:
        """Key of the scorer whose metric is the benchmark's figure."""
        spec = EvaluationSpec.model_validate({**_PROBE, **self.modes[manner].fields()})
        return spec.to_evaluation().scorers[0].key

    def _contradictions(self) -> Iterator[tuple[Path, str]]:
        if self.default not in self.modes:
            yield ("default",), f"is not among the modes: {', '.join(self.modes)}"
        for name, mode in self.modes.items():
            if (name == "likelihood") != (mode.choose is not None):
                wanted = "needs" if name == "likelihood" else "has no"
                yield ("modes", name, "choose"), f"a mode `{name}` {wanted} `choose`"
            if self.has_examples != (f"{{{EXAMPLES}}}" in str(mode.fields())):
                given, has = ("with", "shows") if self.has_examples else ("without", "has no")
                message = f"{given} `intro` or `shots` the prompt {has} `{{{EXAMPLES}}}`"
                yield ("modes", name), message


def parse_benchmark(text: str, source: str) -> StandardBenchmark:
    """A benchmark out of YAML text.

    Args:
        source: name of the file, shown in front of messages.

    Raises:
        InvalidFields: what is wrong, with field and line.
    """
    data, lines = yamltext.parse_yaml(text, source)
    if not isinstance(data, Mapping):
        problem = FieldProblem("", "a benchmark is an object with `name`, `format`, `modes`…", 1)
        raise InvalidFields([problem], source)
    try:
        return StandardBenchmark.model_validate(dict(data))
    except ValidationError as error:
        raise InvalidFields(problems_of(error, lines, _fields_at), source) from error


def read_benchmark(path: FilePath) -> StandardBenchmark:
    """A benchmark out of a YAML file.

    Raises:
        Invalid: it cannot be read, or something is wrong in it.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        problem = FieldProblem("", f"cannot be read: {error.strerror or error}")
        raise InvalidFields([problem], str(path)) from error
    except UnicodeDecodeError as error:
        raise InvalidFields([FieldProblem("", "not UTF-8 text")], str(path)) from error
    return parse_benchmark(text, str(path))


_PARTS: dict[str, type[BaseModel]] = {
    "citation": Citation,
    "copies": Copy,
    "shots": Shots,
    "modes": Mode,
}


def _fields_at(path: Path) -> list[str]:
    named = [part for part in path if isinstance(part, str)]
    if len(named) == 1:
        return list(StandardBenchmark.model_fields)
    # Within a mode, only its own fields are ours: mode, field.
    ours = named[0] in _PARTS and (named[0] != "modes" or len(named) == 3)
    return list(_PARTS[named[0]].model_fields) if ours else []
