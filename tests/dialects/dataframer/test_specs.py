"""Specs over DataFramer's API: made, looked at, edited, deleted; and what is refused."""

from typing import Any
from uuid import uuid4

import pytest

from dialects.dataframer.conftest import Api, problem, wrong_fields
from support.data_specs import MODELS, YAML
from weighbridge.jobs.data_specs import MEASURED_ALONE
from weighbridge.yamltext import parse_yaml

SEEDLESS = {"name": "letters", "generation_objectives": "Letters to a shop."}
FIELDS = {
    *("id", "name", "description", "status", "dataset_id", "dataset_name", "dataset_type"),
    *("created_at", "updated_at", "created_by_email"),
}


@pytest.fixture
def models() -> str:
    """A generator that proposes a tone."""
    return MODELS


@pytest.fixture
async def spec(api: Api, working: None) -> dict[str, Any]:
    """A spec without seeds that has succeeded."""
    made = await api.made("/specs/", SEEDLESS)
    return await api.ended(f"/specs/{made['id']}/")


# Made


async def test_a_spec_from_seeds_is_made(api: Api, working: None) -> None:
    seeds = await api.table(*({"mood": "calm" if at % 4 else "angry"} for at in range(20)))
    answer = await api.post(
        "/specs/",
        {
            "name": "moods",
            "description": "for tests",
            "dataset_id": seeds["id"],
            "extrapolate_values": False,
            "generate_conditional_distributions": True,
        },
    )
    assert answer.status_code == 202
    begun = answer.json()
    assert (begun["status"], begun["content_yaml"], begun["error"]) == ("PROCESSING", None, None)
    found = await api.ended(f"/specs/{begun['id']}/")
    assert found["status"] == "SUCCEEDED"
    assert (found["dataset_id"], found["dataset_name"]) == (seeds["id"], "table")
    assert (found["dataset_type"], found["description"]) == ("SINGLE_FILE", "for tests")
    whole = parse_yaml(found["content_yaml"], "")[0]
    [mood] = whole["spec"]["data_property_variations"]
    assert mood["property_name"] == "mood"
    assert mood["base_distributions"] == {"calm": 75, "angry": 25}
    assert found["runtime_params"] == {
        "generation_objectives": None,
        "spec_generation_model_name": "writer",
        "generate_distributions": True,
        "generate_conditional_distributions": True,
        "extrapolate_values": False,
        "extrapolate_axes": False,
    }
    assert "versions" not in found


async def test_a_spec_without_seeds_is_made_of_files_of_text(spec: dict[str, Any]) -> None:
    assert spec["status"] == "SUCCEEDED"
    assert (spec["dataset_id"], spec["dataset_name"]) == (None, None)
    assert spec["dataset_type"] == "MULTI_FILE"
    [tone] = parse_yaml(spec["content_yaml"], "")[0]["spec"]["data_property_variations"]
    assert tone["base_distributions"] == {"polite": 80, "rude": 20}


async def test_a_model_is_echoed_by_the_name_that_was_asked_for(api: Api) -> None:
    name = "anthropic/claude-sonnet-4-6-thinking"
    made = await api.made("/specs/", {**SEEDLESS, "spec_generation_model_name": name})
    assert made["runtime_params"]["spec_generation_model_name"] == name


async def test_measuring_alone_is_said(api: Api, working: None) -> None:
    seeds = await api.seeds("a b c", "a b c d e f g h i j")
    body = {"name": "x", "dataset_id": seeds["id"], "spec_generation_model_name": "embedded"}
    made = await api.made("/specs/", body)
    assert made["runtime_params"]["spec_generation_model_name"] is None
    assert made["runtime_params"]["note"] == MEASURED_ALONE
    found = await api.ended(f"/specs/{made['id']}/")
    assert parse_yaml(found["content_yaml"], "")[0]["metadata"]["note"] == MEASURED_ALONE


async def test_null_says_as_little_as_a_field_that_is_left_out(api: Api) -> None:
    nothing = dict.fromkeys(
        ("dataset_id", "description", "spec_generation_model_name", "generate_distributions")
    )
    made = await api.made("/specs/", {**SEEDLESS, **nothing})
    assert made["runtime_params"]["generate_distributions"] is True


# Looked at


async def test_specs_are_listed_newest_first_without_their_yaml(
    api: Api, spec: dict[str, Any]
) -> None:
    other = await api.made("/specs/", {**SEEDLESS, "name": "other"})
    listed = await api.get("/specs/")
    assert [it["id"] for it in listed] == [other["id"], spec["id"]]
    assert set(listed[0]) == FIELDS


async def test_a_change_is_a_version_and_all_of_them_can_be_had(
    api: Api, spec: dict[str, Any]
) -> None:
    answer = await api.put(f"/specs/{spec['id']}/", {"content_yaml": YAML})
    assert answer.status_code == 200, answer.text
    assert answer.json()["content_yaml"] == YAML
    found = await api.get(f"/specs/{spec['id']}/", include_versions="true")
    assert found["content_yaml"] == YAML
    assert [it["content_yaml"] for it in found["versions"]] == [spec["content_yaml"], YAML]
    assert all(it["created_at"] for it in found["versions"])
    assert "versions" not in await api.get(f"/specs/{spec['id']}/", include_versions="false")


