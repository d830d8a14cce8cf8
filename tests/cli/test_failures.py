"""From an exception to words and an exit code."""

import pytest

from weighbridge.cli.failures import ExitCode, describe, report_failure
from weighbridge.errors import Conflict, FieldProblem, Invalid, InvalidFields, NotFound


def test_each_field_problem_stands_on_a_line_of_its_own_with_file_and_line() -> None:
    error = InvalidFields(
        [FieldProblem("scorers.0", "no such scorer", 7), FieldProblem("", "not YAML", 9)], "qa.yaml"
    )
    assert describe(error).splitlines() == [
        "error: qa.yaml has 2 problems:",
        "qa.yaml:7: scorers.0: no such scorer",
        "qa.yaml:9: not YAML",
    ]


def test_a_problem_without_file_and_line_still_names_its_field() -> None:
    error = InvalidFields([FieldProblem("model", "unknown")])
    assert describe(error).splitlines() == [
        "error: the request has a problem:",
        "model: unknown",
    ]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Invalid("no"), ExitCode.USAGE),
        (InvalidFields([FieldProblem("a", "b")]), ExitCode.USAGE),
        (NotFound("no"), ExitCode.ERROR),
        (Conflict("no"), ExitCode.ERROR),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
    ],
)
def test_the_exit_code_tells_bad_input_from_other_errors(error: BaseException, code: int) -> None:
    assert report_failure(error) == code


def test_an_error_out_of_a_task_group_is_told_as_itself(
    capsys: pytest.CaptureFixture[str],
) -> None:
    group = ExceptionGroup("two", [ValueError("x"), ExceptionGroup("one", [Conflict("taken")])])
    assert report_failure(group) == 1
    assert capsys.readouterr().err == "error: taken\n"


def test_an_unexpected_error_is_one_line_and_the_way_to_its_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert report_failure(RuntimeError("odd\nthing")) == 1
    assert capsys.readouterr().err.splitlines() == [
        "error: internal error: RuntimeError: odd thing",
        "(for the traceback: WEIGHBRIDGE_LOG_LEVEL=debug)",
    ]
    monkeypatch.setenv("WEIGHBRIDGE_LOG_LEVEL", "debug")
    report_failure(RuntimeError("odd"))
    assert "RuntimeError: odd" in capsys.readouterr().err.splitlines()[0]
