"""`weighbridge embedded`."""

import json
from pathlib import Path

import pytest

from cli.command_line import Cli
from weighbridge.embedded.known import ADDABLE, FOLDER, Addable


def test_the_list_says_what_is_there_and_how_to_get_the_rest(cli: Cli, folder: Path) -> None:
    said = cli("embedded", "list")
    assert said.code == 0
    for name in ADDABLE:
        assert f"no: weighbridge embedded add {name}" in said.out
    target = folder / "data" / FOLDER / "qwen2.5-coder-0.5b.gguf"
    target.parent.mkdir(parents=True)
    target.write_bytes(b"weights")
    rows = [json.loads(line) for line in cli("embedded", "list", "--json").out.splitlines()]
    there = {row["name"]: row["there"] for row in rows}
    assert there["qwen2.5-coder-0.5b"] is True
    assert there["qwen2.5-coder-1.5b"] is False
    assert all(len(row["sha256"]) == 64 for row in rows)
    assert "qwen2.5-coder-0.5b" in cli("models").out


def test_adding_says_the_file_on_stdout_and_the_rest_on_stderr(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(model: Addable, data: Path, say: object) -> Path:
        say(f"{model.name} into {data}")  # type: ignore[operator]
        return data / "models" / model.file

    monkeypatch.setattr("weighbridge.cli.embedded.add_to", add)
    said = cli("embedded", "add", "qwen2.5-coder-0.5b")
    assert said.code == 0
    assert said.out.strip() == "data/models/qwen2.5-coder-0.5b.gguf"
    assert "qwen2.5-coder-0.5b into data" in said.err


def test_a_name_that_is_not_there_is_refused_with_those_that_are(cli: Cli) -> None:
    said = cli("embedded", "add", "qwen2.5-coder-05b")
    assert said.code == 2
    assert "did you mean" in said.err
    assert "qwen2.5-coder-1.5b" in said.err
