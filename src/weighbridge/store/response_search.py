"""Responses of a scoring that are of a kind: found in the database, page by page."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.suite import Response
from weighbridge.store.outcomes import ASKED
from weighbridge.store.scorings import response_columns
from weighbridge.store.tables import outcomes, overrides, prompts, responses, scoring_batches

_PASSED = 0.5


class Kept(StrEnum):
    """What became of a response."""

    PASSED = "passed"
    FAILED = "failed"
    UNJUDGED = "unjudged"
    """it should have a verdict, and has none (yet)"""
    EXCLUDED = "excluded"
    REFUSED = "refused"
    OVERRIDDEN = "overridden"
    """what counts about it is what a person said"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which responses are wanted. None: all.

    Attributes:
        kept: what became of them.
        text: a part of the prompt or the answer; case does not matter (on SQLite, only that of A
            to Z).
        group: what their prompts are about: a name and its value, as the keys of `Prompt.about`, or
            `category`.
    """

    kept: Kept | None = None
    text: str | None = None
    group: tuple[str, str] | None = None

    def __bool__(self) -> bool:
        """Whether any is left out."""
        return any(it is not None for it in (self.kept, self.text, self.group))


async def responses_such(
    connection: AsyncConnection,
    workspace_id: str,
    scoring_id: str,
    scorer: str,
    wanted: Wanted,
    *,
    after: int = -1,
    limit: int,
) -> list[Response]:
    """The responses of a scoring that are wanted, in the order in which they came.

    Args:
        scorer: key of the one that judges them.
        after: only those behind the one with this number.
        limit: the most.
    """
    query = select(*response_columns()).where(
        responses.c.workspace_id == workspace_id,
        responses.c.scoring_id == scoring_id,
        responses.c.number > after,
    )
    query = _of_text(query, wanted)
    if wanted.kept is not None:
        query = _such(query, wanted.kept, scorer)
    rows = await connection.execute(query.order_by(responses.c.number).limit(limit))
    return [Response(*row) for row in rows]


def _of_text(query: Select[Any], wanted: Wanted) -> Select[Any]:
    if wanted.text is None and wanted.group is None:
        return query
    query = query.join(prompts, prompts.c.id == responses.c.prompt_id)
    if wanted.text is not None:
        query = query.where(
            or_(
                responses.c.text.icontains(wanted.text, autoescape=True),
                prompts.c.content.icontains(wanted.text, autoescape=True),
            )
        )
    if wanted.group is not None:
        name, value = wanted.group
        column = prompts.c.category if name == "category" else prompts.c.about[name].as_string()
        query = query.where(column == value)
    return query


def _such(query: Select[Any], kept: Kept, scorer: str) -> Select[Any]:
    match kept:
        case Kept.EXCLUDED:
            return query.where(responses.c.excluded.is_(True))
        case Kept.REFUSED:
            return query.where(responses.c.refused.is_(True))
    query = query.outerjoin(
        scoring_batches,
        and_(
            scoring_batches.c.scoring_id == responses.c.scoring_id,
            scoring_batches.c.number == responses.c.batch,
        ),
    )
    if kept is Kept.OVERRIDDEN:
        return query.where(_said(scorer).is_not(None))
    query = query.outerjoin(
        outcomes,
        and_(
            outcomes.c.run_id == scoring_batches.c.run_id,
            outcomes.c.position == responses.c.position,
            outcomes.c.epoch == 0,
            outcomes.c.kind == ASKED,
        ),
    )
    value = func.coalesce(_said(scorer), outcomes.c.scores[scorer]["value"].as_float())
    match kept:
        case Kept.PASSED:
            return query.where(value >= _PASSED)
        case Kept.FAILED:
            return query.where(value < _PASSED)
    return query.where(value.is_(None), responses.c.excluded.is_(False))


def _said(scorer: str) -> ColumnElement[Any]:
    """What a person said of a response, if that counts."""
    newer = overrides.alias()
    same = and_(
        newer.c.run_id == overrides.c.run_id,
        newer.c.position == overrides.c.position,
        newer.c.epoch == overrides.c.epoch,
        newer.c.scorer == overrides.c.scorer,
        newer.c.revision > overrides.c.revision,
    )
    return (
        select(overrides.c.value)
        .where(
            overrides.c.run_id == scoring_batches.c.run_id,
            overrides.c.position == responses.c.position,
            overrides.c.epoch == 0,
            overrides.c.scorer == scorer,
            ~exists().where(same).correlate(overrides),
        )
        .correlate(scoring_batches, responses)
        .scalar_subquery()
    )
