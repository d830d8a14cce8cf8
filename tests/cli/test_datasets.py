"""`weighbridge datasets`: versions and tags from the command line, and runs that name them."""

import json
from pathlib import Path

from cli.command_line import Cli


def as_json(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_changed_file_is_the_next_version_and_tags_find_the_old_one(
    cli: Cli, folder: Path
) -> None:
    assert cli("datasets", "add", "questions.csv", "--name", "capitals", "--tag", "prod").code == 0
    (folder / "questions.csv").write_text("id,country,capital\nit,Italy,Rome\n")
    assert cli("datasets", "add", "questions.csv", "--name", "capitals").code == 0
    listed = as_json(cli("datasets", "list", "capitals", "--json").out)
    assert [(d["version"], d["tags"], d["rows"]) for d in listed] == [(2, [], 1), (1, ["prod"], 3)]
    moved = as_json(cli("datasets", "tag", "capitals@2", "prod", "--json").out)
    assert (moved[0]["version"], moved[0]["tags"]) == (2, ["prod"])
    said = cli("datasets", "tag", "capitals@1", "prod", "--remove")
    assert (said.code, "has no tag 'prod'" in said.err) == (1, True)
    table = cli("datasets", "list").out
    assert "capitals" in table


def test_a_version_is_shown_with_its_first_rows(cli: Cli) -> None:
    cli("datasets", "add", "questions.csv", "--name", "capitals")
    shown = as_json(cli("datasets", "show", "capitals", "--rows", "1").out)
    assert shown[0]["columns"] == ["id", "country", "capital"]
    assert shown[1]["country"] == "France"
    assert len(shown) == 2


def test_an_evaluation_names_a_stored_version_and_a_part_of_it(cli: Cli, folder: Path) -> None:
    cli("datasets", "add", "questions.csv", "--name", "capitals", "--tag", "prod")
    text = (folder / "qa.yaml").read_text().replace("questions.csv", "capitals@prod")
    (folder / "qa.yaml").write_text(text + "where: {country: {not: [Spain]}}\n")
    said = cli("run", "qa.yaml", "--json", "--quiet")
    assert said.code == 0
    run = json.loads(said.out)
    assert run["progress"]["total"] == 2
    dry = cli("run", "qa.yaml", "--dry-run")
    assert "2 cases" in dry.out


def test_a_bad_tag_and_an_unknown_data_set_are_refused(cli: Cli) -> None:
    cli("datasets", "add", "questions.csv", "--name", "capitals")
    assert "cannot be a tag" in cli("datasets", "tag", "capitals", "3").err
    said = cli("datasets", "show", "capital")
    assert (said.code, "did you mean `capitals`" in said.err) == (1, True)
