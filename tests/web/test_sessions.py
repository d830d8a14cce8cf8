"""Who may see the pages, and which forms are believed."""

from pathlib import Path

import httpx2
import pytest

from support.pages import Desk, desk_at, desk_of
from weighbridge.web import sessions
from weighbridge.web.app import build


async def stranger(desk: Desk, host: str = "test") -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(build(desk.services)), base_url=f"http://{host}"
    )


async def test_who_has_not_logged_in_is_asked_to_and_comes_back(desk: Desk) -> None:
    async with await stranger(desk) as client:
        answer = await client.get("/?status=failed")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/login?next=%2F%3Fstatus%3Dfailed"
        login = await client.get(answer.headers["location"])
        assert 'name="next" value="/?status=failed"' in login.text


async def test_a_key_that_is_not_known_is_said_beside_the_field(desk: Desk) -> None:
    await desk.post("/logout")
    await desk.source("/login")
    answer = await desk.post("/login", status=401, key="wb_nobody")
    assert "not known here" in answer.text


@pytest.mark.parametrize(
    "to", ["//evil.example/x", "https://evil.example", "/\\evil.example", "javascript:alert(1)"]
)
async def test_after_a_login_nobody_is_sent_to_another_host(desk: Desk, to: str) -> None:
    _, secret = await desk.services.keys.create(desk.caller, name="another")
    await desk.post("/logout")
    await desk.source("/login")
    answer = await desk.post("/login", key=secret, next=to)
    assert answer.headers["location"] == "/"


async def test_the_cookie_is_hidden_from_scripts_and_holds_no_key(desk: Desk) -> None:
    _, secret = await desk.services.keys.create(desk.caller, name="another")
    answer = await desk.post("/login", key=secret)
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert secret not in cookie


async def test_a_login_over_https_gives_a_cookie_for_https_only(desk: Desk) -> None:
    _, secret = await desk.services.keys.create(desk.caller, name="another")
    answer = await desk.client.post(
        "/login", data={"csrf": desk.token, "key": secret}, headers={"Origin": "https://test"}
    )
    assert "Secure" in answer.headers["set-cookie"]


async def test_a_revoked_key_ends_its_sessions(desk: Desk) -> None:
    assert desk.caller.key_id is not None
    await desk.services.keys.revoke(desk.caller, desk.caller.key_id)
    answer = await desk.client.get("/")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")


async def test_a_cookie_that_we_did_not_sign_is_nobodys(desk: Desk) -> None:
    async with await stranger(desk) as client:
        client.cookies.set(sessions.COOKIE, "eyJ1bnRpbCI6OTk5OTk5OTk5OX0.forged")
        assert (await client.get("/")).status_code == 303


@pytest.mark.parametrize("token", ["", "another", "é"])
async def test_a_forged_form_changes_nothing(desk: Desk, token: str) -> None:
    answer = await desk.client.post("/theme", data={"csrf": token, "theme": "dark"})
    assert answer.status_code == 403
    assert "reload the page" in answer.text
    assert "set-cookie" not in answer.headers


async def test_a_form_of_another_site_changes_nothing(desk: Desk) -> None:
    answer = await desk.client.post(
        "/theme",
        data={"csrf": desk.token, "theme": "dark"},
        headers={"Origin": "https://evil.example"},
    )
    assert answer.status_code == 403


async def test_the_token_of_one_session_is_worth_nothing_in_another(desk: Desk) -> None:
    async with desk_of(desk.services) as other:
        answer = await desk.client.post("/theme", data={"csrf": other.token, "theme": "dark"})
        assert answer.status_code == 403


async def test_without_a_login_this_machines_browser_is_the_operator(tmp_path: Path) -> None:
    async with desk_at(tmp_path, login=False) as desk:
        async with await stranger(desk, "127.0.0.1:8080") as client:
            assert (await client.get("/")).status_code == 200
        async with await stranger(desk, "rebound.example") as client:
            assert (await client.get("/")).status_code == 303
        async with await stranger(desk, "localhost") as client:
            forwarded = {"X-Forwarded-For": "192.0.2.1"}
            assert (await client.get("/", headers=forwarded)).status_code == 303


async def test_pages_forbid_what_they_need_not_allow(desk: Desk) -> None:
    policy = (await desk.client.get("/")).headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


async def test_an_address_without_a_page_says_so_and_leads_back(desk: Desk) -> None:
    answer = await desk.client.get("/no/such/page")
    assert answer.status_code == 404
    assert "no page has this address" in answer.text
    assert 'href="/"' in answer.text


async def test_a_script_that_lost_its_way_is_told_in_json(desk: Desk) -> None:
    answer = await desk.client.get("/no/such/page", headers={"Accept": "*/*"})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
