"""A comparison in words and figures that anyone understands: of its page, and of its report."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from weighbridge.core.scale import ZERO_TO_ONE
from weighbridge.figures.intervals import Point, intervals_figure
from weighbridge.figures.scores import heat_figure, histogram_figure, scatter_figure
from weighbridge.services.comparisons import ComparedRun, ComparisonView
from weighbridge.web import words
from weighbridge.web.charts import Cell, Chart

if TYPE_CHECKING:
    from weighbridge.reports.comparison import Difference
    from weighbridge.reports.matrix import Together

LETTERS = "ABCDEFGHIJKLMNOPQRST"
"""A letter for each of the most runs that are compared."""

Kind: TypeAlias = Literal["better", "worse", "unsure"]
_SIGNS: dict[Kind, str] = {"better": "▲", "worse": "▼", "unsure": "≈"}
_TESTS = {
    "mcnemar-midp": ("McNemar", "of the cases that changed, would a fair coin do the same?"),
    "mcnemar-exact": (
        "McNemar, exact",
        "of the cases that changed, would a fair coin do the same?",
    ),
    "permutation": (
        "permutation test",
        "how often would changes with their signs drawn at random go as far?",
    ),
    "paired-t": ("paired t test", "is the mean change far from 0, as changes scatter?"),
    "paired-bootstrap": ("bootstrap t", "as the t test, with the skew of the changes allowed for"),
    "clustered": ("t test over clusters", "as the t test, with cases of a cluster taken together"),
}
_BANDS = 5
_MOST_ROWS = 40
_MOST_POINTS = 24
_FEW_RUNS = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """What a comparison of two runs by one scorer found.

    Attributes:
        kind, sign, word: whether the later run is better, worse, or cannot be told from the first.
        amount: the difference with its unit; "–" where there is nothing to compare.
        interval: with the level, in words; None: there is none.
        counts: "12 improved, 4 got worse, 184 the same".
        chance: what the test says.
        test, question: its name, and what it asks.
        detectable: the smallest difference that it would have found 4 times in 5.
        left_out: cases that did not enter, by reason; empty without any.
        least, most: of the axis on which its interval is drawn.
    """

    difference: "Difference"
    a: str
    b: str
    kind: Kind
    sign: str
    word: str
    amount: str
    interval: str | None
    counts: str
    chance: str
    test: str
    question: str
    detectable: str
    left_out: str
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Column:
    """A run as it stands in a comparison.

    Attributes:
        letter: by which it is called.
        name: short, and no other's.
        dearer, slower: its cost, and its median seconds, over those of the baseline; None: not
            known, or nothing to compare with.
    """

    letter: str
    name: str
    compared: ComparedRun
    dearer: float | None
    slower: float | None


def columns_of(view: ComparisonView) -> tuple[Column, ...]:
    """The runs of a comparison, the baseline first."""
    base = view.runs[0]
    models = [it.run.view.run.model for it in view.runs]
    names = [it.run.view.evaluation.name for it in view.runs]
    made = []
    for place, it in enumerate(view.runs):
        name = models[place]
        if models.count(name) > 1:
            name = f"{name}, {names[place]}"
            if list(zip(models, names, strict=True)).count((models[place], names[place])) > 1:
                name += f" ({it.run.id[-6:]})"
        made.append(
            Column(
                LETTERS[place],
                name,
                it,
                _ratio(it.run.view.run.usage.cost_usd, base.run.view.run.usage.cost_usd)
                if place
                else None,
                _ratio(_median(it), _median(base)) if place else None,
            )
        )
    return tuple(made)


def findings_of(view: ComparisonView, scorer: str, *, all_pairs: bool = False) -> list[Finding]:
    """What was found by one scorer: each run against the baseline.

    Args:
        all_pairs: also the others against each other.
    """
    tests = sum(it.p_adjusted is not None for it in view.comparison.differences)
    return [
        finding_of(view, it, tests)
        for it in view.comparison.differences
        if it.scorer == scorer and (all_pairs or it.a == 0)
    ]


def finding_of(view: ComparisonView, difference: "Difference", tests: int) -> Finding:
    """What one difference means.

    Args:
        tests: how many p-values were corrected together.
    """
    paired = difference.paired
    points = in_points(view, difference.scorer)
    low_is_good = difference.scorer in view.runs[0].run.lower_is_better
    up, down = difference.up, difference.down
    better, worse = (down, up) if low_is_good else (up, down)
    kind = _kind(difference, low_is_good)
    name, question = _TESTS.get(paired.test, (paired.test, ""))
    reach = max(abs(it) for it in (paired.low, paired.high, paired.difference, 0.01) if it)
    return Finding(
        difference=difference,
        a=LETTERS[difference.a],
        b=LETTERS[difference.b],
        kind=kind,
        sign=_SIGNS[kind],
        word={"better": "better", "worse": "worse", "unsure": "no difference shown"}[kind],
        amount=amount(paired.difference, points=points),
        interval=_interval(difference, points=points),
        counts=f"{better:,} improved, {worse:,} got worse, {difference.equal:,} the same",
        chance=_chance(difference, name, tests, points=points),
        test=name,
        question=question,
        detectable=amount(paired.smallest_detectable, points=points).lstrip("+"),
        left_out=_left_out(difference),
        least=-reach * 1.1,
        most=reach * 1.1,
    )


def in_points(view: ComparisonView, scorer: str) -> bool:
    """Whether differences are told in percentage points: scores that lie between 0 and 1."""
    return all(it.run.bounds.get(scorer) == ZERO_TO_ONE for it in view.runs)


def amount(value: float | None, *, points: bool, unit: bool = True) -> str:
    """A difference with its sign and unit."""
    if value is None:
        return words.NOTHING
    if not points:
        return words.signed(value)
    told = words.signed(round(value * 100, 1) or 0.0, 1)
    return ("0.0" if told == "+0.0" else told) + (" points" if unit else "")


def differences_chart(view: ComparisonView, scorer: str) -> Chart:
    """Differences from the baseline with their intervals, by all scorers of this one's scale."""
    columns = columns_of(view)
    bounds = view.runs[0].run.bounds
    shown = [key for key in view.scorers if bounds.get(key) == bounds.get(scorer)]
    if len(shown) * (len(view.runs) - 1) > _MOST_POINTS:
        shown = [scorer]
    found = [it for key in shown for it in findings_of(view, key)]
    many = len(view.runs) > 2
    points = [
        Point(
            f"{it.difference.scorer}: {it.b} − {it.a}" if many else it.difference.scorer,
            it.difference.paired.difference,
            it.difference.paired.low,
            it.difference.paired.high,
            f"{it.b} {columns[it.difference.b].name}: {it.amount}; {it.counts}; {it.chance}",
            hollow=not it.difference.different,
        )
        for it in found
        if it.difference.paired.difference is not None
    ]
    rows: Sequence[Sequence[Cell]] = [
        (
            it.difference.scorer,
            f"{it.b} − {it.a}",
            it.difference.paired.difference,
            it.difference.paired.low,
            it.difference.paired.high,
            it.difference.paired.p_value,
            it.difference.p_adjusted,
            it.difference.paired.n,
        )
        for key in shown
        for it in findings_of(view, key, all_pairs=len(view.runs) <= _FEW_RUNS)
    ]
    return Chart(
        f"Differences from {columns[0].letter}, with their "
        f"{words.percent(view.comparison.level, 0)} intervals; hollow where chance can do as much",
        intervals_figure([("", points)], axis="difference", zero=True),
        ("scorer", "runs", "difference", "low", "high", "p", "p, corrected", "n"),
        rows[:_MOST_ROWS],
    )


