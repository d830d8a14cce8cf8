"""OpenTelemetry by the semantic conventions for generative AI.

A run is a span, each case a span in it, each call to a model (or judge) a client span in that:
`chat {model}`. What scorers made of an answer are events `gen_ai.evaluation.result` of the case's
span. Retries are part of their call. The names are those of the conventions' registry at 1.41; a
test compares them with the package `opentelemetry-semantic-conventions`.

No global provider is set, so that no library of ours sends spans of its own.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import orjson
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from weighbridge import __version__
from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Failed, Record, Scored, Usage
from weighbridge.core.run import Progress, Run
from weighbridge.providers.base import (
    Askable,
    CallFailed,
    ChatRequest,
    CompletionRequest,
    Embeddings,
    Message,
    Reply,
)

log = logging.getLogger(__name__)

PROVIDERS = {"openai": "openai", "anthropic": "anthropic", "google": "gcp.gemini"}
"""Protocol → `gen_ai.provider.name`; others are called by their protocol."""
TOKEN_BUCKETS = tuple(float(4**power) for power in range(14))
SECOND_BUCKETS = tuple(0.01 * 2**power for power in range(14))

_SCOPE = "weighbridge"
_SHUTDOWN_S = 5.0
_EVENT = "gen_ai.evaluation.result"
# Parameter of a request → attribute.
_PARAMETERS = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "top_k": "gen_ai.request.top_k",
    "max_tokens": "gen_ai.request.max_tokens",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "seed": "gen_ai.request.seed",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
}

_Found = TypeVar("_Found", Reply, Embeddings)
_Attributes = dict[str, AttributeValue]


def export_to(
    endpoint: str | None, *, content: bool, process: str, environ: Mapping[str, str]
) -> "Otel":
    """Telemetry that is sent by OTLP over HTTP, in the background.

    Args:
        endpoint: base address of a collector; None: what OpenTelemetry's own variables say.
    """

    def wanted(signal: str) -> bool:
        if environ.get(f"OTEL_{signal}_EXPORTER", "").strip().lower() == "none":
            return False
        names = ("ENDPOINT", f"{signal}_ENDPOINT")
        return bool(endpoint) or any(environ.get(f"OTEL_EXPORTER_OTLP_{it}") for it in names)

    def address(path: str) -> str | None:
        return f"{endpoint.rstrip('/')}/v1/{path}" if endpoint else None

    traces = OTLPSpanExporter(endpoint=address("traces")) if wanted("TRACES") else None
    metrics = OTLPMetricExporter(endpoint=address("metrics")) if wanted("METRICS") else None
    return Otel(
        BatchSpanProcessor(traces) if traces else None,
        PeriodicExportingMetricReader(metrics) if metrics else None,
        content=content,
        process=process,
    )


class Otel:
    """The telemetry of a process. A `telemetry.Telemetry`.

    Args:
        spans, metrics: where they go; None: they are not made.
        content: whether prompts and answers are part of it.
        process: a name for this process that no other has.
    """

    def __init__(
        self,
        spans: SpanProcessor | None,
        metrics: MetricReader | None,
        *,
        content: bool = False,
        process: str = "weighbridge",
    ) -> None:
        resource = Resource.create({"service.version": __version__, "service.instance.id": process})
        if str(resource.attributes.get("service.name", "")).startswith("unknown_service"):
            resource = resource.merge(Resource({"service.name": "weighbridge"}))
        self._tracers = TracerProvider(resource=resource)
        if spans is not None:
            self._tracers.add_span_processor(spans)
        self._meters = MeterProvider([metrics] if metrics is not None else [], resource)
        self._tracer = self._tracers.get_tracer(_SCOPE, __version__)
        self._measures = _Measures(self._meters.get_meter(_SCOPE, __version__))
        self._content = content

    def trace(self, run: Run, traceparent: str | None) -> "OtelRun":
        """Watch a run."""
        parent = Context()
        if traceparent is not None:
            carrier = {"traceparent": traceparent}
            parent = TraceContextTextMapPropagator().extract(carrier, parent)
        return OtelRun(run, parent, self._tracer, self._measures, content=self._content)

    async def close(self) -> None:
        """Send what is not sent yet, for a few seconds at most."""
        try:
            async with asyncio.timeout(2 * _SHUTDOWN_S):
                await asyncio.to_thread(self._shut_down)
        except TimeoutError:
            log.warning("the last telemetry could not be sent in time")

    def _shut_down(self) -> None:
        self._tracers.shutdown()
        self._meters.shutdown(timeout_millis=_SHUTDOWN_S * 1000)


class _Measures:
    """The metrics of the conventions."""

    def __init__(self, meter: Meter) -> None:
        self.tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            "{token}",
            "Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=TOKEN_BUCKETS,
        )
        self.seconds = meter.create_histogram(
            "gen_ai.client.operation.duration",
            "s",
            "GenAI operation duration.",
            explicit_bucket_boundaries_advisory=SECOND_BUCKETS,
        )


class OtelRun:
    """One run in this process. A `telemetry.RunTrace`."""

    def __init__(
        self, run: Run, parent: Context, tracer: Tracer, measures: _Measures, *, content: bool
    ) -> None:
        self._run = run
        self._parent = parent
        self._tracer = tracer
        self._measures = measures
        self._content = content
        self._span: Span | None = None
        self._context = parent
        self._until = 0

    def watch(self, model: Askable) -> Askable:
        """The model, with a span and a measurement for each call."""
        return TracedModel(model, self._tracer, self._measures, content=self._content)

    def begin(self) -> None:
        """The run is being worked on here."""
        run = self._run
        self._span = self._tracer.start_span(
            "weighbridge.run",
            self._parent,
            attributes={
                "weighbridge.run.id": run.id,
                "weighbridge.evaluation.id": run.evaluation_id,
                "weighbridge.workspace.id": run.workspace_id,
                "weighbridge.run.cases": run.progress.total,
                "gen_ai.request.model": run.model,
            },
        )
        self._context = set_span_in_context(self._span, self._parent)
        self._until = time.time_ns()

    async def case(self, position: int, epoch: int, doing: Awaitable[Record]) -> Record:
        """Do a case, with a span around it that says what scorers made of it."""
        # Not made the current context of this task for longer than the case: tasks are shared.
        with self._tracer.start_as_current_span(
            "weighbridge.case",
            self._context,
            attributes={
                "weighbridge.run.id": self._run.id,
                "weighbridge.case.position": position,
                "weighbridge.case.epoch": epoch,
            },
            record_exception=False,
        ) as span:
            record = await doing
            self._note(span, record)
        self._until = time.time_ns()
        return record

    def end(self, progress: Progress, stopped: str | None) -> None:
        """Nothing more is done here."""
        span, self._span = self._span, None
        if span is None:
            return
        span.set_attribute("weighbridge.run.done", progress.done)
        span.set_attribute("weighbridge.run.failed", progress.failed)
        span.set_attribute("weighbridge.run.ungraded", progress.ungraded)
        if stopped is not None:
            span.set_attribute("weighbridge.run.stopped", stopped)
        span.end(self._until)

    def _note(self, span: Span, record: Record) -> None:
        span.set_attribute("weighbridge.case.status", record.status.value)
        if record.failure is not None:
            span.set_attribute("error.type", record.failure.kind)
            span.set_status(Status(StatusCode.ERROR))
        for key, outcome in record.outcomes.items():
            result: _Attributes = {"gen_ai.evaluation.name": key}
            match outcome:
                case Scored():
                    result["gen_ai.evaluation.score.value"] = outcome.value
                    if outcome.label is not None and self._content:
                        result["gen_ai.evaluation.score.label"] = outcome.label
                    if outcome.explanation is not None and self._content:
                        result["gen_ai.evaluation.explanation"] = outcome.explanation
                case Failed():
                    result["error.type"] = outcome.kind
                case _:
                    result["error.type"] = "ungraded"
            span.add_event(_EVENT, result)


class TracedModel:
    """A model whose calls are spans and measurements. An `Askable`."""

    def __init__(
        self, model: Askable, tracer: Tracer, measures: _Measures, *, content: bool
    ) -> None:
        self._model = model
        self._tracer = tracer
        self._measures = measures
        self._content = content
        identity = model.identity
        protocol = str(identity.get("protocol", ""))
        self._asked = str(identity.get("model") or model.name)
        self._common: _Attributes = {
            "gen_ai.provider.name": PROVIDERS.get(protocol, protocol),
            "gen_ai.request.model": self._asked,
        }
        host, _, port = str(identity.get("endpoint") or "").rpartition(":")
        if host and port.isdecimal():
            self._common |= {"server.address": host.strip("[]"), "server.port": int(port)}
        elif port:
            self._common["server.address"] = port

    @property
    def name(self) -> str:
        """What callers say."""
        return self._model.name

    @property
    def identity(self) -> JsonObject:
        """What pins the model."""
        return self._model.identity

    @property
    def has_price(self) -> bool:
        """Whether it can be told what a call costs."""
        return self._model.has_price

    async def chat(self, request: ChatRequest, *, timeout_s: float) -> Reply:
        """As `Model.chat`."""
        attributes = _of_params(request.params)
        attributes["gen_ai.output.type"] = "text" if request.schema is None else "json"
        if self._content:
            attributes["gen_ai.input.messages"] = _messages(request.messages)
        return await self._watched(
            "chat", attributes, lambda: self._model.chat(request, timeout_s=timeout_s)
        )

    async def complete(self, request: CompletionRequest, *, timeout_s: float) -> Reply:
        """As `Model.complete`."""
        attributes = _of_params(request.params)
        if self._content:
            attributes["gen_ai.input.messages"] = _messages([Message("user", request.prompt)])
        return await self._watched(
            "text_completion",
            attributes,
            lambda: self._model.complete(request, timeout_s=timeout_s),
        )

    async def embed(self, texts: Sequence[str], *, timeout_s: float) -> Embeddings:
        """As `Model.embed`."""
        return await self._watched(
            "embeddings", {}, lambda: self._model.embed(texts, timeout_s=timeout_s)
        )

    async def _watched(
        self, operation: str, attributes: _Attributes, ask: Callable[[], Awaitable[_Found]]
    ) -> _Found:
        common = {"gen_ai.operation.name": operation, **self._common}
        measured = dict(common)
        begun = time.perf_counter()
        with self._tracer.start_as_current_span(
            f"{operation} {self._asked}",
            kind=SpanKind.CLIENT,
            attributes={**common, **attributes},
            record_exception=False,  # what an endpoint says may quote the prompt
            set_status_on_exception=False,
        ) as span:
            try:
                found = await ask()
            except BaseException as error:
                kind = error.failure.kind if isinstance(error, CallFailed) else _kind(error)
                measured["error.type"] = kind
                span.set_attribute("error.type", kind)
                span.set_status(Status(StatusCode.ERROR))
                if isinstance(error, CallFailed):
                    span.set_attributes(_of_usage(error.usage))
                raise
            else:
                if found.model is not None:
                    measured["gen_ai.response.model"] = found.model
                    span.set_attribute("gen_ai.response.model", found.model)
                span.set_attributes(_of_usage(found.usage))
                if isinstance(found, Reply):
                    self._note_reply(span, found)
                self._measures.tokens.record(
                    found.usage.input_tokens, {**measured, "gen_ai.token.type": "input"}
                )
                if operation != "embeddings":
                    self._measures.tokens.record(
                        found.usage.output_tokens, {**measured, "gen_ai.token.type": "output"}
                    )
                return found
            finally:
                self._measures.seconds.record(time.perf_counter() - begun, measured)

    def _note_reply(self, span: Span, reply: Reply) -> None:
        if reply.finish_reason is not None:
            span.set_attribute("gen_ai.response.finish_reasons", [reply.finish_reason])
        if self._content:
            said = {
                "role": "assistant",
                "parts": [{"type": "text", "content": reply.text}],
                "finish_reason": reply.finish_reason or "",
            }
            span.set_attribute("gen_ai.output.messages", orjson.dumps([said]).decode())


def _kind(error: BaseException) -> str:
    return "cancelled" if isinstance(error, asyncio.CancelledError) else type(error).__name__


def _of_params(params: JsonObject) -> _Attributes:
    found: _Attributes = {}
    for name, attribute in _PARAMETERS.items():
        value = params.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[attribute] = value
    return found


def _of_usage(usage: Usage) -> _Attributes:
    found: _Attributes = {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "weighbridge.calls": usage.calls,
    }
    if usage.cost_usd is not None:
        found["weighbridge.cost_usd"] = usage.cost_usd
    return found


def _messages(messages: Sequence[Message]) -> str:
    """Messages as the conventions write them; images and videos are named, not sent along."""
    shown = []
    for message in messages:
        parts = (message.content,) if isinstance(message.content, str) else message.content
        shown.append(
            {
                "role": message.role,
                "parts": [
                    {"type": "text", "content": part}
                    if isinstance(part, str)
                    else {"type": type(part).__name__.removesuffix("Part").lower()}
                    for part in parts
                ],
            }
        )
    return orjson.dumps(shown).decode()
