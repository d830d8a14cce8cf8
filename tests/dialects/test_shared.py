"""What all dialects share: cursors, JSON from outside, limits that no application can miss."""

import asyncio

import httpx2
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from weighbridge.dialects.idempotency import fingerprint_of
from weighbridge.dialects.shared import (
    BodyLimit,
    Unreadable,
    decode_cursor,
    encode_cursor,
    parse_json,
    secret_of,
)
from weighbridge.errors import Invalid, TooLarge


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    st.integers(0, 2**63 - 1),
)
def test_a_cursor_comes_back_as_it_was(text: str, number: int) -> None:
    cursor = encode_cursor(text, number)
    assert decode_cursor(cursor, str, int) == (text, number)
    assert cursor.isascii()
    assert not set(cursor) & set("=+/&? ")


@given(st.text())
def test_any_other_text_is_no_cursor(text: str) -> None:
    with pytest.raises(Invalid):
        decode_cursor(text, str, int)


@pytest.mark.parametrize(
    "place", [[True, 1], ["a"], ["a", -1], ["a", 2**63], ["a", 1.0], ["a\0", 1], {"a": 1}, None]
)
def test_a_cursor_of_another_shape_is_none_of_ours(place: object) -> None:
    cursor = encode_cursor("x", 1)
    assert decode_cursor(cursor, str, int)
    forged = encode_cursor(*place) if isinstance(place, list) else "bnVsbA"
    with pytest.raises(Invalid):
        decode_cursor(forged, str, int)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
        lambda inner: st.lists(inner) | st.dictionaries(st.just("k"), inner),
        max_leaves=20,
    )
)
def test_json_is_read_as_it_was_written(value: object) -> None:
    assert parse_json(orjson.dumps(value)) == value


@given(st.binary(max_size=40))
def test_other_bytes_are_unreadable(body: bytes) -> None:
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        with pytest.raises(Unreadable):
            parse_json(body)


@pytest.mark.parametrize(("depth", "fits"), [(64, True), (65, False), (5_000, False)])
def test_nesting_ends_somewhere(depth: int, fits: bool) -> None:
    for begin, end in ((b"[", b"]"), (b'{"a":', b"}")):
        body = begin * depth + b"1" + end * depth
        if fits:
            parse_json(body)
        else:
            with pytest.raises(Invalid, match="64 levels"):
                parse_json(body)


@pytest.mark.parametrize("body", [b'"\\u0000"', b'[["a\\u0000"]]', b'{"a\\u0000": 1}'])
def test_a_nul_is_found_wherever_it_stands(body: bytes) -> None:
    with pytest.raises(Invalid, match="NUL"):
        parse_json(body)
    assert parse_json(body.replace(b"\\u0000", b"\\\\u0000"))


@pytest.mark.parametrize(
    ("headers", "secret"),
    [
        ({}, None),
        ({"authorization": "Bearer a"}, "a"),
        ({"authorization": "BEARER  a "}, "a"),
        ({"authorization": "Basic a"}, None),
        ({"authorization": "Bearer"}, None),
        ({"x-api-key": " b "}, "b"),
        ({"authorization": "Bearer a", "x-api-key": "b"}, "a"),
        ({"authorization": "Bearer ", "x-api-key": "b"}, "b"),
    ],
)
def test_a_key_is_found_in_its_headers(headers: dict[str, str], secret: str | None) -> None:
    assert secret_of(Headers(headers)) == secret


def test_fingerprints_of_different_requests_differ() -> None:
    prints = {
        fingerprint_of("POST", "/a", b"b"),
        fingerprint_of("POST", "/ab", b""),
        fingerprint_of("POST", "/a", b"", b"b"),
        fingerprint_of("PUT", "/a", b"b"),
    }
    assert len(prints) == 4


async def test_a_limit_holds_whatever_the_application_makes_of_the_error() -> None:
    async def swallowing(request: Request) -> Response:
        try:
            return PlainTextResponse(str(len(await request.body())))
        except TooLarge:
            return PlainTextResponse("all is well")

    async def raising(request: Request) -> Response:
        return PlainTextResponse(str(len(await request.body())))

    async def deaf(_request: Request) -> Response:
        return PlainTextResponse("not listening")

    def refuse(error: TooLarge) -> Response:
        return PlainTextResponse(error.message, 413)

    inner = Starlette(
        routes=[
            Route(f"/{handler.__name__}", handler, methods=["POST"])
            for handler in (swallowing, raising, deaf)
        ]
    )
    app = BodyLimit(inner, limit=lambda _scope: 100, refuse=refuse)
    transport = httpx2.ASGITransport(app)

    async def pieces(size: int) -> object:
        for _ in range(size // 10):
            yield b"x" * 10

    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        for path in ("/swallowing", "/raising"):
            assert (await client.post(path, content=b"x" * 100)).text == "100"
            assert (await client.post(path, content=pieces(100))).text == "100"
            for content in (b"x" * 101, pieces(110)):
                answer = await client.post(path, content=content)
                assert (answer.status_code, "limit" in answer.text) == (413, True)
        assert (await client.post("/deaf", content=pieces(500))).text == "not listening"


async def test_a_body_over_its_limit_ends_no_answer_that_has_begun() -> None:
    async def hasty(_scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        while (await receive()).get("more_body"):
            pass

    def refuse(_error: TooLarge) -> Response:
        raise AssertionError("an answer has begun already")

    app = BodyLimit(hasty, limit=lambda _scope: 10, refuse=refuse)
    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    sent: list[object] = []

    async def receive() -> dict[str, object]:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"x" * 6, "more_body": True}

    async def send(message: object) -> None:
        sent.append(message)

    await app(scope, receive, send)  # type: ignore[arg-type]
    assert len(sent) == 2
