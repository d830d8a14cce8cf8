"""Compare: what changed between runs, whether it is real, and in which cases."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from weighbridge.core.prompt import Template
from weighbridge.dialects.shared import decode_cursor, encode_cursor
from weighbridge.errors import Invalid, NotFound
from weighbridge.services.comparisons import ComparisonView, Shared
from weighbridge.services.matrix import CaseSide, ComparedCase, Mode, Order, View
from weighbridge.store.comparable import Comparable
from weighbridge.web import comparing
from weighbridge.web.comparing import LETTERS
from weighbridge.web.forms import Problems, problems_of
from weighbridge.web.hostile import LONGEST_SHOWN
from weighbridge.web.routing import page, status_of
from weighbridge.web.visit import Visit
from weighbridge.web.worddiff import WordDiff, word_diff

_LEVELS = (0.9, 0.95, 0.99)
_ROWS = 50
_MANY_RUNS, _ROWS_OF_MANY = 6, 25
_LISTED_OF_A_GROUP, _LISTED = 20, 160
_SUGGESTED = 8
_MOST_FINDINGS, _MOST_PANELS, _MOST_SCORERS = 24, 6, 30


@dataclass(frozen=True, slots=True)
class _Suggestion:
    """Two runs over the same data, the older first."""

    before: Comparable
    after: Comparable
    address: str


async def show_compare(visit: Visit) -> Response:
    """Runs side by side; without two of them, a choice of runs."""
    run_ids = visit.query.texts("run")
    if len(run_ids) < 2 or visit.query.text("choose"):
        return await _chooser(visit, run_ids)
    try:
        compared = await visit.services.comparisons.compare(
            visit.caller, run_ids, level=_level(visit)
        )
    except NotFound:
        raise
    except Invalid as error:
        return await _chooser(visit, run_ids, problems_of(error), status=status_of(error))
    view = _view(visit, compared)
    return visit.page("compare.html", **await _context(visit, compared, view))


async def show_compared_case(visit: Visit) -> Response:
    """One case in all runs, the answers side by side."""
    run_ids = visit.query.texts("run")
    compared = await visit.services.comparisons.compare(visit.caller, run_ids, level=_level(visit))
    view = _view(visit, compared)
    position = visit.query.whole("case", 0, most=2**53)
    case = await visit.services.matrix.case(compared, view, position)
    epochs = max(len(side.outcomes) for side in case.sides)
    epoch = visit.query.whole("epoch", 0, most=max(0, epochs - 1))
    return visit.page(
        "compare_case.html",
        compared=compared,
        columns=comparing.columns_of(compared),
        view=view,
        case=case,
        epoch=epoch,
        epochs=epochs,
        asked=_asked(compared, case),
        diffs=_diffs(case, epoch),
        back="/compare?" + _encoded(visit, case=None, epoch=None, plain=None),
        plain=visit.query.text("plain") == "yes",
    )


def _level(visit: Visit) -> float:
    level = visit.query.number("level")
    if level is None:
        return 0.95
    if not 0.5 <= level < 1:
        raise Invalid("`level` in the address is the confidence of the intervals: 0.5 to 0.9999")
    return min(level, 0.9999)


def _view(visit: Visit, compared: ComparisonView) -> View:
    scorer = visit.query.text("scorer", compared.scorers[0])
    if scorer not in compared.scorers:
        shared = ", ".join(compared.scorers)
        raise Invalid(f"these runs are not compared by a scorer {scorer[:60]!r}; by: {shared}")
    return View(
        scorer=scorer,
        mode=visit.query.choice("mode", Mode) or Mode.ALL,
        order=visit.query.choice("order", Order) or Order.DATA,
        search=visit.query.text("q").strip(),
    )


async def _context(visit: Visit, compared: ComparisonView, view: View) -> dict[str, Any]:
    columns = comparing.columns_of(compared)
    matrix = visit.services.matrix
    cursor = visit.query.text("cursor")
    cases = await matrix.page(
        compared,
        view,
        after=decode_cursor(cursor, int)[0] if cursor else None,
        limit=_ROWS if len(columns) < _MANY_RUNS else _ROWS_OF_MANY,
    )
    beside = _beside(visit, compared)
    together = await matrix.together(compared, view.scorer, beside)
    a, b = columns[0], columns[beside]
    findings = {key: comparing.findings_of(compared, key) for key in compared.scorers}
    most = _MOST_PANELS if len(columns) == 2 else _MOST_FINDINGS // len(columns)
    in_short = findings if len(findings) > most else {}
    charts = comparing.scores_charts(together, a.letter, b.letter, view.scorer)
    charts += (
        comparing.differences_chart(compared, view.scorer),
        comparing.metrics_chart(compared, view.scorer),
    )
    modes = list(Mode)
    return {
        "compared": compared,
        "columns": columns,
        "findings": {view.scorer: findings[view.scorer]} if in_short else findings,
        "in_short": dict(list(in_short.items())[:_MOST_SCORERS]),
        "groups": compared.comparison.groups,
        "view": view,
        "modes": modes,
        "next_mode": modes[(modes.index(view.mode) + 1) % len(modes)],
        "orders": list(Order),
        "cases": cases,
        "cursor": None if cases.after is None else encode_cursor(cases.after),
        "together": together,
        "beside": beside,
        "charts": charts,
        "levels": _LEVELS,
        "level": compared.comparison.level,
        "links": _links(visit, [it.compared.run.id for it in columns]),
        "case_query": _encoded(visit, cursor=None, case=None),
        "run_query": urlencode([("run", it.compared.run.id) for it in columns]),
        "metrics": {
            it.letter: {metric.scorer: metric for metric in it.compared.run.view.run.metrics}
            for it in columns
        },
        "outside": max(
            (it.unmatched.only_b for it in compared.comparison.differences if it.a == 0),
            default=0,
        ),
    }


def _beside(visit: Visit, compared: ComparisonView) -> int:
    """Which run's scores are drawn beside the baseline's."""
    wanted = visit.query.text("beside")
    ids = [it.run.id for it in compared.runs]
    return ids.index(wanted) if wanted in ids[1:] else 1


def _links(visit: Visit, run_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """Where each run becomes the baseline, and where it is left out."""

    def to(ids: Sequence[str]) -> str:
        return "/compare?" + _encoded(visit, ids, cursor=None, choose=None)

    return {
        run_id: {
            "baseline": to([run_id, *(it for it in run_ids if it != run_id)]),
            "without": to([it for it in run_ids if it != run_id]),
        }
        for run_id in run_ids
    }


def _encoded(visit: Visit, run_ids: Sequence[str] | None = None, **changes: None) -> str:
    """What stands behind the question mark, some of it taken out, the runs in another order."""
    kept = visit.query.changed(**changes)
    if run_ids is not None:
        kept = [("run", it) for it in run_ids] + [it for it in kept if it[0] != "run"]
    return urlencode(kept)


async def _chooser(
    visit: Visit, run_ids: Sequence[str], problems: Problems | None = None, status: int = 200
) -> Response:
    search = visit.query.text("q").strip()
    groups = await visit.services.comparisons.choices(visit.caller, search=search, chosen=run_ids)
    shown, left = [], _LISTED
    for group in groups:
        runs = group.runs[: min(left, _LISTED_OF_A_GROUP)]
        # Runs that are chosen are there, however old they are.
        runs += tuple(it for it in group.runs if it.id in run_ids and it not in runs)
        if runs and (len(group.runs) > 1 or any(it.id in run_ids for it in runs)):
            shown.append((Shared(group.data, group.rows, runs), len(group.runs)))
            left -= len(runs)
    return visit.page(
        "compare_choose.html",
        status=status,
        groups=shown,
        chosen=list(run_ids),
        suggestions=[] if run_ids or search else _suggested(groups),
        search=search,
        problems=problems or Problems(),
    )


def _suggested(groups: Sequence[Shared]) -> list[_Suggestion]:
    """The newest run over each data, and the one before it that a scorer of it has graded, too."""
    pairs = [pair for group in groups if (pair := _newest_pair(group.runs)) is not None]
    return [
        _Suggestion(a, b, "/compare?" + urlencode([("run", a.id), ("run", b.id)]))
        for a, b in pairs[:_SUGGESTED]
    ]


def _newest_pair(runs: Sequence[Comparable]) -> tuple[Comparable, Comparable] | None:
    ended = [it for it in runs if it.metrics]
    if not ended:
        return None
    newest, scorers = ended[0], {metric.scorer for metric in ended[0].metrics}
    before = (it for it in ended[1:] if any(metric.scorer in scorers for metric in it.metrics))
    older = next(before, None)
    return None if older is None else (older, newest)


def _asked(compared: ComparisonView, case: ComparedCase) -> list[tuple[str, list[Any]]]:
    """The prompts, each with the letters of the runs that were asked so: (letters, messages)."""
    found: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for letter, it, side in zip(LETTERS, compared.runs, case.sides, strict=False):
        if not side.outcomes:
            continue
        messages = tuple(
            (message.role, _filled(message.content, side.outcomes[0].inputs))
            for message in it.run.evaluation.messages
        )
        found.setdefault(messages, []).append(letter)
    return [(", ".join(letters), list(messages)) for messages, letters in found.items() if messages]


def _filled(content: str, inputs: dict[str, Any]) -> str:
    try:
        return Template(content).render(inputs)
    except (KeyError, ValueError):
        return content


def _diffs(case: ComparedCase, epoch: int) -> list[WordDiff | None]:
    """The answer of each run beside the baseline's; None: one of both has none."""
    base = _answer(case.sides[0], epoch)
    made: list[WordDiff | None] = [None]
    for side in case.sides[1:]:
        other = _answer(side, epoch)
        made.append(None if base is None or other is None else word_diff(base, other))
    return made


def _answer(side: CaseSide, epoch: int) -> str | None:
    if epoch >= len(side.outcomes) or side.outcomes[epoch].record.answer is None:
        return None
    answer = side.outcomes[epoch].record.answer
    return None if answer is None else answer.text[: LONGEST_SHOWN + 1]


ROUTES = (page("/compare", show_compare), page("/compare/case", show_compared_case))
