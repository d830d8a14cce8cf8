"""Evaluation files and the options that come before them."""

import io
from pathlib import Path
from types import SimpleNamespace

import pytest

from weighbridge.cli.order import Overrides, read_evaluation
from weighbridge.core.evaluation import Budget
from weighbridge.errors import FieldProblem, Invalid, InvalidFields

AS_WRITTEN = Overrides()


def test_options_come_before_what_the_file_says(folder: Path) -> None:
    (folder / "qa.yaml").write_text(
        "cases: [{q: a}, {q: b}]\nprompt: '{q}'\nmodel: parrot\nbudget: {usd: 1}\n"
    )
    overrides = Overrides(("cat", "dog"), 1, 7, Budget(tokens=50))
    evaluation = read_evaluation("qa.yaml", overrides).spec.to_evaluation()
    assert evaluation.models == ("cat", "dog")
    assert evaluation.limit == 1
    assert evaluation.concurrency == 7
    assert evaluation.budget == Budget(usd=1, tokens=50)


def test_a_run_that_has_begun_takes_only_what_keeps_its_result(folder: Path) -> None:
    evaluation = read_evaluation("qa.yaml", AS_WRITTEN).spec.to_evaluation()
    changed = Overrides(concurrency=3, budget=Budget(usd=2)).applied(evaluation)
    assert changed.concurrency == 3
    assert changed.budget == Budget(usd=2)
    assert Overrides(("cat",), 5).change_the_result == ("--model", "--limit")


def test_an_error_in_the_file_names_file_line_and_field(folder: Path) -> None:
    text = (folder / "qa.yaml").read_text()
    (folder / "qa.yaml").write_text(text.replace("target: capital", "traget: capital"))
    with pytest.raises(InvalidFields) as caught:
        read_evaluation("qa.yaml", AS_WRITTEN)
    (problem,) = caught.value.problems
    assert caught.value.source == "qa.yaml"
    assert (problem.line, problem.field) == (6, "traget")
    assert "did you mean `target`" in problem.message


def test_an_error_found_later_gets_the_line_of_its_field(folder: Path) -> None:
    asked = read_evaluation("qa.yaml", AS_WRITTEN)
    located = asked.locate(InvalidFields([FieldProblem("model", "unknown")]))
    assert located.problems == [FieldProblem("model", "unknown", 4)]
    assert located.source == "qa.yaml"


def test_standard_input_is_looked_up_from_the_current_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (folder / "qa.yaml").read_bytes()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(text)))
    asked = read_evaluation("-", AS_WRITTEN)
    assert asked.source == "<stdin>"
    assert asked.folder == folder


def test_a_file_that_is_not_there_is_told(folder: Path) -> None:
    with pytest.raises(Invalid, match="cannot read none"):
        read_evaluation("none.yaml", AS_WRITTEN)


def test_a_file_that_is_not_utf8_is_told_with_its_line(folder: Path) -> None:
    (folder / "qa.yaml").write_bytes(b"name: x\nprompt: \xff\n")
    with pytest.raises(InvalidFields) as caught:
        read_evaluation("qa.yaml", AS_WRITTEN)
    assert caught.value.problems == [FieldProblem("", "not UTF-8 text", 2)]


RUBRIC = "purpose: Is it kind?\nverdict: pass_fail\n"


def with_judge(folder: Path, rubric: str) -> None:
    (folder / "judged.yaml").write_text(
        "cases: [{q: a}]\nprompt: '{q}'\nmodel: parrot\nscorers:\n  - exact\n"
        f"  - judge: {{rubric: {rubric}}}\n"
    )


def test_a_rubric_in_a_file_becomes_part_of_the_evaluation(folder: Path) -> None:
    (folder / "rubrics").mkdir()
    (folder / "rubrics" / "kind.yaml").write_text(RUBRIC)
    with_judge(folder, "rubrics/kind.yaml")
    asked = read_evaluation("judged.yaml", AS_WRITTEN)
    rubric = {"purpose": "Is it kind?", "verdict": "pass_fail"}
    assert asked.spec.as_json()["scorers"] == ["exact", {"judge": {"rubric": rubric}}]


def test_several_rubrics_of_a_jury_may_be_files(folder: Path) -> None:
    (folder / "kind.yml").write_text(RUBRIC)
    (folder / "jury.yaml").write_text(
        "cases: [{q: a}]\nprompt: '{q}'\nmodel: parrot\n"
        "scorers: [{jury: {rubrics: [kind.yml, relevant]}}]\n"
    )
    asked = read_evaluation("jury.yaml", AS_WRITTEN)
    (jury,) = asked.spec.scorers
    assert jury["jury"]["rubrics"][0]["purpose"] == "Is it kind?"


def test_a_rubrics_file_that_is_not_there_is_said_with_the_evaluations_line(folder: Path) -> None:
    with_judge(folder, "kind.yaml")
    with pytest.raises(InvalidFields) as caught:
        read_evaluation("judged.yaml", AS_WRITTEN)
    (problem,) = caught.value.problems
    assert (caught.value.source, problem.line) == ("judged.yaml", 6)
    assert problem.field == "scorers.1.judge.rubric"
    assert "No such file" in problem.message


@pytest.mark.parametrize(
    ("text", "line", "field", "said"),
    [
        ("purpose: Is it kind?\nverdict: pas_fail\n", 2, "verdict", "should be 'pass_fail'"),
        (f"{RUBRIC}critera: x\n", 3, "critera", "did you mean `criteria`"),
        (f"{RUBRIC}criteria: Look at {{contxt}}.\n", 3, "criteria", "none of the rubric's inputs"),
        (
            "purpose: p\nverdict: levels\nlevels:\n  - label: 1\n  - label: 2\n    score: 1\n",
            6,
            "levels.1.score",
            "the same score",
        ),
        (
            "purpose: p\nverdict: levels\nlevels:\n  - range: [1, 3]\n  - range: [3, 5]\n",
            5,
            "levels.1.range",
            "overlaps level 1 (1 to 3)",
        ),
        ("purpose: [\n", 1, "", "not YAML"),
        ("- a\n", 1, "", "a rubric is an object"),
        ("a: &a [1]\nb: " + "[" * 70 + "]" * 70, 2, "", "nested more than"),
        ("purpose: !!python/object:os.system x\n", 1, "purpose", "tags are not read"),
    ],
)
def test_a_rubrics_file_that_is_no_good_is_said_with_its_own_field_and_line(
    folder: Path, text: str, line: int, field: str, said: str
) -> None:
    (folder / "kind.yaml").write_text(text)
    with_judge(folder, "kind.yaml")
    with pytest.raises(InvalidFields) as caught:
        read_evaluation("judged.yaml", AS_WRITTEN)
    problem = caught.value.problems[0]
    assert str(caught.value.source).endswith("kind.yaml")
    assert (problem.line, problem.field) == (line, field)
    assert said in problem.message
