"""Prometheus' text format: `GET /metrics`, for who has a key; and the count of requests in it.

A key sees the numbers of its own workspace, and those of the process, which belong to nobody. No
label comes from a customer's text; `model` is a name that the operator declared.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weighbridge import __version__
from weighbridge.dialects import shared
from weighbridge.dialects.native.errors import from_error
from weighbridge.errors import WeighbridgeError
from weighbridge.store.census import Census
from weighbridge.wiring import Services

DOOR = "prometheus"
MOST_MODELS = 200
"""Models that are shown one by one; names that follow a provider's are without end."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


class Exposition:
    """The metrics of one serving process.

    Args:
        services: what there is to count.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        labels = ("method", "route")
        self._requests = Counter(
            "weighbridge_http_requests",
            "HTTP requests answered by this process.",
            (*labels, "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "weighbridge_http_request_duration_seconds",
            "Seconds from a request's coming in to the end of its answer.",
            labels,
            buckets=_BUCKETS,
            registry=self._registry,
        )

    async def answer(self, request: Request) -> Response:
        """`GET /metrics`."""
        services = self._services
        try:
            caller = await shared.caller_of(services, request.headers, DOOR)
            census = await services.monitoring.census(caller)
        except WeighbridgeError as error:
            return from_error(error)
        counted = CollectorRegistry()
        counted.register(_Families([*_of_workspace(census), *_of_models(services)]))
        text = generate_latest(counted) + generate_latest(self._registry)
        return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    def count(self, scope: Scope, status: int, seconds: float) -> None:
        """A request was answered."""
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = _route_of(scope)
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)


class CountRequests:
    """ASGI middleware: counts requests and how long they took.

    Args:
        exposition: where to.
    """

    def __init__(self, app: ASGIApp, exposition: Exposition) -> None:
        self._app = app
        self._exposition = exposition

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        status = 500  # unless an answer begins

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            self._exposition.count(scope, status, time.perf_counter() - begun)


class _Families(Collector):
    """Numbers that were counted just now."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def _of_workspace(census: Census) -> Iterator[Metric]:
    yield _gauge("runs", "Runs of the workspace.", "state", census.runs)
    progress, usage = census.progress, census.usage
    yield _gauge("cases_done", "Cases of all runs with an outcome.", value=progress.done)
    yield _gauge("cases_failed", "Of those done: no answer could be had.", value=progress.failed)
    yield _gauge("cases_ungraded", "Of those done: no usable verdict.", value=progress.ungraded)
    yield _gauge("cases_waiting", "Cases of unfinished runs to be done.", value=census.waiting)
    yield _gauge("calls", "Calls that reached a model, of all runs.", value=usage.calls)
    yield _gauge("replies_cached", "Replies out of the cache, of all runs.", value=usage.cached)
    tokens = {"input": usage.input_tokens, "output": usage.output_tokens}
    yield _gauge("tokens", "Tokens consumed by all runs.", "direction", tokens)
    if usage.cost_usd is not None:
        cost = usage.cost_usd
        yield _gauge("cost_usd", "US dollars spent, where the price is known.", value=cost)
    yield _gauge("workers_alive", "Workers of the installation.", value=census.workers)
    yield _gauge("webhook_deliveries", "Deliveries kept.", "state", census.deliveries)


def _of_models(services: Services) -> Iterator[Metric]:
    yield _gauge("build_info", "The release.", "version", {__version__: 1})
    loads = services.monitoring.loads()[:MOST_MODELS]

    for name, doc, number_of in (
        ("calls_in_flight", "Calls of this process under way.", attrgetter("in_flight")),
        ("calls_allowed", "Calls of this process allowed at once, now.", attrgetter("slots")),
        ("calls_waiting", "Calls of this process held back.", attrgetter("waiting")),
    ):
        yield _gauge(name, doc, "model", {load.model: number_of(load) for load in loads})


def _gauge(
    name: str,
    doc: str,
    label: str | None = None,
    values: Mapping[Any, float] | None = None,
    *,
    value: float | None = None,
) -> Metric:
    if label is None:
        return GaugeMetricFamily(f"weighbridge_{name}", doc, value=value)
    family = GaugeMetricFamily(f"weighbridge_{name}", doc, labels=(label,))
    for word, number in (values or {}).items():
        family.add_metric([str(word)], number)
    return family


def _route_of(scope: Scope) -> str:
    """The pattern of the route that answered, never the address itself, which holds ids."""
    route = scope.get("route")
    return f"{scope.get('root_path', '')}{route.path}" if isinstance(route, Route) else "other"
