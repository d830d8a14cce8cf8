"""docs/evaluations.md: its examples load, and it names every field and format there is."""

import re
from pathlib import Path

import pytest

from weighbridge.datasets.readers import EXTENSIONS, FORMATS
from weighbridge.spec import EvaluationSpec
from weighbridge.specfile import load_spec

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "evaluations.md").read_text("utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_a_good_evaluation(example: str) -> None:
    load_spec(example, "docs/evaluations.md").to_evaluation()


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 6


@pytest.mark.parametrize(
    "field", [field.alias or name for name, field in EvaluationSpec.model_fields.items()]
)
def test_every_field_has_a_row(field: str) -> None:
    assert f"\n| `{field}` |" in PAGE


def test_every_format_and_extension_is_named() -> None:
    assert all(f"\n| {name} |" in PAGE for name in FORMATS)
    assert all(f"`{extension}`" in PAGE for extension in EXTENSIONS)
