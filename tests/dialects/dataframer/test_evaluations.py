"""Evaluations of runs in the vendor's words."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from dialects.dataframer.conftest import Api, problem, wrong_fields
from support.producing import Kitchen
from support.running import Bench, FakeModel
from weighbridge.core.caller import Role
from weighbridge.core.synthesis import Blueprint, Property, Shape
from weighbridge.dialects.dataframer.access import shown_id
from weighbridge.wiring import Services

MODELS = r"""
[[models]]
name = "writer"
protocol = "scripted"
replies = [{match = 'This is sample ([0-9]+) of', reply = "letter number {1}"}]

[[models]]
name = "judge"
protocol = "scripted"
aliases = ["anthropic/claude-sonnet-4-6-thinking"]
replies = [
  {contains = "letter number 3", reply = '{"reason": "why not", "p1": "unclear"}'},
  {reply = '{"reason": "so it is", "p1": "calm"}'},
]

[[models]]
name = "mute"
protocol = "scripted"
replies = ["I would rather not"]

[[models]]
name = "slow"
protocol = "scripted"
replies = [{reply = "slow", latency_ms = 30000}]

[[models]]
name = "without-key"
protocol = "openai"
base_url = "http://127.0.0.1:1/v1"
api_key_env = "NO_SUCH_KEY"

