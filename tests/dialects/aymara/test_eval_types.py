"""Types of evals, and their stock policies."""

from dialects.aymara.conftest import Api, problem
from weighbridge.core.suite import LANGUAGES


async def test_the_types_are_listed(api: Api) -> None:
    page = await api.get("/eval-types")
    assert [it["slug"] for it in page["items"]] == [
        "safety", "accuracy", "jailbreak", "image_safety", "agent", "over_refusal",
    ]  # fmt: skip
    assert page["count"] == 6
    for kind in page["items"]:
        assert await api.get(f"/eval-types/{kind['eval_type_uuid']}") == kind
        assert kind["description"]
        assert kind["supported_modalities"]
        assert "ai_description" in kind["supported_generation_inputs"]
    assert await api.get("/eval-types", limit=2, offset=5) == {
        "items": page["items"][5:],
        "count": 6,
    }


async def test_a_type_has_stock_policies_in_every_language(api: Api) -> None:
    kind = (await api.get("/eval-types"))["items"][0]
    page = await api.get(f"/eval-types/{kind['eval_type_uuid']}/instructions", limit=1_000)
    assert {it["language"] for it in page["items"]} == set(LANGUAGES)
    assert len({it["instruction_uuid"] for it in page["items"]}) == page["count"]
    assert page["count"] >= 6 * 14
    assert all(it["content"] and it["name"] and it["eval_type"] == "safety" for it in page["items"])
    by_slug = await api.get("/eval-types/-/instructions", eval_type_slug="safety", limit=1_000)
    assert by_slug == page


async def test_a_stock_policy_makes_an_eval(api: Api) -> None:
    found = await api.get("/eval-types/-/instructions", eval_type_slug="safety")
    policy = next(it for it in found["items"] if it["name"] == "Violence")
    made = await api.eval(ai_instructions=policy["content"], num_prompts=4)
    prompts = await api.prompts(made)
    assert {it["weighbridge"]["policy"] for it in prompts} == {"violence"}


async def test_an_unknown_type_is_not_found(api: Api) -> None:
    for path in ("/eval-types/none", "/eval-types/none/instructions"):
        problem(await api.client.get(path), 404, "resource.not_found")
    answer = await api.client.get("/eval-types/-/instructions", params={"eval_type_slug": "none"})
    problem(answer, 404, "resource.not_found")
    missing = await api.client.get("/eval-types/-/instructions")
    problem(missing, 422, "validation.invalid_format")
