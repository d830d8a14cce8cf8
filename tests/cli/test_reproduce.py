"""`weighbridge reproduce`: the same work again, said so only when it is."""

import json
from pathlib import Path

from cli.command_line import Cli


def test_a_run_is_done_again_on_the_version_it_was_done_on(cli: Cli, folder: Path) -> None:
    first = json.loads(cli("run", "qa.yaml", "--json", "--quiet").out)
    (folder / "questions.csv").write_text("id,country,capital\nit,Italy,Rome\n")
    said = cli("reproduce", first["id"], "--json")
    assert said.code == 0
    before, after = (json.loads(line) for line in said.out.splitlines())
    assert before["id"] == first["id"] != after["id"]
    assert before["pin"] == after["pin"]
    assert before["metrics"] == after["metrics"]
    assert before["progress"]["total"] == after["progress"]["total"] == 3
    assert "the same work as" in said.err


def test_what_is_no_longer_the_same_is_named(cli: Cli, folder: Path) -> None:
    first = json.loads(cli("run", "qa.yaml", "--json", "--quiet").out)
    models = (folder / "models.toml").read_text()
    (folder / "models.toml").write_text(models.replace('reply = "Paris"', 'reply = "Lyon"'))
    said = cli("reproduce", "latest")
    assert "B-A" in said.out
    assert f"not the same work as {first['id']}: model changed since" in said.err


def test_a_run_that_is_not_there_cannot_be_done_again(cli: Cli) -> None:
    said = cli("reproduce", "run_nothing")
    assert (said.code, "there is no run run_nothing" in said.err) == (1, True)
