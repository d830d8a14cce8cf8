"""Inspections: what is refused, what they find, and what becomes of samples without a verdict."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from support.inspecting import question_of, reply
from support.producing import MOOD, Kitchen, jsonl
from support.running import Bench, FakeModel, refuse
from weighbridge.core.caller import Role
from weighbridge.core.run import RunState
from weighbridge.core.synthesis import Blueprint, Condition, Property, Shape
from weighbridge.errors import Forbidden, Invalid, InvalidFields, NotFound, Unavailable
from weighbridge.jobs.delivery import deliver
from weighbridge.jobs.execution import Execution
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.jobs.inspections import Classified, Compared
from weighbridge.jobs.loading import LoadedRun
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.declared import DeclaredModel, Defaults, ModelsFile
from weighbridge.services.datasets import Datasets
from weighbridge.services.evaluations import Evaluations
from weighbridge.services.inspections import Inspections, InspectionView
from weighbridge.services.runs import Runs
from weighbridge.store.productions import newest_result
from weighbridge.store.runs import move_run

TONE = Property(
    "tone",
    ("warm", "cold"),
    {"warm": 75.0, "cold": 25.0},
    (Condition({"mood": "angry"}, {"warm": 0.0, "cold": 100.0}),),
)
LETTERS = Blueprint("A letter to a bank.", "Every letter names an account.", (MOOD, TONE))


class Desk:
    """A kitchen whose samples are looked at."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.kitchen = Kitchen(bench)
        evaluations = Evaluations(bench.store, bench.models, Datasets(bench.store))
        self.inspections = Inspections(
            bench.store, self.kitchen.productions, evaluations, Runs(bench.store), bench.models
        )
        self.sees: Callable[[str], Mapping[str, object] | str] = told_in
        self.questions: list[str] = []
        self.written = 0
        bench.model.answer = self._answer

    def _answer(self, question: str, _epoch: int) -> str:
        if '"reason"' in question and "## p1" in question:
            self.questions.append(question)
            said = self.sees(question_of(question).text)
            return said if isinstance(said, str) else reply(question, said)
        self.written += 1
        return f"letter {self.written}"

    async def letters(self, wanted: int = 12, blueprint: Blueprint = LETTERS, **more: Any) -> str:
        """A production of letters that has ended; its id."""
        spec = await self.kitchen.spec(blueprint=blueprint)
        view = await self.kitchen.create(spec, wanted, skip_outline=True, **more)
        view = await self.kitchen.run(view)
        assert view.run.state is RunState.SUCCEEDED, view.run
        return view.production.id

    async def create(self, production: str, model: str | None = "judge") -> InspectionView:
        return await self.inspections.create(self.bench.caller, production, model)

    async def inspect(self, production: str, model: str | None = "judge") -> InspectionView:
        view = await self.create(production, model)
        await run_in_foreground(self.bench.store, await self.bench.load(view.run.id))
        return await self.inspections.get(self.bench.caller, view.inspection.id)

    async def begun(self, view: InspectionView) -> LoadedRun:
        """Its run, as whoever executes it has it."""
        async with self.bench.store.begin() as connection:
            await move_run(connection, view.run.id, RunState.RUNNING)
        return await self.bench.load(view.run.id)

    async def classified(self, view: InspectionView) -> list[Classified]:
        found: list[Classified] = []
        async for page in self.inspections.classified(self.bench.caller, view):
            found += page
        return found


def told_in(_text: str) -> Mapping[str, object]:
    return {"mood": "calm", "tone": "warm"}


@pytest.fixture
def desk(bench: Bench) -> Desk:
    return Desk(bench)