[defaults]
generator = "writer"
judge = "judge"
"""

FIELDS = {
    *("id", "run_id", "status", "status_display", "company_id", "created_by", "created_by_email"),
    *("created_at", "updated_at", "started_at", "completed_at", "duration_seconds"),
    *("error_message", "trace", "conformance_score", "conformance_explanation"),
    *("conformant_areas", "non_conformant_areas", "distribution_analysis"),
    *("sample_classifications", "weighbridge"),
}


@pytest.fixture
def models() -> str:
    return MODELS


@pytest.fixture
async def kitchen(services: Services) -> Kitchen:
    """For specs, which others make."""
    return Kitchen(Bench(services.store, FakeModel(), await services.keys.operator()))


async def made_run(api: Api, kitchen: Kitchen, count: int = 12, **fields: Any) -> str:
    """The id of a run that has succeeded."""
    body = {"spec_id": shown_id(await kitchen.spec()), "number_of_samples": count, **fields}
    run = await api.made("/runs/", body)
    ended = await api.ended(f"/runs/{run['id']}/")
    assert ended["status"] == "SUCCEEDED", ended
    return str(run["id"])


async def evaluated(api: Api, run_id: str, **fields: Any) -> dict[str, Any]:
    made = await api.made("/evaluations/", {"run_id": run_id, **fields})
    return await api.ended(f"/evaluations/{made['id']}/")


@pytest.mark.usefixtures("working")
async def test_a_run_is_evaluated(api: Api, kitchen: Kitchen) -> None:
    run_id = await made_run(api, kitchen)
    answer = await api.post("/evaluations/", {"run_id": run_id})
    assert answer.status_code == 202
    made = answer.json()
    assert set(made) == FIELDS
    assert made["status"] in {"PENDING", "PROCESSING"}
    assert made["status_display"] == made["status"].capitalize()
    assert made["run_id"] == run_id
    assert made["sample_classifications"] == []
    for name in (
        "conformance_score",
        "conformance_explanation",
        "conformant_areas",
        "non_conformant_areas",
        "distribution_analysis",
        "error_message",
        "completed_at",
        "duration_seconds",
    ):
        assert made[name] is None, name

    found = await api.ended(f"/evaluations/{made['id']}/")
    assert set(found) == FIELDS
    assert (found["status"], found["status_display"]) == ("SUCCEEDED", "Succeeded")
    assert found["error_message"] is None
    UUID(found["company_id"])
    assert type(found["created_by"]) is int
    assert found["created_by_email"]
    assert found["trace"]["evaluation_model"] == "judge"
    assert found["trace"]["task_id"] == found["weighbridge"]["native_run_id"]
    took = datetime.fromisoformat(found["completed_at"]) - datetime.fromisoformat(
        found["started_at"]
    )
    assert found["duration_seconds"] == pytest.approx(took.total_seconds(), abs=0.001)

    assert found["distribution_analysis"] == [
        {
            "property_name": "mood",
            "total_samples": 12,
            "total_samples_analyzed": 11,
            "requested_distributions": {"calm": 50.0, "angry": 50.0},
            "expected_distributions": found["distribution_analysis"][0]["expected_distributions"],
            "evaluated_distributions": {"calm": 100.0, "angry": 0.0},
            "observed_distributions": {"calm": 100.0, "angry": 0.0},
        }
    ]
    expected = found["distribution_analysis"][0]["expected_distributions"]
    assert sum(expected.values()) == pytest.approx(100)
    assert found["conformance_score"] == pytest.approx(expected["calm"], abs=0.1)
    assert "samples" in found["conformance_explanation"]
    assert "mood" in found["non_conformant_areas"]
    assert isinstance(found["conformant_areas"], str)


@pytest.mark.usefixtures("working")
async def test_every_sample_stands_with_what_was_seen_and_drawn(api: Api, kitchen: Kitchen) -> None:
    found = await evaluated(api, await made_run(api, kitchen))
    listed = found["sample_classifications"]
    assert [it["sample_identifier"] for it in listed] == [f"sample_{n}" for n in range(1, 13)]
    assert {it["evaluation_id"] for it in listed} == {found["id"]}
    assert len({UUID(it["id"]) for it in listed}) == 12
    again = await api.get(f"/evaluations/{found['id']}/")
    assert again["sample_classifications"] == listed
    assert listed[0]["classifications"] == {"mood": "calm"}
    assert listed[0]["is_verification_sample"] is False
    assert {it["generation_tags"]["mood"] for it in listed} == {"calm", "angry"}
    assert all(it["created_at"] for it in listed)
    # the third could not be told: null, as for a sample that was not read
    assert listed[2]["classifications"] is None
    assert "could be told" in listed[2]["weighbridge"]["unread"]


@pytest.mark.usefixtures("working")
async def test_what_the_vendor_does_not_know_stands_apart(api: Api, kitchen: Kitchen) -> None:
    ours = (await evaluated(api, await made_run(api, kitchen)))["weighbridge"]
    conformance = ours["conformance"]
    assert 0 <= conformance["low"] <= conformance["corrected"] <= conformance["high"] <= 100
    assert ours["properties"][0]["verdict"] == "deviates"
    assert ours["properties"][0]["adjusted"] < 0.05
    assert ours["duplicates"]["among_samples"]["samples"] == 12
    assert ours["validity"]["share"] == 1.0
    assert ours["diversity"]["samples"]["words"] == 36
    assert ours["table"] is None
    assert ours["unread"] == 1
    assert ours["usage"]["calls"] == 12
    assert ours["progress"] == {"done": 12, "total": 12}


@pytest.mark.usefixtures("working")
async def test_a_model_is_named_as_the_vendor_names_it(api: Api, kitchen: Kitchen) -> None:
    name = "anthropic/claude-sonnet-4-6-thinking"
    found = await evaluated(api, await made_run(api, kitchen, 2), evaluation_model=name)
    assert found["status"] == "SUCCEEDED"
    assert found["trace"]["evaluation_model"] == name


@pytest.mark.usefixtures("working")
async def test_the_evaluations_of_a_run_are_listed(api: Api, kitchen: Kitchen) -> None:
    run_id = await made_run(api, kitchen, 2)
    assert await api.get(f"/runs/{run_id}/evaluations/") == []
    first, second = await evaluated(api, run_id), await evaluated(api, run_id)
    listed = await api.get(f"/runs/{run_id}/evaluations/")
    assert [it["id"] for it in listed] == [second["id"], first["id"]]
    assert listed[0] == {
        name: second[name]
        for name in ("id", "run_id", "status", "created_at", "completed_at", "created_by_email")
    }
    other = await made_run(api, kitchen, 2)
    assert await api.get(f"/runs/{other}/evaluations/") == []


@pytest.mark.usefixtures("working")
async def test_an_evaluation_that_comes_to_nothing_says_why(api: Api, kitchen: Kitchen) -> None:
    found = await evaluated(api, await made_run(api, kitchen, 2), evaluation_model="mute")
    assert (found["status"], found["status_display"]) == ("FAILED", "Failed")
    assert "no sample could be classified" in found["error_message"]
    assert found["conformance_score"] is None
    assert found["distribution_analysis"] is None
    assert found["sample_classifications"] == []
    assert found["completed_at"] is not None


@pytest.mark.usefixtures("working")
async def test_an_evaluation_that_is_cancelled_has_failed(
    api: Api, kitchen: Kitchen, services: Services
) -> None:
    run_id = await made_run(api, kitchen, 2)
    made = await api.made("/evaluations/", {"run_id": run_id, "evaluation_model": "slow"})
    caller = await services.keys.operator()
    await services.runs.cancel(caller, made["trace"]["task_id"])
    found = await api.ended(f"/evaluations/{made['id']}/")
    assert found["status"] == "FAILED"
    assert found["error_message"].startswith("The evaluation was canceled")


@pytest.mark.usefixtures("working")
async def test_a_table_is_evaluated_without_any_model(
    api: Api, kitchen: Kitchen, services: Services
) -> None:
    mood = Property("mood", ("calm", "angry"), {"calm": 75.0, "angry": 25.0})
    rows = "".join(f"{'calm' if n % 2 else 'angry'},{20 + n * n % 17}\n" for n in range(20))
    spec = await kitchen.spec(
        Shape.SINGLE_FILE, {"people.csv": f"mood,age\n{rows}"}, Blueprint("A person.", "", (mood,))
    )
    made = await kitchen.create(spec, 16, model=None)
    run_id = shown_id(made.production.id)
    assert (await api.ended(f"/runs/{run_id}/"))["status"] == "SUCCEEDED"
    found = await evaluated(api, run_id, evaluation_model="embedded")
    assert found["status"] == "SUCCEEDED", found
    assert found["conformance_score"] == 100.0
    [analysis] = found["distribution_analysis"]
    assert analysis["evaluated_distributions"] == {"calm": 75.0, "angry": 25.0}
    assert "embedded judge" in found["conformance_explanation"]
    ours = found["weighbridge"]
    assert ours["usage"]["calls"] == 0
    assert ours["table"]["seeds"] == 20
    assert ours["duplicates"]["against_seeds"]["exact"]["count"] > 0


@pytest.mark.usefixtures("working")
async def test_an_evaluation_passed_back_makes_another_one(api: Api, kitchen: Kitchen) -> None:
    found = await evaluated(api, await made_run(api, kitchen, 2))
    again = await api.post("/evaluations/", found)
    assert again.status_code == 202
    assert again.json()["id"] != found["id"]


async def test_a_run_that_is_not_completed_is_not_evaluated(api: Api, kitchen: Kitchen) -> None:
    body = {"spec_id": shown_id(await kitchen.spec()), "number_of_samples": 2}
    run = await api.made("/runs/", body)
    answer = await api.post("/evaluations/", {"run_id": run["id"]})
    assert answer.json() == {"error": "Can only evaluate completed runs"}
    assert answer.status_code == 400
    await api.post(f"/runs/{run['id']}/cancel/")
    answer = await api.post("/evaluations/", {"run_id": run["id"]})
    assert answer.json() == {"error": "Can only evaluate completed runs"}


async def test_unknown_runs_and_evaluations_are_not_found(api: Api) -> None:
    assert problem(await api.post("/evaluations/", {"run_id": str(uuid4())}), 404)
    for path in (f"/evaluations/{uuid4()}/", "/evaluations/x/", f"/runs/{uuid4()}/evaluations/"):
        assert problem(await api.client.get(path), 404)


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({}, "run_id", "This field is required."),
        ({"run_id": None}, "run_id", "valid string"),
        ({"run_id": 5}, "run_id", "valid string"),
        ({"run_id": "5"}, "run_id", "Must be a valid UUID."),
        ({"run_id": str(uuid4()), "evaluation_model": 5}, "evaluation_model", "valid string"),
        ({"run_id": str(uuid4()), "evaluation_model": ""}, "evaluation_model", "at least 1"),
    ],
)
async def test_wrong_fields_are_refused(
    api: Api, body: dict[str, Any], field: str, message: str
) -> None:
    [said] = wrong_fields(await api.post("/evaluations/", body))[field]
    assert message in said


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b"\xff"])
async def test_rubbish_is_refused(client: httpx2.AsyncClient, body: bytes) -> None:
    answer = await client.post(
        "/evaluations/", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400, answer.text


@pytest.mark.usefixtures("working")
@pytest.mark.parametrize("name", ["invalid-model", "without-key", "openai/no-such"])
async def test_an_unsupported_model_is_refused_with_those_that_work(
    api: Api, kitchen: Kitchen, name: str
) -> None:
    run_id = await made_run(api, kitchen, 2)
    answer = await api.post("/evaluations/", {"run_id": run_id, "evaluation_model": name})
    [said] = wrong_fields(answer)["evaluation_model"]
    assert said.startswith(f"Unsupported evaluation model: {name}")
    assert await api.get(f"/runs/{run_id}/evaluations/") == []


async def test_without_a_key_nothing_is_told(client: httpx2.AsyncClient) -> None:
    for method, path in (("POST", "/evaluations/"), ("GET", f"/evaluations/{uuid4()}/")):
        answer = await client.request(method, path, headers={"authorization": ""})
        assert answer.status_code == 401


@pytest.mark.usefixtures("working")
async def test_another_workspace_sees_none_of_it(
    api: Api, kitchen: Kitchen, services: Services, client: httpx2.AsyncClient
) -> None:
    run_id = await made_run(api, kitchen, 2)
    found = await evaluated(api, run_id)
    operator = await services.keys.operator()
    _, secret = await services.keys.create(
        operator, name="other", role=Role.ADMIN, workspace="other"
    )
    headers = {"authorization": f"Bearer {secret}"}
    for path in (f"/evaluations/{found['id']}/", f"/runs/{run_id}/evaluations/"):
        assert problem(await client.get(path, headers=headers), 404)
    answer = await client.post("/evaluations/", json={"run_id": run_id}, headers=headers)
    assert problem(answer, 404)
