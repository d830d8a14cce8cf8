"""The table of scorers: names to classes, options checked, specs that build the same again."""

import dataclasses
import math
import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge import scorers
from weighbridge.core.outcome import ScorerSpec
from weighbridge.scorers import installed
from weighbridge.scorers.base import Judge, Scorer
from weighbridge.scorers.choice import Choice
from weighbridge.scorers.numbers import Numeric
from weighbridge.scorers.text import Exact, Regex

# Scorers that mean nothing without these options.
NEEDED: dict[str, dict[str, Any]] = {
    "classify": {"labels": ["a", "b"]},
    "label": {"labels": ["yes", "no"]},
    "jury": {"models": ["a", "b"]},
    "properties": {"properties": {"mood": ["calm", "angry"]}},
}


def spec(name: str, **options: Any) -> ScorerSpec:
    return ScorerSpec(name, options, name)


@pytest.mark.parametrize(("name", "scorer"), scorers.SCORERS.items())
def test_every_scorer_keeps_to_the_protocol(name: str, scorer: type[Scorer]) -> None:
    options = NEEDED.get(name, {})
    built = scorers.build(spec(name, **options))
    assert isinstance(built, Scorer | Judge)
    assert built.name == name
    assert built.version >= 1
    assert built.metric in ("accuracy", "mean")
    assert dataclasses.is_dataclass(scorer)
    assert scorer.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert "__slots__" in vars(scorer)
    assert scorers.spec_of(built) == options


RUBRIC = {"purpose": "How good is it?", "verdict": "levels", "levels": [{"range": [1, 5]}]}


@pytest.mark.parametrize(
    ("name", "options", "bounds"),
    [
        ("exact", {}, (0, 1)),
        ("f1", {}, (0, 1)),
        ("edit", {"threshold": 0.5}, (0, 1)),
        ("cosine", {}, (-1, 1)),
        ("cosine", {"threshold": 0.5}, (0, 1)),
        ("ter", {}, (0, math.inf)),
        ("length", {}, (0, math.inf)),
        ("length", {"most": 9}, (0, 1)),
        ("pairwise", {}, (0, 1)),
        ("likelihood", {"report": "probability"}, (0, 1)),
        ("judge", {"rubric": "helpful"}, (0, 1)),
        ("judge", {"rubric": "coherent"}, (0, 1)),
        ("judge", {"rubric": RUBRIC}, (1, 5)),
        ("jury", {"models": ["a", "b"], "rubric": RUBRIC, "reducer": "mean"}, (1, 5)),
    ],
)
def test_scorers_know_within_which_bounds_they_score(
    name: str, options: dict[str, Any], bounds: tuple[float, float]
) -> None:
    assert scorers.bounds_of(scorers.build(spec(name, **options))) == bounds


@pytest.mark.parametrize("name", scorers.SCORERS)
def test_every_scorer_of_means_that_comes_along_has_a_least_score(name: str) -> None:
    assert scorers.bounds_of(scorers.build(spec(name, **NEEDED.get(name, {}))))[0] >= -1


def test_options_reach_the_scorer() -> None:
    assert scorers.build(spec("exact", ignore_case=True)) == Exact(ignore_case=True)
    assert scorers.build(spec("numeric", absolute=1)) == Numeric(absolute=1.0)
    assert scorers.build(spec("regex", pattern="(a)", group=1)) == Regex("(a)", 1)


@given(
    st.builds(Exact, st.booleans(), st.booleans(), st.booleans())
    | st.builds(Numeric, st.floats(0, 1e6), st.floats(0, 1), st.sampled_from(["last", "only"]))
    | st.builds(Choice, st.integers(2, 26), st.just("options"), st.none() | st.integers(0, 1))
)
def test_a_scorer_is_rebuilt_from_its_spec(scorer: Scorer) -> None:
    assert scorers.build(spec(scorer.name, **scorers.spec_of(scorer))) == scorer


def test_the_spec_holds_only_what_differs_from_the_defaults() -> None:
    assert scorers.spec_of(Numeric(absolute=0.5)) == {"absolute": 0.5}


@pytest.mark.parametrize(
    ("name", "options", "option", "said"),
    [
        ("exat", {}, "", r"no scorer `exat`; did you mean `exact`\? \(scorers: exact, includes"),
        ("exact", {"ignorecase": True}, "ignorecase", "did you mean `ignore_case`"),
        ("exact", {"ignore_case": "yes"}, "ignore_case", "valid boolean"),
        ("exact", {"ignore_case": 1}, "ignore_case", "valid boolean"),
        ("f1", {"x": 1}, "x", "it has none"),
        ("numeric", {"pick": "middle"}, "pick", "'last', 'first' or 'only'"),
        ("numeric", {"absolute": -1}, "absolute", "0 or more"),
        ("choice", {"choices": 2.5}, "choices", "integer"),
        ("regex", {"pattern": "("}, "pattern", "RE2 refuses"),
        ("regex", {"pattern": 5}, "pattern", "string"),
        ("label", {}, "labels", "two labels or more"),
        ("label", {"labels": "yes"}, "labels", "list|tuple|array"),
        ("json_schema", {"schema": {"type": "objekt"}}, "schema", "/type"),
        ("length", {"least": 3, "most": 2}, "most", "at least `least`"),
        ("edit", {"threshold": 2}, "threshold", "0 to 1"),
    ],
)
def test_a_bad_spec_is_refused_with_the_option_at_fault(
    name: str, options: dict[str, Any], option: str, said: str
) -> None:
    with pytest.raises(scorers.OptionError, match=said) as caught:
        scorers.build(spec(name, **options))
    assert caught.value.option == option


@dataclasses.dataclass(frozen=True, slots=True)
class Mine:
    """A scorer of another package."""

    weights: tuple[float, ...] = (1.0,)

    name = "mine"
    version = 3
    metric = "mean"
    needs_target = False

    def __post_init__(self) -> None:
        if not self.weights:
            raise ValueError("there must be a weight")


def test_a_scorer_of_an_installed_package_is_found_by_its_entry_point(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    point = EntryPoint("mine", f"{__name__}:Mine", installed.GROUP)
    monkeypatch.setattr(installed, "entry_points", lambda group: [point])
    built: Any = scorers.build(spec("mine", weights=[1, 2]))
    assert built == Mine((1.0, 2.0))
    assert scorers.spec_of(built) == {"weights": [1.0, 2.0]}
    assert scorers.versions([spec("mine"), spec("exact")]) == {"mine": 3, "exact": 1}
    with pytest.raises(scorers.OptionError, match="there must be a weight"):
        scorers.build(spec("mine", weights=[]))
    with pytest.raises(scorers.OptionError, match=r"f1, .*mine"):
        scorers.build(spec("nothing"))


def test_the_scorers_load_nothing_heavy() -> None:
    script = (
        "import sys, weighbridge.scorers; "
        "sys.exit(bool({'numpy', 'scipy', 'pandas', 'pyarrow', 'aiohttp', 'sacrebleu', 'nltk', "
        "'rapidfuzz', 'jsonschema_rs'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
