"""From the records of a source to the cases of a benchmark, as a stream."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from weighbridge.benchmarks.form import EXAMPLES, StandardBenchmark
from weighbridge.benchmarks.loaders import FORMATS, LeftOut, OtherFormat, renamed
from weighbridge.benchmarks.sources import DataFile, Source, records
from weighbridge.core.prompt import Template
from weighbridge.datasets.rows import Row, describe
from weighbridge.errors import Invalid


@dataclass(slots=True)
class Tally:
    """What became of the records, known when the last case has been taken.

    Attributes:
        kept, left_out: how many. reason: why the first of these was left out.
        subjects: how many cases each has.
        shots: the most worked examples before a question.
    """

    kept: int = 0
    left_out: int = 0
    reason: str | None = None
    subjects: Counter[str] = field(default_factory=Counter)
    shots: int = 0


def read_cases(benchmark: StandardBenchmark, source: Source, tally: Tally) -> Iterator[Row]:
    """The cases, one at a time, each with an `id`.

    Raises:
        Invalid: a file cannot be read or is in another format, or there is no case in any.
    """
    shots = _shots(benchmark, source)
    numbers: Counter[str] = Counter()
    for file in source.files:
        for made in _made(benchmark, source.format, file, tally):
            subject = made.get("subject")
            group = subject if isinstance(subject, str) else benchmark.name
            numbers[group] += 1
            row: Row = {"id": f"{group}-{numbers[group]}", **made}
            if isinstance(subject, str):
                tally.subjects[subject] += 1
            if benchmark.has_examples:
                row[EXAMPLES] = _before(benchmark, shots, row, tally)
            tally.kept += 1
            yield row
    if not tally.kept:
        raise Invalid(f"{source.words}: there is no case in it; the first record: {tally.reason}")


def _made(
    benchmark: StandardBenchmark, format_: str, file: DataFile, tally: Tally
) -> Iterator[Row]:
    load = FORMATS[format_]
    for number, record in enumerate(records(benchmark, file), 1):
        try:
            yield load(renamed(record, benchmark.fields))
        except LeftOut as why:
            tally.left_out += 1
            tally.reason = tally.reason or str(why)
        except OtherFormat as problem:
            columns = ", ".join(f"`{name}`" for name in list(record)[:20])
            raise Invalid(
                f"{describe(file.path)}, record {number} is not as {benchmark.name} is published: "
                f"{problem} (columns: {columns}); wanted: {benchmark.obtain}"
            ) from None


def _shots(benchmark: StandardBenchmark, source: Source) -> dict[str | None, list[str]]:
    """Subject → the worked examples of it; under None all that have none."""
    found: dict[str | None, list[str]] = {}
    if benchmark.shots is None:
        return found
    template = Template(benchmark.shots.example)
    for file in source.shots:
        for row in _made(benchmark, source.format, file, Tally()):
            subject = row.get("subject")
            listed = found.setdefault(subject if isinstance(subject, str) else None, [])
            if len(listed) < benchmark.shots.n:
                listed.append(template.render(_with_topic(row)))
            elif file.subject is not None or subject is None:
                break  # there is nothing else in this file
    return found


def _before(
    benchmark: StandardBenchmark, shots: dict[str | None, list[str]], row: Row, tally: Tally
) -> str:
    """What stands before the question."""
    subject = row.get("subject")
    examples = shots.get(subject if isinstance(subject, str) else None, [])
    tally.shots = max(tally.shots, len(examples))
    text = "".join(examples)
    if not examples and benchmark.shots is not None and benchmark.shots.instead is not None:
        text = Template(benchmark.shots.instead).render(row)
    if benchmark.intro is None:
        return text
    intro = Template(benchmark.intro)
    known = _with_topic(row)
    return (intro.render(known) if set(intro.columns) <= known.keys() else "") + text


def _with_topic(row: Row) -> Row:
    """With `topic`, the subject in words, and `letter`, that of the right option."""
    more: Row = {}
    subject, letters, label = row.get("subject"), row.get("letters"), row.get("label")
    if isinstance(subject, str):
        more["topic"] = " ".join(subject.split("_"))
    if isinstance(letters, list) and isinstance(label, int):
        more["letter"] = letters[label]
    return {**row, **more}
