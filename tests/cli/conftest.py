"""The fixtures of the command line's tests."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.command_line import Cli, Said, serving, write_files
from weighbridge.cli.main import run_command


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of our own, with the models of the folder."""
    with serving(tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with models, questions and an evaluation of them."""
    write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEIGHBRIDGE_CONFIG", "models.toml")
    monkeypatch.setenv("WEIGHBRIDGE_DATA", "data")
    return tmp_path


@pytest.fixture
def cli(folder: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Iterator[Cli]:
    """The command line in this process, over that folder."""
    root = logging.getLogger()
    level = root.level

    def call(*arguments: str) -> Said:
        capfdbinary.readouterr()
        code = run_command(arguments)
        out, err = capfdbinary.readouterr()
        return Said(code, out.decode(), err.decode())

    yield call
    root.setLevel(level)
    for handler in [handler for handler in root.handlers if handler.name == "weighbridge"]:
        root.removeHandler(handler)
