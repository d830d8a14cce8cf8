"""The DataFramer dialect in this process, with a worker and scripted models."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.application import application_over
from weighbridge.jobs.worker import Worker
from weighbridge.settings import Settings
from weighbridge.wiring import Services, open_services

KEY = "wb_a-key-for-tests-that-is-long-enough"

# `writer` and `judge` say nothing but "{}"; a test that asks them for more has `models` of its own.
MODELS = """
[[models]]
name = "writer"
protocol = "scripted"
replies = ["{}"]

[[models]]
name = "judge"
protocol = "scripted"
replies = ["{}"]

[defaults]
generator = "writer"
judge = "judge"
"""

ENDED = {"SUCCEEDED", "FAILED", "CANCELED"}


@dataclass
class Api:
    """The API as a client uses it: paths end in a slash."""

    client: httpx2.AsyncClient

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: object = None) -> httpx2.Response:
        return await self.client.post(path, json=body)

    async def put(self, path: str, body: object) -> httpx2.Response:
        return await self.client.put(path, json=body)

    async def patch(self, path: str, body: object) -> httpx2.Response:
        return await self.client.patch(path, json=body)

    async def delete(self, path: str, **query: Any) -> httpx2.Response:
        return await self.client.delete(path, params=query)

    async def made(self, path: str, body: object = None) -> dict[str, Any]:
        """What a POST made."""
        answer = await self.post(path, body)
        assert 200 <= answer.status_code < 300, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def ended(self, path: str) -> dict[str, Any]:
        """What is at an address once it has SUCCEEDED, FAILED or is CANCELED."""
        for _ in range(2_000):
            found: dict[str, Any] = await self.get(path)
            if found["status"] in ENDED:
                return found
            await asyncio.sleep(0.03)
        raise AssertionError(found)

    async def upload(
        self,
        *files: tuple[str, bytes],
        name: str = "seeds",
        dataset_type: str | None = "MULTI_FILE",
        folder_names: Sequence[str] = (),
        field: str = "files",
        folder_field: str = "folder_names",
        **fields: str,
    ) -> httpx2.Response:
        """Create a seed dataset out of files: their names and what is in them."""
        texts: dict[str, Any] = {"name": name, "dataset_type": dataset_type, **fields}
        texts = {key: value for key, value in texts.items() if value is not None}
        if folder_names:
            texts[folder_field] = list(folder_names)
        # A form without files would be sent in another media type.
        sent = [(field, file) for file in files] or [("ignored", ("ignored", b""))]
        return await self.client.post("/seed-datasets/create/", data=texts, files=sent)

    async def upload_zip(self, data: bytes, name: str = "seeds", **fields: str) -> httpx2.Response:
        """Create a seed dataset out of a ZIP archive."""
        return await self.client.post(
            "/seed-datasets/create-from-zip/",
            data={"name": name, **fields},
            files={"zip_file": ("seeds.zip", data, "application/zip")},
        )

    async def seeds(self, *texts: str, name: str = "seeds", suffix: str = ".txt") -> dict[str, Any]:
        """A seed dataset MULTI_FILE with these texts in files `seed_1.txt`, …"""
        files = [
            (f"seed_{number}{suffix}", text.encode()) for number, text in enumerate(texts, start=1)
        ]
        answer = await self.upload(*files, name=name)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def table(self, *rows: dict[str, Any], name: str = "table") -> dict[str, Any]:
        """A seed dataset SINGLE_FILE with these rows in `table.jsonl`."""
        data = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
        answer = await self.upload(("table.jsonl", data), name=name, dataset_type="SINGLE_FILE")
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def download(self, url: str) -> httpx2.Response:
        """What is at a link, which needs no key."""
        path = url.removeprefix(str(self.client.base_url).rstrip("/"))
        answer = await self.client.get(path, headers={"authorization": ""})
        assert answer.status_code == 200, answer.text
        return answer


def wrong_fields(answer: httpx2.Response) -> dict[str, list[str]]:
    """Field → messages of a 400, whose shape is checked."""
    assert answer.status_code == 400, answer.text
    body: dict[str, list[str]] = answer.json()
    assert all(isinstance(messages, list) for messages in body.values()), body
    return body


def problem(answer: httpx2.Response, status: int) -> str:
    """The message of an error that is about no field, whose shape is checked."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert len(body) == 1, body
    message: str = body.get("error") or body.get("detail")
    return message


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
    settings = Settings(
        data=tmp_path / "data",
        config=config,
        max_body_mb=1,
        max_upload_mb=60,
        allowed_networks="127.0.0.1",
    )
    async with open_services(settings) as services:
        await services.keys.ensure_first_key(KEY)
        yield services


@pytest.fixture
async def client(services: Services) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(application_over(services)),
        base_url="http://test/api/dataframer",
        headers={"authorization": f"Bearer {KEY}"},
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
