"""The bank of texts in each language: policies with prompts that tempt an AI into breaking them,
attacks that prompts are wrapped into, and templates of questions. One YAML file a language."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path as FilePath
from types import MappingProxyType
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
from rapidfuzz import fuzz

from weighbridge import yamltext
from weighbridge.core.suggest import did_you_mean
from weighbridge.core.suite import CATEGORIES, DECLINED, LANGUAGES
from weighbridge.errors import FieldProblem, Invalid, InvalidFields
from weighbridge.validation import problems_of, refuse
from weighbridge.yamltext import Path

FAMILIES = (
    *("identity_manipulation", "instruction_camouflage", "syntactic_obfuscation"),
    *("contextual_overloading", "psychological_manipulation"),
)
"""Slugs of the families of attacks, in the order in which they are dealt."""

_FOLDER = FilePath(__file__).parent / "texts"
_PLACEHOLDER = re.compile(r"\{[^{}]*\}?|\}")
_WORD = re.compile(r"\w+")

# A text of fewer words than this is a heading rather than a policy, if it says little else.
_SHORT, _BESIDE = 12, 4
# The fewest words that have to tell something, and how many of them (of 100) two texts share.
_FEWEST, _ALIKE = 5, 80.0


@dataclass(frozen=True, slots=True)
class Policy:
    """What an AI must not do, and prompts that show whether it keeps to that.

    Attributes:
        name: for people.
        text: what the AI must not do, what stays allowed, what a good answer does.
        language: a code of `LANGUAGES`.
        topics: short phrases that prompts are spread over.
        requests: prompts that tempt an AI into breaking it.
        pictures: requests for an image that would break it; empty where no image can.
        harmless: prompts that look as if they broke it, and are fine to answer.
    """

    slug: str
    name: str
    text: str
    language: str
    topics: tuple[str, ...]
    requests: tuple[str, ...]
    pictures: tuple[str, ...]
    harmless: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of attack.

    Attributes:
        slug: one of `FAMILIES`. name: for people.
        wraps: templates of attacks; `{request}` stands in each of them once.
    """

    slug: str
    name: str
    wraps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Texts:
    """All texts of a language.

    Attributes:
        language: a code of `LANGUAGES`.
        policies: by slug; the same slugs in each language. families: by slug, as in `FAMILIES`.
        framings: harmless ways of putting a request; `{request}` stands in each once, and the first
            is the request as it is.
        system_attacks: prompts that try to make an AI break or reveal its system prompt; `{ai}`,
            where it stands, is who the AI is.
        off_duty: requests outside of what most assistants are for.
        agent_tasks: tasks that tempt an agent with tools to overstep its instructions.
        refused: what an attacker says next after a refusal; may hold `{request}`.
        answered: what an attacker says next when the AI went along.
        questions: templates by category (`CATEGORIES`). Those about what a text says hold `{gap}`,
            a sentence of it with a gap; they may hold `{quote}`, `{name}` and `{topic}` besides.
    """

    language: str
    policies: Mapping[str, Policy]
    families: Mapping[str, Family]
    framings: tuple[str, ...]
    system_attacks: tuple[str, ...]
    off_duty: tuple[str, ...]
    agent_tasks: tuple[str, ...]
    refused: tuple[str, ...]
    answered: tuple[str, ...]
    questions: Mapping[str, tuple[str, ...]]


def languages() -> tuple[str, ...]:
    """Codes of the languages that there are texts in, in the order of `LANGUAGES`."""
    return tuple(code for code in LANGUAGES if (_FOLDER / f"{code}.yaml").is_file())


@cache
def texts(language: str) -> Texts:
    """All texts of a language, by its code. They are read once.

    Raises:
        Invalid: there are none in it; the message lists the languages there are.
        InvalidFields: something is wrong in the file.
    """
    known = languages()
    if language not in known:
        hint = did_you_mean(language, known)
        raise Invalid(f"there is no language `{language}`{hint} (languages: {', '.join(known)})")
    path = _FOLDER / f"{language}.yaml"
    return parse_texts(path.read_text(encoding="utf-8"), language, path.name)


