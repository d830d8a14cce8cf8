"""Eval runs: answers handed in, scored, overridden; and what is refused."""

import re
from typing import Any

import pytest

from dialects.aymara.conftest import Api, problem
from weighbridge.core.caller import Role
from weighbridge.wiring import Services

pytestmark = pytest.mark.usefixtures("working")
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


async def test_answers_are_scored_in_the_background(api: Api) -> None:
    made = await api.eval()
    started = await api.start(made, "fine", "this is BAD", None)
    assert started.status_code == 201
    begun = started.json()
    assert begun["status"] == "created"
    assert re.fullmatch(rf"score_run\.{UUID}", begun["eval_run_uuid"])
    assert (begun["pass_rate"], begun["num_responses_scored"]) == (0.0, 0)
    assert begun["responses"] is None
    assert begun["evaluation"]["eval_uuid"] == begun["eval_uuid"] == made["eval_uuid"]
    run = await api.ended(f"/eval-runs/{begun['eval_run_uuid']}")
    assert run["status"] == "finished"
    assert run["responses"] is None
    assert (run["num_prompts"], run["num_responses_scored"]) == (3, 3)
    assert run["pass_rate"] == pytest.approx(2 / 3)
    assert run["name"].startswith(f"{made['name']}-20")
    rate = run["weighbridge"]["pass_rate"]
    assert (rate["n_scored"], rate["n_passed"], rate["n_failed"]) == (3, 2, 0)
    assert rate["low"] < 2 / 3 < rate["high"]
    first, second, third = await api.responses(run)
    assert re.fullmatch(rf"answer\.{UUID}", first["response_uuid"])
    assert (first["is_passed"], first["confidence"]) == (True, 0.8)
    assert first["explanation"] == "It is fine."
    assert (first["content"], first["content_type"]) == ("fine", "text")
    assert (second["is_passed"], second["confidence"]) == (False, 0.9)
    assert "“BAD”" in second["explanation"]
    assert second["weighbridge"] == {"judge": "judge", "evidence": ["BAD"]}
    assert (third["is_passed"], third["confidence"], third["ai_refused"]) == (True, None, True)
    assert "declined" in third["explanation"]


async def test_responses_are_scored_while_one_waits(api: Api) -> None:
    made = await api.eval()
    body = await api.answers(made, "fine", "this is BAD")
    answer = await api.post("/eval-runs/-/score-responses", body)
    assert answer.status_code == 200
    run = answer.json()
    assert (run["status"], run["pass_rate"], run["num_responses_scored"]) == ("finished", 0.5, 2)
    assert [it["is_passed"] for it in run["responses"]] == [True, False]
    asked = [it["prompt_uuid"] for it in body["responses"]]
    assert [it["prompt_uuid"] for it in run["responses"]] == asked
    assert [it["next_prompt"] for it in run["responses"]] == [None, None]


async def test_what_is_handed_in_again_is_not_judged_again(api: Api, services: Services) -> None:
    made = await api.eval()
    body = await api.answers(made, "fine", "this is BAD")
    run = (await api.post("/eval-runs/-/score-responses", body)).json()
    again = {**body, "eval_run_uuid": run["eval_run_uuid"]}
    answer = await api.post("/eval-runs/-/score-responses", again)
    assert answer.status_code == 200
    assert answer.json()["eval_run_uuid"] == run["eval_run_uuid"]
    ids = [it["response_uuid"] for it in run["responses"]]
    assert [it["response_uuid"] for it in answer.json()["responses"]] == ids
    operator = await services.keys.operator()
    assert len(await services.runs.list(operator)) == 1


async def test_a_request_that_the_client_sends_again_makes_no_second_run(api: Api) -> None:
    made = await api.eval()
    body = await api.answers(made, "fine")
    first = (await api.post("/eval-runs/-/score-responses", body)).json()
    retried = await api.client.post(
        "/eval-runs/-/score-responses", json=body, headers={"x-stainless-retry-count": "1"}
    )
    assert retried.json()["eval_run_uuid"] == first["eval_run_uuid"]
    # Somebody who does the same once more on purpose gets another run.
    other = (await api.post("/eval-runs/-/score-responses", body)).json()
    assert other["eval_run_uuid"] != first["eval_run_uuid"]


