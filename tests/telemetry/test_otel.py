"""A run as its trace tells it: by the conventions, and without anybody's texts."""

import asyncio
import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import opentelemetry.semconv._incubating.attributes.gen_ai_attributes as conventions
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from support.running import Bench, refuse
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.jobs.loading import load_run
from weighbridge.telemetry import Telemetry, open_telemetry
from weighbridge.telemetry.otel import PROVIDERS, Otel

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Watched:
    """Telemetry that stays in memory."""

    def __init__(self, *, content: bool = False) -> None:
        self.exporter = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        self.otel = Otel(SimpleSpanProcessor(self.exporter), self.reader, content=content)

    def spans(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.name == name]

    def points(self, name: str) -> list[Any]:
        data = self.reader.get_metrics_data()
        assert data is not None
        return [
            point
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


@pytest.fixture
def database_url() -> None:
    """SQLite is enough here."""


@pytest.fixture
def watched() -> Iterator[Watched]:
    made = Watched()
    yield made
    asyncio.run(made.otel.close())


async def execute(bench: Bench, telemetry: Telemetry, cases: int = 2, **fields: Any) -> str:
    bench.model.identity = {
        "protocol": "openai",
        "endpoint": "models.example:8443",
        "model": "m-1",
    }
    run_id = await bench.queue(cases, **fields)
    loaded = await load_run(bench.store, bench.models, run_id, telemetry=telemetry)
    await run_in_foreground(bench.store, loaded)
    return run_id


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def test_a_run_is_a_span_with_a_span_for_each_case_and_each_call(
    bench: Bench, watched: Watched
) -> None:
    run_id = await execute(bench, watched.otel, params={"temperature": 0.5, "max_tokens": 9})
    [run] = watched.spans("weighbridge.run")
    cases, calls = watched.spans("weighbridge.case"), watched.spans("chat m-1")
    assert (len(cases), len(calls)) == (2, 2)
    assert attributes(run)["weighbridge.run.id"] == run_id
    assert attributes(run)["weighbridge.run.done"] == 2
    for case in cases:
        assert case.parent is not None
        assert run.context is not None
        assert case.parent.span_id == run.context.span_id
        assert attributes(case)["weighbridge.case.status"] == "scored"
        [event] = case.events
        assert event.name == "gen_ai.evaluation.result"
        assert dict(event.attributes or {}) == {
            "gen_ai.evaluation.name": "exact",
            "gen_ai.evaluation.score.value": 1.0,
        }
    assert {span.parent.span_id for span in calls if span.parent} == {
        case.context.span_id for case in cases if case.context
    }
    call = calls[0]
    assert call.kind is SpanKind.CLIENT
    assert attributes(call) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m-1",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.output.type": "text",
        "gen_ai.response.model": "fake-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 2,
        "server.address": "models.example",
        "server.port": 8443,
        "weighbridge.calls": 1,
        "weighbridge.cost_usd": 0.001,
    }


async def test_the_names_are_those_of_the_conventions(bench: Bench, watched: Watched) -> None:
    await execute(bench, watched.otel, params={"temperature": 1, "top_p": 1, "seed": 2})
    known = {str(value) for name, value in vars(conventions).items() if name.isupper()}
    used = {
        name
        for span in watched.exporter.get_finished_spans()
        for bag in (span.attributes, *(event.attributes for event in span.events))
        for name in bag or {}
        if name.startswith("gen_ai.")
    }
    assert len(used) > 8
    assert used <= known
    providers = {it.value for it in conventions.GenAiProviderNameValues}
    assert set(PROVIDERS.values()) <= providers
    assert {it.value for it in conventions.GenAiOperationNameValues} >= {
        "chat",
        "text_completion",
        "embeddings",
    }


async def test_tokens_and_durations_are_measured(bench: Bench, watched: Watched) -> None:
    await execute(bench, watched.otel, 5)
    points = watched.points("gen_ai.client.token.usage")
    sums = {point.attributes["gen_ai.token.type"]: point.sum for point in points}
    assert sums == {"input": 50, "output": 10}
    [duration] = watched.points("gen_ai.client.operation.duration")
    assert duration.count == 5
    assert duration.explicit_bounds[:2] == (0.01, 0.02)
    assert duration.attributes["gen_ai.response.model"] == "fake-1"


