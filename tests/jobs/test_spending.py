"""A budget stops a run when it is used up, whoever used it."""

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.evaluation import Budget
from weighbridge.core.outcome import Usage
from weighbridge.jobs.spending import Spending

usages = st.builds(
    Usage,
    st.integers(0, 10_000),
    st.integers(0, 10_000),
    st.none() | st.floats(0, 10),
    st.integers(0, 6),
)


@given(st.lists(usages))
def test_without_a_budget_nothing_is_ever_exhausted(spent: list[Usage]) -> None:
    spending = Spending(Budget(), Usage())
    for usage in spent:
        spending.add(usage)
    assert not spending.exhausted


def test_a_budget_in_dollars_counts_what_the_run_had_cost_before() -> None:
    spending = Spending(Budget(usd=1.0), Usage(cost_usd=0.75))
    spending.add(Usage(cost_usd=0.125))
    assert not spending.exhausted
    spending.add(Usage(cost_usd=0.125))
    assert spending.exhausted


def test_a_budget_in_tokens_counts_both_directions() -> None:
    spending = Spending(Budget(tokens=100), Usage())
    spending.add(Usage(60, 39))
    assert not spending.exhausted
    spending.add(Usage(1, 0))
    assert spending.exhausted


def test_what_other_workers_spent_counts_too() -> None:
    spending = Spending(Budget(tokens=100), Usage())
    spending.add(Usage(10, 10))
    spending.observe_total(Usage(60, 30))
    assert not spending.exhausted
    spending.add(Usage(5, 5))
    assert spending.exhausted


@given(st.lists(usages), usages)
def test_rows_of_ours_that_are_not_written_yet_are_not_counted_twice(
    spent: list[Usage], before: Usage
) -> None:
    spending = Spending(Budget(tokens=1), before)
    for usage in spent:
        spending.add(usage)
    total = spending.total
    spending.observe_total(before)  # the store has none of our rows yet
    assert spending.total.input_tokens == total.input_tokens
    assert spending.total.output_tokens == total.output_tokens
