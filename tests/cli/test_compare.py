"""`weighbridge compare`: tables for people, one object for scripts."""

import json
from pathlib import Path

from cli.command_line import EVALUATION, Cli


def ran(cli: Cli, *models: str) -> list[str]:
    said = cli("run", "qa.yaml", "--json", *(part for one in models for part in ("--model", one)))
    assert said.code == 0, said.err
    return [json.loads(line)["id"] for line in said.out.splitlines()]


def test_a_table_says_what_differs_and_warns(cli: Cli) -> None:
    a, b = ran(cli, "parrot", "cat")
    said = cli("compare", a, b)
    assert said.code == 0, said.err
    for part in (a, b, "parrot", "cat", "0.667 → 0.000", "-0.667 [", "mcnemar-midp", "not shown"):
        assert part in said.out
    assert "note: exact: only 3 cases are scored in both" in said.out


def test_latest_is_a_run_and_flips_show_both_answers(cli: Cli) -> None:
    a, _ = ran(cli, "parrot", "cat")
    said = cli("compare", a, "latest", "--flips", "5")
    assert said.code == 0, said.err
    assert "cases that flipped" in said.out
    assert all(word in said.out for word in ("Paris", "Rome", "miaow"))
    assert "Madrid" not in said.out


def test_three_runs_come_in_groups(cli: Cli, folder: Path) -> None:
    with (folder / "models.toml").open("a") as models:
        models.write('[[models]]\nname = "dog"\nprotocol = "scripted"\nreplies = ["woof"]\n')
    said = cli("compare", *ran(cli, "parrot", "cat", "dog"))
    assert said.code == 0, said.err
    assert "C-B" in said.out
    assert "runs that share a letter cannot be told apart" in said.out


def test_json_is_one_object_with_the_flips_that_were_asked_for(cli: Cli) -> None:
    a, b = ran(cli, "parrot", "cat")
    shown = json.loads(cli("compare", a, b, "--json").out)
    assert "flips" not in shown
    assert shown["differences"][0]["down"] == 2
    shown = json.loads(cli("compare", a, b, "--json", "--flips", "1", "--level", "0.9").out)
    assert shown["level"] == 0.9
    assert [flip["case_id"] for flip in shown["flips"]] == ["fr"]


def test_what_an_answer_holds_does_nothing_to_the_terminal(cli: Cli, folder: Path) -> None:
    models = (folder / "models.toml").read_text()
    (folder / "models.toml").write_text(models.replace('"miaow"', '"\\u001b[2J\\u202e"'))
    a, b = ran(cli, "parrot", "cat")
    said = cli("compare", a, b, "--flips", "3")
    assert "\x1b" not in said.out
    assert "\u202e" not in said.out


def test_runs_without_a_common_case_are_refused_with_the_numbers(cli: Cli, folder: Path) -> None:
    [a] = ran(cli, "parrot")
    (folder / "questions.csv").write_text("id,country,capital\npe,Peru,Lima\n")
    (folder / "qa.yaml").write_text(EVALUATION)
    [b] = ran(cli, "parrot")
    said = cli("compare", a, b)
    assert said.code == 2
    assert f"{a} has 3 cases (the first is `fr`), {b} has 1 case" in said.err
    assert "0 are in both" in said.err


def test_one_run_is_not_a_comparison(cli: Cli) -> None:
    [a] = ran(cli, "parrot")
    assert cli("compare", a).code == 2
    assert "named twice" in cli("compare", a, "latest").err
    assert cli("compare", a, "run_nope").code == 1
