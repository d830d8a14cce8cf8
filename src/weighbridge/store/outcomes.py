"""Outcome rows: recorded in groups, read as streams.

A row is written once, under (run, position, epoch, kind): whoever writes it a second time (a worker
that was taken for dead) changes nothing, and the tallies count what was really inserted. A row that
is to be done again is kept aside until the new one takes its place, in one transaction, so that
neither an answer nor what it cost is ever lost.
"""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from sqlalchemy import (
    ColumnElement,
    Dialect,
    Integer,
    RowMapping,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    exists,
    func,
    null,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.outcome import (
    Answer,
    Failed,
    Given,
    Outcome,
    Record,
    Scored,
    Status,
    Ungraded,
    Usage,
)
from weighbridge.core.shard import Plan, Shard
from weighbridge.store.engine import Store
from weighbridge.store.moments import now
from weighbridge.store.tables import outcomes, tallies
from weighbridge.store.upsert import insert_into, raw_insert

ASKED = "asked"
"""The kind of a row that is the outcome of its case."""
KEPT = "kept"
"""The kind of a row whose case is to be done again: an answer in it is not asked for again, and
what it cost stays counted."""
PAGE = 500
SCORES_PAGE = 2_000
_LOOKED_UP = 1_000
_Item = TypeVar("_Item")
_IS_DONE = outcomes.c.kind == ASKED
_SUMS = (
    *("done", "failed", "ungraded", "input_tokens", "output_tokens", "cost_usd", "calls"),
    "cached",
)


_POSITIONS_DONE = select(outcomes.c.position).where(
    outcomes.c.run_id == bindparam("run"),
    outcomes.c.position >= bindparam("start"),
    outcomes.c.position < bindparam("stop"),
    outcomes.c.epoch == bindparam("epoch"),
    _IS_DONE,
)
"""Made once: to make a statement costs more than to execute this one."""
_USAGE = ("input_tokens", "output_tokens", "cost_usd", "calls", "cached")
_GIVEN = [
    outcomes.c[name]
    for name in (
        *("position", "failure", "answer", "finish_reason", "answered_by", "latency_s", "details"),
        *_USAGE,
    )
]
"""What another run needs of an answer: without its scores, which take the longest to parse."""


async def record_group(
    connection: AsyncConnection,
    workspace_id: str,
    run_id: str,
    group: Sequence[tuple[Shard, Record]],
) -> None:
    """Insert a group of records, and add them to the tallies of their shards, in one transaction.

    Args:
        connection: inside the caller's transaction.
        group: at least one record, with the shard it belongs to.
    """
    insert = raw_insert(outcomes, connection.dialect)
    rows = [_to_row(workspace_id, run_id, record) for _, record in group]
    moment = insert.moment(now())
    for row in rows:
        row["recorded_at"] = moment
    inserted = await insert.execute(connection, rows)
    replaced = [(record.position, record.epoch) for _, record in group if record.retried]
    if replaced:
        await connection.execute(
            delete(outcomes).where(
                outcomes.c.run_id == run_id,
                outcomes.c.kind == KEPT,
                tuple_(outcomes.c.position, outcomes.c.epoch).in_(replaced),
            )
        )
    if inserted == len(rows) and not replaced:
        await _add_to_tallies(connection, workspace_id, run_id, group)
    else:  # some rows were there already, or were replaced: count these shards afresh
        for shard in {shard for shard, _ in group}:
            await recount(connection, workspace_id, run_id, shard)


async def recount(
    connection: AsyncConnection, workspace_id: str, run_id: str, shard: Shard
) -> None:
    """Make the tally of a shard from its rows."""
    counted = (
        await connection.execute(
            select(
                func.coalesce(func.sum(cast(_IS_DONE, Integer)), 0),
                *(
                    func.coalesce(
                        func.sum(cast(and_(_IS_DONE, outcomes.c.status == status), Integer)), 0
                    )
                    for status in (Status.FAILED, Status.UNGRADED)
                ),
                func.coalesce(func.sum(outcomes.c.input_tokens), 0),
                func.coalesce(func.sum(outcomes.c.output_tokens), 0),
                func.sum(outcomes.c.cost_usd),
                func.coalesce(func.sum(outcomes.c.calls), 0),
                func.coalesce(func.sum(outcomes.c.cached), 0),
            ).where(_of_shard(run_id, shard))
        )
    ).one()
    values = dict(zip(_SUMS, counted, strict=True))
    statement = insert_into(tallies, connection.dialect).values(
        run_id=run_id, shard=shard.number, workspace_id=workspace_id, **values
    )
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["run_id", "shard"], set_=values)
    )