def metrics_chart(view: ComparisonView, scorer: str) -> Chart:
    """The metric of each run over all of its cases, with its interval."""
    series = []
    rows: list[Sequence[Cell]] = []
    for column in columns_of(view):
        label = f"{column.letter} {column.name}"
        for it in column.compared.run.view.run.metrics:
            if it.scorer != scorer or it.value is None:
                continue
            text = f"{label}: {it.value:.3f}, n = {it.n_scored}, {it.n_failed} failed"
            series.append((label, [Point(label, it.value, it.low, it.high, text)]))
            rows.append(
                (label, it.name, it.value, it.low, it.high, it.n_scored, it.n_failed, it.n_ungraded)
            )
    figure = intervals_figure(
        [("", [point for _, points in series for point in points])], axis=scorer
    )
    return Chart(
        f"{scorer} of each run over all of its own cases, with intervals",
        figure,
        ("run", "metric", "value", "low", "high", "scored", "failed", "ungraded"),
        rows,
    )


def scores_charts(found: "Together", a: str, b: str, scorer: str) -> tuple[Chart, ...]:
    """The scores of two runs together, and how far they are apart; nothing for scores of 0 and 1,
    whose table says it all.

    Args:
        a, b: how the runs are called.
    """
    if found.binary:
        return ()
    axes = (f"{scorer} in {a}", f"{scorer} in {b}")
    many = not found.points
    figure = (
        heat_figure(found.bins, (found.edges_a, found.edges_b), axes=axes)
        if many
        else scatter_figure(found.points, axes=axes, least=found.edges_a[0], most=found.edges_a[-1])
    )
    drawn = "the darker, the more cases" if many else "each point is a case"
    return (
        Chart(
            f"{scorer} of {found.n:,} cases in both runs: {drawn}; above the line {b} scores "
            "higher",
            figure,
            (f"in {a}", f"in {b}", "cases"),
            _bands(found),
        ),
        Chart(
            f"How far {scorer} moved from {a} to {b}, in so many cases",
            histogram_figure(found.differences, axis=f"{b} less {a}"),
            ("from", "to", "cases"),
            [it for it in found.differences if it[2]],
        ),
    )


