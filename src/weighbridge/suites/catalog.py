"""The types of suites there are, and the stock instructions of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path as FilePath
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from weighbridge import yamltext
from weighbridge.core.suggest import did_you_mean
from weighbridge.core.suite import Modality
from weighbridge.errors import FieldProblem, Invalid, InvalidFields
from weighbridge.suites.texts import languages, texts
from weighbridge.validation import problems_of
from weighbridge.yamltext import Path

Input: TypeAlias = Literal[
    "ai_description", "ai_instructions", "eval_instructions", "ground_truth", "prompt_examples"
]
"""What prompts of a type may be made from."""

_FOLDER = FilePath(__file__).parent / "types"
_ORDER = ("safety", "accuracy", "jailbreak", "image_safety", "agent", "over_refusal")


@dataclass(frozen=True, slots=True)
class EvalType:
    """A type of suites.

    Attributes:
        slug: what `SuiteRequest.kind` says. name, description: for people.
        modalities: what answers may be, of `Modality`.
        inputs: what its prompts may be made from, of `Input`.
        policies: slugs of the policies there are for it; empty where it is not about policies.
    """

    slug: str
    name: str
    description: str
    modalities: tuple[Modality, ...]
    inputs: tuple[Input, ...]
    policies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Instruction:
    """A stock instruction of a type: a policy, or something that an AI under test may be told.

    Attributes:
        slug: unique among those of its type and language. name: for people.
        text: the instruction itself. eval_type: slug of the type.
        language: a code of `LANGUAGES`.
    """

    slug: str
    name: str
    text: str
    eval_type: str
    language: str


@cache
def eval_types() -> tuple[EvalType, ...]:
    """All types of suites, always in the same order."""
    return tuple(_form(slug).build() for slug in _ORDER)


def find_eval_type(slug: str) -> EvalType:
    """The type of that slug.

    Raises:
        Invalid: there is none; the message lists those there are.
    """
    for found in eval_types():
        if found.slug == slug:
            return found
    hint = did_you_mean(slug, _ORDER)
    raise Invalid(f"there is no eval type `{slug}`{hint} (eval types: {', '.join(_ORDER)})")


@cache
def instructions(eval_type: str) -> tuple[Instruction, ...]:
    """The stock instructions of a type, in all languages, English first.

    Raises:
        Invalid: there is no such type.
    """
    found = find_eval_type(eval_type)
    policies = [
        Instruction(slug, policy.name, policy.text, eval_type, code)
        for code in languages()
        for slug, policy in texts(code).policies.items()
        if slug in found.policies
    ]
    others = [
        Instruction(one.slug, one.name, one.text, eval_type, "en")
        for one in _form(eval_type).instructions
    ]
    return (*policies, *others)


def parse_type(text: str, source: str) -> EvalType:
    """A type out of YAML.

    Args:
        source: name of the file, shown in front of messages.

    Raises:
        InvalidFields: what is wrong, with field and line.
    """
    return _parse(text, source).build()


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4_000)]
_Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class _InstructionForm(_Strict):
    slug: _Slug
    name: _Text
    text: _Text


class _TypeForm(_Strict):
    slug: _Slug
    name: _Text
    description: _Text
    modalities: list[Modality] = Field(min_length=1)
    inputs: list[Input] = Field(min_length=1)
    policies: list[_Slug] = Field(default_factory=list)
    instructions: list[_InstructionForm] = Field(default_factory=list)

    def build(self) -> EvalType:
        """This type as others read it."""
        return EvalType(
            slug=self.slug,
            name=self.name,
            description=self.description,
            modalities=tuple(self.modalities),
            inputs=tuple(self.inputs),
            policies=tuple(self.policies),
        )


@cache
def _form(slug: str) -> _TypeForm:
    path = _FOLDER / f"{slug}.yaml"
    return _parse(path.read_text(encoding="utf-8"), path.name)


def _parse(text: str, source: str) -> _TypeForm:
    data, lines = yamltext.parse_yaml(text, source)
    if not isinstance(data, Mapping):
        problem = FieldProblem("", "a type is an object with `slug`, `name`, `description`…", 1)
        raise InvalidFields([problem], source)
    try:
        return _TypeForm.model_validate(dict(data))
    except ValidationError as error:
        raise InvalidFields(problems_of(error, lines, _fields_at), source) from error


def _fields_at(path: Path) -> list[str]:
    form: type[BaseModel] = _TypeForm if len(path) == 1 else _InstructionForm
    return list(form.model_fields)
