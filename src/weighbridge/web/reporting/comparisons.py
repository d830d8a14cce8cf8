"""The report of a comparison."""

from collections.abc import Iterator, Sequence

from weighbridge.core.caller import Caller
from weighbridge.errors import FieldProblem, InvalidFields
from weighbridge.services.comparisons import ComparisonView
from weighbridge.services.flips import Direction, Flip, Side
from weighbridge.services.outcomes import OutcomeView
from weighbridge.store.moments import now
from weighbridge.web import comparing, explaining, words
from weighbridge.web.comparing import Finding
from weighbridge.web.reporting.axes import axis_of
from weighbridge.web.reporting.cases import answer_quote, asked_of
from weighbridge.web.reporting.document import (
    Block,
    Document,
    Estimate,
    Example,
    Head,
    Remark,
    Section,
    Table,
    quote,
    section,
)
from weighbridge.wiring import Services

EXAMPLES = 5
"""Cases that got worse, and such that got better, that a report shows of each run."""


async def report_of_comparison(
    services: Services, caller: Caller, run_ids: Sequence[str], scorer: str | None = None
) -> Document:
    """The report of two or more runs, the first of which is the baseline.

    Args:
        scorer: key of that by which cases are picked; None: the first.

    Raises:
        NotFound: the workspace has no such run.
        Invalid: they cannot be compared, or have no such scorer.
    """
    view = await services.comparisons.compare(caller, run_ids)
    if scorer is not None and scorer not in view.scorers:
        known = ", ".join(view.scorers)
        message = f"the runs have no scorer {scorer[:80]!r} in common (scorers: {known})"
        raise InvalidFields([FieldProblem("scorer", message)])
    columns = comparing.columns_of(view)
    names = ", ".join(f"{it.letter} {it.name}" for it in columns)
    evaluations = dict.fromkeys(it.compared.run.view.evaluation.name for it in columns)
    return Document(
        title=f"Comparison: {' and '.join(evaluations)}"[:300],
        subtitle=f"{names}; the baseline is {columns[0].letter}",
        facts=(
            ("baseline", f"{columns[0].name}, run {columns[0].compared.run.id}"),
            ("compared by", ", ".join(view.scorers)),
            ("confidence", f"{view.comparison.level:.0%} intervals"),
        ),
        sections=(
            *await comparison_sections(services, caller, view, scorer),
            _again(run_ids),
        ),
        name=f"comparison-{run_ids[0][-8:]}-{len(run_ids)}-runs",
        made_at=now(),
    )


async def comparison_sections(
    services: Services,
    caller: Caller,
    view: ComparisonView,
    scorer: str | None,
    *,
    examples: int = EXAMPLES,
) -> list[Section]:
    """What a comparison found: differences, the runs themselves, cases that changed.

    Args:
        scorer: as for `report_of_comparison`. examples: the most cases of each sort.
    """
    focus = scorer or view.scorers[0]
    together: list[Block] = []
    columns = comparing.columns_of(view)
    for place in range(1, len(view.runs)):
        found = await services.matrix.together(view, focus, place)
        together += comparing.scores_charts(found, columns[0].letter, columns[place].letter, focus)
    return [
        section("What changed", *(Remark(it) for it in view.warnings), *_findings(view)),
        section("The runs", _runs(view), *_differs(view), comparing.metrics_chart(view, focus)),
        section(f"Scores by {focus}, case by case", *together),
        section(
            f"Cases that changed by {focus}",
            *await _flips(services, caller, view, focus, examples),
        ),
    ]


