"""What counts about responses: a person's word where there is one, otherwise the judge's."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.outcome import Failed, Record, Scored, Ungraded
from weighbridge.core.review import Override
from weighbridge.core.suite import Response, ScoredResponse, Verdict
from weighbridge.services.pass_rates import KEY, PASSED
from weighbridge.store.outcomes import outcomes_at
from weighbridge.store.overrides import overrides_between
from weighbridge.store.scorings import standings
from weighbridge.store.suites import find_prompts

_LOOKED_UP = 500
_EXCLUDED = Verdict(None, explanation="excluded from scoring")
_NOT_YET = Verdict(None)


async def scored_responses(
    connection: AsyncConnection, workspace_id: str, scoring_id: str, found: Sequence[Response]
) -> list[ScoredResponse]:
    """Responses of a scoring with what counts about them, in the same order."""
    wanted = [it.prompt_id for it in found]
    wanted += [it.next_prompt_id for it in found if it.next_prompt_id is not None]
    prompts = await find_prompts(connection, workspace_id, wanted)
    runs_of: dict[int, str | None] = {}
    if found:
        known = await standings(connection, workspace_id, [scoring_id])
        runs_of = {it.batch.number: it.batch.run_id for it in known.get(scoring_id, ())}
    verdicts: dict[str, Verdict] = {}
    for number in sorted({it.batch for it in found}):
        theirs = {it.position: it for it in found if it.batch == number and it.position is not None}
        run_id = runs_of.get(number)
        if run_id is None or not theirs:
            continue
        positions = sorted(theirs)
        said = await overrides_between(
            connection, workspace_id, run_id, positions[0], positions[-1]
        )
        for start in range(0, len(positions), _LOOKED_UP):
            chunk = positions[start : start + _LOOKED_UP]
            for record in await outcomes_at(connection, workspace_id, run_id, chunk):
                override = said.get((record.position, record.epoch), {}).get(KEY)
                verdicts[theirs[record.position].id] = verdict_of(record, override)
    return [
        ScoredResponse(
            it,
            prompts[it.prompt_id],
            _EXCLUDED if it.excluded else verdicts.get(it.id, _NOT_YET),
            prompts.get(it.next_prompt_id) if it.next_prompt_id else None,
        )
        for it in found
        if it.prompt_id in prompts
    ]


def verdict_of(record: Record, override: Override | None = None) -> Verdict:
    """What counts about an outcome."""
    said = _judged(record)
    if override is None or override.value is None:
        return said
    return replace(
        said,
        passed=override.value >= PASSED,
        confidence=override.confidence,
        explanation=override.reason,
        overridden_at=override.created_at,
        overridden_by=override.author,
        failed=False,
    )


def _judged(record: Record) -> Verdict:
    outcome = record.outcomes.get(KEY)
    if record.failure is not None:
        return Verdict(None, explanation=f"not judged: {record.failure.message}", failed=True)
    if isinstance(outcome, Scored):
        details = outcome.details or {}
        evidence = details.get("evidence")
        judge = details.get("judge")
        return Verdict(
            passed=outcome.value >= PASSED,
            confidence=outcome.confidence,
            explanation=outcome.explanation,
            evidence=tuple(map(str, evidence)) if isinstance(evidence, list) else (),
            judge=None if judge is None else str(judge),
        )
    if isinstance(outcome, Ungraded):
        return Verdict(None, explanation=f"not judged: {outcome.reason}")
    if isinstance(outcome, Failed):
        return Verdict(None, explanation=f"not judged: {outcome.message}", failed=True)
    return _NOT_YET
