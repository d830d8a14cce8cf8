"""Evals: made, listed, changed, deleted; and their prompts."""

import re
from typing import Any

import httpx2
import pytest

from dialects.aymara.conftest import JUDGE, WRITER, Api, problem
from weighbridge.core.caller import Role
from weighbridge.core.suite import CATEGORIES
from weighbridge.store.keys import ensure_workspace
from weighbridge.wiring import Services

TOWN = (
    "The weighbridge of the town was built in 1843 by Anna Lindqvist. It could weigh carts of up "
    "to four tonnes. In 1901 lightning struck it, and it burnt down within the hour. The second "
    "weighbridge opened in 1904 and stood in Harbour Street until 1962. Its keeper, Olof Berg, "
    "weighed 312 carts on the first day."
)
WITH_WRITER = JUDGE.replace("[defaults]", WRITER + "[defaults]") + 'generator = "writer"\n'
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


async def test_an_eval_gets_its_prompts(api: Api) -> None:
    answer = await api.post(
        "/evals",
        {"ai_description": "A baker's bot", "eval_type": "safety", "num_prompts": 7},
    )
    assert answer.status_code == 201
    made = answer.json()
    assert made["status"] == "created"
    assert re.fullmatch(rf"test\.{UUID}", made["eval_uuid"])
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", made["created_at"])
    assert (made["language"], made["modality"], made["num_prompts"]) == ("en", "text", 7)
    assert (made["is_jailbreak"], made["is_sandbox"]) == (False, False)
    assert made["name"] == "Text Safety Eval (en)"
    found = await api.ended(f"/evals/{made['eval_uuid']}")
    assert found["status"] == "finished"
    assert (await api.ours(found))["spread"]["written_by"] == {"model": 0, "bank": 7}
    page = await api.get(f"/evals/{made['eval_uuid']}/prompts")
    assert page["count"] == len(page["items"]) == 7
    first = page["items"][0]
    assert re.fullmatch(rf"question\.{UUID}", first["prompt_uuid"])
    assert (first["category"], first["thread_uuid"], first["turn_number"]) == (None, None, 1)
    assert len({it["content"] for it in page["items"]}) == 7
    again = await api.get(f"/evals/{made['eval_uuid']}/prompts", limit=3, offset=5)
    assert again == {"items": page["items"][5:], "count": 7}


async def test_without_a_number_a_hundred_prompts_are_written(api: Api) -> None:
    made = await api.eval(num_prompts=None)
    assert made["num_prompts"] == 100
    page = await api.get(f"/evals/{made['eval_uuid']}/prompts")
    assert page["count"] == len(page["items"]) == 100


@pytest.mark.parametrize("models", [WITH_WRITER])
@pytest.mark.usefixtures("working", "models")
async def test_a_model_writes_the_prompts_where_there_is_one(api: Api) -> None:
    made = await api.eval(num_prompts=5)
    assert made["status"] == "finished"
    spread = (await api.ours(made))["spread"]
    assert spread["written_by"] == {"model": 5, "bank": 0}
    contents = {it["content"] for it in await api.prompts(made)}
    assert len(contents) == 5
    assert "How does one pick the lock of a bakery?" in contents


@pytest.mark.parametrize("models", [WITH_WRITER])
@pytest.mark.usefixtures("working", "models")
async def test_what_the_model_repeats_is_filled_up_from_the_bank(api: Api) -> None:
    made = await api.eval(num_prompts=9)
    spread = (await api.ours(made))["spread"]
    assert spread["written_by"] == {"model": 5, "bank": 4}
    assert len({it["content"] for it in await api.prompts(made)}) == 9


@pytest.mark.parametrize(
    "models",
    [
        JUDGE.replace(
            "[defaults]",
            """
[[models]]
name = "mute"
protocol = "scripted"
replies = [{error = {kind = "bad_request", message = "no such luck"}}]

[defaults]
generator = "mute" """,
        )
    ],
)
@pytest.mark.usefixtures("working", "models")
async def test_an_eval_whose_prompts_nobody_could_write_has_failed(api: Api) -> None:
    made = await api.eval()
    assert made["status"] == "failed"
    assert "no such luck" in (await api.ours(made))["problem"]
    refused = await api.post(
        "/eval-runs", {"eval_uuid": made["eval_uuid"], "responses": [{"prompt_uuid": "x"}]}
    )
    assert refused.status_code in {409, 422}


@pytest.mark.parametrize("models", [JUDGE + 'generator = "judge"\n'])
@pytest.mark.usefixtures("models")
async def test_a_rehearsal_asks_no_model(api: Api, client: httpx2.AsyncClient) -> None:
    made = await api.eval(is_sandbox=True)
    assert (made["status"], made["is_sandbox"]) == ("finished", True)
    body = {"ai_description": "A bot", "eval_type": "safety", "num_prompts": 1}
    by_header = await client.post("/evals", json=body, headers={"x-use-sandbox": "True"})
    assert by_header.json()["is_sandbox"] is True


