"""The Oxen dialect in this process: an application with a worker, its repositories and what its
models are asked."""

import asyncio
import base64
import itertools
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.oxen_client import KEY
from support.oxen_client import MODELS as PARROT_SLOW_AND_BLIND
from weighbridge.app import build_app
from weighbridge.jobs import worker as worker_module
from weighbridge.jobs.worker import Worker
from weighbridge.providers.base import ChatRequest, ImagePart, Reply, VideoPart
from weighbridge.providers.scripted import ScriptedProvider
from weighbridge.settings import Settings
from weighbridge.wiring import Services, open_services

FILM = b"\x00\x00\x00\x18ftypmp42" + bytes(12)
"""What passes for a video by its first bytes."""

DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
"""A picture of one pixel, the one that `parrot` makes."""

MODELS = (
    PARROT_SLOW_AND_BLIND
    + f"""
[[models]]
name = "filmer"
protocol = "scripted"
aliases = ["camera"]
replies = [{{reply = "", video = "{base64.b64encode(FILM).decode()}"}}]

[[models]]
name = "lazy"
protocol = "scripted"
replies = [{{match = "say (.*)", reply = "{{1}}", latency_ms = 250}}]

[[models]]
name = "mute"
protocol = "scripted"
replies = [{{error = {{kind = "bad_request", message = "never"}}}}]
"""
)

ENDED = frozenset({"completed", "errored", "cancelled"})
_NUMBERS = itertools.count(1)


@dataclass
class Seen:
    """What the scripted models were asked.

    Attributes:
        most: calls in flight at once.
    """

    requests: list[ChatRequest] = field(default_factory=list)
    in_flight: int = 0
    most: int = 0

    def clear(self) -> None:
        self.requests.clear()
        self.most = 0

    @property
    def addresses(self) -> set[str]:
        """Of all images and videos."""
        return {
            part.url
            for request in self.requests
            for message in request.messages
            if not isinstance(message.content, str)
            for part in message.content
            if isinstance(part, ImagePart | VideoPart)
        }

    @property
    def texts(self) -> list[str]:
        """What each was asked in words."""
        found = []
        for request in self.requests:
            content = request.messages[-1].content
            parts = (content,) if isinstance(content, str) else content
            found.append("".join(part for part in parts if isinstance(part, str)))
        return found


@dataclass
class Repository:
    """A repository, and evaluations over its files."""

    client: httpx2.AsyncClient
    name: str

    @property
    def address(self) -> str:
        return f"/repos/ns/{self.name}"

    async def put(self, branch: str, files: Mapping[str, bytes]) -> httpx2.Response:
        """Commit files to a branch; the last answer."""
        assert files
        for path, data in files.items():
            folder, _, name = path.rpartition("/")
            answer = await self.client.put(
                f"{self.address}/file/{branch}/{folder}", files={"files[]": (name, data)}
            )
        return answer

    async def post(self, resource: str, body: Mapping[str, Any]) -> httpx2.Response:
        """Ask for an evaluation."""
        return await self.client.post(f"{self.address}/evaluations/{resource}", json=body)

    async def start(self, resource: str, **fields: Any) -> dict[str, Any]:
        """An evaluation, begun."""
        answer = await self.post(resource, {**WANTED, **fields})
        assert answer.status_code == 200, answer.text
        return self.evaluation(answer)

    async def run(self, resource: str = "main/q.csv", **fields: Any) -> dict[str, Any]:
        """An evaluation, ended."""
        return await self.ended(await self.start(resource, **fields))

    async def ended(self, evaluation: Mapping[str, Any], *, within: float = 20) -> dict[str, Any]:
        async with asyncio.timeout(within):
            while True:
                now = await self.look(evaluation)
                if now["status"] in ENDED:
                    return now
                await asyncio.sleep(0.02)

    async def look(self, evaluation: Mapping[str, Any]) -> dict[str, Any]:
        return self.evaluation(await self.client.get(self.of(evaluation)))

    async def commit(self, evaluation: Mapping[str, Any], **fields: Any) -> httpx2.Response:
        return await self.client.post(f"{self.of(evaluation)}/commit", json=fields)

    def of(self, evaluation: Mapping[str, Any]) -> str:
        return f"{self.address}/evaluations/{evaluation['id']}"

    async def read(self, resource: str) -> bytes:
        answer = await self.client.get(f"{self.address}/file/{resource}")
        assert answer.status_code == 200, answer.text
        return answer.content

    async def messages(self, revision: str) -> list[str]:
        """Of the commits, newest first."""
        answer = await self.client.get(f"{self.address}/commits/history/{revision}")
        return [commit["message"] for commit in answer.json()["commits"]]

    async def head(self, branch: str) -> str:
        answer = await self.client.get(f"{self.address}/branches/{branch}")
        return str(answer.json()["branch"]["commit_id"])

    @staticmethod
    def evaluation(answer: httpx2.Response) -> dict[str, Any]:
        body = answer.json()
        assert body["status"] == "success", body
        found: dict[str, Any] = body["evaluation"]
        return found


