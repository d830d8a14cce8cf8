"""Suites are found by everything that the database knows of them, in every order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, update

from weighbridge.core.caller import Caller, Role
from weighbridge.core.ids import id_of, new_id
from weighbridge.core.run import RunState
from weighbridge.core.suite import Scoring, Suite, SuiteRequest, SuiteState
from weighbridge.store.engine import Store
from weighbridge.store.evaluations import add_evaluation
from weighbridge.store.keys import ensure_workspace
from weighbridge.store.moments import now
from weighbridge.store.runs import add_run
from weighbridge.store.scorings import add_scoring, delete_scoring
from weighbridge.store.suite_statistics import (
    Order,
    Standing,
    Such,
    count_such,
    scorings_of,
    suites_such,
)
from weighbridge.store.suites import add_suite, delete_suite
from weighbridge.store.tables import datasets, runs

DAY = datetime(2026, 1, 1, tzinfo=UTC)
_NUMBERS = count()


class Shelf:
    """Suites of a workspace, by short names."""

    def __init__(self, store: Store, workspace_id: str) -> None:
        self.store = store
        self.workspace_id = workspace_id
        self.names: dict[str, str] = {}

    async def suite(self, name: str, day: int = 0, **changes: Any) -> str:
        """A suite made on that day."""
        about = {it: changes.pop(it) for it in ("kind", "language", "jailbreak", "sandbox")
                 if it in changes}  # fmt: skip
        request = replace(SuiteRequest("safety", "a bot"), **about)
        moment = DAY + timedelta(days=day)
        suite = Suite(
            id=id_of("suite", UUID(int=next(_NUMBERS))),  # the newest is the highest
            workspace_id=self.workspace_id,
            name=name,
            request=request,
            asked={},
            has_truth=False,
            state=SuiteState.READY,
            prompts=0,
            evaluation_id=None,
            spread=None,
            problem=None,
            door="aymara",
            author="Ann",
            created_at=moment,
            updated_at=moment,
        )
        async with self.store.begin() as connection:
            await add_suite(connection, replace(suite, **changes), None)
        self.names[suite.id] = name
        return suite.id

    async def scoring(self, suite_id: str, day: int = 0) -> str:
        """A scoring of a suite made on that day."""
        moment = DAY + timedelta(days=day)
        scoring = Scoring(
            id=new_id("scoring"),
            workspace_id=self.workspace_id,
            suite_id=suite_id,
            name="run",
            ai_description=None,
            examples=(),
            sandbox=False,
            responses=0,
            door="aymara",
            author="Ann",
            created_at=moment,
            updated_at=moment,
        )
        async with self.store.begin() as connection:
            await add_scoring(connection, scoring)
        return scoring.id

    async def found(self, such: Such = Such(), **options: Any) -> list[str]:  # noqa: B008
        """Names of the suites that are such; there are as many as are counted."""
        async with self.store.begin() as connection:
            ids = await suites_such(connection, self.workspace_id, such, **options)
            if not options.keys() & {"start", "limit"}:
                assert await count_such(connection, self.workspace_id, such) == len(ids)
        return [self.names[it] for it in ids]


@pytest.fixture
async def shelf(store: Store) -> Shelf:
    async with store.begin() as connection:
        return Shelf(store, await ensure_workspace(connection, "ours"))


async def test_names_are_found_by_a_part_whatever_its_case_and_signs(shelf: Shelf) -> None:
    for name in ("Safety of Ada", "safely", "100% safe", "100 safe", "under_score", "underscore"):
        await shelf.suite(name)
    assert set(await shelf.found(Such(name="SAFE"))) == {
        "Safety of Ada",
        "safely",
        "100% safe",
        "100 safe",
    }
    assert await shelf.found(Such(name="0%")) == ["100% safe"]
    assert await shelf.found(Such(name="r_s")) == ["under_score"]
    assert await shelf.found(Such(name="/")) == []


@pytest.mark.parametrize(
    ("such", "found"),
    [
        (Such(kind="accuracy"), ["accurate"]),
        (Such(modality="image"), ["pictures"]),
        (Such(language="fr"), ["french"]),
        (Such(jailbreak=True), ["attack"]),
        (Such(sandbox=True), ["sandbox"]),
        (Such(author="bOb"), ["bobs"]),
        (Such(author="bo"), []),
        (Such(kind="accuracy", language="fr"), []),
        (Such(jailbreak=False, sandbox=False, language="en", kind="safety", author="ann",
              modality="text"), ["plain"]),
    ],
)  # fmt: skip
async def test_every_field_filters(shelf: Shelf, such: Such, found: list[str]) -> None:
    pictures = replace(SuiteRequest("safety", "a bot"), modality="image")
    await shelf.suite("plain")
    await shelf.suite("accurate", kind="accuracy")
    await shelf.suite("pictures", request=pictures)
    await shelf.suite("french", language="fr")
    await shelf.suite("attack", jailbreak=True)
    await shelf.suite("sandbox", sandbox=True)
    await shelf.suite("bobs", author="Bob")
    assert await shelf.found(such) == found


async def test_days_are_bounds_with_both_ends(shelf: Shelf) -> None:
    for day in range(4):
        await shelf.suite(str(day), day)
    such = Such(created_after=DAY + timedelta(days=1), created_before=DAY + timedelta(days=2))
    assert await shelf.found(such) == ["2", "1"]


async def test_what_was_answered_and_when_filters(shelf: Shelf) -> None:
    answered, late = await shelf.suite("answered"), await shelf.suite("late")
    deleted = await shelf.suite("deleted answers")
    await shelf.suite("never")
    await shelf.scoring(answered, 1)
    await shelf.scoring(late, 1)
    await shelf.scoring(late, 5)
    gone = await shelf.scoring(deleted, 5)
    async with shelf.store.begin() as connection:
        await delete_scoring(connection, shelf.workspace_id, gone)
    assert await shelf.found(Such(has_scorings=True)) == ["late", "answered"]
    assert await shelf.found(Such(has_scorings=False)) == ["never", "deleted answers"]
    assert await shelf.found(Such(scored_after=DAY + timedelta(days=2))) == ["late"]
    early = Such(scored_before=DAY + timedelta(days=1))
    assert await shelf.found(early) == ["late", "answered"]
    between = Such(scored_after=DAY + timedelta(days=2), scored_before=DAY + timedelta(days=4))
    assert await shelf.found(between) == []  # one before and one after is none within


async def test_a_suite_stands_where_the_run_that_writes_it_does(shelf: Shelf) -> None:
    caller = Caller(shelf.workspace_id, Role.WRITER)
    for state in RunState:
        async with shelf.store.begin() as connection:
            dataset_id = new_id("ds")
            await connection.execute(
                insert(datasets).values(
                    id=dataset_id, workspace_id=caller.workspace_id, name=dataset_id,
                    sha256="0" * 64, rows=10, size=1, columns=[], offsets=[], created_at=now(),
                    version=1,
                )
            )  # fmt: skip
            evaluation = await add_evaluation(connection, caller, "w", {}, dataset_id)
            run_id = await add_run(
                connection,
                workspace_id=caller.workspace_id,
                evaluation_id=evaluation.id,
                model="m",
                pin="0",
                pin_parts={},
                total=1,
            )
            await connection.execute(
                update(runs).where(runs.c.id == run_id).values(state=state.value)
            )
        await shelf.suite(state.value, state=SuiteState.WRITING, evaluation_id=evaluation.id)
    await shelf.suite("ready")
    await shelf.suite("broken", state=SuiteState.FAILED)
    stands = {it: set(await shelf.found(Such(standing=it))) for it in Standing}
    assert stands == {
        Standing.CREATED: {"queued"},
        Standing.PROCESSING: {"running", "delivering", "succeeded"},
        Standing.FINISHED: {"ready"},
        Standing.FAILED: {"failed", "cancelled", "broken"},
    }


@pytest.mark.parametrize(
    ("order", "ascending"),
    [
        (Order.CREATED_AT, ["b", "C", "a"]),
        (Order.UPDATED_AT, ["a", "b", "C"]),
        (Order.NAME, ["a", "b", "C"]),
        (Order.SCORINGS, ["C", "a", "b"]),
    ],
)
async def test_suites_are_put_in_order(shelf: Shelf, order: Order, ascending: list[str]) -> None:
    b = await shelf.suite("b", 0, updated_at=DAY + timedelta(days=2))
    await shelf.suite("C", 1, updated_at=DAY + timedelta(days=3))
    a = await shelf.suite("a", 2, updated_at=DAY)
    await shelf.scoring(a)
    await shelf.scoring(b)
    await shelf.scoring(b)
    assert await shelf.found(order=order, descending=False) == ascending
    assert await shelf.found(order=order, descending=True) == ascending[::-1]


@pytest.mark.parametrize("descending", [True, False])
async def test_suites_that_nobody_answered_stand_last(shelf: Shelf, descending: bool) -> None:
    early, _, late = [await shelf.suite(name) for name in ("early", "never", "late")]
    await shelf.scoring(early, 9)
    await shelf.scoring(late, 1)
    await shelf.scoring(late, 20)
    found = await shelf.found(order=Order.LAST_SCORED_AT, descending=descending)
    assert found == (["late", "early", "never"] if descending else ["early", "late", "never"])


async def test_pages_follow_each_other_and_alike_ones_the_newest_first(shelf: Shelf) -> None:
    for number in range(5):
        await shelf.suite(str(number))
    assert await shelf.found(start=0, limit=2) == ["4", "3"]
    assert await shelf.found(start=2, limit=2) == ["2", "1"]
    assert await shelf.found(start=4, limit=2) == ["0"]


async def test_nothing_deleted_and_nothing_of_another_workspace_is_found(shelf: Shelf) -> None:
    mine, gone = await shelf.suite("mine"), await shelf.suite("gone")
    async with shelf.store.begin() as connection:
        await delete_suite(connection, shelf.workspace_id, gone)
        theirs = Shelf(shelf.store, await ensure_workspace(connection, "theirs"))
    await shelf.scoring(mine)
    await theirs.suite("theirs")
    assert await shelf.found() == ["mine"]
    assert await theirs.found() == ["theirs"]
    async with shelf.store.begin() as connection:
        assert [
            it.suite_id for it in await scorings_of(connection, shelf.workspace_id, [mine])
        ] == [mine]
        assert await scorings_of(connection, theirs.workspace_id, [mine]) == []
