"""Sending to an address that a customer named: guarded, once, without redirects, and bounded."""

from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from weighbridge.errors import Invalid
from weighbridge.outbound.guard import Guard
from weighbridge.outbound.session import guarded_session

TIMEOUT_S = 15.0
CONNECT_S = 5.0
MAX_ANSWER = 1_024
"""Bytes of an answer that are read; the rest is of no interest."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of it.

    Attributes:
        status: HTTP status; None when there was no answer.
        answer: its first characters. error: why there was none.
        retry_after_s: how long the receiver asked to wait.
    """

    status: int | None = None
    answer: str | None = None
    error: str | None = None
    retry_after_s: float | None = None


class Sender:
    """Sends to addresses that customers name. Use it in one event loop.

    Args:
        guard: which addresses may be contacted.
    """

    def __init__(self, guard: Guard, *, timeout_s: float = TIMEOUT_S) -> None:
        self._guard = guard
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, connect=min(CONNECT_S, timeout_s))
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Sent:
        """Send once. Never raises: what goes wrong is in the result, without the address's query,
        which may hold a secret."""
        try:
            self._guard.check_form(url)
        except Invalid as error:
            return Sent(error=error.message)
        session = self._session or self._open()
        try:
            async with session.post(
                URL(url, encoded=True), data=body, headers=headers, allow_redirects=False
            ) as response:
                answer = await response.content.read(MAX_ANSWER)
                said = answer.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
                return Sent(
                    response.status,
                    said,
                    "redirects are not followed" if 300 <= response.status < 400 else None,
                    _seconds(response.headers.get("Retry-After", "")),
                )
        except TimeoutError:
            return Sent(error=f"no answer within {self._timeout.total:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Sent(error=_reason(error, url))

    async def close(self) -> None:
        """Let go of connections. May be called twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        self._session = guarded_session(self._guard, self._timeout)
        return self._session


def _seconds(text: str) -> float | None:
    return float(text) if text.isdecimal() and len(text) < 10 else None


def _reason(error: Exception, url: str) -> str:
    host = URL(url, encoded=True).host or "the host"
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return f"no connection to {host}: {cause}".replace(url, host)[:500]
