"""The serving process: what it says when it starts, what it refuses, and how it ends."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks.webhooks import Webhook as Verifier

from support.native import MODELS, SPEC
from weighbridge.errors import Invalid
from weighbridge.server import serve
from weighbridge.settings import Settings
from weighbridge.wiring import open_services

KEY = "a key that is long enough"
SCRIPT = """
import asyncio, sys
from weighbridge.server import serve
from weighbridge.settings import Settings
asyncio.run(serve(Settings(), announce=lambda line: print(line, flush=True)))
print("dbos" in sys.modules, flush=True)
"""


class Server:
    """A serving process of our own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.url = ""
        self.key = KEY

    async def line(self) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(30):
            return (await self.process.stdout.readline()).decode().strip()

    def client(self) -> httpx2.AsyncClient:
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx2.AsyncClient(base_url=f"{self.url}/api/v1", headers=headers, timeout=30)

    async def stopped(self, number: int) -> tuple[int, float]:
        """Exit code and seconds it took."""
        begun = time.monotonic()
        self.process.send_signal(number)
        async with asyncio.timeout(20):
            code = await self.process.wait()
        return code, time.monotonic() - begun


@asynccontextmanager
async def serving(folder: Path, **settings: str) -> AsyncIterator[Server]:
    """A server on a free port of this machine; killed if it is still there at the end."""
    (folder / "models.toml").write_text(MODELS)
    environment = {
        "PATH": os.environ["PATH"],
        "WEIGHBRIDGE_DATA": str(folder / "data"),
        "WEIGHBRIDGE_CONFIG": str(folder / "models.toml"),
        "WEIGHBRIDGE_PORT": "0",
        **{f"WEIGHBRIDGE_{name.upper()}": value for name, value in settings.items()},
    }
    with (folder / "stderr").open("ab") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", SCRIPT),
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            env=environment,
        )
    server = Server(process)
    try:
        line = await server.line()
        if "API key" in line:
            server.key = line.rpartition(" ")[2]
            line = await server.line()
        assert line.startswith("listening on http://127.0.0.1:"), line
        server.url = line.rpartition(" ")[2]
        yield server
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def follow(client: httpx2.AsyncClient, run_id: str) -> AsyncIterator[tuple[str, Any]]:
    """Server-sent events as they come in."""
    async with client.stream("GET", f"/runs/{run_id}/events") as answer:
        assert answer.status_code == 200
        name = ""
        async for line in answer.aiter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                yield name, json.loads(value)


