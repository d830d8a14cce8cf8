"""Productions: which are refused, what they leave, and their files."""

import asyncio
import csv
import io
import json
import os
import zipfile
from dataclasses import replace
from typing import Any

import pytest

from support.producing import MOOD, Kitchen, jsonl
from support.running import Bench
from weighbridge.core.caller import Caller
from weighbridge.core.evaluation import Budget
from weighbridge.core.production import Archive, ProductionView
from weighbridge.core.run import Run, RunState
from weighbridge.core.synthesis import Blueprint, Property, Shape, SpecState
from weighbridge.errors import Conflict, InvalidFields, NotFound
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.services.production_archives import ProductionArchives
from weighbridge.services.runs import Runs
from weighbridge.store import productions as rows_of
from weighbridge.store.moments import now

PEOPLE = [{"name": f"N{n}", "age": 20 + n, "mood": "calm" if n % 2 else "angry"} for n in range(9)]
DIRECT: dict[str, Any] = {"skip_outline": True}


@pytest.fixture
def kitchen(bench: Bench) -> Kitchen:
    made = Kitchen(bench)
    made.says(
        lambda question: f"letter {question.partition('This is sample ')[2].partition(' ')[0]}"
    )
    return made


async def refused(kitchen: Kitchen, spec: str, wanted: int = 2, **more: Any) -> dict[str, str]:
    """Field → message."""
    with pytest.raises(InvalidFields) as caught:
        await kitchen.create(spec, wanted, **more)
    assert await kitchen.productions.list(kitchen.bench.caller) == []
    return {it.field: it.message for it in caught.value.problems}


async def archive(kitchen: Kitchen, view: ProductionView) -> Archive:
    """The archive, once it is there."""
    for _ in range(3_000):
        found = await kitchen.productions.archive(kitchen.bench.caller, view.production.id)
        if found.sha256 is not None:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(found)


async def opened(kitchen: Kitchen, view: ProductionView) -> zipfile.ZipFile:
    found = await archive(kitchen, view)
    data = await kitchen.bytes_of(found.sha256 or "")
    assert len(data) == found.size
    return zipfile.ZipFile(io.BytesIO(data))


@pytest.mark.parametrize("wanted", [-1, 0, 20_001])
async def test_a_number_of_samples_out_of_range_is_refused(kitchen: Kitchen, wanted: int) -> None:
    problems = await refused(kitchen, await kitchen.spec(), wanted)
    assert "1 to 20,000" in problems["wanted"]


async def test_all_that_is_wrong_is_told_at_once(kitchen: Kitchen) -> None:
    problems = await refused(
        kitchen,
        await kitchen.spec(),
        0,
        version=3,
        revisions=("consistensy", "distinguishability"),
        filters=("strict",),
        tools=("python",),
        shuffling="all",
        cycles=21,
        examples=-1,
        thinking={"generation": 2_000},
    )
    assert set(problems) == {
        *("wanted", "version", "revisions", "filters", "tools", "shuffling", "cycles"),
        *("examples", "thinking.generation"),
    }
    assert "it has 1 to 1" in problems["version"]
    assert "-thinking" in problems["thinking.generation"]


async def test_names_that_are_nearly_right_get_a_hint(kitchen: Kitchen) -> None:
    problems = await refused(kitchen, await kitchen.spec(), revisions=("consistensy",))
    assert "consistency" in problems["revisions"]


async def test_only_samples_with_seeds_can_be_told_from_them(kitchen: Kitchen) -> None:
    problems = await refused(kitchen, await kitchen.spec(), revisions=("distinguishability",))
    assert "has none" in problems["revisions"]
    seeded = await kitchen.spec(files={"a.txt": "one", "b.txt": "two"})
    assert await kitchen.create(seeded, revisions=("distinguishability",))


