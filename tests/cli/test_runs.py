"""Looking at runs, exporting them, and the other small commands."""

import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cli.command_line import Cli
from weighbridge.errors import Unavailable
from weighbridge.services.exports import Exports
from weighbridge.spec import json_schema


def run_it(cli: Cli, *arguments: str) -> dict[str, object]:
    """Run the evaluation; the run."""
    said = cli("run", "qa.yaml", "--json", "--quiet", *arguments)
    run: dict[str, object] = json.loads(said.out.splitlines()[0])
    return run


def test_runs_are_listed_newest_first(cli: Cli) -> None:
    older = run_it(cli)["id"]
    newer = run_it(cli, "--model", "cat")["id"]
    rows = [line for line in cli("runs").out.splitlines() if "run_" in line]
    assert [row.split()[0] for row in rows] == [newer, older]
    assert "exact 0.667 [0.208, 0.939]" in rows[1]


def test_runs_can_be_filtered(cli: Cli) -> None:
    first = run_it(cli)
    run_it(cli, "--budget-tokens", "1", "--concurrency", "1")

    def listed(*arguments: str) -> list[str]:
        lines = cli("runs", "--json", *arguments).out.splitlines()
        return [json.loads(line)["id"] for line in lines]

    assert listed("--status", "succeeded") == [first["id"]]
    assert len(listed("--limit", "1")) == 1
    assert listed("--evaluation", str(first["evaluation"]["id"])) == [first["id"]]  # type: ignore[index]
    assert cli("runs", "--status", "done").code == 2


def test_without_runs_the_list_says_where_it_looked(cli: Cli) -> None:
    said = cli("runs")
    assert (said.code, said.out) == (0, "")
    assert said.err == "no such run yet in data\n"


def test_show_prints_the_report_that_run_printed(cli: Cli) -> None:
    printed = cli("run", "qa.yaml").out
    assert cli("show", "latest").out == printed


def test_show_puts_several_runs_side_by_side(cli: Cli) -> None:
    one = str(run_it(cli)["id"])
    other = str(run_it(cli, "--limit", "2")["id"])
    said = cli("show", one, other)
    assert said.code == 0
    assert one[:12] in said.out
    assert "0.667 [0.208, 0.939] n=3" in said.out
    assert "1.000 [0.342, 1.000] n=2" in said.out


def test_the_id_of_an_evaluation_stands_for_its_runs(cli: Cli) -> None:
    run = run_it(cli, "--model", "parrot", "--model", "cat")
    evaluation = str(run["evaluation"]["id"])  # type: ignore[index]
    shown = [json.loads(line) for line in cli("show", evaluation, "--json").out.splitlines()]
    assert [run["model"] for run in shown] == ["parrot", "cat"]


@pytest.mark.parametrize("name", ["run_1", "eval_1", "latest"])
def test_what_is_not_there_cannot_be_shown(name: str, cli: Cli) -> None:
    said = cli("show", name)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("error: there is no ")


def test_a_run_that_has_ended_cannot_be_cancelled(cli: Cli) -> None:
    run_it(cli)
    said = cli("cancel", "latest")
    assert said.code == 1
    assert "has ended already: it is succeeded" in said.err


def test_exports_hold_every_outcome_in_order(cli: Cli, folder: Path) -> None:
    run_it(cli)
    lines = [json.loads(line) for line in cli("export", "latest").out.splitlines()]
    assert [line["case_id"] for line in lines] == ["fr", "it", "es"]
    assert lines[0]["scores"] == {"exact": {"status": "scored", "value": 1.0}}

    rows = list(csv.DictReader(io.StringIO(cli("export", "latest", "--format", "csv").out)))
    assert [row["answer"] for row in rows] == ["Paris", "Rome", "I do not know"]

    assert cli("export", "latest", "-o", "out.parquet").code == 0
    table = pq.read_table(folder / "out.parquet")
    assert table.column("score.exact").to_pylist() == [1.0, 1.0, 0.0]
    assert sorted(path.name for path in folder.glob("*out*")) == ["out.parquet"]


