"""People beside the scorers, over the API: overrides, their history, samples, agreement."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.native import MODELS, MakeClient, client_of, ended, problem, start, working
from weighbridge.core.caller import Role
from weighbridge.settings import Settings
from weighbridge.wiring import open_services

SAYING: dict[str, Any] = {"scorer": "exact", "value": 1, "reason": "it means the same"}


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A data folder in which a run has ended, and the run's id."""
    folder = tmp_path_factory.mktemp("answered")
    (folder / "models.toml").write_text(MODELS)

    async def answer() -> str:
        settings = Settings(data=folder / "data", config=folder / "models.toml")
        async with (
            open_services(settings) as services,
            await client_of(services) as client,
            working(services),
        ):
            started = await start(client)
            return str((await ended(client, started["runs"][0]["id"]))["id"])

    return folder / "data", asyncio.run(answer())


@pytest.fixture
def beginning(answered: tuple[Path, str]) -> Path:
    return answered[0]


@pytest.fixture
def run_id(answered: tuple[Path, str]) -> str:
    """A run of three cases, of which the second was wrong."""
    return answered[1]


async def test_a_score_is_overridden_again_and_withdrawn_with_its_history(
    client: httpx2.AsyncClient, run_id: str
) -> None:
    path = f"/runs/{run_id}/outcomes/1/override"
    answer = await client.put(path, json=SAYING)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["value"], said["case_id"], said["revision"]) == (1.0, "1", 1)
    assert said["author"]
    assert said["key_id"] == (await client.get("/me")).json()["key_id"]
    assert (await client.put(path, json=SAYING)).json() == said
    shown = (await client.get(f"/runs/{run_id}/outcomes?overridden=true")).json()["data"]
    [score] = [outcome["scores"]["exact"] for outcome in shown]
    assert (score["value"], score["override"]["value"]) == (0.0, 1.0)
    assert (await client.put(path, json=SAYING | {"value": 0, "author": "Ann"})).status_code == 200
    gone = await client.delete(path, params={"scorer": "exact", "reason": "a slip"})
    assert gone.status_code == 200
    assert gone.json()["value"] is None
    problem(await client.delete(path, params={"scorer": "exact", "reason": "again"}), 404)
    history = (await client.get(f"{path}s")).json()["data"]
    assert [(it["revision"], it["value"]) for it in history] == [(1, 1.0), (2, 0.0), (3, None)]
    assert [it["author"] for it in history][1] == "Ann"
    assert (await client.get(f"/runs/{run_id}/outcomes?overridden=true")).json()["data"] == []
    page = (await client.get(f"/runs/{run_id}/overrides?limit=2")).json()
    assert page["has_more"]
    rest = await client.get(
        f"/runs/{run_id}/overrides", params={"cursor": page["next_cursor"], "scorer": "exact"}
    )
    assert len(rest.json()["data"]) == 1
    export = (await client.get(f"/runs/{run_id}/export?format=csv")).text
    assert "score.exact.override.reason" in export.splitlines()[0]


async def test_many_are_said_at_once_and_all_or_none_are_kept(
    client: httpx2.AsyncClient, run_id: str
) -> None:
    path = f"/runs/{run_id}/overrides"
    good = [SAYING | {"case_id": "0"}, SAYING | {"position": 2}]
    bad = await client.post(path, json={"overrides": [*good, SAYING | {"case_id": "7"}]})
    told = problem(bad, 422)
    assert [error["field"] for error in told["errors"]] == ["overrides.2.case_id"]
    assert (await client.get(path)).json()["data"] == []
    headers = {"Idempotency-Key": "once"}
    answer = await client.post(path, json={"overrides": good}, headers=headers)
    assert [it["position"] for it in answer.json()["data"]] == [0, 2]
    again = await client.post(path, json={"overrides": good}, headers=headers)
    assert again.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scorer": "exat"}, "scorer"),
        ({"scorer": ""}, "scorer"),
        ({"value": 0.5}, "value"),
        ({"value": "good"}, "value"),
        ({"value": None}, "value"),
        ({"reason": ""}, "reason"),
        ({"reason": " \n"}, "reason"),
        ({"reason": "x" * 10_001}, "reason"),
        ({"author": ""}, "author"),
        ({"colour": "red"}, "colour"),
        ({"position": 1}, "position"),
    ],
)
async def test_a_bad_override_is_refused_by_its_field(
    client: httpx2.AsyncClient, run_id: str, change: dict[str, Any], field: str
) -> None:
    answer = await client.put(f"/runs/{run_id}/outcomes/1/override", json=SAYING | change)
    assert [error["field"] for error in problem(answer, 422)["errors"]] == [field]


