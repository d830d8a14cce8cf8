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
