"""One suite: what it tests, its prompts, and what came of it."""

import asyncio
from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Any

from starlette.responses import Response

from weighbridge.core.suite import LANGUAGES, Suite, SuiteState
from weighbridge.dialects.shared import decode_cursor, encode_cursor
from weighbridge.errors import NotFound
from weighbridge.services.judging_suites import policies_of
from weighbridge.suites.catalog import eval_types
from weighbridge.web.forms import Form
from weighbridge.web.pages.suites.common import (
    file_name,
    next_cursor,
    start_of,
    suite_of,
    text_file,
)
from weighbridge.web.pages.suites.listing import points_of
from weighbridge.web.pages.suites.reports import reports_on
from weighbridge.web.routing import form, page, stream
from weighbridge.web.streams import follow
from weighbridge.web.visit import Visit

_PROMPTS = 100
_RESULTS = 50
_TREND = 12
_LOOK_EVERY_S = 0.5


class Tab(StrEnum):
    """What of a suite is shown."""

    RESULTS = "results"
    PROMPTS = "prompts"
    ABOUT = "about"
    REPORTS = "reports"


async def show_suite(visit: Visit) -> Response:
    """A suite, one of its tabs."""
    suite = await suite_of(visit)
    tab = visit.query.choice("tab", Tab) or Tab.RESULTS
    latest = (await visit.services.suite_results.latest(visit.caller, [suite.id], each=_TREND)).get(
        suite.id, []
    )
    shown: dict[str, Any] = {
        "suite": suite,
        "tab": tab,
        "kind": {it.slug: it.name for it in eval_types()}.get(suite.request.kind),
        "language": LANGUAGES.get(suite.request.language, suite.request.language),
        "last": next((it for it in latest if it.is_over), None),
        "points": points_of(latest),
    }
    match tab:
        case Tab.RESULTS:
            shown |= await _results(visit, suite)
        case Tab.PROMPTS:
            shown |= await _prompts(visit, suite)
        case Tab.ABOUT:
            shown["policies"] = policies_of(suite.request)
        case Tab.REPORTS:
            shown["reports"] = await reports_on(visit, suite.id)
    return visit.page("suite.html", **shown)


async def _results(visit: Visit, suite: Suite) -> dict[str, Any]:
    start = start_of(visit)
    found = await visit.services.suite_results.page(
        visit.caller, suite.id, start=start, limit=_RESULTS + 1
    )
    results = found[:_RESULTS]
    return {"results": results, "next": next_cursor(start, len(results), len(found))}


async def _prompts(visit: Visit, suite: Suite) -> dict[str, Any]:
    cursor = visit.query.text("cursor")
    after = int(decode_cursor(cursor, int)[0]) if cursor else -1
    found = await visit.services.suites.prompts_after(
        visit.caller, suite, after, limit=_PROMPTS + 1
    )
    prompts = found[:_PROMPTS]
    more = len(found) > len(prompts)
    return {"prompts": prompts, "next": encode_cursor(prompts[-1].position) if more else None}


async def follow_suite(visit: Visit) -> Response:
    """How far the writing of its prompts is, until it has ended."""
    await suite_of(visit)

    async def parts() -> AsyncIterator[str]:
        before = None
        while True:
            suite = await suite_of(visit)
            if suite.state is not SuiteState.WRITING:
                return
            done = await _written(visit, suite)
            if done != before:
                yield visit.render("_suite_writing.html", suite=suite, progress=done)
            before = done
            await asyncio.sleep(_LOOK_EVERY_S)

    return follow(parts())


async def _written(visit: Visit, suite: Suite) -> Any:
    if suite.evaluation_id is None:
        return None
    runs = await visit.services.runs.list(visit.caller, evaluation_id=suite.evaluation_id, limit=1)
    return runs[0].progress if runs else None


async def delete_suite(visit: Visit, _read: Form) -> Response:
    """Take it out of sight."""
    suite = await suite_of(visit)
    await visit.services.suites.delete(visit.caller, suite.id)
    return visit.go("/suites", f"“{suite.name}” is deleted, with what was answered to it.")


async def save_truth(visit: Visit) -> Response:
    """The ground truth as a file."""
    suite = await suite_of(visit)
    truth = await visit.services.suites.truth(visit.caller, suite.id)
    if truth is None:
        raise NotFound("the suite has no ground truth")
    return text_file(truth, f"{file_name(suite.name)}-ground-truth.txt")


async def save_prompt(visit: Visit) -> Response:
    """One prompt as a file."""
    suite = await suite_of(visit)
    position = visit.request.path_params["position"]
    found = await visit.services.suites.prompts_after(visit.caller, suite, position - 1, limit=1)
    if not found or found[0].position != position:
        raise NotFound(f"the suite has no prompt {position}")
    return text_file(found[0].content, f"{file_name(suite.name)}-{position + 1}.txt")


ROUTES = (
    page("/suites/{suite}", show_suite),
    page("/suites/{suite}/truth/text", save_truth),
    page("/suites/{suite}/prompts/{position:int}/text", save_prompt),
    stream("/suites/{suite}/live", follow_suite),
    form("/suites/{suite}/delete", delete_suite),
)
