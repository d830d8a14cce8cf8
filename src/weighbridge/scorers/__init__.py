"""How one answer is graded: the table of scorers, and the way from an evaluation to one of them."""

import importlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import ScorerSpec
from weighbridge.core.scale import UNBOUNDED, ZERO_TO_ONE, Bounds
from weighbridge.core.suggest import did_you_mean
from weighbridge.scorers.base import (
    AgainstRuns,
    AnyScorer,
    Bounded,
    ByRubric,
    Judge,
    Reader,
    Scorer,
    ShownPrompt,
)
from weighbridge.scorers.choice import Choice
from weighbridge.scorers.classify import Classify
from weighbridge.scorers.conduct import Conduct
from weighbridge.scorers.instructions import Instructions
from weighbridge.scorers.judge import RubricJudge
from weighbridge.scorers.judging.by_embedded import beyond
from weighbridge.scorers.judging.ready import ReadyRubric
from weighbridge.scorers.jury import Jury, Scale
from weighbridge.scorers.labels import Label
from weighbridge.scorers.likelihood import Likelihood
from weighbridge.scorers.numbers import Numeric
from weighbridge.scorers.options import OptionError, changed_options, check_options
from weighbridge.scorers.pairwise import Pairwise
from weighbridge.scorers.personal_data import PersonalData
from weighbridge.scorers.properties import Properties
from weighbridge.scorers.similarity import Cosine, Edit
from weighbridge.scorers.structure import JsonMatch, JsonSchema
from weighbridge.scorers.summaries import Rouge
from weighbridge.scorers.text import F1, Exact, Includes, Length, Regex, StartsWith
from weighbridge.scorers.translation import Bleu, Chrf, Ter

__all__ = [
    "SCORERS",
    "Judge",
    "OptionError",
    "Reader",
    "Scorer",
    "ShownPrompt",
    "against_runs",
    "asked_by",
    "bounds_of",
    "build",
    "embedded_identities",
    "embedded_limits",
    "find",
    "spec_of",
    "verdicts_of",
    "versions",
    "vote_scales",
    "weighs",
    "wordings",
]

SCORERS: dict[str, type[AnyScorer]] = {
    "exact": Exact,
    "includes": Includes,
    "starts_with": StartsWith,
    "regex": Regex,
    "numeric": Numeric,
    "choice": Choice,
    "likelihood": Likelihood,
    "label": Label,
    "f1": F1,
    "judge": RubricJudge,
    "classify": Classify,
    "pairwise": Pairwise,
    "jury": Jury,
    "conduct": Conduct,
    "bleu": Bleu,
    "chrf": Chrf,
    "ter": Ter,
    "rouge": Rouge,
    "edit": Edit,
    "cosine": Cosine,
    "json_schema": JsonSchema,
    "json_match": JsonMatch,
    "length": Length,
    "instructions": Instructions,
    "personal_data": PersonalData,
    "properties": Properties,
}
"""Every scorer that comes with weighbridge, by its name in an evaluation."""


EMBEDDED = "embedded"
"""The name of the judge that asks no model."""


class _Loadable(Protocol):
    def load(self) -> type[AnyScorer]: ...


def find(name: str) -> type[AnyScorer]:
    """The scorer called `name`: of the table, or else of an installed package.

    Raises:
        OptionError: there is none; the message lists those there are.
    """
    if name in SCORERS:
        return SCORERS[name]
    # Asking every installed package takes a tenth of a second: only for a name not in the table.
    installed: Mapping[str, _Loadable] = importlib.import_module(
        "weighbridge.scorers.installed"
    ).installed()
    if name not in installed:
        known = [*SCORERS, *installed]
        hint = did_you_mean(name, known)
        raise OptionError("", f"there is no scorer `{name}`{hint} (scorers: {', '.join(known)})")
    return installed[name].load()


def build(spec: ScorerSpec) -> AnyScorer:
    """The scorer of a spec.

    Raises:
        OptionError: a `ValueError`; no scorer of this name, no option of this name, or a value it
            cannot have. Its `option` says which.
    """
    scorer = find(spec.name)
    options = check_options(scorer, spec.options)
    try:
        return scorer(**options)
    except OptionError:
        raise
    except ValueError as error:
        raise OptionError("", str(error)) from error