async def test_samples_are_classified_and_compared_with_what_was_drawn(desk: Desk) -> None:
    production = await desk.letters(12)
    view = await desk.inspect(production)
    assert view.run.state is RunState.SUCCEEDED, view.run
    assert view.inspection.model == "judge"
    result = view.result
    assert result is not None
    mood = result["properties"][0]
    assert mood["name"] == "mood"
    assert mood["requested"] == {"calm": 50.0, "angry": 50.0}
    assert mood["expected"] == {"calm": 50.0, "angry": 50.0}
    assert mood["evaluated"] == {"calm": 100.0, "angry": 0.0}
    assert mood["distance"] == pytest.approx(0.5)
    tone = result["properties"][1]
    # 6 of 12 are angry and cold; of the calm ones a quarter, as near as 6 allow
    assert tone["expected"]["warm"] in (33.3, 41.7)
    assert result["score"] == pytest.approx(
        100 * (1 - (mood["distance"] + tone["distance"]) / 2), abs=1e-6
    )
    assert result["low"] <= result["corrected"] <= result["high"]
    assert "12 of 12 samples" in result["explanation"]
    assert "mood" in result["non_conformant"]
    assert mood["agreement"]["agreed"] == 6
    assert mood["agreement"]["swaps"] == [{"drawn": "angry", "seen": "calm", "n": 6}]
    assert len(desk.questions) == 12
    assert view.run.usage.calls == 12


async def test_every_sample_is_told_in_its_order(desk: Desk) -> None:
    view = await desk.inspect(await desk.letters(12))
    found = await desk.classified(view)
    assert [one.number for one in found] == list(range(12))
    assert all(one.classes == {"mood": "calm", "tone": "warm"} for one in found)
    assert {one.tags["mood"] for one in found} == {"calm", "angry"}


async def test_the_judge_is_told_what_samples_are_about(desk: Desk) -> None:
    await desk.inspect(await desk.letters(1))
    [question] = desk.questions
    assert "A letter to a bank." in question
    assert "Every letter names an account." in question


async def test_a_production_that_has_not_succeeded_is_not_evaluated(desk: Desk) -> None:
    waiting = await desk.kitchen.create(await desk.kitchen.spec(), 2)
    with pytest.raises(Invalid, match=r"^Can only evaluate completed runs$"):
        await desk.create(waiting.production.id)
    await desk.kitchen.productions.cancel(desk.bench.caller, waiting.production.id)
    with pytest.raises(Invalid, match="completed"):
        await desk.create(waiting.production.id)
    with pytest.raises(NotFound):
        await desk.create("prod_of_nobody")
    assert await desk.inspections.list_of(desk.bench.caller, waiting.production.id) == []


async def test_who_only_reads_starts_none_and_others_see_none(desk: Desk) -> None:
    production = await desk.letters(1)
    caller = desk.bench.caller
    reader = type(caller)(**{**_fields(caller), "role": Role.READER})
    with pytest.raises(Forbidden):
        await desk.inspections.create(reader, production)
    view = await desk.inspect(production)
    stranger = type(caller)(**{**_fields(caller), "workspace_id": "ws_other"})
    with pytest.raises(NotFound):
        await desk.inspections.get(stranger, view.inspection.id)
    with pytest.raises(NotFound):
        await desk.inspections.list_of(stranger, production)
    with pytest.raises(NotFound):
        await desk.inspections.create(stranger, production)
    assert [it async for it in desk.inspections.classified(stranger, view)] == []


def _fields(caller: Any) -> dict[str, Any]:
    return {name: getattr(caller, name) for name in caller.__dataclass_fields__}


async def test_an_unknown_model_is_refused_with_those_that_work(bench: Bench) -> None:
    desk = Desk(bench)
    production = await desk.letters(1)
    models = RealModels(bench.model)
    desk.inspections._models = models  # type: ignore[assignment]
    with pytest.raises(InvalidFields) as caught:
        await desk.create(production, "gpt-0")
    [problem] = caught.value.problems
    assert problem.field == "model"
    assert problem.message.startswith("Unsupported evaluation model: gpt-0. ")
    assert "house-judge" in problem.message


class RealModels:
    """Knows what a catalog says, and asks one model all the same."""

    def __init__(self, model: FakeModel) -> None:
        self._model = model
        declared = DeclaredModel(name="house-judge", protocol="scripted", replies=["{}"])
        file = ModelsFile(models=[declared], defaults=Defaults(judge="house-judge"))
        self.catalog = Catalog(file, {})

    async def get(self, name: str) -> FakeModel:
        self.catalog.resolve(name)
        return self._model

    async def check(self, name: str, request: object, *, makes: str = "text") -> None:
        self.catalog.resolve(name)


async def test_without_a_name_the_default_judge_looks_or_the_embedded_one(bench: Bench) -> None:
    desk = Desk(bench)
    production = await desk.letters(1)
    assert (await desk.create(production, None)).inspection.model == "embedded"
    desk.inspections._models = RealModels(bench.model)  # type: ignore[assignment]
    assert (await desk.create(production, None)).inspection.model == "house-judge"