async def test_a_thinking_budget_is_for_models_that_think(kitchen: Kitchen) -> None:
    spec = await kitchen.spec()
    thinks = {"model": "fake-thinking", "thinking": {"generation": 100}}
    assert "1,024 to 200,000" in (await refused(kitchen, spec, **thinks))["thinking.generation"]
    other = {"revision_model": "fake-thinking", "thinking": {"revision": 2_000, "outline": 2_000}}
    problems = await refused(kitchen, spec, **other)
    assert set(problems) == {"thinking.outline"}
    view = await kitchen.create(spec, model="fake-thinking", thinking={"generation": 2_000})
    assert view.run.model == "fake-thinking"


async def test_a_spec_that_is_not_there_yet_makes_nothing(kitchen: Kitchen) -> None:
    waiting = await kitchen.spec(state=SpecState.PROCESSING)
    assert "it is PROCESSING" in (await refused(kitchen, waiting))["spec_id"]
    failed = await kitchen.spec(state=SpecState.FAILED)
    assert "it is FAILED" in (await refused(kitchen, failed))["spec_id"]
    with pytest.raises(NotFound):
        await kitchen.create("dspec_of_nobody")


async def test_texts_without_a_model_that_writes_are_refused_before_anything_is_made(
    kitchen: Kitchen,
) -> None:
    for model in (None, "embedded"):
        problems = await refused(kitchen, await kitchen.spec(), model=model)
        assert "declare one" in problems["model"]


async def test_rows_without_a_model_are_put_together_out_of_the_seeds(kitchen: Kitchen) -> None:
    tone = Property("tone", ("warm", "cold"), {"warm": 50.0, "cold": 50.0})
    blueprint = Blueprint("A person.", "", (MOOD, tone))
    spec = await kitchen.spec(Shape.SINGLE_FILE, {"people.csv": _csv(PEOPLE)}, blueprint)
    problems = await refused(kitchen, spec, model=None, filters=("structural", "conformance"))
    assert set(problems) == {"filters"}
    view = await kitchen.made(spec, 10, model=None, filters=("structural",))
    assert view.run.state is RunState.SUCCEEDED
    assert view.run.usage.calls == 0
    samples = await kitchen.samples(view)
    assert [sample.row["mood"] for sample in samples if sample.row] == [
        sample.tags["mood"] for sample in samples
    ]
    assert view.production.problem is not None
    assert "no model that writes is declared" in view.production.problem
    assert "(tone)" in view.production.problem
    [file] = await kitchen.productions.files(kitchen.bench.caller, view.production)
    assert file.path == "samples.csv"
    header, *rows = csv.reader(io.StringIO((await kitchen.bytes_of(file.sha256)).decode()))
    assert header == ["name", "age", "mood"]
    assert len(rows) == 10
    names = {str(person["name"]) for person in PEOPLE}
    assert {row[0] for row in rows} <= names


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


async def test_what_was_drawn_is_as_close_to_the_spec_as_the_number_allows(
    kitchen: Kitchen,
) -> None:
    view = await kitchen.made(await kitchen.spec(), 7, **DIRECT)
    moods = [sample.tags["mood"] for sample in await kitchen.samples(view)]
    assert sorted(map(moods.count, ("calm", "angry"))) == [3, 4]


async def test_the_same_seed_draws_the_same(kitchen: Kitchen) -> None:
    spec = await kitchen.spec()

    async def tags(seed: int) -> list[str]:
        view = await kitchen.made(spec, 12, seed=seed, **DIRECT)
        return [sample.tags["mood"] for sample in await kitchen.samples(view)]

    first = await tags(1)
    assert await tags(1) == first
    assert await tags(2) != first


async def test_an_older_version_of_a_spec_can_be_used(kitchen: Kitchen) -> None:
    asked: list[str] = []
    kitchen.says(lambda question: asked.append(question) or "x")
    view = await kitchen.made(await kitchen.spec(), 1, version=1, **DIRECT)
    assert view.production.spec_version == 1
    assert "calm" in asked[0] or "angry" in asked[0]


