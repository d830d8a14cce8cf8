"""kill -9 of `weighbridge run`, and what the endpoint says was paid twice."""

import random
from pathlib import Path

import pytest
from benchmarks.figures import CASES_KILLED, killed_once, undisturbed
from benchmarks.harness import CONCURRENCY, endpoint, project

from weighbridge.jobs.recorder import MOST_UNSAVED


def kill_at(moments: list[float], folder: Path) -> None:
    with endpoint() as other:
        made = project(folder / "kills", other.url, CASES_KILLED)
        expected = undisturbed(made, other)
        for number, moment in enumerate(moments):
            lost, twice = killed_once(made, other, f"killed-{number}", moment, expected)
            assert lost == 0
            assert twice <= CONCURRENCY + MOST_UNSAVED


def test_a_killed_run_loses_nothing_and_pays_little_twice(tmp_path: Path) -> None:
    kill_at([0.5], tmp_path)


@pytest.mark.slow
def test_twenty_kills_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    chance = random.Random(20_26)
    kill_at([chance.random() for _ in range(20)], tmp_path)
