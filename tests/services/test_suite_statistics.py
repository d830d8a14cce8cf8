"""Figures on suites come out the same on both databases, however few are looked at together."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.suite_desk import MODELS, Desk
from weighbridge.core.suite import ScoringState
from weighbridge.errors import InvalidFields
from weighbridge.services import suite_statistics
from weighbridge.services.suite_statistics import Analysis, Figures, Wanted
from weighbridge.settings import Settings
from weighbridge.store.suite_statistics import Order, Such
from weighbridge.wiring import open_services


@pytest.fixture
async def desk(tmp_path: Path, database_url: str | None) -> AsyncIterator[Desk]:
    config = tmp_path / "models.toml"
    config.write_text(MODELS)
    settings = Settings(data=tmp_path / "data", config=config, database_url=database_url)
    async with open_services(settings) as services:
        yield Desk(services, await services.keys.operator())


async def analyse(desk: Desk, wanted: Wanted, **options: int) -> Analysis:
    return await desk.services.suite_statistics.analyse(desk.caller, wanted, **options)


@pytest.mark.parametrize("chunk", [1, 500])
async def test_suites_are_chosen_and_ranked_by_pass_rates(
    desk: Desk, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suite_statistics, "_CHUNK", chunk)
    half = (await desk.scoring("fine", "BAD")).suite_id
    none = (await desk.scoring("BAD")).suite_id
    every = (await desk.scoring("fine")).suite_id
    waiting = (await desk.scoring("fine", judged=False)).suite_id

    async def ids(**wanted: object) -> list[str]:
        found = await analyse(desk, Wanted(**wanted))  # type: ignore[arg-type]
        assert found.total == len(found.results)
        return [suite.id for suite, _ in found.results]

    assert await ids(order="pass_rate") == [every, half, none, waiting]
    assert await ids(order="pass_rate", descending=False) == [none, half, every, waiting]
    assert await ids(min_rate=0.5, order=Order.CREATED_AT, descending=False) == [half, every]
    assert await ids(max_rate=0.0) == [none]
    assert await ids(scoring_state=ScoringState.CREATED) == [waiting]
    assert await ids(such=Such(kind="agent"), order="pass_rate") == []
    page = await analyse(desk, Wanted(order="pass_rate"), start=1, limit=2)
    assert [suite.id for suite, _ in page.results] == [half, none]
    assert (page.total, page.more) == (4, True)
    [_, (suite, figures)] = (await analyse(desk, Wanted(order="pass_rate"), limit=2)).results
    assert suite.id == half
    assert (figures.scorings, figures.scored, figures.mean) == (1, 2, 0.5)


async def test_a_suite_that_nobody_answered_has_no_rates(desk: Desk) -> None:
    scoring = await desk.scoring("fine")
    await desk.services.scorings.delete(desk.caller, scoring.id)
    [(_, figures)] = (await analyse(desk, Wanted())).results
    assert figures == Figures()


@pytest.mark.parametrize("wanted", [Wanted(min_rate=-1), Wanted(max_rate=2),
                                    Wanted(min_rate=0.5, max_rate=0.4)])  # fmt: skip
async def test_rates_that_cannot_be_are_refused(desk: Desk, wanted: Wanted) -> None:
    with pytest.raises(InvalidFields):
        await analyse(desk, wanted)
