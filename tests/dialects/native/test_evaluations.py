"""Evaluations: accepted with their runs, or refused with every reason, before anything is paid."""

from typing import Any

import httpx2
import pytest

from support.native import SPEC, problem, start


async def test_an_evaluation_is_accepted_with_a_queued_run_for_each_model(
    client: httpx2.AsyncClient,
) -> None:
    spec = {key: value for key, value in SPEC.items() if key != "model"}
    answer = await client.post("/evaluations", json=spec | {"models": ["slow", "parrot"]})
    assert answer.status_code == 201
    started = answer.json()
    assert started["id"].startswith("eval_")
    assert started["door"] == "native"
    assert [run["model"] for run in started["runs"]] == ["slow", "parrot"]
    for run in started["runs"]:
        assert run["status"] == "queued"
        assert run["progress"] == {"done": 0, "total": 3, "failed": 0, "ungraded": 0}
        nothing = {"input_tokens": 0, "output_tokens": 0, "calls": 0, "cached": 0}
        assert run["usage"] == {**nothing, "cost_usd": None}
        assert run["metrics"] == []
        assert run["evaluation"]["id"] == started["id"]
        assert run["created_at"].endswith("Z")
        assert (run["started_at"], run["finished_at"], run["duration_s"]) == (None, None, None)
        assert len(run["pin"]) == 64
    assert started["runs"][0]["pin"] != started["runs"][1]["pin"]


async def test_inline_cases_become_a_data_set_that_the_stored_spec_names(
    client: httpx2.AsyncClient,
) -> None:
    started = await start(client)
    assert started["spec"]["data"] == started["dataset_id"]
    assert "cases" not in started["spec"]
    dataset = (await client.get(f"/datasets/{started['dataset_id']}")).json()
    assert (dataset["rows"], dataset["columns"]) == (3, ["q", "answer"])


async def test_a_stored_spec_can_be_posted_again_and_has_the_same_pin(
    client: httpx2.AsyncClient,
) -> None:
    first = await start(client)
    again = await client.post("/evaluations", json=first["spec"])
    assert again.status_code == 201, again.text
    assert again.json()["runs"][0]["pin"] == first["runs"][0]["pin"]


async def test_an_evaluation_can_be_read_again_and_is_listed(client: httpx2.AsyncClient) -> None:
    started = await start(client)
    assert (await client.get(f"/evaluations/{started['id']}")).json() == started
    listed = (await client.get("/evaluations")).json()
    assert [item["id"] for item in listed["data"]] == [started["id"]]
    assert (listed["next_cursor"], listed["has_more"]) == (None, False)


async def test_lists_go_on_by_cursor_newest_first_without_gap_or_repeat(
    client: httpx2.AsyncClient,
) -> None:
    made = [(await start(client, name=f"number {n}"))["id"] for n in range(5)]
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = (await client.get("/evaluations", params=query)).json()
        seen += [item["id"] for item in page["data"]]
        assert page["has_more"] == (page["next_cursor"] is not None)
        if not page["has_more"]:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == sorted(made, reverse=True)


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"model": "parot"}, "model", "did you mean parrot"),
        ({"prompt": "say {question}"}, "cases.0", "`question`"),
        ({"target": "solution"}, "cases.0", "`solution`"),
        ({"promt": "say"}, "promt", "did you mean `prompt`"),
        ({"scorers": [{"regex": {"pattern": "(?=a)"}}]}, "scorers.0.regex.pattern", ""),
        ({"scorers": ["exakt"]}, "scorers.0", "did you mean `exact`"),
        ({"cases": []}, "cases", ""),
        ({"cases": [{"q": 1, "answer": 1}] * 2, "id": "q"}, "cases.1", "same id"),
        ({"epochs": 0}, "epochs", ""),
        ({"cases": None, "data": "questions.jsonl"}, "data", "POST /api/v1/datasets"),
        ({"cases": None, "data": "/etc/passwd"}, "data", "POST /api/v1/datasets"),
        ({"cases": None, "data": "ds_" + "0" * 26}, "data", "there is no data set"),
        ({"model": "unpriced", "budget": {"usd": 1}}, "budget.usd", "price"),
    ],
)
async def test_what_is_wrong_is_refused_by_field_and_nothing_is_started(
    client: httpx2.AsyncClient, changes: dict[str, Any], field: str, says: str
) -> None:
    told = problem(await client.post("/evaluations", json=SPEC | changes), 422)
    wrong = {error["field"]: error["message"] for error in told["errors"]}
    assert field in wrong, wrong
    assert says in wrong[field]
    assert (await client.get("/runs")).json()["data"] == []


async def test_every_wrong_field_is_named_at_once(client: httpx2.AsyncClient) -> None:
    told = problem(await client.post("/evaluations", json=SPEC | {"epochs": 0, "limit": -1}), 422)
    assert {error["field"] for error in told["errors"]} == {"epochs", "limit"}


async def test_a_rubric_comes_inline_and_never_out_of_a_file_of_the_server(
    client: httpx2.AsyncClient,
) -> None:
    rubric = {"purpose": "Is it kind?", "verdict": "pass_fail"}
    evaluation = await start(client, scorers=[{"judge": {"rubric": rubric, "model": "parrot"}}])
    assert evaluation["spec"]["scorers"] == [{"judge": {"rubric": rubric, "model": "parrot"}}]
    assert evaluation["warnings"] == []
    for path in ("kind.yaml", "/etc/kind.yaml", "../kind.yml"):
        answer = await client.post(
            "/evaluations", json=SPEC | {"scorers": [{"judge": {"rubric": path}}]}
        )
        (found,) = problem(answer, 422)["errors"]
        assert found["field"] == "scorers.0.judge.rubric"
        assert "files are read by the command line only" in found["message"]


async def test_what_the_embedded_judge_cannot_judge_is_said_at_the_start(
    client: httpx2.AsyncClient,
) -> None:
    (warning,) = (await start(client, scorers=["judge"]))["warnings"]
    assert warning.startswith("scorer `judge`: the embedded judge cannot judge")