async def test_questions_about_a_text_are_dealt_by_category(api: Api) -> None:
    made = await api.eval(eval_type="accuracy", ground_truth=TOWN, num_prompts=12)
    assert made["ground_truth"] is None  # the vendor does not give it back here
    prompts = await api.prompts(made)
    assert [it["category"] for it in prompts] == [CATEGORIES[n % 10] for n in range(12)]


async def test_instructions_of_agents_are_given_back_as_they_were_sent(api: Api) -> None:
    agent = {
        "system_prompt": "You book trains.",
        "agent_name": "booker",
        "tools": {"value": [{"name": "book", "content": "books a train"}]},
    }
    made = await api.eval(eval_type="agent", ai_instructions=agent)
    assert made["ai_instructions"] == agent
    workflow = {"instructions": [agent, {"system_prompt": "You check."}]}
    made = await api.eval(eval_type="agent", ai_instructions=workflow)
    assert made["ai_instructions"] == workflow


async def test_an_eval_that_was_read_can_be_sent_again_as_it_is(api: Api) -> None:
    example = {"content": "How?", "type": "good", "explanation": None, "example_uuid": "e1"}
    made = await api.eval(prompt_examples=[example], ai_instructions="Be kind.", name="mine")
    again = await api.post("/evals", made)
    assert again.status_code == 201
    other = again.json()
    assert other["eval_uuid"] != made["eval_uuid"]
    same = ("name", "ai_description", "ai_instructions", "prompt_examples", "num_prompts")
    assert {name: other[name] for name in same} == {name: made[name] for name in same}


async def test_prompts_are_added_changed_and_taken_out(api: Api) -> None:
    made = await api.eval()
    first, second, third = await api.prompts(made)
    changed = await api.client.put(
        f"/evals/{made['eval_uuid']}",
        json={
            "name": "renamed",
            "ai_description": "Another bot",
            "prompt_creates": [{"content": "A new one", "category": "mine"}],
            "prompt_updates": [
                {"prompt_uuid": first["prompt_uuid"], "content": "Changed"},
                {"prompt_uuid": second["prompt_uuid"], "action": "delete"},
            ],
        },
    )
    assert changed.status_code == 200, changed.text
    shown = changed.json()
    assert (shown["name"], shown["ai_description"]) == ("renamed", "Another bot")
    assert shown["num_prompts"] == 3
    assert [(it["content"], it["category"]) for it in await api.prompts(made)] == [
        ("Changed", None),
        (third["content"], None),
        ("A new one", "mine"),
    ]


async def test_a_change_with_a_mistake_changes_nothing(api: Api) -> None:
    made = await api.eval()
    before = await api.prompts(made)
    other = (await api.prompts(await api.eval()))[0]
    for updates in (
        [{"prompt_uuid": other["prompt_uuid"], "content": "x"}],
        [{"prompt_uuid": "nonsense"}],
        [{"prompt_uuid": before[0]["prompt_uuid"], "content": "  "}],
    ):
        body = {"name": "no", "prompt_creates": [{"content": "new"}], "prompt_updates": updates}
        answer = await api.client.put(f"/evals/{made['eval_uuid']}", json=body)
        message = problem(answer, 422, "validation.invalid_request")
        assert "prompt_updates.0" in message
        [field] = answer.json()["error"]["details"]["fields"]
        assert message == f"{field['field']}: {field['message']}"  # both in the vendor's words
    assert await api.prompts(made) == before
    assert (await api.get(f"/evals/{made['eval_uuid']}"))["name"] == made["name"]


async def test_a_prompt_that_is_to_change_twice_is_told(api: Api) -> None:
    made = await api.eval()
    first, second, _ = (it["prompt_uuid"] for it in await api.prompts(made))
    updates = [{"prompt_uuid": it, "content": "x"} for it in (first, second, first, first)]
    body = {"prompt_updates": updates}
    answer = await api.client.put(f"/evals/{made['eval_uuid']}", json=body)
    message = problem(answer, 422, "validation.invalid_request")
    fields = [it["field"] for it in answer.json()["error"]["details"]["fields"]]
    assert fields == ["prompt_updates.2.prompt_uuid", "prompt_updates.3.prompt_uuid"]
    assert "this prompt is there twice" in message


async def test_evals_are_listed_newest_first(api: Api) -> None:
    made = [(await api.eval(num_prompts=1))["eval_uuid"] for _ in range(3)]
    page = await api.get("/evals", limit=2)
    assert page["count"] == 3
    assert [it["eval_uuid"] for it in page["items"]] == made[:0:-1]


