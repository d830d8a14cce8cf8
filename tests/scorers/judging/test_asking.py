"""A judge is asked over the wire once a case, with a schema where the endpoint takes one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from support.judging import verdict
from weighbridge.core.case import Case
from weighbridge.core.outcome import Answer, Failed, Outcome, Scored
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.declared import parse_models_file
from weighbridge.providers.model import Models
from weighbridge.scorers.judge import RubricJudge
from weighbridge.scorers.judging.asking import refuses_schema
from weighbridge.scorers.panel import Panel


@dataclass
class Endpoint:
    """A chat completions endpoint that counts what it is asked."""

    takes_schema: bool
    bodies: list[dict[str, Any]] = field(default_factory=list)
    models: Models | None = None

    async def answer(self, request: web.Request) -> web.Response:
        """One completion, or a refusal."""
        body = await request.json()
        self.bodies.append(body)
        if "response_format" in body and not self.takes_schema:
            message = "Invalid parameter: 'response_format' of type 'json_schema' is not supported"
            return web.json_response({"error": {"message": message}}, status=400)
        return web.json_response(
            {
                "model": "m",
                "choices": [{"message": {"content": verdict("pass")}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 10, "completion_tokens": 5},
            }
        )

    async def judged(self, text: str) -> tuple[Outcome, Panel]:
        """The outcome of one answer, and the panel that was asked."""
        assert self.models is not None
        panel = Panel({None: await self.models.get("house-judge")}, 5.0)
        outcome = await RubricJudge("relevant").judge(Answer(text), Case(0, "0", {}), panel)
        return outcome, panel


@asynccontextmanager
async def serving(*, takes_schema: bool) -> AsyncIterator[Endpoint]:
    endpoint = Endpoint(takes_schema)
    app = web.Application()
    app.router.add_post("/v1/chat/completions", endpoint.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    text = (
        '[[models]]\nname = "house-judge"\nprice = { input = 1.0, output = 2.0 }\n'
        f'base_url = "http://127.0.0.1:{runner.addresses[0][1]}/v1"\n'
    )
    file = parse_models_file(text, source="test", folder=Path())
    endpoint.models = Models(Catalog(file, {}))
    try:
        yield endpoint
    finally:
        await endpoint.models.close()
        await runner.cleanup()


async def test_each_case_costs_one_call_with_the_schema_on_the_wire() -> None:
    async with serving(takes_schema=True) as endpoint:
        for n in range(20):
            outcome, panel = await endpoint.judged(f"answer {n}")
            assert isinstance(outcome, Scored)
            assert (panel.usage.calls, panel.usage.input_tokens) == (1, 10)
    assert len(endpoint.bodies) == 20
    schema = endpoint.bodies[0]["response_format"]["json_schema"]
    assert schema["strict"] is True
    assert list(schema["schema"]["properties"]) == ["reason", "evidence", "verdict", "confidence"]


async def test_an_endpoint_without_schemas_costs_one_call_more_in_all() -> None:
    async with serving(takes_schema=False) as endpoint:
        for n in range(20):
            outcome, _ = await endpoint.judged(f"answer {n}")
            assert isinstance(outcome, Scored)
    assert len(endpoint.bodies) == 21
    assert [n for n, body in enumerate(endpoint.bodies) if "response_format" in body] == [0]


@pytest.mark.parametrize(
    ("kind", "message", "refused"),
    [
        ("bad_request", "HTTP 400: 'response_format' is not supported", True),
        ("bad_request", 'HTTP 400: Unknown name "responseSchema"', True),
        ("bad_request", "HTTP 422: structured output is not enabled", True),
        ("unsupported", "the protocol has no json_schema", True),
        ("bad_request", "HTTP 400: temperature must be 1", False),
        ("server_error", "HTTP 500: json_schema", False),
        ("rate_limited", "HTTP 429: response_format", False),
    ],
)
def test_what_counts_as_a_refusal_of_schemas(kind: str, message: str, refused: bool) -> None:
    assert refuses_schema(Failed(kind, message)) is refused
