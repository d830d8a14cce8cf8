"""Runs that people review: answers that were handed in, judged by a scripted model."""

import asyncio
from typing import Any

from support.native import MODELS, working
from weighbridge.core.run import FINISHED
from weighbridge.services.evaluations import Started
from weighbridge.spec import parse_spec
from weighbridge.wiring import Services

JUDGED = (
    MODELS
    + r"""
[[models]]
name = "house-judge"
protocol = "scripted"
replies = [
  { match = "(?s)<answer-\\w+>\\s*wrong", reply = '''{"verdict": "fail", "confidence": 0.9,
    "reason": "It is something else.", "evidence": ["wrong"]}''' },
  { match = "(?s)<answer-\\w+>\\s*odd", reply = '''{"verdict": "fail", "confidence": 0.55,
    "reason": "Not word for word.", "evidence": []}''' },
  { match = "(?s)<answer-\\w+>\\s*mute", error = { kind = "bad_request", message = "no" } },
  { reply = '''{"verdict": "pass", "confidence": 0.8,
    "reason": "It says the same.", "evidence": []}''' },
]
"""
)


def judged_spec(texts: list[str], **changes: Any) -> dict[str, Any]:
    """An evaluation that judges these answers to `question 0?`, `question 1?`…; changes that are
    None take a field out."""
    spec = {
        "name": "judged",
        "cases": [
            {"id": f"c{at}", "q": f"question {at}?", "a": f"right {at}", "said": answer}
            for at, answer in enumerate(texts)
        ],
        "id": "id",
        "answers": {"column": "said"},
        "prompt": "{q}",
        "target": "a",
        "judge": "house-judge",
        "scorers": [{"exact": {}}, {"judge": {"rubric": "correct"}, "as": "correctness"}],
    } | changes
    return {name: it for name, it in spec.items() if it is not None}


async def judged(services: Services, caller: Any, texts: list[str], **changes: Any) -> str:
    """The id of such a run, which has ended."""
    started: Started = await services.evaluations.start(
        caller, parse_spec(judged_spec(texts, **changes))
    )
    run_id = started.runs[0].id
    async with working(services), asyncio.timeout(30):
        while (await services.runs.get(caller, run_id)).state not in FINISHED:
            await asyncio.sleep(0.02)
    return run_id