async def test_what_could_not_be_told_counts_neither_way(desk: Desk) -> None:
    production = await desk.letters(8)
    seen = iter(range(8))

    def sees(_text: str) -> Mapping[str, object] | str:
        number = next(seen)
        if number < 2:
            return "nonsense"
        return {"mood": "unclear" if number < 4 else "calm", "tone": "other"}

    # A reply that is of no use is asked for again, so that numbers are by samples.
    desk.sees = _by_text(sees)
    view = await desk.inspect(production)
    result = view.result
    assert result is not None
    mood, tone = result["properties"]
    assert (mood["n"], mood["unknown"], mood["others"]) == (4, 2, 0)
    assert (tone["n"], tone["others"]) == (6, 6)
    assert tone["evaluated"]["other"] == 100.0
    assert result["unread"] == 2
    assert "no usable verdict" in next(iter(result["why_unread"]))
    assert result["untold"]["mood"]["samples"] == 2
    found = await desk.classified(view)
    assert sum(one.classes is None for one in found) == 2
    assert all(one.why for one in found if one.classes is None)


def _by_text(sees: Callable[[str], Mapping[str, object] | str]) -> Any:
    known: dict[str, Any] = {}

    def again(text: str) -> Any:
        if text not in known:
            known[text] = sees(text)
        return known[text]

    return again


async def test_an_inspection_in_which_nothing_could_be_read_has_failed(desk: Desk) -> None:
    production = await desk.letters(3)
    desk.sees = lambda _: "nonsense"
    view = await desk.inspect(production)
    assert view.run.state is RunState.FAILED
    assert "no sample could be classified" in (view.run.reason or "")
    assert view.result is None
    assert await desk.classified(view) == []


async def test_calls_that_fail_are_no_verdicts(desk: Desk) -> None:
    production = await desk.letters(3)

    def sees(_text: str) -> str:
        raise refuse()

    desk.sees = sees
    view = await desk.inspect(production)
    assert view.run.state is RunState.FAILED
    assert "500" in (view.run.reason or "")


async def test_samples_that_were_never_made_are_left_out(desk: Desk) -> None:
    made = 0

    def writes(question: str, epoch: int) -> str:
        nonlocal made
        if "## p1" in question:
            return desk._answer(question, epoch)
        made += 1
        if made == 1:
            raise refuse()
        return f"letter {made}"

    desk.bench.model.answer = writes
    production = await desk.letters(4)
    view = await desk.inspect(production)
    result = view.result
    assert result is not None
    assert result["samples"] == result["read"] == 3
    assert len(await desk.classified(view)) == 3


async def test_copies_and_the_form_are_told_beside(desk: Desk) -> None:
    rows = [{"mood": "calm" if n % 2 else "angry", "age": 20 + n * n % 31} for n in range(20)]
    mood = Blueprint("A person.", "", (MOOD,))
    spec = await desk.kitchen.spec(Shape.SINGLE_FILE, {"people.jsonl": jsonl(rows)}, mood)
    made = await desk.kitchen.made(spec, 30, model=None)
    view = await desk.inspect(made.production.id, "embedded")
    result = view.result
    assert result is not None
    like = result["like"]
    assert like["validity"]["share"] == 1.0
    assert like["duplicates"]["against_seeds"]["exact"]["count"] > 0
    assert like["table"]["seeds"] == 20
    assert {it["column"] for it in like["table"]["columns"]} == {"mood", "age"}
    assert result["score"] == 100.0
    assert result["judged_by_embedded"] is True
    assert "embedded judge" in result["explanation"]
    assert view.run.usage.calls == 0
    async with desk.bench.store.begin() as connection:
        newest = await newest_result(connection, desk.bench.caller.workspace_id, made.production.id)
    assert newest is not None
    assert newest[0] == view.inspection.id
    assert json.dumps(newest[1])


