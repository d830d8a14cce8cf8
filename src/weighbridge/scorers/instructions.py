"""The scorer of instructions that can be checked without judgement, as those of IFEval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from weighbridge.core.case import Case
from weighbridge.core.json import Json, JsonObject
from weighbridge.core.outcome import Answer, Outcome, Scored, Ungraded
from weighbridge.core.scale import ZERO_TO_ONE, Bounds
from weighbridge.core.suggest import did_you_mean
from weighbridge.scorers.effort import work_on
from weighbridge.scorers.instruction_checks import CHECKS, UncheckableError
from weighbridge.scorers.options import OptionError
from weighbridge.scorers.text import encodable

_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Instructions:
    """1 when the answer keeps to every checkable instruction that the case lists, else 0.

    The instructions of IFEval (Zhou et al. 2023, https://arxiv.org/abs/2311.07911) by its names and
    arguments: numbers of words, sentences and paragraphs, keywords, forbidden words, frequency of a
    letter or of words in capitals, upper or lower case, no commas, JSON, bullets, highlighted
    parts, sections, placeholders, title, postscript, first words and last phrase, quotation marks,
    two responses, the prompt repeated. An empty answer keeps to none. Which were kept is in
    `details.instructions`. A case with an instruction that is unknown, lacks an argument, or asks
    for a language (`language:response_language`: there is no detector here) is ungraded. Of
    `change_case:english_…` the case is checked, and that the letters are those of English.

    Attributes:
        ids: column with the list of instructions, such as `keywords:existence`.
        arguments: column with as many objects, the arguments of each; those that are null are not
            there.
        report: `all`, 1 or 0, or `share`, how many of them were kept.
        loose: an instruction is kept, too, when it would be without the answer's first line, its
            last one, both, or its asterisks (the loose accuracy of IFEval).
    """

    ids: str = "instruction_id_list"
    arguments: str = "kwargs"
    report: Literal["all", "share"] = "all"
    loose: bool = False

    name: ClassVar[str] = "instructions"
    version: ClassVar[int] = 1
    bounds: ClassVar[Bounds] = ZERO_TO_ONE
    needs_target: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for option in ("ids", "arguments"):
            if not getattr(self, option).strip():
                raise OptionError(option, "must be the name of a column")

    @property
    def metric(self) -> Literal["accuracy", "mean"]:
        """`mean` for shares."""
        return "accuracy" if self.report == "all" else "mean"

    @property
    def reads(self) -> tuple[str, ...]:
        """The two columns."""
        return (self.ids, self.arguments)

    async def score(self, answer: Answer, case: Case) -> Outcome:
        """Grade by what was kept to."""
        listed = _listed(case.inputs.get(self.ids), case.inputs.get(self.arguments))
        if isinstance(listed, Ungraded):
            return listed
        size = len(answer.text) * len(listed) * (8 if self.loose else 1)
        return await work_on(size, _AT_ONCE, self._graded, encodable(answer.text), listed)

    def _graded(self, text: str, listed: Sequence[tuple[str, Mapping[str, Json]]]) -> Outcome:
        texts = _loosely(text) if self.loose else (text,)
        kept: list[bool] = []
        for name, arguments in listed:
            try:
                # Checked even where nothing was said, so that what cannot be checked never depends
                # on the answer.
                found = [CHECKS[name](one, arguments) and bool(one.strip()) for one in texts]
            except UncheckableError as problem:
                return Ungraded(f"{name}: {problem}")
            kept.append(any(found))
        details: JsonObject = {
            "instructions": [
                {"id": name, "kept": one} for (name, _), one in zip(listed, kept, strict=True)
            ]
        }
        broken = [name for (name, _), one in zip(listed, kept, strict=True) if not one]
        said = f"not kept: {', '.join(broken)}" if broken else None
        share = sum(kept) / len(kept)
        return Scored(
            share if self.report == "share" else float(not broken), None, said, details=details
        )


def _listed(ids: Json, arguments: Json) -> list[tuple[str, Mapping[str, Json]]] | Ungraded:
    """Each instruction with its arguments, or why they cannot be had."""
    if not isinstance(ids, list) or not ids:
        return Ungraded("the case lists no instructions")
    if not isinstance(arguments, list) or len(arguments) != len(ids):
        return Ungraded("the case has not as many objects of arguments as instructions")
    listed: list[tuple[str, Mapping[str, Json]]] = []
    for name, given in zip(ids, arguments, strict=True):
        if not isinstance(name, str) or name not in CHECKS:
            hint = did_you_mean(str(name), CHECKS)
            return Ungraded(f"there is no instruction `{str(name)[:80]}`{hint}")
        if given is not None and not isinstance(given, dict):
            return Ungraded(f"{name}: its arguments are no object")
        listed.append((name, given or {}))
    return listed


def _loosely(text: str) -> tuple[str, ...]:
    """The text, and without its first line, last line or both; each with and without asterisks."""
    lines = text.split("\n")
    parts = (lines[1:], lines[:-1], lines[1:-1])
    shorter = (text, *("\n".join(part).strip() for part in parts))
    return (*shorter, *(one.replace("*", "") for one in shorter))