async def test_the_yaml_that_is_served_can_be_handed_in_again(
    api: Api, spec: dict[str, Any]
) -> None:
    body = {"content_yaml": spec["content_yaml"].replace("polite: 80", "polite: 79.7")}
    assert (await api.put(f"/specs/{spec['id']}/", body)).status_code == 200


async def test_a_spec_in_work_has_no_versions(api: Api) -> None:
    made = await api.made("/specs/", SEEDLESS)
    found = await api.get(f"/specs/{made['id']}/", include_versions="true")
    assert (found["status"], found["versions"]) == ("PROCESSING", [])


async def test_a_spec_is_deleted(api: Api, spec: dict[str, Any]) -> None:
    answer = await api.delete(f"/specs/{spec['id']}/", force="false")
    assert (answer.status_code, answer.content) == (204, b"")
    assert problem(await api.client.get(f"/specs/{spec['id']}/"), 404) == "Spec not found"


async def test_a_spec_with_runs_goes_only_by_force(api: Api, spec: dict[str, Any]) -> None:
    run = await api.made("/runs/", {"spec_id": spec["id"], "number_of_samples": 1})
    assert "force=true" in problem(await api.delete(f"/specs/{spec['id']}/"), 400)
    assert (await api.delete(f"/specs/{spec['id']}/", force="true")).status_code == 204
    problem(await api.client.get(f"/runs/{run['id']}/"), 404)


# Refused


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"name"}),
        ({"name": "x"}, {"generation_objectives"}),
        ({"name": " ", "generation_objectives": " "}, {"name", "generation_objectives"}),
        ({"name": 3, "generation_objectives": ["x"]}, {"name", "generation_objectives"}),
        ({**SEEDLESS, "dataset_id": "seven"}, {"dataset_id"}),
        ({**SEEDLESS, "dataset_id": ""}, {"dataset_id"}),
        ({**SEEDLESS, "extrapolate_axes": "yes"}, {"extrapolate_axes"}),
        (
            {
                **SEEDLESS,
                "generate_distributions": False,
                "generate_conditional_distributions": True,
            },
            {"generate_conditional_distributions"},
        ),
        (
            {**SEEDLESS, "spec_generation_model_name": "gpt-99"},
            {"spec_generation_model_name"},
        ),
        (
            {**SEEDLESS, "spec_generation_model_name": "embedded"},
            {"spec_generation_model_name"},
        ),
    ],
)
async def test_what_is_wrong_with_a_spec_is_said_by_the_vendors_names(
    api: Api, body: dict[str, Any], fields: set[str]
) -> None:
    assert set(wrong_fields(await api.post("/specs/", body))) == fields
    assert await api.get("/specs/") == []


async def test_an_unknown_model_is_named_with_those_that_work(api: Api) -> None:
    body = {**SEEDLESS, "spec_generation_model_name": "gpt-99"}
    [message] = wrong_fields(await api.post("/specs/", body))["spec_generation_model_name"]
    assert message.startswith("Unsupported spec generation model: gpt-99")
    assert "writer" in message


async def test_names_are_unique_without_seeds_and_by_seeds(api: Api) -> None:
    seeds = await api.seeds("a", "b")
    await api.made("/specs/", SEEDLESS)
    await api.made("/specs/", {"name": "letters", "dataset_id": seeds["id"]})
    for again in (SEEDLESS, {"name": "letters", "dataset_id": seeds["id"]}):
        [message] = wrong_fields(await api.post("/specs/", again))["name"]
        assert "already exists" in message


async def test_seeds_and_specs_that_are_not_there_are_not_found(api: Api) -> None:
    body = {**SEEDLESS, "dataset_id": str(uuid4())}
    assert problem(await api.post("/specs/", body), 404) == "Seed dataset not found"
    for path in (f"/specs/{uuid4()}/", "/specs/seven/"):
        assert problem(await api.client.get(path), 404) == "Spec not found"
        problem(await api.put(path, {"content_yaml": YAML}), 404)
        problem(await api.delete(path), 404)


async def test_yaml_is_refused_with_a_message_for_each_field_and_its_line(
    api: Api, spec: dict[str, Any]
) -> None:
    path = f"/specs/{spec['id']}/"
    wrong = YAML.replace("positive: 40", "positive: 20").replace(
        "  requirements: It", "  rules: It"
    )
    messages = wrong_fields(await api.put(path, {"content_yaml": wrong}))["content_yaml"]
    [shares] = messages
    assert shares.startswith("line 7: spec.data_property_variations.0.base_distributions: ")
    assert "add up to 100, not 80" in shares
    for text in ("", "just words", "spec: [", "a: 1", "spec: {data_property_variations: []}"):
        assert set(wrong_fields(await api.put(path, {"content_yaml": text}))) == {"content_yaml"}
    assert wrong_fields(await api.put(path, {})) == {"content_yaml": ["This field is required."]}
    assert set(wrong_fields(await api.put(path, {"content_yaml": {"spec": 1}}))) == {"content_yaml"}
    assert (await api.get(path))["content_yaml"] == spec["content_yaml"]


async def test_a_spec_in_work_is_not_changed(api: Api) -> None:
    made = await api.made("/specs/", SEEDLESS)
    answer = await api.put(f"/specs/{made['id']}/", {"content_yaml": YAML})
    assert "SUCCEEDED" in problem(answer, 400)


async def test_no_key_no_specs(api: Api) -> None:
    answer = await api.client.get("/specs/", headers={"authorization": ""})
    assert problem(answer, 401)
