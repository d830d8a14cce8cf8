"""Reports to take away: saved as files, and never shown in place."""

import asyncio

from starlette.responses import Response

from weighbridge.errors import Invalid
from weighbridge.web.reporting import html, markdown
from weighbridge.web.reporting.comparisons import report_of_comparison
from weighbridge.web.reporting.document import Document
from weighbridge.web.reporting.runs import report_of_run
from weighbridge.web.routing import page
from weighbridge.web.visit import Visit

_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
}


async def run_as_html(visit: Visit) -> Response:
    """The report of a run, as one file of HTML."""
    return await _html(await _of_run(visit))


async def run_as_markdown(visit: Visit) -> Response:
    """The report of a run, as Markdown."""
    return _markdown(await _of_run(visit))


async def comparison_as_html(visit: Visit) -> Response:
    """The report of a comparison, as one file of HTML."""
    return await _html(await _of_comparison(visit))


async def comparison_as_markdown(visit: Visit) -> Response:
    """The report of a comparison, as Markdown."""
    return _markdown(await _of_comparison(visit))


async def _of_run(visit: Visit) -> Document:
    return await report_of_run(visit.services, visit.caller, visit.path("run_id"))


async def _of_comparison(visit: Visit) -> Document:
    runs = visit.query.texts("run")
    if len(runs) < 2:
        raise Invalid("name two runs at least, as in ?run=…&run=…; the first is the baseline")
    return await report_of_comparison(
        visit.services, visit.caller, runs, visit.query.text("scorer") or None
    )


async def _html(document: Document) -> Response:
    text = await asyncio.to_thread(html.write, document)
    return _file(text, f"{document.name}.html", "text/html")


def _markdown(document: Document) -> Response:
    return _file(markdown.write(document), f"{document.name}.md", "text/markdown")


def _file(text: str, name: str, media_type: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', **_SAFE}
    return Response(text.encode("utf-8", "replace"), 200, headers, f"{media_type}; charset=utf-8")


ROUTES = (
    page("/runs/{run_id}/report.html", run_as_html),
    page("/runs/{run_id}/report.md", run_as_markdown),
    page("/compare/report.html", comparison_as_html),
    page("/compare/report.md", comparison_as_markdown),
)
