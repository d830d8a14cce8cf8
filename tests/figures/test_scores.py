"""Figures of scores show what they are given, and nothing where there is nothing."""

from weighbridge.figures.scores import heat_figure, histogram_figure, scatter_figure


def test_each_case_is_a_point_beside_the_line_of_no_change() -> None:
    points = [(3, 0.25, 1.0), (8, 0.5, 0.5)]
    figure = scatter_figure(points, axes=("before", "after"), least=0, most=1)
    [trace] = figure.data
    assert list(trace.x) == [0.25, 0.5]
    assert list(trace.y) == [1.0, 0.5]
    assert trace.text[0] == "case 3: 0.250, then 1.000"
    [line] = figure.layout.shapes
    assert (line.x0, line.x1) == (line.y0, line.y1)
    assert figure.layout.xaxis.range == figure.layout.yaxis.range
    assert figure.layout.xaxis.title.text == "before"


def test_many_cases_are_squares_the_more_the_darker() -> None:
    figure = heat_figure([[5, 0], [1, 2]], ([0, 0.5, 1], [0, 0.5, 1]), axes=("before", "after"))
    [trace] = figure.data
    assert list(zip(trace.x, trace.y, strict=True)) == [(0.25, 0.25), (0.25, 0.75), (0.75, 0.75)]
    five, one, two = trace.marker.opacity
    assert one < two < five == 1
    assert trace.text[0] == "0.250, then 0.250: 5 cases"


def test_how_far_scores_moved() -> None:
    figure = histogram_figure([(-1, 0, 2), (0, 1, 7)], axis="after less before")
    [trace] = figure.data
    assert list(trace.x) == [-0.5, 0.5]
    assert list(trace.y) == [2, 7]
    assert trace.text[1] == "+0.000 to +1.000: 7 cases"
