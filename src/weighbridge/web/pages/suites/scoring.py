"""What was answered to a suite, with verdicts: a scoring, and its responses page by page."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from starlette.responses import RedirectResponse, Response

from weighbridge.core.suite import Scoring, ScoringState
from weighbridge.dialects.shared import decode_cursor, encode_cursor
from weighbridge.errors import Invalid
from weighbridge.services.suite_tallies import GROUPS
from weighbridge.store.response_search import Kept, Wanted
from weighbridge.web.forms import Form
from weighbridge.web.pages.suites.common import scoring_of, suite_of
from weighbridge.web.routing import form, page, stream
from weighbridge.web.streams import follow
from weighbridge.web.tallies import AT_ONCE, tally_part
from weighbridge.web.visit import Visit

_PAGE = 100
_LOOK_EVERY_S = 0.5
_GOING_ON = {ScoringState.CREATED, ScoringState.PROCESSING}
_WORDS = {
    Kept.PASSED: "Passed",
    Kept.FAILED: "Failed",
    Kept.UNJUDGED: "No verdict",
    Kept.EXCLUDED: "Excluded",
    Kept.REFUSED: "Declined",
    Kept.OVERRIDDEN: "By a person",
}


async def show_scoring(visit: Visit) -> Response:
    """A scoring: its pass rate, by policy or category, and its responses."""
    if visit.path("scoring").startswith("run_"):
        # Models that were put to the suite here: theirs is a run like any other.
        return RedirectResponse(f"/runs/{visit.path('scoring')}", status_code=303)
    suite, scoring = await scoring_of(visit)
    services = visit.services
    overview = (await services.scorings.overview(visit.caller, [scoring]))[scoring.id]
    standing = await services.scorings.standings(visit.caller, scoring)
    going_on = overview.state in _GOING_ON
    shown: dict[str, Any] = {"part": None, "live": None}
    if overview.runs and not going_on:
        if scoring.responses <= AT_ONCE:
            shown["part"] = await _part(visit, scoring, overview.runs)
        else:
            shown["live"] = f"{_address(scoring)}/tally"
    return visit.page(
        "suite_scoring.html",
        suite=suite,
        scoring=scoring,
        overview=overview,
        rate=overview.rate,
        excluded=overview.rate.n_excluded,
        going_on=going_on,
        reasons=[it.reason for it in standing if it.reason],
        **shown,
        **await _responses(visit, scoring),
    )


async def _responses(visit: Visit, scoring: Scoring) -> dict[str, Any]:
    """A page of the responses that are wanted."""
    wanted = _wanted(visit)
    cursor = visit.query.text("cursor")
    after = int(decode_cursor(cursor, int)[0]) if cursor else -1
    after = max(-1, min(after, 2**31 - 1))
    scorings = visit.services.scorings
    if wanted:
        found = await scorings.search(visit.caller, scoring, wanted, after=after, limit=_PAGE + 1)
    else:
        found = await scorings.responses(visit.caller, scoring, start=after + 1, limit=_PAGE + 1)
    shown = found[:_PAGE]
    return {
        "responses": shown,
        "wanted": wanted,
        "kinds": [(it, _WORDS[it]) for it in Kept],
        "next": encode_cursor(shown[-1].response.number) if len(found) > _PAGE else None,
    }


def _wanted(visit: Visit) -> Wanted:
    about = visit.query.text("about")
    name, colon, value = about.partition(":")
    if about and (name not in GROUPS or not colon or not value):
        raise Invalid(
            f"`about` in the address is {about[:60]!r}; it is one of {', '.join(GROUPS)}, a colon, "
            "and a value"
        )
    return Wanted(
        kept=visit.query.choice("show", Kept),
        text=visit.query.text("q") or None,
        group=(name, value) if about else None,
    )


async def follow_tally(visit: Visit) -> Response:
    """What came of it by policy or category, once it is counted."""
    _, scoring = await scoring_of(visit)
    overview = (await visit.services.scorings.overview(visit.caller, [scoring]))[scoring.id]

    async def parts() -> AsyncIterator[str]:
        if overview.runs:
            yield visit.render(
                "_suite_tally.html",
                part=await _part(visit, scoring, overview.runs),
                excluded=overview.rate.n_excluded,
            )

    return follow(parts())


async def _part(visit: Visit, scoring: Scoring, runs: Sequence[str]) -> dict[str, Any]:
    return await tally_part(visit, runs, list_at=_address(scoring))


async def follow_scoring(visit: Visit) -> Response:
    """How far the judging is, until it has ended."""
    await scoring_of(visit)

    async def parts() -> AsyncIterator[str]:
        before = None
        while True:
            _, scoring = await scoring_of(visit)
            overview = (await visit.services.scorings.overview(visit.caller, [scoring]))[scoring.id]
            if overview.state not in _GOING_ON:
                return
            runs = [await visit.services.runs.get(visit.caller, it) for it in overview.runs]
            now = (sum(it.progress.done for it in runs), sum(it.progress.total for it in runs))
            if now != before:
                yield visit.render("_suite_judging.html", done=now[0], total=now[1], runs=runs)
            before = now
            await asyncio.sleep(_LOOK_EVERY_S)

    return follow(parts())


async def delete_scoring(visit: Visit, _read: Form) -> Response:
    """Take a scoring out of sight."""
    suite, scoring = await scoring_of(visit)
    await visit.services.scorings.delete(visit.caller, scoring.id)
    return visit.go(f"/suites/{suite.id}", f"“{scoring.name}” is deleted.")


async def report_on_scoring(visit: Visit, _read: Form) -> Response:
    """Have a report written."""
    _, scoring = await scoring_of(visit)
    made = await visit.services.suite_reports.create(visit.caller, [scoring.id])
    return visit.go(f"/suites/reports/{made.id}")


async def report_on_several(visit: Visit, read: Form) -> Response:
    """Have a report written on the runs that were chosen."""
    suite = await suite_of(visit)
    chosen = read.texts("scoring")
    if not chosen:
        raise Invalid("tick the runs that the report is to be about, one at least")
    made = await visit.services.suite_reports.create(visit.caller, chosen)
    return visit.go(f"/suites/reports/{made.id}", f"A report on runs of “{suite.name}”.")


def _address(scoring: Scoring) -> str:
    return f"/suites/{scoring.suite_id}/runs/{scoring.id}"


ROUTES = (
    page("/suites/{suite}/runs/{scoring}", show_scoring),
    stream("/suites/{suite}/runs/{scoring}/tally", follow_tally),
    stream("/suites/{suite}/runs/{scoring}/live", follow_scoring),
    form("/suites/{suite}/runs/{scoring}/delete", delete_scoring),
    form("/suites/{suite}/runs/{scoring}/report", report_on_scoring),
    form("/suites/{suite}/report", report_on_several),
)
