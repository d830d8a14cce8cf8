"""JSON over HTTP: one pool of connections for all endpoints, and every failure by its kind.

This is the hottest path of the product, so nothing is done here that aiohttp's plain `post` does
not need, until something goes wrong.
"""

import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any

import aiohttp
import orjson
from yarl import URL

from weighbridge.providers.base import CallFailed
from weighbridge.providers.events import Event, EventReader
from weighbridge.providers.failures import (
    body_retry_after_s,
    call_failed,
    endpoint_message,
    malformed,
    retry_after_s,
    status_failed,
)

_MAX_ERROR_BYTES = 64 << 10
# For what no caller's deadline watches: the files of batches.
_FILE_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=300)
_SECRET_HEADERS = ("Authorization", "x-api-key", "api-key", "x-goog-api-key")


class Transport:
    """A pool of keep-alive connections. Use it in one event loop.

    Without cookies, redirects, proxies from the environment or retries of its own: what is sent
    goes to the address that was declared, once.

    Args:
        max_response_bytes: an answer that is longer (after decompression) is a failure.
        connect_timeout_s: the most seconds for one connection to be made.
    """

    def __init__(
        self, *, max_response_bytes: int = 64 << 20, connect_timeout_s: float = 30.0
    ) -> None:
        self._max_bytes = max_response_bytes
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def post_json(
        self,
        url: URL,
        headers: Mapping[str, str],
        body: Mapping[str, object],
        timeout_s: float | None = None,
    ) -> Any:
        """Send a JSON object, and parse the JSON that comes back.

        Args:
            url: where to. headers: `Content-Type` and the key included. body: the object.
            timeout_s: the most seconds for the whole exchange; None: the caller watches the time.

        Raises:
            CallFailed: no answer, no success, or no JSON. No message of it holds the key.
        """
        data = _written(body)
        session = self._session or self._open()
        timeout = self._timeout if timeout_s is None else aiohttp.ClientTimeout(total=timeout_s)
        try:
            async with session.post(
                url, data=data, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                if not 200 <= response.status < 300:
                    raise await self._refused(response, headers)
                text = await self._read(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _broken(error, url) from error
        return _parsed(text)

    async def post_events(
        self, url: URL, headers: Mapping[str, str], body: Mapping[str, object]
    ) -> AsyncGenerator[Any, None]:
        """Send a JSON object, and parse the JSON of each event of the stream that comes back.

        An endpoint that does not stream answers with one JSON text, which is then all there is. The
        error of an event that is named so is given as `{"error": …}`. Close the generator to end
        the exchange before the stream has ended; the caller watches the time.

        Returns:
            Values, and None for `[DONE]`.

        Raises:
            CallFailed: as `post_json`; events before the failure have been given by then.
        """
        data = _written(body)
        session = self._session or self._open()
        # There are servers (llama.cpp is one) that end a connection after a stream and had not said
        # so: the next request on it would fail.
        wanted = {
            **headers,
            "Accept": "text/event-stream, application/json",
            "Connection": "close",
        }
        reader = EventReader()
        total = 0
        try:
            async with session.post(
                url, data=data, headers=wanted, timeout=self._timeout, allow_redirects=False
            ) as response:
                if not 200 <= response.status < 300:
                    raise await self._refused(response, headers)
                if response.content_type == "application/json":
                    yield _parsed(await self._read(response))
                    return
                async for part in response.content.iter_any():
                    total += len(part)
                    if total > self._max_bytes:
                        raise self._too_long()
                    for event in reader.read(part):
                        yield _value_of(event)
                for event in reader.end():
                    yield _value_of(event)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _broken(error, url) from error

    async def post_file(
        self,
        url: URL,
        headers: Mapping[str, str],
        fields: Mapping[str, str],
        name: str,
        data: bytes,
    ) -> Any:
        """Upload a file as a form, and parse the JSON that comes back. Raises as `post_json`.

        Args:
            fields: the form's others, before the file. name: of the file. data: its content.
        """
        form = aiohttp.FormData(default_to_multipart=True)
        for field, value in fields.items():
            form.add_field(field, value)
        form.add_field("file", data, filename=name, content_type="application/jsonl")
        others = {key: value for key, value in headers.items() if key != "Content-Type"}
        return _parsed(await self._fetch("POST", url, others, form))

    async def get_json(self, url: URL, headers: Mapping[str, str]) -> Any:
        """Parse the JSON at an address. Raises as `post_json`."""
        return _parsed(await self._fetch("GET", url, headers))

    async def get_bytes(self, url: URL, headers: Mapping[str, str]) -> bytes:
        """The bytes at an address. Raises as `post_json`."""
        return await self._fetch("GET", url, headers)

    async def get_lines(self, url: URL, headers: Mapping[str, str]) -> AsyncIterator[Any]:
        """The JSON of each line at an address, a line in memory at a time. Raises as `post_json`;
        lines before a failure have been given by then."""
        session = self._session or self._open()
        rest: list[bytes] = []
        length = 0
        try:
            async with session.get(
                url, headers=headers, timeout=_FILE_TIMEOUT, allow_redirects=False
            ) as response:
                if not 200 <= response.status < 300:
                    raise await self._refused(response, headers)
                async for part in response.content.iter_any():
                    rest.append(part)
                    length += len(part)
                    if b"\n" in part:
                        *lines, last = b"".join(rest).split(b"\n")
                        rest, length = [last], len(last)
                        for line in filter(bytes.strip, lines):
                            yield _parsed(line)
                    if length > self._max_bytes:
                        raise self._too_long()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _broken(error, url) from error
        line = b"".join(rest)
        if line.strip():
            yield _parsed(line)

    async def close(self) -> None:
        """Close the connections. May be called twice; a later call opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _fetch(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        data: aiohttp.FormData | None = None,
    ) -> bytes:
        """The body of an answer, for what is asked seldom."""
        session = self._session or self._open()
        try:
            async with session.request(
                method,
                url,
                data=data,
                headers=headers,
                timeout=_FILE_TIMEOUT,
                allow_redirects=False,
            ) as response:
                if not 200 <= response.status < 300:
                    raise await self._refused(response, headers)
                return await self._read(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _broken(error, url) from error

    def _open(self) -> aiohttp.ClientSession:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            trust_env=False,
        )
        return self._session

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        """The whole body. One whose length is announced honestly is read in one go."""
        length = response.content_length
        if length is not None and "Content-Encoding" not in response.headers:
            if length > self._max_bytes:
                raise self._too_long()
            return await response.read()
        parts = []
        total = 0
        async for part in response.content.iter_any():
            total += len(part)
            if total > self._max_bytes:
                raise self._too_long()
            parts.append(part)
        return b"".join(parts)

    def _too_long(self) -> CallFailed:
        message = f"the answer is longer than {self._max_bytes} bytes"
        return call_failed("malformed", message, retry=False)

    async def _refused(
        self, response: aiohttp.ClientResponse, headers: Mapping[str, str]
    ) -> CallFailed:
        if 300 <= response.status < 400:
            target = response.headers.get("Location", "elsewhere")
            said, code = f"redirects are not followed (to {target}); declare that base_url", ""
            in_body_s = None
        else:
            try:
                text = await _at_most(response.content, _MAX_ERROR_BYTES)
            except (aiohttp.ClientError, OSError):
                text = b""  # the status alone says what happened
            try:
                data = orjson.loads(text)
            except orjson.JSONDecodeError:
                data = None
            said, code = endpoint_message(data)
            in_body_s = body_retry_after_s(data)
            said = said or text.decode(errors="replace").strip() or response.reason or ""
        in_header_s = retry_after_s(response.headers)
        wait_s = in_body_s if in_header_s is None else in_header_s
        return status_failed(
            response.status, _without_keys(said, headers), code=code, retry_after_s=wait_s
        )


async def _at_most(stream: aiohttp.StreamReader, limit: int) -> bytes:
    parts = []
    total = 0
    while total < limit and (part := await stream.read(limit - total)):
        parts.append(part)
        total += len(part)
    return b"".join(parts)


def _without_keys(text: str, headers: Mapping[str, str]) -> str:
    """Endpoints like to quote the key that they refuse."""
    for name in _SECRET_HEADERS:
        key = headers.get(name, "").removeprefix("Bearer ").strip()
        if key:
            text = text.replace(key, "[key]")
    return text


def _broken(error: Exception, url: URL) -> CallFailed:
    """A failure below HTTP. The address is shown without its query, which may hold a secret."""
    where = f"{url.host}:{url.port}"
    reason = str(error).replace(str(url), where) or type(error).__name__
    if isinstance(error, TimeoutError):
        return call_failed("timeout", f"{where} did not answer in time", retry=True)
    if isinstance(error, ssl.SSLError | aiohttp.ClientSSLError | ssl.CertificateError):
        return call_failed("connection", f"{where}: TLS failed: {reason}", retry=False)
    if isinstance(error, aiohttp.InvalidURL):
        return call_failed("bad_request", f"not an address: {where}", retry=False)
    if isinstance(error, aiohttp.ClientPayloadError):
        return call_failed("connection", f"{where} broke off in its answer", retry=True)
    if isinstance(error, aiohttp.ClientResponseError):
        message = f"{where} does not speak HTTP: {error.message}"
        return call_failed("malformed", message, retry=True)
    return call_failed("connection", f"no connection to {where}: {reason}", retry=True)


def _value_of(event: Event) -> Any:
    if event.data.strip() == b"[DONE]":
        return None
    value = _parsed(event.data)
    if event.name == "error" and not (isinstance(value, dict) and value.get("error")):
        return {"error": value}
    return value


def _written(body: Mapping[str, object]) -> bytes:
    try:
        return orjson.dumps(body, default=_plain)
    except TypeError as error:
        message = f"the request cannot be written as JSON: {error}"
        raise call_failed("bad_request", message, retry=False) from None


def _parsed(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise malformed(f"the answer is not JSON: {error.msg} ({len(text)} bytes)") from None


def _plain(value: object) -> object:
    """Mappings and sequences that are not dict and list, which orjson does not know."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
