"""Specs: made from seeds and objectives by runs, listed, edited, removed."""

import asyncio
import contextlib
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.running import Bench, refuse
from weighbridge.core.caller import Caller, Role
from weighbridge.core.ids import new_id
from weighbridge.core.run import Run, RunState
from weighbridge.core.synthesis import DataSpec, Production, Seeds, Shape, SpecState
from weighbridge.errors import Conflict, FieldProblem, Forbidden, InvalidFields, NotFound
from weighbridge.jobs.data_specs import MEASURED_ALONE
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.declared import DeclaredModel, ModelsFile
from weighbridge.services.data_specs import DataSpecs
from weighbridge.services.datasets import Datasets
from weighbridge.services.evaluations import Evaluations
from weighbridge.services.runs import Runs
from weighbridge.services.seeds import Incoming, Seeding
from weighbridge.store.data_specs import delete_data_spec
from weighbridge.store.moments import now
from weighbridge.store.productions import add_production, list_productions
from weighbridge.yamltext import parse_yaml

YAML = """\
spec:
  description: A letter.
  data_property_variations:
    - property_name: mood
      property_values: [calm, angry]
      base_distributions: {calm: 70, angry: 30}
"""
MOODS = ["calm"] * 15 + ["angry"] * 5
PROPOSAL = {
    "description": "A letter to a shop.",
    "requirements": "It names a product.",
    "properties": [
        {
            "name": "tone",
            "description": "how it sounds",
            "in_seeds": True,
            "values": [{"value": "polite", "percent": 50}, {"value": "rude", "percent": 50}],
        }
    ],
    "more_values": [],
}


def answer(asked: str, _repeat: int) -> str:
    """A model that proposes a tone, and sees it in what is said of moods."""
    if "Propose a blueprint" in asked:
        return json.dumps(PROPOSAL)
    return json.dumps({"tone": "rude" if '"angry"' in asked else "polite"})


class Parts:
    """The services over a store, and one model."""

    def __init__(self, bench: Bench, folder: Path, default: str | None = None) -> None:
        self.bench = bench
        self.folder = folder
        self.caller = bench.caller
        bench.model.answer = answer
        declared = DeclaredModel(name="writer", protocol="scripted", replies=["x"])
        catalog = Catalog(ModelsFile(models=[declared]), {}, generator=default)
        evaluations = Evaluations(bench.store, bench.models, Datasets(bench.store))
        self.runs = Runs(bench.store)
        self.seeding = Seeding(bench.store)
        self.data_specs = DataSpecs(bench.store, evaluations, self.runs, catalog)

    async def seeds(self, name: str = "moods", rows: list[dict[str, Any]] | None = None) -> Seeds:
        path = self.folder / new_id("file")
        told = [{"mood": mood, "n": at} for at, mood in enumerate(MOODS)] if rows is None else rows
        path.write_text("".join(f"{json.dumps(row)}\n" for row in told))
        return await self.seeding.create(
            self.caller, name=name, shape="SINGLE_FILE", files=[Incoming(path, "rows.jsonl")]
        )

    async def begin(self, seeds: Seeds | None, name: str = "spec", **fields: Any) -> DataSpec:
        fields = {"model": "writer", **fields}
        if seeds is None:
            fields = {"objectives": "Letters to a shop.", **fields}
        return await self.data_specs.create(
            self.caller, name, seeds_id=seeds.id if seeds else None, **fields
        )

    async def run_of(self, spec: DataSpec) -> Run:
        [run] = await self.runs.list(self.caller, evaluation_id=spec.evaluation_id)
        return run

    async def execute(self, spec: DataSpec) -> DataSpec:
        run = await self.run_of(spec)
        await run_in_foreground(self.bench.store, await self.bench.load(run.id))
        return await self.data_specs.get(self.caller, spec.id)

    async def made(self, seeds: Seeds | None, name: str = "spec", **fields: Any) -> DataSpec:
        return await self.execute(await self.begin(seeds, name, **fields))

    async def produced(self, spec: DataSpec) -> Production:
        """A production by a spec, of which only the row and a run are there."""
        run_id = await self.bench.queue(3)
        run = await self.runs.get(self.caller, run_id)
        moment = now()
        made = Production(
            id=new_id("prod"),
            workspace_id=self.caller.workspace_id,
            spec_id=spec.id,
            spec_name=spec.name,
            spec_version=1,
            seeds_id=None,
            seeds_name=None,
            shape=Shape.MULTI_FILE,
            wanted=3,
            params={},
            evaluation_id=run.evaluation_id,
            run_id=run.id,
            files=0,
            problem=None,
            door="cli",
            author="a",
            created_at=moment,
            updated_at=moment,
        )
        async with self.bench.store.begin() as connection:
            await add_production(connection, made)
        return made


