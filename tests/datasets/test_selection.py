"""Which rows are taken: conditions hold or they do not, and a draw is the same every time."""

from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.datasets.selection import Condition, Selection
from weighbridge.errors import InvalidFields

ROWS = [
    {"subject": "math", "level": "3", "text": "Two plus two"},
    {"subject": "physics", "level": "5", "text": "Why is the sky blue"},
    {"subject": "math", "level": None, "text": "Zero"},
    {"subject": "art", "level": 4.5, "text": "WHY red"},
]


def select(where: dict[str, Condition], sample: int | None = None, seed: int = 0) -> Selection:
    return Selection(where, sample, seed, {})


def taken(where: dict[str, Condition]) -> list[int]:
    return [position for position, _ in select(where).matching(ROWS)]


@pytest.mark.parametrize(
    ("where", "positions"),
    [
        ({"subject": Condition(("math",))}, [0, 2]),
        ({"subject": Condition(("art", "physics"))}, [1, 3]),
        ({"subject": Condition(None, ("math",))}, [1, 3]),
        ({"level": Condition(least=4)}, [1, 3]),
        ({"level": Condition(least=3, most=4.5)}, [0, 3]),
        ({"level": Condition((3,))}, [0]),
        ({"level": Condition((None,))}, [2]),
        ({"text": Condition(contains="why")}, [1, 3]),
        ({"subject": Condition(("math",)), "level": Condition(least=1)}, [0]),
        ({}, [0, 1, 2, 3]),
    ],
)
def test_a_row_is_taken_when_it_meets_all_conditions(
    where: dict[str, Condition], positions: list[int]
) -> None:
    assert taken(where) == positions


@pytest.mark.parametrize(
    ("value", "wanted", "same"),
    [
        (True, True, True),
        (True, 1, False),
        ("true", True, True),
        ("1", True, False),
        ("1.0", 1, True),
        (1, 1.0, True),
        ("one", 1, False),
        ("", None, False),
    ],
)
def test_a_number_and_its_digits_are_the_same(value: Any, wanted: Any, same: bool) -> None:
    assert Condition((wanted,)).holds(value) is same


def test_a_column_that_is_not_there_is_refused_with_the_closest_that_is() -> None:
    with pytest.raises(InvalidFields, match=r"where\.Subject: row 1 .*did you mean `subject`"):
        taken({"Subject": Condition(("math",))})


@given(st.integers(1, 200), st.data())
def test_a_draw_is_a_subset_in_order_and_the_same_for_the_same_seed(
    size: int, data: st.DataObject
) -> None:
    positions = array("Q", range(0, 3 * size, 3))
    selection = select({}, data.draw(st.integers(1, size)), data.draw(st.integers(0, 9)))
    drawn = selection.draw(positions)
    assert len(drawn) == selection.sample
    assert list(drawn) == sorted(set(drawn))
    assert set(drawn) <= set(positions)
    assert selection.draw(positions) == drawn


def test_every_row_is_drawn_equally_often() -> None:
    counts = [0] * 10
    for seed in range(2_000):
        for position in select({}, 3, seed).draw(array("Q", range(10))):
            counts[position] += 1
    assert all(abs(count - 600) < 5 * (2_000 * 0.3 * 0.7) ** 0.5 for count in counts)


@pytest.mark.parametrize(
    ("selection", "says"),
    [
        (select({"subject": Condition(("history",))}), "where: no row meets"),
        (select({}, 5), r"sample\.n: 5 rows are to be drawn, and there are 4"),
    ],
)
def test_a_selection_of_nothing_or_of_more_than_there_is_is_refused(
    selection: Selection, says: str
) -> None:
    with pytest.raises(InvalidFields, match=says):
        selection.count(ROWS)
