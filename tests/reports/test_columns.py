"""Scores come back from a file as they were, and from a damaged one not at all."""

import numpy as np
import pytest

from weighbridge.core.outcome import Status
from weighbridge.reports.columns import pack, size_of, unpack
from weighbridge.reports.comparison import RunScores, RunScoresBuilder


def built(*, clustered: bool) -> RunScores:
    builder = RunScoresBuilder(["exact", "a.b-2"], clustered=clustered)
    builder.add(0, "one", "c", 0.5, [1.0, 0.25])
    builder.add(3, "two", "c", None, [Status.FAILED, Status.UNGRADED])
    return builder.finish()


@pytest.mark.parametrize("clustered", [True, False])
def test_what_is_packed_comes_back(clustered: bool) -> None:
    before = built(clustered=clustered)
    after = unpack(pack(before))
    assert after is not None
    assert list(after.values) == ["exact", "a.b-2"]
    for key in before.values:
        np.testing.assert_array_equal(after.values[key], before.values[key])
        np.testing.assert_array_equal(after.states[key], before.states[key])
    np.testing.assert_array_equal(after.ids, before.ids)
    np.testing.assert_array_equal(after.positions, before.positions)
    assert (after.clusters is None) == (not clustered)
    assert (after.latencies, after.first_id) == (before.latencies, "one")
    assert size_of(after) == size_of(before) > 0


def test_a_run_without_a_case_comes_back() -> None:
    after = unpack(pack(RunScoresBuilder(["s"]).finish()))
    assert after is not None
    assert (len(after), after.latencies, after.first_id) == (0, None, None)


@pytest.mark.parametrize("cut", [0, 10, 200])
def test_a_damaged_file_gives_nothing(cut: int) -> None:
    assert unpack(pack(built(clustered=True))[:cut]) is None


def test_a_file_of_something_else_gives_nothing() -> None:
    assert unpack(b"PK\x03\x04 and then none of it") is None