def _bands(found: "Together") -> list[Sequence[Cell]]:
    """The bins in a few broad bands, to be read."""
    size = len(found.bins) // _BANDS
    rows: list[Sequence[Cell]] = []
    for left in range(_BANDS):
        for lower in range(_BANDS):
            count = sum(
                found.bins[y][x]
                for y in range(lower * size, (lower + 1) * size)
                for x in range(left * size, (left + 1) * size)
            )
            if count:
                rows.append(
                    (_band(found.edges_a, left, size), _band(found.edges_b, lower, size), count)
                )
    return rows


def _band(edges: Sequence[float], number: int, size: int) -> str:
    return f"{edges[number * size]:.3f} to {edges[(number + 1) * size]:.3f}"


def _kind(difference: "Difference", low_is_good: bool) -> Kind:
    value = difference.paired.difference
    if not difference.different or not value:
        return "unsure"
    return "better" if (value > 0) != low_is_good else "worse"


def _chance(difference: "Difference", test: str, tests: int, *, points: bool) -> str:
    paired = difference.paired
    if paired.n == 0:
        return "no case is scored in both"
    if paired.p_value is None or difference.p_adjusted is None:
        return "the data cannot say whether that is chance"
    many = (
        f"; {words.p_value(difference.p_adjusted)} by Holm's correction for {tests} tests"
        if tests > 1
        else ""
    )
    said = f"{_p(paired.p_value)} ({test}{many})"
    if difference.different:
        return f"{said}; chance alone would hardly do this"
    said += "; not more than chance can do"
    if paired.smallest_detectable is None:
        return f"{said}, and too few cases changed to show any difference"
    least = amount(paired.smallest_detectable, points=points).lstrip("+")
    return f"{said} — the smallest difference this could show is {least}"


def _interval(difference: "Difference", *, points: bool) -> str | None:
    paired = difference.paired
    if paired.low is None or paired.high is None:
        return None
    low, high = amount(paired.low, points=points, unit=False), amount(paired.high, points=points)
    return f"{words.percent(paired.level, 0)} interval {low} to {high}"


def _left_out(difference: "Difference") -> str:
    left, a, b = difference.unmatched, LETTERS[difference.a], LETTERS[difference.b]
    counts = (
        (left.failed_a, f"failed in {a}"),
        (left.failed_b, f"failed in {b}"),
        (left.ungraded_a, f"ungraded in {a}"),
        (left.ungraded_b, f"ungraded in {b}"),
        (left.only_a, f"only in {a}"),
        (left.only_b, f"only in {b}"),
    )
    return ", ".join(f"{count:,} {why}" for count, why in counts if count)


def _p(p: float) -> str:
    return f"p {words.p_value(p)}" if p < 0.001 else f"p = {words.p_value(p)}"


def _ratio(value: float | None, base: float | None) -> float | None:
    return value / base if value is not None and base else None


def _median(run: ComparedRun) -> float | None:
    return None if run.scores.latencies is None else run.scores.latencies.p50_s
