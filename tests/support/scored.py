"""Scored responses of a test's own, without a store."""

from datetime import UTC, datetime

from weighbridge.core.json import JsonObject
from weighbridge.core.suite import Prompt, Response, ScoredResponse, Verdict

MOMENT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def scored(
    number: int,
    passed: bool | None,
    *,
    category: str | None = None,
    about: JsonObject | None = None,
    prompt: str | None = None,
    text: str | None = None,
    refused: bool = False,
    excluded: bool = False,
    failed: bool = False,
    explanation: str | None = "That is why.",
    evidence: tuple[str, ...] = (),
    judge: str | None = "house-judge",
    overridden: bool = False,
) -> ScoredResponse:
    """The response with this number, and what counts about it."""
    response = Response(
        id=f"response_{number}",
        workspace_id="ws_1",
        scoring_id="scoring_1",
        number=number,
        prompt_id=f"prompt_{number}",
        thread_id=f"thread_{number}",
        turn=1,
        batch=0,
        position=number,
        text=f"answer {number}" if text is None and not refused else text,
        file_id=None,
        medium="text",
        refused=refused,
        excluded=excluded,
        continues=False,
        next_prompt_id=None,
        created_at=MOMENT,
    )
    verdict = Verdict(
        passed=passed,
        confidence=0.9,
        explanation=explanation,
        evidence=evidence,
        judge=judge,
        overridden_at=MOMENT if overridden else None,
        overridden_by="ann" if overridden else None,
        failed=failed,
    )
    asked = Prompt(
        id=f"prompt_{number}",
        workspace_id="ws_1",
        suite_id="suite_1",
        position=number,
        content=f"question {number}?" if prompt is None else prompt,
        category=category,
        about=about or {},
    )
    return ScoredResponse(response, asked, verdict)
