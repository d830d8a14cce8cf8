"""Two models over a benchmark stand side by side, with what their difference is worth."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from dialects.nugen.conftest import MODELS, QUESTIONS
from support.native import working
from support.pages import Desk, desk_at
from weighbridge.app import build_app
from weighbridge.core.caller import Role
from weighbridge.core.run import FINISHED
from weighbridge.web.kinds import nugen

MANY = QUESTIONS + [{"question": f"The capital of land {n}?", "answer": "Paris"} for n in range(20)]


@pytest.fixture
async def desk(tmp_path: Path, empty_database: Path) -> AsyncIterator[Desk]:
    (tmp_path / "data").mkdir()
    await asyncio.to_thread(shutil.copy, empty_database, tmp_path / "data")
    async with desk_at(tmp_path, models=MODELS) as desk, working(desk.services):
        yield desk


async def evaluated(desk: Desk, questions: list[Any], **fields: Any) -> list[str]:
    """The ids of the runs of an evaluation that came through that door, in the order of its
    models."""
    operator = await desk.services.keys.operator()
    _, secret = await desk.services.keys.create(
        operator, name=f"api {len(await desk.services.keys.list(operator))}", role=Role.ADMIN
    )
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(build_app(desk.services)),
        base_url="http://test/api/v3",
        headers={"Authorization": f"Bearer {secret}"},
    ) as client:
        made = await client.post(
            "/benchmarks/upload",
            files={"file": ("questions.json", orjson.dumps(questions))},
            data={"name": "Capitals"},
        )
        benchmark = made.json()["benchmark_id"]
        begun = await client.post("/evaluations", json={**fields, "benchmark_id": benchmark})
        assert begun.status_code == 200, begun.text
    evaluation_id = begun.json()["evaluation_id"]
    async with asyncio.timeout(20):
        while True:
            runs = await desk.services.runs.list(desk.caller, evaluation_id=evaluation_id)
            if all(run.state in FINISHED for run in runs):
                return [run.id for run in reversed(runs)]
            await asyncio.sleep(0.05)


async def test_two_models_are_compared_in_words(desk: Desk) -> None:
    a, b = await evaluated(desk, QUESTIONS, model_id="capital", model_id_2="atlas")
    for run_id in (a, b):
        page = await desk.get(f"/runs/{run_id}")
        assert "Two models side by side" in page
        assert "binary correctness" in page
        assert "No difference can be told" in page
        assert "The difference is" in page
        assert "2 questions improved, 0 got worse, 3 stayed" in page
        assert "McNemar" in page
    source = await desk.source(f"/runs/{a}")
    assert f"/compare?run={a}&amp;run={b}&amp;mode=different" in source
    assert "/data/benchmarks/benchmark_" in source
    # One that changed sides, with both answers.
    assert "The capital of Peru?" in page
    assert "Lima" in page


async def test_of_many_questions_the_comparison_comes_after_the_page(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nugen, "AT_ONCE", 10)
    a, _ = await evaluated(desk, MANY, model_id="capital", model_id_2="atlas")
    page = await desk.get(f"/runs/{a}")
    assert f'data-live="/runs/{a}/models"' in page
    assert "The difference is" not in page
    told = await desk.get(f"/runs/{a}/models")
    assert "event: part" in told
    assert "The difference is" in told


async def test_one_model_stands_alone(desk: Desk) -> None:
    [run_id] = await evaluated(desk, QUESTIONS, model_id="capital")
    page = await desk.get(f"/runs/{run_id}")
    assert "One model over a benchmark" in page
    assert "The difference is" not in page
    await desk.get(f"/runs/{run_id}/models", 404)
    [same] = await evaluated(desk, QUESTIONS, model_id="capital", model_id_2="capital")
    assert "does not differ from itself" in await desk.get(f"/runs/{same}")


async def test_a_model_that_cannot_answer_is_told_apart_from_one_that_is_wrong(desk: Desk) -> None:
    a, _ = await evaluated(desk, QUESTIONS, model_id="flaky", model_id_2="atlas")
    page = await desk.get(f"/runs/{a}")
    assert "n = 4, 1 failed" in page
