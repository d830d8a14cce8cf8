"""What is looked for among outcomes is found, in the order wanted, page by page and backwards."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from weighbridge.core.outcome import (
    Answer,
    Failed,
    Outcome,
    Record,
    Scored,
    Status,
    Ungraded,
    Usage,
)
from weighbridge.core.shard import Plan
from weighbridge.store.engine import Store
from weighbridge.store.outcome_search import (
    Found,
    Order,
    Search,
    Verdict,
    count_outcomes,
    find_outcomes,
    place_in_order,
    records_at,
)
from weighbridge.store.outcomes import record_group

WORKSPACE, RUN = "ws_1", "run_1"
ODD = 'a "key" \\ with $.odd [0] characters'
PLAN = Plan(cases=40, epochs=2, size=64)


def record(
    position: int,
    text: str | None = "yes",
    epoch: int = 0,
    *,
    latency_s: float = 0.1,
    cost_usd: float | None = None,
    tokens: int = 0,
    **scores: Outcome,
) -> Record:
    usage = Usage(tokens, tokens, cost_usd, 1)
    if text is None:
        failure = Failed("timeout", "it took too long", None, 3)
        return Record(position, f"case {position}", epoch, None, {}, failure, usage)
    answer = Answer(text, "stop", latency_s, usage, "m-1")
    return Record(position, f"case {position}", epoch, answer, dict(scores), None, usage)


async def write(store: Store, *records: Record, run_id: str = RUN) -> None:
    async with store.begin() as connection:
        group = [(PLAN[it.epoch], it) for it in records]
        await record_group(connection, WORKSPACE, run_id, group)


async def find(store: Store, search: Search, **how: Any) -> list[Found]:
    async with store.begin() as connection:
        return await find_outcomes(connection, WORKSPACE, RUN, search, **how)


async def positions(store: Store, **wanted: Any) -> list[int]:
    return [it.position for it in await find(store, Search(**wanted))]


async def test_scores_are_found_by_verdict_label_and_value(store: Store) -> None:
    await write(
        store,
        record(0, exact=Scored(1.0, "A")),
        record(1, exact=Scored(0.0, "B")),
        record(2, exact=Ungraded("rubbish", "{")),
        record(3, exact=Failed("timeout", "late")),
        record(4, None),
        record(5, other=Scored(1.0)),
        record(6, exact=Scored(0.5)),
    )
    assert await positions(store, scorer="exact", verdict=Verdict.PASSED) == [0]
    assert await positions(store, scorer="exact", verdict=Verdict.MISSED) == [1, 6]
    assert await positions(store, scorer="exact", verdict=Verdict.UNGRADED) == [2]
    assert await positions(store, scorer="exact", verdict=Verdict.FAILED) == [3]
    assert await positions(store, scorer="exact", label="B") == [1]
    assert await positions(store, scorer="exact", at_least=0.5) == [0, 6]
    assert await positions(store, scorer="exact", at_most=0.5) == [1, 6]
    assert await positions(store, scorer="exact", at_least=0.2, at_most=0.7) == [6]
    assert await positions(store, scorer="nobody", verdict=Verdict.PASSED) == []
    assert await positions(store, verdict=Verdict.PASSED) == []
    assert await positions(store, status=Status.FAILED) == [3, 4]
    assert await positions(store, failure="timeout") == [4]


@pytest.mark.parametrize("key", ["exact", "exact.lower-2", ODD, "it's", "ключ", "$.a", "a.b[0]"])
async def test_any_key_of_a_scorer_can_be_asked_for(store: Store, key: str) -> None:
    await write(
        store,
        record(0, **{key: Scored(1.0, 'it\'s "so"')}),
        record(1, **{key: Scored(0.25)}),
        record(2, a=Scored(1.0)),
    )
    assert await positions(store, scorer=key, verdict=Verdict.PASSED) == [0]
    assert await positions(store, scorer=key, label='it\'s "so"') == [0]
    ordered = await positions(store, scorer=key, order=Order.SCORE)
    assert ordered == [1, 0, 2]


async def test_text_is_looked_for_as_it_stands(store: Store) -> None:
    await write(
        store,
        record(0, "100 % sure"),
        record(1, "100 sure"),
        record(2, "snake_case"),
        record(3, "snakeXcase"),
        record(4, r"back\slash"),
        record(5, "it's; drop table outcomes --"),
    )
    assert await positions(store, text="100 %") == [0]
    assert await positions(store, text="%") == [0]
    assert await positions(store, text="E_C") == [2]
    assert await positions(store, text="\\") == [4]
    assert await positions(store, text="'S; DROP table") == [5]
    assert await positions(store, text="CASE 3") == [3]
    assert await positions(store, text="case 9") == []


ORDERS = [
    Search(order=order, descending=descending, scorer="exact")
    for order in Order
    for descending in (False, True)
]


def key_of(search: Search, it: Record) -> float | None:
    scored = it.outcomes.get("exact")
    match search.order:
        case Order.SCORE:
            return scored.value if isinstance(scored, Scored) else None
        case Order.LATENCY:
            return it.answer.latency_s if it.answer else None
        case Order.COST:
            return it.usage.cost_usd
        case Order.TOKENS:
            return it.usage.input_tokens + it.usage.output_tokens
        case _:
            return None


def in_order(search: Search, records: Sequence[Record]) -> list[tuple[int, int]]:
    """As it should be, without a database."""
    if search.order is Order.POSITION:
        places = sorted((it.position, it.epoch) for it in records)
        return places[::-1] if search.descending else places

    def rank(it: Record) -> tuple[bool, float, int, int]:
        value = key_of(search, it)
        return (
            value is None,
            (-value if search.descending else value) if value is not None else 0,
            it.position,
            it.epoch,
        )

    return [(it.position, it.epoch) for it in sorted(records, key=rank)]


@pytest.mark.parametrize("search", ORDERS, ids=lambda it: f"{it.order}-{it.descending}")
async def test_pages_have_everything_once_in_both_directions(store: Store, search: Search) -> None:
    records = [
        record(
            position,
            None if position % 7 == 3 else f"answer {position}",
            epoch,
            latency_s=(position * 7 % 5) / 3,
            cost_usd=None if position % 3 == 0 else 0.1 * (position % 4),
            tokens=position % 6,
            exact=Ungraded("?") if position % 5 == 1 else Scored((position + epoch) % 3 / 3),
        )
        for position in range(20)
        for epoch in range(2)
    ]
    await write(store, *records)
    wanted = in_order(search, records)
    seen: list[Found] = []
    while page := await find(store, search, after=seen[-1] if seen else None, limit=7):
        seen += page
    assert [(it.position, it.epoch) for it in seen] == wanted
    back: list[Found] = [seen[-1]]
    while page := await find(store, search, after=back[-1], limit=9, backwards=True):
        back += page
    assert [(it.position, it.epoch) for it in back] == wanted[::-1]
    async with store.begin() as connection:
        place = await place_in_order(connection, WORKSPACE, RUN, search, wanted[11])
    assert place == seen[11]


async def test_rows_come_in_the_order_of_their_places(store: Store) -> None:
    records = [record(position, epoch=epoch) for position in range(5) for epoch in range(2)]
    await write(store, *records)
    places = [Found(3, 1), Found(0, 0), Found(9, 0), Found(3, 0)]
    async with store.begin() as connection:
        found = await records_at(connection, WORKSPACE, RUN, places)
        assert await records_at(connection, WORKSPACE, RUN, []) == []
    assert [(it.position, it.epoch) for it in found] == [(3, 1), (0, 0), (3, 0)]


async def test_a_list_need_not_read_whole_answers(store: Store) -> None:
    await write(store, record(0, "a" * 1_000_000), record(1, None))
    async with store.begin() as connection:
        whole = await records_at(connection, WORKSPACE, RUN, [Found(1, 0), Found(0, 0)])
        cut = await records_at(connection, WORKSPACE, RUN, [Found(1, 0), Found(0, 0)], shortened=10)
    assert whole[0] == cut[0]
    assert whole[1].answer is not None
    assert cut[1].answer == replace(whole[1].answer, text="a" * 10)


async def test_counting_ends_where_it_is_enough(store: Store) -> None:
    await write(store, *(record(position, exact=Scored(position % 2)) for position in range(20)))
    passed = Search(scorer="exact", verdict=Verdict.PASSED)
    async with store.begin() as connection:
        assert await count_outcomes(connection, WORKSPACE, RUN, passed, 100) == 10
        assert await count_outcomes(connection, WORKSPACE, RUN, passed, 7) == 7


async def test_nothing_of_other_runs_and_workspaces_is_found(store: Store) -> None:
    await write(store, record(0), run_id="run_2")
    assert await find(store, Search()) == []
    async with store.begin() as connection:
        assert await find_outcomes(connection, "ws_2", "run_2", Search()) == []
        assert await place_in_order(connection, "ws_2", "run_2", Search(), (0, 0)) is None


def test_a_search_knows_whether_it_leaves_anything_out() -> None:
    assert not Search().narrows
    assert not Search(scorer="exact", order=Order.COST, descending=True).narrows
    for field, value in (("text", "a"), ("at_least", 0.0), ("overridden", False)):
        assert replace(Search(), **{field: value}).narrows
