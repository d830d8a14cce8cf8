"""Rows that are put together without a model: they show what was drawn, and are rows of the seeds
otherwise."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.synthesis.measuring import measure
from weighbridge.synthesis.reading import SeedSample
from weighbridge.synthesis.recombining import Recombining

ROWS = [
    {"City": "Rome", "age": age, "plan": "free" if age < 40 else "paid", "id": f"r{age}"}
    for age in range(20, 60, 5)
] + [{"City": "Oslo", "age": 33, "plan": "paid", "id": "o33"}]
VALUES = {
    "city": ["Rome", "Oslo", "Bonn"],
    "age": ["under 30", "30-39", "40+"],
    "tone": ["warm", "cold"],
}


def test_a_row_shows_what_was_drawn() -> None:
    made = Recombining(ROWS, VALUES, 1)
    for number in range(50):
        row = made.row(number, {"city": "Oslo", "age": "under 30", "tone": "warm"})
        assert row["City"] == "Oslo"
        assert row["age"] in {20, 25}


def test_a_row_that_shows_it_already_stays_whole() -> None:
    made = Recombining(ROWS, VALUES, 1)
    for number in range(50):
        row = made.row(number, {"city": "Rome", "age": "40+"})
        assert row in ROWS
        assert row["plan"] == "paid"


def test_a_value_that_no_row_has_is_written_in() -> None:
    assert Recombining(ROWS, VALUES, 1).row(0, {"city": "Bonn"})["City"] == "Bonn"
    numbers = Recombining(ROWS, {"age": ["70"]}, 1).row(0, {"age": "70"})
    assert numbers["age"] == 70


def test_what_is_no_column_is_told() -> None:
    assert Recombining(ROWS, VALUES, 1).hidden == ("tone",)


def test_the_same_seed_gives_the_same_rows_and_another_seed_others() -> None:
    tags = {"city": "Rome", "age": "30-39"}
    first = [Recombining(ROWS, VALUES, 1).row(n, tags) for n in range(30)]
    assert first == [Recombining(ROWS, VALUES, 1).row(n, tags) for n in range(30)]
    assert first != [Recombining(ROWS, VALUES, 2).row(n, tags) for n in range(30)]
    assert len(Counter(row["id"] for row in first)) == 2


@pytest.mark.parametrize(
    ("value", "inside"),
    [
        ("30-40", {30, 35, 40}),
        ("30 to 40", {30, 35, 40}),
        ("[30 .. 40]", {30, 35, 40}),
        ("< 30", {20, 25}),
        ("<= 30", {20, 25, 30}),
        ("at least 50", {50, 55}),
        ("over 50", {55}),
        ("55+", {55}),
        ("35", {35}),
    ],
)
def test_a_range_holds_the_numbers_that_it_names(value: str, inside: set[int]) -> None:
    rows = [{"age": age} for age in range(20, 60, 5)]
    made = Recombining(rows, {"age": [value]}, 3)
    assert {made.row(n, {"age": value})["age"] for n in range(200)} == inside


@given(st.text(max_size=40))
def test_any_text_may_be_a_value(value: str) -> None:
    row = Recombining(ROWS, {"city": [value]}, 1).row(0, {"city": value})
    assert set(row) == set(ROWS[0])


def test_what_was_measured_says_what_each_row_shows() -> None:
    rows = [
        {
            "joined": f"20{10 + n % 4}-0{1 + n % 3}-11",
            "note": "word " * (4 + 30 * (n % 2)),
            "age": n * 7 % 50,
        }
        for n in range(60)
    ]
    samples = [SeedSample(f"sample_{n}", (), row) for n, row in enumerate(rows)]
    traits = {trait.name: trait for trait in measure(samples).traits}
    assert {"joined", "note length", "age"} <= set(traits)
    values = {name: trait.values for name, trait in traits.items()}
    made = Recombining(rows, values, 1, tuple(traits.values()))
    assert made.hidden == ()
    for number in range(60):
        tags = {name: it[number % len(it)] for name, it in values.items()}
        row = made.row(number, tags)
        for name, column in {"joined": "joined", "note length": "note", "age": "age"}.items():
            shows = {
                rows[at][column] for at, it in enumerate(traits[name].labels) if it == tags[name]
            }
            assert row[column] in shows
