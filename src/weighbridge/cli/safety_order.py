"""What `weighbridge safety` was asked to do, from its options and the files that they name."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from weighbridge.core.suggest import did_you_mean
from weighbridge.core.suite import PolicyChoice, SuiteRequest
from weighbridge.errors import InvalidFields
from weighbridge.services.suite_runs import Asking
from weighbridge.suites.catalog import find_eval_type

_MOST_BYTES = 20_000_000
_LONGEST_NAME = 60
_NO_WORD = re.compile(r"[^\w]+")
_ONE_WORD = re.compile(r"\S{1,64}")
_FLAGS = {
    "wanted": "--prompts",
    "ai_description": "--ai",
    "instructions": "--system-prompt",
    "policies": "--policy",
    "ground_truth": "--ground-truth",
    "show_truth": "--show-truth",
    "budget": "--budget-usd",
}


@dataclass(frozen=True, slots=True)
class Order:
    """A suite, and who is asked its prompts.

    Attributes:
        request: what its prompts are to be about; None where `suite_id` says which suite it is.
        generator: the model that writes them; None: the default.
        least: the pass rate that is asked for, 0 to 1; None: none is.
    """

    request: SuiteRequest | None
    suite_id: str | None
    generator: str | None
    asking: Asking
    least: float | None


def text_of(value: str) -> str:
    """A text of the command line: itself, or with `@` before it the file of that name.

    Raises:
        BadParameter: the file cannot be read.
    """
    return read_text(Path(value[1:])) if value.startswith("@") else value


def read_text(file: Path) -> str:
    """The text of a file.

    Raises:
        BadParameter: it cannot be read, is too large, or is no UTF-8 text.
    """
    try:
        with file.open("rb") as source:
            raw = source.read(_MOST_BYTES + 1)
    except OSError as error:
        raise click.BadParameter(f"cannot read {file}: {error.strerror or error}") from error
    if len(raw) > _MOST_BYTES:
        raise click.BadParameter(f"{file} has more than {_MOST_BYTES:,} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.BadParameter(f"{file} is not UTF-8 text") from error


def policies_of(kind: str, said: Sequence[str]) -> tuple[PolicyChoice, ...]:
    """The policies that were named: stock ones by their slugs, others by a file or in words.

    Raises:
        BadParameter: there is no such policy, or its file cannot be read.
        UsageError: the kind is not about policies.
    """
    stock = find_eval_type(kind).policies
    if said and not stock:
        raise click.UsageError(
            f"--policy does not go with --kind {kind}"
            + (": what must be obeyed is --system-prompt" if kind in {"jailbreak", "agent"} else "")
        )
    found: dict[str, PolicyChoice] = {}
    for one in said:
        slug = _slug(one)
        if slug in stock:
            found[slug] = PolicyChoice(slug)
            continue
        if _ONE_WORD.fullmatch(one) and not one.startswith("@"):
            raise click.BadParameter(
                f"there is no stock policy `{one}`{did_you_mean(slug, stock)} (--list-policies "
                "shows them; one of your own is @FILE, or a text)"
            )
        name = _slug(Path(one[1:]).stem) if one.startswith("@") else "own"
        name = _other_than({*found, *stock}, name or "own")
        found[name] = PolicyChoice(name, text_of(one))
    return tuple(found.values())


def with_flags(error: InvalidFields) -> InvalidFields:
    """The error with our options in the place of the fields they fill."""
    return InvalidFields(
        [
            replace(problem, field=_FLAGS.get(field, f"--{field}"))
            for problem in error.problems
            for field in [problem.field.partition(".")[0]]
        ],
        error.source,
    )


def _slug(text: str) -> str:
    return _NO_WORD.sub("_", text.strip().casefold()).strip("_")[:_LONGEST_NAME]


def _other_than(taken: set[str], name: str) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free