async def test_texts_are_files_with_the_ending_of_the_seeds(kitchen: Kitchen) -> None:
    spec = await kitchen.spec(files={"a.md": "# one", "b.md": "# two"})
    view = await kitchen.made(spec, 11, **DIRECT)
    files = await kitchen.productions.files(kitchen.bench.caller, view.production)
    assert [file.path for file in files] == [f"sample_{n}.md" for n in range(1, 12)]
    assert {file.media_type for file in files} == {"text/markdown"}
    assert [file.sample for file in files] == list(range(11))
    assert await kitchen.bytes_of(files[10].sha256) == b"letter 11"
    assert view.production.files == 11


async def test_rows_are_one_file_in_the_format_of_the_seeds(kitchen: Kitchen) -> None:
    kitchen.says(lambda _: json.dumps({"name": "Ann", "age": 1, "mood": "calm"}))
    for name, data in {"p.json": json.dumps(PEOPLE), "p.jsonl": jsonl(PEOPLE)}.items():
        spec = await kitchen.spec(Shape.SINGLE_FILE, {name: data})
        view = await kitchen.made(spec, 3)
        [file] = await kitchen.productions.files(kitchen.bench.caller, view.production)
        assert file.path == name.replace("p.", "samples.")
        text = (await kitchen.bytes_of(file.sha256)).decode()
        rows = (
            json.loads(text)
            if name.endswith(".json")
            else list(map(json.loads, text.split("\n")[:-1]))
        )
        assert rows == [{"name": "Ann", "age": 1, "mood": "calm"}] * 3


async def test_folders_of_files_are_made_for_folders_of_files(kitchen: Kitchen) -> None:
    kitchen.says(lambda _: json.dumps({"a.txt": "A", "b.md": "B"}))
    seeds = {f"case {n}/{name}": "x" for n in (1, 2) for name in ("a.txt", "b.md")}
    view = await kitchen.made(await kitchen.spec(Shape.MULTI_FOLDER, seeds), 2, **DIRECT)
    files = await kitchen.productions.files(kitchen.bench.caller, view.production)
    assert [file.path for file in files] == [
        *("sample_1/a.txt", "sample_1/b.md", "sample_2/a.txt", "sample_2/b.md")
    ]


async def test_an_archive_holds_all_files_with_the_values_that_were_drawn(
    kitchen: Kitchen,
) -> None:
    view = await kitchen.made(await kitchen.spec(), 3, **DIRECT)
    first = await kitchen.productions.archive(kitchen.bench.caller, view.production.id)
    assert first == Archive(None, None)
    made = await opened(kitchen, view)
    names = [f"sample_{n}.txt" for n in (1, 2, 3)]
    assert set(made.namelist()) == {
        *names,
        *(f"{name}.metadata" for name in names),
        "top_level.metadata",
    }
    assert made.read("sample_2.txt") == b"letter 2"
    samples = await kitchen.samples(view)
    assert json.loads(made.read("sample_2.txt.metadata")) == {
        "sample_identifier": "sample_2",
        "classifications": samples[1].tags,
    }
    top = json.loads(made.read("top_level.metadata"))
    assert (top["samples_completed"], top["samples_failed"]) == (3, 0)
    assert sum(top["generation_distributions"]["mood"].values()) == pytest.approx(100)
    assert top["evaluation"] is None


async def test_an_archive_of_a_table_has_one_file_of_data(kitchen: Kitchen) -> None:
    kitchen.says(lambda _: json.dumps(PEOPLE[0]))
    spec = await kitchen.spec(Shape.SINGLE_FILE, {"p.csv": _csv(PEOPLE)})
    view = await kitchen.made(spec, 2)
    made = await opened(kitchen, view)
    assert set(made.namelist()) == {"samples.csv", "samples.csv.metadata", "top_level.metadata"}
    assert made.read("samples.csv") == b"name,age,mood\nN0,20,angry\nN0,20,angry\n"
    tags = json.loads(made.read("samples.csv.metadata"))["samples"]
    assert tags == {it.name: it.tags for it in await kitchen.samples(view)}


