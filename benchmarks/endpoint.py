"""A fast OpenAI-compatible endpoint that counts and fails on demand: the other end of the figures.

One core of it outruns any Python client on another core, because it speaks HTTP/1.1 on a bare
asyncio protocol. It echoes the text inside the last `[[…]]` of the request, so that the answer of
every case is known in advance; a request with a schema gets an object that follows it, with texts
that differ from reply to reply. Run it as `python -m benchmarks.endpoint --port 8100`.

    POST /v1/chat/completions   the answer
    GET  /stats                 counters, see `Counters`
    POST /config                {"latency_ms": 200, "inject": "429:20"}; zeroes the counters
"""

import argparse
import asyncio
import json
import random
import signal
import socket
import struct
import sys
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

import httptools
import orjson

_CHAT = (
    b'{"id":"chatcmpl-%d","object":"chat.completion","created":0,"model":"mock",'
    b'"choices":[{"index":0,"message":{"role":"assistant","content":"%b"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}}'
)
_SCHEMA = b'"json_schema"'
_NOUNS = (
    "anchor autumn bakery bicycle bishop bottle bridge butter candle canyon carpet castle cellar "
    "chapel cheese cinema circus comet copper cotton dancer desert doctor dragon drawer engine "
    "ferry fiddle forest garden glacier goblet guitar hammer harbour helmet hunter island jacket "
    "jungle kettle kitchen ladder lantern lawyer lemon library lizard magnet marble market meadow "
    "mirror monkey morning mountain museum needle ocean orchard oyster palace parrot pencil "
    "pepper piano pigeon pillow planet poison prison puzzle rabbit radio river rocket saddle "
    "sailor salmon school shadow silver singer spider statue summer surgeon teacher temple "
    "theatre thunder ticket tiger tobacco tractor trumpet tunnel turtle valley velvet village "
    "violin vinegar volcano wagon walnut weather whistle window winter wizard"
)
_WORDS = _NOUNS.split()
_REASONS = {200: b"OK", 404: b"Not Found", 429: b"Too Many Requests", 500: b"Server Error"}
KINDS = ("429", "500", "reset", "malformed", "short", "slow")


@dataclass(slots=True)
class Counters:
    """What the endpoint saw.

    Attributes:
        requests: that arrived. answered: whole answers written to a client still there.
        abandoned: clients that were gone before their answer.
        injected: failures made on purpose, by kind.
        labels: distinct cases asked. answered_twice: whole answers beyond the first of a case.
        asked_twice: requests for a case beyond the first.
        most_in_flight: at the same time.
        span_s: from the first request to the last answer.
    """

    requests: int = 0
    answered: int = 0
    abandoned: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    first: float = 0.0
    last: float = 0.0
    injected: Counter[str] = field(default_factory=Counter)
    asked: Counter[bytes] = field(default_factory=Counter)
    whole: Counter[bytes] = field(default_factory=Counter)

    def shown(self) -> dict[str, Any]:
        """As `/stats` gives it."""
        return {
            "requests": self.requests,
            "answered": self.answered,
            "abandoned": self.abandoned,
            "most_in_flight": self.most_in_flight,
            "injected": dict(self.injected),
            "labels": len(self.asked),
            "asked_twice": self.asked.total() - len(self.asked),
            "answered_twice": self.whole.total() - len(self.whole),
            "span_s": self.last - self.first,
        }


@dataclass(slots=True)
class Behaviour:
    """How it behaves. `inject`: every N-th request fails in that way."""

    latency_s: float = 0.0
    rules: tuple[tuple[str, int], ...] = ()
    track: bool = True

    @classmethod
    def from_options(cls, options: dict[str, Any]) -> "Behaviour":
        """From `latency_ms`, `inject` (`KIND:N,…`) and `track`."""
        rules = []
        for part in filter(None, str(options.get("inject") or "").split(",")):
            kind, _, every = part.partition(":")
            if kind not in KINDS:
                raise ValueError(f"{kind} is none of {', '.join(KINDS)}")
            rules.append((kind, int(every)))
        return cls(
            float(options.get("latency_ms") or 0) / 1000,
            tuple(rules),
            bool(options.get("track", True)),
        )

    def failure(self, number: int) -> str | None:
        """The kind of failure of the request with this number, if any."""
        return next((kind for kind, every in self.rules if number % every == 0), None)


