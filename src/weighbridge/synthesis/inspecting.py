"""What samples are like beside what they show: whether they are of the form of the seeds, repeat
each other or copy a seed, how different they are, and, of a table, how its columns compare."""

from collections import Counter
from collections.abc import Sequence

import orjson

from weighbridge.core.json import Json, JsonObject
from weighbridge.core.synthesis import Shape
from weighbridge.generation.replies import words
from weighbridge.statistics import proportion_interval
from weighbridge.synthesis.reading import SeedSample
from weighbridge.synthesis.resemblance import Excerpt, WordCount, excerpt, resemblance
from weighbridge.synthesis.sample_form import SampleForm, to_cell
from weighbridge.synthesis.tables import TableComparison

MOST_SHOWN = 10
"""Kinds of problems, and samples with problems, that are listed."""

_LEVEL = 0.95


class Inspecting:
    """Looks at samples. Fed one at a time; of each an excerpt is kept.

    Args:
        form: what samples are made of. seeds: that they are to be like; none: there are none.
        count: how many samples there will be.
    """

    def __init__(self, form: SampleForm, seeds: Sequence[SeedSample], count: int) -> None:
        self._form = form
        rows = [seed.row for seed in seeds if seed.row is not None]
        self._table = TableComparison(form.columns, rows) if form.is_table and rows else None
        keys = self._table.keys if self._table is not None else frozenset()
        self._keys = keys if len(keys) < len(form.columns) else frozenset()
        self._samples: list[Excerpt] = []
        self._words = WordCount(count)
        self._seed_words = WordCount(len(seeds))
        self._seeds: list[Excerpt] = []
        for seed in seeds:
            text = self._text_of_seed(seed)
            found = words(text)
            self._seeds.append(excerpt(seed.name, text, found))
            self._seed_words.add(found)
        self._problems: Counter[str] = Counter()
        self._wrong: list[JsonObject] = []
        self._invalid = 0

    def add(self, name: str, sample: str) -> None:
        """Another sample, as the engine has it."""
        row = self._form.row(sample)
        text = self._text_of(sample) if row is None else self._cells(row)
        found = words(text)
        self._samples.append(excerpt(name, text, found))
        self._words.add(found)
        problems = self._form.problems(sample) if row is None else self._form.problems_in(row)
        if problems:
            self._invalid += 1
            self._problems.update(problems)
            if len(self._wrong) < MOST_SHOWN:
                listed: list[Json] = list(problems)
                self._wrong.append({"sample": name, "problems": listed})
        if self._table is not None and row is not None:
            self._table.add(row)

    def finish(self) -> JsonObject:
        """`{validity, duplicates, diversity, table}`; `table` is null where samples are no rows."""
        duplicates, distance = resemblance(self._samples, self._seeds)
        alike = min(self._words.counted, self._seed_words.counted)
        return {
            "validity": self._validity(),
            "duplicates": duplicates,
            "diversity": {
                "mean_distance": distance,
                "samples": self._words.distinct(),
                "samples_by_as_many_words": self._words.distinct(alike) if alike else None,
                "seeds_by_as_many_words": self._seed_words.distinct(alike) if alike else None,
            },
            "table": self._table.finish() if self._table is not None else None,
        }

    def _validity(self) -> JsonObject:
        n = len(self._samples)
        valid = n - self._invalid
        interval = proportion_interval(valid, n, _LEVEL)
        return {
            "samples": n,
            "valid": valid,
            "share": valid / n if n else None,
            "low": interval.low,
            "high": interval.high,
            "level": _LEVEL,
            "problems": dict(self._problems.most_common(MOST_SHOWN)),
            "examples": self._wrong,
        }

    def _text_of(self, sample: str) -> str:
        """What there is to read in a sample that is no row."""
        if self._form.shape is Shape.MULTI_FOLDER:
            files: dict[str, str] = orjson.loads(sample)
            return "\n\n".join(files.values())
        return sample

    def _text_of_seed(self, seed: SeedSample) -> str:
        if seed.row is not None:
            return self._cells(seed.row)
        return "\n\n".join(text for _, text in seed.files)

    def _cells(self, row: JsonObject) -> str:
        """A row without what only names it."""
        return " | ".join(to_cell(cell) for name, cell in row.items() if name not in self._keys)