async def test_an_archive_is_made_once_and_again_after_an_inspection(kitchen: Kitchen) -> None:
    view = await kitchen.made(await kitchen.spec(), 1, **DIRECT)
    first = await archive(kitchen, view)
    assert await archive(kitchen, view) == first
    moment = now()
    async with kitchen.bench.store.begin() as connection:
        await connection.execute(
            rows_of.inspections.insert().values(
                id="insp_1",
                workspace_id=kitchen.bench.caller.workspace_id,
                production_id=view.production.id,
                model="judge",
                evaluation_id="eval_1",
                run_id="run_1",
                result={"score": 97},
                door="native",
                author="somebody",
                created_at=moment,
                updated_at=moment,
            )
        )
    top = json.loads((await opened(kitchen, view)).read("top_level.metadata"))
    assert top["evaluation"] == {"score": 97}


async def test_an_archive_whose_maker_died_is_made_by_another(kitchen: Kitchen) -> None:
    view = await kitchen.made(await kitchen.spec(), 1, **DIRECT)
    dead = {"state": "making", "at": "2020-01-01T00:00:00+00:00", "inspection": None}
    alive = {**dead, "at": now().isoformat()}
    for kept, begun in ((alive, False), (dead, True)):
        async with kitchen.bench.store.begin() as connection:
            before = await rows_of.read_archive(connection, view.production.id)
            await rows_of.set_archive(connection, view.production.id, kept, instead_of=before)
        await kitchen.productions.archive(kitchen.bench.caller, view.production.id)
        assert bool(kitchen.archives._tasks) is begun
    assert (await archive(kitchen, view)).sha256 is not None


