"""Rubbish in any address or form of the pages is told, and is never an error of ours."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest
import pytest_asyncio
from starlette.routing import Route

from support.native import SPEC, working
from support.pages import Desk, desk_at
from weighbridge.core.run import FINISHED
from weighbridge.spec import parse_spec
from weighbridge.web.pages import ROUTES

pytestmark = pytest.mark.asyncio(loop_scope="module")

RUBBISH = ("-1", "9" * 30, "run_" + "0" * 26, "é\u202e'\"<>&", "%2e%2e\x00")
QUERY = (
    "run=x&run=x&cursor=%00&q=%25_%5C&status=%C3%A9&sort=x&order=x&mode=x&scorer=%27%22&from=-1"
    "&epoch=9999999999999&at=x&version=0&show=x&kind=x&data=x&evaluation=x&seed=x&n=x&level=9"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(
    tmp_path_factory: pytest.TempPathFactory, empty_database: Path
) -> AsyncIterator[Desk]:
    """An administrator, with one run that has ended."""
    folder = tmp_path_factory.mktemp("rubbish")
    (folder / "data").mkdir()
    await asyncio.to_thread(shutil.copy, empty_database, folder / "data")
    async with desk_at(folder) as desk, working(desk.services):
        started = await desk.services.evaluations.start(desk.caller, parse_spec(SPEC))
        run = started.runs[0]
        async with asyncio.timeout(30):
            while (await desk.services.runs.get(desk.caller, run.id)).state not in FINISHED:
                await asyncio.sleep(0.02)
        yield desk


def routes(method: str) -> list[str]:
    found = [
        it.path for it in ROUTES if isinstance(it, Route) and it.methods and method in it.methods
    ]
    # Streams of what is there go on for as long as somebody listens.
    return [path for path in found if not (method == "GET" and path in {"/live", "/events"})]


def filled(path: str, value: str) -> str:
    return re.sub(r"\{[^}]*\}", lambda _: quote(value, safe=""), path)


@pytest.mark.parametrize("path", routes("GET"))
async def test_an_address_full_of_rubbish_has_a_page_that_says_so(desk: Desk, path: str) -> None:
    for value in RUBBISH if "{" in path else ("",):
        for query in ("", "?" + QUERY):
            answer = await asyncio.wait_for(desk.client.get(filled(path, value) + query), 20)
            assert answer.status_code < 500, (path, value, query, answer.text[:500])
            assert "Traceback" not in answer.text


@pytest.mark.parametrize("path", routes("POST"))
async def test_a_form_full_of_rubbish_is_told(desk: Desk, path: str) -> None:
    names = ("name", "model", "scorer", "label", "value", "reason", "run", "url", "role", "content")
    for value in RUBBISH[2:4]:
        if path in {"/logout", "/demo"}:  # these do what they say, whatever else is in them
            break
        fields = {"csrf": desk.token} | dict.fromkeys(names, value)
        answer = await asyncio.wait_for(desk.client.post(filled(path, value), data=fields), 20)
        assert answer.status_code < 500, (path, value, answer.text[:500])
        assert "Traceback" not in answer.text


async def test_half_of_what_there_is_with_rubbish_is_told(desk: Desk) -> None:
    run = await desk.services.runs.latest(desk.caller)
    known = {"run": run.id, "evaluation": run.evaluation_id}
    for path in routes("GET"):
        if "runs/{" not in path and "evaluations/{" not in path:
            continue
        owner = known["run" if "runs/{" in path else "evaluation"]
        half = filled(re.sub(r"\{[^}]*\}", owner, path, count=1), "99999999")
        for query in ("", "?" + QUERY):
            answer = await asyncio.wait_for(desk.client.get(half + query), 20)
            assert answer.status_code < 500, (half, query, answer.text[:500])
