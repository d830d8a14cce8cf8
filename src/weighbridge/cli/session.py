"""A command's way to the services: opened in this process, as the machine's operator."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from weighbridge.core.caller import Caller
from weighbridge.core.run import Run
from weighbridge.settings import Settings
from weighbridge.wiring import Services, open_services

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Session:
    """The services, and the operator as whom the command line calls them."""

    services: Services
    caller: Caller

    async def run(self, name: str) -> Run:
        """The run with this id; `latest` is the newest one.

        Raises:
            NotFound: there is none.
        """
        if name == "latest":
            return await self.services.runs.latest(self.caller)
        return await self.services.runs.get(self.caller, name)


@asynccontextmanager
async def open_session(settings: Settings) -> AsyncIterator[Session]:
    """Open the installation that the settings name; its data folder is made when missing."""
    async with open_services(settings) as services:
        yield Session(services, await services.keys.operator("cli"))


def in_session(settings: Settings, work: Callable[[Session], Awaitable[Result]]) -> Result:
    """Do some work with the services, to its end."""

    async def go() -> Result:
        async with open_session(settings) as session:
            return await work(session)

    return asyncio.run(go())