WANTED = {
    "prompt": "{q}",
    "input_type": "text",
    "output_type": "text",
    "model_id": "parrot",
    "target_column": "answer",
    "auto_commit": True,
}


@dataclass
class House:
    """An application with a worker.

    Attributes:
        client: with the administrator's key, at `/api`.
    """

    client: httpx2.AsyncClient
    services: Services
    seen: Seen

    async def repository(self, files: Mapping[str, bytes]) -> Repository:
        """A new one with these files on `main`."""
        name = f"r{next(_NUMBERS)}"
        made = await self.client.post("/repos", json={"namespace": "ns", "name": name})
        assert made.status_code == 200, made.text
        repository = Repository(self.client, name)
        answer = await repository.put("main", files)
        assert answer.status_code == 200, answer.text
        return repository


@asynccontextmanager
async def open_app(
    folder: Path, database: Path | None, models: str = MODELS, *, url: str | None = None
) -> AsyncIterator[Services]:
    """The services of an installation with these models.

    Args:
        database: SQLite at the newest schema, copied. url: or PostgreSQL, also at the newest.
    """
    (folder / "data").mkdir(exist_ok=True)
    if database is not None:
        await asyncio.to_thread(shutil.copy, database, folder / "data")
    config = folder / "models.toml"
    config.write_text(models)
    settings = Settings(
        data=folder / "data", database_url=url, config=config, max_body_mb=1, max_upload_mb=2
    )
    async with open_services(settings) as services:
        await services.keys.ensure_first_key(KEY)
        yield services


@asynccontextmanager
async def client_of(services: Services) -> AsyncIterator[httpx2.AsyncClient]:
    """With the administrator's key."""
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(build_app(services)),
        base_url="http://test/api",
        headers={"Authorization": f"Bearer {KEY}"},
    ) as client:
        yield client


@asynccontextmanager
async def open_house(folder: Path, database: Path, models: str = MODELS) -> AsyncIterator[House]:
    """As `open_app`, with a worker; what scripted models are asked is noted."""
    seen = Seen()
    with noted(seen), pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker_module, "SUBMIT_EVERY_S", 0.02)
        async with open_app(folder, database, models) as services, client_of(services) as client:
            worker = Worker(services.store, services.models)
            await worker.start()
            yield House(client, services, seen)
            await worker.stop()


@contextmanager
def noted(seen: Seen) -> Iterator[None]:
    """Note what scripted models are asked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptedProvider, "chat", _noting(seen, ScriptedProvider.chat))
        yield


def _noting(seen: Seen, ask: Any) -> Any:
    async def chat(provider: ScriptedProvider, request: ChatRequest) -> Reply:
        seen.requests.append(request)
        seen.in_flight += 1
        seen.most = max(seen.most, seen.in_flight)
        try:
            reply: Reply = await ask(provider, request)
            return reply
        finally:
            seen.in_flight -= 1

    return chat