class Endpoint:
    """State shared by all connections."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.counters = Counters()

    def configure(self, options: dict[str, Any]) -> None:
        """Behave differently from now on, and count from zero."""
        self.behaviour = Behaviour.from_options(options)
        self.counters = Counters()


class Connection(asyncio.Protocol):
    """One client connection; answers keep the order of requests."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[bytes, bytes, bytes]] = deque()
        self._busy = False
        self._url = b""
        self._body: list[bytes] = []
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, _error: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._url, self._body = b"", []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        request = (self._parser.get_method(), self._url, b"".join(self._body))
        if self._busy:
            self._waiting.append(request)
        else:
            self._handle(*request)

    def _handle(self, method: bytes, url: bytes, body: bytes) -> None:
        if method == b"POST" and url.endswith(b"/chat/completions"):
            self._ask(body)
        elif url == b"/stats":
            self._send(_response(200, json.dumps(self._endpoint.counters.shown()).encode()))
        elif method == b"POST" and url == b"/config":
            self._endpoint.configure(json.loads(body or b"{}"))
            self._send(_response(200, b"{}"))
        else:
            self._send(_response(404, b'{"error":{"message":"no such path"}}'))

    def _ask(self, body: bytes) -> None:
        self._busy = True
        counters, behaviour = self._endpoint.counters, self._endpoint.behaviour
        counters.requests += 1
        counters.in_flight += 1
        counters.most_in_flight = max(counters.most_in_flight, counters.in_flight)
        now = self._loop.time()
        counters.first = counters.first or now
        label = _label(body)
        if behaviour.track:
            counters.asked[label] += 1
        kind = behaviour.failure(counters.requests)
        if kind:
            counters.injected[kind] += 1
        delay = behaviour.latency_s * (10 if kind == "slow" else 1)
        if delay:
            self._loop.call_later(delay, self._answer, body, label, kind)
        else:
            self._answer(body, label, kind)

    def _answer(self, body: bytes, label: bytes, kind: str | None) -> None:
        counters = self._endpoint.counters
        counters.in_flight -= 1
        counters.last = self._loop.time()
        transport = self._transport
        if transport is None or transport.is_closing():
            counters.abandoned += 1
            return
        tokens = len(body) // 4
        said = _object(body, counters.answered) if _SCHEMA in body else label
        text = _CHAT % (counters.requests, said, tokens, 1, tokens + 1)
        if kind in {None, "slow"}:
            counters.answered += 1
            if self._endpoint.behaviour.track:
                counters.whole[label] += 1
            self._send(_response(200, text))
        elif kind == "reset":
            linger = struct.pack("ii", 1, 0)
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, linger
            )
            transport.abort()
        elif kind == "short":
            transport.write(_response(200, text)[:-20])
            transport.close()
        elif kind == "malformed":
            self._send(_response(200, text[: len(text) // 2]))
        elif kind == "429":
            self._send(
                _response(429, b'{"error":{"message":"slow down"}}', b"Retry-After: 0.2\r\n")
            )
        else:
            self._send(_response(500, b'{"error":{"message":"made to fail"}}'))

    def _send(self, response: bytes) -> None:
        if self._transport is not None:
            self._transport.write(response)
        self._busy = False
        if self._waiting:
            self._handle(*self._waiting.popleft())


def _label(body: bytes) -> bytes:
    end = body.rfind(b"]]")
    start = body.rfind(b"[[", 0, end)
    return body[start + 2 : end] if 0 <= start < end else b"?"


def _object(body: bytes, number: int) -> bytes:
    """An object that follows the schema of a request, as it stands inside of a JSON string."""
    schema = orjson.loads(body)["response_format"]["json_schema"]["schema"]
    chance = random.Random(number)
    made = {name: _value(it, chance) for name, it in schema["properties"].items()}
    return orjson.dumps(orjson.dumps(made).decode())[1:-1]


def _value(schema: dict[str, Any], chance: random.Random) -> Any:
    """The first of what is on offer, a high number, no items, or some words."""
    if "enum" in schema:
        return schema["enum"][0]
    return {"number": 0.9, "integer": 1, "array": [], "boolean": True}.get(
        schema.get("type", ""), " ".join(chance.sample(_WORDS, 12)) + "?"
    )


def _response(status: int, body: bytes, headers: bytes = b"") -> bytes:
    return (
        b"HTTP/1.1 %d %b\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n"
        % (status, _REASONS[status], headers, len(body))
    ) + body


async def serve(port: int, behaviour: Behaviour, announce: bool = True) -> None:
    """Serve on loopback until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    endpoint = Endpoint(behaviour)
    server = await loop.create_server(lambda: Connection(endpoint), "127.0.0.1", port, backlog=4096)
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    if announce:
        print(server.sockets[0].getsockname()[1], flush=True)
    await ended.wait()
    server.close()


def main() -> None:
    """Parse the options and serve; the port is printed on stdout."""
    parser = argparse.ArgumentParser(description="A fast mock of an OpenAI-compatible endpoint")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--inject", default="")
    options = parser.parse_args(sys.argv[1:])
    asyncio.run(serve(options.port, Behaviour.from_options(vars(options))))


if __name__ == "__main__":
    main()