async def test_where_the_embedded_judge_can_tell_nothing_there_is_no_score(desk: Desk) -> None:
    count = Property("count", ("1 to 3", "4 to 9"), {"1 to 3": 50.0, "4 to 9": 50.0})
    production = await desk.letters(4, Blueprint("A letter.", "", (count,)))
    view = await desk.inspect(production, "embedded")
    result = view.result
    assert view.run.state is RunState.SUCCEEDED
    assert result is not None
    assert result["score"] is None
    assert "embedded judge" in result["explanation"]
    assert result["unread"] == 4
    assert result["like"]["validity"]["samples"] == 4


async def test_an_inspection_that_is_broken_off_goes_on_where_it_was(desk: Desk) -> None:
    production = await desk.letters(6)
    view = await desk.create(production)
    hangs, usual = asyncio.Event(), desk.bench.model.answer
    asked = 0

    async def forever() -> str:
        hangs.set()
        return await asyncio.Future()

    def answer(question: str, epoch: int) -> Any:
        nonlocal asked
        asked += 1
        return forever() if asked == 6 else usual(question, epoch)  # type: ignore[misc]

    desk.bench.model.answer = answer
    running = asyncio.create_task(
        run_in_foreground(desk.bench.store, await desk.bench.load(view.run.id))
    )
    await asyncio.wait_for(hangs.wait(), 20)
    await asyncio.sleep(0.3)  # the others are written
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    desk.bench.model.answer = usual
    await run_in_foreground(desk.bench.store, await desk.bench.load(view.run.id))
    again = await desk.inspections.get(desk.bench.caller, view.inspection.id)
    assert again.result is not None
    assert again.result["read"] == 6
    assert len(desk.questions) == 6


async def test_several_inspections_of_a_production_are_listed_newest_first(desk: Desk) -> None:
    production = await desk.letters(2)
    first = await desk.inspect(production)
    second = await desk.create(production, "other-judge")
    listed = await desk.inspections.list_of(desk.bench.caller, production)
    assert [it.inspection.id for it in listed] == [second.inspection.id, first.inspection.id]
    assert [it.run.state for it in listed] == [RunState.QUEUED, RunState.SUCCEEDED]
    assert second.result is None
    assert await desk.classified(second) == []


async def test_a_production_that_is_deleted_meanwhile_ends_the_inspection(desk: Desk) -> None:
    production = await desk.letters(2)
    view = await desk.create(production)
    loaded = await desk.bench.load(view.run.id)
    await desk.kitchen.productions.delete(desk.bench.caller, production)
    await run_in_foreground(desk.bench.store, loaded)
    again = await desk.inspections.get(desk.bench.caller, view.inspection.id)
    assert again.run.state is RunState.FAILED
    assert "deleted" in (again.run.reason or "")


async def test_what_samples_are_like_is_found_out_beside_their_cases(desk: Desk) -> None:
    production = await desk.letters(4)
    alone = (await desk.inspect(production)).result
    view = await desk.create(production)
    loaded = await desk.begun(view)
    async with Execution(loaded, desk.bench.store) as execution:
        comparing = execution.comparing
        assert comparing is not None
        found = await comparing  # before any sample was looked at
        assert len(desk.questions) == 4
        for shard in loaded.plan:
            await execution.do_shard(shard)
        await deliver(desk.bench.store, loaded, comparing=comparing)
    beside = (await desk.inspections.get(desk.bench.caller, view.inspection.id)).result
    assert found is not None
    assert beside is not None
    assert beside["like"] == found.like
    assert beside == alone


async def test_what_failed_beside_the_cases_is_tried_once_more_at_the_end(desk: Desk) -> None:
    async def fail() -> Compared | None:
        raise Unavailable("the database is away")

    view = await desk.create(await desk.letters(3))
    loaded = await desk.begun(view)
    async with Execution(loaded, desk.bench.store) as execution:
        for shard in loaded.plan:
            await execution.do_shard(shard)
        await deliver(desk.bench.store, loaded, comparing=asyncio.create_task(fail()))
    found = await desk.inspections.get(desk.bench.caller, view.inspection.id)
    assert found.result is not None
    assert found.result["like"]["validity"]["samples"] == 3


async def test_a_run_that_is_stopped_stops_what_it_does_beside_its_cases(desk: Desk) -> None:
    view = await desk.create(await desk.letters(2))
    loaded = await desk.bench.load(view.run.id)
    async with Execution(loaded, desk.bench.store) as execution:
        comparing = execution.comparing
    assert comparing is not None
    assert comparing.cancelled()
