"""Connections to addresses that customers name: each is judged when it is made."""

import aiohttp

from weighbridge.outbound.guard import Guard


def guarded_session(guard: Guard, timeout: aiohttp.ClientTimeout) -> aiohttp.ClientSession:
    """A session that contacts only what may be contacted. It is the caller's to close, and to have
    it follow no redirects."""
    # No name is remembered and no connection kept: who is contacted is judged each time.
    connector = aiohttp.TCPConnector(
        limit=100,
        use_dns_cache=False,
        force_close=True,
        socket_factory=guard.open_socket,
    )
    return aiohttp.ClientSession(
        connector=connector,
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,  # a small answer may unpack into a large one
    )