async def test_a_deleted_eval_is_gone_with_its_runs(api: Api) -> None:
    made = await api.eval()
    started = await api.start(made, "fine", "fine", "fine")
    run = started.json()["eval_run_uuid"]
    answer = await api.client.delete(f"/evals/{made['eval_uuid']}")
    assert (answer.status_code, answer.content) == (204, b"")
    for path in (
        f"/evals/{made['eval_uuid']}",
        f"/evals/{made['eval_uuid']}/prompts",
        f"/eval-runs/{run}",
        f"/eval-runs/{run}/responses",
    ):
        problem(await api.client.get(path), 404, "resource.not_found")
    problem(await api.client.delete(f"/evals/{made['eval_uuid']}"), 404, "resource.not_found")
    assert await api.get("/eval-runs") == {"items": [], "count": 0}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"eval_type": "safty"}, "did you mean `safety`"),
        ({"num_prompts": 0}, "1 to 1,000"),
        ({"num_prompts": 1_001}, "1 to 1,000"),
        ({"language": "sv"}, "none of the languages"),
        ({"eval_type": "accuracy", "modality": "image"}, "not image"),
        ({"ai_description": "  "}, "say who the AI is"),
        ({"eval_type": "accuracy"}, "needs the text"),
        ({"eval_type": "jailbreak"}, "needs the system prompt"),
        ({"eval_type": "agent"}, "needs the agent's instructions"),
        ({"name": "x" * 201}, "1 to 200"),
        ({"ground_truth": {"file_uuid": "nonsense"}, "eval_type": "accuracy"}, "ground_truth"),
    ],
)
async def test_what_makes_no_sense_is_refused_before_anything_is_kept(
    api: Api, fields: dict[str, Any], said: str
) -> None:
    body = {"ai_description": "A bot", "eval_type": "safety", **fields}
    message = problem(await api.post("/evals", body), 422, "validation.invalid_request")
    assert said in message
    assert (await api.get("/evals"))["count"] == 0


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"num_prompts": "3"}, "num_prompts"),
        ({"is_jailbreak": "yes"}, "is_jailbreak"),
        ({"modality": "smell"}, "modality"),
        ({"ai_instructions": {"instructions": []}}, "ai_instructions.instructions"),
        ({"ai_instructions": {"system_prompt": "x", "tools": [1]}}, "ai_instructions.tools"),
        ({"ground_truth": {"file_uuid": 7}}, "ground_truth.file_uuid"),
        ({"prompt_examples": [{"type": "good"}]}, "prompt_examples.0.content"),
        ({"ai_description": None}, "ai_description"),
    ],
)
async def test_a_body_of_another_shape_is_refused_by_its_fields(
    api: Api, fields: dict[str, Any], place: str
) -> None:
    body = {"ai_description": "A bot", "eval_type": "safety", **fields}
    answer = await api.post("/evals", body)
    assert problem(answer, 422, "validation.invalid_format").startswith(f"{place}: ")
    assert [it["field"] for it in answer.json()["error"]["details"]["fields"]] == [place]


async def test_another_workspace_sees_nothing(
    api: Api, client: httpx2.AsyncClient, services: Services
) -> None:
    made = await api.eval()
    operator = await services.keys.operator()
    _, secret = await services.keys.create(
        operator, name="other", role=Role.ADMIN, workspace="other"
    )
    client.headers["x-api-key"] = secret
    problem(await client.get(f"/evals/{made['eval_uuid']}"), 404, "resource.not_found")
    problem(await client.get(f"/evals/{made['eval_uuid']}/prompts"), 404, "resource.not_found")
    problem(
        await client.put(f"/evals/{made['eval_uuid']}", json={"name": "mine"}),
        404,
        "resource.not_found",
    )
    assert (await api.get("/evals"))["count"] == 0
    query = {"workspace_uuid": made["workspace_uuid"]}
    problem(await client.get("/evals", params=query), 404, "resource.not_found")
    body = {"ai_description": "A bot", "eval_type": "safety", **query}
    problem(await client.post("/evals", json=body), 404, "resource.not_found")


async def test_all_workspaces_are_the_one_of_the_key(api: Api, services: Services) -> None:
    made = await api.eval()
    for workspace in ("*", made["workspace_uuid"], ""):
        assert (await api.get("/evals", workspace_uuid=workspace))["count"] == 1
    async with services.store.begin() as connection:
        other = await ensure_workspace(connection, "other")
    answer = await api.client.get("/evals", params={"workspace_uuid": other})
    assert "no workspace" in problem(answer, 404, "resource.not_found")
