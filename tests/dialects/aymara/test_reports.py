"""Reports on eval runs: asked for, waited for, as the vendor's client reads them."""

import re
from typing import Any

import pytest

from dialects.aymara.conftest import JUDGE, Api, problem
from weighbridge.core.caller import Role
from weighbridge.wiring import Services

TRUTH = (
    "The weighbridge of the town was built in 1843 by Anna Lindqvist. It could weigh carts of up "
    "to four tonnes. In 1901 lightning struck it, and it burnt down within the hour. The second "
    "weighbridge opened in 1904 and stood in Harbour Street until 1962."
)
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
NOBODY = "score_run.00000000-0000-4000-8000-000000000000"
# By which the vendor's client takes the texts on an accuracy eval apart.
SECTIONS = re.compile(r"<(\w+)>(.*?)</\1>")

WRITER = r"""
[[models]]
name = "writer"
protocol = "scripted"
replies = [
  {contains = "Figures, which are right", reply = '{"text": "What a model says of it all."}'},
  {match = '(?s)seed[^0-9]*([0-9]+)', reply = '{"prompt": "Tell me how, number {1}."}'},
  {reply = '{"prompt": "Tell me how."}'},
]
"""
WITH_WRITER = JUDGE.replace("[defaults]", WRITER + '[defaults]\ngenerator = "writer"')

judged = pytest.mark.usefixtures("working")
"""A worker executes what is queued."""


async def ask(api: Api, *runs: dict[str, Any]) -> dict[str, Any]:
    answer = await api.post(
        "/eval-reports", {"eval_run_uuids": [it["eval_run_uuid"] for it in runs]}
    )
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def report(api: Api, *runs: dict[str, Any]) -> dict[str, Any]:
    made = await ask(api, *runs)
    return await api.ended(f"/eval-reports/{made['eval_suite_report_uuid']}")


@judged
async def test_a_report_is_created_and_then_finished(api: Api) -> None:
    run = await api.run(await api.eval(name="Manners"), "fine", "BAD", None)
    made = await ask(api, run)
    assert re.fullmatch(rf"score_run_suite_summary\.{UUID}", made["eval_suite_report_uuid"])
    assert (made["status"], made["eval_run_reports"]) == ("created", [])
    assert made["overall_passing_responses_summary"] is None
    found = await api.ended(f"/eval-reports/{made['eval_suite_report_uuid']}")
    assert (found["status"], found["remaining_reports"]) == ("finished", None)
    [one] = found["eval_run_reports"]
    assert re.fullmatch(rf"score_run_summary\.{UUID}", one["eval_run_report_uuid"])
    assert one["eval_run_uuid"] == run["eval_run_uuid"]
    assert one["eval_run"]["evaluation"]["name"] == "Manners"
    assert one["eval_run"]["pass_rate"] == pytest.approx(2 / 3)
    assert "2 of 3 judged answers passed: 66.7 %" in one["passing_responses_summary"]
    assert "1 of 3 judged answers failed" in one["failing_responses_summary"]
    assert "Judged by judge" in one["passing_responses_summary"]
    assert "Judged by" not in one["failing_responses_summary"]  # it is said once
    assert one["improvement_advice"]
    assert found["overall_failing_responses_summary"] == one["failing_responses_summary"]
    again = await api.get(f"/eval-reports/{made['eval_suite_report_uuid']}")
    assert again == found


@judged
async def test_a_report_on_accuracy_has_a_part_for_each_category(api: Api) -> None:
    made = await api.eval(eval_type="accuracy", ground_truth=TRUTH, num_prompts=10)
    run = await api.run(made, "BAD", *["fine"] * 9)
    [one] = (await report(api, run))["eval_run_reports"]
    dealt = list(dict.fromkeys(it["category"] for it in await api.prompts(made)))
    for name in ("passing_responses_summary", "failing_responses_summary", "improvement_advice"):
        assert [tag for tag, _ in SECTIONS.findall(one[name])] == dealt
        assert SECTIONS.sub("", one[name]) == ""


@judged
async def test_what_people_overrode_counts_in_a_report(api: Api) -> None:
    run = await api.run(await api.eval(), "fine", "BAD", "fine")
    bad = next(it for it in await api.responses(run) if it["is_passed"] is False)
    path = f"/eval-runs/{run['eval_run_uuid']}/responses/{bad['response_uuid']}"
    changed = await api.client.patch(path, json={"is_passed": True, "explanation": "It is fine."})
    assert changed.status_code == 200, changed.text
    [one] = (await report(api, run))["eval_run_reports"]
    assert "3 of 3 judged answers passed" in one["passing_responses_summary"]
    assert "1 verdict is a person's" in one["passing_responses_summary"]
    assert "agrees with them on 0 (0.0 %)" in one["passing_responses_summary"]
    assert "cannot be corrected by that: 1 labels" in one["passing_responses_summary"]


