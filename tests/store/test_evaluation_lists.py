"""Evaluations are found by what they are, who ran and when, a page at a time."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import JSON, Boolean, Integer, Table, event, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.caller import Caller, Role
from weighbridge.core.ids import id_of, new_id
from weighbridge.core.outcome import Metric
from weighbridge.core.run import RunState
from weighbridge.services.overviews import Overviews
from weighbridge.store import tables
from weighbridge.store.engine import Store
from weighbridge.store.evaluation_lists import (
    Doing,
    EvaluationKind,
    Listed,
    Wanted,
    kind_of,
    models_of_late,
    newest_runs_of,
    page_of_evaluations,
)
from weighbridge.store.keys import ensure_workspace
from weighbridge.store.moments import now
from weighbridge.store.tables import Json, UtcDateTime


def row_of(table: Table, **given: Any) -> dict[str, Any]:
    """A row with something in every column that must not be empty."""
    row: dict[str, Any] = {}
    for column in table.columns:
        if column.name in given or (column.nullable and not column.primary_key):
            continue
        if isinstance(column.type, UtcDateTime):
            row[column.name] = now()
        elif isinstance(column.type, Json | JSON):
            row[column.name] = {}
        elif isinstance(column.type, Boolean):
            row[column.name] = False
        elif isinstance(column.type, Integer):
            row[column.name] = 1
        else:
            row[column.name] = new_id("x") if column.primary_key else "x"
    return row | given


class Shelf:
    """A workspace to put evaluations into."""

    def __init__(self, store: Store, workspace: str, dataset: str) -> None:
        self.store = store
        self.workspace = workspace
        self.dataset = dataset
        self.made = 0

    async def put(self, table: Table, *rows: dict[str, Any]) -> None:
        whole = [row_of(table, workspace_id=self.workspace, **row) for row in rows]
        async with self.store.begin() as connection:
            await connection.execute(insert(table), whole)

    async def evaluation(
        self,
        name: str,
        *states: RunState,
        day: date | None = None,
        models: Sequence[str] = (),
        judged: bool = False,
        **given: Any,
    ) -> str:
        """An evaluation with a run in each of these states."""
        evaluation_id = new_id("eval")
        if day is not None:
            moment = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
            evaluation_id = id_of("eval", UUID(int=int(moment.timestamp() * 1000) << 80))
        row = {"id": evaluation_id, "name": name, "dataset_id": self.dataset, "door": "native"}
        await self.put(tables.evaluations, row | given)
        parts = {"judging": "0" * 16} if judged else {"dataset": "0" * 16}
        for number, state in enumerate(states):
            model = models[number] if models else f"model {number}"
            self.made += 1  # ids of one millisecond come in any order
            run_id = id_of("run", UUID(int=self.made << 80))
            run = {"id": run_id, "evaluation_id": evaluation_id, "model": model}
            await self.put(tables.runs, {**run, "state": state.value, "pin_parts": parts})
        return evaluation_id

    async def run_of(self, evaluation_id: str) -> str:
        async with self.store.begin() as connection:
            found = await newest_runs_of(connection, self.workspace, [evaluation_id], 1)
        return found[evaluation_id][1][0]

    async def names(self, wanted: Wanted, after: str | None = None, limit: int = 50) -> list[str]:
        return [one.name for one in await self.page(wanted, after, limit)]

    async def page(self, wanted: Wanted, after: str | None, limit: int) -> list[Listed]:
        async with self.store.begin() as connection:
            return await page_of_evaluations(
                connection, self.workspace, wanted, after=after, limit=limit
            )


@pytest.fixture
async def shelf(store: Store) -> Shelf:
    async with store.begin() as connection:
        workspace = await ensure_workspace(connection, "ours")
    shelf = Shelf(store, workspace, new_id("ds"))
    await shelf.put(tables.datasets, {"id": shelf.dataset, "sha256": "0" * 64})
    return shelf


async def test_pages_follow_each_other_newest_first(shelf: Shelf) -> None:
    for number in range(7):
        await shelf.evaluation(f"e{number}", day=date(2026, 1, 1 + number))
    first = await shelf.page(Wanted(), None, 3)
    assert [one.name for one in first] == ["e6", "e5", "e4"]
    assert await shelf.names(Wanted(), first[-1].id, 3) == ["e3", "e2", "e1"]
    assert await shelf.names(Wanted(), first[-1].id, 9) == ["e3", "e2", "e1", "e0"]


async def test_days_are_whole_and_both_are_included(shelf: Shelf) -> None:
    for day in (3, 4, 5, 6):
        await shelf.evaluation(f"day {day}", day=date(2026, 2, day))
    assert await shelf.names(Wanted(first=date(2026, 2, 5))) == ["day 6", "day 5"]
    assert await shelf.names(Wanted(last=date(2026, 2, 4))) == ["day 4", "day 3"]
    both = Wanted(first=date(2026, 2, 4), last=date(2026, 2, 5))
    assert await shelf.names(both) == ["day 5", "day 4"]
    assert await shelf.names(Wanted(first=date.min, last=date.max)) == [
        *("day 6", "day 5", "day 4", "day 3")
    ]


async def test_text_is_found_as_it_stands_whatever_its_case(shelf: Shelf) -> None:
    await shelf.evaluation("Support 100% right", RunState.SUCCEEDED, models=["GPT-4o"])
    await shelf.evaluation("support 1000 right", RunState.SUCCEEDED, models=["llama_3"])
    assert await shelf.names(Wanted(text="support 100%")) == ["Support 100% right"]
    assert await shelf.names(Wanted(text="SUPPORT")) == ["support 1000 right", "Support 100% right"]
    assert await shelf.names(Wanted(model="gpt")) == ["Support 100% right"]
    assert await shelf.names(Wanted(model="a_3")) == ["support 1000 right"]
    assert await shelf.names(Wanted(model="o_3")) == []


async def test_where_runs_are_and_the_way_they_came(shelf: Shelf) -> None:
    await shelf.evaluation("runs", RunState.SUCCEEDED, RunState.RUNNING, door="oxen")
    await shelf.evaluation("waits", RunState.QUEUED)
    await shelf.evaluation("ended", RunState.SUCCEEDED)
    await shelf.evaluation("broke", RunState.FAILED, RunState.CANCELLED)
    assert await shelf.names(Wanted(doing=Doing.GOING_ON)) == ["waits", "runs"]
    assert await shelf.names(Wanted(doing=Doing.SUCCEEDED)) == ["ended", "runs"]
    assert await shelf.names(Wanted(doing=Doing.FAILED)) == ["broke"]
    assert await shelf.names(Wanted(doing=Doing.CANCELLED)) == ["broke"]
    assert await shelf.names(Wanted(door="oxen")) == ["runs"]
    assert await shelf.names(Wanted(door="oxen", doing=Doing.FAILED)) == []
    assert await shelf.names(Wanted(dataset_id=shelf.dataset, text="nd")) == ["ended"]
    assert await shelf.names(Wanted(dataset_id="ds_other")) == []


async def test_a_kind_is_what_the_store_holds_beside_an_evaluation(shelf: Shelf) -> None:
    kinds = EvaluationKind
    expected: dict[str, EvaluationKind] = {}

    async def have(kind: EvaluationKind, name: str, **given: Any) -> str:
        expected[name] = kind
        return await shelf.evaluation(name, RunState.SUCCEEDED, **given)

    await have(kinds.PLAIN, "graded by rules")
    await have(kinds.JUDGED, "graded by a judge", judged=True)
    column = await have(kinds.COLUMN, "a column, judged too", judged=True)
    await shelf.put(tables.inferences, {"run_id": await shelf.run_of(column)})
    for table in ("data_specs", "productions", "inspections", "anonymizations"):
        one = await have(kinds.SAMPLES, f"of {table}")
        given = {} if table != "anonymizations" else {"files": []}
        await shelf.put(tables.metadata.tables[table], {"evaluation_id": one, **given})
    red = await have(kinds.RED_TEAM, "a red team")
    await shelf.put(tables.red_team_runs, {"evaluation_id": red})
    await shelf.put(
        tables.suites, {"id": "suite_1", "evaluation_id": await have(kinds.SAFETY, "prompts")}
    )
    await shelf.put(tables.scorings, {"id": "scoring_1", "suite_id": "suite_1"})
    verdicts = await shelf.run_of(await have(kinds.SAFETY, "verdicts", judged=True))
    follows = await have(kinds.SAFETY, "what is said next")
    batch = {"scoring_id": "scoring_1", "run_id": verdicts, "follows_evaluation_id": follows}
    await shelf.put(tables.scoring_batches, batch)
    await have(kinds.SAFETY, "put to a suite", spec={"metadata": {"suite": "suite_1"}})
    await have(kinds.PLAIN, "says that it is", spec={"metadata": {"suite": "suite_of_others"}})
    report = await have(kinds.SAFETY, "a report")
    await shelf.put(tables.suite_reports, {"evaluation_id": report})
    said = {"metadata": {"benchmark": {"name": "mmlu", "mode": "chat"}}}
    await have(kinds.STANDARD, "mmlu", spec=said)
    await have(kinds.PLAIN, "with strange metadata", spec={"metadata": {"benchmark": "mine"}})
    questions = new_id("ds")
    await shelf.put(
        tables.datasets, {"id": questions, "sha256": "1" * 64, "name": "q", "version": 1}
    )
    writes = await have(kinds.BENCHMARK, "writes questions")
    await shelf.put(tables.benchmarks, {"dataset_id": questions, "evaluation_id": writes})
    await have(kinds.BENCHMARK, "asks them", dataset_id=questions)
    await have(kinds.BENCHMARK, "by Nugen", door="nugen", judged=True)

    found = {one.name: one.kind for one in await shelf.page(Wanted(), None, 100)}
    assert found == expected
    for kind in EvaluationKind:
        those = await shelf.names(Wanted(kind=kind))
        assert sorted(those) == sorted(name for name, its in expected.items() if its is kind)
    async with shelf.store.begin() as connection:
        assert await kind_of(connection, shelf.workspace, column) is kinds.COLUMN
        assert await kind_of(connection, "ws_other", column) is None


async def test_the_newest_run_of_each_model_in_the_order_they_were_made(shelf: Shelf) -> None:
    one = await shelf.evaluation("e", *[RunState.SUCCEEDED] * 4, models=["b", "a", "c", "b"])
    other = await shelf.evaluation("f")
    async with shelf.store.begin() as connection:
        found = await newest_runs_of(connection, shelf.workspace, [one, other], 2)
        every = await newest_runs_of(connection, shelf.workspace, [one], 9)
        assert await models_of_late(connection, shelf.workspace) == ["a", "b", "c"]
        assert await models_of_late(connection, "ws_other") == []
        assert await newest_runs_of(connection, "ws_other", [one], 9) == {}
    assert other not in found
    count, ids = found[one]
    assert (count, len(ids)) == (4, 2)
    assert ids == every[one][1][:2]
    assert ids[0] > every[one][1][2], "of the model b it is the run made last"


async def test_others_see_nothing(shelf: Shelf) -> None:
    await shelf.evaluation("ours", RunState.RUNNING)
    async with shelf.store.begin() as connection:
        found = await page_of_evaluations(connection, "ws_other", Wanted(), after=None, limit=9)
    assert found == []


async def fill(connection: AsyncConnection, shelf: Shelf, count: int) -> None:
    evaluations, runs = [], []
    metric = asdict(Metric("accuracy", "exact", 0.5, 0.4, 0.6, 0.95, "wilson", 90, 100, 5, 5))
    ours = {"workspace_id": shelf.workspace}
    parts = {"dataset": "0" * 16, "scorers": "1" * 16}
    for number in range(count):
        one = {"id": new_id("eval"), "name": f"evaluation {number}", "dataset_id": shelf.dataset}
        evaluations.append(row_of(tables.evaluations, **ours, **one, spec={"prompt": "x" * 2_000}))
        run = {"evaluation_id": one["id"], "state": "succeeded", "metrics": [metric]}
        runs += [
            row_of(tables.runs, **ours, **run, id=new_id("run"), model=model, pin_parts=parts)
            for model in ("a", "b")
        ]
    await connection.execute(insert(tables.evaluations), evaluations)
    await connection.execute(insert(tables.runs), runs)


async def test_a_page_of_ten_thousand_is_as_fast_as_one_of_a_hundred(shelf: Shelf) -> None:
    overviews = Overviews(shelf.store)
    caller = Caller(shelf.workspace, Role.READER)
    statements: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        statements.append(statement)

    async def measure() -> tuple[float, int]:
        event.listen(shelf.store.engine.sync_engine, "before_cursor_execute", note)
        best = 9.0
        for _ in range(5):
            statements.clear()
            begun = time.perf_counter()
            found = await overviews.page(caller, Wanted(), after=None, limit=50)
            best = min(best, time.perf_counter() - begun)
            assert len(found) == 50
            assert all(len(row.runs) == 2 for row in found)
        event.remove(shelf.store.engine.sync_engine, "before_cursor_execute", note)
        return best, len(statements)

    async with shelf.store.begin() as connection:
        await fill(connection, shelf, 100)
    few_s, few_statements = await measure()
    async with shelf.store.begin() as connection:
        await fill(connection, shelf, 9_900)
    many_s, many_statements = await measure()
    print(f"first page: {few_s * 1000:.1f} ms of 100, {many_s * 1000:.1f} ms of 10,000")  # noqa: T201
    assert few_statements == many_statements == 3
    assert many_s < 5 * few_s + 0.05
    begun = time.perf_counter()
    assert await overviews.going_on(caller, 26) == []
    assert time.perf_counter() - begun < 0.1, "it is asked every second by everybody who looks"
