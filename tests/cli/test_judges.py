"""`weighbridge judges`."""

import json
from pathlib import Path

from cli.command_line import Cli

JUDGE = """
name: Replies
model: MODEL
dimensions:
  - {name: Right, scoring_model: pass_fail}
"""
VERDICT = {
    "reasoning": "So it is.",
    "dimensions": {"right": {"notes": "it names it", "verdict": "pass"}},
    "confidence": 0.9,
}


def write(folder: Path, text: str = JUDGE, model: str = "house") -> None:
    (folder / "judge.yaml").write_text(text.replace("MODEL", model))
    reply = json.dumps(json.dumps(VERDICT))
    with (folder / "models.toml").open("a") as file:
        file.write(f'\n[[models]]\nname = "house"\nprotocol = "scripted"\nreplies = [{reply}]\n')
    (folder / "answer.txt").write_text("Paris")


def test_a_judge_is_added_listed_and_judges(cli: Cli, folder: Path) -> None:
    write(folder)
    said = cli("judges", "add", "judge.yaml")
    assert (said.code, said.out[:6]) == (0, "judge_"), said.err
    assert "version 1" in said.err
    assert "Replies" in cli("judges", "list").out
    said = cli("judges", "run", "Replies", "answer.txt")
    assert said.code == 0, said.err
    assert "it names it" in said.out
    assert "overall 1.000, by house" in said.out
    content = {"input": "The capital of France?", "output": "Paris"}
    (folder / "content.json").write_text(json.dumps(content))
    found = json.loads(cli("judges", "run", "Replies", "content.json", "--json").out)
    assert found["verdict"]["overall_score"] == 1


def test_the_same_name_again_is_a_version(cli: Cli, folder: Path) -> None:
    write(folder)
    first = cli("judges", "add", "judge.yaml").out
    (folder / "judge.yaml").write_text(
        JUDGE.replace("MODEL", "house") + "instructions: Be strict.\n"
    )
    said = cli("judges", "add", "judge.yaml")
    assert said.out == first
    assert "version 2" in said.err
    [listed] = cli("judges", "list", "--json").out.splitlines()
    assert json.loads(listed)["version"] == 2


def test_without_a_verdict_the_exit_code_says_so(cli: Cli, folder: Path) -> None:
    write(folder, model="cat")
    assert cli("judges", "add", "judge.yaml").code == 0
    said = cli("judges", "run", "Replies", "answer.txt")
    assert said.code == 1
    assert "no verdict" in said.err


def test_what_is_wrong_with_a_file_is_told_with_its_line(cli: Cli, folder: Path) -> None:
    write(folder, JUDGE.replace("pass_fail", "stars"))
    said = cli("judges", "add", "judge.yaml")
    assert said.code == 2
    assert "judge.yaml:5: dimensions.0.scoring_model" in said.err
    assert cli("judges", "add", "nothing.yaml").code == 2
    assert cli("judges", "run", "Replies", "answer.txt").code == 1