def test_a_csv_holds_cells_as_they_are_even_where_a_spreadsheet_sees_formulas(
    cli: Cli, folder: Path
) -> None:
    cells = ["=1+1", "+1", "-2", "@x", "\t=x", 'a "b", c;\r\nd', "é漢🎉", "a\u2028b"]
    rows = [{"country": cell, "capital": "x"} for cell in cells]
    (folder / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "qa.yaml").write_text(
        "data: q.jsonl\nmodel: parrot\nprompt: '{country}'\ntarget: capital\nscorers: [exact]\n"
    )
    assert cli("run", "qa.yaml", "--quiet").code == 0
    said = cli("export", "latest", "--format", "csv", "-o", "out.csv")
    assert said.code == 0, said.err
    with (folder / "out.csv").open(newline="", encoding="utf-8") as file:
        assert [row["input.country"] for row in csv.DictReader(file)] == cells


def test_an_export_that_breaks_leaves_no_file(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_arguments: object) -> AsyncIterator[bytes]:
        yield b"half a line"
        raise Unavailable("the database went away")

    run_it(cli)
    (folder / "out.jsonl").write_text("what was there before")
    monkeypatch.setattr(Exports, "stream", broken)
    said = cli("export", "latest", "-o", "out.jsonl")
    assert (said.code, said.err) == (1, "error: the database went away\n")
    assert (folder / "out.jsonl").read_text() == "what was there before"
    assert len(list(folder.glob("*out*"))) == 1


def test_an_export_to_a_folder_that_is_not_there_is_an_error(cli: Cli) -> None:
    run_it(cli)
    said = cli("export", "latest", "-o", "nowhere/out.csv")
    assert said.code == 1
    assert "No such file or directory" in said.err


def test_models_say_whether_they_can_be_used(cli: Cli) -> None:
    said = cli("models", "--json")
    models = {model["name"]: model for model in map(json.loads, said.out.splitlines())}
    assert models["parrot"]["usable"] is True
    assert models["locked"]["usable"] is False
    assert "NOBODY_SETS_THIS_KEY" in models["locked"]["why_not"]
    assert "embedded" in models
    assert "NOBODY_SETS_THIS_KEY" in cli("models").out


def test_the_schema_is_that_of_the_evaluation_file(cli: Cli) -> None:
    assert json.loads(cli("schema").out) == json_schema()


def test_a_setting_that_cannot_be_used_is_named_without_its_value(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_MAX_BODY_MB", "sekret")
    said = cli("runs")
    assert said.code == 2
    assert "max_body_mb (WEIGHBRIDGE_MAX_BODY_MB)" in said.err
    assert "sekret" not in said.err


def test_a_data_folder_that_cannot_be_used_is_told_in_plain_words(cli: Cli, folder: Path) -> None:
    (folder / "file").touch()
    said = cli("runs", "--data", "file")
    assert (said.code, said.out) == (2, "")
    assert said.err == "error: the data folder file cannot be used: File exists\n"


def test_an_unknown_log_level_is_refused(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_LOG_LEVEL", "loud")
    said = cli("runs")
    assert said.code == 2
    assert "debug, info, warning, error" in said.err


def test_options_come_before_the_environment(cli: Cli, folder: Path) -> None:
    assert cli("run", "qa.yaml", "--data", "elsewhere").code == 0
    assert (folder / "elsewhere" / "weighbridge.sqlite").exists()
    assert not (folder / "data").exists()
    said = cli("show", "latest", "--data", "elsewhere")
    assert "--data elsewhere" in said.err  # the command it proposes finds the same runs


def test_a_models_file_that_is_wrong_is_told_with_its_line(cli: Cli, folder: Path) -> None:
    (folder / "models.toml").write_text('[[models]]\nname = "x"\nprotcol = "openai"\n')
    said = cli("models")
    assert said.code == 2
    assert "models.toml:3: models.0.protcol" in said.err
