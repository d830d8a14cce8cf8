"""The analysis finds evals by every filter, and sums up what was answered to them."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dialects.aymara.conftest import JUDGE, Api, at_work, client_of, open_folder, problem
from weighbridge.core.caller import Role
from weighbridge.wiring import Services

judged = pytest.mark.usefixtures("working")
"""A worker executes what is queued."""


FOUND: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["idle_100%", "bad", "good"]),
    ({"name": "D"}, ["idle_100%", "bad", "good"]),
    ({"name": "GOO"}, ["good"]),
    ({"name": "%"}, ["idle_100%"]),
    ({"name": "e_1"}, ["idle_100%"]),
    ({"name": "o_d"}, []),
    ({"eval_type": "jailbreak"}, ["idle_100%"]),
    ({"eval_type": "nonsense"}, []),
    ({"modality": "text", "language": "es"}, ["bad"]),
    ({"modality": "image"}, []),
    ({"status": "finished"}, ["idle_100%", "bad", "good"]),
    ({"status": "processing"}, []),
    ({"is_jailbreak": True}, ["bad"]),
    ({"is_jailbreak": False, "is_sandbox": False}, ["idle_100%", "good"]),
    ({"is_sandbox": True}, []),
    ({"has_score_runs": True}, ["bad", "good"]),
    ({"has_score_runs": False}, ["idle_100%"]),
    ({"score_run_status": "finished"}, ["bad", "good"]),
    ({"score_run_status": "failed"}, []),
    ({"min_pass_rate": 0.75}, ["good"]),
    ({"max_pass_rate": 0.5}, ["bad"]),
    ({"min_pass_rate": 0.0}, ["bad", "good"]),
    ({"min_pass_rate": 0.1, "max_pass_rate": 0.7}, []),
    ({"sort_by": "pass_rate"}, ["good", "bad", "idle_100%"]),
    ({"sort_by": "pass_rate", "sort_order": "asc"}, ["bad", "good", "idle_100%"]),
    ({"sort_by": "num_score_runs"}, ["good", "bad", "idle_100%"]),
    ({"sort_by": "last_run_date", "sort_order": "asc"}, ["good", "bad", "idle_100%"]),
    ({"sort_by": "created_at", "sort_order": "asc"}, ["good", "bad", "idle_100%"]),
    ({"sort_by": "updated_at"}, ["idle_100%", "bad", "good"]),
    ({"sort_by": "name", "min_pass_rate": 0}, ["good", "bad"]),
    ({"created_by": "nobody"}, []),
    ({"workspace_uuid": "*", "name": None}, ["idle_100%", "bad", "good"]),
]
"""What is asked for → the names of the evals of `shelf` that are found, in order."""


async def analyse(api: Api, **asked: Any) -> dict[str, Any]:
    answer = await api.post("/eval-analysis", asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def names(api: Api, **asked: Any) -> list[str]:
    found = await analyse(api, **asked)
    assert found["total_count"] == len(found["results"])
    return [it["eval"]["name"] for it in found["results"]]


Shelf = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def shelved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Shelf]:
    """A data folder with `shelf` in it: to make it takes longer than the tests."""
    folder = tmp_path_factory.mktemp("shelved")

    async def fill() -> Shelf:
        async with (
            open_folder(folder, JUDGE) as services,
            client_of(services) as client,
            at_work(services),
        ):
            api = Api(client)
            made = {
                "good": await api.eval(name="good", num_prompts=2),
                "bad": await api.eval(name="bad", num_prompts=2, language="es", is_jailbreak=True),
                "idle": await api.eval(
                    name="idle_100%",
                    num_prompts=2,
                    eval_type="jailbreak",
                    ai_instructions="Be kind.",
                ),
            }
            await api.run(made["good"], "fine", "fine")
            await api.run(made["good"], "fine", "BAD")
            await api.run(made["bad"], "BAD", "BAD")
            return made

    return folder / "data", asyncio.run(fill())


@pytest.fixture
def beginning(request: pytest.FixtureRequest, empty_database: Path) -> Path:
    if "shelf" not in request.fixturenames:
        return empty_database.parent
    folder: Path = request.getfixturevalue("shelved")[0]
    return folder


@pytest.fixture
def shelf(shelved: tuple[Path, Shelf]) -> Shelf:
    """`good` was answered twice (2 of 2, 1 of 2), `bad` once (0 of 2), `idle` never; each is of
    another kind."""
    return shelved[1]


async def test_the_figures_of_an_eval_are_over_all_its_runs(api: Api, shelf: Shelf) -> None:
    found = await analyse(api, sort_by="name", sort_order="asc")
    assert [it["eval"]["name"] for it in found["results"]] == ["bad", "good", "idle_100%"]
    assert (found["total_count"], found["has_more"]) == (3, False)
    bad, good, idle = found["results"]
    assert good["eval"]["eval_uuid"] == shelf["good"]["eval_uuid"]
    runs = (await api.get("/eval-runs", eval_uuid=shelf["good"]["eval_uuid"]))["items"]
    assert good["stats"] == {
        "total_score_runs": 2,
        "total_responses_scored": 4,
        "avg_pass_rate": 0.75,
        "best_pass_rate": 1.0,
        "worst_pass_rate": 0.5,
        "last_run_date": max(it["created_at"] for it in runs),
    }
    assert bad["stats"]["avg_pass_rate"] == 0.0
    assert idle["stats"] == {
        "total_score_runs": 0,
        "total_responses_scored": 0,
        "avg_pass_rate": None,
        "best_pass_rate": None,
        "worst_pass_rate": None,
        "last_run_date": None,
    }


@pytest.mark.usefixtures("shelf")
async def test_every_filter_and_order(api: Api) -> None:
    assert [(asked, await names(api, **asked)) for asked, _ in FOUND] == FOUND


@pytest.mark.usefixtures("shelf")
async def test_evals_are_found_by_who_made_them(api: Api) -> None:
    every = await analyse(api)
    author = every["results"][0]["eval"]["created_by"]
    assert len(await names(api, created_by=author.upper())) == 3


@pytest.mark.usefixtures("shelf")
async def test_days_filter_evals_and_runs(api: Api) -> None:
    hour = timedelta(hours=1)
    moment = datetime.now(UTC)
    before, after = (moment - hour).isoformat(), (moment + hour).isoformat()
    assert len(await names(api, created_after=before, created_before=after)) == 3
    assert await names(api, created_after=after) == []
    assert await names(api, created_before=before) == []
    assert await names(api, run_created_after=before, run_created_before=after) == ["bad", "good"]
    assert await names(api, run_created_after=after) == []
    # Without a time zone it is UTC.
    bare = (moment - hour).replace(tzinfo=None).isoformat()
    assert len(await names(api, created_after=bare)) == 3
    assert await names(api, run_created_after=after, score_run_status="finished") == []


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize("asked", [{}, {"sort_by": "pass_rate"}])
async def test_pages_follow_each_other(api: Api, asked: dict[str, Any]) -> None:
    first = await analyse(api, **asked, limit=2)
    rest = await analyse(api, **asked, limit=2, offset=2)
    assert (first["total_count"], first["has_more"]) == (3, True)
    assert (rest["total_count"], rest["has_more"]) == (3, False)
    named = [it["eval"]["name"] for it in (*first["results"], *rest["results"])]
    assert sorted(named) == ["bad", "good", "idle_100%"]
    assert (await analyse(api, **asked, offset=50))["has_more"] is False


async def test_what_people_say_counts_in_averages(api: Api, shelf: Shelf) -> None:
    [run] = (await api.get("/eval-runs", eval_uuid=shelf["bad"]["eval_uuid"]))["items"]
    for response in await api.responses(run):
        path = f"/eval-runs/{run['eval_run_uuid']}/responses/{response['response_uuid']}"
        changed = await api.client.patch(path, json={"is_passed": True, "explanation": "Fine."})
        assert changed.status_code == 200, changed.text
    assert await names(api, min_pass_rate=0.9) == ["bad"]
    assert await names(api, sort_by="pass_rate") == ["bad", "good", "idle_100%"]


async def test_runs_that_are_not_finished_are_counted_but_in_no_average(api: Api) -> None:
    made = await api.eval(num_prompts=2)
    await api.start(made, "fine", "BAD")
    [found] = (await analyse(api, score_run_status="created"))["results"]
    assert found["stats"]["total_score_runs"] == 1
    assert found["stats"]["avg_pass_rate"] is None
    assert await names(api, min_pass_rate=0) == []
    assert await names(api, score_run_status="finished") == []


async def test_deleted_evals_and_runs_are_not_there(api: Api, shelf: Shelf) -> None:
    await api.client.delete(f"/evals/{shelf['idle']['eval_uuid']}")
    [run] = (await api.get("/eval-runs", eval_uuid=shelf["bad"]["eval_uuid"]))["items"]
    await api.client.delete(f"/eval-runs/{run['eval_run_uuid']}")
    found = await analyse(api)
    runs = {it["eval"]["name"]: it["stats"]["total_score_runs"] for it in found["results"]}
    assert runs == {"bad": 0, "good": 2}


async def test_another_workspace_finds_nothing(api: Api, services: Services) -> None:
    made = await api.eval()
    operator = await services.keys.operator()
    _, secret = await services.keys.create(
        operator, name="other", role=Role.ADMIN, workspace="other"
    )
    api.client.headers["x-api-key"] = secret
    assert await names(api) == []
    answer = await api.post("/eval-analysis", {"workspace_uuid": made["workspace_uuid"]})
    problem(answer, 404, "resource.not_found")


@pytest.mark.parametrize(
    "asked",
    [
        {"limit": 0},
        {"limit": 101},
        {"offset": -1},
        {"sort_by": "size"},
        {"sort_order": "up"},
        {"min_pass_rate": 1.5},
        {"max_pass_rate": -0.1},
        {"status": "done"},
        {"score_run_status": "done"},
        {"is_jailbreak": "perhaps"},
        {"created_after": "yesterday"},
        {"created_after": "9999-12-31T23:59:59-14:00"},
        {"run_created_before": "0001-01-01T00:00:00+14:00"},
        {"name": 3},
        [],
    ],
)
async def test_what_no_filter_can_be_is_refused(api: Api, asked: object) -> None:
    problem(await api.post("/eval-analysis", asked), 422, "validation.invalid_format")


async def test_bounds_the_wrong_way_round_are_refused(api: Api) -> None:
    answer = await api.post("/eval-analysis", {"min_pass_rate": 0.9, "max_pass_rate": 0.1})
    message = problem(answer, 422, "validation.invalid_request")
    assert "above max_pass_rate" in message


async def test_analyses_at_the_same_time_do_not_disturb_each_other(api: Api) -> None:
    await api.eval()
    found = await asyncio.gather(*(analyse(api, sort_by="pass_rate") for _ in range(8)))
    assert {it["total_count"] for it in found} == {1}
