"""When a run ends is told from how fast it went of late."""

from datetime import timedelta

import pytest

from weighbridge.core.outcome import Usage
from weighbridge.core.run import Progress, Run, RunState
from weighbridge.store.moments import now
from weighbridge.web.pace import Pace


def run(done: int, state: RunState = RunState.RUNNING, began_s: float | None = 100.0) -> Run:
    began = None if began_s is None else now() - timedelta(seconds=began_s)
    return Run(
        *("run_1", "ws", "eval_1", "m", state, None, Progress(done, 1_000), Usage(), ()),
        *(now(), began, None),
    )


def test_the_pace_of_late_counts_and_not_that_of_the_whole_run() -> None:
    moment = [0.0]
    pace = Pace(lambda: moment[0])
    assert pace.rate(run(100)) == pytest.approx(1.0, rel=0.01), "at first all that is known"
    moment[0] = 10.0
    assert pace.rate(run(150)) == pytest.approx(5.0)
    assert pace.left_s(run(150)) == pytest.approx(850 / 5)
    for second in range(11, 60):
        moment[0] = float(second)
        pace.rate(run(150 + (second - 10) * 20))
    assert pace.rate(run(1_130)) == pytest.approx(20, rel=0.01), "what was before is forgotten"


def test_nothing_is_said_where_nothing_is_known() -> None:
    pace = Pace()
    assert pace.left_s(run(0)) is None
    assert pace.left_s(run(5, began_s=None)) is None
    assert pace.left_s(run(5, RunState.QUEUED)) is None
    assert pace.left_s(run(1_000, RunState.DELIVERING)) is None
    pace.forget(set())
    assert pace._seen == {}
