"""What samples are made of, told from their seeds; and what is read from replies."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.synthesis import SeedFile, Seeds, Shape
from weighbridge.store.moments import now
from weighbridge.synthesis.reading import SeedSample
from weighbridge.synthesis.sample_form import SampleForm, Unfit, form_of


def form(shape: Shape, path: str, samples: Sequence[SeedSample]) -> SampleForm:
    moment = now()
    seeds = Seeds(
        *("seeds_1", "ws_1", "seeds", None, shape),
        (SeedFile("sfile_1", path, "text/plain", 1, "0" * 64),),
        *(0, None, "somebody", moment, moment),
    )
    return form_of(shape, seeds, samples)


def rows(*them: Mapping[str, Any], path: str = "table.jsonl") -> SampleForm:
    samples = [SeedSample(f"sample_{n}", (), row) for n, row in enumerate(them)]
    return form(Shape.SINGLE_FILE, path, samples)


def texts(extension: str, *them: str) -> SampleForm:
    samples = [SeedSample("x", ((f"x{extension}", text),), None) for text in them]
    return form(Shape.MULTI_FILE, f"x{extension}", samples)


def folders(*them: Sequence[str]) -> SampleForm:
    samples = [SeedSample("x", tuple((name, "") for name in names), None) for names in them]
    return form(Shape.MULTI_FOLDER, "x/y.txt", samples)


def test_columns_keep_their_order_and_the_narrowest_kind() -> None:
    found = rows(
        {"id": 1, "price": 2, "ok": True, "name": "x", "any": 1, "code": "007"},
        {"id": 2, "price": 2.5, "ok": False, "name": "", "any": "one", "code": "010", "late": 1},
    )
    assert [(it.name, it.kind, it.optional) for it in found.columns] == [
        ("id", "integer", False),
        ("price", "number", False),
        ("ok", "boolean", False),
        ("name", "text", True),
        ("any", "any", False),
        ("code", "text", False),
        ("late", "integer", True),
    ]


def test_cells_of_a_csv_are_numbers_where_all_of_them_are() -> None:
    found = rows({"a": "1", "b": "1.5", "c": "x"}, {"a": "-2", "b": "3", "c": "4"}, path="t.csv")
    assert [it.kind for it in found.columns] == ["integer", "number", "text"]
    assert found.extension == ".csv"


def test_a_row_is_read_in_the_kinds_of_its_columns() -> None:
    found = rows({"id": 1, "price": 2.5, "ok": True, "name": "x"})
    reply = '{"name": 7, "ok": "TRUE", "price": "3", "id": 4.0, "more": []}'
    sample = found.read(reply)
    assert json.loads(sample) == {"id": 4, "price": 3.0, "ok": True, "name": "7"}
    assert found.problems(sample) == []
    assert found.row(sample) == json.loads(sample)
    assert found.files(sample, 0) == ()


def test_what_is_wrong_with_a_row_is_told_by_column() -> None:
    found = rows({"id": 1, "name": "x", "note": None}, {"id": 2, "name": "y", "note": "z"})
    sample = found.read('{"id": "many", "name": null}')
    assert found.problems(sample) == [
        "the column id holds no integer",
        "the column name is empty",
    ]


@pytest.mark.parametrize("reply", ["", "no", "[1]", "{}", '{"b": 1}'])
def test_a_reply_without_any_column_is_no_row(reply: str) -> None:
    with pytest.raises(Unfit):
        rows({"a": 1}).read(reply)


def test_a_text_is_taken_out_of_the_fence_around_it() -> None:
    found = texts(".md", "# One", "# Two")
    assert found.read("```markdown\n# Hi\n\ntext\n```") == "# Hi\n\ntext"
    inner = "Before\n```\ncode\n```\nafter"
    assert found.read(inner) == inner
    assert found.files("# Hi", 4) == (("sample_5.md", "# Hi"),)
    with pytest.raises(Unfit):
        found.read(" \n")


def test_json_must_be_json_with_the_keys_of_the_seeds() -> None:
    found = texts(".json", '{"a": 1, "b": 2}', '{"b": 3, "a": 4, "c": 5}')
    assert found.fields == ("a", "b")
    assert found.problems('{"b": 1, "a": 1}') == []
    assert found.problems('{"b": 1}') == ["the key a is missing"]
    assert found.problems("[]") == ["it is no JSON object"]
    assert found.problems("{")[0].startswith("it is no JSON")


def test_csv_must_have_the_columns_of_the_seeds_and_whole_rows() -> None:
    found = texts(".csv", "a,b\n1,2\n", "a,b\n3,4\n")
    assert found.problems('a,b\n"1,5",2\n') == []
    assert found.problems("a,c\n1,2\n") == ["the column b is missing"]
    assert found.problems("a,b\n") == ["a CSV has a header and at least one row"]
    assert found.problems("a,b\n1\n") == ["row 2 has 1 cells, and the header 2"]


def test_lines_of_json_are_looked_at_one_by_one() -> None:
    found = texts(".jsonl", "{}\n", "{}\n")
    assert found.problems('{"a": 1}\n\n{"a": 2}\n') == []
    assert found.problems('{"a": 1}\nno\n') == ["line 2 is no JSON"]


def test_a_pdf_is_read_and_plain_text_is_written() -> None:
    assert texts(".pdf", "one", "two").extension == ".txt"


def test_files_of_a_folder_are_called_as_in_most_folders() -> None:
    assert folders(["b.md", "a.json"], ["a.json", "b.md"], ["c.txt"]).names == ("b.md", "a.json")


def test_numbers_in_names_of_files_are_those_of_the_sample() -> None:
    found = folders(["letter_1.md", "data_1.json"], ["letter_2.md", "data_2.json"])
    assert found.names == ("data_*.json", "letter_*.md")
    sample = found.read('{"letter_*.md": "Hi", "data_*.json": "{}"}')
    assert [name for name, _ in found.files(sample, 6)] == ["data_7.json", "letter_7.md"]


def test_folders_that_have_nothing_in_common_are_like_the_first() -> None:
    assert folders(["a.txt"], ["b.txt"]).names == ("a.txt",)
    pages = folders(["page_1.txt", "page_2.txt"], ["page_1.txt", "page_2.txt", "page_3.txt"])
    assert pages.names == ("page_1.txt", "page_2.txt")


def test_an_empty_file_of_a_folder_is_told() -> None:
    found = folders(["a.txt", "b.json"], ["a.txt", "b.json"])
    sample = found.read('{"a.txt": "", "b.json": "{"}')
    problems = found.problems(sample)
    assert problems[0] == "a.txt: it is empty"
    assert problems[1].startswith("b.json: it is no JSON")


def test_without_seeds_a_sample_is_a_text() -> None:
    found = form_of(Shape.MULTI_FILE, None, [])
    assert (found.extension, found.schema(), found.prose) == (".txt", None, True)


@given(st.text())
def test_no_reply_is_more_than_no_sample(reply: str) -> None:
    for found in (rows({"a": 1}), texts(".json", "{}"), folders(["a.csv"], ["a.csv"])):
        try:
            sample = found.read(reply)
        except Unfit:
            continue
        sample.encode()
        assert isinstance(found.problems(sample), list)