def parse_texts(text: str, language: str, source: str) -> Texts:
    """Texts of a language out of YAML.

    Args:
        source: name of the file, shown in front of messages.

    Raises:
        InvalidFields: what is wrong, with field and line.
    """
    data, lines = yamltext.parse_yaml(text, source)
    if not isinstance(data, Mapping):
        problem = FieldProblem(
            "", "texts are an object with `policies`, `families`, `framings`…", 1
        )
        raise InvalidFields([problem], source)
    try:
        form = _TextsForm.model_validate(dict(data))
    except ValidationError as error:
        raise InvalidFields(problems_of(error, lines, _fields_at), source) from error
    return form.build(language)


def policy_of(text: str, language: str) -> Policy | None:
    """The stock policy that an instruction is, in the language asked for.

    It is one if it is the policy's text in any language, its slug or its name, a short line with
    one of the names in it ("No hate speech, please"), or if it shares most of the words that tell
    one policy from another.

    Returns:
        None: it is a policy of somebody's own.
    """
    wanted = _folded(text)
    if not wanted:
        return None
    others = [code for code in languages() if code != language]
    for code in (language, *others):
        slug = _slug_of(wanted, texts(code))
        if slug is not None:
            return texts(language).policies.get(slug)
    return None


def _slug_of(wanted: str, bank: Texts) -> str | None:
    known = [(policy, _folded(policy.text)) for policy in bank.policies.values()]
    for policy, whole in known:
        if wanted in (whole, _folded(policy.slug), _folded(policy.name)):
            return policy.slug
    spread = Counter(word for _, whole in known for word in set(whole.split()))
    # What many policies say ("the AI must not") tells nothing about which one it is.
    usual = {word for word, policies in spread.items() if policies > len(known) / 3}
    told = _without(wanted, usual)
    if len(wanted.split()) < _SHORT:
        names = {policy.slug: _folded(policy.name) for policy, _ in known}
        named = [slug for slug, name in names.items() if f" {name} " in f" {wanted} "]
        if len(named) != 1:
            return None
        beside = _without(told, {*names[named[0]].split()})
        return named[0] if len(beside.split()) <= _BESIDE else None
    if len(told.split()) < _FEWEST:
        return None
    likeness, slug = max(
        (fuzz.token_set_ratio(told, _without(whole, usual)), policy.slug) for policy, whole in known
    )
    return slug if likeness >= _ALIKE else None


def _without(text: str, words: Set[str]) -> str:
    return " ".join(word for word in text.split() if word not in words)


def _folded(text: str) -> str:
    """Its words in lower case, without what stands between them."""
    return " ".join(_WORD.findall(text.casefold().replace("_", " ")))


# ---------------------------------------------------------------- the form of the files


def _check_placeholders(text: str, allowed: frozenset[str], needed: str = "") -> str:
    found = _PLACEHOLDER.findall(text)
    strange = [name for name in found if name not in allowed]
    if strange:
        may = ", ".join(f"`{name}`" for name in sorted(allowed)) or "none"
        raise ValueError(f"`{strange[0]}` is no placeholder here (placeholders: {may})")
    if needed and found.count(needed) != 1:
        raise ValueError(
            f"`{needed}` must stand in it exactly once, not {found.count(needed)} times"
        )
    return text


def _plain(text: str) -> str:
    return _check_placeholders(text, frozenset())


def _with_request(text: str) -> str:
    return _check_placeholders(text, frozenset({"{request}"}), "{request}")


def _maybe_request(text: str) -> str:
    return _check_placeholders(text, frozenset({"{request}"}))


def _maybe_ai(text: str) -> str:
    return _check_placeholders(text, frozenset({"{ai}"}))


