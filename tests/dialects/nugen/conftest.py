"""The Nugen dialect in this process, with a worker and scripted models."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from support.application import application_over
from weighbridge.jobs.worker import Worker
from weighbridge.settings import Settings
from weighbridge.wiring import Services, open_services

KEY = "wb_a-key-for-tests-that-is-long-enough"
PNG = "data:image/png;base64,iVBORw0KGgo="

# `capital` knows three capitals of five, `atlas` all of them; `judge` passes what is not "wrong".
MODELS = r"""
[[models]]
name = "capital"
protocol = "scripted"
aliases = ["city"]
replies = [
  {contains = "France", reply = "Paris"}, {contains = "Japan", reply = "Tokyo"},
  {contains = "Kenya", reply = "It is Nairobi."}, {reply = "wrong"},
]
price = {input = 1000.0, output = 2000.0}

[[models]]
name = "atlas"
protocol = "scripted"
replies = [
  {contains = "France", reply = "Paris"}, {contains = "Japan", reply = "Tokyo"},
  {contains = "Kenya", reply = "Nairobi"}, {contains = "Peru", reply = "Lima"},
  {contains = "Canada", reply = "Ottawa"}, {reply = "wrong"},
]

[[models]]
name = "slow"
protocol = "scripted"
replies = [{reply = "Paris", latency_ms = 400}]
max_concurrency = 1

[[models]]
name = "broken"
protocol = "scripted"
replies = [{error = {kind = "bad_request", message = "no such luck"}}]

[[models]]
name = "flaky"
protocol = "scripted"
replies = [
  {contains = "Peru", error = {kind = "bad_request", message = "no such luck"}}, {reply = "Paris"},
]

[[models]]
name = "blind"
protocol = "scripted"
input = ["text"]
replies = ["Paris"]

[[models]]
name = "writer"
protocol = "scripted"
replies = [
  {contains = "a number, a date", reply = "WHEN"},
  {contains = "why or how", reply = "WHY"},
  {reply = "WHO"},
]

[[models]]
name = "judge"
protocol = "scripted"
replies = [
  {match = '>\s*wrong\s*<|"answer":"lightning"', reply = "FAIL"},
  {reply = "PASS"},
]

[defaults]
generator = "writer"
"""


def _written(question: str, answer: str, quote: str) -> str:
    return _escaped(question=question, answer=answer, quote=quote)


def _escaped(**fields: Any) -> str:
    return orjson.dumps(fields).decode().replace('"', '\\"')


BUILT = "was built in 1843 by Anna Lindqvist"
for _word, _reply in {
    "WHEN": _written("When was the weighbridge built?", "1843", BUILT),
    "WHY": _written("Why did it burn down?", "lightning", "lightning struck it, and it burnt down"),
    "WHO": _written("Who built the weighbridge?", "Anna Lindqvist", BUILT),
    "FAIL": _escaped(reason="no", quotes=[], verdict="fail", confidence=0.9),
    "PASS": _escaped(reason="yes", quotes=[], verdict="pass", confidence=0.9),
}.items():
    MODELS = MODELS.replace(f'"{_word}"', f'"{_reply}"')

TOWN = (
    f"The first weighbridge of the town {BUILT}. It could weigh carts of up to four tonnes. "
    "In 1901 lightning struck it, and it burnt down within the hour."
)
"""What `writer` writes of; the judge does not let the lightning pass."""

QUESTIONS = [
    {"question": f"The capital of {land}?", "answer": city}
    for land, city in (
        ("France", "Paris"),
        ("Japan", "Tokyo"),
        ("Kenya", "Nairobi"),
        ("Peru", "Lima"),
        ("Canada", "Ottawa"),
    )
]


@dataclass
class Api:
    """The API as a client uses it."""

    client: httpx2.AsyncClient

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def upload(
        self, data: bytes | list[Any], name: str = "questions.json", **fields: str
    ) -> httpx2.Response:
        content = data if isinstance(data, bytes) else orjson.dumps(data)
        return await self.client.post(
            "/benchmark/upload",
            files={"file": (name, content)},
            data={"name": "capitals", "document_id": "", **fields},
        )

    async def benchmark(self, questions: list[Any] | None = None) -> str:
        """An uploaded benchmark; its id."""
        answer = await self.upload(QUESTIONS if questions is None else questions)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["benchmark_id"])

    async def document(self, text: str, name: str = "town.txt") -> str:
        answer = await self.client.post(
            "/documents", files={"files": (name, text.encode())}, data={"categories": "a, b"}
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["document_id"])

    async def start(self, **fields: Any) -> httpx2.Response:
        return await self.client.post("/evaluations", json=fields)

    async def ended(self, evaluation_id: str) -> dict[str, Any]:
        """The status once it is not `PROCESSING` any more."""
        async with asyncio.timeout(60):
            while True:
                status: dict[str, Any] = await self.get(f"/evaluations/{evaluation_id}/status")
                if status["status"] != "PROCESSING":
                    return status
                await asyncio.sleep(0.05)

    async def results(self, **fields: Any) -> dict[str, Any]:
        """Of an evaluation that is started and waited for."""
        answer = await self.start(**fields)
        assert answer.status_code == 200, answer.text
        evaluation_id = answer.json()["evaluation_id"]
        status = await self.ended(evaluation_id)
        assert status["status"] == "READY", status
        found: dict[str, Any] = await self.get(f"/evaluations/{evaluation_id}/results")
        return found


@pytest.fixture
def models() -> str:
    """The models file; a test may have another."""
    return MODELS


@pytest.fixture
async def services(tmp_path: Path, models: str, empty_database: Path) -> AsyncIterator[Services]:
    config = tmp_path / "models.toml"
    config.write_text(models)
    (tmp_path / "data").mkdir()
    await asyncio.to_thread(shutil.copy, empty_database, tmp_path / "data")
    settings = Settings(data=tmp_path / "data", config=config, max_body_mb=1, max_upload_mb=2)
    async with open_services(settings) as services:
        await services.keys.ensure_first_key(KEY)
        yield services


@pytest.fixture
async def client(services: Services) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(application_over(services)),
        base_url="http://test/api/v3",
        headers={"Authorization": f"Bearer {KEY}"},
    ) as client:
        yield client


@pytest.fixture
async def api(client: httpx2.AsyncClient) -> Api:
    return Api(client)


@pytest.fixture
async def working(services: Services) -> AsyncIterator[None]:
    """A worker that executes what is queued."""
    worker = Worker(services.store, services.models)
    await worker.start()
    yield
    await worker.stop()
