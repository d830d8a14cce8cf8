"""A report as Markdown, in GitHub's flavour. What others wrote stands as text and as nothing else:
it makes no heading, no link, no HTML, and names nobody."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC

from weighbridge.web import words
from weighbridge.web.charts import Chart
from weighbridge.web.hostile import is_control
from weighbridge.web.reporting.document import (
    Block,
    Cell,
    Document,
    Estimate,
    Example,
    Head,
    Quote,
    Remark,
    Table,
)

# What means something wherever it stands.
_MEANING = re.compile(r"[\\`*_\[\]<>#|~&$]")
# What means something at the beginning of a line only: lists, and underlines of headings.
_FIRST = re.compile(r"^([-+=]|\d+(?=[.)](\s|$)))")
# Addresses become links by themselves, and names people are called by.
_ADDRESS = re.compile(r"(?i)\b(https?|ftp|mailto|xmpp):|\bwww\.")
_CALL = re.compile(r"(@|\\#)(?=\w)")
_NOTHING = "&#8203;"
"""A space without width: between a sign and a name it keeps the one from meaning the other."""
_FENCES = re.compile(r"`{3,}")
_SIGNS = {"warning": "⚠", "better": "▲", "worse": "▼", "unsure": "≈"}
_LONGEST_CELL = 400


def write(document: Document) -> str:
    """The document as Markdown."""
    lines = [f"# {inline(document.title)}", "", inline(document.subtitle), ""]
    lines += _facts(document.facts)
    for section in document.sections:
        if section.blocks:
            lines += [f"## {inline(section.title)}", ""]
            for block in section.blocks:
                lines += [*_block(block), ""]
    made = f"{document.made_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    lines += ["---", "", f"Made by weighbridge, {made}.", ""]
    return "\n".join(lines)


def inline(text: str) -> str:
    """A text in one line, of which nothing is Markdown or HTML."""
    line = _MEANING.sub(r"\\\g<0>", " ".join(visible(text).split()))
    line = _ADDRESS.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", line)
    line = _CALL.sub(rf"\1{_NOTHING}", line)
    return _FIRST.sub(lambda found: _first(found[0]), line)


def _first(sign: str) -> str:
    return f"{sign}{_NOTHING}" if sign.isdigit() else f"\\{sign}"


def visible(text: str) -> str:
    """A text with its invisible and direction-turning characters written out by their names."""
    return "".join(
        f"‹{unicodedata.name(it, f'U+{ord(it):04X}').lower()}›" if is_control(it) else it
        for it in text
    )


def fenced(text: str) -> list[str]:
    """A text of several lines, as it stands, between fences that it does not hold."""
    longest = max((len(it) for it in _FENCES.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return [f"{fence}text", *visible(text).splitlines(), fence]


def _block(block: Block) -> Iterator[str]:
    match block:
        case str():
            yield inline(block)
        case Head():
            yield f"### {inline(block.text)}"
        case Remark():
            yield f"> {_SIGNS[block.kind]} {inline(block.text)}"
        case Table():
            yield from _table(block.columns, block.rows)
        case Chart():
            yield f"**{inline(block.caption)}**"
            yield ""
            yield from _table(block.columns, block.rows)
        case Quote():
            yield from _quote(block)
        case Example():
            yield from _example(block)


def _example(example: Example) -> Iterator[str]:
    yield f"#### {inline(example.title)}"
    yield ""
    yield from (f"- {inline(name)}: {inline(text)}" for name, text in example.facts)
    for quote in example.quotes:
        yield ""
        yield from _quote(quote)


def _quote(quote: Quote) -> Iterator[str]:
    more = f" ({quote.cut:,} characters more are left out)" if quote.cut else ""
    yield f"{inline(quote.label)}{inline(more)}:"
    yield ""
    yield from fenced(quote.text)


def _facts(facts: Sequence[tuple[str, str]]) -> list[str]:
    return [*_table(("", ""), facts), ""] if facts else []


def _table(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Iterator[str]:
    if not rows:
        yield "(nothing)"
        return
    numbers = [all(_is_number(row[place]) for row in rows) for place in range(len(columns))]
    yield _row([inline(it) for it in columns])
    yield _row(["--:" if number else "---" for number in numbers])
    for row in rows:
        yield _row([cell(it) for it in row])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def cell(value: Cell) -> str:
    """A cell of a table."""
    if isinstance(value, Estimate):
        if value.said is not None:
            return inline(value.said)
        if value.low is None or value.high is None:
            return inline(words.decimal(value.value))
        ends = f"{words.decimal(value.low)}, {words.decimal(value.high)}"
        return inline(f"{words.decimal(value.value)} [{ends}]")
    if isinstance(value, float):
        return inline(words.decimal(value))
    if isinstance(value, int):
        return inline(words.count(value))
    if value is None:
        return words.NOTHING
    return inline(value if len(value) <= _LONGEST_CELL else value[:_LONGEST_CELL] + "…")


def _is_number(value: Cell) -> bool:
    return isinstance(value, int | float) or value is None
