"""Red-team specs and runs, as the vendor's API has them."""

import uuid
from typing import Any

import httpx2
import pytest

from dialects.dataframer.conftest import Api, problem, wrong_fields

SPEC = {
    "name": "Clinic Bot",
    "domain_description": "Healthcare",
    "app_description": "A chatbot that books visits at a clinic",
    "concerns": "Should not provide medical diagnoses",
}

# `writer` writes lists of ten, and prompts that repeat the number of the request's tags.
MODELS = r"""
[[models]]
name = "writer"
protocol = "scripted"
aliases = ["openai/gpt-oss-120b"]
price = { input = 1000.0, output = 1000.0 }
replies = [
  {match = 'one behaviour for each', reply = BEHAVIORS},
  {match = 'Write \d+ queries', reply = QUERIES},
  {match = '<query-(\w+)>', reply = '{"adversarial_prompt": "Play Orla {1}, and tell her."}'},
]

[defaults]
generator = "writer"
"""
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
BEHAVIORS = [f"Tells patients lie number {it} of {it} {it}" for it in NUMBERS]
QUERIES = [f"What is {it} and {it} {it}?" for it in NUMBERS]


def listed(name: str, texts: list[str]) -> str:
    quoted = ", ".join(f'"{it}"' for it in texts)
    return f"'{{\"{name}\": [{quoted}]}}'"


@pytest.fixture
def models() -> str:
    return MODELS.replace("BEHAVIORS", listed("behaviors", BEHAVIORS)).replace(
        "QUERIES", listed("queries", QUERIES)
    )


async def spec(api: Api, **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = await api.made("/red-team-specs/", {**SPEC, **fields})
    return made


async def start(api: Api, **fields: Any) -> httpx2.Response:
    asked: dict[str, Any] = {
        "model_name": "openai/gpt-oss-120b",
        "number_of_behaviors": 2,
        "number_of_prompts_per_behavior": 3,
    }
    if "red_team_spec_id" not in fields:
        asked["red_team_spec_id"] = (await spec(api))["id"]
    asked |= fields
    return await api.post(
        "/red-team-runs/", {name: value for name, value in asked.items() if value is not None}
    )


async def test_a_spec_is_made_read_changed_and_removed(api: Api) -> None:
    answer = await api.post("/red-team-specs/", SPEC)
    assert answer.status_code == 201
    made = answer.json()
    assert made["name"] == "clinic_bot"
    assert made.items() >= {**SPEC, "name": "clinic_bot"}.items()
    path = f"/red-team-specs/{uuid.UUID(made['id'])}/"
    assert await api.get(path) == made
    [shown] = await api.get("/red-team-specs/")
    assert set(shown) == {
        *("id", "name", "domain_description", "app_description", "created_at"),
        "created_by_email",
    }
    changed = (await api.patch(path, {"app_description": "A bot", "name": "Other"})).json()
    assert (changed["app_description"], changed["name"]) == ("A bot", "other")
    assert changed["concerns"] == SPEC["concerns"]
    assert (await api.patch(path, {"concerns": ""})).json()["concerns"] is None
    assert (await api.patch(path, {})).status_code == 200
    assert (await api.delete(path)).status_code == 204
    assert (await api.client.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"name": None}, "name", "This field is required."),
        ({"domain_description": None}, "domain_description", "This field is required."),
        ({"app_description": "  "}, "app_description", "say what the application is"),
        ({"name": "?!"}, "name", "at least one letter or digit"),
        ({"name": 7}, "name", "valid string"),
        ({"concerns": ["x"]}, "concerns", "valid string"),
        ({"concerns": "x" * 20_001}, "concerns", "20,000 are the most"),
    ],
)
async def test_what_is_wrong_with_a_spec_is_said_of_the_vendors_field(
    api: Api, change: dict[str, Any], field: str, said: str
) -> None:
    body = {name: it for name, it in {**SPEC, **change}.items() if it is not None}
    wrong = wrong_fields(await api.post("/red-team-specs/", body))
    assert list(wrong) == [field]
    assert said in wrong[field][0]


async def test_a_name_that_is_taken_is_refused(api: Api) -> None:
    await spec(api)
    other = await spec(api, name="other")
    wrong = wrong_fields(await api.post("/red-team-specs/", {**SPEC, "name": "clinic-bot"}))
    assert "already" in wrong["name"][0]
    path = f"/red-team-specs/{other['id']}/"
    assert "already" in wrong_fields(await api.patch(path, {"name": "Clinic Bot"}))["name"][0]
    assert "valid string" in wrong_fields(await api.patch(path, {"name": None}))["name"][0]


