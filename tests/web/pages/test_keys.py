"""Keys: made, shown once, rotated and revoked, by administrators only."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from support.pages import Desk, desk_of
from weighbridge.core.caller import Role
from weighbridge.errors import Unauthenticated
from weighbridge.store.keys import ApiKey


async def made(desk: Desk, **fields: Any) -> tuple[ApiKey, str, httpx2.Response]:
    """A key made by the form, its secret, and the answer that shows it."""
    answer = await desk.post("/keys", status=200, name="CI", role="writer", lasts="30", **fields)
    secret = re.search(r'id="copy-secret">(wb_[^<]+)<', answer.text)
    assert secret, answer.text
    [*_, key] = await desk.services.keys.list(desk.caller)
    return key, secret[1], answer


async def test_a_secret_is_shown_once_and_kept_nowhere(desk: Desk) -> None:
    key, secret, answer = await made(desk)
    assert answer.headers["cache-control"] == "no-store"
    assert all(secret not in value for value in answer.headers.values())
    assert f'export WEIGHBRIDGE_API_KEY="{secret}"' in answer.text.replace("&#34;", '"')
    assert "http://test/api/v1/me" in answer.text
    assert (await desk.services.keys.authenticate(secret, "native")).key_id == key.id
    assert secret not in await desk.get("/keys")
    assert key.expires_at is not None
    assert timedelta(days=29) < key.expires_at - datetime.now(UTC) <= timedelta(days=30)


async def test_the_list_says_whose_is_whose_and_what_has_ended(desk: Desk) -> None:
    key, _, _ = await made(desk)
    await desk.services.keys.create(desk.caller, name="<b>odd</b>", role=Role.READER)
    page = await desk.source("/keys")
    assert "&lt;b&gt;odd&lt;/b&gt;" in page
    assert "yours, now" in page
    assert "that have ended" not in page
    await desk.post(f"/keys/{key.id}/revoke")
    page = await desk.get("/keys")
    assert "1 key that has ended" in page
    assert "The key is revoked" in page


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"role": "emperor"}, "role"),
        ({"lasts": "forever"}, "lasts"),
        ({"lasts": "date", "until": ""}, "until"),
        ({"lasts": "date", "until": "2001-01-01"}, "until"),
        ({"lasts": "date", "until": "9999-12-31"}, "until"),
    ],
)
async def test_what_is_wrong_is_said_beside_the_field_and_the_rest_is_kept(
    desk: Desk, fields: dict[str, str], wrong: str
) -> None:
    before = len(await desk.services.keys.list(desk.caller))
    sent = {"name": "kept as typed", "role": "reader", "lasts": "never"} | fields
    answer = await desk.post("/keys", status=422, **sent)
    assert f'id="error-{wrong}"' in answer.text
    if wrong != "name":
        assert 'value="kept as typed"' in answer.text
    assert len(await desk.services.keys.list(desk.caller)) == before


async def test_a_key_lasts_to_the_end_of_its_day(desk: Desk) -> None:
    day = datetime.now(UTC).date()
    sent = {"name": "today", "role": "reader", "lasts": "date", "until": f"{day}"}
    await desk.post("/keys", status=200, **sent)
    [*_, key] = await desk.services.keys.list(desk.caller)
    assert key.expires_at == datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


async def test_rotating_gives_a_new_secret_and_ends_the_old(desk: Desk) -> None:
    key, before, _ = await made(desk)
    answer = await desk.post(f"/keys/{key.id}/rotate", status=200)
    assert answer.headers["cache-control"] == "no-store"
    after = re.search(r'id="copy-secret">(wb_[^<]+)<', answer.text)
    assert after
    assert (await desk.services.keys.authenticate(after[1], "native")).role is Role.WRITER
    with pytest.raises(Unauthenticated):
        await desk.services.keys.authenticate(before, "native")
    again = await desk.post(f"/keys/{key.id}/rotate", status=400)
    assert "make a new one instead" in again.text
    await desk.post("/keys/key_nobody/rotate", status=404)
    await desk.post("/keys/key_nobody/revoke", status=404)


async def test_revoking_ones_own_key_is_said_before_and_ends_at_the_login(desk: Desk) -> None:
    page = await desk.get("/keys")
    assert "Rotating or revoking it ends this session" in page
    assert "No other administrator's key is left" not in page or page.count("the last of its kind")
    answer = await desk.post(f"/keys/{desk.caller.key_id}/revoke")
    assert answer.headers["location"] == "/login"
    assert 'wb_session=""' in answer.headers["set-cookie"]
    assert "is revoked" in await desk.get("/login")
    assert (await desk.client.get("/keys")).status_code == 303


async def test_rotating_ones_own_key_shows_the_new_one_and_ends_the_session(desk: Desk) -> None:
    answer = await desk.post(f"/keys/{desk.caller.key_id}/rotate", status=200)
    assert "This session has ended" in answer.text
    secret = re.search(r'id="copy-secret">(wb_[^<]+)<', answer.text)
    assert secret
    assert (await desk.client.get("/keys")).status_code == 303
    await desk.source("/login")
    await desk.post("/login", key=secret[1])
    assert "yours, now" in await desk.get("/keys")


async def test_the_last_administrators_key_is_pointed_out(desk: Desk) -> None:
    for key in await desk.services.keys.list(desk.caller):
        if key.id != desk.caller.key_id:
            await desk.services.keys.revoke(desk.caller, key.id)
    assert "No other administrator's key is left" in await desk.get("/keys")


@pytest.mark.parametrize("role", [Role.READER, Role.WRITER])
async def test_others_are_told_that_keys_are_not_for_them(desk: Desk, role: Role) -> None:
    async with desk_of(desk.services, role) as other:
        assert "Keys are for administrators" in await other.get("/keys", 403)
        await other.post("/keys", status=403, name="mine", role="admin", lasts="never")
        await other.post(f"/keys/{desk.caller.key_id}/revoke", status=403)
        await other.post(f"/keys/{desk.caller.key_id}/rotate", status=403)
    assert (await desk.client.get("/keys")).status_code == 200
