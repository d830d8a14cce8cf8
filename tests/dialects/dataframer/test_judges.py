"""Judges with several dimensions, and content that is sent to them."""

import asyncio
import base64
import json
from typing import Any

import httpx2
import pytest

from dialects.dataframer.conftest import Api, problem, wrong_fields
from weighbridge.core.caller import Caller
from weighbridge.core.ids import uuid_of
from weighbridge.core.rubric_judge import DimensionalJudge
from weighbridge.judgefile import parse_judge
from weighbridge.services.judge_content import MOST_CHARACTERS
from weighbridge.services.judges import AT_ONCE
from weighbridge.wiring import Services

DIMENSIONS: list[dict[str, Any]] = [
    {"name": "Polite", "scoring_model": "pass_fail", "criteria": "It must not insult anybody."},
    {"name": "Clear", "scoring_model": "scale_1_5"},
    {
        "name": "Tone",
        "scoring_model": "single_select",
        "required": False,
        "options": [{"label": "Warm", "score": 1.0}, {"label": "Cold", "score": 0.5}],
    },
    {"name": "Steps", "scoring_model": "checklist", "items": ["greets", "answers", "thanks"]},
]
GOOD = {
    "reasoning": "It is mostly fine.",
    "dimensions": {
        "polite": {"notes": "kind words", "verdict": "pass"},
        "clear": {"notes": "plain", "verdict": "4"},
        "tone": {"notes": "", "verdict": "cold"},
        "steps": {
            "notes": "no thanks",
            "verdict": {"item_1": "yes", "item_2": "yes", "item_3": "no"},
        },
    },
    "confidence": 0.8,
}
NO_TONE = {**GOOD, "dimensions": {**GOOD["dimensions"], "tone": {"verdict": "not_applicable"}}}  # type: ignore[dict-item]
ODD = {**GOOD, "dimensions": {**GOOD["dimensions"], "clear": {"verdict": "six"}}}  # type: ignore[dict-item]
PNG = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
        "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
    )
).decode()


def scripted(name: str, *replies: str) -> str:
    return f'[[models]]\nname = "{name}"\nprotocol = "scripted"\nreplies = [{", ".join(replies)}]\n'


def says(what: object, when: str = "", more: str = "") -> str:
    """A rule of a script: a reply, to requests with a word in their last message."""
    text = what if isinstance(what, str) else json.dumps(what)
    match = f"match = '{when}', " if when else ""
    return f"{{{match}reply = '{text}'{more}}}"


@pytest.fixture
def models() -> str:
    judge = scripted(
        "judge",
        says(ODD, "MEND ME"),
        "{contains = 'BROKEN', error = {kind = 'bad_request', message = 'no such luck'}}",
        says("hm", "GIBBERISH|holds no JSON"),
        says(NO_TONE, "NO TONE"),
        says(GOOD, "SLOW", ", latency_ms = 400"),
        says(GOOD),
    )
    return f'{judge}{scripted("other", says(NO_TONE))}[defaults]\njudge = "judge"\n'


@pytest.fixture
async def operator(services: Services) -> Caller:
    return await services.keys.operator()


@pytest.fixture
async def judge(services: Services, operator: Caller) -> DimensionalJudge:
    spec = parse_judge({"name": "Replies", "project": "p1", "dimensions": DIMENSIONS})
    return await services.judges.create(operator, spec)


@pytest.fixture
def path(judge: DimensionalJudge) -> str:
    return f"/judges/{uuid_of(judge.id)}/evaluations/"


async def test_a_judge_is_listed_and_shown(api: Api, judge: DimensionalJudge) -> None:
    found = await api.get("/judges/", limit=10, offset=0)
    assert found["count"] == 1
    [shown] = found["results"]
    assert shown == await api.get(f"/judges/{uuid_of(judge.id)}/")
    assert (shown["name"], shown["project_id"]) == ("Replies", "p1")
    assert shown["latest_version"]["version_number"] == 1
    assert shown["latest_version"]["dimensions"][2] == {
        "dimension_id": "tone",
        "name": "Tone",
        "required": False,
        "scoring_model": "single_select",
    }
    assert await api.get("/judges/", project_id="p2") == {"count": 0, "results": []}


