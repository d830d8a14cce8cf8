"""Nothing is paid for rows that the evaluation cannot be done on."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.case import Case
from weighbridge.core.evaluation import Evaluation, PromptMessage
from weighbridge.datasets.cases import BadRow, UniqueIds, check_rows, make_case
from weighbridge.errors import Invalid


def evaluation(prompt: str = "{question}", **columns: str) -> Evaluation:
    return Evaluation(
        name="x",
        models=("m",),
        messages=(PromptMessage("user", prompt),),
        **columns,  # type: ignore[arg-type]
    )


def check(rows: list[dict[str, Any]], wanted: Evaluation) -> list[dict[str, Any]]:
    return list(check_rows(rows, wanted))


def test_good_rows_pass_unchanged() -> None:
    rows = [{"question": "a", "extra": 1}, {"question": None}]
    assert check(rows, evaluation()) == rows


def test_an_absent_column_is_named_with_row_hint_and_columns() -> None:
    with pytest.raises(BadRow) as caught:
        check([{"id": 1, "question": "x"}], evaluation("{qestion}"))
    assert caught.value.row == 1
    assert caught.value.message == (
        "row 1: the prompt names the column `qestion`, which this row does not have; did you mean "
        "`question`? (columns: `id`, `question`)"
    )


@pytest.mark.parametrize(
    ("column", "place"),
    [("target_column", "target"), ("id_column", "id"), ("cluster_column", "cluster")],
)
def test_every_column_that_has_a_meaning_must_be_in_every_row(column: str, place: str) -> None:
    rows = [{"question": "a", "x": "1"}, {"question": "b"}]
    with pytest.raises(BadRow, match=f"row 2: `{place}` names the column `x`"):
        check(rows, evaluation(**{column: "x"}))


def test_columns_of_images_and_of_all_messages_are_checked() -> None:
    messages = (PromptMessage("system", "{a}"), PromptMessage("user", "", ("{picture}",)))
    with pytest.raises(BadRow, match="`picture`"):
        check([{"a": 1}], Evaluation("x", ("m",), messages))


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("images", "https://h/x.png", None),
        ("images", "http://minio.lan/x.png", None),
        ("images", "data:image/png;base64,AA==", None),
        ("images", "", None),
        ("images", None, None),
        ("videos", "data:video/mp4;base64,AA==", None),
        ("images", "photos/1.png", "`photos/1.png` is neither an https: address nor"),
        ("images", "/etc/passwd", "files are not read"),
        ("images", "file:///etc/passwd", "neither an https: address"),
        ("images", "gs://bucket/x.png", "neither an https: address"),
        ("images", "data:video/mp4;base64,AA==", "`data:image/…;base64,…`"),
        ("videos", "data:image/png;base64,AA==", "`data:video/…;base64,…`"),
        ("images", "data:image/png,AA==", "with data in it"),
        ("images", "data:image/png;base64,", "with data in it"),
    ],
)
def test_what_is_no_address_of_an_image_or_video_is_refused_with_its_row(
    field: str, value: str | None, problem: str | None
) -> None:
    message = PromptMessage("user", "what?", **{field: ("{medium}",)})  # type: ignore[arg-type]
    looked_at = Evaluation("x", ("m",), (message,))
    rows = [{"medium": "https://h/first"}, {"medium": value}]
    if problem is None:
        assert check(rows, looked_at) == rows
        return
    with pytest.raises(BadRow) as caught:
        check(rows, looked_at)
    assert caught.value.row == 2
    assert problem in caught.value.message


def test_json_in_a_prompt_gets_a_hint_about_braces() -> None:
    with pytest.raises(BadRow, match="written twice"):
        check([{"question": "a"}], evaluation('Answer as {"answer": 1}: {question}'))


def test_rows_pass_before_later_ones_are_read() -> None:
    def endless() -> Iterator[dict[str, Any]]:
        number = 0
        while True:
            number += 1
            yield {"question": number}

    passed = check_rows(endless(), evaluation())
    assert [next(passed), next(passed)] == [{"question": 1}, {"question": 2}]


def test_no_rows_are_refused() -> None:
    with pytest.raises(Invalid, match="no rows"):
        check([], evaluation())


def test_a_duplicate_id_is_refused_with_both_rows() -> None:
    rows = [{"question": "a", "id": name} for name in ("x", "y", "x")]
    with pytest.raises(BadRow, match="rows 1 and 3 have the same id `x`") as caught:
        check(rows, evaluation(id_column="id"))
    assert caught.value.row == 3


def test_ids_that_read_the_same_are_the_same() -> None:
    rows = [{"question": "a", "id": 1}, {"question": "b", "id": "1"}]
    with pytest.raises(BadRow, match="rows 1 and 2"):
        check(rows, evaluation(id_column="id"))


@pytest.mark.parametrize(
    ("value", "said"),
    [("", "empty"), ("  ", "empty"), (None, "null"), ([1], "neither text nor number")],
)
def test_an_id_must_say_something(value: object, said: str) -> None:
    rows = [{"question": "a", "id": "1"}, {"question": "b", "id": value}]
    with pytest.raises(BadRow, match=f"row 2: the id in column `id` is {said}"):
        check(rows, evaluation(id_column="id"))


def test_duplicates_far_into_a_file_are_found_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(UniqueIds, "EXACT", 100)
    names = [f"q{i}" for i in range(30_000)]
    rows = [{"question": "a", "id": name} for name in names]
    assert len(check(rows, evaluation(id_column="id"))) == 30_000
    rows[29_000]["id"] = "q12345"
    with pytest.raises(BadRow, match="rows 12346 and 29001 have the same id"):
        check(rows, evaluation(id_column="id"))


@given(st.lists(st.text(min_size=1, max_size=2), max_size=30), st.integers(0, 5))
def test_exactly_the_lists_with_a_repetition_are_refused(names: list[str], exact: int) -> None:
    ids = UniqueIds()
    ids.EXACT = exact  # type: ignore[misc]
    refused = False
    try:
        for row, name in enumerate(names, 1):
            ids.add(row, name)
        ids.finish()
    except BadRow:
        refused = True
    assert refused == (len(set(names)) < len(names))


def test_a_case_takes_id_target_and_cluster_from_its_row() -> None:
    row = {"question": "a", "n": 7, "answer": ["x"], "source": 3}
    wanted = evaluation(id_column="n", target_column="answer", cluster_column="source")
    assert make_case(4, row, wanted) == Case(4, "7", row, ["x"], "3")


def test_a_case_without_such_columns_is_called_by_its_position() -> None:
    row = {"question": "a"}
    assert make_case(4, row, evaluation()) == Case(4, "4", row, None, None)


def test_a_case_whose_cluster_is_null_has_none() -> None:
    row = {"question": "a", "source": None}
    assert make_case(0, row, evaluation(cluster_column="source")).cluster is None
