"""The scorer of classification: which of the given labels does the answer name?"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal

from weighbridge.core.case import Case
from weighbridge.core.outcome import Answer, Outcome, Scored, Ungraded
from weighbridge.scorers.choice import named_options, plain_words
from weighbridge.scorers.options import OptionError
from weighbridge.scorers.references import references

_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Label:
    """1 when the answer names the right one of the given labels, else 0.

    Upper and lower case, punctuation and white space do not count. Read is an answer that is only a
    label, or else the one label whose words stand in it; a label within a longer one that stands
    there does not (`spam` in `not spam`, where both are labels). An answer that names none, or more
    than one, is wrong, and the explanation says so. The label is the one that was read, and
    `details.expected` the right one, so that a confusion matrix can be made. A reference that is
    none of the labels is ungraded; of a list, any is right.

    Attributes:
        labels: the labels, two or more: a list, or an object label → list of other words for it.
        read: where to look: `anywhere` in the answer, or the `whole` answer must be a label.
    """

    labels: tuple[str, ...] | dict[str, tuple[str, ...]] = ()
    read: Literal["anywhere", "whole"] = "anywhere"

    name: ClassVar[str] = "label"
    version: ClassVar[int] = 1
    metric: ClassVar[Literal["accuracy", "mean"]] = "accuracy"
    needs_target: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if len(set(self.labels)) < 2:
            raise OptionError("labels", "two labels or more are needed")
        owners: dict[str, str] = {}
        for label, word in self._words():
            plain = plain_words(word)
            if not plain:
                raise OptionError("labels", f"`{word}` has no letter or digit to be known by")
            owner = owners.setdefault(plain, label)
            if owner != label:
                raise OptionError("labels", f"`{word}` stands for both `{owner}` and `{label}`")

    async def score(self, answer: Answer, case: Case) -> Outcome:
        """Grade by the label named."""
        wanted = references(case.target)
        if isinstance(wanted, Ungraded):
            return wanted
        owners = _owners(tuple(self._words()))
        right = [owners.get(plain_words(text)) for text in wanted]
        if None in right:
            unknown = wanted[right.index(None)][:_SHOWN]
            return Ungraded(f"the reference `{unknown}` is none of {self._listed()}")
        read, how = self._named(answer.text, owners)
        details = {"expected": read if read in right else right[0]}
        return Scored(float(read in right), read, how, details=details)

    def _named(self, text: str, owners: dict[str, str]) -> tuple[str | None, str]:
        plain = plain_words(text)
        if plain in owners:
            return owners[plain], "the answer is only this label"
        if self.read == "whole":
            return None, f"the answer is none of {self._listed()}"
        found = named_options(plain, {word: word for word in owners})
        named = list(dict.fromkeys(owners[word] for word in found))
        if len(named) == 1:
            return named[0], "the only label that the answer names"
        if named:
            return None, f"the answer names several labels: {', '.join(named)}"[:500]
        return None, f"the answer names none of {self._listed()}"

    def _words(self) -> Iterator[tuple[str, str]]:
        """Each label with itself, and with each of its other words."""
        for label in self.labels:
            yield label, label
            if isinstance(self.labels, dict):
                for word in self.labels[label]:
                    yield label, word

    def _listed(self) -> str:
        listed = ", ".join(f"`{label}`" for label in list(self.labels)[:20])
        return f"{listed}, …" if len(self.labels) > 20 else listed


@lru_cache(maxsize=64)
def _owners(words: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {plain_words(word): label for label, word in words}
