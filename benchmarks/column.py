"""A column of answers, from a file in a repository to a commit on its branch: how fast, in how much
memory, beside a bare loop that makes the same column; and how fast an endpoint is asked for it."""

import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.harness import (
    CONCURRENCY,
    Finished,
    endpoint,
    measure,
    project,
    spread,
    succeeded,
)

ROUNDS = 3
FEW = 50_000
_EVALUATION = """\
name: column
data: bench/rows@main:{name}
model: {model}
prompt: "Repeat: {{question}}"
concurrency: {concurrency}
deliver: {{column: answer}}
"""
_SCRIPTED = """\
[[models]]
name = "scripted"
protocol = "scripted"
replies = [{match = '\\[\\[(.*)\\]\\]', reply = "{1}"}]
"""


def column(folder: Path, rows: int = 1_000_000) -> None:
    """A model in process at zero latency over 50,000 rows and over many: memory and time."""
    peaks = {}
    for count in (FEW, rows):
        here = folder / f"column-{count}"
        _frames("make", here, "rows.parquet", count)
        loop = measure(_command("bare_column", here / "rows.parquet", here / "bare.parquet"))
        models = here / "models.toml"
        models.write_text(_SCRIPTED)
        run = _infer(here, "rows.parquet", "scripted", models)
        _all_answered(succeeded(run), count)
        _frames("check", here, "rows.parquet", here / "bare.parquet")
        peaks[count] = run.peak_mb
        print(
            f"column      {count:,} rows: {run.wall_s:.1f} s ({run.cpu_s:.1f} s of CPU), "
            f"{count / run.wall_s:,.0f} rows/s, {run.peak_mb:.0f} MiB; the bare loop: "
            f"{loop.wall_s:.2f} s ({loop.cpu_s:.2f} s of CPU), {count / loop.wall_s:,.0f} rows/s, "
            f"{loop.peak_mb:.0f} MiB\n            {run.wall_s / loop.wall_s:.1f} times as long, "
            f"{run.cpu_s / loop.cpu_s:.1f} times the CPU"
        )
    print(
        f"            peak memory at {rows:,} rows over that at {FEW:,}: "
        f"{peaks[rows] / peaks[FEW]:.3f}  goal: at most 1.5\n"
    )


def inference(folder: Path, rows: int = 100_000) -> None:
    """An endpoint at latency 0: rows/s of a column over samples/s of `throughput`."""
    ratios, ours, theirs = [], [], []
    with endpoint() as other:
        made = project(folder / "inference", other.url, 10_000)
        for round_ in range(ROUNDS):
            other.configure()
            throughput = measure(made.run(str(made.evaluation), data=f"data-{round_}"))
            _all_answered(succeeded(throughput), 10_000)
            here = folder / f"inference-{round_}"
            _frames("make", here, "rows.csv", rows)
            other.configure()
            run = _infer(here, "rows.csv", "mock", made.models)
            _all_answered(succeeded(run), rows)
            _frames("check", here, "rows.csv", here / "rows.csv")
            counted = other.stats()
            if counted["answered"] != rows or counted["asked_twice"]:
                raise SystemExit(f"the endpoint was asked something else: {counted}")
            theirs.append(10_000 / throughput.wall_s)
            ours.append(rows / run.wall_s)
            ratios.append(ours[-1] / theirs[-1])
    print(
        f"inference   {spread(ratios):<24} goal: at least 0.5\n"
        f"            rows/s of a column of {rows:,} rows over samples/s of `throughput`\n"
        f"            {statistics.median(ours):,.0f} against {statistics.median(theirs):,.0f} a "
        "second\n"
    )


def _infer(folder: Path, name: str, model: str, models: Path) -> Finished:
    evaluation = folder / "evaluation.yaml"
    evaluation.write_text(_EVALUATION.format(name=name, model=model, concurrency=CONCURRENCY))
    command = [sys.executable, "-m", "weighbridge", "run", str(evaluation), "--json", "--quiet"]
    return measure([*command, "--data", str(folder / "data"), "--config", str(models)])


def _command(module: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]


def _frames(*arguments: object) -> None:
    subprocess.run(_command("frames", *arguments), check=True)


def _all_answered(run: dict[str, Any], count: int) -> None:
    progress = run["progress"]
    if run["status"] != "succeeded" or progress["done"] != count or progress["failed"]:
        raise SystemExit(f"the run is not what it should be: {run['status']}, {progress}")
