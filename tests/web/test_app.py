"""What nobody expected is a page, too, and tells nothing but where to look."""

import httpx2
import pytest

from support.pages import Desk
from weighbridge.services.runs import Runs
from weighbridge.web.app import build


async def test_an_error_that_nobody_expected_has_a_page_with_its_reference(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr(Runs, "get", broken)
    monkeypatch.setattr(Runs, "view", broken)
    answer = await desk.client.get("/runs/run_00000000000000000000000000")
    assert answer.status_code == 500
    assert "the secret of the house" not in answer.text
    assert "Traceback" not in answer.text
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    reference = answer.text.partition("<code>")[2].partition("</code>")[0]
    assert reference in caplog.text


async def test_a_form_that_is_too_large_is_refused_before_it_is_read(desk: Desk) -> None:
    answer = await desk.client.post("/theme", data={"csrf": desk.token, "x": "x" * (5 << 20)})
    assert answer.status_code == 413
    assert "over the limit" in answer.text


async def test_rubbish_in_place_of_a_form_is_no_error_of_ours(desk: Desk) -> None:
    transport = httpx2.ASGITransport(build(desk.services))
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://test", cookies=desk.client.cookies
    ) as client:
        for kind in (
            "multipart/form-data",
            "multipart/form-data; boundary=x",
            "application/x-www-form-urlencoded; charset=utf-9",
            "application/json",
            "",
        ):
            for path in ("/theme", "/login", "/samples/seeds/upload", "/samples/specs/new"):
                headers = {"Content-Type": kind}
                answer = await client.post(path, content=b"\x00\xff--x\r\n", headers=headers)
                assert 400 <= answer.status_code < 500, (kind, path, answer.status_code)