async def test_a_server_works_ends_on_sigterm_with_streams_open_and_goes_on_where_it_stopped(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as server:
        assert server.key.startswith("wb_")
        async with server.client() as client:
            quick = (await client.post("/evaluations", json=SPEC)).json()["runs"][0]["id"]
            names = [name async for name, _ in follow(client, quick)]
            assert names[-1] == "done"
            assert set(names[:-1]) == {"progress"}
            run = (await client.get(f"/runs/{quick}")).json()
            assert (run["status"], run["progress"]["done"]) == ("succeeded", 3)
            assert "server" not in (await client.get("/health")).headers
            cases = [{"q": f"word {n}", "answer": f"word {n}"} for n in range(8)]
            spec = SPEC | {"model": "slow", "cases": cases, "concurrency": 2}
            slow = (await client.post("/evaluations", json=spec)).json()["runs"][0]["id"]
            stream = follow(client, slow)
            async for _, event in stream:
                if event["progress"]["done"] >= 2:
                    break
            ended = asyncio.create_task(_rest(stream))
            code, seconds = await server.stopped(signal.SIGTERM)
            assert code == 0
            assert seconds < 10
            assert "done" not in await ended
            assert "Traceback" not in (tmp_path / "stderr").read_text()
    async with serving(tmp_path, api_key="another key, which is too late") as server:
        server.key = client.headers["Authorization"].removeprefix("Bearer ")
        async with server.client() as client:
            before = (await client.get(f"/runs/{slow}")).json()
            assert before["status"] in {"queued", "running"}
            assert 2 <= before["progress"]["done"] < 8
            last = [event async for _, event in follow(client, slow)][-1]
            assert (last["status"], last["progress"]["done"]) == ("succeeded", 8)
            assert last["usage"]["calls"] <= 8 + 2  # what was in flight may be asked again
        code, _ = await server.stopped(signal.SIGINT)
        assert code == 0


async def _rest(stream: AsyncIterator[tuple[str, Any]]) -> list[str]:
    try:
        return [name async for name, _ in stream]
    except httpx2.HTTPError:
        return []


async def test_a_server_without_a_worker_never_loads_the_queue(tmp_path: Path) -> None:
    async with serving(tmp_path, worker="false", api_key=KEY) as server:
        async with server.client() as client:
            started = (await client.post("/evaluations", json=SPEC)).json()
            run = (await client.get(f"/runs/{started['runs'][0]['id']}")).json()
            assert run["status"] == "queued"
            big = b" " * (33 << 20)
            answer = await client.post(
                "/evaluations", content=big, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code == 413
        code, seconds = await server.stopped(signal.SIGTERM)
        assert (code, await server.line()) == (0, "False")
        assert seconds < 20


@asynccontextmanager
async def serving_here(settings: Settings) -> AsyncIterator[list[str]]:
    """Serve in this process; what was announced."""
    announced: list[str] = []
    listening = asyncio.Event()

    def announce(line: str) -> None:
        announced.append(line)
        if line.startswith("listening"):
            listening.set()

    task = asyncio.create_task(serve(settings, announce=announce))
    waiting = asyncio.create_task(listening.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        waiting.cancel()
        await task
    yield announced
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(10):
        await task


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
async def test_beyond_this_machine_it_listens_only_with_a_key_that_the_operator_knows(
    tmp_path: Path, host: str
) -> None:
    settings = Settings(data=tmp_path, host=host, port=0, worker=False)
    with pytest.raises(Invalid, match="WEIGHBRIDGE_API_KEY"):
        async with serving_here(settings):
            pass
    async with open_services(settings) as services:
        assert not await services.keys.exist()  # none was made that nobody saw


async def test_with_a_key_given_or_made_before_it_listens_beyond_this_machine(
    tmp_path: Path,
) -> None:
    settings = Settings(data=tmp_path, host="0.0.0.0", port=0, worker=False)
    async with serving_here(settings.model_copy(update=_given(KEY))) as announced:
        [line] = announced
        assert KEY not in line
        port = line.rpartition(":")[2]
        async with httpx2.AsyncClient(headers={"x-api-key": KEY}) as client:
            address = f"http://127.0.0.1:{port}/api/v1/me"
            assert (await client.get(address)).json()["role"] == "admin"
    async with serving_here(settings) as announced:
        assert len(announced) == 1


async def test_an_answer_does_not_wait_until_its_first_part_is_acknowledged(
    tmp_path: Path,
) -> None:
    settings = Settings(data=tmp_path, port=0, worker=False)
    async with serving_here(settings.model_copy(update=_given(KEY))) as announced:
        address = f"{announced[0].rpartition(' ')[2]}/api/v1/me"
        took = []
        async with httpx2.AsyncClient(headers={"x-api-key": KEY}) as client:
            for _ in range(30):  # over one connection, whose first packets are acknowledged at once
                begun = time.perf_counter()
                (await client.get(address)).raise_for_status()
                took.append(time.perf_counter() - begun)
        # 40 ms and more each, where it waits. The shortest tells, however busy the machine is.
        assert min(took[20:]) < 0.035


def _given(key: str) -> dict[str, Any]:
    return {"api_key": Settings(api_key=key).api_key}  # type: ignore[arg-type]


async def test_an_address_that_is_taken_or_not_there_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Invalid, match=f"port {port}"):
            async with serving_here(Settings(data=tmp_path, port=port, worker=False)):
                pass
    async with open_services(Settings(data=tmp_path)) as services:
        assert not await services.keys.exist()  # none was shown that nobody would see again
    with pytest.raises(Invalid, match="no such address"):
        async with serving_here(Settings(data=tmp_path, host="x" * 64, worker=False)):
            pass


async def test_a_key_too_short_to_be_safe_is_refused(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, port=0, worker=False)
    with pytest.raises(Invalid, match="characters"):
        async with serving_here(settings.model_copy(update=_given("short"))):
            pass


async def test_a_server_tells_webhooks_and_shows_its_metrics(tmp_path: Path) -> None:
    told: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        await told.put((dict(request.headers), await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", take)
    receiver = TestServer(app, host="127.0.0.1")
    await receiver.start_server()
    hook = {"url": str(receiver.make_url("/hook")), "events": ["run.succeeded"]}
    async with serving(tmp_path) as server, server.client() as client:
        refused = await client.post("/webhooks", json=hook)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["field"] == "url"
    key = server.key
    async with serving(tmp_path, allowed_networks="127.0.0.1/32") as server:
        server.key = key
        async with server.client() as client:
            made = (await client.post("/webhooks", json=hook)).json()
            run = (await client.post("/evaluations", json=SPEC)).json()["runs"][0]["id"]
            async with asyncio.timeout(30):
                headers, body = await told.get()
            event = Verifier(made["secret"]).verify(body, headers)
            assert (event["type"], event["data"]["id"]) == ("run.succeeded", run)
            metrics = (await client.get(f"{server.url}/metrics")).text
            assert 'weighbridge_runs{state="succeeded"} 1.0' in metrics
            assert "weighbridge_workers_alive 1.0" in metrics
            assert "process_resident_memory_bytes" in metrics
            anonymous = await client.get(f"{server.url}/metrics", headers={"Authorization": ""})
            assert anonymous.status_code == 401
            deliveries = (await client.get(f"/webhooks/{made['id']}/deliveries")).json()["data"]
            assert [it["event"] for it in deliveries] == ["run.succeeded"]
        assert (await server.stopped(signal.SIGTERM))[0] == 0
    assert "Traceback" not in (tmp_path / "stderr").read_text()
    await receiver.close()