async def test_a_call_that_failed_says_how(bench: Bench, watched: Watched) -> None:
    def answer(question: str, _repeat: int) -> str:
        if question == "question 1":
            raise refuse("server_error", 503)
        return question

    bench.model.answer = answer
    await execute(bench, watched.otel)
    [failed] = [it for it in watched.spans("chat m-1") if it.status.status_code is StatusCode.ERROR]
    assert attributes(failed)["error.type"] == "server_error"
    assert attributes(failed)["weighbridge.calls"] == 6
    assert not failed.events
    statuses = sorted(
        attributes(it)["weighbridge.case.status"] for it in watched.spans("weighbridge.case")
    )
    assert statuses == ["failed", "scored"]
    errors = [
        point.attributes.get("error.type")
        for point in watched.points("gen_ai.client.operation.duration")
    ]
    assert sorted(errors, key=str) == [None, "server_error"]


@pytest.mark.parametrize("content", [False, True])
async def test_texts_are_told_only_when_that_is_asked_for(bench: Bench, content: bool) -> None:
    watched = Watched(content=content)
    await execute(bench, watched.otel, name="a secret plan")
    told = json.dumps(
        [json.loads(span.to_json()) for span in watched.exporter.get_finished_spans()]
    )
    assert ("question 0" in told) is content
    assert "a secret plan" not in told
    assert '"c0"' not in told
    if content:
        call = attributes(watched.spans("chat m-1")[0])
        [message] = json.loads(call["gen_ai.input.messages"])
        assert message["parts"][0]["type"] == "text"
        assert json.loads(call["gen_ai.output.messages"])[0]["finish_reason"] == "stop"
    await watched.otel.close()


async def test_a_run_belongs_to_the_trace_of_the_request_that_started_it(
    bench: Bench, watched: Watched
) -> None:
    bench.caller = dataclasses.replace(bench.caller, traceparent=TRACE)
    await execute(bench, watched.otel)
    for span in watched.exporter.get_finished_spans():
        assert span.context is not None
        assert f"{span.context.trace_id:032x}" == TRACE.split("-")[1]
    [run] = watched.spans("weighbridge.run")
    assert run.parent is not None
    assert f"{run.parent.span_id:016x}" == TRACE.split("-")[2]


async def test_a_reply_out_of_the_cache_is_no_call(bench: Bench, watched: Watched) -> None:
    await execute(bench, watched.otel, cache=True)
    await execute(bench, watched.otel, cache=True)
    assert len(watched.spans("weighbridge.case")) == 4
    assert len(watched.spans("chat m-1")) == 2


async def test_a_collector_is_sent_it_over_http(bench: Bench) -> None:
    got: dict[str, list[bytes]] = {}

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        got.setdefault(request.path, []).append(body)
        return web.Response()

    app = web.Application()
    app.router.add_post("/{path:.*}", take)
    collector = TestServer(app, host="127.0.0.1")
    await collector.start_server()
    address = str(collector.make_url("")).rstrip("/")
    environ = {"OTEL_EXPORTER_OTLP_COMPRESSION": "none"}
    telemetry = open_telemetry(address, content=False, process="wb-test", environ=environ)
    assert telemetry is not None
    await execute(bench, telemetry)
    await telemetry.close()
    traces = ExportTraceServiceRequest.FromString(b"".join(got["/v1/traces"]))
    [resource] = traces.resource_spans
    names = {span.name for scope in resource.scope_spans for span in scope.spans}
    assert names == {"weighbridge.run", "weighbridge.case", "chat m-1"}
    about = {it.key: it.value.string_value for it in resource.resource.attributes}
    assert (about["service.name"], about["service.instance.id"]) == ("weighbridge", "wb-test")
    metrics = ExportMetricsServiceRequest.FromString(b"".join(got["/v1/metrics"]))
    [of] = metrics.resource_metrics
    assert {it.name for scope in of.scope_metrics for it in scope.metrics} == {
        "gen_ai.client.token.usage",
        "gen_ai.client.operation.duration",
    }
    await collector.close()
