"""docs/scorers.md says what the scorers say of themselves."""

import dataclasses
import importlib.util
from pathlib import Path

import pytest

from weighbridge.scorers import SCORERS

ROOT = Path(__file__).resolve().parents[2]


def page() -> str:
    script = ROOT / "scripts" / "generate_scorer_docs.py"
    spec = importlib.util.spec_from_file_location("generate_scorer_docs", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text: str = module.scorers_page()
    return text


def test_the_page_is_current() -> None:
    written = (ROOT / "docs" / "scorers.md").read_text(encoding="utf-8")
    assert written == page(), "run: python scripts/generate_scorer_docs.py"


@pytest.mark.parametrize("name", SCORERS)
def test_every_option_is_explained(name: str) -> None:
    section = page().split(f"\n## {name}\n")[1].split("\n## ")[0]
    for option in dataclasses.fields(SCORERS[name]):  # type: ignore[arg-type]
        if option.init:
            assert f"| `{option.name}` |" in section
