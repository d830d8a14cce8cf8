"""Evaluations of one door: listed by model and by how they stand, page by page."""

from dataclasses import replace

from support.running import Bench
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.services.datasets import Datasets
from weighbridge.services.evaluations import Evaluations
from weighbridge.services.runs import Runs
from weighbridge.spec import parse_spec
from weighbridge.store.evaluations import Standing

SPEC = {"cases": [{"q": "a"}], "prompt": "{q}"}


async def test_those_of_a_door_are_listed_by_model_and_standing(bench: Bench) -> None:
    evaluations = Evaluations(bench.store, bench.models, Datasets(bench.store))
    ours = replace(bench.caller, door="ours")

    async def start(*models: str) -> tuple[str, list[str]]:
        spec = parse_spec({**SPEC, "models": list(models)})
        started = await evaluations.start(ours, spec)
        return started.evaluation.id, [run.id for run in started.runs]

    async def found(**filters: object) -> tuple[list[str], int]:
        listed, total = await evaluations.of_door(ours, "ours", **filters)  # type: ignore[arg-type]
        return [it.id for it in listed], total

    waiting, _ = await start("a")
    half, (first, _) = await start("a", "b")
    done, runs = await start("b", "c")
    bad, (good, lost) = await start("c", "d")
    for run_id in (first, *runs, good):
        await run_in_foreground(bench.store, await bench.load(run_id))
    await Runs(bench.store).cancel(ours, lost)
    await evaluations.start(bench.caller, parse_spec({**SPEC, "model": "a"}))  # another door

    assert await found() == ([bad, done, half, waiting], 4)
    assert await found(standing=Standing.GOING_ON) == ([half, waiting], 2)
    assert await found(standing=Standing.SUCCEEDED) == ([done], 1)
    assert await found(standing=Standing.FAILED) == ([bad], 1)
    assert await found(model="b") == ([done, half], 2)
    assert await found(model="b", standing=Standing.SUCCEEDED) == ([done], 1)
    assert await found(model="nobody") == ([], 0)
    assert await found(start=1, limit=2) == ([done, half], 4)
    assert await evaluations.of_door(replace(ours, workspace_id="ws_other"), "ours") == ([], 0)
