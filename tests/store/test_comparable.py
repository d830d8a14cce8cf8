"""Runs to choose from are those of the workspace, newest first, and found by their names."""

import pytest

from support.running import Bench, FakeModel
from weighbridge.services.keys import Keys
from weighbridge.store.comparable import comparable_of, newest_runs
from weighbridge.store.engine import Store


@pytest.fixture
async def bench(store: Store) -> Bench:
    return Bench(store, FakeModel(), await Keys(store).operator())


async def test_runs_are_found_by_what_they_are_called_and_by_their_data(bench: Bench) -> None:
    first = await bench.queue(cases=3, name="Tone, in May")
    second = await bench.queue(cases=4, name="Facts 100%", model="other_model")
    workspace = bench.caller.workspace_id
    async with bench.store.begin() as connection:
        every = await newest_runs(connection, workspace, limit=10)
        assert [it.id for it in every] == [second, first]
        assert (every[0].evaluation, every[0].rows, every[0].metrics) == ("Facts 100%", 4, ())
        for search, wanted in (
            ("TONE", [first]),
            ("0%", [second]),
            ("other_m", [second]),
            ("%", [second]),
            (first[-8:], [first]),
            ("nobody", []),
        ):
            found = await newest_runs(connection, workspace, search=search, limit=10)
            assert [it.id for it in found] == wanted, search
        same = await newest_runs(connection, workspace, sha256=every[1].sha256, limit=10)
        assert [it.id for it in same] == [first]
        assert [it.id for it in await newest_runs(connection, workspace, limit=1)] == [second]
        assert await newest_runs(connection, "ws_other", limit=10) == []
        chosen = await comparable_of(connection, workspace, [first, "run_nope", second])
        assert [it.id for it in chosen] == [first, second]
        assert await comparable_of(connection, "ws_other", [first]) == []
