"""One function per figure; each prints its ratio and what it is a ratio of."""

import json
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.harness import (
    CONCURRENCY,
    Endpoint,
    Project,
    endpoint,
    measure,
    project,
    spread,
    start,
    succeeded,
)

ROUNDS = 3
CASES_KILLED = 2_000


def throughput(folder: Path) -> None:
    """10,000 samples, latency 0: whole process, start-up and storing included."""
    with endpoint() as other:
        made = project(folder / "throughput", other.url, 10_000)
        ratios, ours, bare = [], [], []
        for round_ in range(ROUNDS):
            other.configure()
            baseline = measure(made.bare(other.url))
            other.configure()
            run = measure(made.run(str(made.evaluation), data=f"data-{round_}"))
            _all_right(succeeded(run), 10_000)
            ratios.append(baseline.wall_s / run.wall_s)
            ours.append(10_000 / run.wall_s)
            bare.append(10_000 / baseline.wall_s)
    _print(
        "throughput",
        "samples/s of `weighbridge run` over those of a bare aiohttp script, latency 0",
        spread(ratios),
        "at least 0.6",
        f"{statistics.median(ours):,.0f} against {statistics.median(bare):,.0f} samples/s",
    )


def latency(folder: Path) -> None:
    """10,000 samples, latency 200 ms: samples per second while running."""
    with endpoint() as other:
        made = project(folder / "latency", other.url, 10_000)
        ratios, ours = [], []
        limit = CONCURRENCY / 0.2
        for round_ in range(ROUNDS):
            other.configure(latency_ms=200)
            measure(made.bare(other.url))
            bare = 10_000 / other.stats()["span_s"]
            other.configure(latency_ms=200)
            run = measure(made.run(str(made.evaluation), data=f"data-{round_}"))
            _all_right(succeeded(run), 10_000)
            rate = 10_000 / other.stats()["span_s"]
            ours.append(rate)
            ratios.append(rate / min(limit, bare))
    _print(
        "latency",
        "samples/s while running over 256 / 0.2 s, or the bare script where that is lower",
        spread(ratios),
        "at least 0.95",
        f"{statistics.median(ours):,.0f} samples/s; the limit is {limit:,.0f}",
    )


def memory(folder: Path) -> None:
    """Peak memory at 200,000 cases over that at 10,000."""
    peaks = {}
    with endpoint() as other:
        for count in (10_000, 200_000):
            other.configure(track=False)
            made = project(folder / f"memory-{count}", other.url, count)
            run = measure(made.run(str(made.evaluation)))
            _all_right(succeeded(run), count)
            peaks[count] = run.peak_mb
    _print(
        "memory",
        "peak resident memory at 200,000 cases over that at 10,000",
        f"{peaks[200_000] / peaks[10_000]:.3f}",
        "at most 1.25",
        f"{peaks[200_000]:.0f} MiB against {peaks[10_000]:.0f} MiB",
    )


def kills(folder: Path, times: int = 20, seed: int = 1) -> None:
    """kill -9 at random moments of a run of 2,000 cases."""
    chance = random.Random(seed)
    with endpoint() as other:
        made = project(folder / "kills", other.url, CASES_KILLED)
        expected = undisturbed(made, other)
        worst = total = lost = 0
        for number in range(times):
            moment = chance.random()
            missing, twice = killed_once(made, other, f"killed-{number}", moment, expected)
            worst, total, lost = max(worst, twice), total + twice, lost + missing
    _print(
        "kills",
        f"lost cases after {times} x kill -9, results identical to an undisturbed run",
        f"{lost}",
        "0",
        f"paid twice at most {worst} a kill (allowed: {CONCURRENCY} in flight + 500 of a group), "
        f"{total} in all",
    )


def failures(folder: Path) -> None:
    """5 % of the calls fail in five ways; none is lost, none counts as wrong."""
    with endpoint() as other:
        made = project(folder / "failures", other.url, 10_000)
        other.configure(inject="429:100,500:101,reset:102,malformed:103,short:104")
        run = succeeded(measure(made.run(str(made.evaluation))))
        counted = other.stats()
    (metric,) = run["metrics"]
    injected = sum(counted["injected"].values())
    wrong = round((1 - metric["value"]) * metric["n_scored"])
    _print(
        "failures",
        f"lost and wrong cases with {injected} injected failures "
        f"({injected / counted['requests']:.1%} of the calls)",
        f"{10_000 - run['progress']['done']} and {wrong}",
        "0 and 0",
        f"{run['progress']['failed']} failed for good, {run['usage']['calls']:,} calls",
    )


def start_up(folder: Path) -> None:
    """CPU of `weighbridge --help`."""
    folder.mkdir(parents=True, exist_ok=True)
    help_ = [measure([sys.executable, "-m", "weighbridge", "--help"]).cpu_s for _ in range(5)]
    python = [measure([sys.executable, "-c", "import click"]).cpu_s for _ in range(5)]
    _print(
        "start-up",
        "CPU seconds of `weighbridge --help`",
        spread(help_),
        "under 0.3",
        f"`python -c 'import click'` takes {statistics.median(python):.3f}",
    )


def undisturbed(made: Project, other: Endpoint) -> list[dict[str, Any]]:
    """The outcomes of a run that nobody disturbs."""
    other.configure(latency_ms=50)
    run = succeeded(measure(made.run(str(made.evaluation), data="undisturbed")))
    return _rows(made, "undisturbed", run["id"])


def killed_once(
    made: Project, other: Endpoint, data: str, moment: float, expected: list[dict[str, Any]]
) -> tuple[int, int]:
    """Kill a run at a random moment, resume it, compare.

    Returns:
        How many cases were lost, and how many were asked twice.
    """
    other.configure(latency_ms=50)
    process = start(made.run(str(made.evaluation), data=data))
    goal = int(CASES_KILLED * moment)
    while process.poll() is None and other.stats()["answered"] < goal:
        time.sleep(0.002)
    process.kill()
    process.communicate()
    run_id = _newest_run(made, data)
    if run_id is None:  # killed before the run was accepted: nothing was asked
        assert other.stats()["requests"] == 0
        return 0, 0
    succeeded(measure(made.run("--resume", run_id, data=data)))
    rows = _rows(made, data, run_id)
    right = {row["case_id"]: row for row in expected}
    if any(right[row["case_id"]] != row for row in rows):
        raise SystemExit(f"{data}: the results differ from those of the undisturbed run")
    return len(expected) - len(rows), int(other.stats()["asked_twice"])


def _newest_run(made: Project, data: str) -> str | None:
    lines = _command(made, data, "runs", "--json", "--limit", "1").splitlines()
    return str(json.loads(lines[0])["id"]) if lines else None


def _rows(made: Project, data: str, run_id: str) -> list[dict[str, Any]]:
    lines = _command(made, data, "export", run_id, "--format", "jsonl").splitlines()
    kept = ("case_id", "inputs", "answer", "scores", "status", "error")
    return [{key: row[key] for key in kept} for row in map(json.loads, lines)]


def _command(made: Project, data: str, *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "weighbridge", *arguments, "--data", str(made.folder / data)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def _all_right(run: dict[str, Any], count: int) -> None:
    (metric,) = run["metrics"]
    if metric["value"] != 1.0 or metric["n_scored"] != count:
        raise SystemExit(f"the run is not what it should be: {metric}")


def _print(name: str, what: str, figure: str, goal: str, detail: str) -> None:
    print(f"{name:<11} {figure:<24} goal: {goal}\n            {what}\n            {detail}\n")