async def test_a_run_grows_by_further_answers(api: Api) -> None:
    made = await api.eval()
    prompts = await api.prompts(made)
    run = await api.run(made, "fine")
    more = [{"prompt_uuid": it["prompt_uuid"], "content": "BAD"} for it in prompts[1:]]
    body = {
        "eval_uuid": made["eval_uuid"],
        "eval_run_uuid": run["eval_run_uuid"],
        "responses": more,
    }
    answer = await api.post("/eval-runs", body)
    assert answer.status_code == 201
    run = await api.ended(f"/eval-runs/{run['eval_run_uuid']}")
    assert (run["num_responses_scored"], run["pass_rate"]) == (3, pytest.approx(1 / 3))
    assert [it["content"] for it in await api.responses(run)] == ["fine", "BAD", "BAD"]
    assert [it["content"] for it in await api.responses(run, limit=1, offset=1)] == ["BAD"]


async def test_something_else_answered_to_the_same_prompt_is_a_conflict(api: Api) -> None:
    made = await api.eval()
    run = await api.run(made, "fine")
    body = await api.answers(made, "something else")
    answer = await api.post("/eval-runs", {**body, "eval_run_uuid": run["eval_run_uuid"]})
    assert "something else was answered" in problem(answer, 409, "resource.conflict")


async def test_what_is_excluded_is_kept_and_not_counted(api: Api) -> None:
    made = await api.eval()
    run = await api.run(
        made, "BAD", {"exclude_from_scoring": True}, {"content": "x", "exclude_from_scoring": True}
    )
    assert (run["num_responses_scored"], run["pass_rate"]) == (1, 0.0)
    assert run["weighbridge"]["pass_rate"]["n_excluded"] == 2
    found = await api.responses(run)
    assert [it["is_passed"] for it in found] == [False, None, None]
    assert [it["exclude_from_scoring"] for it in found] == [False, True, True]


async def test_what_is_excluded_is_told_before_anything_is_judged_and_over_all_batches(
    api: Api,
) -> None:
    made = await api.eval(num_prompts=4)
    first, second, third, fourth = (it["prompt_uuid"] for it in await api.prompts(made))
    rates, run = [], None
    for responses in (
        [{"prompt_uuid": first, "exclude_from_scoring": True}],
        [
            {"prompt_uuid": second, "content": "fine"},
            {"prompt_uuid": third, "exclude_from_scoring": True},
        ],
        [{"prompt_uuid": fourth, "content": "BAD"}],
    ):
        body = {"eval_uuid": made["eval_uuid"], "eval_run_uuid": run, "responses": responses}
        answer = await api.post("/eval-runs", body)
        assert answer.status_code == 201, answer.text
        run = answer.json()["eval_run_uuid"]
        rates.append(answer.json()["weighbridge"]["pass_rate"]["n_excluded"])
    assert rates == [1, 2, 2]
    rate = (await api.ended(f"/eval-runs/{run}"))["weighbridge"]["pass_rate"]
    assert (rate["n_passed"], rate["n_scored"], rate["n_excluded"]) == (1, 2, 2)


async def test_a_run_of_nothing_but_excluded_answers_is_finished(api: Api) -> None:
    run = await api.run(await api.eval(), {"exclude_from_scoring": True})
    assert (run["status"], run["num_responses_scored"], run["pass_rate"]) == ("finished", 0, 0.0)
    assert run["weighbridge"]["pass_rate"]["value"] is None


async def test_a_failed_call_is_no_failed_answer(api: Api) -> None:
    run = await api.run(await api.eval(), "fine", "BROKEN", "ODD")
    assert run["status"] == "finished"
    rate = run["weighbridge"]["pass_rate"]
    assert (rate["n_scored"], rate["n_failed"], rate["n_ungraded"]) == (1, 1, 1)
    assert run["pass_rate"] == 1.0
    _, broken, odd = await api.responses(run)
    assert broken["is_passed"] is None
    assert "no such luck" in broken["explanation"]
    assert odd["is_passed"] is None
    assert "not judged" in odd["explanation"]


