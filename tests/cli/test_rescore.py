"""`weighbridge rescore`: the answers of a run, scored again without asking the model."""

import json
from pathlib import Path

from cli.command_line import Cli

TOLERANT = "name: tolerant\nscorers: [includes, {exact: {ignore_case: true}, as: loose}]\n"


def test_the_answers_of_a_run_are_scored_by_other_scorers(cli: Cli, folder: Path) -> None:
    (folder / "scorers.yaml").write_text(TOLERANT)
    first = json.loads(cli("run", "qa.yaml", "--json").out)
    said = cli("rescore", first["id"], "--scorers", "scorers.yaml", "--json")
    assert said.code == 0, said.err
    run = json.loads(said.out)
    assert run["id"] != first["id"]
    assert [metric["scorer"] for metric in run["metrics"]] == ["includes", "loose"]
    assert run["usage"]["calls"] == 0
    assert run["evaluation"]["name"] == "tolerant"
    assert run["evaluation"]["spec"]["answers"] == {"run": first["id"]}
    answers = [
        [json.loads(line)["answer"] for line in cli("export", run_id).out.splitlines()]
        for run_id in (first["id"], run["id"])
    ]
    assert answers[0] == answers[1] == ["Paris", "Rome", "I do not know"]


def test_without_a_file_the_same_scorers_score_again_and_a_report_is_printed(cli: Cli) -> None:
    cli("run", "qa.yaml")
    said = cli("rescore", "latest")
    assert said.code == 0
    assert "exact" in said.out
    assert "0 calls" in said.out


def test_a_file_that_is_wrong_starts_nothing(cli: Cli, folder: Path) -> None:
    cli("run", "qa.yaml")
    for text, problem in (
        ("scorer: [exact]", "scorers.yaml:1: scorer: there is no such field here; did you mean"),
        ("scorers: [exat]", "scorers.0: there is no scorer `exat`; did you mean `exact`?"),
        ("- exact", "named fields were expected"),
        ("scorers: [", "scorers.yaml:"),
    ):
        (folder / "scorers.yaml").write_text(text)
        said = cli("rescore", "latest", "--scorers", "scorers.yaml")
        assert said.code == 2
        assert problem in said.err
    assert cli("rescore", "latest", "--judge", "cat").code == 2  # nobody would ask it
    assert cli("rescore", "run_nothing").code == 1
    assert len(cli("runs", "--json").out.splitlines()) == 1


def test_answers_that_were_handed_in_are_an_evaluation_file_too(cli: Cli, folder: Path) -> None:
    (folder / "answers.csv").write_text("country,capital,said\nFrance,Paris,Paris\nItaly,Rome,?\n")
    (folder / "given.yaml").write_text(
        "data: answers.csv\nanswers: {column: said}\nmodel: the intern\ntarget: capital\n"
        "scorers: [exact]\n"
    )
    said = cli("run", "given.yaml", "--dry-run")
    assert "0 answers to ask for" in said.out + said.err
    run = json.loads(cli("run", "given.yaml", "--json").out)
    assert (run["model"], run["metrics"][0]["value"]) == ("the intern", 0.5)


def test_what_contradicts_given_answers_is_named_with_its_line(cli: Cli, folder: Path) -> None:
    (folder / "given.yaml").write_text(
        "data: questions.csv\nanswers: {column: said}\nparams: {seed: 1}\nepochs: 2\n"
    )
    said = cli("run", "given.yaml")
    assert said.code == 2
    assert "given.yaml:3: params: with `answers` no model is asked: leave it out" in said.err
    assert "given.yaml:4: epochs: a column holds one answer to each case" in said.err
    assert "scorers: answers that are there already are scored: name a scorer" in said.err
    (folder / "given.yaml").write_text(
        "data: questions.csv\nanswers: {column: sad}\nscorers: [exact]\n"
    )
    assert (
        "`answers` names the column `sad`, which this row does not have"
        in cli("run", "given.yaml").err
    )
