"""What seeds have in common, and in what they differ, as far as it can be measured by rules.

Of a table: columns with few values, numbers and dates in classes, the length of longer texts. Of
texts: their length, language and layout, and the number of files in a folder. What takes
understanding (tone, subject…) is for a model to see.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise

import orjson

from weighbridge.core.json import Json, JsonObject
from weighbridge.synthesis.binning import length_labels, number_labels, period_labels
from weighbridge.synthesis.form import MAX_NAME, text_of
from weighbridge.synthesis.names import extension_of
from weighbridge.synthesis.prose import LAYOUTS, count_words, laid_out_with, language_of
from weighbridge.synthesis.reading import SeedSample
from weighbridge.synthesis.shares import shares

MOST_TRAITS = 50
"""Properties that are measured at most: those of the first columns."""
EMPTY = "(empty)"
"""The value of a cell that holds nothing."""

_FEW, _SOME = 12, 50
_REPEATED = 0.7  # distinct values per sample, so that they are taken for a choice of values
_OFTEN = 5  # samples per value, so that there may be `_SOME` values
_LONGEST_VALUE = 100
_MOST_WORDS = 8
_FROM_RARE = 50  # samples
_RARE = 0.01
_MOST_TOLD = 5
_LONGEST_TOLD = 30
_LEAST_PROSE = 5  # words on the average
_SMALL_RANGE = 10
_MOSTLY = 0.95
_SHARED = 0.05
_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,2})?")
_DAY = re.compile(r"(\d{4})([-/.])(\d{2})\2(\d{2})(?:[T ]\d{2}:\d{2}.*)?")
_KEY = re.compile(r"(?:^|[^a-z])(?:id|uuid|guid|key)s?$|ID$|Id$", re.ASCII)
_COUNTED_IN_ROWS = {".csv", ".jsonl"}


@dataclass(frozen=True, slots=True)
class Trait:
    """A property of samples that can be told of each of them.

    Attributes:
        values: that were seen, in order, each at least once.
        labels: the value of each sample; None: it cannot be told.
        description: what is looked at.
    """

    name: str
    values: tuple[str, ...]
    labels: tuple[str | None, ...]
    description: str

    @property
    def counts(self) -> dict[str, int]:
        """Value → in how many samples it was seen."""
        counts = Counter(self.labels)
        return {value: counts[value] for value in self.values}

    @property
    def known(self) -> int:
        """Of how many samples it can be told."""
        return sum(label is not None for label in self.labels)

    @property
    def shares(self) -> dict[str, float]:
        """Value → percent of the samples of which it can be told; they add up to 100."""
        return shares(self.values, self.counts)


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was measured of samples.

    Attributes:
        traits: in what they differ.
        common: what they have in common, by what it is: `currency` → `EUR`.
        columns: of a table, in order; empty where samples are texts.
        count: how many samples were looked at.
    """

    traits: tuple[Trait, ...]
    common: Mapping[str, str]
    columns: tuple[str, ...]
    count: int


def measure(samples: Sequence[SeedSample]) -> Measurement:
    """Measure samples, at least one."""
    rows = [_row_of(sample) for sample in samples]
    if all(row is not None for row in rows):
        table = [row for row in rows if row is not None]
        columns = tuple(dict.fromkeys(name for row in table for name in row))
        found = _of_table(table, columns)
    else:
        columns = ()
        found = _of_texts(samples)
    differ = [trait for trait in found if len(trait.values) > 1][:MOST_TRAITS]
    common = {trait.name: trait.values[0] for trait in found if len(trait.values) == 1}
    return Measurement(tuple(_named(differ)), common, columns, len(samples))


# Tables


def _row_of(sample: SeedSample) -> JsonObject | None:
    """The row that a sample is, or the object in its only file; None: it is a text."""
    if sample.row is not None:
        return sample.row
    if len(sample.files) != 1 or extension_of(sample.files[0][0]) != ".json":
        return None
    try:
        value = orjson.loads(sample.files[0][1])
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _of_table(rows: Sequence[JsonObject], columns: Sequence[str]) -> list[Trait]:
    found = []
    for column in columns:
        cells = [_cell(row.get(column)) for row in rows]
        name = _kept(column).strip()[:MAX_NAME]
        trait = _of_column(name, cells) if name else None
        if trait is not None:
            found.append(trait)
    return found


