"""Pages as a browser sees them, without a browser: cookies are kept, forms carry their token."""

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from support.native import MODELS
from weighbridge.core.caller import Caller, Role
from weighbridge.settings import Settings
from weighbridge.web.app import build
from weighbridge.wiring import Services, open_services

_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')


@dataclass
class Desk:
    """Somebody who has logged in with a key.

    Attributes:
        services: of the installation, to make what is looked at.
        caller: the same person as the services know them.
        client: without following redirects.
    """

    services: Services
    caller: Caller
    client: httpx2.AsyncClient
    token: str = ""

    async def get(self, path: str, status: int = 200) -> str:
        """A page; its text with entities resolved, as a person reads it."""
        return html.unescape(await self.source(path, status))

    async def source(self, path: str, status: int = 200) -> str:
        """A page as it was sent."""
        answer = await self.client.get(path)
        assert answer.status_code == status, (path, answer.status_code, answer.text[:3000])
        if found := _TOKEN.search(answer.text):
            self.token = found[1]
        return answer.text

    async def post(
        self, path: str, *, status: int = 303, files: Any = None, **fields: Any
    ) -> httpx2.Response:
        """A form sent, with the token of the page that was looked at last."""
        if not self.token:
            await self.source("/")
        answer = await self.client.post(path, data={"csrf": self.token} | fields, files=files)
        assert answer.status_code == status, (path, answer.status_code, answer.text[:3000])
        return answer


@asynccontextmanager
async def desk_at(
    folder: Path, *, models: str = MODELS, role: Role = Role.ADMIN, **settings: Any
) -> AsyncIterator[Desk]:
    """A desk over an installation in a folder: SQLite, scripted models."""
    config = folder / "models.toml"
    config.write_text(models)
    (folder / "data").mkdir(exist_ok=True)
    made = Settings(data=folder / "data", config=config, **settings)
    async with open_services(made) as services, desk_of(services, role) as desk:
        yield desk


@asynccontextmanager
async def desk_of(services: Services, role: Role = Role.ADMIN) -> AsyncIterator[Desk]:
    """A desk of a person with a key of that role."""
    operator = await services.keys.operator()
    _, secret = await services.keys.create(operator, name=f"a {role}", role=role)
    transport = httpx2.ASGITransport(build(services))
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://test", headers={"Accept": "text/html"}
    ) as client:
        desk = Desk(services, await services.keys.authenticate(secret, "web"), client)
        await desk.source("/login")
        await desk.post("/login", key=secret)
        await desk.source("/")
        yield desk
