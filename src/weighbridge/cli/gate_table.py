"""A gate as a table, for people."""

from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.text import Text

from weighbridge.cli.console import add_row, table
from weighbridge.cli.gate_texts import asked, measured, subject, verdict
from weighbridge.cli.words import printable
from weighbridge.core.policy import Verdict
from weighbridge.dialects.native import wire

_COLOURS = {Verdict.PASS: "green", Verdict.FAIL: "red", Verdict.INCONCLUSIVE: "yellow"}


def print_gate(console: Console, gate: wire.Gate) -> None:
    """Print the verdict, and what it rests on."""
    console.print(Group(*_parts(gate)))


def _parts(gate: wire.Gate) -> Iterable[RenderableType]:
    yield Text.assemble(
        (gate.verdict.value, f"bold {_COLOURS[gate.verdict]}"),
        f"  {printable(gate.policy, 80)}: {gate.run.id}",
        f" against {gate.baseline.id}" if gate.baseline else "",
    )
    rows = table("metric", "asked for", "measured", "verdict", "")
    for check in gate.checks:
        add_row(
            rows,
            printable(subject(check), 40),
            asked(check),
            measured(check),
            verdict(check),
            printable(check.reason, 200),
        )
    yield rows
    for warning in gate.warnings:
        yield Text(f"note: {printable(warning, 1_000)}")