@pytest.fixture
def parts(bench: Bench, tmp_path: Path) -> Parts:
    return Parts(bench, tmp_path)


async def problems(error: pytest.ExceptionInfo[InvalidFields]) -> dict[str, str]:
    return {it.field: it.message for it in error.value.problems}


def content_of(spec: DataSpec) -> dict[str, Any]:
    assert spec.content is not None
    found: dict[str, Any] = parse_yaml(spec.content, "")[0]
    return found


# From seeds


async def test_a_spec_from_seeds_is_measured_proposed_and_seen(parts: Parts) -> None:
    seeds = await parts.seeds()
    begun = await parts.begin(seeds)
    assert (begun.state, begun.version, begun.content) == (SpecState.PROCESSING, 0, None)
    assert (begun.seeds_name, begun.shape) == ("moods", Shape.SINGLE_FILE)
    assert await parts.data_specs.get(parts.caller, begun.id) == begun
    spec = await parts.execute(begun)
    assert (spec.state, spec.version, spec.problem) == (SpecState.SUCCEEDED, 1, None)
    whole = content_of(spec)
    assert whole["spec"]["description"] == "A letter to a shop."
    mood, tone = whole["spec"]["data_property_variations"]
    assert mood["base_distributions"] == {"calm": 75, "angry": 25}
    assert tone["base_distributions"] == {"polite": 75, "rude": 25}
    assert whole["metadata"]["model"] == "writer"
    assert whole["metadata"]["samples_classified"] == 20
    run = await parts.run_of(spec)
    assert (run.state, run.usage.calls) == (RunState.SUCCEEDED, 21)
    assert run.usage.cost_usd == pytest.approx(0.021)
    blueprint = await parts.data_specs.blueprint(parts.caller, spec.id)
    assert [it.name for it in blueprint.properties] == ["mood", "tone"]


async def test_conditions_hold_among_what_is_measured_and_seen(parts: Parts) -> None:
    rows = [{"mood": "angry" if at % 4 == 0 else "calm"} for at in range(80)]
    spec = await parts.made(await parts.seeds(rows=rows), conditionals=True)
    tone = content_of(spec)["spec"]["data_property_variations"][1]
    assert tone["conditional_distributions"] == [
        {"when": {"mood": "calm"}, "distribution": {"polite": 100, "rude": 0}},
        {"when": {"mood": "angry"}, "distribution": {"polite": 0, "rude": 100}},
    ]


async def test_at_most_a_hundred_seeds_are_looked_at(parts: Parts) -> None:
    rows = [{"mood": MOODS[at % 20]} for at in range(250)]
    spec = await parts.made(await parts.seeds(rows=rows))
    assert (await parts.run_of(spec)).progress.total == 101
    assert content_of(spec)["metadata"]["samples_measured"] == 250


async def test_without_distributions_seeds_are_not_looked_at_one_by_one(parts: Parts) -> None:
    spec = await parts.made(await parts.seeds(), distributions=False)
    assert len(parts.bench.model.asked) == 1
    for it in content_of(spec)["spec"]["data_property_variations"]:
        assert set(it["base_distributions"].values()) == {50}


async def test_without_a_model_that_can_write_seeds_are_measured_and_it_is_said(
    parts: Parts,
) -> None:
    for name in (None, "embedded"):
        spec = await parts.made(await parts.seeds(f"seeds {name}"), f"spec {name}", model=name)
        assert spec.params["model"] is None
        whole = content_of(spec)
        assert whole["metadata"]["note"] == MEASURED_ALONE
        [mood] = whole["spec"]["data_property_variations"]
        assert mood["base_distributions"] == {"calm": 75, "angry": 25}
        assert (await parts.run_of(spec)).usage.calls == 0
    assert parts.bench.model.asked == []


async def test_the_default_generator_proposes_where_none_is_named(
    bench: Bench, tmp_path: Path
) -> None:
    parts = Parts(bench, tmp_path, default="writer")
    spec = await parts.begin(await parts.seeds(), model=None)
    assert spec.params["model"] == "writer"


