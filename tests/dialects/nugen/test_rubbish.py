"""Whatever is sent to whatever address: an answer as this dialect has it, never a failure."""

from typing import Any

import httpx2
import pytest
from fastapi.routing import APIRoute

from weighbridge.dialects.nugen.routes import PARTS as PARTS_OF_THE_DIALECT

ALLOWED = {200, 400, 401, 403, 404, 405, 409, 413, 415, 422, 501}
BODIES: list[tuple[str, bytes]] = [
    ("application/json", b""),
    ("application/json", b"{"),
    ("application/json", b"[]"),
    ("application/json", b"null"),
    ("application/json", b"[" * 500),
    ("application/json", b'{"model_id": "\\u0000", "benchmark_id": "\\ud800"}'),
    ("application/json", b'{"model_id": {}, "benchmark_id": [], "model_id_2": 7}'),
    ("application/json", b'{"documents": [[]], "num_questions": 1e99}'),
    ("application/json", b'{"documents": ["' + b"x" * 5_000 + b'"], "num_questions": 1}'),
    ("application/json", b'{"model": "capital", "messages": [{"role": 7}]}'),
    ("application/json", b'{"model": "none", "input": [{}], "prompt": 3, "messages": []}'),
    ("text/plain", b"hello"),
    ("multipart/form-data", b"x"),
    ("multipart/form-data; boundary=b", b"--b\r\n\r\nx"),
    ("multipart/form-data; boundary=b", (b"--b\r\nContent-Disposition: form-data; name=file; "
     b'filename="../../x.json"\r\n\r\n[\r\n--b--\r\n')),
    ("multipart/form-data; boundary=b", (b"--b\r\nContent-Disposition: form-data; name=files; "
     b'filename=""\r\n\r\nx\r\n--b--\r\n')),
]  # fmt: skip
PARTS = ["x", "%00", "..%2f..", "ü" * 300, "%ff%fe", "' or 1=1 --"]


def routes() -> list[tuple[str, str]]:
    """Method and path of every route."""
    found = []
    for part in PARTS_OF_THE_DIALECT:
        for route in part.router.routes:
            assert isinstance(route, APIRoute)
            found += [(method, route.path) for method in sorted(route.methods)]
    assert len(found) > 30
    return found


def addresses(path: str) -> list[str]:
    if "{" not in path:
        return [path]
    names = [part.strip("{}").partition(":")[0] for part in path.split("/") if "{" in part]
    filled = []
    for value in PARTS:
        here = path
        for name in names:
            here = here.replace("{" + name + ":path}", value).replace("{" + name + "}", value)
        filled.append(here)
    return filled


def check(answer: httpx2.Response, what: Any) -> None:
    assert answer.status_code in ALLOWED, (what, answer.status_code, answer.text[:500])
    if answer.status_code >= 400:
        assert set(answer.json()) == {"detail"}, what
        assert "Traceback" not in answer.text


async def test_no_address_fails(client: httpx2.AsyncClient) -> None:
    for method, path in routes():
        for address in addresses(path):
            answer = await client.request(method, address, json={} if method == "POST" else None)
            check(answer, (method, address))


async def test_no_body_fails(client: httpx2.AsyncClient) -> None:
    for method, path in routes():
        if method != "POST":
            continue
        for content_type, body in BODIES:
            answer = await client.post(
                addresses(path)[0], content=body, headers={"Content-Type": content_type}
            )
            check(answer, (path, content_type, body[:60]))


async def test_a_body_over_the_limit_is_refused(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/evaluations", json={"model_id": "x" * (2 << 20)})
    check(answer, "large")
    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["/", "/none", "/evaluations/a/b/c", "/benchmark"])
async def test_there_is_nothing_elsewhere(client: httpx2.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    check(answer, path)
    assert answer.status_code == 404


async def test_another_method_is_not_allowed(client: httpx2.AsyncClient) -> None:
    answer = await client.put("/evaluations", json={})
    check(answer, "put")
    assert answer.status_code == 405
