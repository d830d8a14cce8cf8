"""Helpers for tests of our API: an evaluation to start, runs to wait for, problems to read."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from support.application import application_over
from weighbridge.core.caller import Role
from weighbridge.jobs.worker import Worker
from weighbridge.wiring import Services

MODELS = r"""
[[models]]
name = "parrot"
protocol = "scripted"
replies = [{match = "say (.*)", reply = "{1}"}]
price = {input = 1.0, output = 2.0}

[[models]]
name = "slow"
protocol = "scripted"
aliases = ["snail"]
replies = [{match = "say (.*)", reply = "{1}", latency_ms = 700}]

[[models]]
name = "unpriced"
protocol = "openai"
base_url = "http://127.0.0.1:9/v1"
model = "nobody-knows-me"

[[models]]
name = "shaky"
protocol = "scripted"
replies = [
  {contains = "trouble", reply = "", error = {kind = "bad_request", message = "no", times = 1}},
  {match = "say (.*)", reply = "{1}"},
]
"""

SPEC: dict[str, Any] = {
    "name": "echo",
    "cases": [
        {"q": "ja", "answer": "ja"},
        {"q": "nein", "answer": "doch"},
        {"q": "oui", "answer": "oui"},
    ],
    "model": "parrot",
    "prompt": "say {q}",
    "target": "answer",
    "scorers": ["exact"],
}

MakeClient = Callable[..., Awaitable[httpx2.AsyncClient]]


async def client_of(
    services: Services, role: Role = Role.ADMIN, workspace: str | None = None
) -> httpx2.AsyncClient:
    """A client with a key of its own."""
    operator = await services.keys.operator()
    _, secret = await services.keys.create(operator, name="test", role=role, workspace=workspace)
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(application_over(services)),
        base_url="http://server/api/v1",
        headers={"Authorization": f"Bearer {secret}"},
    )


@asynccontextmanager
async def working(services: Services) -> AsyncIterator[None]:
    """A worker that executes what is queued."""
    worker = Worker(services.store, services.models)
    await worker.start()
    try:
        yield
    finally:
        await worker.stop()


async def start(client: httpx2.AsyncClient, **changes: Any) -> dict[str, Any]:
    """Start an evaluation; the answer."""
    answer = await client.post("/evaluations", json=SPEC | changes)
    assert answer.status_code == 201, answer.text
    started: dict[str, Any] = answer.json()
    return started


async def ended(client: httpx2.AsyncClient, run_id: str) -> dict[str, Any]:
    """Follow a run to its end; the run of the last event."""
    async with asyncio.timeout(30):
        answer = await client.get(f"/runs/{run_id}/events")
    assert answer.status_code == 200, answer.text
    name, run = events(answer.text)[-1]
    assert name == "done", answer.text
    return run


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Name and data of each server-sent event."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(
            line.split(": ", 1) for line in block.splitlines() if not line.startswith(":")
        )
        if "data" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


def problem(answer: httpx2.Response, status: int) -> dict[str, Any]:
    """The problem that an answer tells."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert told["status"] == status
    assert told["type"].startswith("urn:weighbridge:problem:")
    assert told["title"]
    assert told["detail"]
    assert "Traceback" not in answer.text
    return told
