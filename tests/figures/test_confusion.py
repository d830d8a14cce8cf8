"""The picture of what was taken for what."""

import pytest

from weighbridge.figures.confusion import MOST_LABELS, confusion_figure, labels_of


def test_a_row_is_an_expected_label_and_its_shares_add_up_to_one() -> None:
    figure = confusion_figure({"cat": {"cat": 3, "dog": 1}, "dog": {"dog": 2}})
    [trace] = figure.data
    assert list(trace.x) == list(trace.y) == ["cat", "dog"]
    assert [list(row) for row in trace.z] == [[0.75, 0.25], [0.0, 1.0]]
    assert {(it.x, it.y, it.text) for it in figure.layout.annotations} == {
        ("cat", "cat", "3"),
        ("dog", "cat", "1"),
        ("dog", "dog", "2"),
    }


def test_a_label_that_is_only_given_has_a_row_of_its_own() -> None:
    figure = confusion_figure({"cat": {"fish": 1}})
    assert list(figure.data[0].y) == ["cat", "fish"]
    assert [list(row) for row in figure.data[0].z] == [[0.0, 1.0], [0.0, 0.0]]


def test_of_very_many_labels_the_most_frequent_are_drawn() -> None:
    confusion = {f"label {n:02}": {f"label {n:02}": n + 1} for n in range(60)}
    figure = confusion_figure(confusion)
    assert len(figure.data[0].x) == MOST_LABELS
    assert figure.data[0].x[0] == "label 59"
    assert len(labels_of(confusion)) == 60


@pytest.mark.parametrize("confusion", [{}, {"a": {}}])
def test_nothing_to_show_is_no_error(confusion: dict[str, dict[str, int]]) -> None:
    assert confusion_figure(confusion).layout.height > 0


def test_labels_may_have_an_order_and_rows_and_columns_names_of_their_own() -> None:
    counts = {"fail": {"fail": 3, "pass": 1}, "pass": {"pass": 4}}
    figure = confusion_figure(counts, labels=["pass", "fail"], rows="people", columns="judge")
    [trace] = figure.data
    assert trace.x == trace.y == ("pass", "fail")
    assert [list(row) for row in trace.z] == [[1.0, 0.0], [0.25, 0.75]]
    assert "people %{y}, judge %{x}" in trace.hovertemplate
    assert figure.layout.yaxis.title.text == "people"
