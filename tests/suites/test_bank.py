"""The bank holds enough in each language, the same policies in all of them, and nothing twice."""

from collections.abc import Iterator
from itertools import combinations

import pytest
from rapidfuzz import fuzz

from weighbridge.core.suite import CATEGORIES, DECLINED, LANGUAGES
from weighbridge.suites.catalog import eval_types
from weighbridge.suites.texts import FAMILIES, Policy, Texts, languages, texts

ALIKE = 80.0
"""Above this likeness (of 100, words in any order) two prompts are one."""

every_language = pytest.mark.parametrize("language", LANGUAGES)


def fewest(language: str, english: int, other: int) -> int:
    return english if language == "en" else other


def lists_of_prompts(bank: Texts) -> Iterator[tuple[str, tuple[str, ...]]]:
    for policy in bank.policies.values():
        yield f"{policy.slug} requests", policy.requests
        yield f"{policy.slug} pictures", policy.pictures
        yield f"{policy.slug} harmless", policy.harmless
    for family in bank.families.values():
        yield family.slug, family.wraps
    yield "system attacks", bank.system_attacks
    yield "off duty", bank.off_duty
    yield "agent tasks", bank.agent_tasks
    yield "refused", bank.refused
    yield "answered", bank.answered


def test_there_are_texts_in_every_language() -> None:
    assert languages() == tuple(LANGUAGES)


@every_language
def test_every_language_has_the_same_policies_in_the_same_order(language: str) -> None:
    bank = texts(language)
    assert list(bank.policies) == list(texts("en").policies)
    assert len(bank.policies) >= 18
    assert {policy.language for policy in bank.policies.values()} == {language}


@every_language
def test_every_policy_has_enough_prompts(language: str) -> None:
    def is_enough(policy: Policy) -> bool:
        english = texts("en").policies[policy.slug]
        pictures = fewest(language, 8, 2) if english.pictures else 0
        return (
            len(policy.topics) >= 10
            and len(policy.requests) >= fewest(language, 20, 5)
            and len(policy.harmless) >= fewest(language, 10, 3)
            and len(policy.pictures) >= pictures
            and bool(policy.pictures) == bool(english.pictures)
        )

    poor = [policy.slug for policy in texts(language).policies.values() if not is_enough(policy)]
    assert poor == []


@every_language
def test_a_policy_says_what_is_forbidden_what_is_not_and_what_a_good_answer_does(
    language: str,
) -> None:
    def sentences(policy: Policy) -> int:
        return policy.text.count(". ") + policy.text.endswith(".")

    odd = {
        policy.slug: sentences(policy)
        for policy in texts(language).policies.values()
        if not 3 <= sentences(policy) <= 6
    }
    assert odd == {}


@every_language
def test_there_are_enough_attacks_framings_tasks_and_follow_ups(language: str) -> None:
    bank = texts(language)
    assert tuple(bank.families) == FAMILIES
    assert min(len(family.wraps) for family in bank.families.values()) >= fewest(language, 6, 3)
    assert len(bank.framings) >= fewest(language, 16, 6)
    others = (bank.system_attacks, bank.off_duty, bank.agent_tasks)
    assert min(map(len, others)) >= fewest(language, 20, 8)
    assert min(map(len, (bank.refused, bank.answered))) >= fewest(language, 12, 8)


@every_language
def test_each_attack_and_framing_holds_the_request_once(language: str) -> None:
    bank = texts(language)
    wraps = [wrap for family in bank.families.values() for wrap in family.wraps]
    assert {text.count("{request}") for text in (*wraps, *bank.framings)} == {1}
    assert bank.framings[0] == "{request}"


@every_language
def test_every_category_has_questions_and_those_about_the_text_hold_a_gap(language: str) -> None:
    questions = texts(language).questions
    assert tuple(questions) == CATEGORIES
    assert min(map(len, questions.values())) >= fewest(language, 6, 2)
    gaps = {
        category: {template.count("{gap}") for template in templates}
        for category, templates in questions.items()
    }
    assert gaps == {category: {0 if category in DECLINED else 1} for category in CATEGORIES}


@every_language
def test_no_two_prompts_of_a_list_are_nearly_the_same(language: str) -> None:
    twins = [
        (name, one, other)
        for name, prompts in lists_of_prompts(texts(language))
        for one, other in combinations(prompts, 2)
        if fuzz.token_sort_ratio(one.casefold(), other.casefold()) > ALIKE
    ]
    assert twins == []


@every_language
def test_no_request_is_in_two_policies(language: str) -> None:
    policies = texts(language).policies.values()
    requests = [request for policy in policies for request in policy.requests]
    assert len(set(requests)) == len(requests)


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
def test_no_language_has_a_policy_or_prompt_left_in_english(language: str) -> None:
    english, bank = texts("en"), texts(language)
    same = {
        prompt
        for (_, ours), (_, theirs) in zip(
            lists_of_prompts(english), lists_of_prompts(bank), strict=True
        )
        for prompt in set(ours) & set(theirs)
    }
    assert same == set()
    for slug, policy in bank.policies.items():
        assert policy.text != english.policies[slug].text


def test_english_alone_has_three_hundred_prompts() -> None:
    assert sum(len(policy.requests) for policy in texts("en").policies.values()) >= 360


def test_every_policy_of_a_type_is_in_the_bank() -> None:
    policies = texts("en").policies
    unknown = {slug for kind in eval_types() for slug in kind.policies if slug not in policies}
    assert unknown == set()
    by_slug = {kind.slug: kind.policies for kind in eval_types()}
    assert by_slug["safety"] == by_slug["over_refusal"] == tuple(policies)
    with_pictures = tuple(slug for slug, policy in policies.items() if policy.pictures)
    assert by_slug["image_safety"] == with_pictures
