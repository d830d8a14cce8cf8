"""Models: what there is, without any key, and whether one answers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.native import MODELS
from support.pages import Desk, desk_at, desk_of
from support.reviewing import judged
from weighbridge.core.caller import Role

SECRET = "sk-this-is-the-secret"
DECLARED = (
    MODELS
    + r"""
[[models]]
name = "<i>odd</i>/name"
protocol = "openai"
base_url = "https://user-less.example:8443/v1?token=tucked-away"
model = "odd-1"
api_key_env = "ODD_KEY"
requests_per_minute = 60
price = {input = 2.5, output = 10}

[[models]]
name = "painter"
protocol = "openai-images"
base_url = "https://pictures.example/v1"

[[models]]
name = "refused"
protocol = "scripted"
replies = [{reply = "", error = {kind = "unauthorized", message = "<b>bad</b> key"}}]

[defaults]
judge = "parrot"
"""
)


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """An administrator, where models of many kinds are declared."""
    monkeypatch.setenv("ODD_KEY", SECRET)
    async with desk_at(tmp_path, models=DECLARED) as desk:
        yield desk


async def test_every_model_says_where_it_is_and_what_it_costs_and_no_key(desk: Desk) -> None:
    page = await desk.source("/models")
    for said in (
        "parrot",
        "also snail",
        "&lt;i&gt;odd&lt;/i&gt;/name",
        "user-less.example:8443",
        "ODD_KEY",
        "$2.5 in",
        "$10 out",
        "60 requests/min",
        "judge <code>parrot</code>",
        "embedded",
        "openai/&lt;model&gt;",
        "weighbridge embedded add",
    ):
        assert said in page, said
    assert SECRET not in page
    assert "tucked-away" not in page
    assert "<i>odd" not in page


async def test_a_variable_that_is_not_set_is_named(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "✓ set" in await desk.get("/models")
    monkeypatch.delenv("ODD_KEY")
    page = await desk.get("/models")
    assert "✗ not set" in page
    assert "the environment variable ODD_KEY" in page


async def test_how_a_model_did_lately_is_told(desk: Desk) -> None:
    assert "no run yet" in await desk.get("/models")
    await judged(
        desk.services,
        desk.caller,
        ["right 0", "x"],
        answers=None,
        model="parrot",
        prompt="say right 0",
        scorers=["exact"],
        judge=None,
    )
    page = await desk.get("/models")
    assert "median" in page
    assert "none of 2 failed" in page


async def test_a_test_call_says_its_price_before_and_what_came_of_it(desk: Desk) -> None:
    page = await desk.get("/models/test?name=parrot")
    assert "$0.0000" in page  # sixteen tokens and a few
    assert "price unknown" not in page
    answer = await desk.post("/models/test", status=200, name="parrot", prompt="say <u>hello</u>")
    assert "it answers" in answer.text
    assert "&lt;u&gt;hello&lt;/u&gt;" in answer.text
    assert answer.headers["cache-control"] == "no-store"


async def test_a_model_without_a_known_price_says_so(desk: Desk) -> None:
    assert "no price is known" in await desk.get("/models/test?name=unpriced")


async def test_a_failure_is_told_by_kind_and_in_words(desk: Desk) -> None:
    answer = await desk.post("/models/test", status=200, name="refused")
    assert "failed</span> unauthorized" in answer.text
    assert "The endpoint refused the key" in answer.text
    assert "&lt;b&gt;bad&lt;/b&gt; key" in answer.text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("parott", "did you mean parrot"),
        ("painter", "a test call asks for text only"),
        ("groq/llama", "GROQ_API_KEY"),
        ("", "no model is called"),
    ],
)
async def test_what_cannot_be_asked_is_said_beside_the_field(
    desk: Desk, name: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    answer = await desk.post("/models/test", status=422, name=name)
    assert 'id="error-name"' in answer.text
    assert said in answer.text.replace("&#39;", "'")


async def test_a_prompt_that_is_too_long_is_not_sent(desk: Desk) -> None:
    answer = await desk.post("/models/test", status=422, name="parrot", prompt="x" * 2_001)
    assert 'id="error-prompt"' in answer.text


async def test_an_unknown_name_in_the_address_is_said(desk: Desk) -> None:
    page = await desk.get("/models/test?name=nobody", 422)
    assert "no model is called 'nobody'" in page


async def test_readers_look_and_do_not_ask(desk: Desk) -> None:
    async with desk_of(desk.services, Role.READER) as reader:
        assert "/models/test?name=" not in await reader.get("/models")
        page = await reader.get("/models/test?name=parrot")
        assert "may look, not ask" in page
        await reader.source("/")
        await reader.post("/models/test", status=403, name="parrot")