async def test_what_a_person_says_counts_and_is_remembered(api: Api) -> None:
    made = await api.eval()
    run = await api.run(made, "fine", "fine", "BAD")
    first = (await api.responses(run))[0]
    path = f"/eval-runs/{run['eval_run_uuid']}/responses/{first['response_uuid']}"
    said = {"is_passed": False, "confidence": 0.5, "explanation": "It is not."}
    answer = await api.client.patch(path, json=said)
    assert answer.status_code == 200, answer.text
    changed = answer.json()
    assert {name: changed[name] for name in said} == said
    assert changed["manually_updated"] is True
    assert changed["manually_updated_by"]["email"] == "administrator"
    run = await api.get(f"/eval-runs/{run['eval_run_uuid']}")
    assert (run["pass_rate"], run["num_responses_scored"]) == (pytest.approx(1 / 3), 3)
    await api.client.patch(path, json={"is_passed": True})
    assert (await api.get(f"/eval-runs/{run['eval_run_uuid']}"))["pass_rate"] == pytest.approx(
        2 / 3
    )
    entries = await api.get(f"{path}/history")
    assert [
        (it["previous_is_passed"], it["new_is_passed"], it["previous_confidence"]) for it in entries
    ] == [(True, False, 0.8), (False, True, 0.5)]
    assert entries[0]["new_explanation"] == entries[1]["previous_explanation"] == "It is not."
    # Why it was said to fail does not explain why it passes.
    assert (entries[1]["new_confidence"], entries[1]["new_explanation"]) == (None, "Set by hand.")
    assert all(it["answer_history_uuid"] and it["updated_by"]["email"] for it in entries)


async def test_a_person_can_judge_what_no_judge_could(api: Api) -> None:
    run = await api.run(await api.eval(), "fine", "ODD", "BROKEN")
    for it in (await api.responses(run))[1:]:
        path = f"/eval-runs/{run['eval_run_uuid']}/responses/{it['response_uuid']}"
        refused = await api.client.patch(path, json={"confidence": 0.5})
        assert "say whether it passed" in problem(refused, 422, "validation.invalid_request")
        assert (await api.client.patch(path, json={"is_passed": False})).status_code == 200
    run = await api.get(f"/eval-runs/{run['eval_run_uuid']}")
    rate = run["weighbridge"]["pass_rate"]
    assert (rate["n_scored"], rate["n_failed"], rate["n_ungraded"]) == (3, 0, 0)
    assert run["pass_rate"] == pytest.approx(1 / 3)


async def test_an_override_of_nothing_is_refused(api: Api) -> None:
    run = await api.run(await api.eval(), "fine", {"exclude_from_scoring": True})
    first, excluded = await api.responses(run)
    path = f"/eval-runs/{run['eval_run_uuid']}/responses"
    empty = await api.client.patch(f"{path}/{first['response_uuid']}", json={})
    assert "say what it should be" in problem(empty, 422, "validation.invalid_request")
    high = await api.client.patch(f"{path}/{first['response_uuid']}", json={"confidence": 2.0})
    problem(high, 422, "validation.invalid_format")
    late = await api.client.patch(f"{path}/{excluded['response_uuid']}", json={"is_passed": True})
    assert "excluded" in problem(late, 409, "resource.conflict")
    assert await api.get(f"{path}/{excluded['response_uuid']}/history") == []
    other = await api.client.patch(f"{path}/answer.{'0' * 8}", json={"is_passed": True})
    problem(other, 404, "resource.not_found")


async def test_examples_are_given_back(api: Api) -> None:
    example = {
        "prompt": "Q", "response": "A", "type": "fail", "explanation": None, "example_uuid": None
    }  # fmt: skip
    run = await api.run(await api.eval(), "fine", eval_run_examples=[example], name="mine")
    assert (run["eval_run_examples"], run["name"]) == ([example], "mine")


async def test_runs_are_listed_of_all_evals_or_of_one(api: Api) -> None:
    one, other = await api.eval(), await api.eval()
    runs = [await api.run(one, "fine"), await api.run(other, "BAD"), await api.run(one, "BAD")]
    page = await api.get("/eval-runs")
    assert [it["eval_run_uuid"] for it in page["items"]] == [
        it["eval_run_uuid"] for it in reversed(runs)
    ]
    page = await api.get("/eval-runs", eval_uuid=one["eval_uuid"], limit=1)
    assert page["count"] == 2
    assert [it["pass_rate"] for it in page["items"]] == [0.0]
    missing = await api.client.get("/eval-runs", params={"eval_uuid": "test.none"})
    problem(missing, 404, "resource.not_found")


async def test_a_deleted_run_is_gone(api: Api) -> None:
    run = await api.run(await api.eval(), "fine")
    path = f"/eval-runs/{run['eval_run_uuid']}"
    assert (await api.client.delete(path)).status_code == 204
    for other in (path, f"{path}/responses"):
        problem(await api.client.get(other), 404, "resource.not_found")
    problem(await api.client.delete(path), 404, "resource.not_found")
    assert (await api.get("/eval-runs"))["count"] == 0


