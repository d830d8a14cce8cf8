"""Comparing runs over the API."""

from typing import Any

import httpx2

from support.native import MakeClient, ended, problem, start, working
from weighbridge.wiring import Services

CASES = [{"id": f"c{n}", "q": f"{n}", "answer": f"{n}"} for n in range(40)]


async def two_runs(client: httpx2.AsyncClient, services: Services) -> tuple[str, str]:
    """Two runs on the same cases, the second with every fourth one wrong."""
    wrong = [{**case, "q": "x"} if n % 4 == 0 else case for n, case in enumerate(CASES)]
    async with working(services):
        runs = [
            (await start(client, cases=cases, id="id", scorers=["exact", "f1"]))["runs"][0]["id"]
            for cases in (CASES, wrong)
        ]
        for run_id in runs:
            await ended(client, run_id)
    return runs[0], runs[1]


async def test_runs_are_compared_and_their_flips_listed(
    client: httpx2.AsyncClient, services: Services
) -> None:
    a, b = await two_runs(client, services)
    answer = await client.get("/compare", params=[("run", a), ("run", b), ("scorer", "exact")])
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    [one] = shown["differences"]
    assert (one["a"], one["b"], one["mean_a"], one["mean_b"]) == (a, b, 1.0, 0.75)
    assert (one["difference"], one["up"], one["down"], one["n"]) == (-0.25, 0, 10, 40)
    assert one["low"] < -0.25 < one["high"] < 0
    assert (one["different"], one["p_value"]) == (True, one["p_adjusted"])
    assert one["left_out"] == dict.fromkeys(one["left_out"], 0)
    assert [run["differs"] for run in shown["runs"]] == [[], ["data"]]
    assert shown["runs"][0]["usage"]["cost_usd"] > 0
    assert shown["runs"][0]["latency"]["p95_s"] >= shown["runs"][0]["latency"]["p50_s"]
    assert shown["groups"] == [{"scorer": "exact", "letters": {a: "a", b: "b"}}]
    assert any("other data" in warning for warning in shown["warnings"])

    params = {"a": a, "b": b, "scorer": "exact", "limit": "6"}
    page = (await client.get("/compare/flips", params=params)).json()
    assert [flip["case_id"] for flip in page["data"]] == [f"c{n}" for n in range(0, 24, 4)]
    flip = page["data"][1]
    assert (flip["a"]["answers"], flip["b"]["answers"]) == (["4"], ["x"])
    assert (flip["a"]["inputs"]["q"], flip["b"]["inputs"]["q"]) == ("4", "x")
    assert flip["b"]["scores"][0]["status"] == "scored"
    rest = await client.get("/compare/flips", params={**params, "cursor": page["next_cursor"]})
    assert [flip["case_id"] for flip in rest.json()["data"]] == ["c24", "c28", "c32", "c36"]
    assert rest.json()["has_more"] is False
    up = await client.get("/compare/flips", params={**params, "direction": "up"})
    assert up.json()["data"] == []


async def test_what_cannot_be_compared_is_a_problem(
    client: httpx2.AsyncClient, services: Services, make_client: MakeClient
) -> None:
    a, b = await two_runs(client, services)
    problem(await client.get("/compare", params=[("run", a)]), 422)
    problem(await client.get("/compare"), 422)
    problem(await client.get("/compare", params=[("run", a), ("run", a)]), 422)
    problem(await client.get("/compare", params=[("run", a), ("run", b + "\0")]), 422)
    problem(await client.get("/compare", params=[("run", a), ("run", "latest")]), 404)
    told = problem(
        await client.get("/compare", params=[("run", a), ("run", b), ("scorer", "exat")]), 422
    )
    assert "did you mean `exact`?" in told["detail"]
    both = [("run", a), ("run", b)]
    problem(await client.get("/compare", params=[*both, ("level", "2")]), 422)
    problem(await client.get("/compare", params=[*both, ("baseline", a)]), 422)
    problem(await client.get("/compare/flips", params={"a": a, "b": b}), 422)
    cursor = {"a": a, "b": b, "scorer": "exact", "cursor": "nonsense"}
    problem(await client.get("/compare/flips", params=cursor), 422)
    stranger = await make_client(workspace="elsewhere")
    problem(await stranger.get("/compare", params=both), 404)
    problem(await stranger.get("/compare/flips", params={"a": a, "b": b, "scorer": "exact"}), 404)


async def test_a_worker_stops_a_run_that_knows_enough_and_reproducing_it_shuffles_no_more(
    client: httpx2.AsyncClient, services: Services
) -> None:
    cases = [{"id": f"c{n}", "q": f"{n}", "answer": f"{n}"} for n in range(1_500)]
    stop = {"scorer": "exact", "half_width": 0.05}
    async with working(services):
        started = await start(client, cases=cases, id="id", stop=stop)
        run = await ended(client, started["runs"][0]["id"])
        again = (await client.post(f"/runs/{run['id']}/reproduce")).json()
        copy = await ended(client, again["run"]["id"])
    assert (run["status"], run["reason"].split(":")[0]) == ("succeeded", "precise enough")
    [metric] = run["metrics"]
    assert (metric["method"], metric["n_total"]) == ("sequential", 1_500)
    assert metric["n_scored"] <= run["progress"]["done"] < 1_500
    assert copy["pin"] == run["pin"]
    assert copy["evaluation"]["dataset_id"] == run["evaluation"]["dataset_id"]
    dataset = (await client.get(f"/datasets/{run['evaluation']['dataset_id']}")).json()
    assert dataset["name"].endswith(", shuffled")
    shown = await client.get("/compare", params=[("run", run["id"]), ("run", copy["id"])])
    assert any("was stopped when its exact" in warning for warning in shown.json()["warnings"])
    policy = {"rules": [{"metric": "exact", "min": 0.5, "level": 0.99}]}
    gate = (await client.post("/gate", json={"policy": policy, "run": run["id"]})).json()
    check = gate["checks"][1]
    assert (gate["verdict"], check["method"], check["level"]) == ("PASS", "sequential", 0.95)
    assert (check["low"], check["high"]) == (metric["low"], metric["high"])
