"""Values as words, for people.

Answers of models are hostile input to a terminal: nothing of theirs is printed but through
`printable`.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN = re.compile(r"(\d{1,6})\s*([mhdw])")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def printable(text: str, limit: int | None = None) -> str:
    """A text that cannot do anything to the terminal: without escapes, controls and bidi marks.

    Args:
        limit: the most characters kept, on one line; None: all of them, with line breaks.
    """
    if limit is None:
        return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))
    line = _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", " ".join(text[: 4 * limit + 80].split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def number(value: float | None) -> str:
    """A metric's value: three decimals below 1000; a dash when there is none."""
    if value is None:
        return "–"
    return f"{value:.3f}" if abs(value) < 1000 else f"{value:,.1f}"


def count(value: int | None) -> str:
    """A whole number with separators."""
    return "–" if value is None else f"{value:,}"


def money(usd: float | None) -> str:
    """US dollars; says so when the price is not known."""
    if usd is None:
        return "price unknown"
    return f"${usd:,.2f}" if usd >= 1 or usd == 0 else f"${usd:.4f}"


def duration(seconds: float | None) -> str:
    """Seconds as `3.1 ms`, `0.42 s`, `12.3 s`, `3 min 05 s` or `2 h 07 min`."""
    if seconds is None:
        return "–"
    if 0 < seconds < 0.1:
        return f"{seconds * 1000:.{1 if seconds >= 0.001 else 2}f} ms"
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def read_span(text: str) -> timedelta | None:
    """A time like `90m`, `12h`, `30d` or `2w`; None when it is none."""
    found = _SPAN.fullmatch(text.strip())
    return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None


def moment(at: datetime | None) -> str:
    """A moment in the reader's own time zone, to the second."""
    return "–" if at is None else f"{at.astimezone():%Y-%m-%d %H:%M:%S}"


def several(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