async def positions_done(connection: AsyncConnection, run_id: str, shard: Shard) -> set[int]:
    """Positions in the shard that have an outcome."""
    rows = await connection.execute(
        _POSITIONS_DONE,
        {"run": run_id, "start": shard.start, "stop": shard.stop, "epoch": shard.epoch},
    )
    return set(rows.scalars())


async def keep_aside(
    connection: AsyncConnection,
    workspace_id: str,
    run_id: str,
    plan: Plan,
    statuses: Collection[Status],
) -> int:
    """Have the outcomes with these statuses done again; how many there are.

    Their rows are kept as they are, but count as not done until others take their place.
    """
    again = and_(outcomes.c.run_id == run_id, _IS_DONE, outcomes.c.status.in_(statuses))
    # A worker taken for dead may have added an outcome to a case that was kept aside; what is kept
    # of such a case is its newest row.
    newer = outcomes.alias()
    await connection.execute(
        delete(outcomes).where(
            outcomes.c.run_id == run_id,
            outcomes.c.kind == KEPT,
            exists().where(
                newer.c.run_id == run_id,
                newer.c.position == outcomes.c.position,
                newer.c.epoch == outcomes.c.epoch,
                newer.c.kind == ASKED,
                newer.c.status.in_(statuses),
            ),
        )
    )
    result = await connection.execute(update(outcomes).where(again).values(kind=KEPT))
    if result.rowcount:
        stale = await connection.execute(
            select(tallies.c.shard).where(
                tallies.c.run_id == run_id, tallies.c.failed + tallies.c.ungraded > 0
            )
        )
        for number in [row.shard for row in stale]:
            await recount(connection, workspace_id, run_id, plan[number])
    return int(result.rowcount)


async def kept_of_shard(
    connection: AsyncConnection, workspace_id: str, run_id: str, shard: Shard
) -> dict[int, Given]:
    """What is kept aside of the cases of a shard, by position: of those without an answer only what
    they cost."""
    rows = await connection.execute(
        select(outcomes).where(
            _of_shard(run_id, shard),
            outcomes.c.workspace_id == workspace_id,
            outcomes.c.kind == KEPT,
        )
    )
    found = {}
    for row in rows.mappings():
        record = _to_record(row)
        verdicts = {k: o for k, o in record.outcomes.items() if isinstance(o, Scored)}
        found[record.position] = Given(
            record.answer, None, verdicts, spent=record.usage, retried=True
        )
    return found


async def answers_of_shard(
    connection: AsyncConnection, workspace_id: str, run_id: str, shard: Shard
) -> dict[int, Given]:
    """The answers that a run has to the cases of a shard, by position, and why where it has none;
    cases that it has not done are missing. To another run they cost nothing."""
    rows = await connection.execute(
        select(*_GIVEN)
        .where(_of_shard(run_id, shard), outcomes.c.workspace_id == workspace_id)
        .order_by(outcomes.c.kind.desc())  # what is kept aside first, so that newer ones replace it
    )
    found = {}
    for position, failure, text, finish_reason, model, latency_s, details, *spent in rows:
        answer = None
        if text is not None:
            usage = Usage(*spent)
            answer = Answer(text, finish_reason, latency_s or 0.0, usage, model, details)
        found[position] = Given(answer, _to_failure(failure) if failure else None)
    return found


