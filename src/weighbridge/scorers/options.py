"""Checks of a scorer's options, and the error that names the option at fault."""

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, get_type_hints

import orjson
from pydantic import TypeAdapter, ValidationError

from weighbridge.core.json import JsonObject
from weighbridge.core.suggest import did_you_mean


class OptionError(ValueError):
    """An option of a scorer that cannot be used.

    Args:
        option: its name; "" when the name of the scorer itself is wrong.
        problem: what is wrong, and what would be right.
    """

    def __init__(self, option: str, problem: str) -> None:
        super().__init__(f"{option}: {problem}" if option else problem)
        self.option = option
        self.problem = problem


def check_options(scorer: type, options: JsonObject) -> dict[str, Any]:
    """Options as text brings them, as the types that the scorer's fields have.

    Raises:
        OptionError: there is no such option, or the value is of another type.
    """
    types = option_types(scorer)
    checked: dict[str, Any] = {}
    for name, value in options.items():
        if name not in types:
            known = f"it has {', '.join(f'`{option}`' for option in types)}" if types else ""
            raise OptionError(
                name, f"no such option{did_you_mean(name, types)} ({known or 'it has none'})"
            )
        try:
            # By way of JSON, so that an array may become a tuple while all else stays strict.
            checked[name] = types[name].validate_json(orjson.dumps(value), strict=True)
        except ValidationError as error:
            raise OptionError(name, error.errors()[0]["msg"]) from error
    return checked


@cache
def option_types(scorer: type) -> Mapping[str, TypeAdapter[Any]]:
    """A checker per option, by the fields of the scorer's dataclass.

    Raises:
        TypeError: the scorer is not a dataclass.
    """
    if not is_dataclass(scorer):
        raise TypeError(f"{scorer.__name__} is not a dataclass, so it cannot be a scorer")
    hints = get_type_hints(scorer)
    return {field.name: TypeAdapter(hints[field.name]) for field in fields(scorer) if field.init}


def changed_options(scorer: object) -> JsonObject:
    """The options of a scorer that differ from their defaults, as JSON values."""
    if not is_dataclass(scorer):
        raise TypeError(f"{type(scorer).__name__} is not a dataclass, so it cannot be a scorer")
    changed: dict[str, Any] = {}
    for field in fields(scorer):
        value = getattr(scorer, field.name)
        default = field.default
        if field.default_factory is not MISSING:
            default = field.default_factory()
        if field.init and (default is MISSING or value != default):
            changed[field.name] = orjson.loads(orjson.dumps(value))
    return changed


def check_tolerance(option: str, value: float) -> None:
    """Raises:
    OptionError: `value` is negative or not finite.
    """
    if not math.isfinite(value) or value < 0:
        raise OptionError(option, f"must be a number of 0 or more, not {value}")
