"""Suites of prompts, as rows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.ids import new_id
from weighbridge.core.json import JsonObject
from weighbridge.core.suite import (
    Agent,
    PolicyChoice,
    Prompt,
    PromptExample,
    Suite,
    SuiteRequest,
    SuiteState,
    WrittenPrompt,
)
from weighbridge.store.moments import now
from weighbridge.store.tables import prompts, suites

_LOOKED_UP = 1_000
_LAST = 2**31 - 1


def truth_key(sha256: str) -> str:
    """Where a ground truth is kept: identical ones are stored once."""
    return f"truths/{sha256[:2]}/{sha256}"


async def add_suite(connection: AsyncConnection, suite: Suite, truth: str | None) -> None:
    """Keep a suite, without prompts.

    Args:
        truth: SHA-256 of its ground truth.
    """
    request = asdict(suite.request)
    del request["ground_truth"]
    await connection.execute(
        suites.insert().values(
            id=suite.id,
            workspace_id=suite.workspace_id,
            name=suite.name,
            kind=suite.request.kind,
            language=suite.request.language,
            modality=suite.request.modality,
            jailbreak=suite.request.jailbreak,
            sandbox=suite.request.sandbox,
            request=request,
            asked=suite.asked,
            truth=truth,
            state=suite.state.value,
            evaluation_id=suite.evaluation_id,
            spread=suite.spread,
            problem=suite.problem,
            door=suite.door,
            author=suite.author,
            created_at=suite.created_at,
            updated_at=suite.updated_at,
        )
    )


async def find_suite(
    connection: AsyncConnection, workspace_id: str, suite_id: str
) -> tuple[Suite, str | None] | None:
    """The suite with this id, if it is in the workspace and not deleted, and the hash of its
    ground truth."""
    return await _one(connection, _there(workspace_id), suites.c.id == suite_id)


async def suite_is_there(
    connection: AsyncConnection, workspace_id: str, suite_id: str, *, hold: bool = False
) -> bool:
    """Whether a suite is in the workspace and not deleted. Its prompts are not counted for that.

    Args:
        hold: whoever deletes it waits for this transaction.
    """
    query = select(suites.c.id).where(_there(workspace_id), suites.c.id == suite_id)
    if hold:
        query = query.with_for_update(read=True)
    return await connection.scalar(query) is not None


async def find_truth(connection: AsyncConnection, workspace_id: str, suite_id: str) -> str | None:
    """The hash of the ground truth of a suite that is there; None: it has none."""
    return await connection.scalar(
        select(suites.c.truth).where(_there(workspace_id), suites.c.id == suite_id)
    )


async def find_suites(
    connection: AsyncConnection, workspace_id: str, suite_ids: Sequence[str]
) -> dict[str, Suite]:
    """Those of several ids that are there, by id; deleted ones too, for what came of them."""
    found: dict[str, Suite] = {}
    wanted = list(dict.fromkeys(suite_ids))
    for start in range(0, len(wanted), _LOOKED_UP):
        chunk = wanted[start : start + _LOOKED_UP]
        rows = await connection.execute(
            select(suites, _count_of(suites.c.id).label("prompts")).where(
                suites.c.workspace_id == workspace_id, suites.c.id.in_(chunk)
            )
        )
        found |= {row["id"]: _suite(row) for row in rows.mappings()}
    return found


async def find_suite_written_by(
    connection: AsyncConnection, workspace_id: str, evaluation_id: str
) -> tuple[Suite, str | None] | None:
    """The suite whose prompts an evaluation writes; None: it writes none."""
    return await _one(connection, _there(workspace_id), suites.c.evaluation_id == evaluation_id)


async def list_suites(
    connection: AsyncConnection,
    workspace_id: str,
    *,
    after: str | None = None,
    start: int = 0,
    limit: int,
) -> list[Suite]:
    """Newest first.

    Args:
        after: only those behind the suite with this id. start: how many to skip.
    """
    behind = [] if after is None else [suites.c.id < after]
    rows = await connection.execute(
        select(suites, _count_of(suites.c.id).label("prompts"))
        .where(_there(workspace_id), *behind)
        .order_by(suites.c.id.desc())
        .offset(start)
        .limit(limit)
    )
    return [_suite(row) for row in rows.mappings()]


async def count_suites(connection: AsyncConnection, workspace_id: str) -> int:
    """How many there are."""
    query = select(func.count()).select_from(suites).where(_there(workspace_id))
    return int(await connection.scalar(query) or 0)


async def change_suite(
    connection: AsyncConnection,
    suite: Suite,
    *,
    name: str,
    request: SuiteRequest,
    asked: JsonObject,
    truth: str | None,
) -> None:
    """Note that a suite is about something else from now on."""
    told = asdict(request)
    del told["ground_truth"]
    await connection.execute(
        update(suites)
        .where(suites.c.id == suite.id)
        .values(name=name, request=told, asked=asked, truth=truth, updated_at=now())
    )


async def touch_suite(connection: AsyncConnection, suite_id: str) -> None:
    """Note that something about a suite has changed."""
    await connection.execute(update(suites).where(suites.c.id == suite_id).values(updated_at=now()))


async def delete_suite(connection: AsyncConnection, workspace_id: str, suite_id: str) -> bool:
    """Take a suite out of sight; False: it is not there."""
    changed = await connection.execute(
        update(suites).where(_there(workspace_id), suites.c.id == suite_id).values(deleted_at=now())
    )
    return changed.rowcount == 1


async def end_suite(
    connection: AsyncConnection,
    suite_id: str,
    state: SuiteState,
    *,
    spread: JsonObject | None = None,
    problem: str | None = None,
) -> bool:
    """Note what the writing came to; False: it is noted already, or the suite is deleted."""
    changed = await connection.execute(
        update(suites)
        .where(
            suites.c.id == suite_id,
            suites.c.state == SuiteState.WRITING.value,
            suites.c.deleted_at.is_(None),
        )
        .values(state=state.value, spread=spread, problem=problem, updated_at=now())
    )
    return changed.rowcount == 1


async def add_prompts(
    connection: AsyncConnection, suite: Suite, written: Sequence[WrittenPrompt], *, first: int = 0
) -> list[Prompt]:
    """Give prompts a place in a suite, behind those that are there.

    Args:
        first: the place of the first, 0-based.
    """
    made = [
        Prompt(
            id=new_id("prompt"),
            workspace_id=suite.workspace_id,
            suite_id=suite.id,
            position=first + place,
            content=it.content,
            category=it.category,
            about=it.about,
        )
        for place, it in enumerate(written)
    ]
    if made:
        await connection.execute(prompts.insert(), [_row(it) for it in made])
    return made


async def add_turns(connection: AsyncConnection, turns: Sequence[Prompt]) -> None:
    """Keep prompts of later turns, which belong to a scoring."""
    if turns:
        await connection.execute(prompts.insert(), [_row(it) for it in turns])


async def list_prompts(
    connection: AsyncConnection,
    workspace_id: str,
    suite_id: str,
    *,
    after: int | None = None,
    start: int = 0,
    limit: int,
) -> list[Prompt]:
    """The prompts of a suite, in their order.

    Args:
        after: only those behind this position. start: how many to skip.
    """
    # No position is as large as what a made-up cursor may hold.
    behind = [] if after is None else [prompts.c.position > max(-1, min(after, _LAST))]
    rows = await connection.execute(
        select(*_COLUMNS)
        .where(_of_suite(suite_id), prompts.c.workspace_id == workspace_id, *behind)
        # The first two are null in all: only so does PostgreSQL see that its index has the order.
        .order_by(prompts.c.scoring_id, prompts.c.deleted_at, prompts.c.position)
        .offset(start)
        .limit(limit)
    )
    return [Prompt(*row) for row in rows]


async def next_position(connection: AsyncConnection, suite_id: str) -> int:
    """The place behind the last prompt of a suite, deleted ones included."""
    query = select(func.max(prompts.c.position)).where(
        prompts.c.suite_id == suite_id, prompts.c.scoring_id.is_(None)
    )
    last = await connection.scalar(query)
    return 0 if last is None else int(last) + 1


async def find_prompts(
    connection: AsyncConnection, workspace_id: str, prompt_ids: Sequence[str]
) -> dict[str, Prompt]:
    """Those of several ids that are there, by id; deleted ones too, for what was answered."""
    found: dict[str, Prompt] = {}
    wanted = list(dict.fromkeys(prompt_ids))
    for start in range(0, len(wanted), _LOOKED_UP):
        chunk = wanted[start : start + _LOOKED_UP]
        rows = await connection.execute(
            select(*_COLUMNS).where(prompts.c.workspace_id == workspace_id, prompts.c.id.in_(chunk))
        )
        found |= {it.id: it for it in (Prompt(*row) for row in rows)}
    return found


async def prompts_there(
    connection: AsyncConnection, suite_id: str, prompt_ids: Sequence[str]
) -> set[str]:
    """Which of several ids are of prompts of a suite that are not deleted."""
    found: set[str] = set()
    wanted = list(dict.fromkeys(prompt_ids))
    for start in range(0, len(wanted), _LOOKED_UP):
        chunk = wanted[start : start + _LOOKED_UP]
        rows = await connection.execute(
            select(prompts.c.id).where(
                prompts.c.suite_id == suite_id,
                prompts.c.deleted_at.is_(None),
                prompts.c.id.in_(chunk),
            )
        )
        found |= {row.id for row in rows}
    return found


async def change_prompts(
    connection: AsyncConnection, suite_id: str, changes: Mapping[str, Mapping[str, Any]]
) -> None:
    """Change prompts of a suite: id → columns that get another value."""
    for prompt_id, values in changes.items():
        await connection.execute(
            update(prompts)
            .where(prompts.c.id == prompt_id, prompts.c.suite_id == suite_id)
            .values(**values)
        )


async def delete_prompts(
    connection: AsyncConnection, suite_id: str, prompt_ids: Sequence[str]
) -> None:
    """Take prompts out of a suite; what was answered to them stays."""
    for start in range(0, len(prompt_ids), _LOOKED_UP):
        chunk = list(prompt_ids[start : start + _LOOKED_UP])
        await connection.execute(
            update(prompts)
            .where(prompts.c.suite_id == suite_id, prompts.c.id.in_(chunk))
            .values(deleted_at=now())
        )


async def _one(
    connection: AsyncConnection, *conditions: ColumnElement[bool]
) -> tuple[Suite, str | None] | None:
    found = await connection.execute(
        select(suites, _count_of(suites.c.id).label("prompts")).where(*conditions)
    )
    row = found.mappings().one_or_none()
    return None if row is None else (_suite(row), row["truth"])


def _there(workspace_id: str) -> ColumnElement[bool]:
    return and_(suites.c.workspace_id == workspace_id, suites.c.deleted_at.is_(None))


def _of_suite(suite_id: Any) -> ColumnElement[bool]:
    return and_(
        prompts.c.suite_id == suite_id,
        prompts.c.scoring_id.is_(None),
        prompts.c.deleted_at.is_(None),
    )


def _count_of(suite_id: Any) -> Any:
    return (
        select(func.count())
        .select_from(prompts)
        .where(_of_suite(suite_id))
        .correlate(suites)
        .scalar_subquery()
    )


def _suite(row: RowMapping) -> Suite:
    return Suite(
        id=row["id"],
        workspace_id=row["workspace_id"],
        name=row["name"],
        request=_request(row["request"]),
        asked=row["asked"],
        has_truth=row["truth"] is not None,
        state=SuiteState(row["state"]),
        prompts=row["prompts"],
        evaluation_id=row["evaluation_id"],
        spread=row["spread"],
        problem=row["problem"],
        door=row["door"],
        author=row["author"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _request(kept: Mapping[str, Any]) -> SuiteRequest:
    made = SuiteRequest(**kept)
    return replace(
        made,
        policies=tuple(PolicyChoice(**it) for it in kept.get("policies", ())),
        agents=tuple(Agent(**it) for it in kept["agents"]),
        examples=tuple(PromptExample(**it) for it in kept["examples"]),
    )


def _row(it: Prompt) -> dict[str, Any]:
    # `asdict` copies what is in it, which takes ten times as long.
    return {column.name: getattr(it, column.name) for column in _COLUMNS}


_COLUMNS = [prompts.c[it.name] for it in fields(Prompt)]