async def page_of_outcomes(
    connection: AsyncConnection,
    workspace_id: str,
    run_id: str,
    *,
    after: tuple[int, int] | None = None,
    limit: int = PAGE,
    status: Status | None = None,
    case_id: str | None = None,
    epoch: int | None = None,
    such: ColumnElement[bool] | None = None,
    shortened: int | None = None,
) -> list[Record]:
    """Outcomes in the order (position, epoch), after the given pair.

    Args:
        such: only those that meet this condition.
        shortened: of answers, so many characters, and nothing of what came with them; None: all.
    """
    conditions: list[ColumnElement[bool]] = [
        outcomes.c.run_id == run_id,
        outcomes.c.workspace_id == workspace_id,
        _IS_DONE,
    ]
    if after is not None:
        conditions.append(tuple_(outcomes.c.position, outcomes.c.epoch) > after)
    if status is not None:
        conditions.append(outcomes.c.status == status)
    if case_id is not None:
        conditions.append(outcomes.c.case_id == case_id)
    if epoch is not None:
        conditions.append(outcomes.c.epoch == epoch)
    if such is not None:
        conditions.append(such)
    columns: list[Any] = [outcomes]
    if shortened is not None:
        columns = [it for it in outcomes.c if it.name not in {"answer", "details"}]
        columns.append(func.substr(outcomes.c.answer, 1, shortened).label("answer"))
        columns.append(null().label("details"))
    rows = await connection.execute(
        select(*columns)
        .where(*conditions)
        .order_by(outcomes.c.position, outcomes.c.epoch)
        .limit(limit)
    )
    return [_to_record(row) for row in rows.mappings()]


async def outcomes_at(
    connection: AsyncConnection, workspace_id: str, run_id: str, positions: Iterable[int]
) -> list[Record]:
    """The outcomes of a few cases (some hundred at most), in the order (position, epoch)."""
    rows = await connection.execute(
        select(outcomes)
        .where(
            outcomes.c.run_id == run_id,
            outcomes.c.workspace_id == workspace_id,
            outcomes.c.position.in_(list(positions)),
            _IS_DONE,
        )
        .order_by(outcomes.c.position, outcomes.c.epoch)
    )
    return [_to_record(row) for row in rows.mappings()]


async def verdicts_at(
    connection: AsyncConnection, workspace_id: str, run_id: str, positions: Collection[int]
) -> dict[tuple[int, int], dict[str, Outcome]]:
    """What scorers made of the outcomes of some cases, by (position, epoch) and the scorer's key;
    answers, which may be long, are not read."""
    found: dict[tuple[int, int], dict[str, Outcome]] = {}
    columns = outcomes.c
    for chunk in _chunks(list(positions)):
        rows = await connection.execute(
            select(columns.position, columns.epoch, columns.scores).where(
                columns.run_id == run_id,
                columns.workspace_id == workspace_id,
                columns.position.in_(chunk),
                _IS_DONE,
            )
        )
        for position, epoch, stored in rows:
            found[position, epoch] = {key: _to_outcome(it) for key, it in stored.items()}
    return found


async def recent_latencies(
    connection: AsyncConnection, workspace_id: str, run_id: str, limit: int
) -> list[float]:
    """Seconds that the last answers of a run took, at most `limit` of them."""
    columns = outcomes.c
    rows = await connection.execute(
        select(columns.latency_s)
        .where(
            columns.run_id == run_id,
            columns.workspace_id == workspace_id,
            columns.answer.is_not(None),
            _IS_DONE,
        )
        .order_by(columns.position.desc(), columns.epoch.desc())
        .limit(limit)
    )
    return [seconds for (seconds,) in rows if seconds is not None]