@pytest.mark.usefixtures("working")
async def test_a_run_ends_with_exactly_the_prompts_that_were_asked_for(api: Api) -> None:
    answer = await start(api)
    assert answer.status_code == 202
    begun = answer.json()
    assert (begun["status"], begun["results_json"]) == ("PENDING", None)
    assert begun["completed_at"] is None
    run = await api.ended(f"/red-team-runs/{begun['id']}/status/")
    assert run["status"] == "SUCCEEDED"
    assert run == await api.get(f"/red-team-runs/{begun['id']}/")
    found = run["results_json"]["behavior_to_enhanced_queries"]
    assert list(found) == BEHAVIORS[:2]
    for prompts in found.values():
        assert [it["query"] for it in prompts] == QUERIES[:3]
        for it in prompts:
            assert it["adversarial_prompt"].startswith("Play Orla ")
            assert it["source"] == "model"
            assert it["technique"]
    assert (run["spec_name"], run["model_name"]) == ("clinic_bot", "openai/gpt-oss-120b")
    assert run["completed_at"] is not None
    assert run["error_message"] is None
    assert run["total_cost"] > 0
    [shown] = await api.get("/red-team-runs/", spec_id=run["red_team_spec_id"])
    assert shown.items() <= run.items()
    assert "results_json" not in shown
    assert await api.get("/red-team-runs/", spec_id=str(uuid.uuid4())) == []


@pytest.mark.usefixtures("working")
async def test_the_embedded_model_is_the_bank_and_says_so(api: Api) -> None:
    begun = (await start(api, model_name="embedded")).json()
    run = await api.ended(f"/red-team-runs/{begun['id']}/")
    assert "bank of texts" in run["note"]
    found = run["results_json"]["behavior_to_enhanced_queries"]
    assert [len(prompts) for prompts in found.values()] == [3, 3]
    assert run["written_by"]["prompts"] == {"template": 6}
    assert "medical diagnoses" in next(iter(found))


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"model_name": None}, "model_name", "This field is required."),
        ({"red_team_spec_id": "x"}, "red_team_spec_id", "Must be a valid UUID."),
        ({"red_team_spec_id": 5}, "red_team_spec_id", "valid string"),
        ({"number_of_behaviors": None}, "number_of_behaviors", "This field is required."),
        ({"number_of_behaviors": 0}, "number_of_behaviors", "at least 1"),
        ({"number_of_behaviors": 2.5}, "number_of_behaviors", "valid integer"),
        ({"number_of_prompts_per_behavior": -1}, "number_of_prompts_per_behavior", "at least 1"),
        ({"number_of_prompts_per_behavior": 50}, "number_of_prompts_per_behavior", "at most 99"),
        ({"model_name": "gpt-99"}, "model_name", "Unsupported model: gpt-99"),
    ],
)
async def test_what_is_wrong_with_a_run_is_said_of_the_vendors_field(
    api: Api, change: dict[str, Any], field: str, said: str
) -> None:
    wrong = wrong_fields(await start(api, **change))
    assert list(wrong) == [field]
    assert said in wrong[field][0]
    assert await api.get("/red-team-runs/") == []


async def test_the_names_of_models_that_would_work_are_told(api: Api) -> None:
    wrong = wrong_fields(await start(api, model_name="gpt-99"))
    assert "writer, openai/gpt-oss-120b, embedded" in wrong["model_name"][0]


async def test_an_unknown_spec_or_run_is_not_found(api: Api) -> None:
    answer = await start(api, red_team_spec_id=str(uuid.uuid4()))
    assert problem(answer, 404) == "Red team spec not found"
    for name in (str(uuid.uuid4()), "x"):
        for path in (f"/red-team-runs/{name}/", f"/red-team-runs/{name}/status/"):
            assert problem(await api.client.get(path), 404) == "Red team run not found"
        assert problem(await api.delete(f"/red-team-runs/{name}/"), 404)
        assert problem(await api.patch(f"/red-team-specs/{name}/", {}), 404)
    wrong = wrong_fields(await api.client.get("/red-team-runs/?spec_id=x"))
    assert wrong == {"spec_id": ["Must be a valid UUID."]}


async def test_a_run_is_removed_while_it_waits(api: Api) -> None:
    begun = (await start(api)).json()
    assert (await api.delete(f"/red-team-runs/{begun['id']}/")).status_code == 204
    assert (await api.client.get(f"/red-team-runs/{begun['id']}/")).status_code == 404


@pytest.mark.parametrize("path", ["/red-team-specs/", "/red-team-runs/"])
async def test_without_a_key_nothing_is_shown(api: Api, path: str) -> None:
    answer = await api.client.get(path, headers={"authorization": ""})
    assert answer.status_code == 401
    assert (await api.client.post(path, json={}, headers={"authorization": ""})).status_code == 401


@pytest.mark.parametrize("path", ["/red-team-specs/", "/red-team-runs/"])
@pytest.mark.parametrize("body", ["[]", "null", '"x"', "{", "", '{"name": "\\ud800"}'])
async def test_rubbish_is_a_400(api: Api, path: str, body: str) -> None:
    headers = {"content-type": "application/json"}
    answer = await api.client.post(path, content=body.encode(), headers=headers)
    assert answer.status_code == 400, answer.text
