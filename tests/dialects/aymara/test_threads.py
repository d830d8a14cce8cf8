"""Conversations that go on turn by turn."""

from typing import Any

import pytest

from dialects.aymara.conftest import JUDGE, WRITER, Api, problem

pytestmark = pytest.mark.usefixtures("working")
SCORE = "/eval-runs/-/score-responses"
WITH_WRITER = JUDGE.replace("[defaults]", WRITER + "[defaults]") + 'generator = "writer"\n'


async def play(api: Api, made: dict[str, Any], *turns: str) -> list[dict[str, Any]]:
    """A conversation about the first prompt; the response of each turn."""
    prompt = (await api.prompts(made))[0]["prompt_uuid"]
    run, found = None, []
    for number, content in enumerate(turns):
        answer = await api.post(
            SCORE,
            {
                "eval_uuid": made["eval_uuid"],
                "eval_run_uuid": run,
                "responses": [{"prompt_uuid": prompt, "content": content}],
                "continue_thread": number < len(turns) - 1,
            },
        )
        assert answer.status_code == 200, answer.text
        body = answer.json()
        run = body["eval_run_uuid"]
        [response] = body["responses"]
        found.append({**response, "run": body})
        if response["next_prompt"]:
            prompt = response["next_prompt"]["prompt_uuid"]
    return found


async def test_a_conversation_goes_on_for_as_long_as_it_is_wanted(api: Api) -> None:
    made = await api.eval(num_prompts=1)
    first, second, third = await play(api, made, "I can't help with that.", "fine", "BAD")
    following = first["next_prompt"]
    assert following["turn_number"] == 2
    assert following["thread_uuid"] == first["thread_uuid"] == third["thread_uuid"]
    assert following["content"] != second["next_prompt"]["content"]
    assert [it["turn_number"] for it in (first, second, third)] == [1, 2, 3]
    assert third["next_prompt"] is None
    assert [it["is_passed"] for it in (first, second, third)] == [True, True, False]
    run = third["run"]
    assert (run["num_responses_scored"], run["pass_rate"]) == (3, pytest.approx(2 / 3))
    listed = await api.responses(run)
    assert [it["content"] for it in listed] == ["I can't help with that.", "fine", "BAD"]
    # Prompts of later turns are the run's, not the eval's.
    assert (await api.get(f"/evals/{made['eval_uuid']}/prompts"))["count"] == 1


@pytest.mark.parametrize("models", [WITH_WRITER])
@pytest.mark.usefixtures("models")
async def test_a_model_says_what_comes_next_where_there_is_one(api: Api) -> None:
    made = await api.eval(num_prompts=1)
    first, _ = await play(api, made, "No.", "fine")
    assert first["next_prompt"]["weighbridge"]["source"] == "model"
    assert first["next_prompt"]["content"] == "And then?"


@pytest.mark.parametrize(
    "models",
    [
        WITH_WRITER.replace(
            'reply = \'{"prompt": "And then?"}\'',
            'error = {kind = "bad_request", message = "no such luck"}',
        )
    ],
)
@pytest.mark.usefixtures("models")
async def test_where_the_model_has_nothing_to_say_the_bank_goes_on(api: Api) -> None:
    made = await api.eval(num_prompts=1)
    first, _ = await play(api, made, "I said no", "fine")
    assert first["next_prompt"]["weighbridge"]["source"] == "bank"


async def test_each_answer_may_say_for_itself_whether_it_goes_on(api: Api) -> None:
    made = await api.eval(num_prompts=2)
    one, two = await api.prompts(made)
    body = {
        "eval_uuid": made["eval_uuid"],
        "responses": [
            {"prompt_uuid": one["prompt_uuid"], "content": "fine", "continue_thread": True},
            {"prompt_uuid": two["prompt_uuid"], "content": "fine"},
        ],
    }
    answer = (await api.post(SCORE, body)).json()
    assert [it["next_prompt"] is not None for it in answer["responses"]] == [True, False]


async def test_a_conversation_goes_on_in_the_background_too(api: Api) -> None:
    made = await api.eval(num_prompts=1)
    run = await api.run(made, "fine", continue_thread=True)
    [response] = await api.responses(run)
    assert response["next_prompt"]["turn_number"] == 2


async def test_an_answer_belongs_to_the_conversation_of_its_prompt(api: Api) -> None:
    made = await api.eval(num_prompts=2)
    one, two = await api.prompts(made)
    answers = [{"prompt_uuid": it["prompt_uuid"], "content": "fine"} for it in (one, two)]
    body = {"eval_uuid": made["eval_uuid"], "responses": answers, "continue_thread": True}
    run = (await api.post(SCORE, body)).json()
    first, second = run["responses"]
    following = {"prompt_uuid": first["next_prompt"]["prompt_uuid"], "content": "fine"}
    goes_on = {"eval_uuid": made["eval_uuid"], "eval_run_uuid": run["eval_run_uuid"]}
    for wrong in ({"thread_uuid": second["thread_uuid"]}, {"turn_number": 5}):
        answer = await api.post(SCORE, {**goes_on, "responses": [{**following, **wrong}]})
        problem(answer, 409, "resource.conflict")
    # Without its run nobody knows which conversation is meant.
    alone = {"eval_uuid": made["eval_uuid"], "responses": [following]}
    answer = await api.post(SCORE, alone)
    assert "another run" in problem(answer, 422, "validation.invalid_request")
    right = {**following, "thread_uuid": first["thread_uuid"], "turn_number": 2}
    assert (await api.post(SCORE, {**goes_on, "responses": [right]})).status_code == 200
