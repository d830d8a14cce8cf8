"""The report and the comparison of two runs of a million cases: seconds, and memory above idle.

The rows are written through the store's own functions, without asking anybody. What is measured
runs in a process of its own, so that its memory is its own. Beside it, the shortest thing that
looks at the same scores: one line of DuckDB over them as Parquet, on one core, without intervals,
tests or counts by reason.
"""

import asyncio
import json
import random
import sys
import time
from array import array
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.harness import measure as run_process
from weighbridge.core.caller import Caller
from weighbridge.core.outcome import Answer, Outcome, Record, Scored, Usage
from weighbridge.core.run import RunState
from weighbridge.core.shard import Shard
from weighbridge.jobs.delivery import make_report
from weighbridge.jobs.loading import load_run
from weighbridge.settings import Settings
from weighbridge.spec import parse_spec
from weighbridge.store.outcomes import record_group
from weighbridge.store.runs import move_run
from weighbridge.wiring import Services, open_services

GROUP = 4_096
MODELS = """
[[models]]
name = "a"
protocol = "scripted"
replies = ["x"]
[[models]]
name = "b"
protocol = "scripted"
replies = ["x"]
"""
ONE_LINERS = {
    "report": "select count(*), avg(exact), stddev(exact), avg(f1), stddev(f1) from '{a}'",
    "compare": "select count(*), avg(b.exact - a.exact), avg(b.f1 - a.f1), "
    "count(*) filter (b.exact > a.exact), count(*) filter (b.exact < a.exact) "
    "from '{a}' a join '{b}' b using (case_id)",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What one piece of work took.

    Attributes:
        wall_s, cpu_s: seconds. above_idle_mb: peak resident memory over that before it began, MiB.
        idle_mb: that, with the services open. result: some numbers of what came out.
    """

    wall_s: float
    cpu_s: float
    above_idle_mb: float
    idle_mb: float
    result: dict[str, float]


def reports(folder: Path, cases: int = 1_000_000) -> None:
    """Build two runs, measure both kinds of work, and print them beside DuckDB."""
    folder = folder / "reports"
    folder.mkdir(parents=True)
    began = time.perf_counter()
    runs = asyncio.run(_build(folder, cases))
    print(f"reports     {cases:,} cases in each of two runs, built in", end=" ")
    print(f"{time.perf_counter() - began:.0f} s")
    million = cases / 1e6
    for work, count in (("report", 1), ("compare", 2)):
        finished = run_process(
            [sys.executable, "-m", "benchmarks.reports", str(folder), work, *runs]
        )
        if finished.exit_code:
            raise SystemExit(f"{work} ended with exit code {finished.exit_code}")
        found = Measured(**json.loads(finished.stdout))
        theirs, expected = _one_liner(folder, work)
        for name, value in expected.items():
            if abs(found.result[name] - value) > 1e-9:
                raise SystemExit(f"{work}: {name} is {found.result[name]}, DuckDB says {value}")
        print(
            f"            {work}: {found.wall_s / million / count:.1f} s per million rows "
            f"({found.cpu_s / million / count:.1f} s of CPU), {found.above_idle_mb:.0f} MiB above "
            f"{found.idle_mb:.0f} idle; goal: under 300\n"
            f"            DuckDB over Parquet: {theirs / million / count:.3f} s per million rows"
        )
    print()


async def _build(folder: Path, cases: int) -> list[str]:
    """Two finished runs on the same cases, right in 80 and 80.5 % of them; their ids."""
    async with open_services(_settings(folder)) as services:
        caller = await services.keys.operator()
        rows = ({"id": f"case-{n}", "q": f"question {n}", "a": "x"} for n in range(cases))
        dataset = await services.datasets.import_rows(caller, "benchmark", rows)
        spec = {
            "data": dataset.id, "id": "id", "models": ["a", "b"], "prompt": "{q}", "target": "a",
            "scorers": ["exact", "f1"],
        }  # fmt: skip
        started = await services.evaluations.start(caller, parse_spec(spec))
        chance = random.Random(1)
        hard = array("d", (chance.random() for _ in range(cases)))
        for run, right in zip(started.runs, (0.8, 0.805), strict=True):
            await _fill(services, run.id, folder / f"{run.model}.parquet", hard, right)
        return [run.id for run in started.runs]


async def _fill(
    services: Services, run_id: str, parquet: Path, hard: "array[float]", right: float
) -> None:
    """Write the rows of a run, and the same scores as Parquet."""
    loaded = await load_run(services.store, services.models, run_id)
    chance = random.Random(right)
    exact, f1 = array("d"), array("d")
    group: list[tuple[Shard, Record]] = []

    async def write() -> None:
        async with services.store.begin() as connection:
            await record_group(connection, loaded.run.workspace_id, run_id, group)
        group.clear()

    for shard in loaded.plan:
        for position in range(shard.start, shard.stop):
            luck = 0.7 * hard[position] + 0.3 * chance.random()
            exact.append(1.0 if luck <= 0.67 * right + 0.03 else 0.0)
            f1.append(round(1 - luck, 4))
            group.append((shard, _record(position, exact[position], f1[position])))
        if len(group) >= GROUP:
            await write()
    if group:
        await write()
    async with services.store.begin() as connection:
        for state in (RunState.RUNNING, RunState.DELIVERING, RunState.SUCCEEDED):
            await move_run(connection, run_id, state)
    ids = pa.array(f"case-{n}" for n in range(len(hard)))
    pq.write_table(pa.table({"case_id": ids, "exact": exact, "f1": f1}), parquet)


def _record(position: int, exact: float, f1: float) -> Record:
    usage = Usage(100, 10, 0.0001, 1)
    answer = Answer(f"answer {position}", "stop", 0.1 + position % 7 / 10, usage, "mock")
    outcomes: dict[str, Outcome] = {"exact": Scored(exact, f"answer {position}"), "f1": Scored(f1)}
    return Record(position, f"case-{position}", 0, answer, outcomes, None, usage)


def _one_liner(folder: Path, work: str) -> tuple[float, dict[str, float]]:
    """Seconds of DuckDB, and what it found."""
    query = ONE_LINERS[work].format(a=folder / "a.parquet", b=folder / "b.parquet")
    with duckdb.connect() as connection:
        connection.execute("set threads to 1")
        began = time.perf_counter()
        row = connection.execute(query).fetchone()
        seconds = time.perf_counter() - began
    assert row is not None
    if work == "report":
        return seconds, {"n": row[0], "exact": row[1], "f1": row[3]}
    return seconds, {"n": row[0], "exact": row[1], "f1": row[2], "up": row[3], "down": row[4]}


async def _measure(folder: Path, work: str, runs: list[str]) -> Measured:
    async with open_services(_settings(folder)) as services:
        caller = await services.keys.operator()
        await services.runs.view(caller, runs[0])
        doing = _report if work == "report" else _compare
        idle = _memory_mb("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
        began, cpu = time.perf_counter(), time.process_time()
        result = await doing(services, caller, runs)
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        return Measured(wall, cpu, _memory_mb("VmHWM") - idle, idle, result)


async def _report(services: Services, _caller: Caller, runs: list[str]) -> dict[str, float]:
    loaded = await load_run(services.store, services.models, runs[0])
    exact, f1 = (await make_report(services.store, loaded)).metrics
    assert exact.value is not None
    assert f1.value is not None
    return {"n": exact.n_scored, "exact": exact.value, "f1": f1.value}


async def _compare(services: Services, caller: Caller, runs: list[str]) -> dict[str, float]:
    view = await services.comparisons.compare(caller, runs)
    exact, f1 = view.comparison.differences
    assert exact.paired.difference is not None
    assert f1.paired.difference is not None
    return {
        "n": exact.paired.n,
        "exact": exact.paired.difference,
        "f1": f1.paired.difference,
        "up": exact.up,
        "down": exact.down,
    }


def _memory_mb(field: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"no {field} in /proc/self/status")


def _settings(folder: Path) -> Settings:
    models = folder / "models.toml"
    models.write_text(MODELS)
    return Settings(data=folder / "data", config=models)


if __name__ == "__main__":
    measured = asyncio.run(_measure(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
    print(json.dumps(asdict(measured)))
