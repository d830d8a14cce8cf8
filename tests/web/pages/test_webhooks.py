"""Webhooks: made, changed, switched off, tried out, and what became of what each was sent."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from support.pages import Desk, desk_at, desk_of
from weighbridge.core.caller import Role
from weighbridge.core.webhook import Delivery, DeliveryState, Event, Webhook
from weighbridge.store import webhooks
from weighbridge.store.moments import now

URL = "https://192.0.2.7/hook"
ALL = ["run.started", "run.succeeded", "run.failed", "run.cancelled"]


@pytest.fixture
async def desk(tmp_path: Path, empty_database: Path) -> AsyncIterator[Desk]:
    """An administrator, in an installation that may tell an address for documentation."""
    (tmp_path / "data").mkdir()
    await asyncio.to_thread(shutil.copy, empty_database, tmp_path / "data")
    async with desk_at(tmp_path, allowed_networks="192.0.2.0/24") as desk:
        yield desk


async def made(desk: Desk, **fields: Any) -> Webhook:
    sent = {"url": URL, "events": ALL, "description": "CI"} | fields
    await desk.post("/webhooks", status=200, **sent)
    [*_, webhook] = await desk.services.webhooks.list(desk.caller)
    return webhook


async def settled(desk: Desk, webhook: Webhook, **fields: Any) -> Delivery:
    """A test that was sent, and ended so."""
    made = await desk.services.webhooks.test(desk.caller, webhook.id)
    ended = {"state": DeliveryState.FAILED, "http_status": 502, "response": None, "error": None}
    async with desk.services.store.begin() as connection:
        await webhooks.keep_payload(connection, made.id, '{"type": "webhook.test"}')
        [(claimed, _)] = await webhooks.claim_due(connection, now(), 1, timedelta(seconds=60))
        await webhooks.settle_delivery(connection, claimed, next_at=None, **(ended | fields))
    return await desk.services.webhooks.delivery(desk.caller, webhook.id, made.id)


async def test_a_secret_is_shown_once(desk: Desk) -> None:
    answer = await desk.post("/webhooks", status=200, url=URL, events=ALL)
    secret = re.search(r'id="copy-secret">(whsec_[^<]+)<', answer.text)
    assert secret
    assert answer.headers["cache-control"] == "no-store"
    [webhook] = await desk.services.webhooks.list(desk.caller)
    assert webhook.secret == secret[1]
    for page in ("/webhooks", f"/webhooks/{webhook.id}"):
        assert secret[1] not in await desk.get(page)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:8080/x", "127.0.0.1"),
        ("http://169.254.169.254/latest", "169.254.169.254"),
        ("ftp://192.0.2.7/", "http"),
        ("", ""),
    ],
)
async def test_an_address_that_may_not_be_told_is_said_beside_the_field(
    desk: Desk, url: str, said: str
) -> None:
    answer = await desk.post("/webhooks", status=422, url=url, events=ALL[1:2], description="mine")
    found = re.search(r'id="error-url"[^>]*>([^<]*)', answer.text)
    assert found
    assert said in found[1]
    assert 'value="mine"' in answer.text
    assert 'value="run.failed" checked' not in answer.text
    assert await desk.services.webhooks.list(desk.caller) == []


async def test_a_webhook_is_told_of_something(desk: Desk) -> None:
    answer = await desk.post("/webhooks", status=422, url=URL)
    assert 'id="error-events"' in answer.text
    answer = await desk.post("/webhooks", status=422, url=URL, events=ALL, description="x" * 501)
    assert 'id="error-description"' in answer.text


async def test_it_is_changed_switched_off_and_on_and_deleted(desk: Desk) -> None:
    webhook = await made(desk)
    at = f"/webhooks/{webhook.id}"
    await desk.post(at, url=f"{URL}/2", events=["run.failed"], description="<b>")
    page = await desk.source(at)
    assert "Changed." in page
    assert "&lt;b&gt;" in page
    changed = await desk.services.webhooks.get(desk.caller, webhook.id)
    assert (changed.url, changed.events) == (f"{URL}/2", (Event.RUN_FAILED,))
    answer = await desk.post(at, status=422, url="http://10.0.0.1/", events=["run.failed"])
    assert 'id="error-url"' in answer.text
    await desk.post(f"{at}/switch", on="no")
    page = await desk.get(at)
    assert "Send a test" not in page
    await desk.post(f"{at}/test", status=409)
    await desk.post(f"{at}/switch", on="yes")
    assert "Send a test" in await desk.get(at)
    await desk.post(f"{at}/delete")
    await desk.get(at, 404)


async def test_a_new_secret_is_shown_once_and_the_old_one_signs_for_a_day(desk: Desk) -> None:
    webhook = await made(desk)
    answer = await desk.post(f"/webhooks/{webhook.id}/rotate", status=200)
    assert answer.headers["cache-control"] == "no-store"
    after = await desk.services.webhooks.get(desk.caller, webhook.id)
    assert after.secret in answer.text
    assert after.old_secret == webhook.secret
    assert "The secret before signs too" in await desk.get(f"/webhooks/{webhook.id}")


async def test_a_test_is_followed_until_it_has_arrived(desk: Desk) -> None:
    webhook = await made(desk)
    answer = await desk.post(f"/webhooks/{webhook.id}/test")
    page = await desk.get(answer.headers["location"])
    assert f'data-live="{answer.headers["location"]}/events"' in page
    assert "put together at the first try" in page
    async with desk.services.store.begin() as connection:
        [(claimed, _)] = await webhooks.claim_due(connection, now(), 1, timedelta(seconds=60))
        await webhooks.keep_payload(connection, claimed.id, '{"type": "webhook.test"}')
        await webhooks.settle_delivery(
            connection,
            claimed,
            state=DeliveryState.DELIVERED,
            http_status=204,
            response="<script>thanks</script>",
            error=None,
            next_at=None,
        )
    told = (await desk.client.get(f"{answer.headers['location']}/events")).text
    assert "event: end" in told
    assert "&lt;script&gt;thanks" in told
    page = await desk.source(answer.headers["location"])
    assert "data-live" not in page
    assert "204" in page
    assert "webhook.test" in page


async def test_the_log_says_what_came_of_each_and_sends_it_again(desk: Desk) -> None:
    webhook = await made(desk)
    at = f"/webhooks/{webhook.id}"
    assert "Nothing was sent yet" in await desk.get(at)
    delivery = await settled(desk, webhook, error="no answer within 15 s")
    page = await desk.get(at)
    assert "no answer within 15 s" in page
    assert delivery.id in page
    assert "No such delivery" in await desk.get(f"{at}?state=delivered")
    assert delivery.id in await desk.get(f"{at}?state=failed")
    await desk.get(f"{at}?state=lost", 400)
    await desk.post(f"{at}/deliveries/{delivery.id}/resend")
    again = await desk.services.webhooks.delivery(desk.caller, webhook.id, delivery.id)
    assert (again.state, again.payload) == (DeliveryState.PENDING, delivery.payload)
    await desk.post(f"{at}/deliveries/msg_nobody/resend", status=404)
    await desk.get(f"{at}/deliveries/msg_nobody", 404)


async def test_a_long_log_is_paged(desk: Desk) -> None:
    webhook = await made(desk)
    for _ in range(53):
        await desk.services.webhooks.test(desk.caller, webhook.id)
    page = await desk.get(f"/webhooks/{webhook.id}")
    assert page.count("webhook.test</td>") == 50
    following = re.search(r'href="([^"]+)" rel="next"', page)
    assert following
    page = await desk.get(following[1])
    assert page.count("webhook.test</td>") == 3
    assert "the end" in page


@pytest.mark.parametrize("role", [Role.READER, Role.WRITER])
async def test_others_are_told_that_webhooks_are_not_for_them(desk: Desk, role: Role) -> None:
    webhook = await made(desk)
    async with desk_of(desk.services, role) as other:
        for page in ("/webhooks", f"/webhooks/{webhook.id}"):
            text = await other.get(page, 403)
            assert "Webhooks are for administrators" in text
            assert URL not in text
        await other.post("/webhooks", status=403, url=URL, events=ALL)
        await other.post(f"/webhooks/{webhook.id}/test", status=403)
        await other.post(f"/webhooks/{webhook.id}/delete", status=403)
    assert len(await desk.services.webhooks.list(desk.caller)) == 1