def _cell(value: Json) -> str:
    """A cell as text; a list or an object has none."""
    return _kept(text_of(value) or "").strip()


def _kept(text: str) -> str:
    """A text without what no database keeps."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _of_column(name: str, cells: Sequence[str]) -> Trait | None:
    """What the cells of a column differ in; None: nothing that can be told by rules."""
    filled = [cell for cell in cells if cell]
    if not filled:
        return None
    for read in (_as_numbers, _as_days, _as_choice, _as_prose):
        found = read(name, filled)
        if found is not None:
            return _with_empty(found, cells)
    return None


def _with_empty(found: Trait, cells: Sequence[str]) -> Trait:
    """The trait of a column's filled cells as one of all of them."""
    if len(found.labels) == len(cells):
        return found
    labels = iter(found.labels)
    whole = tuple(next(labels) if cell else EMPTY for cell in cells)
    values = tuple(dict.fromkeys((*found.values, EMPTY)))
    return Trait(found.name, values, whole, found.description)


def _as_numbers(name: str, cells: Sequence[str]) -> Trait | None:
    if not all(_NUMBER.fullmatch(cell) for cell in cells):
        return None
    numbers = [float(cell) for cell in cells]
    if not all(map(math.isfinite, numbers)):
        return None
    distinct = sorted(set(numbers))
    whole = all(number == math.floor(number) for number in numbers)
    if _is_key(name, cells, numbers):
        return None
    small = whole and distinct[-1] - distinct[0] < _SMALL_RANGE
    if small or _is_choice(len(distinct), len(cells)):
        first = dict(zip(numbers, cells, strict=True))  # 1 and 1.0 are one value
        labels = tuple(first[number] for number in numbers)
        return Trait(name, tuple(first[it] for it in distinct), labels, f"the column {name}")
    values, taken = number_labels(numbers)
    return Trait(name, tuple(values), tuple(taken), f"the column {name}, a number")


def _is_key(name: str, cells: Sequence[str], numbers: Sequence[float]) -> bool:
    """Whether numbers name rows and say nothing about them."""
    if len(set(numbers)) < len(numbers) or len(numbers) < 2:
        return False
    steps = {after - before for before, after in pairwise(numbers)}
    return steps == {1.0} or (_KEY.search(name) is not None and len(set(cells)) == len(cells))


def _as_days(name: str, cells: Sequence[str]) -> Trait | None:
    days = [_day(cell) for cell in cells]
    known = [day for day in days if day is not None]
    if len(known) < len(cells) * _MOSTLY:
        return None
    values, taken = period_labels(known)
    labels = iter(taken)
    whole = tuple(next(labels) if day is not None else None for day in days)
    return Trait(name, tuple(values), whole, f"the column {name}, a date")


def _day(cell: str) -> date | None:
    found = _DAY.fullmatch(cell)
    if found is None:
        return None
    try:
        return datetime(int(found[1]), int(found[3]), int(found[4])).date()  # noqa: DTZ001
    except ValueError:
        return None


def _as_choice(name: str, cells: Sequence[str]) -> Trait | None:
    """A column whose values are repeated."""
    counts = Counter(cells)
    brief = [len(it) <= _LONGEST_VALUE and len(it.split()) <= _MOST_WORDS for it in counts]
    if not all(brief):
        return None
    frequent = [value for value, _ in counts.most_common(_FEW)]
    covered = sum(counts[value] for value in frequent)
    tailed = len(cells) >= _FROM_RARE and covered * 2 >= len(cells) and len(counts) > _FEW
    if not (tailed or _is_choice(len(counts), len(cells))):
        return None
    groups = _grouped(counts, len(cells), most=_FEW if tailed else _SOME)
    labels = tuple(groups[cell] for cell in cells)
    order = Counter(labels).most_common()
    rest = [value for value, _ in order if value not in counts]
    values = [value for value, _ in order if value in counts] + rest
    return Trait(name, tuple(values), labels, f"the column {name}")


