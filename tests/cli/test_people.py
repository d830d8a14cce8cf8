"""`override`, `overrides` and `review-sample`: from a sample to a spreadsheet and back."""

import csv
import io
import json
from pathlib import Path

import pytest

from cli.command_line import Cli

SAYING = ("override", "latest", "es", "exact")


@pytest.fixture(autouse=True)
def _run(cli: Cli, folder: Path) -> None:
    """A run of three cases, of which the last was wrong."""
    assert cli("run", "qa.yaml").code == 0


def test_a_score_is_overridden_listed_and_withdrawn(cli: Cli) -> None:
    said = cli(*SAYING, "1", "--reason", "close enough", "--author", "Ann")
    assert (said.code, said.err.strip()) == (0, "exact of es: 1")
    listed = cli("overrides", "latest").out
    assert "close enough" in listed
    assert "Ann" in listed
    assert "counts" in listed
    outcomes = [json.loads(line) for line in cli("export", "latest").out.splitlines()]
    assert outcomes[2]["scores"]["exact"]["value"] == 0
    assert outcomes[2]["scores"]["exact"]["override"]["value"] == 1
    gone = cli(*SAYING, "--withdraw", "--reason", "a slip")
    assert gone.err.strip() == "withdrawn: exact of es"
    history = [json.loads(line) for line in cli("overrides", "latest", "--json").out.splitlines()]
    assert [it["value"] for it in history] == [None, 1.0]
    assert history[0]["author"]
    assert cli("overrides", "latest", "--csv").out.splitlines() == [
        "case_id,epoch,scorer,value,label,reason"
    ]
    assert cli(*SAYING, "--withdraw", "--reason", "again").code == 1


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ((*SAYING, "1"), 2, "say why, with --reason"),
        ((*SAYING, "--reason", "x"), 2, "give CASE SCORER VALUE"),
        (("override", "latest", "--reason", "x"), 2, "give CASE SCORER VALUE"),
        ((*SAYING, "2", "--reason", "x"), 2, "value: the scores of `exact` are 0 or 1, not 2"),
        ((*SAYING, "nan", "--reason", "x"), 2, "value: Input should be a finite number"),
        ((*SAYING, "good", "--reason", "x"), 2, "value: say which score it should be"),
        ((*SAYING[:3], "exat", "1", "--reason", "x"), 2, "did you mean `exact`?"),
        (("override", "latest", "xx", "exact", "1", "--reason", "x"), 2, "no outcome of a case"),
        ((*SAYING, "1", "--reason", "x", "--epoch", "3"), 2, "in epoch 3"),
        ((*SAYING, "1", "--reason", "x", "--from", "qa.yaml"), 2, "with --from, the file says"),
        (("override", "run_none", "es", "exact", "1", "--reason", "x"), 1, "there is no run"),
        (("overrides", "latest", "--json", "--csv"), 2, "not both"),
        (("review-sample", "latest", "-n", "0"), 2, "0"),
        (("review-sample", "latest", "--scorer", "exat"), 2, "did you mean `exact`?"),
    ],
)
def test_what_cannot_be_is_refused_with_what_would_be_right(
    cli: Cli, arguments: tuple[str, ...], code: int, told: str
) -> None:
    said = cli(*arguments)
    assert (said.code, told in said.err) == (code, True), said.err
    assert cli("overrides", "latest", "--json").out == ""


def test_a_sample_goes_to_a_spreadsheet_and_comes_back_as_reviews(cli: Cli, folder: Path) -> None:
    drawn = cli("review-sample", "latest", "-n", "3", "--scorer", "exact")
    assert "3 drawn of 3, of which 0 are reviewed (seed 0)" in drawn.err
    rows = list(csv.DictReader(io.StringIO(drawn.out)))
    assert {row["case_id"] for row in rows} == {"fr", "it", "es"}
    assert {row["input.country"] for row in rows} == {"France", "Italy", "Spain"}
    assert not any("score." in name for name in rows[0])
    for row in rows[:2]:
        row["value"] = "1"
    filled = folder / "filled.csv"
    with filled.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
    said = cli("override", "latest", "--from", "filled.csv", "--reason", "reviewed in May")
    assert (said.code, said.err.strip()) == (0, "kept what was said about 2 scores")
    again = cli("review-sample", "latest", "--unreviewed")
    assert [row["case_id"] for row in csv.DictReader(io.StringIO(again.out))] == [
        rows[2]["case_id"]
    ]
    listed = cli("overrides", "latest", "--csv").out
    assert listed.count("reviewed in May") == 2
    (folder / "labels.csv").write_text(listed)
    cli("rescore", "latest")
    assert cli("override", "latest", "--from", "labels.csv").code == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("case_id,value\nfr,1\n", "labels.csv:1: no column `scorer`"),
        ("case_id,scorer,value\nfr,exact,\n", "no row with a value or a label"),
        ("case_id,scorer,value\nfr,exact,1\n", "labels.csv:2: reason: "),
        ("case_id,scorer,value,reason\nfr,exact,1,x\nzz,exact,1,x\n", "labels.csv:3: case_id: "),
        (
            "case_id,scorer,value,reason\nfr,exact,one,x\n",
            ":2: value: `one` is no number",
        ),
        ("case_id,scorer,value,reason,epoch\nfr,exact,1,x,-1\n", "labels.csv:2: epoch: "),
        ("case_id,scorer,value,reason\nfr,exact,0.5,x\n", "are 0 or 1, not 0.5"),
        ("\x00\x01", "labels.csv:1: no column"),
    ],
)
def test_a_bad_spreadsheet_is_refused_whole_with_its_line(
    cli: Cli, folder: Path, text: str, told: str
) -> None:
    (folder / "labels.csv").write_text(text)
    said = cli("override", "latest", "--from", "labels.csv")
    assert (said.code, told in said.err) == (2, True), said.err
    assert cli("overrides", "latest", "--json").out == ""


def test_a_sample_for_a_spreadsheet_holds_no_formula(cli: Cli, folder: Path) -> None:
    models = folder / "models.toml"
    models.write_text(models.read_text().replace('reply = "Paris"', 'reply = "=1+1"'))
    cli("run", "qa.yaml")
    rows = csv.DictReader(io.StringIO(cli("review-sample", "latest").out))
    assert {row["answer"] for row in rows} >= {"'=1+1"}


def test_the_report_shows_the_scorer_beside_people(cli: Cli) -> None:
    assert "beside people" not in cli("show", "latest").out
    for case in ("fr", "es"):
        cli("override", "latest", case, "exact", "1", "--reason", "x")
    shown = cli("show", "latest").out
    assert "beside people" in shown
    assert "0.500" in shown
    assert "2 labels of people" in shown
