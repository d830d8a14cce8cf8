"""Properties: which value of each of several properties does a text show?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar

from pydantic import JsonValue

from weighbridge.core.case import Case
from weighbridge.core.json import Json, JsonObject
from weighbridge.core.outcome import Answer, Outcome, Scored, Ungraded
from weighbridge.core.prompt import as_text
from weighbridge.core.scale import ZERO_TO_ONE, Bounds
from weighbridge.core.suggest import did_you_mean
from weighbridge.scorers.base import MetricKind
from weighbridge.scorers.judging.classes import (
    EMBEDDED_JUDGE,
    AskedProperty,
    Classes,
    Classifier,
    wording_digest,
)
from weighbridge.scorers.judging.ready import check_names, is_missing, manner_of
from weighbridge.scorers.options import OptionError
from weighbridge.scorers.panel import Panel

MOST_PROPERTIES = 100
MOST_VALUES = 200

_LONGEST_NAME = 200
_LONGEST_VALUE = 1_000


@dataclass(frozen=True, slots=True)
class Properties:
    """Which value of each of several properties a text shows, by a judge model.

    One call is about up to ten properties, fewer where they have many values. The judge sees the
    text between fences, with how many words and lines it has, and answers by JSON schema with one
    of the values each, `other` (it shows another value), or that the text does not tell.
    `details.classifications` has property → value, `other` or null; `details.untold` says why where
    it is null. A reply that cannot be used is mended, then the judge is asked once more; of the
    second reply what is of use is taken. Of texts over 60,000 characters the middle is left out.

    With `tags` the score is the share of the properties that show the value which the column says,
    among those that have such a value and could be told; without, the share of the properties that
    could be told. A text of which nothing could be told is ungraded.

    The embedded judge reads off values that stand in a column of that name (of an answer that is a
    JSON object), ranges of numbers and lengths in words, and goes by the likeness of words to
    values where that is sure enough; the rest it leaves open.

    Attributes:
        properties: property → the values that it may have.
        descriptions: property → what is looked at, where the name does not say it.
        about: what texts these are.
        requirements: what every text should satisfy.
        tags: column with the values that are wanted, as an object property → value.
        model: who judges; unset: the evaluation's `judge`.
        temperature: sent to the judge; null: not sent.
        max_tokens: the longest reply of the judge; null: not sent.
        params: more parameters, sent to the judge as they are.
    """

    properties: dict[str, tuple[str, ...]] | None = None
    descriptions: dict[str, str] | None = None
    about: str | None = None
    requirements: str | None = None
    tags: str | None = None
    model: str | None = None
    temperature: float | None = 0.0
    max_tokens: int | None = 1_024
    params: dict[str, JsonValue] | None = None

    _classifier: Classifier = field(init=False, repr=False, compare=False)

    name: ClassVar[str] = "properties"
    version: ClassVar[int] = 1
    metric: ClassVar[MetricKind] = "mean"
    needs_target: ClassVar[bool] = False
    bounds: ClassVar[Bounds] = ZERO_TO_ONE

    def __post_init__(self) -> None:
        listed = self.properties or {}
        if not 1 <= len(listed) <= MOST_PROPERTIES:
            raise OptionError("properties", f"1 to {MOST_PROPERTIES} properties are needed")
        for name, values in listed.items():
            _check(name, values)
        for name in self.descriptions or {}:
            if name not in listed:
                hint = did_you_mean(name, listed)
                raise OptionError(f"descriptions.{name}", f"there is no such property{hint}")
        said = self.descriptions or {}
        # By their names: not every database keeps the order in which they were given.
        asked = [
            AskedProperty(name, values, said.get(name, ""))
            for name, values in sorted(listed.items())
        ]
        manner = manner_of(self.temperature, self.max_tokens, self.params)
        classifier = Classifier(asked, manner, self.about or "", self.requirements or "")
        object.__setattr__(self, "_classifier", classifier)

    @property
    def asks(self) -> tuple[str | None, ...]:
        """One model."""
        return (self.model,)

    @property
    def wording(self) -> JsonObject:
        """The hash of what the judge is told, and which rules the embedded one goes by."""
        return {"sha256": wording_digest(), "embedded": EMBEDDED_JUDGE}

    @property
    def reads(self) -> tuple[str, ...]:
        """The column with the values that are wanted."""
        return () if self.tags is None else (self.tags,)

    async def judge(self, answer: Answer, case: Case, panel: Panel) -> Outcome:
        """Classify the answer."""
        wanted = self._wanted(case)
        if isinstance(wanted, Ungraded):
            return wanted
        if not answer.text.strip():
            return Ungraded("the answer is empty, so it shows no values")
        return _outcome(await self._classifier.classify(panel, self.model, answer.text), wanted)

    def _wanted(self, case: Case) -> Mapping[str, str] | Ungraded | None:
        """Property → the value that is wanted; None: nobody says so."""
        if self.tags is None:
            return None
        cell = case.inputs.get(self.tags)
        if is_missing(cell):
            return {}
        if not isinstance(cell, Mapping):
            return Ungraded(f"the column `{self.tags}` holds no object property → value")
        return {
            name: value if isinstance(value, str) else as_text(value)
            for name, value in cell.items()
            if not is_missing(value)
        }


def _outcome(said: Classes, wanted: Mapping[str, str] | None) -> Outcome:
    known = {name: value for name, value in said.found.items() if value is not None}
    if not known:
        why = dict.fromkeys(said.untold.values())
        return Ungraded(f"none of the properties could be told: {'; '.join(list(why)[:3])}")
    compared = [
        seen == wanted[name] or _plain(seen) == _plain(wanted[name])
        for name, seen in known.items()
        if wanted and name in wanted
    ]
    value = sum(compared) / len(compared) if compared else len(known) / len(said.found)
    details: dict[str, Json] = {"judge": said.judge, "classifications": dict(said.found)}
    if said.untold:
        details["untold"] = dict(said.untold)
    if said.repaired:
        details["repaired"] = "retry"
    return Scored(value, explanation=said.reason or None, details=details)


@lru_cache(maxsize=1_024)
def _plain(value: str) -> str:
    """Without regard to white space and case: of the same few values, for every case."""
    return " ".join(value.split()).casefold()


def _check(name: str, values: tuple[str, ...]) -> None:
    if not name.strip() or len(name) > _LONGEST_NAME:
        raise OptionError("properties", f"a property has a name of 1 to {_LONGEST_NAME} characters")
    option = f"properties.{name}"
    if not 1 <= len(values) <= MOST_VALUES:
        raise OptionError(option, f"1 to {MOST_VALUES} values are needed")
    for place, value in enumerate(values):
        if not value.strip() or len(value) > _LONGEST_VALUE:
            where = f"{option}.{place}"
            raise OptionError(where, f"a value has 1 to {_LONGEST_VALUE:,} characters")
    check_names(option, [" ".join(value.split()) for value in values])
