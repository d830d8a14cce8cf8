"""Figures show the numbers that they are given, and no others."""

from weighbridge.figures.intervals import Point, intervals_figure
from weighbridge.figures.shares import shares_figure


def test_an_interval_is_two_arms_of_its_point() -> None:
    point = Point("exact", 0.5, 0.4, 0.7, "0.5 of 10")
    [trace] = intervals_figure([("parrot", [point])], axis="accuracy").data
    assert trace.x == (0.5,)
    assert [round(it, 6) for it in trace.error_x.array] == [0.2]
    assert [round(it, 6) for it in trace.error_x.arrayminus] == [0.1]
    assert trace.text == ("0.5 of 10",)


def test_a_point_without_an_interval_has_no_arms() -> None:
    [trace] = intervals_figure([("", [Point("a", 1.0, None, None, "")])], axis="x").data
    assert (trace.error_x.array[0], trace.error_x.arrayminus[0]) == (0.0, 0.0)


def test_what_shows_nothing_is_hollow_and_no_difference_has_a_line() -> None:
    points = [Point("a", 0.1, 0.0, 0.2, "", hollow=True), Point("b", 0.5, 0.4, 0.6, "")]
    figure = intervals_figure([("", points)], axis="difference", zero=True)
    assert figure.data[0].marker.symbol == ("circle-open", "circle")
    assert len(figure.layout.shapes) == 1


def test_shares_have_a_bar_for_each_value_of_any_series() -> None:
    figure = shares_figure(
        [("asked for", {"a": 60.0, "b": 40.0}), ("seen", {"a": 50.0, "c": 50.0})]
    )
    asked, seen = figure.data
    assert asked.y == seen.y == ("a", "b", "c")
    assert asked.x == (60.0, 40.0, 0.0)
    assert seen.x == (50.0, 0.0, 50.0)


def test_nothing_is_no_error() -> None:
    assert len(shares_figure([]).data) == 0
    assert len(intervals_figure([], axis="x").data) == 0