async def cases_at(
    connection: AsyncConnection,
    workspace_id: str,
    run_id: str,
    places: Collection[tuple[int, int]],
) -> dict[tuple[int, int], tuple[str, bool]]:
    """Ids of the cases at these (position, epoch), and whether they have an answer; where there is
    no outcome they are missing."""
    found: dict[tuple[int, int], tuple[str, bool]] = {}
    columns = outcomes.c
    for chunk in _chunks(list(places)):
        rows = await connection.execute(
            select(
                columns.position,
                columns.epoch,
                columns.case_id,
                columns.answer.is_not(None).label("there"),
            ).where(
                columns.run_id == run_id,
                columns.workspace_id == workspace_id,
                tuple_(columns.position, columns.epoch).in_(chunk),
                _IS_DONE,
            )
        )
        found |= {(row.position, row.epoch): (row.case_id, bool(row.there)) for row in rows}
    return found


async def positions_of_cases(
    connection: AsyncConnection, workspace_id: str, run_id: str, case_ids: Collection[str]
) -> dict[str, int]:
    """The positions of the cases with these ids, as far as they have outcomes."""
    found: dict[str, int] = {}
    columns = outcomes.c
    for chunk in _chunks(list(case_ids)):
        rows = await connection.execute(
            select(columns.case_id, columns.position).where(
                columns.run_id == run_id,
                columns.workspace_id == workspace_id,
                columns.case_id.in_(chunk),
                _IS_DONE,
            )
        )
        found |= {row.case_id: row.position for row in rows}
    return found


def _chunks(items: list[_Item]) -> Iterable[list[_Item]]:
    return (items[start : start + _LOOKED_UP] for start in range(0, len(items), _LOOKED_UP))


async def stream_outcomes(store: Store, workspace_id: str, run_id: str) -> AsyncIterator[Record]:
    """All outcomes of a run in the order (position, epoch), a page in memory at a time."""
    after: tuple[int, int] | None = None
    while True:
        async with store.begin() as connection:
            page = await page_of_outcomes(connection, workspace_id, run_id, after=after)
        for record in page:
            yield record
        if len(page) < PAGE:
            return
        after = (page[-1].position, page[-1].epoch)


@dataclass(slots=True)  # not frozen: a million of them are made, in a third of the time
class ScoresRow:
    """What a report needs of an outcome row.

    Attributes:
        outcomes: by scorer key; None when there is no answer.
        failure: why there is none.
    """

    position: int
    epoch: int
    status: Status
    cluster: str | None
    outcomes: dict[str, Outcome] | None
    failure: Failed | None


async def stream_scores(
    store: Store, workspace_id: str, run_id: str, *, status: Status | None = None
) -> AsyncIterator[list[ScoresRow]]:
    """The scores of a run in the order (position, epoch), in pages; answers are not read.

    Args:
        status: only of the cases with this one.
    """
    columns = outcomes.c
    query = (
        select(
            columns.position,
            columns.epoch,
            columns.status,
            columns.cluster,
            # As text: parsed here it takes half as long as within SQLAlchemy's types.
            cast(columns.scores, Text).label("scores"),
            columns.failure,
        )
        .where(columns.run_id == run_id, columns.workspace_id == workspace_id, _IS_DONE)
        .order_by(columns.position, columns.epoch)
        .limit(SCORES_PAGE)
    )
    if status is not None:
        query = query.where(columns.status == status)
    page = query
    while True:
        async with store.begin() as connection:
            rows = (await connection.execute(page)).all()
        yield [_to_scores(*row) for row in rows]
        if len(rows) < SCORES_PAGE:
            return
        last = (rows[-1].position, rows[-1].epoch)
        page = query.where(tuple_(columns.position, columns.epoch) > last)


@dataclass(slots=True)
class AnswerRow:
    """The answer of an outcome row; None where there is none."""

    position: int
    answer: str | None
    details: dict[str, Any] | None


