"""Progress: what is counted, and how often it is shown."""

import pytest

from weighbridge.cli.progress import Lines, Pace, Snapshot, counters, shown, speed
from weighbridge.cli.progress_bar import Bar


def at(done: int, total: int = 1000, failed: int = 0, in_flight: int | None = None) -> Snapshot:
    return Snapshot(done, total, failed, 0, 10 * done, None, in_flight)


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_pace_is_that_of_the_last_twenty_seconds() -> None:
    clock = Clock()
    pace = Pace(clock)
    for second in range(60):
        clock.now = 100.0 + second
        pace.note(second * (10 if second < 30 else 50))
    assert pace.per_second == pytest.approx(50, rel=0.05)
    assert pace.seconds_left(500) == pytest.approx(10, rel=0.05)


def test_there_is_no_pace_before_there_are_two_moments() -> None:
    pace = Pace(Clock())
    assert pace.per_second is None
    pace.note(5)
    assert pace.per_second is None
    assert pace.seconds_left(10) is None
    assert speed(at(5), pace) == ""


def test_the_counters_name_what_is_there_and_leave_out_the_rest() -> None:
    assert counters(at(10, failed=2, in_flight=64)) == (
        "10/1,000 done, 2 failed, 64 in flight, 100 tokens"
    )
    assert counters(Snapshot(3, 3, 0, 1, 0, 0.5, 0)) == "3/3 done, 1 ungraded, $0.5000"


def test_lines_say_start_way_and_end(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    run = Lines(clock).begin("parrot", at(100))
    clock.now += 10
    run.show(at(600))
    clock.now += 10
    run.end(at(1000))
    assert capsys.readouterr().err.splitlines() == [
        "parrot: 1,000 cases, 100 of them done already",
        "parrot: 600/1,000 done, 6,000 tokens, 50.0/s, 8.00 s left",
        "parrot: 1,000/1,000 done, 10,000 tokens, 20.0 s, 45.0/s",
    ]


async def test_a_display_ends_even_when_the_work_fails(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError):
        async with shown(Lines(), "parrot", lambda: at(0)):
            raise RuntimeError
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_the_bar_shows_the_counters(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # a terminal, as far as rich is concerned
    run = Bar().begin("parrot [bold]", at(0))
    run.show(at(500, in_flight=64))
    run.end(at(1000))
    shown_text = capsys.readouterr().err
    assert "parrot [bold]" in shown_text
    assert "500/1,000 done, 64 in flight" in shown_text
    assert "1,000/1,000 done" in shown_text


def test_two_runs_have_a_bar_each_that_stand_when_both_have_ended(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    bar = Bar()
    parrot, cat = bar.begin("parrot", at(0)), bar.begin("cat", at(0))
    parrot.show(at(500))
    cat.show(at(250))
    assert "cat: 250/1,000 done" in capsys.readouterr().err
    parrot.end(at(1000))
    cat.show(at(750))  # goes on
    cat.end(at(1000))
    last = capsys.readouterr().err
    assert "parrot: 1,000/1,000 done" in last
    assert "cat: 750/1,000 done" in last
    assert "cat: 1,000/1,000 done" in last
    bar.begin("parrot", at(0)).end(at(20))  # another command's worth of it begins anew
    assert "cat" not in capsys.readouterr().err
