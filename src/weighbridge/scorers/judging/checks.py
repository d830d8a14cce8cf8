"""What may be wrong with a rubric beyond the types of its fields: each finding with its path."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from weighbridge.core.prompt import Template
from weighbridge.core.suggest import did_you_mean
from weighbridge.embedded.verdict import LABELS, Task
from weighbridge.scorers.judging.parts import (
    ANSWER,
    FIRST,
    SECOND,
    Embedded,
    Item,
    Kind,
    Level,
    RubricMessage,
)

MAX_RANGE = 1_001
"""The most whole numbers that ranges may put on offer."""

Path: TypeAlias = tuple[str | int, ...]
Finding: TypeAlias = tuple[Path, str]


def check_levels(kind: Kind, levels: Sequence[Level]) -> Iterator[Finding]:
    """The verdicts of every kind but a checklist."""
    if kind in (Kind.CHECKLIST, Kind.PAIR):
        if levels:
            yield ("levels",), f"a rubric with `verdict: {kind.value}` has no levels"
        return
    for place, level in enumerate(levels):
        if (level.label is None) == (level.range is None):
            yield ("levels", place), "either `label` or `range` is needed"
            return
    if kind is Kind.PASS_FAIL:
        yield from _pass_and_fail(levels)
    elif len(levels) < 2 and not any(level.range for level in levels):
        yield ("levels",), "at least two levels are needed"
    yield from _labels(levels)
    yield from _ranges(kind, levels)
    if kind is not Kind.PASS_FAIL:
        yield from _scores(kind, levels)


def check_items(kind: Kind, items: Sequence[Item]) -> Iterator[Finding]:
    """The questions of a checklist."""
    if kind is not Kind.CHECKLIST:
        if items:
            yield ("items",), "goes with `verdict: checklist` only"
        return
    if not items:
        yield ("items",), "a checklist needs at least one item"
    names: dict[str, int] = {}
    for place, item in enumerate(items):
        before = names.setdefault(item.name, place)
        if before != place:
            yield ("items", place, "name"), f"`{item.name}` is there twice (also item {before + 1})"


def check_texts(
    kind: Kind,
    criteria: str | None,
    messages: Sequence[RubricMessage] | None,
    inputs: Mapping[str, str],
) -> Iterator[Finding]:
    """The templates: they may name nothing that the judge is not shown."""
    if criteria is not None and messages is not None:
        yield ("messages",), "either `criteria` or `messages`, not both"
    judged = (FIRST, SECOND) if kind is Kind.PAIR else (ANSWER,)
    known = {*inputs, *judged}
    texts: dict[Path, str] = {} if criteria is None else {("criteria",): criteria}
    for place, message in enumerate(messages or ()):
        texts["messages", place, "content"] = message.content
    used: set[str] = set()
    for path, text in texts.items():
        for name in Template(text).columns:
            used.add(name)
            if name not in known:
                problem = f"`{{{name}}}` is none of the rubric's inputs{did_you_mean(name, known)}"
                advice = "describe it under `inputs`; braces that are text are written twice"
                yield path, f"{problem} ({advice})"
    if messages:
        for name in judged:
            if name not in used:
                yield ("messages",), f"no message shows the judge `{{{name}}}`"
        if messages[-1].role != "user":
            yield ("messages", len(messages) - 1, "role"), "the last message is the user's"


def check_embedded(
    embedded: Embedded | None, shown: Iterable[str], labels: Iterable[str]
) -> Iterator[Finding]:
    """The embedded judge: a task it knows, about an input that is shown, with labels on offer."""
    if embedded is None:
        return
    tasks = [task.value for task in Task]
    if embedded.task not in tasks:
        hint = did_you_mean(embedded.task, tasks)
        yield ("embedded", "task"), f"no such task{hint} (tasks: {', '.join(tasks)})"
        return
    if embedded.of not in shown:
        yield ("embedded", "of"), f"`{embedded.of}` is none of the rubric's inputs"
    wanted = LABELS[Task(embedded.task)]
    if {*embedded.labels} != {*wanted}:
        expected = ", ".join(f"`{label}`" for label in wanted)
        yield ("embedded", "labels"), f"say what each of its labels means here: {expected}"
    known = {*labels}
    for its, ours in embedded.labels.items():
        if ours not in known:
            hint = did_you_mean(ours, known)
            yield ("embedded", "labels", its), f"`{ours}` is no label of this rubric{hint}"


def _pass_and_fail(levels: Sequence[Level]) -> Iterator[Finding]:
    for place, level in enumerate(levels):
        if level.label not in ("pass", "fail"):
            other = "for others say `verdict: levels` or `verdict: choice`"
            yield ("levels", place, "label"), f"the verdicts are `pass` and `fail`; {other}"
        elif level.score is not None and level.score != (level.label == "pass"):
            yield ("levels", place, "score"), "`pass` is worth 1 and `fail` 0"


def _labels(levels: Sequence[Level]) -> Iterator[Finding]:
    labels: dict[str, int] = {}
    for place, level in enumerate(levels):
        if level.label is None:
            continue
        before = labels.setdefault(level.label.casefold(), place)
        if before != place:
            problem = f"`{level.label}` is there twice (also level {before + 1})"
            yield ("levels", place, "label"), problem
    if labels and any(level.range for level in levels):
        yield ("levels",), "either labels or ranges, not both"


def _ranges(kind: Kind, levels: Sequence[Level]) -> Iterator[Finding]:
    seen: list[tuple[int, int, int]] = []
    numbers = 0
    for place, level in enumerate(levels):
        if level.range is None:
            continue
        path: Path = ("levels", place, "range")
        low, high = level.range
        numbers += max(2 if low > high else 0, high - low + 1)
        if kind is not Kind.LEVELS or level.score is not None:
            yield path, "a range goes with `verdict: levels`, and each number in it is its score"
        if low > high:
            yield path, f"from {low} to {high}: the lowest number comes first"
        elif numbers > MAX_RANGE:
            yield path, f"more than {MAX_RANGE:,} numbers in all"
        for other_low, other_high, other in seen:
            if low <= other_high and other_low <= high:
                where = f"level {other + 1} ({other_low} to {other_high})"
                yield path, f"{low} to {high} overlaps {where}"
        seen.append((low, high, place))
    if seen and numbers < 2:
        yield ("levels",), "at least two numbers are needed"


def _scores(kind: Kind, levels: Sequence[Level]) -> Iterator[Finding]:
    scores: dict[float, int] = {}
    for place, level in enumerate(levels):
        if level.label is None:
            continue
        worth, path = level.worth, ("levels", place, "score")
        if worth is None:
            yield path, f"`{level.label}` is no number, so it needs a score"
            continue
        before = scores.setdefault(worth, place)
        if before != place and kind is Kind.LEVELS:
            both = f"levels {before + 1} and {place + 1} have the same score {worth:g}"
            yield path, f"{both}, so they are one level (`verdict: choice` has no order)"
