"""What samples are like: their form, their copies, their variety."""

import orjson
import pytest

from weighbridge.core.synthesis import Shape
from weighbridge.synthesis.inspecting import Inspecting
from weighbridge.synthesis.reading import SeedSample
from weighbridge.synthesis.sample_form import Column, SampleForm

TABLE = SampleForm(
    Shape.SINGLE_FILE,
    ".csv",
    columns=(Column("id", "integer", False), Column("age", "integer", False)),
)


def test_samples_that_are_not_of_the_form_are_counted_with_the_reasons() -> None:
    inspecting = Inspecting(TABLE, [], 4)
    for number, age in enumerate([1, 2, "old", None], start=1):
        inspecting.add(f"sample_{number}", orjson.dumps({"id": number, "age": age}).decode())
    found = inspecting.finish()["validity"]
    assert (found["samples"], found["valid"], found["share"]) == (4, 2, 0.5)
    assert found["low"] < 0.5 < found["high"]
    assert found["problems"] == {
        "the column age holds no integer": 1,
        "the column age is empty": 1,
    }
    assert [it["sample"] for it in found["examples"]] == ["sample_3", "sample_4"]


def test_a_row_that_is_a_seed_but_for_its_number_is_a_copy() -> None:
    seeds = [SeedSample(f"sample_{n}", (), {"id": n, "age": 20 + 7 * n % 10}) for n in range(10)]
    inspecting = Inspecting(TABLE, seeds, 1)
    inspecting.add("sample_1", '{"id": 999, "age": 25}')
    found = inspecting.finish()
    assert found["duplicates"]["against_seeds"]["exact"]["count"] == 1
    assert found["table"]["keys"] == ["id"]


def test_files_are_compared_by_all_that_is_in_them() -> None:
    form = SampleForm(Shape.MULTI_FOLDER, "", names=("letter.txt", "note.txt"))
    files = (("letter.txt", "Dear bank"), ("note.txt", "urgent"))
    inspecting = Inspecting(form, [SeedSample("a", files, None)], 2)
    inspecting.add("sample_1", orjson.dumps(dict(files)).decode())
    inspecting.add("sample_2", '{"letter.txt": "Dear bank", "note.txt": "no hurry"}')
    found = inspecting.finish()
    assert found["duplicates"]["against_seeds"]["exact"]["count"] == 1
    assert found["table"] is None
    assert found["diversity"]["samples"]["vocabulary"] == 5


def test_seeds_and_samples_are_compared_by_as_many_words() -> None:
    form = SampleForm(Shape.MULTI_FILE)
    seed = SeedSample("a.txt", (("a.txt", "one two three four"),), None)
    inspecting = Inspecting(form, [seed], 1)
    inspecting.add("sample_1", "one one two two three three four four five six")
    found = inspecting.finish()["diversity"]
    assert found["samples"]["vocabulary"] == 6
    assert found["samples_by_as_many_words"]["distinct_1"] == pytest.approx(0.5)
    assert found["seeds_by_as_many_words"]["distinct_1"] == 1.0


def test_samples_without_seeds_are_compared_with_each_other_alone() -> None:
    inspecting = Inspecting(SampleForm(Shape.MULTI_FILE), [], 2)
    inspecting.add("sample_1", "Dear bank")
    inspecting.add("sample_2", "Dear bank!")
    found = inspecting.finish()
    assert found["duplicates"]["among_samples"]["exact"]["count"] == 1
    assert found["duplicates"]["against_seeds"]["seeds"] == 0
    assert found["diversity"]["seeds_by_as_many_words"] is None
    assert orjson.dumps(found)


def test_rows_that_are_nothing_but_numbers_in_a_row_are_compared_by_those() -> None:
    seeds = [SeedSample(f"sample_{n}", (), {"id": n, "age": n}) for n in range(10)]
    inspecting = Inspecting(TABLE, seeds, 2)
    inspecting.add("sample_1", '{"id": 5, "age": 5}')
    inspecting.add("sample_2", '{"id": 77, "age": 77}')
    found = inspecting.finish()["duplicates"]
    assert found["among_samples"]["exact"]["count"] == 0
    assert found["against_seeds"]["exact"]["count"] == 1