async def test_content_is_judged_in_all_dimensions_by_one_call(api: Api, path: str) -> None:
    made = await api.made(
        path,
        {
            "messages": [{"role": "user", "content": "Where is my parcel?"}],
            "output": {"role": "assistant", "content": [{"type": "text", "text": "On its way."}]},
            "name": "parcels",
            "generation_model": "gpt",
            "metadata": {"trace": 7},
        },
    )
    assert (made["status"], made["error"], made["source"]) == ("succeeded", None, "api")
    assert (made["judge_version"], made["model"]) == (1, "judge")
    verdict = made["verdict"]
    assert verdict["confidence"] == 0.8
    assert verdict["reasoning"] == "It is mostly fine."
    scores = {it["dimension_id"]: it["score"] for it in verdict["dimensions"]}
    assert scores == pytest.approx({"polite": 1, "clear": 0.75, "tone": 0.5, "steps": 2 / 3})
    assert verdict["overall_score"] == pytest.approx(sum(scores.values()) / 4)
    polite, clear, tone, steps = verdict["dimensions"]
    assert (polite["passed"], polite["label"], polite["labels"]) == (True, "pass", [])
    assert (clear["passed"], clear["label"]) == (None, "4")
    assert tone["label"] == "Cold"
    assert (steps["label"], steps["labels"]) == (None, ["greets", "answers"])
    assert "rendered_text" not in made
    kept = await api.get(f"{path}{made['id']}/")
    text = kept.pop("rendered_text")
    assert kept == made
    for part in ("Where is my parcel?", "On its way.", "name: parcels", '"trace": 7', "model: gpt"):
        assert part in text
    assert await api.get(path) == {"count": 1, "results": [made]}
    assert await api.get(path, offset=1) == {"count": 1, "results": []}


async def test_a_dimension_that_does_not_apply_does_not_count(api: Api, path: str) -> None:
    verdict = (await api.made(path, {"input": "x", "output": "NO TONE"}))["verdict"]
    assert verdict["dimensions"][2]["score"] is None
    assert verdict["overall_score"] == pytest.approx((1 + 0.75 + 2 / 3) / 3)


async def test_a_verdict_that_is_not_on_offer_is_asked_for_again(api: Api, path: str) -> None:
    made = await api.made(path, {"input": "x", "output": "MEND ME"})
    assert made["verdict"]["dimensions"][1]["label"] == "4"


@pytest.mark.parametrize(
    ("output", "word"), [("GIBBERISH", "no usable verdict"), ("BROKEN", "no such luck")]
)
async def test_without_a_verdict_the_evaluation_has_failed(
    api: Api, path: str, output: str, word: str
) -> None:
    made = await api.made(path, {"input": "x", "output": output})
    assert (made["status"], made["verdict"]) == ("failed", None)
    assert word in made["error"]
    assert (await api.get(path))["count"] == 1


async def test_another_model_may_judge_this_once(api: Api, path: str) -> None:
    made = await api.made(path, {"input": "x", "output": "y", "model_override": "other"})
    assert made["model"] == "other"
    answer = await api.post(path, {"input": "x", "output": "y", "model_override": "nobody"})
    [message] = wrong_fields(answer)["model_override"]
    assert message.startswith("Unsupported judge model: nobody")
    assert "other" in message


def block(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


@pytest.mark.parametrize(
    "part",
    [
        block(f"data:image/png;base64,{PNG}"),
        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": PNG},
        },
    ],
)
async def test_images_are_shown_and_their_bytes_are_not_kept(
    api: Api, path: str, part: dict[str, Any]
) -> None:
    made = await api.made(
        path, {"messages": [{"role": "user", "content": [part]}], "output": "a dot"}
    )
    text = (await api.get(f"{path}{made['id']}/"))["rendered_text"]
    assert "image/png" in text
    assert PNG not in text


async def test_the_text_of_files_is_judged(api: Api, path: str) -> None:
    data = base64.b64encode(b"The toll is two coins.").decode()
    part = {
        "type": "file",
        "file": {"filename": "toll.txt", "file_data": f"data:text/plain;base64,{data}"},
    }
    made = await api.made(path, {"messages": [{"role": "user", "content": [part]}], "output": "2"})
    text = (await api.get(f"{path}{made['id']}/"))["rendered_text"]
    assert "The toll is two coins." in text
    assert "toll.txt" in text


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "output"),
        ({"output": " "}, "output"),
        ({"messages": [], "output": "y"}, "messages"),
        ({"messages": "hello", "output": "y"}, "messages"),
        ({"messages": [{"content": "x"}], "output": "y"}, "messages.0"),
        ({"messages": [{"role": "user", "content": 7}], "output": "y"}, "messages.0.content"),
        ({"messages": [{"role": "user"}], "input": "x", "output": "y"}, "input"),
        ({"name": 7, "output": "y"}, "name"),
        *(
            ({"messages": [{"role": "user", "content": [part]}], "output": "y"}, where)
            for where in ("messages.0.content.0",)
            for part in (
                block("https://example.org/cat.png"),
                block("//example.org/cat.png"),
                block("langfuse:media/1"),
                block("data:image/png,abc"),
                block("data:image/png;base64,§"),
                block("data:image/png;base64,"),
                {"type": "file", "file": {"file_id": "file-1"}},
                {"type": "document", "source": {"type": "url", "url": "http://a.b/c.pdf"}},
                7,
            )
        ),
        (
            {"output": {"role": "assistant", "content": [block("https://a.b/c")]}},
            "output.content.0",
        ),
    ],
)
async def test_what_cannot_be_judged_is_refused_with_its_field(
    api: Api, path: str, body: dict[str, Any], field: str
) -> None:
    assert field in wrong_fields(await api.post(path, body))
    assert (await api.get(path))["count"] == 0


