"""A judge with several dimensions as people write it: the same in a YAML file and in JSON sent to
the API."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from weighbridge.core.rubric_judge import SCALE, Dimension, Option, ScoringModel, Tick
from weighbridge.errors import FieldProblem, InvalidFields
from weighbridge.validation import problems_of, refuse
from weighbridge.yamltext import Path, parse_yaml

MAX_DIMENSIONS = 50
MAX_OPTIONS = 50
MAX_BYTES = 1 << 18
"""The longest file."""

_NO_WORD = re.compile(r"[^A-Za-z0-9]+")
_LONGEST_ID = 64
_LEVELS = {ScoringModel.PASS_FAIL: ("pass", "fail"), ScoringModel.SCALE_1_5: SCALE}


def _line(text: str) -> str:
    if not text.strip() or "\n" in text.strip() or "\0" in text:
        raise ValueError("one line of text was expected")
    return text.strip()


def _whole(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain a NUL character")
    return text


def _label(value: object) -> object:
    """Labels that are numbers are written without quotes by most people."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _item(value: object) -> object:
    return {"label": value} if isinstance(value, str) else value


Line = Annotated[str, AfterValidator(_line), Field(max_length=200)]
Label = Annotated[str, BeforeValidator(_label), AfterValidator(_line), Field(max_length=200)]
Prose = Annotated[str, AfterValidator(_whole), Field(max_length=20_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class OptionSpec(_Strict):
    """A verdict on offer."""

    label: Label = Field(description="What the judge says.")
    score: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = Field(
        default=None, description="What it is worth, 0 to 1; needed for `single_select`."
    )
    means: Prose = Field(default="", description="When this verdict is the right one.")


class ItemSpec(_Strict):
    """An item of a checklist."""

    label: Label = Field(description="What it is called.")
    asks: Prose = Field(default="", description="The question; yes ticks it.")
    weight: Annotated[float, Field(gt=0, le=1_000, allow_inf_nan=False)] = Field(
        default=1.0, description="How much it counts beside the others."
    )


class DimensionSpec(_Strict):
    """One thing that the judge looks at."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")] | None = Field(
        default=None,
        description="Stays the same when the name changes; made of the name by default.",
    )
    name: Line = Field(description="For people.")
    scoring_model: ScoringModel = Field(
        strict=False, description="`pass_fail`, `scale_1_5`, `single_select` or `checklist`."
    )
    criteria: Prose = Field(default="", description="What to look at.")
    required: bool = Field(
        default=True,
        description="Whether there is no verdict without it; `false`: it may not apply.",
    )
    options: list[OptionSpec] = Field(
        default_factory=list,
        max_length=MAX_OPTIONS,
        description="Of `single_select` all verdicts with their scores; of `pass_fail` and "
        "`scale_1_5` at most what they mean.",
    )
    items: list[Annotated[ItemSpec, BeforeValidator(_item)]] = Field(
        default_factory=list, max_length=MAX_OPTIONS, description="Of `checklist`."
    )

    @model_validator(mode="after")
    def _check_whole(self) -> "DimensionSpec":
        refuse((*self._of_options(), *self._of_items()))
        return self

    @property
    def key(self) -> str:
        """Its id, given or made."""
        if self.id is not None:
            return self.id
        made = _NO_WORD.sub("_", self.name).strip("_").lower()
        made = made if made[:1].isalpha() else f"dimension_{made}".rstrip("_")
        return made[:_LONGEST_ID]

    def to_dimension(self) -> Dimension:
        """The noun."""
        scores = Dimension("", "", self.scoring_model).scores()
        return Dimension(
            self.key,
            self.name,
            self.scoring_model,
            self.criteria,
            self.required,
            tuple(
                Option(it.label, scores.get(it.label, it.score or 0.0), it.means)
                for it in self.options
            ),
            tuple(Tick(it.label, it.asks, it.weight) for it in self.items),
        )

    def _of_options(self) -> Iterator[tuple[Path, str]]:
        kind = self.scoring_model
        if kind is ScoringModel.CHECKLIST:
            if self.options:
                yield ("options",), "a checklist has `items`, and no options"
            return
        if kind is ScoringModel.SINGLE_SELECT and len(self.options) < 2:
            yield ("options",), "`single_select` needs at least two options, each with its score"
        seen: set[str] = set()
        for place, option in enumerate(self.options):
            if option.label.casefold() in seen:
                yield ("options", place, "label"), f"`{option.label}` is there twice"
            seen.add(option.label.casefold())
            if kind is ScoringModel.SINGLE_SELECT:
                if option.score is None:
                    yield ("options", place, "score"), "an option needs its score, 0 to 1"
                if option.label.casefold() == "not_applicable":
                    yield ("options", place, "label"), "for that say `required: false`"
                continue
            offered = _LEVELS[kind]
            if option.label not in offered:
                yield ("options", place, "label"), f"the verdicts are {', '.join(offered)}"
            if option.score is not None:
                yield ("options", place, "score"), f"`{kind.value}` has scores of its own"

    def _of_items(self) -> Iterator[tuple[Path, str]]:
        if self.scoring_model is not ScoringModel.CHECKLIST:
            if self.items:
                yield ("items",), "goes with `scoring_model: checklist` only"
            return
        if not self.items:
            yield ("items",), "a checklist needs at least one item"
        seen: set[str] = set()
        for place, item in enumerate(self.items):
            if item.label.casefold() in seen:
                yield ("items", place, "label"), f"`{item.label}` is there twice"
            seen.add(item.label.casefold())


class JudgeSpec(_Strict):
    """A judge with several dimensions."""

    name: Line = Field(description="Unique in the workspace.")
    description: Prose | None = Field(default=None, description="For people.")
    project: Line | None = Field(default=None, description="Whose it is; lists go by it.")
    model: Annotated[str, Field(min_length=1, max_length=500)] | None = Field(
        default=None, description="Who judges; the default judge when left out."
    )
    instructions: Prose = Field(default="", description="What holds for all dimensions.")
    dimensions: list[DimensionSpec] = Field(
        min_length=1, max_length=MAX_DIMENSIONS, description="What it looks at."
    )

    @model_validator(mode="after")
    def _check_whole(self) -> "JudgeSpec":
        refuse(self._twice())
        return self

    def to_dimensions(self) -> tuple[Dimension, ...]:
        """The nouns."""
        return tuple(it.to_dimension() for it in self.dimensions)

    def _twice(self) -> Iterator[tuple[Path, str]]:
        seen: set[str] = set()
        for place, it in enumerate(self.dimensions):
            if it.key in seen:
                yield ("dimensions", place, "id"), f"there are two dimensions `{it.key}`"
            seen.add(it.key)


def load_judge(text: str, source: str) -> JudgeSpec:
    """A judge out of YAML or JSON text.

    Raises:
        InvalidFields: whatever is wrong with it, with its line.
    """
    data, lines = parse_yaml(text, source, max_bytes=MAX_BYTES)
    return parse_judge(data, lines=lines, source=source)


def parse_judge(
    data: object, *, lines: Mapping[Path, int] | None = None, source: str | None = None
) -> JudgeSpec:
    """A judge out of the value that JSON or YAML text held.

    Args:
        lines: where it came from a file, the 1-based line of each field, by its path.
        source: the file's name, shown in front of the message.

    Raises:
        InvalidFields: naming every field that is wrong (the first 20), with its line.
    """
    if not isinstance(data, Mapping):
        message = "a judge is an object with `name` and `dimensions`"
        raise InvalidFields([FieldProblem("", message, 1 if lines is not None else None)], source)
    try:
        return JudgeSpec.model_validate(dict(data))
    except ValidationError as error:
        raise InvalidFields(problems_of(error, lines or {}, _fields_at), source) from error


def _fields_at(path: Path) -> list[str]:
    parts: dict[Any, type[BaseModel]] = {"options": OptionSpec, "items": ItemSpec}
    model: type[BaseModel] = JudgeSpec
    if len(path) > 1:
        model = parts.get(path[2], DimensionSpec) if len(path) > 3 else DimensionSpec
    return list(model.model_fields)
