"""Images that models make, as they are served."""

from typing import Any

import httpx2
import pytest

from support.native import MakeClient, ended, problem, start
from weighbridge.core.outcome import Usage
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.jobs.loading import load_run
from weighbridge.providers.base import ChatRequest, Image, Reply
from weighbridge.providers.scripted import ScriptedProvider
from weighbridge.wiring import Services

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


@pytest.fixture
async def drawn(
    services: Services, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A run of two epochs whose answers carry an image each, and an SVG in the second epoch."""

    async def draw(_self: ScriptedProvider, request: ChatRequest) -> Reply:
        images = [Image(PNG, "image/png")]
        if request.repeat:
            images.append(Image(SVG, "image/svg+xml"))
        return Reply("drawn", "stop", Usage(1, 1, None, 1), images=tuple(images))

    monkeypatch.setattr(ScriptedProvider, "chat", draw)
    run_id: str = (await start(client, epochs=2))["runs"][0]["id"]
    await run_in_foreground(services.store, await load_run(services.store, services.models, run_id))
    assert (await ended(client, run_id))["status"] == "succeeded"
    return run_id


async def test_an_image_is_served_as_what_it_is_and_nothing_else(
    client: httpx2.AsyncClient, drawn: str
) -> None:
    answer = await client.get(f"/runs/{drawn}/outcomes/1/images/0")
    assert (answer.status_code, answer.content) == (200, PNG)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == f'inline; filename="{drawn}-1-0-0.png"'
    assert "sandbox" in answer.headers["content-security-policy"]


async def test_an_image_that_may_hold_a_script_is_only_handed_down(
    client: httpx2.AsyncClient, drawn: str
) -> None:
    answer = await client.get(f"/runs/{drawn}/outcomes/0/images/1", params={"epoch": 1})
    assert (answer.status_code, answer.content) == (200, SVG)
    assert answer.headers["content-disposition"] == f'attachment; filename="{drawn}-0-1-1.svg"'


async def test_outcomes_and_exports_say_which_images_there_are(
    client: httpx2.AsyncClient, drawn: str
) -> None:
    outcomes: list[dict[str, Any]] = (await client.get(f"/runs/{drawn}/outcomes")).json()["data"]
    [image] = outcomes[0]["details"]["images"]
    assert (image["media_type"], image["bytes"]) == ("image/png", len(PNG))
    assert len(outcomes[1]["details"]["images"]) == 2
    export = await client.get(f"/runs/{drawn}/export", params={"format": "jsonl"})
    assert image["sha256"] in export.text.splitlines()[0]


@pytest.mark.parametrize(
    "path", ["outcomes/0/images/1", "outcomes/9/images/0", "outcomes/0/images/0?epoch=7"]
)
async def test_an_image_that_is_not_there_is_not_found(
    client: httpx2.AsyncClient, drawn: str, path: str
) -> None:
    problem(await client.get(f"/runs/{drawn}/{path}"), 404)


@pytest.mark.parametrize("path", ["outcomes/-1/images/0", "outcomes/x/images/0"])
async def test_an_image_by_no_number_is_refused(
    client: httpx2.AsyncClient, drawn: str, path: str
) -> None:
    problem(await client.get(f"/runs/{drawn}/{path}"), 422)


async def test_another_workspace_sees_no_image_of_ours(make_client: MakeClient, drawn: str) -> None:
    stranger = await make_client(workspace="elsewhere")
    problem(await stranger.get(f"/runs/{drawn}/outcomes/0/images/0"), 404)
