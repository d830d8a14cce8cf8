"""Evals with figures over their runs."""

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from weighbridge.dialects.aymara import evals, wire_reports
from weighbridge.dialects.aymara.access import CallerHere, ServicesHere, check_workspace
from weighbridge.dialects.aymara.errors import parsed
from weighbridge.dialects.shared import read_json

router = APIRouter(prefix="/eval-analysis")


@router.post("")
async def analyse(request: Request, services: ServicesHere, caller: CallerHere) -> Response:
    """The evals that meet all filters, a page of them."""
    asked = parsed(wire_reports.ANALYSIS, (await read_json(request))[0])
    check_workspace(caller, asked.workspace_uuid)
    found = await services.suite_statistics.analyse(
        caller, wire_reports.wanted(asked), start=asked.offset, limit=asked.limit
    )
    body = {
        "results": [
            {"eval": evals.shown(suite), "stats": wire_reports.statistics(figures)}
            for suite, figures in found.results
        ],
        "total_count": found.total,
        "has_more": found.more,
    }
    return Response(orjson.dumps(body), media_type="application/json")