async def count_answers(connection: AsyncConnection, workspace_id: str, run_id: str) -> int:
    """How many answers `stream_answers` gives that are not None."""
    found = await connection.execute(
        select(func.count(outcomes.c.answer)).where(
            outcomes.c.run_id == run_id,
            outcomes.c.workspace_id == workspace_id,
            outcomes.c.epoch == 0,
            _IS_DONE,
        )
    )
    return int(found.scalar_one())


async def stream_answers(
    store: Store, workspace_id: str, run_id: str, *, details: bool
) -> AsyncIterator[list[AnswerRow]]:
    """The answers of a run's first epoch by position, in pages.

    Args:
        details: whether what came with them is read, too.
    """
    columns = outcomes.c
    query = (
        select(columns.position, columns.answer, *([columns.details] if details else []))
        .where(
            columns.run_id == run_id,
            columns.workspace_id == workspace_id,
            columns.epoch == 0,
            _IS_DONE,
        )
        .order_by(columns.position)
        .limit(SCORES_PAGE)
    )
    after = -1
    while True:
        async with store.begin() as connection:
            rows = (await connection.execute(query.where(columns.position > after))).all()
        yield [AnswerRow(row[0], row[1], row[2] if details else None) for row in rows]
        if len(rows) < SCORES_PAGE:
            return
        after = rows[-1].position


def _to_scores(
    position: int,
    epoch: int,
    status: str,
    cluster: str | None,
    scores: str,
    failure: Mapping[str, Any] | None,
) -> ScoresRow:
    if failure is not None:
        return ScoresRow(position, epoch, Status.FAILED, cluster, None, _to_failure(failure))
    found = {key: _to_outcome(stored) for key, stored in orjson.loads(scores).items()}
    return ScoresRow(position, epoch, Status(status), cluster, found, None)


def outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    """An outcome as it is stored and exported; `status` says which of the three it is."""
    match outcome:
        case Scored():
            stored: dict[str, Any] = {"status": "scored", "value": outcome.value}
            if outcome.label is not None:
                stored["label"] = outcome.label
            if outcome.explanation is not None:
                stored["explanation"] = outcome.explanation
            if outcome.confidence is not None:
                stored["confidence"] = outcome.confidence
            if outcome.details is not None:
                stored["details"] = outcome.details
            return stored
        case Ungraded():
            return {"status": "ungraded", "reason": outcome.reason, "raw": outcome.raw}
        case Failed():
            return {"status": "failed", **failure_to_json(outcome)}


def outcome_from_json(stored: Mapping[str, Any]) -> Outcome:
    """What `outcome_to_json` was given."""
    return _to_outcome(stored)


def failure_to_json(failure: Failed) -> dict[str, Any]:
    """A failure as it is stored and exported."""
    return {
        "kind": failure.kind,
        "message": failure.message,
        "http_status": failure.status,
        "calls": failure.calls,
    }


def _of_shard(run_id: str, shard: Shard) -> ColumnElement[bool]:
    return and_(
        outcomes.c.run_id == run_id,
        outcomes.c.position >= shard.start,
        outcomes.c.position < shard.stop,
        outcomes.c.epoch == shard.epoch,
    )


async def _add_to_tallies(
    connection: AsyncConnection,
    workspace_id: str,
    run_id: str,
    group: Sequence[tuple[Shard, Record]],
) -> None:
    sums: dict[int, list[Any]] = {}
    for shard, record in group:
        tally = sums.setdefault(shard.number, [0, 0, 0, 0, 0, None, 0, 0])
        status, usage = record.status, record.usage
        tally[0] += 1
        tally[1] += status is Status.FAILED
        tally[2] += status is Status.UNGRADED
        tally[3] += usage.input_tokens
        tally[4] += usage.output_tokens
        if usage.cost_usd is not None:
            tally[5] = (tally[5] or 0.0) + usage.cost_usd
        tally[6] += usage.calls
        tally[7] += usage.cached
    await connection.execute(
        _adding(connection.dialect),
        [
            {"run_id": run_id, "shard": number, "workspace_id": workspace_id}
            | dict(zip(_SUMS, tally, strict=True))
            for number, tally in sums.items()
        ],
    )


