"""Runs: followed to their end, read, exported, stopped and taken up again."""

import csv
import io
from typing import Any

import httpx2
import orjson
import pyarrow.parquet as pq
import pytest

from support.native import SPEC, ended, events, problem, start, working
from weighbridge.dialects.native import wire
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.jobs.loading import load_run
from weighbridge.wiring import Services


@pytest.fixture
async def finished(services: Services, client: httpx2.AsyncClient) -> dict[str, Any]:
    """A run of two epochs over three cases that has succeeded."""
    run_id = (await start(client, epochs=2))["runs"][0]["id"]
    loaded = await load_run(services.store, services.models, run_id)
    await run_in_foreground(services.store, loaded)
    return await ended(client, run_id)


async def test_a_finished_run_says_all_that_scripts_rely_on(
    client: httpx2.AsyncClient, finished: dict[str, Any]
) -> None:
    run = (await client.get(f"/runs/{finished['id']}")).json()
    assert run == finished
    assert (run["status"], run["reason"]) == ("succeeded", None)
    assert run["progress"] == {"done": 6, "total": 6, "failed": 0, "ungraded": 0}
    assert run["usage"]["calls"] == 6
    assert run["usage"]["input_tokens"] > 0
    assert run["usage"]["cost_usd"] > 0
    [metric] = run["metrics"]
    assert (metric["name"], metric["scorer"]) == ("accuracy", "exact")
    assert metric["value"] == pytest.approx(2 / 3)
    assert 0 <= metric["low"] < metric["value"] < metric["high"] <= 1
    assert metric["level"] == 0.95
    assert metric["method"]
    counts = [metric[name] for name in ("n_scored", "n_total", "n_failed", "n_ungraded")]
    assert counts == [3, 3, 0, 0]
    assert run["evaluation"]["name"] == "echo"
    assert run["evaluation"]["spec"]["model"] == "parrot"
    assert run["created_at"] <= run["started_at"] <= run["finished_at"]
    assert run["duration_s"] >= 0
    assert (await client.get("/runs")).json()["data"] == [run]


async def test_events_tell_the_run_as_it_is_and_then_that_it_is_done(
    client: httpx2.AsyncClient, finished: dict[str, Any]
) -> None:
    answer = await client.get(f"/runs/{finished['id']}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [name for name, _ in events(answer.text)] == ["progress", "done"]
    assert [run for _, run in events(answer.text)] == [finished, finished]


async def test_who_has_seen_the_end_is_told_to_stop_asking(
    client: httpx2.AsyncClient, finished: dict[str, Any]
) -> None:
    headers = {"Last-Event-ID": "done"}
    answer = await client.get(f"/runs/{finished['id']}/events", headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")


async def test_outcomes_go_on_by_cursor_in_the_order_of_the_data(
    client: httpx2.AsyncClient, finished: dict[str, Any]
) -> None:
    address = f"/runs/{finished['id']}/outcomes"
    seen: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": 4}
    while True:
        page = (await client.get(address, params=query)).json()
        seen += page["data"]
        if not page["has_more"]:
            break
        query["cursor"] = page["next_cursor"]
    pairs = [(outcome["position"], outcome["epoch"]) for outcome in seen]
    assert pairs == [(position, epoch) for position in range(3) for epoch in range(2)]
    for outcome in seen:
        wire.Outcome.model_validate(outcome)
        assert set(outcome) == set(wire.Outcome.model_fields)
    assert seen[2]["inputs"] == {"q": "nein", "answer": "doch"}
    assert seen[2]["answer"] == "nein"
    assert seen[2]["scores"]["exact"] == {"status": "scored", "value": 0.0}
    assert seen[2]["usage"]["calls"] == 1


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"status": "scored"}, 6),
        ({"status": "failed"}, 0),
        ({"case_id": "1"}, 2),
        ({"epoch": 1}, 3),
        ({"epoch": 1, "case_id": "2"}, 1),
        ({"case_id": "no such case"}, 0),
    ],
)
async def test_outcomes_can_be_filtered(
    client: httpx2.AsyncClient, finished: dict[str, Any], query: dict[str, Any], count: int
) -> None:
    page = (await client.get(f"/runs/{finished['id']}/outcomes", params=query)).json()
    assert len(page["data"]) == count


async def test_the_report_says_what_it_came_to_and_who_answered(
    client: httpx2.AsyncClient, finished: dict[str, Any]
) -> None:
    report = (await client.get(f"/runs/{finished['id']}/report")).json()
    assert report["final"] is True
    for name in ("metrics", "progress", "usage", "pin", "evaluation", "duration_s"):
        assert report[name] == finished[name]
    assert sum(model["answers"] for model in report["answered_by"]) == 6
    assert 0 <= report["latency"]["mean_s"] <= report["latency"]["max_s"]
    assert report["failures"] == {}


