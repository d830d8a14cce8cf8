"""The API's description is whole, true, and can be used by a generator of clients."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.native import ended, start, working
from weighbridge.dialects.native import wire
from weighbridge.dialects.native.errors import KINDS
from weighbridge.wiring import Services

EXPECTED = {
    "/health": {"get"},
    "/ready": {"get"},
    "/me": {"get"},
    "/models": {"get"},
    "/scorers": {"get"},
    "/schema": {"get"},
    "/keys": {"get", "post"},
    "/keys/{key_id}": {"delete"},
    "/keys/{key_id}/rotate": {"post"},
    "/webhooks": {"get", "post"},
    "/webhooks/{webhook_id}": {"get", "patch", "delete"},
    "/webhooks/{webhook_id}/rotate": {"post"},
    "/webhooks/{webhook_id}/test": {"post"},
    "/webhooks/{webhook_id}/deliveries": {"get"},
    "/webhooks/{webhook_id}/deliveries/{delivery_id}/resend": {"post"},
    "/datasets": {"get", "post"},
    "/datasets/{dataset_id}": {"get"},
    "/datasets/{dataset_id}/rows": {"get"},
    "/datasets/{dataset_id}/tags/{tag}": {"put", "delete"},
    "/repositories": {"get", "post"},
    "/repositories/{namespace}/{repository}": {"get", "delete"},
    "/repositories/{namespace}/{repository}/branches": {"get", "post", "delete"},
    "/repositories/{namespace}/{repository}/merges": {"get", "post"},
    "/repositories/{namespace}/{repository}/commits": {"get", "post"},
    "/repositories/{namespace}/{repository}/entries": {"get"},
    "/repositories/{namespace}/{repository}/content": {"get", "put", "delete"},
    "/repositories/{namespace}/{repository}/changes": {"get"},
    "/repositories/{namespace}/{repository}/changes/file": {"get"},
    "/evaluations": {"get", "post"},
    "/evaluations/{evaluation_id}": {"get"},
    "/runs": {"get"},
    "/runs/{run_id}": {"get"},
    "/runs/{run_id}/cancel": {"post"},
    "/runs/{run_id}/resume": {"post"},
    "/runs/{run_id}/retry-failed": {"post"},
    "/runs/{run_id}/reproduce": {"post"},
    "/runs/{run_id}/rescore": {"post"},
    "/runs/{run_id}/outcomes/{position}/override": {"put", "delete"},
    "/runs/{run_id}/outcomes/{position}/overrides": {"get"},
    "/runs/{run_id}/overrides": {"get", "post"},
    "/runs/{run_id}/review-sample": {"get"},
    "/runs/{run_id}/agreement": {"get"},
    "/judges": {"get", "post"},
    "/judges/rubrics": {"get"},
    "/judges/{judge_id}": {"get", "put", "delete"},
    "/runs/{run_id}/events": {"get"},
    "/runs/{run_id}/outcomes": {"get"},
    "/runs/{run_id}/outcomes/{position}/images/{number}": {"get"},
    "/runs/{run_id}/delivery": {"get"},
    "/runs/{run_id}/delivery/content": {"get"},
    "/runs/{run_id}/delivery/commit": {"post"},
    "/runs/{run_id}/report": {"get"},
    "/runs/{run_id}/export": {"get"},
    "/gate": {"post"},
    "/suites": {"get", "post"},
    "/suites/{suite_id}": {"get", "delete"},
    "/suites/{suite_id}/prompts": {"get"},
    "/suites/{suite_id}/runs": {"post"},
    "/compare": {"get"},
    "/compare/flips": {"get"},
}


@pytest.fixture
async def document(client: httpx2.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/openapi.json", headers={"Authorization": ""})
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def test_every_route_is_described(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": "/api/v1"}]
    assert {path: set(methods) for path, methods in document["paths"].items()} == EXPECTED


async def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    references = set(re.findall(r"'\$ref': '([^']+)'", repr(document)))
    assert references
    for reference in references:
        assert reference.removeprefix("#/components/schemas/") in schemas, reference
    assert "HTTPValidationError" not in schemas
    assert schemas["EvaluationSpec"]["properties"]["models"]
    assert schemas["Problem"]["required"] == ["type", "title", "status", "detail"]


async def test_every_operation_says_its_key_its_answers_and_its_errors(
    document: dict[str, Any],
) -> None:
    assert set(document["components"]["securitySchemes"]) == {"bearer", "x-api-key"}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["description"], where
            assert any(status.startswith("2") for status in operation["responses"]), where
            for status, response in operation["responses"].items():
                if status.startswith(("4", "5")):
                    assert set(response["content"]) == {"application/problem+json"}, where
            if path not in {"/health", "/ready"}:
                assert operation["security"], where
                assert "401" in operation["responses"], where
            if method == "post" and not path.endswith(
                (
                    *("cancel", "resume", "failed", "rotate", "reproduce", "rescore", "test"),
                    *("resend", "delivery/commit"),
                )
            ):
                assert operation["requestBody"]["required"], where


async def test_no_page_loads_anything_from_elsewhere(client: httpx2.AsyncClient) -> None:
    for path in ("/docs", "/redoc"):
        assert (await client.get(path)).status_code == 404


async def test_answers_are_as_described(services: Services, client: httpx2.AsyncClient) -> None:
    started = await start(client)
    run_id = started["runs"][0]["id"]
    async with working(services):
        await ended(client, run_id)
    for path, model in {
        "/health": wire.Health,
        "/me": wire.Me,
        "/models": wire.Page[wire.Model],
        "/scorers": wire.Page[wire.Scorer],
        "/keys": wire.Page[wire.Key],
        "/datasets": wire.Page[wire.Dataset],
        "/evaluations": wire.Page[wire.Evaluation],
        f"/evaluations/{started['id']}": wire.EvaluationWithRuns,
        "/runs": wire.Page[wire.Run],
        f"/runs/{run_id}": wire.Run,
        f"/runs/{run_id}/outcomes": wire.Page[wire.Outcome],
        f"/runs/{run_id}/report": wire.Report,
    }.items():
        answer = await client.get(path)
        parsed = model.model_validate_json(answer.content, extra="forbid")
        assert parsed.model_dump(mode="json") == answer.json(), path


async def test_models_say_whether_they_can_be_used_and_never_their_keys(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    answer = await client.get("/models")
    models = {model["name"]: model for model in answer.json()["data"]}
    assert models["parrot"]["usable"] is True
    assert models["slow"]["aliases"] == ["snail"]
    assert "embedded" in models
    assert models["openai/<model>"]["usable"] is True
    assert "GROQ_API_KEY" in models["groq/<model>"]["why_not"]
    assert "sk-very-secret" not in answer.text


async def test_scorers_are_explained_with_their_options(client: httpx2.AsyncClient) -> None:
    scorers = {scorer["name"]: scorer for scorer in (await client.get("/scorers")).json()["data"]}
    assert scorers["exact"]["doc"].startswith("1 when the answer equals")
    assert scorers["exact"]["options"]["ignore_case"]["type"] == "boolean"
    assert scorers["exact"]["options"]["ignore_case"]["default"] is False
    assert scorers["f1"]["metric"] == "mean"


async def test_the_schema_is_that_of_an_evaluation(client: httpx2.AsyncClient) -> None:
    schema = (await client.get("/schema")).json()
    assert {"models", "prompt", "scorers", "cases"} <= set(schema["properties"])


async def test_the_wire_types_load_no_web_framework() -> None:
    """The command line prints them, and has to start quickly."""
    script = (
        "import sys; import weighbridge.dialects.native.translate;"
        "print([m for m in ('fastapi', 'starlette', 'scipy', 'dbos', 'uvicorn', 'pyarrow')"
        " if m in sys.modules])"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=subprocess.PIPE
    )
    printed, _ = await process.communicate()
    assert printed.decode().strip() == "[]"


async def test_the_page_about_this_api_names_every_route_and_kind_of_error(
    document: dict[str, Any],
) -> None:
    page = (Path(__file__).parents[3] / "docs/dialects/native.md").read_text()
    rows = re.findall(r"^\| ([A-Z, ]+) \| `([^`]+)` \|", page, re.MULTILINE)
    described = {path: {m.lower() for m in methods.split(", ")} for methods, path in rows}
    assert described == EXPECTED
    for kind, (status, _) in KINDS.items():
        assert re.search(rf"^\| {status} \|.*`{kind}`", page, re.MULTILINE), kind