@pytest.mark.parametrize("position", ["9", "-1", "one", str(2**63), "1.5"])
async def test_a_case_that_is_not_there_is_not_overridden(
    client: httpx2.AsyncClient, run_id: str, position: str
) -> None:
    path = f"/runs/{run_id}/outcomes/{position}/override"
    problem(await client.put(path, json=SAYING), 422)
    problem(await client.put(f"/runs/{run_id}/outcomes/1/override?epoch=1", json=SAYING), 422)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"overrides": []}',
        b'{"overrides": [{}]}',
        b'{"overrides": [{"scorer": "exact", "reason": "x", "value": 1}]}',
        b'{"overrides": [{"scorer": "exact", "reason": "x", "value": 1e999, "position": 0}]}',
        b'{"overrides": "all"}',
    ],
)
async def test_rubbish_for_many_is_refused(
    client: httpx2.AsyncClient, run_id: str, body: bytes
) -> None:
    answer = await client.post(
        f"/runs/{run_id}/overrides", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_sample_is_drawn_and_goes_on_with_what_is_not_reviewed(
    client: httpx2.AsyncClient, run_id: str
) -> None:
    sample = (await client.get(f"/runs/{run_id}/review-sample?n=2&seed=4")).json()
    assert (len(sample["data"]), sample["eligible"], sample["reviewed"]) == (2, 3, 0)
    first = sample["data"][0]
    assert first["inputs"]["q"]
    await client.put(f"/runs/{run_id}/outcomes/{first['position']}/override", json=SAYING)
    rest = await client.get(f"/runs/{run_id}/review-sample?seed=4&unreviewed=true&scorer=exact")
    assert rest.json()["data"][0]["position"] == sample["data"][1]["position"]
    assert (len(rest.json()["data"]), rest.json()["reviewed"]) == (2, 1)
    for query in ("n=0", "n=501", "seed=-1", "scorer=exat", "sed=1"):
        problem(await client.get(f"/runs/{run_id}/review-sample?{query}"), 422)


async def test_agreement_is_worked_out_when_it_is_asked_for(
    client: httpx2.AsyncClient, run_id: str
) -> None:
    assert (await client.get(f"/runs/{run_id}/agreement")).json()["people"] == {}
    for position in range(3):
        await client.put(f"/runs/{run_id}/outcomes/{position}/override", json=SAYING)
    found = (await client.get(f"/runs/{run_id}/agreement")).json()["people"]["exact"]
    assert (found["n_reviewed"], found["n_compared"]) == (3, 3)
    assert found["agreement"]["accuracy"] == pytest.approx(2 / 3)
    assert {(it["human"], it["judge"]): it["n"] for it in found["agreement"]["confusion"]} == {
        ("1", "0"): 1,
        ("1", "1"): 2,
    }
    assert found["rate"]["value"] is None
    assert "labels" in found["rate"]["reason"]
    assert found["rate"]["raw"] == pytest.approx(2 / 3)
    assert (await client.get("/judges")).json()["data"] == []  # `exact` is no judge


async def test_a_stranger_finds_nothing_and_a_reader_only_reads(
    client: httpx2.AsyncClient, make_client: MakeClient, run_id: str
) -> None:
    stranger, reader = await make_client(workspace="elsewhere"), await make_client(Role.READER)
    path = f"/runs/{run_id}/outcomes/1/override"
    problem(await stranger.put(path, json=SAYING), 404)
    many = {"overrides": [SAYING | {"position": 0}]}
    problem(await stranger.post(f"/runs/{run_id}/overrides", json=many), 404)
    problem(await reader.put(path, json=SAYING), 403)
    problem(await reader.delete(path, params={"scorer": "exact", "reason": "x"}), 403)
    for part in ("overrides", "outcomes/1/overrides", "review-sample", "agreement"):
        problem(await stranger.get(f"/runs/{run_id}/{part}"), 404)
        assert (await reader.get(f"/runs/{run_id}/{part}")).status_code == 200
