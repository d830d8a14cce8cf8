"""The figures on how far a judge can be relied on, of made-up verdicts."""

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from weighbridge.core.outcome import Failed, Scored, Ungraded
from weighbridge.specfile import load_spec

ROOT = Path(__file__).parents[2]


@pytest.fixture
def reliability(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The script as a module."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    yield importlib.import_module("judge_reliability")
    for name in ("judge_reliability", "head_corpora"):
        sys.modules.pop(name, None)


def test_the_figures_are_what_their_definitions_say(reliability: ModuleType) -> None:
    pairs = [(0.9, True), (0.95, False), (0.6, True), (0.65, True)]
    assert reliability.brier(pairs) == pytest.approx((0.01 + 0.9025 + 0.16 + 0.1225) / 4)
    assert reliability.calibration_error(pairs) == pytest.approx((0.85 + 0.75) / 4)
    assert reliability.calibration_error([(1.0, True)] * 3) == 0


def test_what_has_no_verdict_is_neither_right_nor_wrong(reliability: ModuleType) -> None:
    judged = reliability.Judged
    found = [
        judged(True, Scored(1.0, "pass", "r", 0.9)),
        judged(False, Scored(1.0, "pass", "r", 0.8)),
        judged(False, Ungraded("it is not sure")),
        judged(True, Failed("timeout", "too late")),
    ]
    row = reliability.summary_row("these", found)
    assert row.startswith("| these | 2 + 2 | 50% (1 calls failed) | 0.500 [")
    assert [line.split(" | ")[1] for line in reliability.reliability_rows(found)] == ["1", "1"]


def test_a_judge_that_decides_nothing_has_a_row(reliability: ModuleType) -> None:
    row = reliability.summary_row("none", [reliability.Judged(True, Ungraded("no"))])
    assert row == "| none | 1 + 0 | 0% | – | – | – |"


def test_the_example_of_the_documentation_is_a_good_evaluation() -> None:
    page = (ROOT / "docs" / "judges.md").read_text("utf-8")
    section = page.split("\n## Conduct\n")[1].split("\n## ")[0]
    (example,) = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    load_spec(example, "docs/judges.md").to_evaluation()
