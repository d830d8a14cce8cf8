"""Reports on scorings: what passed, what failed, and what to do about it, in words."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.responses import Response

from weighbridge.core.suite import Scoring
from weighbridge.services.suite_reports import ScoringReport, SuiteReport
from weighbridge.web.forms import Form
from weighbridge.web.pages.suites.common import next_cursor, start_of
from weighbridge.web.routing import form, page, stream
from weighbridge.web.streams import follow
from weighbridge.web.visit import Visit

_PAGE = 50
_LATEST = 100
_LOOK_EVERY_S = 0.5
_TAGGED = re.compile(r"<([^<>]+)>([^<>]*)</\1>")


@dataclass(frozen=True, slots=True)
class Section:
    """One of the texts of a report, in its parts.

    Attributes:
        parts: category (None: the text has none) and what is said of it.
    """

    title: str
    parts: tuple[tuple[str | None, str], ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """A report in a list, with the scorings that it is about, as far as they are there."""

    report: SuiteReport
    scorings: tuple[Scoring, ...]


async def show_reports(visit: Visit) -> Response:
    """All reports, newest first."""
    start = start_of(visit)
    found, _ = await visit.services.suite_reports.list(visit.caller, start=start, limit=_PAGE + 1)
    shown = found[:_PAGE]
    return visit.page(
        "suite_reports.html",
        reports=await _listed(visit, shown),
        next=next_cursor(start, len(shown), len(found)),
    )


async def reports_on(visit: Visit, suite_id: str) -> list[Listed]:
    """The latest reports on scorings of a suite."""
    found, _ = await visit.services.suite_reports.list(visit.caller, limit=_LATEST)
    return [
        it
        for it in await _listed(visit, found)
        if any(one.suite_id == suite_id for one in it.scorings)
    ]


async def show_report(visit: Visit) -> Response:
    """One report in full."""
    report = await visit.services.suite_reports.get(visit.caller, visit.path("report"))
    [listed] = await _listed(visit, [report])
    by_id = {it.id: it for it in listed.scorings}
    overview = await visit.services.scorings.overview(visit.caller, listed.scorings)
    alone = len(report.scorings) <= 1
    return visit.page(
        "suite_report.html",
        report=report,
        overall=_sections(report),
        each=[
            (by_id.get(it.scoring_id), overview.get(it.scoring_id), _sections(it))
            for it in report.scorings
        ],
        alone=alone,
    )


async def follow_report(visit: Visit) -> Response:
    """Nothing until the report is finished: then the page is loaded anew."""
    await visit.services.suite_reports.get(visit.caller, visit.path("report"))

    async def parts() -> AsyncIterator[str]:
        yield visit.render("_suite_report_written.html")
        while True:
            report = await visit.services.suite_reports.get(visit.caller, visit.path("report"))
            if report.state == "finished":
                return
            await asyncio.sleep(_LOOK_EVERY_S)

    return follow(parts())


async def delete_report(visit: Visit, _read: Form) -> Response:
    """Take a report out of sight."""
    await visit.services.suite_reports.delete(visit.caller, visit.path("report"))
    return visit.go("/suites/reports", "The report is deleted.")


async def _listed(visit: Visit, found: list[SuiteReport]) -> list[Listed]:
    about = {it.id: it for it in await visit.services.suite_reports.about(visit.caller, found)}
    return [
        Listed(
            it,
            tuple(about[one.scoring_id] for one in it.scorings if one.scoring_id in about),
        )
        for it in found
    ]


def _sections(said: SuiteReport | ScoringReport) -> tuple[Section, ...]:
    texts = said.texts if isinstance(said, ScoringReport) else said.overall
    if texts is None:
        return ()
    named = (
        ("What to do about it", texts.advice),
        ("What failed", texts.failing),
        ("What passed", texts.passing),
    )
    return tuple(Section(title, _parts(text)) for title, text in named)


def _parts(text: str) -> tuple[tuple[str | None, str], ...]:
    tagged = _TAGGED.findall(text)
    if tagged:
        return tuple((tag.replace("_", " "), part) for tag, part in tagged)
    return ((None, text),)


ROUTES = (
    page("/suites/reports", show_reports),
    page("/suites/reports/{report}", show_report),
    stream("/suites/reports/{report}/live", follow_report),
    form("/suites/reports/{report}/delete", delete_report),
)