async def test_the_report_of_a_run_that_has_not_begun_has_no_numbers_yet(
    client: httpx2.AsyncClient,
) -> None:
    run = (await start(client))["runs"][0]
    report = (await client.get(f"/runs/{run['id']}/report")).json()
    assert (report["final"], report["metrics"], report["latency"]) == (False, [], None)
    assert (report["answered_by"], report["failures"]) == ([], {})


async def test_exports_are_files_of_every_outcome(
    client: httpx2.AsyncClient, finished: dict[str, Any]
) -> None:
    address = f"/runs/{finished['id']}/export"
    lines = await client.get(address, params={"format": "jsonl"})
    assert lines.headers["content-type"].startswith("application/x-ndjson")
    disposition = lines.headers["content-disposition"]
    assert disposition == f'attachment; filename="{finished["id"]}.jsonl"'
    outcomes = [orjson.loads(line) for line in lines.content.splitlines()]
    listed = (await client.get(f"/runs/{finished['id']}/outcomes")).json()["data"]
    assert outcomes == listed
    table = await client.get(address, params={"format": "csv"})
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["answer"] for row in rows] == [outcome["answer"] for outcome in outcomes]
    parquet = await client.get(address, params={"format": "parquet"})
    columns = pq.read_table(io.BytesIO(parquet.content))
    assert columns["answer"].to_pylist() == [outcome["answer"] for outcome in outcomes]
    assert columns["score.exact"].to_pylist() == [1.0, 1.0, 0.0, 0.0, 1.0, 1.0]


async def test_runs_can_be_filtered_by_evaluation_and_status(
    client: httpx2.AsyncClient, finished: dict[str, Any]
) -> None:
    other = (await start(client, name="other"))["runs"][0]

    async def ids(**query: str) -> list[str]:
        return [run["id"] for run in (await client.get("/runs", params=query)).json()["data"]]

    assert await ids() == [other["id"], finished["id"]]
    assert await ids(status="succeeded") == [finished["id"]]
    assert await ids(status="queued") == [other["id"]]
    assert await ids(evaluation=finished["evaluation"]["id"]) == [finished["id"]]
    assert await ids(evaluation=finished["evaluation"]["id"], status="queued") == []


async def test_a_running_run_can_be_cancelled_and_resumed(
    services: Services, client: httpx2.AsyncClient
) -> None:
    cases = SPEC["cases"] * 10
    run_id = (await start(client, model="slow", concurrency=1, cases=cases))["runs"][0]["id"]
    async with working(services):
        async for run in services.runs.changes(await services.keys.operator(), run_id):
            if run.state == "running":
                break
        cancelled = await client.post(f"/runs/{run_id}/cancel")
        assert cancelled.status_code == 200, cancelled.text
        assert cancelled.json()["status"] == "cancelled"
        told = problem(await client.post(f"/runs/{run_id}/cancel"), 409)
        assert "cancelled" in told["detail"]
    resumed = await client.post(f"/runs/{run_id}/resume")
    assert resumed.status_code == 200, resumed.text
    assert resumed.json()["status"] == "queued"
    problem(await client.post(f"/runs/{run_id}/resume"), 409)
    problem(await client.post(f"/runs/{run_id}/retry-failed"), 409)


async def test_failed_cases_are_counted_as_failed_and_can_be_asked_again(
    services: Services, client: httpx2.AsyncClient
) -> None:
    cases = [*SPEC["cases"], {"q": "trouble", "answer": "trouble"}]
    run_id = (await start(client, model="shaky", cases=cases))["runs"][0]["id"]
    async with working(services):
        run = await ended(client, run_id)
        assert run["status"] == "succeeded"
        assert run["progress"] == {"done": 4, "total": 4, "failed": 1, "ungraded": 0}
        assert (run["metrics"][0]["n_scored"], run["metrics"][0]["n_failed"]) == (3, 1)
        failed = (await client.get(f"/runs/{run_id}/outcomes?status=failed")).json()["data"]
        assert [outcome["error"]["kind"] for outcome in failed] == ["bad_request"]
        report = (await client.get(f"/runs/{run_id}/report")).json()
        assert report["failures"] == {"bad_request": 1}
        again = await client.post(f"/runs/{run_id}/retry-failed")
        assert again.status_code == 200, again.text
        run = await ended(client, run_id)
    assert run["progress"] == {"done": 4, "total": 4, "failed": 0, "ungraded": 0}
    assert run["metrics"][0]["n_scored"] == 4