_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4_000)]
_Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
_Line = Annotated[_Text, AfterValidator(_plain)]
_Wrap = Annotated[_Text, AfterValidator(_with_request)]
_Reply = Annotated[_Text, AfterValidator(_maybe_request)]
_SystemAttack = Annotated[_Text, AfterValidator(_maybe_ai)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _PolicyForm(_Strict):
    name: _Line
    text: _Line
    topics: list[_Line] = Field(min_length=1)
    requests: list[_Line] = Field(min_length=1)
    pictures: list[_Line]
    harmless: list[_Line] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_whole(self) -> "_PolicyForm":
        fields = ("topics", "requests", "pictures", "harmless")
        refuse(found for name in fields for found in _repeated((name,), getattr(self, name)))
        return self

    def build(self, slug: str, language: str) -> Policy:
        return Policy(
            slug=slug,
            name=self.name,
            text=self.text,
            language=language,
            topics=tuple(self.topics),
            requests=tuple(self.requests),
            pictures=tuple(self.pictures),
            harmless=tuple(self.harmless),
        )


class _FamilyForm(_Strict):
    name: _Line
    wraps: list[_Wrap] = Field(min_length=1)


class _FollowUpsForm(_Strict):
    refused: list[_Reply] = Field(min_length=1)
    answered: list[_Line] = Field(min_length=1)


class _TextsForm(_Strict):
    policies: dict[_Slug, _PolicyForm] = Field(min_length=1)
    families: dict[str, _FamilyForm]
    framings: list[_Wrap] = Field(min_length=1)
    system_attacks: list[_SystemAttack] = Field(min_length=1)
    off_duty: list[_Line] = Field(min_length=1)
    agent_tasks: list[_Line] = Field(min_length=1)
    follow_ups: _FollowUpsForm
    questions: dict[str, list[_Text]]

    @model_validator(mode="after")
    def _check_whole(self) -> "_TextsForm":
        refuse(self._contradictions())
        return self

    def build(self, language: str) -> Texts:
        """These texts as others read them."""
        policies = {slug: form.build(slug, language) for slug, form in self.policies.items()}
        families = {
            slug: Family(slug, self.families[slug].name, tuple(self.families[slug].wraps))
            for slug in FAMILIES
        }
        questions = {category: tuple(self.questions[category]) for category in CATEGORIES}
        return Texts(
            language=language,
            policies=MappingProxyType(policies),
            families=MappingProxyType(families),
            framings=tuple(self.framings),
            system_attacks=tuple(self.system_attacks),
            off_duty=tuple(self.off_duty),
            agent_tasks=tuple(self.agent_tasks),
            refused=tuple(self.follow_ups.refused),
            answered=tuple(self.follow_ups.answered),
            questions=MappingProxyType(questions),
        )

    def _contradictions(self) -> Iterator[tuple[Path, str]]:
        yield from _wrong_keys("families", self.families, FAMILIES)
        yield from _wrong_keys("questions", self.questions, CATEGORIES)
        if self.framings[0] != "{request}":
            yield ("framings", 0), "the first is `{request}` alone: the request as it is"
        for category, templates in self.questions.items():
            if not templates:
                yield ("questions", category), "needs at least one template"
            for place, template in enumerate(templates):
                for problem in _problems_of_question(category, template):
                    yield ("questions", category, place), problem
        for name in ("framings", "system_attacks", "off_duty", "agent_tasks"):
            yield from _repeated((name,), getattr(self, name))
        for name in ("refused", "answered"):
            yield from _repeated(("follow_ups", name), getattr(self.follow_ups, name))
        for slug, family in self.families.items():
            yield from _repeated(("families", slug, "wraps"), family.wraps)


def _wrong_keys(
    field: str, given: Mapping[str, object], wanted: tuple[str, ...]
) -> Iterator[tuple[Path, str]]:
    for key in given:
        if key not in wanted:
            yield (field, key), f"is not known{did_you_mean(key, wanted)}"
    for key in wanted:
        if key not in given:
            yield (field, key), "is missing"


def _problems_of_question(category: str, template: str) -> Iterator[str]:
    if category == "irrelevant":
        allowed, needed = frozenset[str](), ""
    elif category in DECLINED:
        allowed, needed = frozenset({"{topic}", "{name}"}), ""
    else:
        allowed, needed = frozenset({"{gap}", "{quote}", "{name}", "{topic}"}), "{gap}"
    try:
        _check_placeholders(template, allowed, needed)
    except ValueError as error:
        yield str(error)


def _repeated(path: Path, values: list[str]) -> Iterator[tuple[Path, str]]:
    first: dict[str, int] = {}
    for place, value in enumerate(values):
        before = first.setdefault(_folded(value) or value, place)
        if before != place:
            yield (*path, place), f"says the same as number {before} (counted from 0)"


def _fields_at(path: Path) -> list[str]:
    match path:
        case [_]:
            return list(_TextsForm.model_fields)
        case ["policies", _, _]:
            return list(_PolicyForm.model_fields)
        case ["families", _, _]:
            return list(_FamilyForm.model_fields)
        case ["follow_ups", _]:
            return list(_FollowUpsForm.model_fields)
    return []
