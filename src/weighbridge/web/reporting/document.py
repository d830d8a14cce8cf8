"""A report as what it is made of, whatever it is written as."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from weighbridge.web.charts import Chart


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its interval, and the axis that it is drawn on.

    Attributes:
        low, high: None: there is no interval.
        least, most: ends of the axis.
        zero: whether the axis is marked where there is no difference.
        said: instead of the numbers, where they are told in words.
    """

    value: float | None
    low: float | None
    high: float | None
    least: float = 0.0
    most: float = 1.0
    zero: bool = False
    said: str | None = None


Cell: TypeAlias = str | int | float | Estimate | None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under heads."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Quote:
    """A text that somebody or a model wrote, in full or its beginning.

    Attributes:
        label: what it is. cut: how many characters are left out.
    """

    label: str
    text: str
    cut: int = 0


@dataclass(frozen=True, slots=True)
class Example:
    """A case.

    Attributes:
        facts: what is known of it, name and text.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    quotes: tuple[Quote, ...]


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence that stands out.

    Attributes:
        kind: `warning`; or, of a finding, whether it is good.
    """

    text: str
    kind: Literal["warning", "better", "worse", "unsure"] = "warning"


@dataclass(frozen=True, slots=True)
class Head:
    """The title of a part of a section."""

    text: str


Block: TypeAlias = str | Table | Chart | Quote | Example | Remark | Head


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report with a title of its own. Without blocks it is left out."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A report.

    Attributes:
        title, subtitle: what it is of. facts: what stands at its head, name and text.
        name: of its file, without an ending.
        made_at: when it was made.
    """

    title: str
    subtitle: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    name: str
    made_at: datetime


LONGEST_QUOTE = 4_000
"""Characters of a text that a report quotes."""


def quote(label: str, text: str | None, longest: int = LONGEST_QUOTE) -> Quote:
    """A text, or its beginning."""
    text = text or ""
    return Quote(label, text[:longest], max(0, len(text) - longest))


def section(title: str, *blocks: Block | None) -> Section:
    """A section of the blocks that there are."""
    return Section(title, tuple(it for it in blocks if it is not None and it != ""))
