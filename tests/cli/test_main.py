"""The table of commands, and what may be loaded for it."""

import subprocess
import sys

import click
import pytest

from cli.command_line import Cli
from weighbridge import __version__
from weighbridge.cli.main import COMMANDS, commands
from weighbridge.settings import Settings

HEAVY = (
    "aiohttp",
    "asyncio",
    "dbos",
    "fastapi",
    "numpy",
    "pyarrow",
    "pydantic",
    "rich",
    "scipy",
    "sqlalchemy",
    "yaml",
)


def test_help_loads_no_command_and_no_heavy_library() -> None:
    code = (
        "import sys\n"
        "from weighbridge.cli.main import run_command\n"
        "assert run_command(['--help']) == 0\n"
        "print('LOADED', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert not loaded & set(HEAVY)
    ours = {name for name in loaded if name.startswith("weighbridge.")}
    assert ours == {
        "weighbridge.cli",
        "weighbridge.cli.failures",
        "weighbridge.cli.main",
        "weighbridge.core",
        "weighbridge.core.suggest",
        "weighbridge.errors",
    }


def test_the_help_lists_every_command_of_the_table(cli: Cli) -> None:
    said = cli("--help")
    assert said.code == 0
    for name, (_, line) in COMMANDS.items():
        assert name in said.out
        assert line in said.out


@pytest.mark.parametrize("name", COMMANDS)
def test_each_row_of_the_table_names_a_command_with_help(name: str, cli: Cli) -> None:
    command = commands.get_command(click.Context(commands), name)
    assert command is not None
    assert command.name == name
    assert command.help
    assert cli(name, "--help").code == 0


def test_a_misspelt_command_is_a_usage_error_with_a_hint(cli: Cli) -> None:
    said = cli("exprot", "run_1")
    assert said.code == 2
    assert "there is no command `exprot`; did you mean `export`?" in said.err


def test_an_unknown_option_is_a_usage_error(cli: Cli) -> None:
    said = cli("runs", "--nonsense")
    assert said.code == 2
    assert "--nonsense" in said.err


def test_the_version_is_the_packages(cli: Cli) -> None:
    assert cli("--version").out == f"weighbridge {__version__}\n"


def test_a_setting_that_is_empty_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONFIG", "DATABASE_URL", "PORT", "API_KEY"):
        monkeypatch.setenv(f"WEIGHBRIDGE_{name}", "")
    settings = Settings()
    assert (settings.config, settings.database_url, settings.port) == (None, None, 8080)
    assert settings.api_key is None
