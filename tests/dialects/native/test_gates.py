"""The gate over the API."""

from typing import Any

import httpx2

from support.native import MakeClient, ended, problem, start, working
from weighbridge.core.caller import Role
from weighbridge.wiring import Services

CASES = [{"id": f"c{n}", "q": f"{n}", "answer": f"{n}"} for n in range(60)]
POLICY: dict[str, Any] = {"rules": [{"metric": "exact", "min": 0.9}]}


async def ran(client: httpx2.AsyncClient, services: Services, **changes: Any) -> str:
    async with working(services):
        started = await start(client, **{"cases": CASES, "id": "id", **changes})
        run_id: str = started["runs"][0]["id"]
        await ended(client, run_id)
    return run_id


async def test_a_run_is_held_against_a_policy(
    client: httpx2.AsyncClient, services: Services
) -> None:
    good = await ran(client, services)
    bad = await ran(client, services, cases=[{**case, "q": "x"} for case in CASES])
    answer = await client.post("/gate", json={"policy": POLICY, "run": good})
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert (shown["verdict"], shown["policy"], shown["mode"]) == ("PASS", "gate", "interval")
    assert (shown["run"]["id"], shown["baseline"], shown["differences"]) == (good, None, [])
    end, check = shown["checks"]
    assert (end["rule"], end["limit"], end["verdict"]) == (None, None, "PASS")
    assert (check["rule"], check["limit"], check["bound"]) == (0, "min", 0.9)
    assert check["low"] >= 0.9
    drop = {"rules": [{"metric": "exact", "max_drop": 0.1}]}
    answer = await client.post("/gate", json={"policy": drop, "run": bad, "baseline": good})
    assert answer.json()["verdict"] == "FAIL"
    [difference] = answer.json()["differences"]
    assert (difference["a"], difference["b"], difference["down"]) == (good, bad, 60)


async def test_readers_may_look_and_strangers_find_nothing(
    client: httpx2.AsyncClient, services: Services, make_client: MakeClient
) -> None:
    run = await ran(client, services, cases=CASES[:3])
    body = {"policy": POLICY, "run": run}
    assert (await (await make_client(Role.READER)).post("/gate", json=body)).status_code == 200
    problem(await (await make_client(workspace="elsewhere")).post("/gate", json=body), 404)


async def test_what_is_wrong_is_a_problem_with_its_field(
    client: httpx2.AsyncClient, services: Services
) -> None:
    run = await ran(client, services, cases=CASES[:3])

    async def fields(**body: Any) -> dict[str, str]:
        told = problem(await client.post("/gate", json={"policy": POLICY, "run": run} | body), 422)
        return {one["field"]: one["message"] for one in told["errors"]}

    assert (
        "did you mean `exact`?"
        in (await fields(policy={"rules": [{"metric": "exat", "min": 0}]}))["policy.rules.0.metric"]
    )
    assert "policy.rules.0.mim" in await fields(policy={"rules": [{"metric": "exact", "mim": 0}]})
    assert "policy" in await fields(policy=[])
    assert "baseline" in await fields(baseline=run)
    assert "policy.rules.0.max_drop" in await fields(
        policy={"rules": [{"metric": "exact", "max_drop": 0}]}
    )
    assert "run" in await fields(run=7)
    problem(await client.post("/gate", json={"policy": POLICY, "run": "\0"}), 422)
    assert "extra" in await fields(extra=1)
    problem(await client.post("/gate", json={"policy": POLICY, "run": "latest"}), 404)
    queued = (await start(client))["runs"][0]["id"]
    problem(await client.post("/gate", json={"policy": POLICY, "run": queued}), 409)