_adding_by_dialect: dict[str, Any] = {}


def _adding(dialect: Dialect) -> Any:
    """The statement that adds to tallies. It is made once, as it costs more than to execute it."""
    made = _adding_by_dialect.get(dialect.name)
    if made is None:
        statement = insert_into(tallies, dialect)
        added = statement.excluded
        update = {name: tallies.c[name] + added[name] for name in _SUMS if name != "cost_usd"}
        update["cost_usd"] = func.coalesce(
            tallies.c.cost_usd + added.cost_usd, tallies.c.cost_usd, added.cost_usd
        )
        made = statement.on_conflict_do_update(index_elements=["run_id", "shard"], set_=update)
        _adding_by_dialect[dialect.name] = made
    return made


def _clean(text: str | None) -> str | None:
    # PostgreSQL keeps neither NUL nor lone surrogates; a model may emit both.
    if text is None:
        return None
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def _clean_json(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _clean_value(value) for name, value in stored.items()}


def _clean_value(value: Any) -> Any:
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, dict):
        return {str(_clean(name)): _clean_value(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_clean_value(item) for item in value]
    return value


def _to_row(workspace_id: str, run_id: str, record: Record) -> dict[str, Any]:
    answer, usage, failure = record.answer, record.usage, record.failure
    return {
        "run_id": run_id,
        "position": record.position,
        "epoch": record.epoch,
        "kind": ASKED,
        "workspace_id": workspace_id,
        "case_id": _clean(record.case_id),
        "cluster": _clean(record.cluster),
        "status": record.status.value,
        "answer": _clean(answer.text) if answer else None,
        "finish_reason": answer.finish_reason if answer else None,
        "answered_by": answer.model if answer else None,
        "latency_s": answer.latency_s if answer else None,
        "scores": _to_text({key: outcome_to_json(o) for key, o in record.outcomes.items()}),
        "details": _to_text(answer.details) if answer and answer.details else None,
        "failure": _to_text(failure_to_json(failure)) if failure else None,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost_usd": usage.cost_usd,
        "calls": usage.calls,
        "cached": usage.cached,
    }


def _to_text(stored: Mapping[str, Any]) -> str:
    try:
        text = orjson.dumps(stored).decode()
    except TypeError:  # as it says of half a surrogate pair
        text = ""
    if not text or "\\u0000" in text:  # a NUL; or what only looks like one
        text = orjson.dumps(_clean_json(stored)).decode()
    return text


def _to_record(row: RowMapping) -> Record:
    usage = Usage(*(row[name] for name in _USAGE))
    answer = None
    if row["answer"] is not None:
        answer = Answer(
            text=row["answer"],
            finish_reason=row["finish_reason"],
            latency_s=row["latency_s"] or 0.0,
            usage=usage,
            model=row["answered_by"],
            details=row["details"],
        )
    return Record(
        position=row["position"],
        case_id=row["case_id"],
        epoch=row["epoch"],
        answer=answer,
        outcomes={key: _to_outcome(stored) for key, stored in row["scores"].items()},
        failure=_to_failure(row["failure"]) if row["failure"] else None,
        usage=usage,
        cluster=row["cluster"],
    )


def _to_outcome(stored: Mapping[str, Any]) -> Outcome:
    match stored["status"]:
        case "scored":
            return Scored(
                stored["value"],
                stored.get("label"),
                stored.get("explanation"),
                stored.get("confidence"),
                stored.get("details"),
            )
        case "ungraded":
            return Ungraded(stored["reason"], stored["raw"])
        case _:
            return _to_failure(stored)


def _to_failure(stored: Mapping[str, Any]) -> Failed:
    return Failed(stored["kind"], stored["message"], stored["http_status"], stored["calls"])