async def test_a_model_that_proposes_nothing_is_asked_twice_and_measuring_serves(
    parts: Parts,
) -> None:
    parts.bench.model.answer = lambda _asked, _repeat: "I would rather not."
    spec = await parts.made(await parts.seeds())
    assert spec.state is SpecState.SUCCEEDED
    assert "the reply of the model writer held no blueprint" in content_of(spec)["metadata"]["note"]
    assert len(parts.bench.model.asked) == 2


async def test_a_model_that_cannot_be_asked_fails_the_spec_with_the_reason(parts: Parts) -> None:
    def broken(_asked: str, _repeat: int) -> str:
        raise refuse("bad_request", 400)

    parts.bench.model.answer = broken
    spec = await parts.made(await parts.seeds())
    assert (spec.state, spec.content) == (SpecState.FAILED, None)
    assert "the endpoint said 400" in str(spec.problem)
    assert len(parts.bench.model.asked) == 1  # for all who waited for it
    [listed] = await parts.data_specs.list(parts.caller)
    assert listed.state is SpecState.FAILED
    with pytest.raises(Conflict):
        await parts.data_specs.blueprint(parts.caller, spec.id)
    parts.bench.model.answer = answer
    await parts.runs.retry_failed(parts.caller, (await parts.run_of(spec)).id)
    assert (await parts.execute(spec)).state is SpecState.SUCCEEDED


async def test_seeds_that_are_not_read_by_the_model_count_for_nothing(parts: Parts) -> None:
    def answers(asked: str, repeat: int) -> str:
        if "Propose" not in asked and '"angry"' in asked:
            raise refuse()
        return answer(asked, repeat)

    parts.bench.model.answer = answers
    spec = await parts.made(await parts.seeds())
    tone = content_of(spec)["spec"]["data_property_variations"][1]
    # `rude` is seen nowhere, and stays as a value beyond the seeds.
    assert tone["base_distributions"] == {"polite": 90, "rude": 10}
    assert content_of(spec)["metadata"]["samples_classified"] == 15


async def test_a_run_that_is_killed_goes_on_and_pays_twice_for_calls_in_flight_alone(
    parts: Parts,
) -> None:
    begun = await parts.begin(await parts.seeds())
    asked: Counter[str] = Counter()
    answered: set[str] = set()
    enough = 0

    async def slow(question: str, repeat: int) -> str:
        asked[question] += 1
        if len(answered) >= enough:
            await asyncio.sleep(60)
        answered.add(question)
        return answer(question, repeat)

    parts.bench.model.answer = slow
    for enough in (0, 1, 5, 12):
        before, lost = asked.copy(), set(asked) - answered
        task = asyncio.create_task(parts.execute(begun))
        while len(answered) < enough or asked == before:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.3)  # what was answered is written
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert {it for it in asked if asked[it] > before[it] > 0} <= lost
    enough = 100
    spec = await parts.execute(begun)
    assert spec.state is SpecState.SUCCEEDED
    assert len(answered) == 21
    assert len(content_of(spec)["spec"]["data_property_variations"]) == 2


# From objectives alone


async def test_a_spec_without_seeds_is_what_the_model_proposes(parts: Parts) -> None:
    spec = await parts.made(None)
    assert (spec.state, spec.shape, spec.seeds_id) == (
        SpecState.SUCCEEDED,
        Shape.MULTI_FILE,
        None,
    )
    [tone] = content_of(spec)["spec"]["data_property_variations"]
    assert tone["base_distributions"] == {"polite": 50, "rude": 50}
    assert len(parts.bench.model.asked) == 1
    assert "Letters to a shop." in parts.bench.model.asked[0]


async def test_a_spec_without_seeds_fails_when_nothing_is_proposed(parts: Parts) -> None:
    parts.bench.model.answer = lambda _asked, _repeat: '{"description": "x"}'
    spec = await parts.made(None)
    assert (spec.state, spec.problem) == (
        SpecState.FAILED,
        "the reply of the model writer holds no blueprint",
    )
    assert (await parts.run_of(spec)).state is RunState.FAILED
    with pytest.raises(Conflict, match="FAILED"):
        await parts.data_specs.change(parts.caller, spec.id, YAML)


async def test_a_spec_without_seeds_needs_a_model_that_can_write(parts: Parts) -> None:
    for name in (None, "embedded"):
        with pytest.raises(InvalidFields) as error:
            await parts.begin(None, model=name)
        [(field, message)] = (await problems(error)).items()
        assert field == "model"
        assert "declare one in the models file" in message
        assert "writer" in message
    assert await parts.data_specs.list(parts.caller) == []