def _findings(view: ComparisonView) -> Iterator[Block]:
    for key in view.scorers:
        found = comparing.findings_of(view, key)
        yield Head(key)
        for it in found:
            yield Remark(_sentence(view, it), it.kind)
        yield Table(
            ("runs", "difference", "n", "p", "p, corrected", "smallest it could show", "left out"),
            [
                (
                    f"{it.b} − {it.a}",
                    Estimate(
                        it.difference.paired.difference,
                        it.difference.paired.low,
                        it.difference.paired.high,
                        it.least,
                        it.most,
                        zero=True,
                        said=_amount(it),
                    ),
                    it.difference.paired.n,
                    words.p_value(it.difference.paired.p_value),
                    words.p_value(it.difference.p_adjusted),
                    it.detectable,
                    it.left_out or "none",
                )
                for it in comparing.findings_of(view, key, all_pairs=True)
            ],
        )
        tests = dict.fromkeys((it.test, it.question) for it in found if it.question)
        for test, question in tests:
            yield f"{test[:1].upper()}{test[1:]}: {question}"
    for key in view.scorers[:1]:
        yield comparing.differences_chart(view, key)


def _amount(it: Finding) -> str:
    return f"{it.amount}; {it.interval}" if it.interval else it.amount


def _sentence(view: ComparisonView, it: Finding) -> str:
    names = comparing.columns_of(view)
    later, base = names[it.difference.b], names[it.difference.a]
    interval = f" ({it.interval})" if it.interval else ""
    return (
        f"{later.letter} {later.name}, beside {base.letter} {base.name}: {it.word}, "
        f"{it.amount}{interval}. {it.counts}; {it.chance}."
    )


def _runs(view: ComparisonView) -> Table:
    rows = []
    for column in comparing.columns_of(view):
        run = column.compared.run.view.run
        latencies = column.compared.scores.latencies
        rows += [
            (
                f"{column.letter} {column.name}",
                metric.scorer,
                Estimate(metric.value, metric.low, metric.high, *axis_of([metric])),
                metric.n_scored,
                metric.n_failed,
                metric.n_ungraded,
                words.money(run.usage.cost_usd),
                words.seconds(latencies.p50_s if latencies else None),
                f"{metric.level:.0%}: {explaining.method(metric.method)}",
            )
            for metric in run.metrics
            if metric.scorer in view.scorers
        ]
    heads = ("run", "scorer", "value", "scored", "no answer", "ungraded", "cost", "half within")
    return Table((*heads, "interval"), rows)


def _differs(view: ComparisonView) -> Iterator[str]:
    for column in comparing.columns_of(view)[1:]:
        said = "; ".join(column.compared.differs) or "nothing"
        yield f"{column.letter} differs from the baseline in: {said}."


async def _flips(
    services: Services, caller: Caller, view: ComparisonView, scorer: str, most: int
) -> list[Block]:
    blocks: list[Block] = []
    columns = comparing.columns_of(view)
    low_is_good = scorer in view.runs[0].run.lower_is_better
    base = columns[0]
    for column in columns[1:]:
        for direction, better in (
            (Direction.DOWN, low_is_good),
            (Direction.UP, not low_is_good),
        ):
            found = await services.flips.page(
                caller,
                base.compared.run.id,
                column.compared.run.id,
                scorer,
                direction=direction,
                limit=most,
            )
            if found:
                word = "improved" if better else "got worse"
                blocks.append(Head(f"That {word} in {column.letter}, the first {len(found)}"))
                blocks += [_example(view, it, column.letter) for it in found]
    return blocks


def _example(view: ComparisonView, flip: Flip, letter: str) -> Example:
    evaluation = view.runs[0].run.evaluation
    facts = [("score", f"A {words.decimal(flip.a.score)}, {letter} {words.decimal(flip.b.score)}")]
    first = flip.a.outcomes[0]
    if evaluation.target_column is not None:
        facts.append(("right answer", str(first.inputs.get(evaluation.target_column))[:300]))
    return Example(
        f"Case {flip.case_id[:200]}",
        tuple(facts),
        (
            quote("Asked", asked_of(first.inputs, evaluation), 2_000),
            answer_quote("A answered", _first(flip.a)),
            answer_quote(f"{letter} answered", _first(flip.b)),
        ),
    )


def _first(side: Side) -> OutcomeView | None:
    return side.outcomes[0] if side.outcomes else None


def _again(run_ids: Sequence[str]) -> Section:
    runs = " ".join(run_ids)
    return section(
        "To do it again",
        quote(
            "On the command line, in the installation that made this",
            f"weighbridge compare {runs}\n",
        ),
    )
