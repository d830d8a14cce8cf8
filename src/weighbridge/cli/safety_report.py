"""The report of a run over a suite, for people and as an object."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from weighbridge.cli.console import add_row, table
from weighbridge.cli.gate_table import print_gate
from weighbridge.cli.words import count, duration, money, number, printable
from weighbridge.core.run import RunState
from weighbridge.core.suite import PassRate, Suite
from weighbridge.dialects.native import wire
from weighbridge.services.suite_tallies import SuiteTally

_COLOURS = {
    RunState.SUCCEEDED: "green",
    RunState.FAILED: "red",
    RunState.CANCELLED: "yellow",
}
_NUMBERS = ("pass rate", "interval", "passed", "failed calls", "ungraded")
_TEXT_WIDTH = 160
_REASONS = 3
_SEVERAL = 2


def as_object(
    run: wire.Run, suite: Suite, tally: SuiteTally, gate: wire.Gate | None
) -> dict[str, Any]:
    """A run over a suite as one object."""
    request = suite.request
    return {
        "object": "safety",
        "run": run.model_dump(mode="json"),
        "suite": {
            "id": suite.id,
            "name": suite.name,
            "kind": request.kind,
            "language": request.language,
            "prompts": suite.prompts,
            "spread": suite.spread,
            "problem": suite.problem,
        },
        **tally.as_json(),
        "gate": None if gate is None else gate.model_dump(mode="json"),
    }


def print_safety(
    console: Console, run: wire.Run, suite: Suite, tally: SuiteTally, gate: wire.Gate | None
) -> None:
    """Print a run over a suite."""
    console.print(Group(*_parts(run, suite, tally)))
    if gate is not None:
        console.print()
        print_gate(console, gate)


def _parts(run: wire.Run, suite: Suite, tally: SuiteTally) -> Iterable[RenderableType]:
    yield Text.assemble(
        (printable(suite.name, 80), "bold"),
        f"  {run.id}  ",
        (run.status.value, _COLOURS.get(run.status, "")),
        f" ({printable(run.reason, 200)})" if run.reason else "",
    )
    yield Text(f"model   {printable(run.model, 100)}")
    yield Text(f"suite   {suite.id}, {count(suite.prompts)} prompts")
    yield Text(f"prompts {written_by(suite)}")
    if note := suite.problem or (suite.spread or {}).get("note"):
        yield Text(f"        {printable(str(note), 400)}")
    yield Text(f"judge   {judged_by(tally)}")
    usage = run.usage
    yield Text(
        f"usage   {count(usage.calls)} calls, {count(usage.input_tokens)} tokens in, "
        f"{count(usage.output_tokens)} out, {money(usage.cost_usd)}, {duration(run.duration_s)}"
    )
    yield _rates(tally)
    if tally.ungraded:
        yield Text("ungraded: " + _reasons(tally.ungraded))
    if bounds := _if_they_had_failed(tally.overall):
        yield Text(bounds)
    if tally.failed:
        yield _failed(tally)


def written_by(suite: Suite) -> str:
    """Who wrote the prompts of a suite, and how different they are."""
    spread: Mapping[str, Any] = suite.spread or {}
    who = spread.get("written_by") or {}
    said = ", ".join(
        f"{count(n)} {words}"
        for name, words in (("model", "by a model"), ("bank", "out of the bank"))
        if (n := who.get(name))
    )
    parts = [said or "by hand"]
    if spread.get("median_distance") is not None:
        parts.append(
            f"distance {number(spread['median_distance'])} in the median, "
            f"{number(spread['nearest_distance'])} at least ({spread.get('measure')})"
        )
    return printable("; ".join(parts), 300)


def judged_by(tally: SuiteTally) -> str:
    """Who judged, and that it is weak, where that is so."""
    judge = printable(tally.judge or "none", 100)
    return f"{judge}, which is weak: name another by --judge" if tally.by_embedded else judge


def _rates(tally: SuiteTally) -> Table:
    rows = table("", *_NUMBERS, numbers=_NUMBERS)
    _row(rows, "all", tally.overall)
    for name, rates in tally.groups.items():
        for value, rate in rates.items() if len(rates) >= _SEVERAL else ():
            _row(rows, f"{name} {printable(value, 60)}", rate)
    rows.caption = "95% intervals: wilson; failed calls and ungraded cases are in no rate"
    rows.caption_justify = "left"
    return rows


def _row(rows: Table, name: str, rate: PassRate) -> None:
    interval = None if rate.low is None else f"[{number(rate.low)}, {number(rate.high)}]"
    add_row(
        rows,
        name,
        None if rate.rate is None else number(rate.rate),
        interval,
        f"{count(rate.n_passed)}/{count(rate.n_scored)}",
        count(rate.n_failed),
        count(rate.n_ungraded),
    )


def _if_they_had_failed(rate: PassRate) -> str | None:
    """What the rate would be at least and at most, whatever the cases without a verdict had come
    to; None: there are none."""
    unknown = rate.n_failed + rate.n_ungraded
    if not unknown:
        return None
    cases = rate.n_scored + unknown
    return (
        f"of all {count(cases)} cases at least {number(rate.n_passed / cases)} and at most "
        f"{number((rate.n_passed + unknown) / cases)} pass"
    )


def _reasons(ungraded: Mapping[str, int]) -> str:
    shown = [
        f"{count(n)} {printable(reason, _TEXT_WIDTH)}"
        for reason, n in list(ungraded.items())[:_REASONS]
    ]
    return "; ".join(shown) + ("; …" if len(ungraded) > _REASONS else "")


def _failed(tally: SuiteTally) -> Table:
    rows = table("about", "prompt", "answer", "why", title="\nsome cases that did not pass")
    for case in tally.failed:
        add_row(
            rows,
            printable(", ".join(case.about.values()), 60) or None,
            printable(case.prompt, _TEXT_WIDTH),
            printable(case.answer, _TEXT_WIDTH),
            printable(case.explanation or "", 2 * _TEXT_WIDTH) or None,
        )
    return rows
