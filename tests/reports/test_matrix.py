"""Each mode has the cases it says, in the order asked for, and pages meet without gap or repeat."""

import numpy as np
import pytest

from reports.test_comparison import scores
from weighbridge.core.outcome import Status
from weighbridge.reports.matrix import (
    BINS,
    Picked,
    Sieve,
    beside,
    pick,
    position_of,
    spots_at,
    together,
)

FAILED, UNGRADED = Status.FAILED, Status.UNGRADED
A = scores({"same": 1.0, "up": 0.0, "down": 1.0, "lost": 1.0, "low": 0.0, "mine": 1.0})
B = scores({"same": 1.0, "up": 1.0, "down": 0.0, "lost": FAILED, "low": 0.0, "yours": 1.0})


def positions(found: Picked) -> list[int | None]:
    return [row[0].position for row in found.rows]


@pytest.mark.parametrize(
    ("mode", "wanted"),
    [
        ("all", [0, 1, 2, 3, 4, 5]),
        ("different", [1, 2, 3]),
        ("regressions", [2]),
        ("failures", [1, 2, 3, 4]),
    ],
)
def test_each_mode_has_its_cases(mode: str, wanted: list[int]) -> None:
    found = pick([A, B], Sieve("s", mode))
    assert positions(found) == wanted
    assert found.counts == {"all": 6, "different": 3, "regressions": 1, "failures": 4}
    assert not found.more


def test_a_failed_call_is_never_a_regression() -> None:
    assert 3 not in positions(pick([A, B], Sieve("s", "regressions")))


def test_a_case_that_a_run_does_not_know_is_said_to_be_missing() -> None:
    [row] = pick([A, B], Sieve("s", among=[5])).rows
    assert (row[1].position, row[1].state, row[1].value) == (None, 3, None)


def test_cases_are_found_wherever_they_stand_in_the_other_run() -> None:
    turned = scores({"low": 0.25, "same": 0.5, "up": 0.75})
    rows = pick([A, turned], Sieve("s")).rows
    assert [row[1].position for row in rows] == [1, 2, None, None, 0, None]
    assert [row[1].value for row in rows] == [0.5, 0.75, None, None, 0.25, None]


def test_two_runs_over_the_same_cases_meet_place_by_place() -> None:
    one = scores({f"c{n}": 0.1 * n for n in range(6)})
    other = scores({f"c{n}": 0.1 * n - 0.01 * (n % 3) for n in range(6)})
    rows = pick([one, other], Sieve("s", "regressions")).rows
    assert [(row[0].position, row[1].position) for row in rows] == [(1, 1), (2, 2), (4, 4), (5, 5)]


def test_of_several_runs_any_one_counts() -> None:
    one = scores({"x": 1.0, "y": 1.0, "z": 1.0})
    runs = [one, scores({"x": 1.0, "y": 0.0, "z": 1.0}), scores({"x": 1.0, "y": 1.0, "z": 0.5})]
    assert positions(pick(runs, Sieve("s", "regressions"))) == [1, 2]
    assert positions(pick(runs, Sieve("s", "failures"))) == [1]


def test_where_low_is_good_a_rise_is_the_regression() -> None:
    one, other = scores({"x": 0.2, "y": 0.2}), scores({"x": 0.4, "y": 0.1})
    sieve = Sieve("s", "regressions", lower_is_better=True, passing=None)
    assert positions(pick([one, other], sieve)) == [0]


def test_without_a_passing_score_only_what_has_none_is_a_failure() -> None:
    one, other = scores({"x": -5.0, "y": 1.0}), scores({"x": 0.0, "y": UNGRADED})
    assert positions(pick([one, other], Sieve("s", "failures", passing=None))) == [1]


@pytest.mark.parametrize("largest_first", [True, False])
def test_pages_meet_and_neighbours_are_the_cases_beside(largest_first: bool) -> None:
    chance = np.random.default_rng(3)
    one = scores({f"c{n}": float(chance.random()) for n in range(40)})
    other = scores({f"c{n}": float(chance.random()) for n in range(40)})
    sieve = Sieve("s", "regressions", largest_first=largest_first)
    every = positions(pick([one, other], sieve))
    assert len(every) > 10
    read: list[int | None] = []
    while True:
        page = pick([one, other], sieve, after=read[-1] if read else None, limit=3)
        read += positions(page)
        if not page.more:
            break
    assert read == every
    for before, this, after in zip([None, *every], every, [*every[1:], None], strict=False):
        assert this is not None
        assert beside([one, other], sieve, this) == (before, after)
    if largest_first:
        moved = [other.values["s"][at] - one.values["s"][at] for at in every]
        assert moved == sorted(moved)


def test_a_case_outside_the_mode_stands_between_those_of_it() -> None:
    assert beside([A, B], Sieve("s", "regressions"), 1) == (None, 2)
    assert beside([A, B], Sieve("s", "regressions"), 4) == (2, None)


def test_a_case_is_found_by_its_id_and_by_its_place() -> None:
    assert position_of(A, "lost") == 3
    assert position_of(A, "nobody") is None
    found = spots_at([A, B], "s", 2)
    assert found is not None
    assert [spot.value for spot in found] == [1.0, 0.0]
    assert spots_at([A, B], "s", 99) is None


def test_passes_and_failures_are_a_table_of_four() -> None:
    found = together(A, B, "s")
    assert found.binary
    assert found.n == 4
    assert found.table == {(1, 1): 1, (1, 0): 1, (0, 1): 1, (0, 0): 1}


def test_few_graded_cases_are_points_and_many_are_bins() -> None:
    few = {f"c{n}": n / 10 for n in range(11)}
    found = together(scores(few), scores({key: 1 - value for key, value in few.items()}), "s")
    assert not found.binary
    assert found.points[2] == (2, 0.2, pytest.approx(0.8))
    many = {f"c{n}": n / 3_000 for n in range(3_000)}
    found = together(scores(many), scores(many), "s")
    assert found.points == ()
    assert len(found.bins) == len(found.bins[0]) == BINS
    assert sum(sum(row) for row in found.bins) == 3_000
    assert sum(count for _, _, count in found.differences) == 3_000
    assert all(found.bins[y][x] == 0 for y in range(BINS) for x in range(BINS) if x != y)


def test_runs_that_share_no_scored_case_have_nothing_to_draw() -> None:
    found = together(scores({"x": 1.0}), scores({"x": FAILED}), "s")
    assert (found.n, found.table, found.points) == (0, {}, ())


def test_scores_that_are_all_alike_can_be_drawn() -> None:
    found = together(scores({"x": 3.0, "y": 3.0}), scores({"x": 3.0, "y": 3.0}), "s")
    assert found.edges_a[0] < 3.0 < found.edges_a[-1]
