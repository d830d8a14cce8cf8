"""The same evaluation over time: one line as long as the ruler stays, and what changed on it."""

from dataclasses import replace

from weighbridge.core.outcome import Metric
from weighbridge.core.run import RunState
from weighbridge.services.series import courses_of
from weighbridge.store.moments import now
from weighbridge.store.recent import PastRun

METRIC = Metric("accuracy", "exact", 0.5, 0.4, 0.6, 0.95, "wilson", 9, 10, 1, 0)
PARTS = {"dataset": "d", "scorers": "s", "messages": "m", "params": "p", "model": "i"}
RUN = PastRun(
    *("run_1", "eval_1", "nightly", "cli", "small"),
    *(RunState.SUCCEEDED, None, 10, (METRIC,), PARTS, now(), now()),
)


def test_a_changed_prompt_stays_on_the_line_and_is_named() -> None:
    later = replace(RUN, id="run_2", evaluation_id="eval_2", pin_parts=PARTS | {"messages": "x"})
    last = replace(later, id="run_3", pin_parts={**later.pin_parts, "schema": "new"})
    (course,) = courses_of([last, later, RUN])
    (series,) = course.series
    assert [point.run.id for point in series.points] == ["run_1", "run_2", "run_3"]
    assert [point.changed for point in series.points] == [(), ("messages",), ("schema",)]
    assert course.newest is last
    assert series.values("exact") == [(0.5, 0.4, 0.6)] * 3
    assert series.values("other") == []


def test_another_ruler_is_another_line() -> None:
    others = [
        replace(RUN, id="run_2", pin_parts=PARTS | {"scorers": "x"}),
        replace(RUN, id="run_3", pin_parts=PARTS | {"dataset": "x"}),
        replace(RUN, id="run_4", pin_parts=PARTS | {"judging": "x"}),
        replace(RUN, id="run_5", pin_parts=PARTS | {"epochs": "x"}),
        replace(RUN, id="run_6", name="weekly"),
    ]
    courses = courses_of([*reversed(others), RUN])
    assert [course.newest.id for course in courses] == [f"run_{n}" for n in (6, 5, 4, 3, 2, 1)]


def test_each_model_has_its_own_line_in_the_same_evaluation() -> None:
    runs = [
        replace(RUN, id="run_4", model="large"),
        replace(RUN, id="run_3"),
        replace(RUN, id="run_2", model="large"),
        RUN,
    ]
    (course,) = courses_of(runs)
    assert [(it.model, len(it.points)) for it in course.series] == [("large", 2), ("small", 2)]
    assert course.newest.id == "run_4"


def test_old_runs_that_do_not_say_what_determined_them_are_compared_with_their_own_only() -> None:
    old = replace(RUN, pin_parts={})
    runs = [replace(old, id="run_3", evaluation_id="eval_2"), replace(old, id="run_2"), old]
    assert [len(course.series[0].points) for course in courses_of(runs)] == [1, 2]