async def test_too_much_content_is_more_than_a_judge_takes(api: Api, path: str) -> None:
    answer = await api.post(path, {"input": "x", "output": "y" * MOST_CHARACTERS})
    assert f"{MOST_CHARACTERS:,}" in problem(answer, 422)


async def test_over_the_cap_one_has_to_wait(api: Api, path: str) -> None:
    body = {"input": "x", "output": "SLOW"}
    answers = await asyncio.gather(*(api.post(path, body) for _ in range(AT_ONCE + 2)))
    statuses = sorted(it.status_code for it in answers)
    assert statuses == [200] * AT_ONCE + [429] * 2
    [one, _] = [it for it in answers if it.status_code == 429]
    assert problem(one, 429)
    assert int(one.headers["retry-after"]) >= 1
    assert (await api.post(path, body)).status_code == 200


async def test_a_version_judges_until_there_is_another(
    services: Services, operator: Caller, api: Api, judge: DimensionalJudge, path: str
) -> None:
    first = await api.made(path, {"input": "x", "output": "y"})
    spec = parse_judge({"name": "Replies", "model": "other", "dimensions": DIMENSIONS})
    await services.judges.change(operator, judge.id, spec)
    second = await api.made(path, {"input": "x", "output": "y"})
    assert (first["judge_version"], second["judge_version"]) == (1, 2)
    assert second["model"] == "other"
    assert (await api.get(f"{path}{first['id']}/"))["judge_version"] == 1


async def test_others_see_nothing_of_it(
    services: Services, operator: Caller, client: httpx2.AsyncClient, path: str
) -> None:
    api = Api(client)
    made = await api.made(path, {"input": "x", "output": "y"})
    _, key = await services.keys.create(operator, name="k", workspace="elsewhere")
    headers = {"authorization": f"Bearer {key}"}
    for where in (path.removesuffix("evaluations/"), path, f"{path}{made['id']}/"):
        assert problem(await client.get(where, headers=headers), 404)
    answer = await client.post(path, json={"output": "y"}, headers=headers)
    assert problem(answer, 404)
    assert (await client.get("/judges/", headers=headers)).json()["count"] == 0


@pytest.mark.parametrize("judge_id", ["nothing", "a98715da-921d-4326-bbf8-208f8bcc2956"])
async def test_a_judge_that_is_not_there_is_not_found(api: Api, judge_id: str) -> None:
    assert problem(await api.post(f"/judges/{judge_id}/evaluations/", {"output": "y"}), 404)
    assert problem(await api.client.get(f"/judges/{judge_id}/"), 404)


class TestWithoutAModel:
    """The embedded judge answers what it knows."""

    @pytest.fixture
    def models(self) -> str:
        return ""

    async def judged(
        self, services: Services, api: Api, dimensions: list[dict[str, Any]], output: str
    ) -> dict[str, Any]:
        operator = await services.keys.operator()
        spec = parse_judge({"name": "j", "dimensions": dimensions})
        judge = await services.judges.create(operator, spec)
        path = f"/judges/{uuid_of(judge.id)}/evaluations/"
        return await api.made(path, {"input": "Where is it?", "output": output})

    async def test_it_judges_rudeness(self, services: Services, api: Api) -> None:
        pytest.importorskip("wordllama")
        optional = {**DIMENSIONS[1], "required": False}
        made = await self.judged(
            services, api, [DIMENSIONS[0], optional], "You are a stupid idiot, shut up!"
        )
        assert (made["status"], made["model"]) == ("succeeded", "embedded")
        rude, clear = made["verdict"]["dimensions"]
        assert (rude["passed"], made["verdict"]["overall_score"]) == (False, 0)
        assert clear["score"] is None
        assert "declare a model as judge" in clear["notes"]

    async def test_what_it_does_not_know_fails_with_the_reason(
        self, services: Services, api: Api
    ) -> None:
        made = await self.judged(services, api, DIMENSIONS[:2], "On its way.")
        assert (made["status"], made["verdict"]) == ("failed", None)
        assert "Clear: " in made["error"]
        assert "declare a model as judge" in made["error"]
