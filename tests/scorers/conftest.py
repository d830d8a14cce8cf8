"""How scorer tests grade: an answer's text against a target."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from weighbridge.core.case import Case
from weighbridge.core.outcome import Answer, Outcome
from weighbridge.scorers.base import Scorer

Grade = Callable[..., Outcome]


@pytest.fixture(scope="session")
def grade() -> Grade:
    """`grade(scorer, answer, target, **inputs)` gives the outcome."""

    def run(scorer: Scorer, text: str, target: Any = None, **inputs: Any) -> Outcome:
        return asyncio.run(scorer.score(Answer(text), Case(0, "0", inputs, target)))

    return run