def spec_of(scorer: AnyScorer) -> JsonObject:
    """The options of a scorer that differ from their defaults: what is stored of it, beside its
    name. `build` makes an equal scorer of it."""
    return changed_options(scorer)


def bounds_of(scorer: AnyScorer) -> Bounds:
    """The least and the greatest score that a scorer gives."""
    if scorer.metric == "accuracy":
        return ZERO_TO_ONE
    return scorer.bounds if isinstance(scorer, Bounded) else UNBOUNDED


def versions(specs: Iterable[ScorerSpec]) -> dict[str, int]:
    """Version of each scorer that these specs name, for the pin.

    Raises:
        OptionError: a name that no scorer has.
    """
    return {spec.name: find(spec.name).version for spec in specs}


def asked_by(scorers: Iterable[AnyScorer]) -> tuple[str | None, ...]:
    """Names of the models that the judges among these scorers ask, each once; None stands for the
    evaluation's `judge`."""
    names = (name for scorer in scorers if isinstance(scorer, Judge) for name in scorer.asks)
    return tuple(dict.fromkeys(names))


def wordings(scorers: Mapping[str, AnyScorer]) -> JsonObject:
    """Hashes of the prompts of the judges among these scorers, by the scorer's key, for the pin."""
    return {key: scorer.wording for key, scorer in scorers.items() if isinstance(scorer, Judge)}


def against_runs(scorers: Iterable[AnyScorer]) -> tuple[str, ...]:
    """Ids of the other runs whose answers these scorers compare with, each once."""
    named = (run for one in scorers if isinstance(one, AgainstRuns) for run in one.against_runs)
    return tuple(dict.fromkeys(named))


def vote_scales(scorers: Mapping[str, AnyScorer]) -> dict[str, Scale]:
    """Key of each jury among these scorers → what kind of votes its members give."""
    return {key: scorer.scale for key, scorer in scorers.items() if isinstance(scorer, Jury)}


def embedded_identities(scorers: Mapping[str, AnyScorer], judge: str | None) -> JsonObject:
    """What pins the verdicts of the embedded judge, by the key of each scorer that it judges for.

    Args:
        judge: the evaluation's own.
    """
    return {
        key: [rubric.stand_in.identity() for rubric in rubrics if rubric.stand_in is not None]
        for key, rubrics in _for_embedded(scorers, judge)
    }


def weighs(scorers: Iterable[AnyScorer], name: str | None) -> bool:
    """Whether the embedded judge would have a model weigh labels for these scorers.

    Args:
        name: what they call the embedded judge; None: they leave it to the evaluation.
    """
    return any(
        rubric.stand_in is not None and rubric.stand_in.weighs
        for scorer in scorers
        if isinstance(scorer, ByRubric) and name in scorer.asks
        for rubric in scorer.rubrics_in_use
    )


def embedded_limits(scorers: Mapping[str, AnyScorer], judge: str | None) -> tuple[str, ...]:
    """Sentences about what the embedded judge is asked here and cannot judge. Arguments as for
    `embedded_identities`."""
    return tuple(
        f"scorer `{key}`: {beyond(rubric.rubric.purpose)}; its cases will be ungraded"
        for key, rubrics in _for_embedded(scorers, judge)
        for rubric in rubrics
        if rubric.stand_in is None
    )


def _for_embedded(
    scorers: Mapping[str, AnyScorer], judge: str | None
) -> Iterator[tuple[str, tuple[ReadyRubric, ...]]]:
    for key, scorer in scorers.items():
        if not isinstance(scorer, ByRubric):
            continue
        if any((name or judge) == EMBEDDED for name in scorer.asks):
            yield key, scorer.rubrics_in_use


def verdicts_of(scorer: AnyScorer) -> Mapping[str, float | None] | None:
    """The labels that a scorer may give → what each is worth (None: that depends on the case); None
    when its labels are not known beforehand."""
    on_offer: Mapping[str, float | None] | None = getattr(scorer, "verdicts", None)
    return on_offer
