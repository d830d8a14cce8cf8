"""Numbers, moments and amounts as people read them: the filters of the templates."""

import math
from datetime import UTC, datetime

from markupsafe import Markup

from weighbridge.store.moments import now

NOTHING = "–"
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_SPANS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def count(number: int | None) -> str:
    """A whole number, its thousands apart; None is a dash."""
    return NOTHING if number is None else f"{number:,}"


def decimal(value: float | None, digits: int = 3) -> str:
    """A number with so many digits behind the point; None or not finite is a dash."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:.{digits}f}"


def signed(value: float | None, digits: int = 3) -> str:
    """As `decimal`, with its sign."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:+.{digits}f}".replace("-", "−")


def percent(share: float | None, digits: int = 1) -> str:
    """A share of 0 to 1 in per cent."""
    return NOTHING if share is None else f"{share * 100:.{digits}f} %"


def p_value(p: float | None) -> str:
    """A p-value: three digits, and never a bare zero."""
    if p is None:
        return NOTHING
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def money(usd: float | None) -> str:
    """US dollars; None, as the price of the model is not known, says so."""
    if usd is None:
        return "price unknown"
    if usd == 0:
        return "$0"
    if usd >= 1:
        return f"${usd:,.2f}"
    # Two digits that say something, and no power of ten.
    return f"${usd:.4f}" if usd >= 0.0001 else f"${usd:.{1 - math.floor(math.log10(usd))}f}"


def seconds(span: float | None) -> str:
    """A span of time in the two units that matter."""
    if span is None:
        return NOTHING
    if span < 1:
        return f"{span * 1000:.0f} ms"
    if span < 60:
        return f"{span:.1f} s"
    for place, (size, unit) in enumerate(_SPANS):
        if span >= size:
            whole, rest = divmod(int(span), size)
            finer = _SPANS[place + 1] if place + 1 < len(_SPANS) else (1, "s")
            return f"{whole} {unit} {rest // finer[0]} {finer[1]}"
    raise AssertionError(span)


def size(amount: int | None) -> str:
    """Bytes, in the unit that fits."""
    if amount is None:
        return NOTHING
    value, unit = float(amount), _UNITS[0]
    for unit in _UNITS:
        if value < 1024 or unit == _UNITS[-1]:
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def moment(when: datetime | None) -> Markup | str:
    """A moment as how long ago it was, with the exact time behind it."""
    if when is None:
        return NOTHING
    exact = f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        when.astimezone(UTC).isoformat(), exact, _ago((now() - when).total_seconds())
    )


def _ago(span: float) -> str:
    if span < 0:
        return f"in {_coarse(-span)}"
    return "just now" if span < 5 else f"{_coarse(span)} ago"


def _coarse(span: float) -> str:
    for size_, unit in _SPANS:
        if span >= size_:
            return f"{int(span // size_)} {unit}"
    return f"{int(span)} s"


def plural(number: int, one: str, many: str | None = None) -> str:
    """`3 cases`, `1 case`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


_DOORS = {
    "oxen": "Oxen",
    "nugen": "Nugen",
    "aymara": "Aymara",
    "dataframer": "DataFramer",
    "native": "API",
    "cli": "command line",
    "web": "pages",
}


def door(name: str) -> str:
    """Which way something came in."""
    return _DOORS.get(name, name)


_EVALUATION_KINDS = {
    "plain": "plain",
    "judged": "judged",
    "column": "column delivery",
    "benchmark": "benchmark",
    "standard": "standard benchmark",
    "safety": "safety suite",
    "red-team": "red team",
    "samples": "synthetic data",
}


def evaluation_kind(name: str) -> str:
    """What an evaluation is for."""
    return _EVALUATION_KINDS.get(name, name)