async def test_an_archive_that_cannot_be_made_says_so_and_is_tried_again(
    kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = await kitchen.made(await kitchen.spec(), 1, **DIRECT)
    blobs = kitchen.bench.store.blobs
    take = type(blobs).take_file

    async def fail(*_: object) -> None:
        raise Conflict("the disk is on fire")

    monkeypatch.setattr(type(blobs), "take_file", fail)
    found = Archive(None, None)
    while found == Archive(None, None):
        found = await kitchen.productions.archive(kitchen.bench.caller, view.production.id)
        await asyncio.sleep(0.01)
    assert found.problem == "the disk is on fire"
    monkeypatch.setattr(type(blobs), "take_file", take)
    assert (await archive(kitchen, view)).problem is None
    names = await asyncio.to_thread(os.listdir, kitchen.bench.store.folder)
    assert not [name for name in names if "incoming" in name]


async def test_what_has_made_no_files_has_no_archive(kitchen: Kitchen) -> None:
    view = await kitchen.create(await kitchen.spec())
    with pytest.raises(Conflict, match="completed"):
        await kitchen.productions.archive(kitchen.bench.caller, view.production.id)


async def test_delivering_again_takes_the_place_of_what_was_delivered(kitchen: Kitchen) -> None:
    broken = True

    def writes(question: str) -> str:
        return "" if broken and "This is sample 2 of" in question else "a letter"

    kitchen.says(writes)
    view = await kitchen.made(await kitchen.spec(), 3, **DIRECT)
    caller = kitchen.bench.caller
    assert view.run.progress.failed == 1
    files = await kitchen.productions.files(caller, view.production)
    assert [file.path for file in files] == ["sample_1.txt", "sample_3.txt"]
    first = await archive(kitchen, view)
    broken = False
    await kitchen.productions._runs.retry_failed(caller, view.run.id)
    again = await kitchen.run(view)
    files = await kitchen.productions.files(caller, again.production)
    assert [file.path for file in files] == ["sample_1.txt", "sample_2.txt", "sample_3.txt"]
    assert again.production.problem is None
    assert await archive(kitchen, again) != first


async def test_a_budget_stops_it(kitchen: Kitchen) -> None:
    view = await kitchen.made(await kitchen.spec(), 60, budget=Budget(usd=0.01), **DIRECT)
    assert view.run.state is RunState.CANCELLED
    assert view.run.reason == "budget"
    assert 10 <= view.run.progress.done < 60 + 10
    assert view.run.usage.cost_usd == pytest.approx(0.001 * view.run.progress.done)


async def test_productions_are_listed_newest_first_and_deleted_ones_are_gone(
    kitchen: Kitchen,
) -> None:
    spec, other = await kitchen.spec(), await kitchen.spec()
    caller = kitchen.bench.caller
    first, second = await kitchen.create(spec), await kitchen.create(other)
    listed = await kitchen.productions.list(caller)
    assert [it.production.id for it in listed] == [second.production.id, first.production.id]
    of_one = await kitchen.productions.list(caller, spec_id=spec)
    assert [it.production.id for it in of_one] == [first.production.id]
    await kitchen.productions.delete(caller, first.production.id)
    assert [it.production.id for it in await kitchen.productions.list(caller)] == [
        second.production.id
    ]
    with pytest.raises(NotFound):
        await kitchen.productions.get(caller, first.production.id)
    run = await kitchen.productions._runs.get(caller, first.run.id)
    assert run.state is RunState.CANCELLED


async def test_only_what_is_in_work_can_be_cancelled(kitchen: Kitchen) -> None:
    caller = kitchen.bench.caller
    view = await kitchen.create(await kitchen.spec())
    stopped = await kitchen.productions.cancel(caller, view.production.id)
    assert stopped.run.state is RunState.CANCELLED
    with pytest.raises(Conflict):
        await kitchen.productions.cancel(caller, view.production.id)


async def test_no_workspace_sees_another_ones(kitchen: Kitchen) -> None:
    view = await kitchen.made(await kitchen.spec(), 1, **DIRECT)
    [file] = await kitchen.productions.files(kitchen.bench.caller, view.production)
    stranger: Caller = replace(kitchen.bench.caller, workspace_id="ws_of_somebody_else")
    productions, id_ = kitchen.productions, view.production.id
    assert await productions.list(stranger) == []
    assert await productions.files(stranger, view.production) == []
    for asking in (
        productions.get(stranger, id_),
        productions.file(stranger, id_, file.id),
        productions.archive(stranger, id_),
        productions.cancel(stranger, id_),
        productions.delete(stranger, id_),
        productions.create(stranger, view.production.spec_id, 1),
        productions.seeded(stranger, view.production.spec_id),
    ):
        with pytest.raises(NotFound):
            await asking
    with pytest.raises(NotFound):
        await anext(productions.samples(stranger, id_))


async def test_archives_that_are_made_are_left_off_at_the_end(kitchen: Kitchen) -> None:
    view = await kitchen.made(await kitchen.spec(), 1, **DIRECT)
    await kitchen.productions.archive(kitchen.bench.caller, view.production.id)
    await kitchen.archives.close()
    assert kitchen.archives._tasks == {}
    await ProductionArchives(kitchen.bench.store).close()


async def test_whoever_looks_while_a_run_ends_sees_no_end_without_files(
    kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = await kitchen.create(await kitchen.spec(), 3, **DIRECT)
    usual = Runs.get

    async def get(runs: Runs, caller: Caller, run_id: str) -> Run:
        monkeypatch.setattr(Runs, "get", usual)
        await run_in_foreground(kitchen.bench.store, await kitchen.bench.load(run_id))
        return await usual(runs, caller, run_id)

    monkeypatch.setattr(Runs, "get", get)
    seen = await kitchen.productions.get(kitchen.bench.caller, view.production.id)
    assert seen.run.state is RunState.SUCCEEDED
    assert seen.production.files == 3
