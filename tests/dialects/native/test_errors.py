"""Every error has one shape, says what would be right, and gives nothing away."""

import logging
from collections.abc import AsyncIterator

import httpx2
import pytest

from support.native import SPEC, problem, start
from weighbridge.errors import FieldProblem, InvalidFields, OutOfSpace, Unavailable
from weighbridge.services.runs import Runs
from weighbridge.wiring import Services

JSON = {"Content-Type": "application/json"}


async def test_an_address_that_is_not_there_is_a_problem(client: httpx2.AsyncClient) -> None:
    assert "openapi.json" in problem(await client.get("/evaluation"), 404)["detail"]
    problem(await client.get("/runs/"), 404)


async def test_a_method_that_is_not_there_says_which_are(client: httpx2.AsyncClient) -> None:
    answer = await client.put("/evaluations")
    problem(answer, 405)
    assert answer.headers["allow"]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"", 400, "empty"),
        (b'{"name": ', 400, "line 1, column"),
        (b'{\n"name": "x"\n"model": "y"}', 400, "line 3"),
        (b'{"name": "\xff"}', 400, ""),
        (b'{"metadata": ' + b"[" * 64 + b"]" * 64 + b"}", 422, "64 levels"),
        (b'{"metadata": ' + b"[" * 9_999 + b"]" * 9_999 + b"}", 422, "64 levels"),
        (b'{"name": "a\\u0000b"}', 422, "NUL"),
        (b"[]", 422, "object"),
    ],
)
async def test_a_body_that_is_no_json_object_is_refused(
    client: httpx2.AsyncClient, body: bytes, status: int, says: str
) -> None:
    answer = await client.post("/evaluations", content=body, headers=JSON)
    assert says in problem(answer, status)["detail"]


async def test_a_body_of_another_media_type_is_refused(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/evaluations", content=b"{}")
    assert "application/json" in problem(answer, 415)["detail"]
    problem(await client.post("/evaluations", data={"name": "x"}), 415)


async def test_a_body_over_the_limit_is_refused_by_its_announced_length(
    client: httpx2.AsyncClient,
) -> None:
    answer = await client.post("/evaluations", content=b" " * (2**20 + 1), headers=JSON)
    assert "1 MiB" in problem(answer, 413)["detail"]


async def test_a_body_over_the_limit_is_refused_while_it_comes_in(
    client: httpx2.AsyncClient,
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b" " * 65_536

    problem(await client.post("/evaluations", content=endless(), headers=JSON), 413)
    assert sent <= 17


async def test_a_body_just_below_the_limit_is_read(client: httpx2.AsyncClient) -> None:
    body = b" " * (2**20 - 2) + b"{}"
    problem(await client.post("/evaluations", content=body, headers=JSON), 422)


async def test_wrong_parameters_are_named(client: httpx2.AsyncClient) -> None:
    told = problem(await client.get("/runs?stauts=failed&limit=0"), 422)
    wrong = {error["field"]: error["message"] for error in told["errors"]}
    assert set(wrong) == {"stauts", "limit"}
    assert "did you mean `status`" in wrong["stauts"]
    told = problem(await client.get("/runs?status=done"), 422)
    assert "succeeded" in told["errors"][0]["message"]


@pytest.mark.parametrize("cursor", ["x", "!", "WzFd", "WyJhIiwgMV0", "e30", "a" * 501])
async def test_a_cursor_that_nobody_gave_out_is_refused(
    client: httpx2.AsyncClient, cursor: str
) -> None:
    problem(await client.get("/runs", params={"cursor": cursor}), 422)
    run_id = (await start(client))["runs"][0]["id"]
    problem(await client.get(f"/runs/{run_id}/outcomes", params={"cursor": cursor}), 422)


async def test_an_error_of_ours_is_logged_in_full_and_told_by_reference_only(
    client: httpx2.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(*_args: object, **_options: object) -> object:
        raise RuntimeError("the secret is 42")

    monkeypatch.setattr(Runs, "get", broken)
    run_id = "run_" + "0" * 26
    with caplog.at_level(logging.ERROR):
        answer = await client.get(f"/runs/{run_id}")
    told = problem(answer, 500)
    assert "the secret is" not in answer.text
    reference = told["instance"].rpartition(":")[2]
    [record] = [record for record in caplog.records if reference in record.getMessage()]
    assert record.exc_info is not None
    assert "the secret is 42" in str(record.exc_info[1])


@pytest.mark.parametrize(
    ("error", "status", "header"),
    [
        (Unavailable("the database is away"), 503, "retry-after"),
        (OutOfSpace("the disk is full"), 507, None),
    ],
)
async def test_an_error_that_may_pass_is_told_as_such(
    client: httpx2.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    header: str | None,
) -> None:
    async def failing(*_args: object, **_options: object) -> object:
        raise error

    monkeypatch.setattr(Runs, "views", failing)
    answer = await client.get("/runs")
    assert problem(answer, status)["detail"] == str(error)
    assert header is None or answer.headers[header]


async def test_a_field_with_half_a_character_can_still_be_told(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_args: object, **_options: object) -> object:
        raise InvalidFields([FieldProblem("\ud800", "no \udfff here", 3)])

    monkeypatch.setattr(Runs, "views", failing)
    told = problem(await client.get("/runs"), 422)
    assert told["errors"] == [{"field": "?", "message": "no ? here", "line": 3}]


async def test_the_server_is_not_ready_while_its_database_does_not_answer(
    client: httpx2.AsyncClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await client.get("/ready")).status_code == 200

    async def failing(*_args: object) -> bool:
        raise Unavailable("the database cannot be used now")

    monkeypatch.setattr(type(services.keys), "exist", failing)
    answer = await client.get("/ready")
    problem(answer, 503)
    assert answer.headers["retry-after"]
    assert (await client.get("/health")).status_code == 200


async def test_a_stream_tells_its_error_as_an_event(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = (await start(client))["runs"][0]["id"]

    async def failing(*_args: object) -> AsyncIterator[object]:
        raise Unavailable("the database is away")
        yield

    monkeypatch.setattr(Runs, "changes", failing)
    answer = await client.get(f"/runs/{run_id}/events")
    assert answer.status_code == 200
    assert "event: error" in answer.text
    assert "the database is away" in answer.text


async def test_an_export_that_breaks_is_never_taken_for_a_whole_one(
    client: httpx2.AsyncClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = (await start(client))["runs"][0]["id"]

    async def breaking(*_args: object) -> AsyncIterator[bytes]:
        yield b"first\n"
        raise RuntimeError("broken")

    monkeypatch.setattr(type(services.exports), "stream", breaking)
    with pytest.raises(RuntimeError, match="broken"):
        await client.get(f"/runs/{run_id}/export")

    async def refusing(*_args: object) -> AsyncIterator[bytes]:
        raise Unavailable("the stored file is gone")
        yield b""

    monkeypatch.setattr(type(services.exports), "stream", refusing)
    problem(await client.get(f"/runs/{run_id}/export"), 503)


async def test_the_spec_is_not_read_before_the_key_is_known(client: httpx2.AsyncClient) -> None:
    del client.headers["Authorization"]
    problem(await client.post("/evaluations", json=SPEC | {"model": "none"}), 401)
