"""kill -9 of the server while a model finds personal data: it goes on where it was, and every file
is masked."""

import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.killed_server import KEY, KilledServer

FILES = 30
FOUND = {"entities": [{"text": "Anna Berg", "type": "name", "score": 0.9}]}
MODELS = f"""
[[models]]
name = "finder"
protocol = "scripted"
max_concurrency = 2
replies = [{{reply = '{json.dumps(FOUND)}', latency_ms = 120}}]
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[KilledServer]:
    (tmp_path / "models.toml").write_text(MODELS)
    server = KilledServer(tmp_path)
    server.start()
    yield server
    server.kill()


def run_of(server: KilledServer) -> dict[str, Any]:
    found: dict[str, Any] = server.ask("/api/v1/runs")["data"][0]
    return found


def test_a_killed_server_goes_on_and_masks_everything(server: KilledServer) -> None:
    files = [
        ("files[]", (f"{number}.txt", f"Dear Anna Berg, this is letter {number}."))
        for number in range(FILES)
    ]
    made = httpx2.post(
        f"{server.address}/api/dataframer/seed-datasets/create/",
        headers={"Authorization": f"Bearer {KEY}"},
        data={"name": "letters", "dataset_type": "MULTI_FILE"},
        files=files,
        timeout=60,
    ).json()
    run = server.ask(
        "/api/dataframer/anonymization-runs/",
        {
            "dataset_id": made["id"],
            "detection_method": "llm",
            "llm_model_name": "finder",
            "pii_types": ["name"],
        },
    )
    until = time.monotonic() + 60
    while run_of(server)["progress"]["done"] < FILES // 5:
        assert time.monotonic() < until
        time.sleep(0.05)
    server.kill()
    server.start()
    assert run_of(server)["progress"]["done"] < FILES
    path = f"/api/dataframer/anonymization-runs/{run['id']}/"
    until = time.monotonic() + 90
    while (ended := server.ask(path))["status"] not in {"SUCCEEDED", "FAILED"}:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert ended["status"] == "SUCCEEDED", ended
    assert ended["results"]["entity_summary"] == {"name": FILES}
    progress = run_of(server)["progress"]
    assert (progress["done"], progress["failed"], progress["ungraded"]) == (FILES, 0, 0)
    link = server.ask(f"{path}download/")["download_url"]
    archive = zipfile.ZipFile(io.BytesIO(server.read(link.removeprefix(server.address))))
    assert [archive.read(f"{it}.txt").decode() for it in range(FILES)] == [
        f"Dear <NAME>, this is letter {it}." for it in range(FILES)
    ]
