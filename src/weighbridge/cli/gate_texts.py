"""A gate in words, and as Markdown for a pull request.

Names come from files and servers, and a pull request shows them: everything is escaped.
"""

import re
from collections.abc import Iterator

from weighbridge.cli.comparison_table import chance, signed
from weighbridge.cli.words import count, duration, money, number, printable
from weighbridge.core.policy import Limit, Tier, Verdict
from weighbridge.dialects.native import wire

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~&@:])")
_MENTION = re.compile("[@#]")
_SIGNS = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.INCONCLUSIVE: "❔"}
_ASKED = {
    Limit.MIN: "at least {}",
    Limit.MAX: "at most {}",
    Limit.MAX_DROP: "falls by at most {}",
    Limit.MAX_RISE: "rises by at most {}",
    Limit.MAX_FAILED_SHARE: "failed share at most {}",
    Limit.MAX_COST_USD: "cost at most ${}",
    Limit.MAX_LATENCY_S: "mean latency at most {} s",
    Limit.MAX_LATENCY_P95_S: "latency of 95 % at most {} s",
}
_DIFFERENCES = (Limit.MAX_DROP, Limit.MAX_RISE)


def subject(check: wire.Check) -> str:
    """What a check is about."""
    return check.metric or "run"


def asked(check: wire.Check) -> str:
    """What it asks for."""
    if check.limit is None or check.bound is None:
        return "came to its end"
    return _ASKED[check.limit].format(f"{check.bound:g}")


def measured(check: wire.Check) -> str:
    """What was found, with its interval."""
    if check.value is None:
        return "–"
    if check.limit is Limit.MAX_COST_USD:
        return money(check.value)
    if check.limit in (Limit.MAX_LATENCY_S, Limit.MAX_LATENCY_P95_S):
        return duration(check.value)
    if check.limit in (None, Limit.MAX_FAILED_SHARE):
        return f"{check.value:.2%}"
    shown = signed if check.limit in _DIFFERENCES else number
    if check.low is None or check.high is None:
        return shown(check.value)
    return f"{shown(check.value)} [{shown(check.low)}, {shown(check.high)}]"


def verdict(check: wire.Check) -> str:
    """The verdict, and whether it counts."""
    return check.verdict.value + (" (advisory)" if check.tier is Tier.ADVISORY else "")


def markdown(gate: wire.Gate) -> str:
    """A summary for a pull request."""
    return "\n".join(_markdown(gate)) + "\n"


def _markdown(gate: wire.Gate) -> Iterator[str]:
    yield f"## {_SIGNS[gate.verdict]} {gate.verdict.value}: {_escaped(gate.policy, 200)}"
    yield ""
    yield f"Run {_described(gate.run)}"
    if gate.baseline is not None:
        yield f"against {_described(gate.baseline)}"
    yield ""
    yield "| | metric | asked for | measured | verdict | |"
    yield "|---|---|---|---|---|---|"
    for check in gate.checks:
        yield (
            f"| {_SIGNS[check.verdict]} | {_escaped(subject(check))} | {asked(check)} "
            f"| {measured(check)} | {verdict(check)} | {_escaped(check.reason)} |"
        )
    if gate.differences:
        yield ""
        yield "| metric | baseline → run | difference | p | up | down | cases |"
        yield "|---|---|---|---|---|---|---|"
        for one in gate.differences:
            yield (
                f"| {_escaped(one.scorer)} | {number(one.mean_a)} → {number(one.mean_b)} "
                f"| {signed(one.difference)} [{signed(one.low)}, {signed(one.high)}] "
                f"| {_escaped(chance(one.p_adjusted))} | {count(one.up)} | {count(one.down)} "
                f"| {count(one.n)} |"
            )
    for warning in gate.warnings:
        yield ""
        yield f"> {_escaped(warning, 1_000)}"


def _described(run: wire.Run) -> str:
    progress = run.progress
    return (
        f"`{run.id}` ({_escaped(run.evaluation.name, 80)}, {_escaped(run.model, 80)}): "
        f"{count(progress.done)} of {count(progress.total)} cases, "
        f"{count(progress.failed)} failed, {money(run.usage.cost_usd)}"
    )


def _escaped(text: str, limit: int = 300) -> str:
    """Text that is nothing but text in Markdown, on one line."""
    plain = _SPECIAL.sub(r"\\\1", printable(text, limit))
    # Who is mentioned, and which issue, is found in the text after escapes have been undone.
    return _MENTION.sub("\\g<0>\N{ZERO WIDTH SPACE}", plain)
