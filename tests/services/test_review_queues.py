"""Which cases people have before them: those of the review sample, or where a judge was unsure."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from support.running import Bench, FakeModel
from weighbridge.core.caller import Caller
from weighbridge.errors import NotFound
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.services.keys import Keys
from weighbridge.services.outcomes import Outcomes
from weighbridge.services.review_queues import Order, ReviewQueues
from weighbridge.services.reviews import Judgement, Reviews
from weighbridge.services.runs import Runs
from weighbridge.store.engine import Store
from weighbridge.store.overrides import Reviewed

MakeRun = Callable[..., Awaitable[str]]


@pytest.fixture
async def bench(store: Store) -> Bench:
    return Bench(store, FakeModel(), await Keys(store).operator())


@pytest.fixture
def queues(bench: Bench) -> ReviewQueues:
    return ReviewQueues(bench.store, Runs(bench.store))


@pytest.fixture
def reviews(bench: Bench) -> Reviews:
    return Reviews(bench.store, Runs(bench.store), Outcomes(bench.store))


@pytest.fixture
def make_run(bench: Bench) -> MakeRun:
    async def make(cases: Any = 40, **fields: Any) -> str:
        run_id = await bench.queue(cases, **fields)
        await run_in_foreground(bench.store, await bench.load(run_id))
        return run_id

    return make


@pytest.mark.parametrize(("seed", "epochs", "n"), [(0, 1, 5), (7, 2, 30), (3, 1, 100)])
async def test_the_cases_are_those_of_the_review_sample(
    bench: Bench,
    queues: ReviewQueues,
    reviews: Reviews,
    make_run: MakeRun,
    seed: int,
    epochs: int,
    n: int,
) -> None:
    run_id = await make_run(40, epochs=epochs)
    sample = await reviews.sample(bench.caller, run_id, n=n, seed=seed, scorer="exact")
    queue = await queues.queue(bench.caller, run_id, "exact", n=n, seed=seed)
    drawn = tuple((view.record.position, view.record.epoch) for view in sample.views)
    assert queue.places == drawn
    assert len(drawn) == min(n, 40 * epochs)


async def test_cases_without_a_verdict_are_passed_over_however_many_there_are(
    bench: Bench, queues: ReviewQueues, reviews: Reviews, make_run: MakeRun
) -> None:
    # Three of four have no target, so that `exact` cannot grade them.
    rows = [
        {"id": f"c{at}", "q": f"q{at}", "a": f"q{at}" if at % 4 == 0 else None} for at in range(200)
    ]
    run_id = await make_run(rows)
    queue = await queues.queue(bench.caller, run_id, "exact", n=45)
    sample = await reviews.sample(bench.caller, run_id, n=45, scorer="exact")
    assert queue.places == tuple((it.record.position, 0) for it in sample.views)
    assert len(queue.places) == 45


async def test_what_is_reviewed_is_no_longer_left(
    bench: Bench, queues: ReviewQueues, reviews: Reviews, make_run: MakeRun
) -> None:
    run_id = await make_run()
    before = await queues.queue(bench.caller, run_id, "exact", n=10)
    assert (before.left, before.reviewed) == (before.places, Reviewed(0, 0))
    said = [
        Judgement("exact", "because", position=position, value=1.0, author=author)
        for (position, _), author in zip(before.places[1:3], ("ann", "bob"), strict=True)
    ]
    outside = next(at for at in range(40) if (at, 0) not in before.places)
    await reviews.judge(bench.caller, run_id, [*said, replace(said[0], position=outside)])
    queue = await queues.queue(bench.caller, run_id, "exact", n=10)
    assert queue.left == (before.places[0], *before.places[3:])
    assert queue.reviewed == Reviewed(3, 2)


async def test_what_can_be_taken_back_is_what_one_said_last_and_nobody_spoke_over(
    bench: Bench, queues: ReviewQueues, reviews: Reviews, make_run: MakeRun
) -> None:
    run_id = await make_run(5)

    async def say(position: int, author: str) -> None:
        said = Judgement("exact", f"so says {author}", position=position, value=1.0, author=author)
        await reviews.judge(bench.caller, run_id, [said])

    async def last(author: str) -> int | None:
        found = await queues.last_of(bench.caller, run_id, "exact", author)
        return found and found.position

    assert await last("ann") is None
    await say(1, "ann")
    await say(2, "ann")
    await say(2, "bob")
    assert (await last("ann"), await last("bob")) == (1, 2)
    await reviews.withdraw(bench.caller, run_id, 1, 0, "exact", "no", "ann")
    assert await last("ann") is None


async def test_an_order_that_nobody_can_give_is_empty(
    bench: Bench, queues: ReviewQueues, make_run: MakeRun
) -> None:
    run_id = await make_run(5)
    queue = await queues.queue(bench.caller, run_id, "exact", order=Order.UNSURE)
    assert queue.places == ()


async def test_runs_are_listed_with_what_is_reviewed_of_them(
    bench: Bench, queues: ReviewQueues, reviews: Reviews, make_run: MakeRun
) -> None:
    first, second = await make_run(3), await make_run(3)
    assert await queues.begun(bench.caller) == []
    await reviews.judge(bench.caller, first, [Judgement("exact", "because", position=1, value=1.0)])
    page = await queues.page(bench.caller)
    assert [(it.view.run.id, dict(it.reviewed)) for it in page] == [
        (second, {}),
        (first, {"exact": Reviewed(1, 1)}),
    ]
    assert [it.view.run.id for it in await queues.begun(bench.caller)] == [first]


async def test_other_workspaces_and_scorers_are_not_there(
    bench: Bench, queues: ReviewQueues, make_run: MakeRun
) -> None:
    run_id = await make_run(3)
    stranger = Caller("ws_2", bench.caller.role)
    with pytest.raises(NotFound):
        await queues.queue(stranger, run_id, "exact")
    with pytest.raises(NotFound, match="no scorer `nobody`"):
        await queues.queue(bench.caller, run_id, "nobody")
    assert await queues.page(stranger) == []