# Refusals


async def test_what_is_wrong_is_said_of_each_field_and_nothing_is_paid(parts: Parts) -> None:
    with pytest.raises(InvalidFields) as error:
        await parts.data_specs.create(
            parts.caller, " ", model="gpt-99", distributions=False, conditionals=True
        )
    found = await problems(error)
    assert set(found) == {"name", "objectives", "model", "conditionals"}
    assert found["model"].startswith("Unsupported spec generation model: gpt-99")
    assert "writer" in found["model"]
    with pytest.raises(InvalidFields) as error:
        await parts.begin(None, "n" * 256, objectives="o" * 50_001, description="d" * 10_001)
    assert set(await problems(error)) == {"name", "objectives", "description"}
    with pytest.raises(NotFound):
        await parts.data_specs.create(parts.caller, "x", seeds_id="seeds_none")
    assert await parts.data_specs.list(parts.caller) == []


async def test_names_are_unique_among_specs_from_the_same_seeds(parts: Parts) -> None:
    one, other = await parts.seeds("one"), await parts.seeds("other")
    await parts.begin(one, "same")
    await parts.begin(other, "same")
    await parts.begin(None, "same")
    for seeds in (one, None):
        with pytest.raises(InvalidFields) as error:
            await parts.begin(seeds, " same ")
        assert "'same' already exists" in (await problems(error))["name"]
    assert len(await parts.data_specs.list(parts.caller)) == 3


async def test_of_two_who_take_a_name_at_the_same_moment_one_gets_it(parts: Parts) -> None:
    seeds = await parts.seeds()
    taken = await asyncio.gather(
        *(parts.begin(seeds, "same") for _ in range(5)), return_exceptions=True
    )
    made = [it for it in taken if isinstance(it, DataSpec)]
    assert len(made) == 1
    assert all(isinstance(it, DataSpec | InvalidFields) for it in taken)
    assert len(await parts.runs.list(parts.caller)) == 1


async def test_nothing_of_another_workspace_is_seen(parts: Parts) -> None:
    seeds = await parts.seeds()
    spec = await parts.made(seeds)
    stranger = replace(parts.caller, workspace_id="ws_other")
    specs = parts.data_specs
    assert await specs.list(stranger) == []
    for look in (
        specs.get(stranger, spec.id),
        specs.versions(stranger, spec.id),
        specs.change(stranger, spec.id, YAML),
        specs.delete(stranger, spec.id, force=True),
        specs.blueprint(stranger, spec.id),
        specs.create(stranger, "x", seeds_id=seeds.id, model="writer"),
    ):
        with pytest.raises(NotFound):
            await look
    assert (await specs.get(parts.caller, spec.id)).version == 1


async def test_readers_may_look_and_do_nothing(parts: Parts) -> None:
    spec = await parts.made(await parts.seeds())
    reader: Caller = replace(parts.caller, role=Role.READER)
    assert (await parts.data_specs.get(reader, spec.id)).content == spec.content
    for change in (
        parts.data_specs.create(reader, "x", objectives="y"),
        parts.data_specs.change(reader, spec.id, YAML),
        parts.data_specs.delete(reader, spec.id),
    ):
        with pytest.raises(Forbidden):
            await change


# Versions


async def test_a_change_is_a_new_version_and_those_before_stay(parts: Parts) -> None:
    spec = await parts.made(await parts.seeds())
    changed = await parts.data_specs.change(parts.caller, spec.id, YAML)
    assert (changed.version, changed.content) == (2, YAML)
    assert changed.updated_at > spec.updated_at
    versions = await parts.data_specs.versions(parts.caller, spec.id)
    assert [(it.number, it.content) for it in versions] == [(1, spec.content), (2, YAML)]
    newest = await parts.data_specs.blueprint(parts.caller, spec.id)
    first = await parts.data_specs.blueprint(parts.caller, spec.id, 1)
    assert newest.properties[0].shares == {"calm": 70.0, "angry": 30.0}
    assert first.properties[0].shares == {"calm": 75.0, "angry": 25.0}
    with pytest.raises(NotFound, match="1 to 2"):
        await parts.data_specs.blueprint(parts.caller, spec.id, 3)


