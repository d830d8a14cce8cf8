"""Techniques of attack: ways to put a request so that an AI may not notice what it is asked."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path as FilePath
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from weighbridge import yamltext
from weighbridge.core.suggest import did_you_mean
from weighbridge.errors import FieldProblem, InvalidFields
from weighbridge.suites.texts import FAMILIES
from weighbridge.validation import problems_of, refuse
from weighbridge.yamltext import Path

PLACES = ("request", "base64", "rot13", "spaced", "first", "second")
"""What may stand in a template: the request, or the request in another shape."""

_FILE = FilePath(__file__).parent / "techniques.yaml"
_PLACEHOLDER = re.compile(r"\{(\w*)\}")


@dataclass(frozen=True, slots=True)
class Technique:
    """A technique of attack.

    Attributes:
        slug: what it is called in results. name, description: for people.
        family: which of `FAMILIES` it belongs to.
        how: for a model: what to make of a request.
        template: does it without a model; holds `{request}`, or another of `PLACES`.
    """

    slug: str
    name: str
    family: str
    description: str
    how: str
    template: str


@cache
def techniques() -> tuple[Technique, ...]:
    """All techniques, always in the same order."""
    return parse_techniques(_FILE.read_text(encoding="utf-8"), _FILE.name)


def parse_techniques(text: str, source: str) -> tuple[Technique, ...]:
    """Techniques out of YAML.

    Args:
        source: name of the file, shown in front of messages.

    Raises:
        InvalidFields: what is wrong, with field and line.
    """
    data, lines = yamltext.parse_yaml(text, source)
    if not isinstance(data, Mapping):
        raise InvalidFields([FieldProblem("", "`techniques` with a list was expected", 1)], source)
    try:
        form = _Form.model_validate(dict(data))
    except ValidationError as error:
        raise InvalidFields(problems_of(error, lines, _fields_at), source) from error
    return tuple(Technique(**one.model_dump()) for one in form.techniques)


def _check_template(text: str) -> str:
    found = Counter(_PLACEHOLDER.findall(text))
    for name in found:
        if name not in PLACES:
            raise ValueError(f"`{{{name}}}` is no place{did_you_mean(name, PLACES)}")
    if not found:
        raise ValueError("the request must stand in it, such as `{request}`")
    if ("first" in found) != ("second" in found):
        raise ValueError("`{first}` and `{second}` go together")
    return text


def _check_family(name: str) -> str:
    if name not in FAMILIES:
        raise ValueError(f"there is no family `{name}`{did_you_mean(name, FAMILIES)}")
    return name


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4_000)]


class _TechniqueForm(_Strict):
    slug: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    name: _Text
    family: Annotated[str, AfterValidator(_check_family)]
    description: _Text
    how: _Text
    template: Annotated[_Text, AfterValidator(_check_template)]


class _Form(_Strict):
    techniques: list[_TechniqueForm] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_whole(self) -> "_Form":
        refuse(self._twice())
        return self

    def _twice(self) -> Iterator[tuple[Path, str]]:
        seen: set[str] = set()
        for place, one in enumerate(self.techniques):
            if one.slug in seen:
                yield ("techniques", place, "slug"), f"`{one.slug}` is there twice"
            seen.add(one.slug)


def _fields_at(path: Path) -> list[str]:
    return list((_Form if len(path) == 1 else _TechniqueForm).model_fields)
