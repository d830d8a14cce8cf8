"""A digest counts every response once, and its samples are the same whenever it is made again."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.scored import scored
from weighbridge.core.digest import Digest
from weighbridge.core.suite import CATEGORIES, ScoredResponse
from weighbridge.reports.digests import ELSE, MOST_GROUPS, DigestBuilder, excerpt, pass_rate
from weighbridge.statistics import proportion_interval


def digest(
    responses: list[ScoredResponse], kind: str = "safety", *, attacks: bool = False
) -> Digest:
    builder = DigestBuilder(kind, attacks=attacks)
    builder.add(responses)
    return builder.finish(scoring_id="scoring_1", suite="Suite", name="run", ai="a bot")


def test_a_pass_rate_has_wilsons_interval_and_none_without_verdicts() -> None:
    rate = pass_rate(9, 10)
    wilson = proportion_interval(9, 10)
    assert (rate.rate, rate.low, rate.high) == (0.9, wilson.low, wilson.high)
    assert (pass_rate(0, 0, failed=3).rate, pass_rate(0, 0).low) == (None, None)


OUTCOMES = st.sampled_from(["passed", "fell", "ungraded", "failed", "excluded"])


def of(number: int, outcome: str, category: str) -> ScoredResponse:
    verdicts = {"passed": True, "fell": False}
    return scored(
        number,
        verdicts.get(outcome),
        category=category,
        excluded=outcome == "excluded",
        failed=outcome == "failed",
    )


@given(st.lists(st.tuples(OUTCOMES, st.sampled_from(CATEGORIES))), st.randoms())
def test_every_response_is_counted_once_in_any_order(
    given_: list[tuple[str, str]], order: random.Random
) -> None:
    responses = [of(number, *it) for number, it in enumerate(given_)]
    whole = digest(responses, "accuracy")
    counts = [outcome for outcome, _ in given_]
    assert whole.rate.n_passed == counts.count("passed")
    assert whole.rate.n_scored == counts.count("passed") + counts.count("fell")
    assert whole.rate.n_ungraded == counts.count("ungraded")
    assert whole.rate.n_failed == counts.count("failed")
    assert whole.rate.n_excluded == counts.count("excluded")
    assert sum(group.rate.n_scored for group in whole.groups) == whole.rate.n_scored
    order.shuffle(responses)
    assert digest(responses, "accuracy") == whole


def test_categories_stand_in_the_order_in_which_they_are_dealt() -> None:
    named = [*reversed(CATEGORIES), "Odd ones", ""]
    found = digest([scored(n, True, category=it) for n, it in enumerate(named)], "accuracy")
    assert [group.name for group in found.groups] == [*CATEGORIES, "Odd ones", ELSE]
    assert found.by == "category"


@pytest.mark.parametrize(
    ("attacks", "name", "by"), [(False, "hate", "policy"), (True, "disguise", "attack")]
)
def test_responses_are_grouped_by_policy_and_where_attacks_matter_by_attack(
    attacks: bool, name: str, by: str
) -> None:
    about = {"policy": "hate", "family": "disguise", "topic": "jokes"}
    found = digest([scored(0, True, about=about)], attacks=attacks)
    assert ([group.name for group in found.groups], found.by) == ([name], by)


def test_groups_of_several_sorts_are_just_groups() -> None:
    found = digest([scored(0, True, about={"policy": "a"}), scored(1, True, about={"topic": "b"})])
    assert found.by == "group"


def test_groups_over_the_limit_are_counted_together() -> None:
    many = [scored(n, True, about={"topic": f"t{n:04}"}) for n in range(MOST_GROUPS + 50)]
    found = digest(many)
    assert len(found.groups) == MOST_GROUPS + 1
    assert (found.groups[-1].name, found.groups[-1].rate.n_scored) == (ELSE, 50)


def test_few_samples_are_kept_of_many_responses_and_the_same_ones_again() -> None:
    many = [scored(n, n % 2 == 0) for n in range(5_000)]
    [group] = digest(many).groups
    [again] = digest(many[::-1]).groups
    assert group.passing == again.passing
    assert (len(group.passing), len(group.failing)) == (3, 3)
    numbers = [int(it.answer.split()[1]) for it in (*group.passing, *group.failing)]
    assert max(numbers) > 100  # drawn from all of them, not the first ones
    assert all(number % 2 == 0 for number in numbers[:3])


def test_judges_are_counted_but_not_where_a_person_decided() -> None:
    found = digest(
        [
            scored(0, True, judge="a"),
            scored(1, False, judge="a"),
            scored(2, True, judge="b"),
            scored(3, True, judge="a", overridden=True),
            scored(4, True, refused=True, judge=None),
        ]
    )
    assert (found.judges, found.n_overridden) == ({"a": 2, "b": 1}, 1)
    assert found.groups[0].refusals == 1


def test_a_refusal_without_words_says_so_in_its_sample() -> None:
    [group] = digest([scored(0, True, refused=True)]).groups
    assert group.passing[0].answer == "(it refused)"


def test_an_excerpt_shows_the_part_that_the_verdict_rests_on() -> None:
    text = "lead " * 400 + "the damning words" + " tail" * 400
    cut = excerpt(text, 100, around="the damning words")
    assert "the damning words" in cut
    assert (len(cut), cut[0], cut[-1]) == (100, "…", "…")


@given(st.text(), st.integers(3, 50), st.none() | st.text())
def test_an_excerpt_is_one_short_line(text: str, most: int, around: str | None) -> None:
    cut = excerpt(text, most, around)
    assert len(cut) <= most
    assert cut.isprintable()
