"""`/metrics`: numbers of the key's workspace and of the process, and nobody's texts."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.native import MODELS, problem, start, working
from support.native import ended as followed
from weighbridge.app import build_app
from weighbridge.core.caller import Role
from weighbridge.services import monitoring
from weighbridge.settings import Settings
from weighbridge.wiring import Services, open_services

Numbers = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
async def services(
    tmp_path: Path, database_url: str | None, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Services]:
    monkeypatch.setattr(monitoring, "FRESH_S", 0.0)
    (tmp_path / "models.toml").write_text(MODELS)
    settings = Settings(
        data=tmp_path / "data", config=tmp_path / "models.toml", database_url=database_url
    )
    async with open_services(settings) as opened:
        yield opened


@pytest.fixture
async def client(services: Services) -> AsyncIterator[httpx2.AsyncClient]:
    app = build_app(services)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app),
        base_url="http://server/api/v1",
        headers=await key(services),
    ) as client:
        yield client


async def key(
    services: Services, role: Role = Role.READER, workspace: str | None = None
) -> dict[str, str]:
    role = role if workspace else Role.WRITER
    operator = await services.keys.operator()
    _, secret = await services.keys.create(operator, name="x", role=role, workspace=workspace)
    return {"Authorization": f"Bearer {secret}"}


async def scrape(client: httpx2.AsyncClient, headers: dict[str, str] | None = None) -> Numbers:
    answer = await client.get("http://server/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def of(numbers: Numbers, name: str, **labels: str) -> float:
    return numbers[f"weighbridge_{name}", tuple(sorted(labels.items()))]


async def test_it_needs_a_key_as_every_route_does(client: httpx2.AsyncClient) -> None:
    del client.headers["Authorization"]
    problem(await client.get("http://server/metrics"), 401)
    problem(await client.post("http://server/metrics"), 405)


async def test_runs_cases_and_what_they_cost_are_counted(
    client: httpx2.AsyncClient, services: Services
) -> None:
    before = await scrape(client)
    assert of(before, "runs", state="succeeded") == 0
    assert of(before, "cases_done") == 0
    assert not any(name == "weighbridge_cost_usd" for name, _ in before)
    started = await start(
        client, model="shaky", cases=[{"q": "trouble", "answer": "x"}, {"q": "ja", "answer": "ja"}]
    )
    queued = await start(client)
    waiting = await scrape(client)
    assert of(waiting, "runs", state="queued") == 2
    assert of(waiting, "cases_waiting") == 5
    async with working(services):
        for each in (started, queued):
            await followed(client, each["runs"][0]["id"])
        busy = await scrape(client)
        assert of(busy, "workers_alive") == 1
    after = await scrape(client)
    assert of(after, "runs", state="succeeded") == 2
    assert (of(after, "cases_done"), of(after, "cases_failed")) == (5, 1)
    assert of(after, "cases_waiting") == 0
    assert of(after, "calls") == 5
    assert of(after, "tokens", direction="input") > 0
    assert of(after, "cost_usd") > 0
    assert of(after, "workers_alive") == 0
    assert of(after, "webhook_deliveries", state="pending") == 0
    assert of(after, "calls_in_flight", model="parrot") == 0
    assert of(after, "calls_allowed", model="parrot") > 0


async def test_a_key_sees_its_own_workspace(client: httpx2.AsyncClient, services: Services) -> None:
    await start(client)
    other = await scrape(client, await key(services, workspace="another"))
    assert of(other, "runs", state="queued") == 0
    assert of(other, "cases_waiting") == 0
    reader = await scrape(client, await key(services, Role.READER, workspace="default"))
    assert of(reader, "runs", state="queued") == 1


async def test_requests_are_counted_by_their_route_and_never_by_their_address(
    client: httpx2.AsyncClient,
) -> None:
    run_id = (await start(client))["runs"][0]["id"]
    for _ in range(3):
        await client.get(f"/runs/{run_id}")
    await client.get("/runs/run_" + "0" * 26)
    await client.get("http://server/wp-admin/index.php")
    await client.get("/nothing/here")
    await client.request("BREW", "/runs")
    numbers = await scrape(client)
    route = {"method": "GET", "route": "/api/v1/runs/{run_id}"}
    assert of(numbers, "http_requests_total", **route, status="200") == 3
    assert of(numbers, "http_requests_total", **route, status="404") == 1
    assert of(numbers, "http_request_duration_seconds_count", **route) == 4
    other = {"method": "GET", "route": "other", "status": "404"}
    assert of(numbers, "http_requests_total", **other) == 2
    assert not any("BREW" in str(labels) or run_id in str(labels) for _, labels in numbers)
    again = await scrape(client)
    assert of(again, "http_requests_total", method="GET", route="/metrics", status="200") == 1


async def test_the_process_is_measured(client: httpx2.AsyncClient) -> None:
    numbers = await scrape(client)
    assert numbers["process_resident_memory_bytes", ()] > 10_000_000
    assert numbers["process_cpu_seconds_total", ()] > 0
    assert any(name == "weighbridge_build_info" for name, _ in numbers)


async def test_no_text_of_a_customer_is_in_it(client: httpx2.AsyncClient) -> None:
    await start(client, name="a secret project", prompt="a secret prompt {q}")
    answer = await client.get("http://server/metrics")
    assert "secret" not in answer.text
