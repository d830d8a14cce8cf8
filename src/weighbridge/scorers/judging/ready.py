"""A rubric made ready to be judged by: the one way from a rubric to an outcome, for every scorer
that asks a model for a verdict."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from weighbridge.core.case import Case
from weighbridge.core.json import Json
from weighbridge.core.outcome import Answer, Scored, Ungraded
from weighbridge.core.suggest import did_you_mean
from weighbridge.scorers.judging.asking import Manner, ask
from weighbridge.scorers.judging.by_embedded import StandIn, beyond, stand_in_for
from weighbridge.scorers.judging.form import Form, Verdict
from weighbridge.scorers.judging.parts import ANSWER
from weighbridge.scorers.judging.pictures import has_pictures, pictures_of
from weighbridge.scorers.judging.prompting import texts_of
from weighbridge.scorers.judging.rubric import Rubric
from weighbridge.scorers.options import OptionError
from weighbridge.scorers.panel import Panel
from weighbridge.scorers.references import NO_REFERENCE

MOST_TOKENS = 1_000_000

UNSEEN = Ungraded(
    "the embedded judge reads text only, and the answer has images; name a judge model"
)
"""What the embedded judge says of images that it cannot look at."""


class ReadyRubric:
    """A rubric made ready to be judged by: what it shows, how it is asked, what its verdict means.

    Args:
        rubric: what is judged. manner: how a judge is asked.
        columns: input of the rubric → column of the data, where they have different names.
        stand_in: how the embedded judge can judge by it; unset: as the rubric says.

    Raises:
        OptionError: `columns` names an input that the rubric does not have.
    """

    __slots__ = ("columns", "form", "manner", "rubric", "stand_in")

    def __init__(
        self,
        rubric: Rubric,
        manner: Manner,
        columns: Mapping[str, str],
        stand_in: StandIn | None = None,
    ) -> None:
        for name in columns:
            if name not in rubric.columns:
                known = ", ".join(f"`{one}`" for one in rubric.columns)
                raise OptionError(
                    f"columns.{name}",
                    f"the rubric shows no such column{did_you_mean(name, rubric.columns)} "
                    f"(it shows {known})"
                    if known
                    else "the rubric shows no columns",
                )
        self.rubric = rubric
        self.form = Form(rubric)
        self.manner = manner
        self.columns = columns
        self.stand_in = stand_in or stand_in_for(rubric)

    @property
    def reads(self) -> tuple[str, ...]:
        """Columns of the data that are shown."""
        return tuple(self.columns.get(name, name) for name in self.rubric.columns)

    async def judge(
        self, model: str | None, answer: Answer, case: Case, panel: Panel
    ) -> Scored | Ungraded:
        """The outcome by one model's verdict.

        Raises:
            CallFailed: a call did not get through.
        """
        said = await self.verdict(model, answer, case, panel)
        if isinstance(said, Ungraded):
            return said
        return scored(said)

    async def verdict(
        self, model: str | None, answer: Answer, case: Case, panel: Panel
    ) -> Verdict | Ungraded:
        """One model's verdict. Raises as `judge`."""
        if self.rubric.needs_target and is_missing(case.target):
            return NO_REFERENCE
        texts = texts_of(self.rubric, answer, case, panel.conversation, self.columns)
        if panel.is_embedded(model):
            if self.stand_in is None:
                return Ungraded(beyond(self.rubric.purpose))
            if self.stand_in.of == ANSWER and has_pictures(answer):
                return UNSEEN
            weigher = panel.weigher(model)
            return await self.stand_in.verdict(texts, self.form.scores, weigher)
        pictures = await pictures_of(answer, panel)
        if isinstance(pictures, Ungraded):
            return pictures
        return await ask(panel, model, self.rubric, self.form, texts, self.manner, pictures)


def scored(verdict: Verdict, *, value: float | None = None, **more: Json) -> Scored:
    """A verdict as an outcome.

    Args:
        value: its score, where that is not the rubric's. more: further details.
    """
    details: dict[str, Json] = {"judge": verdict.judge, **more}
    if verdict.evidence:
        details["evidence"] = list(verdict.evidence)
    if verdict.dropped:
        details["evidence_dropped"] = verdict.dropped
    if verdict.items is not None:
        details["items"] = dict(verdict.items)
    if verdict.repaired is not None:
        details["repaired"] = verdict.repaired
    worth = verdict.value if value is None else value
    return Scored(worth, verdict.label, verdict.reason or None, verdict.confidence, details)


def manner_of(
    temperature: float | None, max_tokens: int | None, params: Mapping[str, JsonValue] | None
) -> Manner:
    """How judges are asked.

    Raises:
        OptionError: a value that no endpoint takes, or a parameter that is not the user's to set.
    """
    if temperature is not None and not 0 <= temperature <= 2:
        raise OptionError("temperature", f"must be 0 to 2, not {temperature:g}")
    if max_tokens is not None and not 1 <= max_tokens <= MOST_TOKENS:
        raise OptionError("max_tokens", f"must be 1 to {MOST_TOKENS:,}, not {max_tokens}")
    for name in params or ():
        if name in {"model", "messages", "stream", "n", "response_format"}:
            raise OptionError(f"params.{name}", "is set by the judge itself")
    return Manner(temperature, max_tokens, params)


def is_missing(value: Json) -> bool:
    """Whether a case's reference is none: null, or an empty cell."""
    if isinstance(value, str):
        return not value or value.isspace()
    return value is None or value == []


def check_names(option: str, names: Sequence[str | None]) -> None:
    """Names of judges, each once.

    Raises:
        OptionError: one is empty or there twice.
    """
    for place, name in enumerate(names):
        if name is not None and not name.strip():
            raise OptionError(f"{option}.{place}", "must be the name of a model")
        if name in names[:place]:
            raise OptionError(f"{option}.{place}", f"`{name}` is there twice")
