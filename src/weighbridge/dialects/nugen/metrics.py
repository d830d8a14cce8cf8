"""`custom_metrics`, and the metrics that every evaluation has, as scorers of ours."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from weighbridge.core.outcome import ScorerSpec
from weighbridge.core.suggest import did_you_mean
from weighbridge.errors import FieldProblem, InvalidFields
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.declared import RESERVED_NAME
from weighbridge.scorers import SCORERS, OptionError, build

CORRECT = "binary_correctness"
RELEVANT = "answer_relevance"
ALWAYS = (CORRECT, RELEVANT)
"""What every evaluation is measured by, in this order; clients index these keys directly."""

ALIASES = {"accuracy": CORRECT, "relevance": RELEVANT}
"""The words of the single-model form."""

_FIELD = "custom_metrics"
_MOST = 32
_OPTIONS = ("rubric", "scorer")


@dataclass(frozen=True, slots=True)
class Metrics:
    """What an evaluation is measured by.

    Attributes:
        scorers: key → the scorer with its options, as an evaluation of ours names it.
    """

    scorers: dict[str, dict[str, Any]]

    @property
    def keys(self) -> tuple[str, ...]:
        """In the order in which they are shown, `ALWAYS` first."""
        return tuple(self.scorers)


def metrics_of(custom: Any, catalog: Catalog) -> Metrics:
    """The metrics that a request means.

    Args:
        custom: an array of names, an object of name → settings, or None. Settings are empty, or
            `{rubric: …}` for a judge, or `{scorer: NAME, option: value…}`; a name without settings
            is that of a scorer. Settings for one of `ALWAYS` replace how it is measured.

    Raises:
        InvalidFields: a name or an option is not there, with those that are.
    """
    default_judge = catalog.defaults.judge
    judge = default_judge not in {None, RESERVED_NAME}
    chosen: dict[str, dict[str, Any]] = {
        CORRECT: _judged("correct") if judge else {"includes": {}},
        RELEVANT: _judged("relevant") if judge else _near(catalog),
    }
    for place, name, settings in _named(custom):
        key = ALIASES.get(name, name)
        if settings is None and key in ALWAYS:
            continue
        chosen[key] = _scorer(place, name, settings)
    if len(chosen) > _MOST:
        raise InvalidFields([FieldProblem(_FIELD, f"at most {_MOST} metrics can be asked for")])
    return Metrics(chosen)


def _judged(rubric: str) -> dict[str, Any]:
    return {"judge": {"rubric": rubric}}


def _near(catalog: Catalog) -> dict[str, Any]:
    """Closeness to the reference: in meaning where the embedding model is installed, else by
    words."""
    there = any(row.usable for row in catalog.list() if row.name == RESERVED_NAME)
    return {"cosine": {"clip": True}} if there else {"f1": {}}


def _named(custom: Any) -> Iterator[tuple[str, str, dict[str, Any] | None]]:
    """Field, name and settings of each."""
    if custom is None:
        return
    if isinstance(custom, Mapping):
        for name, settings in custom.items():
            yield f"{_FIELD}.{name}", str(name), _settings(f"{_FIELD}.{name}", settings)
        return
    if not isinstance(custom, list):
        raise _wrong(_FIELD, "an array of names, an object of name → settings, or null")
    for place, item in enumerate(custom):
        field = f"{_FIELD}.{place}"
        if isinstance(item, str):
            yield field, item, None
        elif isinstance(item, Mapping) and len(item) == 1:
            [(name, settings)] = item.items()
            yield f"{field}.{name}", str(name), _settings(f"{field}.{name}", settings)
        else:
            raise _wrong(field, "a name, or an object with one name and its settings")


def _settings(field: str, settings: Any) -> dict[str, Any] | None:
    if settings is None or settings is True or settings == {}:
        return None
    if not isinstance(settings, Mapping):
        raise _wrong(field, "settings are an object: `{rubric: …}` or `{scorer: …, option: …}`")
    return {str(name): value for name, value in settings.items()}


def _scorer(field: str, name: str, settings: dict[str, Any] | None) -> dict[str, Any]:
    """The scorer of a metric, found to be a good one."""
    options = dict(settings or {})
    if "rubric" in options and "scorer" not in options:
        scorer = "judge"
    elif "scorer" in options:
        scorer = str(options.pop("scorer"))
        field = f"{field}.scorer"
    else:
        scorer = name
    if scorer not in SCORERS:
        known = [*ALWAYS, *ALIASES, *SCORERS]
        raise _wrong(
            field,
            f"there is no metric or scorer {scorer[:80]!r}{did_you_mean(scorer, known)}; there "
            f"are: {', '.join(known)}; or give a `rubric` for a judge",
        )
    try:
        build(ScorerSpec(scorer, options, name))
    except OptionError as error:
        raise _wrong(f"{field}.{error.option}".rstrip("."), str(error)) from error
    return {scorer: options}


def _wrong(field: str, message: str) -> InvalidFields:
    return InvalidFields([FieldProblem(field, message)])
