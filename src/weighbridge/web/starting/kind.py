"""What a kind of evaluation is for the page that starts it."""

import json
import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from starlette.datastructures import FormData, UploadFile

from weighbridge.errors import FieldProblem, InvalidFields
from weighbridge.services.estimates import Estimate
from weighbridge.web.forms import Form
from weighbridge.web.visit import Visit

LARGEST_WHOLE = 10**12


@dataclass(frozen=True, slots=True)
class Recipe:
    """The same evaluation in another way, to copy. It never holds a key.

    Attributes:
        title: by what. text: to be run as it stands. note: what to know of it.
    """

    title: str
    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """An evaluation that may be started.

    Attributes:
        estimate: None: nobody is asked anything.
        warnings: what will not bring what is wanted, though it may start.
    """

    estimate: Estimate | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Begun:
    """Where to go after the start, and what is said there."""

    to: str
    notice: str | None = None


Prefill: TypeAlias = Callable[[Visit], Awaitable[Form]]
Offer: TypeAlias = Callable[[Visit, Form], Awaitable[dict[str, Any]]]
Check: TypeAlias = Callable[[Visit, Form], Awaitable[Checked]]
Start: TypeAlias = Callable[[Visit, Form], Awaitable[Begun]]
Write: TypeAlias = Callable[[Visit, Form], Awaitable[Sequence[Recipe]]]
Turn: TypeAlias = Callable[[Form, str], Form]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of evaluation.

    Attributes:
        slug: in the address. title, about: for people. template: of its fields.
        fields: names that problems may have.
        prefill: the form as it is shown first. offer: what the fields offer.
        check: refuses what `start` would refuse. start: starts it. write: the same in other ways.
        turn: the form as another view of it (`form`, `yaml`); None: there is only one.
    """

    slug: str
    title: str
    about: str
    template: str
    fields: tuple[str, ...]
    prefill: Prefill
    offer: Offer
    check: Check
    start: Start
    write: Write
    turn: Turn | None = None


def form_of(values: Mapping[str, object]) -> Form:
    """A form with these values; of a list one field for each item, of True a tick."""
    pairs: list[tuple[str, str | UploadFile]] = []
    for name, value in values.items():
        if isinstance(value, list | tuple):
            pairs += [(name, str(item)) for item in value]
        elif value is True:
            pairs.append((name, "yes"))
        elif value is not None and value is not False:
            pairs.append((name, str(value)))
    return Form(FormData(pairs))


@dataclass(slots=True)
class Reader:
    """Reads the fields of a form, and gathers what is wrong with them.

    Attributes:
        problems: so far.
    """

    form: Form
    problems: list[FieldProblem] = field(default_factory=list)

    def text(self, name: str) -> str | None:
        """A text; None: it is empty."""
        return self.form.text(name) or None

    def whole(self, name: str) -> int | None:
        """A whole number; None: the field is empty, or holds none."""
        text = self.form.text(name)
        if not text:
            return None
        if text.isascii() and text.isdecimal() and int(text[:20]) <= LARGEST_WHOLE:
            return int(text)
        self.problems.append(FieldProblem(name, f"{text[:40]!r} is no whole number"))
        return None

    def number(self, name: str) -> float | None:
        """A number; None: the field is empty, or holds none."""
        text = self.form.text(name)
        if not text:
            return None
        try:
            return float(text)
        except ValueError:
            self.problems.append(FieldProblem(name, f"{text[:40]!r} is no number"))
            return None

    def refuse(self) -> None:
        """Raise what was found.

        Raises:
            InvalidFields: something was.
        """
        if self.problems:
            raise InvalidFields(self.problems)


def server_of(visit: Visit) -> str:
    """The address of this server, as whoever looks has reached it."""
    return f"{visit.request.url.scheme}://{visit.request.url.netloc}"


def curl(url: str, body: Mapping[str, Any], *, header: str = "Authorization: Bearer") -> str:
    """A request that sends JSON, for a shell; the key comes from the environment.

    Args:
        header: before the key.
    """
    text = json.dumps(body, ensure_ascii=False, indent=2)
    return (
        f"curl -sS {shlex.quote(url)} \\\n"
        f'  -H "{header} $WEIGHBRIDGE_API_KEY" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(text)}\n"
    )


def line(*words: str) -> str:
    """A command for a shell."""
    return " ".join(shlex.quote(word) for word in words)


def without_nothing(values: Mapping[str, Any]) -> dict[str, Any]:
    """Only what was said."""
    return {name: it for name, it in values.items() if it is not None and it != [] and it != {}}


async def model_names(visit: Visit) -> list[str]:
    """The models that can be asked now, by name."""
    rows = visit.services.catalog.list()
    return [row.name for row in rows if row.usable and "<model>" not in row.name]
