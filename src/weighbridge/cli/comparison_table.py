"""A comparison as tables, for people."""

from collections.abc import Iterable, Sequence

from rich.console import Console, Group, RenderableType
from rich.text import Text

from weighbridge.cli.console import add_row, table
from weighbridge.cli.words import count, duration, money, number, printable
from weighbridge.dialects.native import wire

_TEXT_WIDTH = 100
_NAMES = "ABCDEFGHIJKLMNOPQRST"


def print_comparison(console: Console, comparison: wire.Comparison) -> None:
    """Print who was compared, what came out, and what to know before believing it."""
    console.print(Group(*_parts(comparison)))


def print_flips(console: Console, comparison: wire.Comparison, flips: Sequence[wire.Flip]) -> None:
    """Print cases that score differently."""
    if not flips:
        console.print(Text("no case scores differently"))
        return
    names = _names(comparison)
    rows = table(
        "case", "scorer", "run", "score", "answer", "inputs", title="cases that flipped",
        numbers=("score",),
    )  # fmt: skip
    for flip in flips:
        for side in (flip.a, flip.b):
            first = side is flip.a
            add_row(
                rows,
                printable(flip.case_id, 40) if first else "",
                flip.scorer if first else "",
                names[side.run_id],
                number(side.score),
                " | ".join(printable(answer or "–", _TEXT_WIDTH) for answer in side.answers),
                _inputs(side.inputs) if first or side.inputs != flip.a.inputs else "",
            )
    console.print(rows)


def signed(value: float | None) -> str:
    """A difference: `+0.031`."""
    return "–" if value is None else f"{value:+.3f}"


def interval_of(low: float | None, high: float | None) -> str | None:
    """An interval of a difference; None without ends."""
    return None if low is None or high is None else f"[{signed(low)}, {signed(high)}]"


def chance(p_value: float | None) -> str:
    """A p-value, as far as anybody cares."""
    if p_value is None:
        return "–"
    return "< 0.0001" if p_value < 0.0001 else f"{p_value:.4f}"


def _parts(comparison: wire.Comparison) -> Iterable[RenderableType]:
    names = _names(comparison)
    yield _runs(comparison, names)
    for scorer in comparison.scorers:
        yield _differences(scorer, comparison, names)
    yield _methods(comparison)
    if len(comparison.runs) > 2:
        yield _groups(comparison, names)
        yield Text("runs that share a letter cannot be told apart")
    for warning in comparison.warnings:
        yield Text(f"note: {warning}")


def _names(comparison: wire.Comparison) -> dict[str, str]:
    return {run.id: name for run, name in zip(comparison.runs, _NAMES, strict=False)}


def _runs(comparison: wire.Comparison, names: dict[str, str]) -> RenderableType:
    runs = comparison.runs
    rows = table("", *(names[run.id] for run in runs))
    add_row(rows, "run", *(run.id for run in runs))
    add_row(rows, "evaluation", *(printable(run.name, 40) for run in runs))
    add_row(rows, "model", *(printable(run.model, 40) for run in runs))
    add_row(rows, "state", *(_state(run) for run in runs))
    if any(run.judges for run in runs):
        add_row(rows, "judged by", *(printable(", ".join(run.judges), 40) for run in runs))
    add_row(rows, "differs in", *(", ".join(run.differs) or None for run in runs))
    add_row(rows, "cases", *(count(run.cases) for run in runs))
    add_row(rows, "cost", *(money(run.usage.cost_usd) for run in runs))
    add_row(rows, "of 1,000 cases", *(_cost_of_1000(run) for run in runs))
    for what, key in (("mean", "mean_s"), ("median", "p50_s"), ("95 % within", "p95_s")):
        seconds = [getattr(run.latency, key, None) for run in runs]
        add_row(rows, f"latency, {what}", *(duration(value) for value in seconds))
    add_row(rows, "tokens in", *(count(run.usage.input_tokens) for run in runs))
    add_row(rows, "tokens out", *(count(run.usage.output_tokens) for run in runs))
    return rows


def _state(run: wire.ComparedRun) -> str:
    return run.status.value + (f" ({printable(run.reason, 60)})" if run.reason else "")


def _cost_of_1000(run: wire.ComparedRun) -> str | None:
    a_case = run.cost_per_case_usd
    return None if a_case is None else money(1000 * a_case)


def _differences(scorer: str, comparison: wire.Comparison, names: dict[str, str]) -> RenderableType:
    columns = ("", "difference", "p", "up, down", "cases", "shows")
    rows = table(*columns, "differ", numbers=columns, title=f"\n{scorer}")
    for one in comparison.differences:
        if one.scorer != scorer:
            continue
        interval = interval_of(one.low, one.high)
        adjusted = one.p_adjusted is not None and one.p_adjusted != one.p_value
        add_row(
            rows,
            f"{names[one.b]}-{names[one.a]}",
            f"{number(one.mean_a)} → {number(one.mean_b)}\n"
            + signed(one.difference)
            + (f" {interval}" if interval else ""),
            chance(one.p_value) + (f"\n{chance(one.p_adjusted)}" if adjusted else ""),
            f"+{count(one.up)}\n-{count(one.down)}",
            count(one.n),
            None if one.smallest_detectable is None else f"±{one.smallest_detectable:.3f}",
            {True: "yes", False: "not shown", None: "–"}[one.different],
        )
    return rows


def _methods(comparison: wire.Comparison) -> Text:
    methods = sorted({one.method for one in comparison.differences})
    tests = sorted({one.test for one in comparison.differences})
    return Text(
        f"{comparison.level * 100:g} % intervals: {', '.join(methods)}. Tests: {', '.join(tests)}; "
        "a second p is the first, corrected for all rows (Holm). `shows`: the smallest true "
        "difference that so many cases show 4 times in 5."
    )


def _groups(comparison: wire.Comparison, names: dict[str, str]) -> RenderableType:
    rows = table("group", *(names[run.id] for run in comparison.runs))
    for group in comparison.groups:
        add_row(rows, group.scorer, *(group.letters[run.id] for run in comparison.runs))
    return rows


def _inputs(inputs: dict[str, object]) -> str:
    return printable(", ".join(f"{name}={value}" for name, value in inputs.items()), _TEXT_WIDTH)
