"""Reports on eval runs: asked for, looked at."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from weighbridge.core.caller import Caller
from weighbridge.dialects.aymara import eval_runs, ids, wire, wire_reports
from weighbridge.dialects.aymara.access import CallerHere, Page, ServicesHere
from weighbridge.dialects.aymara.errors import parsed
from weighbridge.dialects.shared import read_json
from weighbridge.errors import InvalidFields
from weighbridge.services.suite_reports import SuiteReport
from weighbridge.wiring import Services

router = APIRouter(prefix="/eval-reports")


@router.post("")
async def create(request: Request, services: ServicesHere, caller: CallerHere) -> Response:
    """Have a report made of finished runs. The answer says `created` always, as the vendor's
    does: its text is there from the first look at it on, or when its run has ended."""
    asked = parsed(wire_reports.REPORT, (await read_json(request))[0])
    wanted = [ids.read(ids.SCORING, it) for it in asked.eval_run_uuids]
    try:
        made = await services.suite_reports.create(caller, wanted)
    except InvalidFields as error:
        problems = [replace(it, field="eval_run_uuids") for it in error.problems]
        raise InvalidFields(problems) from error
    begun = replace(made, state="created", scorings=(), overall=None)
    return _json(wire_reports.report(begun, {}))


@router.get("")
async def list_all(services: ServicesHere, caller: CallerHere, page: Page) -> Response:
    """All reports, newest first."""
    found, total = await services.suite_reports.list(caller, start=page.offset, limit=page.limit)
    return _json(wire.page(await _shown(services, caller, found), total))


@router.get("/{eval_suite_report_uuid}")
async def get(services: ServicesHere, caller: CallerHere, eval_suite_report_uuid: str) -> Response:
    """One report."""
    found = await services.suite_reports.get(caller, ids.read(ids.REPORT, eval_suite_report_uuid))
    [shown] = await _shown(services, caller, [found])
    return _json(shown)


@router.delete("/{eval_suite_report_uuid}")
async def delete(
    services: ServicesHere, caller: CallerHere, eval_suite_report_uuid: str
) -> Response:
    """Take a report out of sight."""
    await services.suite_reports.delete(caller, ids.read(ids.REPORT, eval_suite_report_uuid))
    return Response(status_code=204)


async def _shown(
    services: Services, caller: Caller, found: Sequence[SuiteReport]
) -> list[dict[str, Any]]:
    """Reports with the runs that they are about, each run looked up once."""
    scorings = await services.suite_reports.about(caller, found)
    runs = await eval_runs.shown(services, caller, scorings)
    by_id = {ids.read(ids.SCORING, it["eval_run_uuid"]): it for it in runs}
    return [wire_reports.report(it, by_id) for it in found]


def _json(value: dict[str, Any]) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
