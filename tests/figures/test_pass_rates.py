"""Rows of pass rates, whatever their groups are called."""

from weighbridge.figures.pass_rates import GroupRate, label_of, pass_rates_figure

BIAS = GroupRate("bias", 0.5, 0.2, 0.8, 2, 4)


def test_every_group_has_a_point_with_its_interval_and_the_first_is_on_top() -> None:
    figure = pass_rates_figure([BIAS, GroupRate("hate", 1.0, 0.7, 1.0, 3, 3)], 0.7)
    [trace] = figure.data
    assert list(trace.y) == ["bias", "hate"]
    assert list(trace.error_x.array) == [0.30000000000000004, 0.0]
    assert list(trace.error_x.arrayminus) == [0.3, 0.30000000000000004]
    assert "2 of 4 passed (50.0%, interval 20.0% to 80.0%)" in trace.text[0]
    assert figure.layout.yaxis.autorange == "reversed"
    assert figure.layout.shapes[0].x0 == 0.7


def test_a_group_without_a_verdict_has_no_point() -> None:
    figure = pass_rates_figure([BIAS, GroupRate("empty", None, None, None, 0, 0)], None)
    assert list(figure.data[0].y) == ["bias"]
    assert not figure.layout.shapes


def test_a_name_is_text_and_nothing_that_is_drawn_otherwise() -> None:
    assert label_of('<a href="http://elsewhere">x</a>').startswith("&lt;a href=")
    assert label_of("a\u202eb\n") == "a\ufffdb\ufffd"
    assert len(label_of("x" * 1_000)) == 40
