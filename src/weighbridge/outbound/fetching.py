"""Fetching a file from an address that a customer named: guarded at every step, and bounded."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import aiohttp
from yarl import URL

from weighbridge.errors import Invalid, TooLarge
from weighbridge.outbound.guard import Guard
from weighbridge.outbound.session import guarded_session

TIMEOUT_S = 120.0
IDLE_S = 20.0
"""Seconds without a byte after which a file is given up."""
MOST_REDIRECTS = 3

_CONNECT_S = 10.0
_PIECE = 1 << 18
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that was fetched.

    Attributes:
        size: in bytes.
        media_type: what whoever sent it says it is, without parameters; None: nothing.
    """

    size: int
    media_type: str | None


class Fetcher:
    """Fetches files from addresses that customers name. Use it in one event loop.

    Args:
        guard: which addresses may be contacted.
        timeout_s: for a whole file, its redirects included.
    """

    def __init__(self, guard: Guard, *, timeout_s: float = TIMEOUT_S) -> None:
        self._guard = guard
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def fetch(self, url: str, path: Path, *, most_bytes: int) -> Fetched:
        """Write what is at an address to a file.

        Args:
            url: http or https. Up to `MOST_REDIRECTS` redirects are followed, each of them judged
                like the address itself.
            path: of the file; where this fails, it may be there with a part of it.

        Raises:
            Invalid: it may not be contacted, cannot be reached, takes too long, or has no such
                file. The message does not hold the address's query, which may hold a secret.
            TooLarge: it is over `most_bytes`.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._follow(url, path, most_bytes)
        except TimeoutError as error:
            host = URL(url, encoded=True).host
            raise Invalid(
                f"the file did not come from {host} within {self._timeout_s:g} s"
            ) from error

    async def close(self) -> None:
        """Let go of connections. May be called twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _follow(self, url: str, path: Path, most_bytes: int) -> Fetched:
        for _ in range(MOST_REDIRECTS + 1):
            await self._guard.check_url(url)
            found = await self._get(url, path, most_bytes)
            if isinstance(found, Fetched):
                return found
            url = found
        raise Invalid(
            f"the file is behind more than {MOST_REDIRECTS} redirects; name where it is itself"
        )

    async def _get(self, url: str, path: Path, most_bytes: int) -> Fetched | str:
        """The file, or the address that it is said to be at."""
        here = URL(url, encoded=True)
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=None, connect=_CONNECT_S, sock_read=IDLE_S)
            self._session = guarded_session(self._guard, timeout)
        try:
            async with self._session.get(
                here, headers={"Accept-Encoding": "identity"}, allow_redirects=False
            ) as response:
                if response.status in _REDIRECTS and "Location" in response.headers:
                    target = here.join(URL(response.headers["Location"]))
                    return str(target.with_fragment(None))
                if response.status != 200:
                    raise Invalid(f"{here.host} answered {response.status}; a file was expected")
                if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                    raise Invalid(f"{here.host} sends the file packed, without having been asked")
                if (response.content_length or 0) > most_bytes:
                    raise _too_large(most_bytes)
                size = await _write(response.content, path, most_bytes)
                said = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
                return Fetched(size, said or None)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Invalid(_reason(error, here)) from error


async def _write(content: aiohttp.StreamReader, path: Path, most_bytes: int) -> int:
    size = 0
    file: BinaryIO = await asyncio.to_thread(path.open, "wb")
    try:
        async for piece in content.iter_chunked(_PIECE):
            size += len(piece)
            if size > most_bytes:
                raise _too_large(most_bytes)
            await asyncio.to_thread(file.write, piece)
    finally:
        await asyncio.to_thread(file.close)
    return size


def _too_large(most_bytes: int) -> TooLarge:
    return TooLarge(f"the file is over the limit of {most_bytes / 2**20:g} MiB")


def _reason(error: Exception, url: URL) -> str:
    host = url.host or "the host"
    if isinstance(error, aiohttp.ServerTimeoutError):
        return f"{host} has said nothing for {IDLE_S:g} s"
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, OSError) and cause.filename is not None:  # a place of ours
        cause = OSError(cause.strerror)
    return f"no file from {host}: {cause}".replace(str(url), host)[:500]
