"""Benchmarks: written from documents, uploaded, looked at."""

from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from weighbridge.core.benchmark import Benchmark
from weighbridge.core.caller import Caller, Role
from weighbridge.dialects import shared
from weighbridge.dialects.multipart import receive_form
from weighbridge.dialects.nugen import wire
from weighbridge.dialects.nugen.access import CallerHere, Page, ServicesHere
from weighbridge.dialects.nugen.errors import parsed
from weighbridge.errors import FieldProblem, Invalid, InvalidFields
from weighbridge.wiring import Services

router = APIRouter()

_AT_ONCE = 1_000


@router.post("/benchmark/create")
@router.post("/benchmarks/create")
async def create_benchmark(
    request: Request, services: ServicesHere, caller: CallerHere
) -> Response:
    """Have questions about documents written by the generator model."""
    body, _ = await shared.read_json(request)
    wanted = parsed(wire.BENCHMARK, body)
    made = await services.benchmarks.write(
        caller, wanted.documents, wanted.num_questions, name=wanted.name
    )
    return _json({**wire.benchmark(made), "message": "Benchmark creation started"})


@router.post("/benchmark/upload")
@router.post("/benchmarks/upload")
async def upload_benchmark(
    request: Request, services: ServicesHere, caller: CallerHere
) -> Response:
    """Take in a file of questions."""
    caller.must_be(Role.WRITER)  # before gigabytes come in, and not only after
    most = services.settings.max_upload_mb << 20
    async with receive_form(request, services.store.folder, most_bytes=most) as form:
        if len(form.files) != 1:
            raise InvalidFields([FieldProblem("file", "one file is needed, as `file`")])
        file = form.files[0]
        filename = file.name.replace("\\", "/").rpartition("/")[2]
        name = form.fields.get("name") or form.fields.get("benchmark_name") or filename
        document = form.fields.get("document_id", "").strip()
        made = await services.benchmarks.upload(
            caller,
            file.path,
            filename,
            name=name,
            description=form.fields.get("description") or None,
            documents=[document] if document else [],
            format=_format(filename),
        )
    rows = await services.benchmarks.questions(caller, made, limit=_AT_ONCE)
    return _json(
        {
            **wire.benchmark(made),
            "name": made.name,
            "questions": [wire.question(row) for row in rows],
        }
    )


@router.get("/benchmark/list")
@router.get("/benchmarks/list")
@router.get("/benchmarks")
async def list_benchmarks(services: ServicesHere, caller: CallerHere, paging: Page) -> Response:
    """The benchmarks of the workspace, newest first."""
    found = await services.benchmarks.list(caller, start=paging.offset, limit=paging.limit)
    total = await services.benchmarks.count(caller)
    return _json(
        {
            "benchmarks": [wire.benchmark(it) for it in found],
            "total": total,
            "limit": paging.limit,
            "offset": paging.offset,
        }
    )


@router.get("/benchmark/status/{benchmark_id}")
@router.get("/benchmarks/{benchmark_id}/status")
async def get_status(services: ServicesHere, caller: CallerHere, benchmark_id: str) -> Response:
    """How far the writing is."""
    return _json(wire.benchmark_status(await services.benchmarks.get(caller, benchmark_id)))


@router.get("/benchmark/{benchmark_id}/data")
@router.get("/benchmarks/{benchmark_id}/data")
async def get_data(services: ServicesHere, caller: CallerHere, benchmark_id: str) -> Response:
    """A benchmark with all its questions; written as it is sent."""
    found = await services.benchmarks.get(caller, benchmark_id)
    return StreamingResponse(_data(services, caller, found), media_type="application/json")


@router.get("/benchmarks/{benchmark_id}")
async def get_benchmark(services: ServicesHere, caller: CallerHere, benchmark_id: str) -> Response:
    """A benchmark, without its questions."""
    return _json(wire.benchmark(await services.benchmarks.get(caller, benchmark_id)))


async def _data(services: Services, caller: Caller, found: Benchmark) -> Any:
    head = wire.benchmark_data(found, [])
    del head["questions"]
    yield orjson.dumps(head)[:-1] + b',"questions":['
    for start in range(0, found.questions, _AT_ONCE):
        rows = await services.benchmarks.questions(caller, found, start=start, limit=_AT_ONCE)
        told = b",".join(orjson.dumps(wire.question(row)) for row in rows)
        yield (b"," if start else b"") + told
    yield b"]}"


def _format(filename: str) -> str:
    """The format of an upload, by its name.

    Raises:
        Invalid: it is none that can be read.
    """
    extension = wire.extension(filename)
    if extension not in wire.FORMATS:
        listed = ", ".join(wire.FORMATS)
        raise Invalid(f"{filename[:80]!r} is no file of questions; supported are {listed}")
    return wire.FORMATS[extension]


def _json(value: dict[str, Any]) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
