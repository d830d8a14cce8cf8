"""Scoring the answers of a run again, over the API."""

import httpx2
import pytest

from support.native import MakeClient, ended, problem, start, working
from weighbridge.core.caller import Role
from weighbridge.wiring import Services


async def test_the_answers_of_a_run_are_scored_again_by_a_run_of_its_own(
    services: Services, client: httpx2.AsyncClient
) -> None:
    first = (await start(client))["runs"][0]["id"]
    problem(await client.post(f"/runs/{first}/rescore"), 409)
    async with working(services):
        await ended(client, first)
        body = {"scorers": ["f1", "exact"], "name": "again"}
        answer = await client.post(f"/runs/{first}/rescore", json=body)
        assert answer.status_code == 201, answer.text
        evaluation = answer.json()
        assert evaluation["name"] == "again"
        [queued] = evaluation["runs"]
        assert (queued["status"], queued["model"]) == ("queued", "parrot")
        run = await ended(client, queued["id"])
        again = await client.post(f"/runs/{first}/rescore")
        assert again.status_code == 201
        await ended(client, again.json()["runs"][0]["id"])
    assert [metric["scorer"] for metric in run["metrics"]] == ["f1", "exact"]
    assert run["usage"]["calls"] == 0
    outcomes = [
        (await client.get(f"/runs/{run_id}/outcomes")).json()["data"]
        for run_id in (first, run["id"])
    ]
    for before, after in zip(*outcomes, strict=True):
        for same in ("case_id", "position", "inputs", "answer", "finish_reason", "details"):
            assert after[same] == before[same]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scorers": ["exat"]}, "scorers.0"),
        ({"scorers": []}, "scorers"),
        ({"scorers": "exact"}, "scorers"),
        ({"scorers": [{"exact": {"model": "x"}}]}, "scorers.0.exact.model"),
        ({"judge": "parrot"}, "judge"),
        ({"judge": 7}, "judge"),
        ({"name": ""}, "name"),
        ({"budget": {"usd": -1}}, "budget.usd"),
        ({"prompt": "again"}, "prompt"),
        ([], ""),
    ],
)
async def test_a_bad_body_is_refused_by_its_field(
    services: Services, client: httpx2.AsyncClient, body: object, field: str
) -> None:
    first = (await start(client))["runs"][0]["id"]
    async with working(services):
        await ended(client, first)
    told = problem(await client.post(f"/runs/{first}/rescore", json=body), 422)
    assert field in {error["field"] for error in told.get("errors", [{"field": ""}])}
    assert len((await client.get("/runs")).json()["data"]) == 1


async def test_a_reader_scores_nothing_again(
    client: httpx2.AsyncClient, make_client: MakeClient
) -> None:
    run_id = (await start(client))["runs"][0]["id"]
    reader = await make_client(Role.READER)
    problem(await reader.post(f"/runs/{run_id}/rescore"), 403)
    problem(await client.post(f"/runs/run_{'0' * 26}/rescore"), 404)


async def test_ungraded_cases_are_retried_when_asked_for(client: httpx2.AsyncClient) -> None:
    run_id = (await start(client))["runs"][0]["id"]
    await client.post(f"/runs/{run_id}/cancel")
    told = problem(await client.post(f"/runs/{run_id}/retry-failed?ungraded=true"), 409)
    assert "has failed or is ungraded" in told["detail"]
    problem(await client.post(f"/runs/{run_id}/retry-failed?ungraded=perhaps"), 422)