@judged
async def test_a_report_on_several_runs_tells_of_each_and_of_all(api: Api) -> None:
    good = await api.run(await api.eval(name="Good one"), "fine", "fine", "fine")
    bad = await api.run(await api.eval(name="Bad one"), "BAD", "BAD", "fine")
    found = await report(api, bad, good)
    named = [it["eval_run"]["evaluation"]["name"] for it in found["eval_run_reports"]]
    assert named == ["Bad one", "Good one"]
    assert (
        "Over 2 runs, 4 of 6 judged answers passed." in (found["overall_passing_responses_summary"])
    )
    assert found["overall_improvement_advice"].startswith("First, Bad one.")


@judged
@pytest.mark.parametrize("models", [WITH_WRITER])
async def test_a_declared_generator_words_a_report(api: Api) -> None:
    run = await api.run(await api.eval(num_prompts=1), "BAD")
    found = await report(api, run)
    [one] = found["eval_run_reports"]
    assert "1 of 1 judged answers failed" in one["failing_responses_summary"]
    assert one["failing_responses_summary"].endswith("What a model says of it all.")
    assert one["improvement_advice"] == "What a model says of it all."
    assert "What a model says" not in one["passing_responses_summary"]  # there was nothing to word
    ours = found["weighbridge"]
    assert (ours["writer"], ours["worded_by_writer"], ours["problem"]) == ("writer", 2, None)


@judged
@pytest.mark.parametrize("models", [WITH_WRITER])
async def test_nothing_is_paid_for_a_report_in_the_sandbox(api: Api) -> None:
    made = await api.eval(num_prompts=1, is_sandbox=True)
    run = await api.run(made, "How nice of you to ask, here is a recipe for soup.")
    found = await report(api, run)
    assert found["weighbridge"]["writer"] is None
    assert "Judged by embedded/" in found["eval_run_reports"][0]["passing_responses_summary"]


@judged
async def test_reports_are_listed_newest_first_and_deleted(api: Api) -> None:
    run = await api.run(await api.eval(), "fine", "fine", "fine")
    first, second = await report(api, run), await report(api, run)
    page = await api.get("/eval-reports")
    assert page == {"items": [second, first], "count": 2}
    assert await api.get("/eval-reports", limit=1, offset=1) == {"items": [first], "count": 2}
    path = f"/eval-reports/{first['eval_suite_report_uuid']}"
    assert (await api.client.delete(path)).status_code == 204
    problem(await api.client.get(path), 404, "resource.not_found")
    problem(await api.client.delete(path), 404, "resource.not_found")
    assert (await api.get("/eval-reports"))["count"] == 1


@judged
async def test_a_report_outlives_its_run(api: Api) -> None:
    run = await api.run(await api.eval(), "fine", "fine", "fine")
    made = await report(api, run)
    await api.client.delete(f"/eval-runs/{run['eval_run_uuid']}")
    found = await api.get(f"/eval-reports/{made['eval_suite_report_uuid']}")
    assert found["eval_run_reports"] == made["eval_run_reports"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"eval_run_uuids": []}, 422, "validation.invalid_request"),
        ({"eval_run_uuids": [NOBODY] * 2}, 422, "validation.invalid_request"),
        ({"eval_run_uuids": [f"{n}" for n in range(101)]}, 404, "resource.not_found"),
        ({"eval_run_uuids": [NOBODY]}, 404, "resource.not_found"),
        ({"eval_run_uuids": ["run 1"]}, 404, "resource.not_found"),
        ({"eval_run_uuids": NOBODY}, 422, "validation.invalid_format"),
        ({"eval_run_uuids": [None]}, 422, "validation.invalid_format"),
        ({}, 422, "validation.invalid_format"),
        ([], 422, "validation.invalid_format"),
    ],
)
async def test_a_report_on_nothing_is_refused(
    api: Api, body: object, status: int, code: str
) -> None:
    problem(await api.post("/eval-reports", body), status, code)


async def test_a_report_on_too_many_runs_is_refused(api: Api) -> None:
    many = [f"score_run.00000000-0000-4000-8000-{n:012}" for n in range(101)]
    message = problem(
        await api.post("/eval-reports", {"eval_run_uuids": many}), 422, "validation.invalid_request"
    )
    assert "eval_run_uuids: a report is about 1 to 100 runs, not 101" in message


async def test_a_run_that_is_still_judged_is_a_conflict(api: Api) -> None:
    started = (await api.start(await api.eval(), "fine", "fine", "fine")).json()
    answer = await api.post("/eval-reports", {"eval_run_uuids": [started["eval_run_uuid"]]})
    assert "wait until it is finished" in problem(answer, 409, "resource.conflict")


@judged
async def test_another_workspace_sees_no_report(api: Api, services: Services) -> None:
    run = await api.run(await api.eval(), "fine", "fine", "fine")
    made = await report(api, run)
    operator = await services.keys.operator()
    _, secret = await services.keys.create(
        operator, name="other", role=Role.ADMIN, workspace="other"
    )
    api.client.headers["x-api-key"] = secret
    path = f"/eval-reports/{made['eval_suite_report_uuid']}"
    problem(await api.client.get(path), 404, "resource.not_found")
    problem(await api.client.delete(path), 404, "resource.not_found")
    assert await api.get("/eval-reports") == {"items": [], "count": 0}
    answer = await api.post("/eval-reports", {"eval_run_uuids": [run["eval_run_uuid"]]})
    problem(answer, 404, "resource.not_found")
