"""Shards cut a run into pieces that are disjoint and leave nothing out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.shard import Plan

plans = st.builds(Plan, st.integers(0, 3_000), st.integers(1, 5), st.integers(1, 300))


@given(plans)
def test_every_case_of_every_epoch_is_in_exactly_one_shard(plan: Plan) -> None:
    covered = [
        (position, shard.epoch) for shard in plan for position in range(shard.start, shard.stop)
    ]
    assert len(covered) == len(set(covered)) == plan.cases * plan.epochs
    assert set(covered) == {(p, e) for p in range(plan.cases) for e in range(plan.epochs)}


@given(plans)
def test_shards_are_numbered_in_order_and_no_larger_than_the_size(plan: Plan) -> None:
    assert [shard.number for shard in plan] == list(range(len(plan)))
    assert all(0 < len(shard) <= plan.size for shard in plan)


def test_there_is_no_shard_beyond_the_last() -> None:
    with pytest.raises(IndexError):
        Plan(10, 1, 4)[3]
