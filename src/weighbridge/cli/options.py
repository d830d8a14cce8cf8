"""Settings as options: which ones a command takes, and how they are read."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from weighbridge.cli.logs import set_up_logs
from weighbridge.errors import Invalid
from weighbridge.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])
EVERYWHERE = ("data", "config")


@dataclass(frozen=True, slots=True)
class Address:
    """A server, and the key to it.

    Attributes:
        url: such as `http://127.0.0.1:8080`.
    """

    url: str
    key: str | None = field(repr=False)


def with_settings(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command options for these settings, besides `--data` and `--config`.

    The command is called with `settings`, in which an option that was given comes before its
    `WEIGHBRIDGE_…` variable, and that before the default. Logging is set up on the way.

    Args:
        names: fields of `Settings`.
    """
    fields = (*names, *EVERYWHERE)

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def with_these(**parameters: Any) -> Any:
            given = {name: parameters.pop(name) for name in fields}
            settings = read_settings({k: v for k, v in given.items() if v is not None})
            set_up_logs(settings.log_level)
            return function(settings=settings, **parameters)

        command: Callable[..., Any] = with_these
        for name in reversed(fields):
            command = _option(name, Settings.model_fields[name])(command)
        return command

    return decorate


def with_server(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--server` and `--api-key`.

    It stands below `with_settings`, and the command is called with `address`, which is None when
    the work is to be done here.
    """

    @functools.wraps(function)
    def with_address(
        *, settings: Settings, server: str | None, api_key: str | None, **parameters: Any
    ) -> Any:
        key = api_key or (settings.api_key.get_secret_value() if settings.api_key else None)
        address = None if server is None else Address(server, key)
        return function(settings=settings, address=address, **parameters)

    command = click.option(
        "--api-key",
        metavar="KEY",
        help="Key for that server. Better set as WEIGHBRIDGE_API_KEY: no list of processes shows "
        "it there.",
    )(with_address)
    return click.option("--server", metavar="URL", help="Have this server do it.")(command)


def read_settings(given: dict[str, Any]) -> Settings:
    """The settings, from what was given, the environment and the defaults, in this order.

    Raises:
        Invalid: one of them cannot be used; the message names its variable, never its value.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, problem['loc']))} ({variable(str(problem['loc'][0]))}): "
            f"{problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        ]
        raise Invalid(f"a setting cannot be used: {'; '.join(problems)}") from None


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"WEIGHBRIDGE_{name.upper()}"


def _option(name: str, info: FieldInfo) -> Callable[[Command], Command]:
    flag = f"--{name.replace('_', '-')}"
    kind: Any = None
    if info.annotation is bool:
        flag = f"{flag}/--no-{name.replace('_', '-')}"
    elif info.annotation in (int, float):
        kind = info.annotation
    elif info.annotation in (Path, Path | None):
        kind = click.Path(path_type=Path)
    default = "" if info.default is None else f"; default: {_shown(info.default)}"
    return click.option(
        flag,
        name,
        type=kind,
        default=None,
        metavar=_METAVARS.get(name),
        help=f"{info.description} [{variable(name)}{default}]",
    )


def _shown(default: object) -> str:
    return ("yes" if default else "no") if isinstance(default, bool) else str(default)


_METAVARS = {"data": "DIR", "config": "FILE", "host": "HOST", "port": "PORT", "log_level": "LEVEL"}


def flags_of(settings: Settings) -> list[str]:
    """The options that lead another command to the same installation: those that were given here
    and that the environment does not say."""
    usual = read_settings({})
    flags = []
    for name in EVERYWHERE:
        value = getattr(settings, name)
        if value is not None and value != getattr(usual, name):
            flags += [f"--{name}", str(value)]
    return flags
