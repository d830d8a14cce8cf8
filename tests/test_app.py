"""The root application mounts every dialect and sets headers that forbid what need not be."""

import sys
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from weighbridge.app import SAFE_DEFAULTS, build_app
from weighbridge.dialects import DIALECTS
from weighbridge.settings import Settings
from weighbridge.wiring import Services, open_services


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path)


def client_of(services: Services) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(build_app(services)), base_url="http://test"
    )


async def test_each_row_of_the_table_is_mounted_at_its_place(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "another_dialect", sys.modules[__name__])
    monkeypatch.setitem(DIALECTS, "/v2", "another_dialect:build_other")
    async with open_services(settings) as services, client_of(services) as client:
        assert (await client.get("/api/v1/health")).json()["status"] == "ok"
        assert (await client.get("/v2/hello")).json() == "other manners"
        missing = await client.get("/v2/nothing")
        assert missing.json() == {"detail": "Not Found"}  # its own manners, not ours


async def test_what_is_nowhere_mounted_is_a_problem(settings: Settings) -> None:
    async with open_services(settings) as services, client_of(services) as client:
        for path in ("/nothing", "/api", "/apix/runs"):
            answer = await client.get(path)
            assert answer.status_code == 404
            assert answer.headers["content-type"] == "application/problem+json"


async def test_what_is_nowhere_below_api_is_answered_in_the_manner_of_its_clients(
    settings: Settings,
) -> None:
    async with open_services(settings) as services, client_of(services) as client:
        for path in ("/api/", "/api/v2/runs", "/api/v1x", "/api/repos/a/b/c/d"):
            answer = await client.get(path)
            assert answer.status_code == 404
            assert answer.json()["status"] == "error"
            assert answer.json()["status_message"] == "resource_not_found"


async def test_every_answer_has_safe_headers(settings: Settings) -> None:
    async with open_services(settings) as services, client_of(services) as client:
        for path in ("/nothing", "/api/v1/health", "/api/v1/me", "/api/v1/openapi.json"):
            headers = (await client.get(path)).headers
            for name, value in SAFE_DEFAULTS.items():
                assert headers[name] == value, (path, name)
            assert "server" not in headers


def build_other(_services: Services) -> FastAPI:
    app = FastAPI(openapi_url=None)
    app.add_api_route("/hello", lambda: "other manners")
    return app
