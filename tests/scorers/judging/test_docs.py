"""docs/judges.md: its rubric is a good one, its evaluation loads, and nothing is left out."""

import re
from pathlib import Path

import pytest

from weighbridge.scorers.judging.parts import Kind
from weighbridge.scorers.judging.rubric import Rubric
from weighbridge.scorers.judging.rubrics import builtin, find_rubric, parse_rubric_file
from weighbridge.specfile import load_spec

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "judges.md").read_text("utf-8")
SECTION = PAGE.split("## Judges that are language models")[1].split("\n## ")[0]
EXAMPLES = re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL)


def test_the_evaluation_is_a_good_one() -> None:
    load_spec(EXAMPLES[0], "docs/judges.md").to_evaluation()


def test_the_rubric_is_a_good_one() -> None:
    parse_rubric_file(EXAMPLES[1], "docs/judges.md")


@pytest.mark.parametrize("name", builtin())
def test_every_rubric_has_a_row_and_says_what_its_verdicts_mean(name: str) -> None:
    assert f"\n| `{name}` |" in SECTION
    rubric = find_rubric(name)
    assert all(level.means for level in rubric.levels)
    assert rubric.verdict is Kind.PAIR or rubric.criteria


@pytest.mark.parametrize("field", Rubric.model_fields)
def test_every_field_has_a_row(field: str) -> None:
    assert f"\n| `{field}` |" in SECTION
