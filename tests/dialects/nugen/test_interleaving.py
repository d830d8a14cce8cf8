"""Both models are asked over the same time, so that what drifts hits both."""

from collections import Counter
from itertools import accumulate

import pytest

from dialects.nugen.conftest import Api
from weighbridge.datasets.frame import SEGMENT
from weighbridge.providers.base import ChatRequest, Reply
from weighbridge.providers.scripted import ScriptedProvider

SHARDS = 12


@pytest.mark.usefixtures("working")
async def test_two_models_are_asked_by_turns(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four shards are in work at a time, up to eight of a run are queued: one that came first must
    not have all of its eight before the other's."""
    asked: list[ScriptedProvider] = []
    chat = ScriptedProvider.chat

    async def noted(self: ScriptedProvider, request: ChatRequest) -> Reply:
        asked.append(self)
        return await chat(self, request)

    monkeypatch.setattr(ScriptedProvider, "chat", noted)
    questions = [
        {"question": f"{number}: France?", "answer": "Paris"} for number in range(SHARDS * SEGMENT)
    ]
    found = await api.results(
        model_id="capital",
        model_id_2="atlas",
        benchmark_id=await api.benchmark(questions),
        custom_metrics={"answer_relevance": {"scorer": "f1"}},
    )
    assert found["raw_answers_count"] == 2 * SHARDS * SEGMENT
    assert set(Counter(asked).values()) == {SHARDS * SEGMENT}
    first = asked[0]
    ahead = list(accumulate(1 if one is first else -1 for one in asked))
    assert max(map(abs, ahead)) <= 5 * SEGMENT
