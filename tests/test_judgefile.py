"""A judge with several dimensions as people write it."""

import re
from pathlib import Path

import pytest

from weighbridge.core.rubric_judge import ScoringModel
from weighbridge.errors import InvalidFields
from weighbridge.judgefile import JudgeSpec, load_judge, parse_judge

JUDGE = """
name: Support replies
model: house-judge
instructions: The reader is a customer.
dimensions:
  - name: Is it polite?
    scoring_model: pass_fail
    criteria: It must not insult the customer.
  - name: Clarity
    id: clear
    scoring_model: scale_1_5
    options:
      - {label: 1, means: nobody understands it}
  - name: Tone
    scoring_model: single_select
    required: false
    options:
      - {label: warm, score: 1}
      - {label: cold, score: 0.25}
  - name: Steps
    scoring_model: checklist
    items: [names the next step, {label: no promise, asks: Does it promise no date?, weight: 3}]
"""


SELECT = "{{name: a, scoring_model: single_select, options: [{}]}}"


def problems(text: str) -> dict[str, str]:
    with pytest.raises(InvalidFields) as caught:
        load_judge(text, "judge.yaml")
    return {it.field: it.message for it in caught.value.problems}


def test_all_four_scoring_models_are_read() -> None:
    spec = load_judge(JUDGE, "judge.yaml")
    found = spec.to_dimensions()
    assert [it.id for it in found] == ["is_it_polite", "clear", "tone", "steps"]
    assert [it.scoring_model for it in found] == list(ScoringModel)
    assert found[1].scores() == {"1": 0, "2": 0.25, "3": 0.5, "4": 0.75, "5": 1}
    assert found[2].scores() == {"warm": 1, "cold": 0.25}
    assert [it.weight for it in found[3].items] == [1, 3]
    assert [it.required for it in found] == [True, True, False, True]


def test_json_reads_as_yaml_does() -> None:
    spec = load_judge(JUDGE, "judge.yaml")
    assert parse_judge(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize(
    ("dimension", "field", "word"),
    [
        ("{name: a}", "scoring_model", "required"),
        ("{name: a, scoring_model: stars}", "scoring_model", "pass_fail"),
        ("{name: a, scoring_model: single_select}", "options", "at least two"),
        (
            "{name: a, scoring_model: single_select, options: [{label: x}, {label: y, score: 1}]}",
            "options.0.score",
            "needs its score",
        ),
        (
            SELECT.format("{label: x, score: 2}, {label: y, score: 1}"),
            "options.0.score",
            "less than or equal to 1",
        ),
        (
            SELECT.format("{label: x, score: 0}, {label: X, score: 1}"),
            "options.1.label",
            "twice",
        ),
        ("{name: a, scoring_model: pass_fail, options: [{label: ok}]}", "options.0.label", "pass"),
        (
            "{name: a, scoring_model: scale_1_5, options: [{label: 5, score: 1}]}",
            "options.0.score",
            "of its own",
        ),
        ("{name: a, scoring_model: checklist}", "items", "at least one"),
        ("{name: a, scoring_model: checklist, items: [x, x]}", "items.1.label", "twice"),
        ("{name: a, scoring_model: pass_fail, items: [x]}", "items", "checklist"),
        ("{name: a, scoring_model: pass_fail, critera: x}", "critera", "criteria"),
        ("{id: 1a, name: a, scoring_model: pass_fail}", "id", "pattern"),
    ],
)
def test_what_is_wrong_is_told_with_its_field(dimension: str, field: str, word: str) -> None:
    found = problems(f"name: j\ndimensions:\n  - {dimension}\n")
    assert word in found[f"dimensions.0.{field}"]


def test_two_dimensions_have_two_ids() -> None:
    twice = "[{name: A b, scoring_model: pass_fail}, {name: a-b, scoring_model: pass_fail}]"
    assert "a_b" in problems(f"name: j\ndimensions: {twice}")["dimensions.1.id"]


@pytest.mark.parametrize("text", ["[]", "name: j", "name: j\ndimensions: []", ""])
def test_a_judge_needs_dimensions(text: str) -> None:
    assert problems(text)


def test_the_page_has_a_good_example_and_a_row_for_every_field() -> None:
    page = (Path(__file__).parents[1] / "docs" / "judges.md").read_text("utf-8")
    section = page.split("\n## Judges with several dimensions\n")[1].split("\n## ")[0]
    [example] = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    spec = load_judge(example, "docs/judges.md")
    assert [it.scoring_model for it in spec.to_dimensions()] == list(ScoringModel)
    rows = "".join(re.findall(r"^\| (`.*?) \|", section, re.MULTILINE))
    for field in (*JudgeSpec.model_fields, *ScoringModel):
        assert f"`{field}`" in rows