async def test_changes_at_the_same_moment_get_numbers_of_their_own(parts: Parts) -> None:
    spec = await parts.made(await parts.seeds())
    contents = [YAML.replace("A letter", f"Letter {at}") for at in range(6)]
    await asyncio.gather(
        *(parts.data_specs.change(parts.caller, spec.id, content) for content in contents)
    )
    versions = await parts.data_specs.versions(parts.caller, spec.id)
    assert [it.number for it in versions] == [1, 2, 3, 4, 5, 6, 7]
    assert {it.content for it in versions[1:]} == set(contents)


async def test_yaml_that_is_no_blueprint_is_refused_field_by_field_with_its_line(
    parts: Parts,
) -> None:
    spec = await parts.made(await parts.seeds())
    wrong = YAML.replace("calm: 70", "calm: 60") + "    - property_name: size\n"
    with pytest.raises(InvalidFields) as error:
        await parts.data_specs.change(parts.caller, spec.id, wrong)
    found = error.value.problems
    assert [(it.field, it.line) for it in found] == [
        ("spec.data_property_variations.0.base_distributions", 6),
        ("spec.data_property_variations.1.property_values", 7),
    ]
    with pytest.raises(InvalidFields) as error:
        await parts.data_specs.change(parts.caller, spec.id, "x" * 1_000_001)
    assert error.value.problems == [
        FieldProblem("", "1,000,001 characters; 1,000,000 are the most")
    ]
    assert (await parts.data_specs.get(parts.caller, spec.id)).version == 1


async def test_a_spec_in_work_cannot_be_changed(parts: Parts) -> None:
    spec = await parts.begin(await parts.seeds())
    with pytest.raises(Conflict, match="PROCESSING"):
        await parts.data_specs.change(parts.caller, spec.id, YAML)
    assert await parts.data_specs.versions(parts.caller, spec.id) == []


# Removal


async def test_a_spec_by_which_samples_were_made_goes_only_by_force(parts: Parts) -> None:
    spec = await parts.made(await parts.seeds())
    production = await parts.produced(spec)
    with pytest.raises(Conflict, match="force=true"):
        await parts.data_specs.delete(parts.caller, spec.id)
    assert (await parts.data_specs.get(parts.caller, spec.id)).version == 1
    await parts.data_specs.delete(parts.caller, spec.id, force=True)
    with pytest.raises(NotFound):
        await parts.data_specs.get(parts.caller, spec.id)
    async with parts.bench.store.begin() as connection:
        assert await list_productions(connection, parts.caller.workspace_id) == []
    stopped = await parts.runs.get(parts.caller, production.run_id)
    assert stopped.state is RunState.CANCELLED


async def test_a_spec_without_samples_goes_with_its_versions(parts: Parts) -> None:
    spec = await parts.made(await parts.seeds())
    await parts.data_specs.delete(parts.caller, spec.id)
    assert await parts.data_specs.list(parts.caller) == []
    with pytest.raises(NotFound):
        await parts.data_specs.delete(parts.caller, spec.id)


async def test_a_spec_that_is_removed_in_work_is_stopped(parts: Parts) -> None:
    spec = await parts.begin(await parts.seeds())
    await parts.data_specs.delete(parts.caller, spec.id)
    assert (await parts.run_of(spec)).state is RunState.CANCELLED


async def test_a_spec_that_is_gone_when_its_run_ends_does_not_come_back(parts: Parts) -> None:
    spec = await parts.begin(await parts.seeds())
    run = await parts.run_of(spec)
    loaded = await parts.bench.load(run.id)
    async with parts.bench.store.begin() as connection:
        await delete_data_spec(connection, parts.caller.workspace_id, spec.id)
    assert await run_in_foreground(parts.bench.store, loaded) is RunState.SUCCEEDED
    assert await parts.data_specs.list(parts.caller) == []


async def test_a_run_that_is_cancelled_fails_its_spec(parts: Parts) -> None:
    spec = await parts.begin(await parts.seeds())
    await parts.runs.cancel(parts.caller, (await parts.run_of(spec)).id)
    found = await parts.data_specs.get(parts.caller, spec.id)
    assert found.state is SpecState.FAILED
    assert found.problem


async def test_seeds_stay_while_there_is_a_spec_from_them(parts: Parts) -> None:
    seeds = await parts.seeds()
    spec = await parts.begin(seeds, model=None)
    with pytest.raises(Conflict):
        await parts.seeding.delete(parts.caller, seeds.id)
    await parts.data_specs.delete(parts.caller, spec.id)
    await parts.seeding.delete(parts.caller, seeds.id)