def _is_choice(distinct: int, total: int) -> bool:
    if distinct == 1:
        return True
    few = distinct <= _FEW and distinct <= total * _REPEATED
    return few or (distinct <= _SOME and total >= distinct * _OFTEN)


def _grouped(counts: Counter[str], total: int, *, most: int) -> dict[str, str]:
    """Value → what it is called: itself, or, where it is rare, what all rare ones are called."""
    least = math.ceil(total * _RARE) if total >= _FROM_RARE else 0
    ranked = [value for value, _ in counts.most_common()]
    rare = [value for place, value in enumerate(ranked) if place >= most or counts[value] < least]
    if len(rare) < 2:
        return {value: value for value in ranked}
    told = [it for it in rare if len(it) <= _LONGEST_TOLD][:_MOST_TOLD]
    more = ", …" if len(told) < len(rare) else ""
    name = f"another one ({', '.join(told)}{more})" if told else "another one"
    while name in counts:
        name += " …"
    return {value: value for value in ranked} | dict.fromkeys(rare, name)


def _as_prose(name: str, cells: Sequence[str]) -> Trait | None:
    lengths = [count_words(cell) for cell in cells]
    if sum(lengths) < len(cells) * _LEAST_PROSE:
        return None
    values, taken = length_labels(lengths, "words")
    if len(values) == 1:
        return None
    return Trait(f"{name} length", tuple(values), tuple(taken), f"how long the text in {name} is")


# Texts


def _of_texts(samples: Sequence[SeedSample]) -> list[Trait]:
    texts = ["\n\n".join(text for _, text in sample.files) for sample in samples]
    endings = {extension_of(path) for sample in samples for path, _ in sample.files}
    found = []
    if any(len(sample.files) != 1 for sample in samples):
        found.append(_files(samples))
    if len(endings) == 1 and endings <= _COUNTED_IN_ROWS:
        ending = endings.pop()
        rows = [len(text.splitlines()) - (ending == ".csv") for text in texts]
        return [*found, _length([max(0, it) for it in rows], "rows")]
    found.append(_length([count_words(text) for text in texts], "words"))
    languages = [language_of(text) for text in texts]
    if sum(it is not None for it in languages) >= len(texts) * _MOSTLY:
        order = [value for value, _ in Counter(filter(None, languages)).most_common()]
        found.append(Trait("language", tuple(order), tuple(languages), "what it is written in"))
    for layout in LAYOUTS:
        there = [laid_out_with(text, layout) for text in texts]
        if min(sum(there), len(there) - sum(there)) >= max(2, len(texts) * _SHARED):
            found.append(_yes_or_no(layout, there))
    return found


def _files(samples: Sequence[SeedSample]) -> Trait:
    numbers = [len(sample.files) for sample in samples]
    if len(set(numbers)) > _FEW:
        values, taken = number_labels(numbers)
    else:
        values, taken = [str(it) for it in sorted(set(numbers))], [str(it) for it in numbers]
    return Trait("number of files", tuple(values), tuple(taken), "how many files it consists of")


def _length(lengths: Sequence[int], unit: str) -> Trait:
    values, taken = length_labels(lengths, unit)
    return Trait("length", tuple(values), tuple(taken), f"how many {unit} it has")


def _yes_or_no(layout: str, there: Sequence[bool]) -> Trait:
    names: Callable[[bool], str] = lambda it: f"{'with' if it else 'without'} {layout}"  # noqa: E731
    labels = tuple(names(it) for it in there)
    values = tuple(value for value, _ in Counter(labels).most_common())
    return Trait(layout, values, labels, f"whether it has {layout} in it")


def _named(traits: Sequence[Trait]) -> list[Trait]:
    """The traits, no two of them with one name."""
    taken: set[str] = set()
    found = []
    for trait in traits:
        name, number = trait.name, 1
        while name in taken:
            number += 1
            name = f"{trait.name[: MAX_NAME - 6]} ({number})"
        taken.add(name)
        found.append(Trait(name, trait.values, trait.labels, trait.description))
    return found
