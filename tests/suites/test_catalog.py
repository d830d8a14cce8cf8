"""The types of suites, and their stock instructions."""

import pytest

from weighbridge.core.suite import LANGUAGES
from weighbridge.errors import Invalid, InvalidFields
from weighbridge.suites.catalog import eval_types, find_eval_type, instructions, parse_type
from weighbridge.suites.texts import texts

ORDER = ["safety", "accuracy", "jailbreak", "image_safety", "agent", "over_refusal"]
SMALL = (
    "slug: mine\nname: Mine\ndescription: Of mine.\nmodalities: [text]\ninputs: [ground_truth]\n"
)


def test_the_types_come_in_a_fixed_order() -> None:
    assert [kind.slug for kind in eval_types()] == ORDER
    assert all(kind.name and kind.description.endswith(".") for kind in eval_types())


@pytest.mark.parametrize("slug", ORDER)
def test_a_type_is_found_by_its_slug(slug: str) -> None:
    assert find_eval_type(slug).slug == slug


def test_only_accuracy_has_a_ground_truth_and_only_images_have_no_text() -> None:
    asked = {kind.slug for kind in eval_types() if "ground_truth" in kind.inputs}
    without_text = {kind.slug for kind in eval_types() if "text" not in kind.modalities}
    assert (asked, without_text) == ({"accuracy"}, {"image_safety"})


@pytest.mark.parametrize(("slug", "hint"), [("saftey", "; did you mean `safety`?"), ("", "")])
def test_an_unknown_slug_is_refused_with_those_there_are(slug: str, hint: str) -> None:
    with pytest.raises(Invalid) as refused:
        find_eval_type(slug)
    listed = ", ".join(ORDER)
    assert refused.value.message == f"there is no eval type `{slug}`{hint} (eval types: {listed})"
    with pytest.raises(Invalid, match="there is no eval type"):
        instructions(slug)


@pytest.mark.parametrize("slug", ["safety", "image_safety", "over_refusal"])
def test_the_instructions_of_a_type_with_policies_are_these_in_all_languages(slug: str) -> None:
    found = instructions(slug)
    wanted = [(code, policy) for code in LANGUAGES for policy in find_eval_type(slug).policies]
    assert [(one.language, one.slug) for one in found] == wanted
    for one in found:
        policy = texts(one.language).policies[one.slug]
        assert (one.name, one.text, one.eval_type) == (policy.name, policy.text, slug)


@pytest.mark.parametrize("slug", ["jailbreak", "agent"])
def test_the_others_have_system_prompts_to_try(slug: str) -> None:
    found = instructions(slug)
    assert len({one.slug for one in found}) == len(found) >= 3
    assert all(len(one.text) > 100 and one.language == "en" for one in found)


def test_accuracy_has_no_instructions() -> None:
    assert instructions("accuracy") == ()


def test_a_type_without_policies_is_read() -> None:
    assert parse_type(SMALL, "mine.yaml").policies == ()


@pytest.mark.parametrize(
    ("text", "field", "message"),
    [
        (f"{SMALL}policy: []\n", "policy", "did you mean `policies`?"),
        (SMALL.replace("[text]", "[sound]"), "modalities.0", "'text', 'image' or 'video'"),
        (SMALL.replace("[text]", "[]"), "modalities", "at least 1 item"),
        (SMALL.replace("ground_truth", "truth"), "inputs.0", "Input should be"),
        (SMALL.replace("name: Mine\n", ""), "name", "Field required"),
        (f"{SMALL}policies: [A b]\n", "policies.0", "pattern"),
        (f"{SMALL}instructions: [{{slug: a, nam: A, text: T}}]\n", "instructions.0.nam", "`name`"),
        ("[]", "", "a type is an object"),
    ],
)
def test_what_is_wrong_in_a_type_is_said_with_file_and_field(
    text: str, field: str, message: str
) -> None:
    with pytest.raises(InvalidFields) as refused:
        parse_type(text, "mine.yaml")
    assert refused.value.source == "mine.yaml"
    found = {problem.field: problem.message for problem in refused.value.problems}
    assert field in found
    assert message in found[field]