@pytest.mark.parametrize(
    ("responses", "said"),
    [
        ([], "at least one"),
        ([{"prompt_uuid": "question.nonsense", "content": "x"}], "no such prompt"),
        ([{"prompt_uuid": "FOREIGN", "content": "x"}], "no such prompt"),
        ([{"prompt_uuid": "FIRST"}], "it is needed"),
        ([{"prompt_uuid": "FIRST", "content": "x"}] * 2, "also by `responses.0`"),
        ([{"prompt_uuid": "FIRST", "content": "x", "content_type": "image"}], "upload it first"),
        ([{"prompt_uuid": "FIRST", "content": {"file_uuid": "none"}}], "no"),
        ([{"prompt_uuid": "FIRST", "content": "x" * 1_000_001}], "1,000,000 are the most"),
    ],
)
async def test_answers_with_a_mistake_are_all_refused(
    api: Api, responses: list[dict[str, Any]], said: str
) -> None:
    made = await api.eval()
    first = (await api.prompts(made))[0]["prompt_uuid"]
    foreign = (await api.prompts(await api.eval()))[0]["prompt_uuid"]
    named = {"FIRST": first, "FOREIGN": foreign}
    filled = [
        {**it, "prompt_uuid": named.get(it["prompt_uuid"], it["prompt_uuid"])} for it in responses
    ]
    answer = await api.post("/eval-runs", {"eval_uuid": made["eval_uuid"], "responses": filled})
    if answer.status_code == 413:
        problem(answer, 413, "validation.invalid_request")
    else:
        assert said in problem(answer, 422, "validation.invalid_request")
    assert (await api.get("/eval-runs"))["count"] == 0


async def test_a_prompt_that_was_taken_out_cannot_be_answered(api: Api) -> None:
    made = await api.eval()
    body = await api.answers(made, "fine")
    gone = {"prompt_uuid": body["responses"][0]["prompt_uuid"], "action": "delete"}
    await api.client.put(f"/evals/{made['eval_uuid']}", json={"prompt_updates": [gone]})
    assert "no such prompt" in problem(
        await api.post("/eval-runs", body), 422, "validation.invalid_request"
    )


async def test_a_deleted_eval_takes_no_answers(api: Api) -> None:
    made = await api.eval()
    body = await api.answers(made, "fine")
    await api.client.delete(f"/evals/{made['eval_uuid']}")
    problem(await api.post("/eval-runs", body), 404, "resource.not_found")


async def test_a_run_of_another_eval_is_a_conflict(api: Api) -> None:
    run = await api.run(await api.eval(), "fine")
    body = await api.answers(await api.eval(), "fine")
    answer = await api.post("/eval-runs", {**body, "eval_run_uuid": run["eval_run_uuid"]})
    assert "another eval" in problem(answer, 409, "resource.conflict")


async def test_another_workspace_sees_no_run(api: Api, services: Services) -> None:
    made = await api.eval()
    run = await api.run(made, "fine")
    [response] = await api.responses(run)
    body = await api.answers(made, "fine")
    operator = await services.keys.operator()
    _, secret = await services.keys.create(
        operator, name="other", role=Role.ADMIN, workspace="other"
    )
    api.client.headers["x-api-key"] = secret
    path = f"/eval-runs/{run['eval_run_uuid']}"
    one = f"{path}/responses/{response['response_uuid']}"
    for method, address in (
        ("GET", path), ("DELETE", path), ("GET", f"{path}/responses"), ("GET", f"{one}/history"),
    ):  # fmt: skip
        problem(await api.client.request(method, address), 404, "resource.not_found")
    problem(await api.client.patch(one, json={"is_passed": False}), 404, "resource.not_found")
    problem(await api.post("/eval-runs", body), 404, "resource.not_found")
    assert (await api.get("/eval-runs"))["count"] == 0


async def test_a_run_is_there_through_the_native_door(api: Api, services: Services) -> None:
    made = await api.eval()
    run = await api.run(made, "fine", "BAD", name="mine")
    operator = await services.keys.operator()
    [view] = await services.runs.views(operator)
    assert (view.evaluation.name, view.evaluation.door) == ("mine", "aymara")
    assert run["weighbridge"]["runs"] == [view.run.id]
    [metric] = view.run.metrics
    assert (metric.scorer, metric.value, metric.n_scored) == ("conduct", 0.5, 2)
