"""The process that serves: opens the services, works on runs, listens, and ends without haste."""

import asyncio
import contextlib
import importlib
import ipaddress
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any, Protocol, cast

import uvicorn
from sse_starlette.sse import AppStatus
from starlette.types import ASGIApp

from weighbridge.app import build_app
from weighbridge.dialects.native.events import postman_of
from weighbridge.errors import Invalid
from weighbridge.settings import Settings
from weighbridge.wiring import Services, open_services

_BACKLOG = 2048
_STREAMS_END_WITHIN_S = 0.8
"""How long an answer may still take after the worker has stopped; streams are told to end before.
"""
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class _Worker(Protocol):
    async def start(self) -> None: ...
    async def stop(self) -> None: ...


async def serve(settings: Settings, *, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT.

    Then calls to models that are in flight are waited for (8 s at most) and kept, the listener
    closes, and streams end. A second signal ends the process at once; nothing that was recorded is
    lost by it.

    Args:
        announce: is told, in a line each, what a person has to know: the first key when one was
            made, and the address.

    Raises:
        Invalid: a setting is wrong, the address cannot be listened on, or it can be reached from
            other machines while there is no key that the operator knows, or no login.
        Conflict: another worker has the data folder.
        Unavailable: the database cannot be reached.
    """
    async with open_services(settings) as services:
        addresses = await _resolve(settings.host, settings.port)
        await _refuse_open_door(services, addresses)
        with contextlib.ExitStack() as closing:
            listeners = _listen(settings.host, addresses)
            for listener in listeners:
                closing.callback(listener.close)
            # Only now: a key that is shown by a start that then fails is a key that is lost.
            await _ensure_key(services, announce)
            worker = _make_worker(services) if settings.worker else None
            with _stopped_by_signals() as stop:
                if worker is not None:
                    await worker.start()
                announce(f"listening on {_url(settings.host, listeners[0])}")
                async with postman_of(services):
                    await _serve_app(build_app(services), listeners, stop, worker)


async def _serve_app(
    app: ASGIApp, listeners: list[socket.socket], stop: asyncio.Event, worker: _Worker | None
) -> None:
    server = _Server(
        uvicorn.Config(
            app,
            lifespan="off",  # the services are open already
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=listeners), name="http")
    stopping = asyncio.create_task(stop.wait(), name="signals")
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        if worker is not None:
            await worker.stop()
        await _close(server)
    await serving


async def _close(server: uvicorn.Server) -> None:
    """Take no new connections, and end those there are."""
    AppStatus.should_exit = True  # event streams end by themselves
    try:
        if server.server_state.connections:
            await asyncio.sleep(_STREAMS_END_WITHIN_S)
    finally:
        AppStatus.should_exit = False  # it is one for the whole process
    server.should_exit = True


class _Server(uvicorn.Server):
    """uvicorn, without its own way of handling signals: here the worker stops first."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _refuse_open_door(services: Services, addresses: list[tuple[int, Any]]) -> None:
    if not services.settings.login and not _loopback_only(addresses):
        raise Invalid(
            f"{services.settings.host} can be reached from other machines, so the pages must ask "
            "for a key: leave out --no-login, or listen on 127.0.0.1"
        )
    given = services.settings.api_key
    if given is None and not _loopback_only(addresses) and not await services.keys.exist():
        raise Invalid(
            f"{services.settings.host} can be reached from other machines, and there is no API key "
            "yet: set WEIGHBRIDGE_API_KEY, or make one with `weighbridge keys create`, or listen "
            "on 127.0.0.1"
        )


async def _ensure_key(services: Services, announce: Callable[[str], None]) -> None:
    given = services.settings.api_key
    made = await services.keys.ensure_first_key(given.get_secret_value() if given else None)
    if made is not None:
        announce(f"the administrator's API key, shown this once: {made}")


async def _resolve(host: str, port: int) -> list[tuple[int, Any]]:
    """Family and address of everything that the host's name stands for, IPv4 first."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        raise Invalid(f"cannot listen on {host}: there is no such address") from error
    addresses = dict.fromkeys((int(family), address) for family, _, _, _, address in found)
    return sorted(addresses, key=lambda it: it[0] != socket.AF_INET)


def _loopback_only(addresses: list[tuple[int, Any]]) -> bool:
    return all(
        ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback
        for _, address in addresses
    )


def _listen(host: str, addresses: list[tuple[int, Any]]) -> list[socket.socket]:
    listeners: list[socket.socket] = []
    for family, address in addresses:
        # With port 0 the first address gets any free port, and the others get the same one.
        port = listeners[0].getsockname()[1] if listeners else address[1]
        try:
            listener = socket.create_server(
                (address[0], port, *address[2:]),
                family=family,
                backlog=_BACKLOG,
                dualstack_ipv6=address[0] == "::" and len(addresses) == 1,
            )
        except OSError as error:
            for listener in listeners:
                listener.close()
            raise Invalid(
                f"cannot listen on {host}, port {port}: {error.strerror or error}; choose another "
                "with --host and --port"
            ) from error
        # Its connections inherit this, and asyncio sees to it only on sockets that it makes itself.
        # Without, a body waits for its client to acknowledge the headers: 40 ms an answer.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listeners.append(listener)
    return listeners


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[asyncio.Event]:
    """An event that the first SIGTERM or SIGINT sets; the second has its usual effect."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def let_go() -> None:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)

    def stop_once() -> None:
        stop.set()
        let_go()

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop_once)
    try:
        yield stop
    finally:
        let_go()


def _make_worker(services: Services) -> _Worker:
    # The queue's engine costs a second to import, which a server without a worker need not spend.
    module = importlib.import_module("weighbridge.jobs.worker")
    return cast(
        "_Worker",
        module.Worker(
            services.store,
            services.models,
            shards_at_once=services.settings.worker_shards,
            calls_at_once=services.settings.max_concurrency,
            lease_s=services.settings.worker_lease_s,
            telemetry=services.telemetry,
        ),
    )


def _url(host: str, listener: socket.socket) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown or '0.0.0.0'}:{listener.getsockname()[1]}"  # noqa: S104 (only shown)
