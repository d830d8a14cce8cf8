"""Standard benchmarks as a table, as a page and as objects."""

from collections.abc import Iterator, Sequence
from typing import Any

import yaml
from rich.table import Table

from weighbridge.benchmarks.form import StandardBenchmark
from weighbridge.cli.console import add_row, table
from weighbridge.cli.words import count
from weighbridge.services.standard_benchmarks import Listed


class _Blocks(yaml.SafeDumper):
    """Writes texts of several lines as such."""


_Blocks.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    ),
)


def table_of(listed: Sequence[Listed]) -> Table:
    """All of them, a row each."""
    rows = table("name", "cases", "here", "modes", "data", numbers=("cases", "here"))
    for one in listed:
        benchmark = one.benchmark
        add_row(
            rows,
            benchmark.name,
            count(benchmark.cases),
            None if one.copy is None else count(one.copy.cases),
            ", ".join(_modes(benchmark)),
            f"package {one.copy.package}" if one.copy else f"missing; get {benchmark.obtain}",
        )
    rows.caption = "here: cases that can be asked without --source"
    rows.caption_justify = "left"
    return rows


def object_of(one: Listed) -> dict[str, Any]:
    """One of them, for programs."""
    benchmark, copy = one.benchmark, one.copy
    return {
        "object": "benchmark",
        "name": benchmark.name,
        "title": benchmark.title,
        "measures": benchmark.measures,
        "licence": benchmark.licence,
        "cases": benchmark.cases,
        "modes": list(benchmark.modes),
        "default": benchmark.default,
        "here": None
        if copy is None
        else {"package": copy.package, "cases": copy.cases, "note": copy.note},
        "missing": one.missing,
    }


def page_of(benchmark: StandardBenchmark) -> str:
    """Everything about one, for people."""
    return "\n".join(_lines(benchmark))


def _lines(benchmark: StandardBenchmark) -> Iterator[str]:
    yield f"{benchmark.name}: {benchmark.title}"
    yield benchmark.measures
    yield ""
    if (cited := benchmark.citation) is not None:
        yield f"paper    {cited.authors} ({cited.year}), {cited.title}. {cited.url}"
    yield f"licence  {benchmark.licence}"
    whole = f"{count(benchmark.cases)} in the split {benchmark.split}"
    yield f"cases    {whole if benchmark.cases else f'the split {benchmark.split}'}"
    yield f"data     {benchmark.obtain}"
    for copy in benchmark.copies:
        note = f" ({copy.note})" if copy.note else ""
        yield f"copy     package {copy.package}, {copy.file}: {count(copy.cases)} cases{note}"
    if (shots := benchmark.shots) is not None:
        yield f"shots    {shots.n}, the first of the split {shots.split}, where the data have it"
    yield f"modes    {', '.join(_modes(benchmark))}"
    for name, mode in benchmark.modes.items():
        yield ""
        yield f"{name}:"
        written = yaml.dump(mode.fields(), Dumper=_Blocks, sort_keys=False, allow_unicode=True)
        yield from (f"  {line}" for line in written.splitlines())


def _modes(benchmark: StandardBenchmark) -> Iterator[str]:
    for name in benchmark.modes:
        yield f"{name} (default)" if name == benchmark.default else name
