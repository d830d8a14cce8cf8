"""What happens to a run reaches who wants to know: signed, once if possible, and in the end."""

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from support.running import Bench
from weighbridge.core.json import JsonObject
from weighbridge.core.run import Run
from weighbridge.core.webhook import Delivery, DeliveryState, Event, Webhook
from weighbridge.dialects.native.translate import told_run
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.jobs.postman import LEASE, Postman, headers_of
from weighbridge.outbound.guard import Guard
from weighbridge.outbound.sending import Sender, Sent
from weighbridge.services.runs import Runs
from weighbridge.services.webhooks import Webhooks
from weighbridge.store.evaluations import StoredEvaluation
from weighbridge.store.moments import now

URL = "https://1.1.1.1/hook?token=x"


class Receiver(Sender):
    """Where everything is sent to; answers in turn with what it is told, then 204."""

    def __init__(self, *answers: Sent) -> None:
        super().__init__(Guard())
        self.answers = list(answers)
        self.seen: list[tuple[dict[str, str], str]] = []
        self.hold: asyncio.Event | None = None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Sent:
        self.seen.append((dict(headers), body.decode()))
        if self.hold is not None:
            await self.hold.wait()
        return self.answers.pop(0) if self.answers else Sent(204, "")

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.seen]


class Clock:
    """The present, with leaps."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return now() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def hooks(bench: Bench) -> Webhooks:
    return Webhooks(bench.store, Guard())


def postman(bench: Bench, receiver: Receiver, clock: Clock) -> Postman:
    return Postman(bench.store, receiver, told_run, clock=clock, luck=lambda: 0.0)


async def carry(post: Postman) -> int:
    sent = await post.send_due()
    await post.settled()
    return sent


async def only(hooks: Webhooks, bench: Bench, webhook: Webhook) -> Delivery:
    [delivery] = await hooks.deliveries(bench.caller, webhook.id)
    return delivery


async def run(bench: Bench, **fields: Any) -> Run:
    run_id = await bench.queue(3, **fields)
    await run_in_foreground(bench.store, await bench.load(run_id))
    return await Runs(bench.store).get(bench.caller, run_id)


async def test_a_run_is_told_of_when_it_starts_and_when_it_ends(
    bench: Bench, hooks: Webhooks, clock: Clock
) -> None:
    webhook, secret = await hooks.create(bench.caller, url=URL)
    receiver = Receiver()
    done = await run(bench)
    assert await carry(postman(bench, receiver, clock)) == 2
    started, succeeded = sorted(receiver.told, key=lambda told: told["timestamp"])
    assert (started["type"], started["data"]["status"]) == ("run.started", "running")
    assert (succeeded["type"], succeeded["data"]["status"]) == ("run.succeeded", "succeeded")
    assert succeeded["data"]["id"] == done.id
    assert succeeded["data"]["progress"] == {"done": 3, "total": 3, "failed": 0, "ungraded": 0}
    assert succeeded["data"]["metrics"][0]["value"] == 1.0
    assert "spec" not in succeeded["data"]["evaluation"]
    for headers, body in receiver.seen:
        assert Verifier(secret).verify(body, headers)
        assert headers["Content-Type"] == "application/json"
    states = {it.state for it in await hooks.deliveries(bench.caller, webhook.id)}
    assert states == {DeliveryState.DELIVERED}
    assert await carry(postman(bench, receiver, clock)) == 0


async def test_only_what_was_subscribed_to_is_told_and_only_in_its_workspace(
    bench: Bench, hooks: Webhooks, clock: Clock
) -> None:
    webhook, _ = await hooks.create(bench.caller, url=URL, events=[Event.RUN_CANCELLED])
    await hooks.create(bench.caller, url=URL, enabled=False)
    await run(bench)
    run_id = await bench.queue(3)
    await Runs(bench.store).cancel(bench.caller, run_id)
    receiver = Receiver()
    assert await carry(postman(bench, receiver, clock)) == 1
    [told] = receiver.told
    assert (told["type"], told["data"]["reason"]) == ("run.cancelled", "cancelled")
    assert (await only(hooks, bench, webhook)).run_id == run_id


async def test_what_is_told_is_what_happened_even_when_the_run_has_moved_on(
    bench: Bench, hooks: Webhooks, clock: Clock
) -> None:
    await hooks.create(bench.caller, url=URL, events=[Event.RUN_CANCELLED])
    run_id = await bench.queue(3)
    await Runs(bench.store).cancel(bench.caller, run_id)
    await Runs(bench.store).resume(bench.caller, run_id)
    receiver = Receiver()
    await carry(postman(bench, receiver, clock))
    assert receiver.told[0]["data"]["status"] == "cancelled"


async def test_what_fails_is_tried_again_later_with_the_same_id_and_content(
    bench: Bench, hooks: Webhooks, clock: Clock
) -> None:
    webhook, _ = await hooks.create(bench.caller, url=URL)
    await hooks.test(bench.caller, webhook.id)
    receiver = Receiver(Sent(500, "oops"), Sent(error="no connection"))
    post = postman(bench, receiver, clock)
    assert await carry(post) == 1
    first = await only(hooks, bench, webhook)
    assert (first.state, first.attempts, first.http_status) == (DeliveryState.PENDING, 1, 500)
    assert (first.response, (await hooks.get(bench.caller, webhook.id)).failing_since is None) == (
        "oops",
        False,
    )
    assert await carry(post) == 0
    clock.ahead = timedelta(seconds=6)
    assert await carry(post) == 1
    second = await only(hooks, bench, webhook)
    assert (second.error, second.http_status, second.attempts) == ("no connection", None, 2)
    clock.ahead += timedelta(seconds=301)
    assert await carry(post) == 1
    third = await only(hooks, bench, webhook)
    assert (third.state, third.next_at, third.error) == (DeliveryState.DELIVERED, None, None)
    assert (await hooks.get(bench.caller, webhook.id)).failing_since is None
    ids = {headers["webhook-id"] for headers, _ in receiver.seen}
    bodies = {body for _, body in receiver.seen}
    times = {headers["webhook-timestamp"] for headers, _ in receiver.seen}
    assert (len(ids), len(bodies), len(times)) == (1, 1, 3)
    assert ids == {third.id}


async def test_it_is_given_up_after_days_and_can_be_sent_again_by_hand(
    bench: Bench, hooks: Webhooks, clock: Clock
) -> None:
    webhook, _ = await hooks.create(bench.caller, url=URL)
    sent = await hooks.test(bench.caller, webhook.id)
    receiver = Receiver(*[Sent(503, "")] * 10)
    post = postman(bench, receiver, clock)
    while await carry(post):
        clock.ahead += timedelta(days=1, seconds=1)
    assert len(receiver.seen) == 10 - 5 + 1  # switched off after five days of nothing
    webhook = await hooks.get(bench.caller, webhook.id)
    assert (webhook.enabled, webhook.disabled_reason) == (False, "nothing got through for 5 days")
    await hooks.change(bench.caller, webhook.id, enabled=True)
    receiver.answers.clear()
    again = await hooks.resend(bench.caller, webhook.id, sent.id)
    assert (again.state, again.attempts) == (DeliveryState.PENDING, 0)
    await carry(post)
    assert (await only(hooks, bench, webhook)).state is DeliveryState.DELIVERED
    webhook = await hooks.get(bench.caller, webhook.id)
    assert (webhook.disabled_reason, webhook.failing_since) == (None, None)


async def test_the_last_try_fails_for_good(bench: Bench, hooks: Webhooks, clock: Clock) -> None:
    webhook, _ = await hooks.create(bench.caller, url=URL)
    await hooks.test(bench.caller, webhook.id)
    receiver = Receiver(*[Sent(503, "")] * 10)
    post = postman(bench, receiver, clock)
    while await carry(post):
        delivery = await only(hooks, bench, webhook)
        if delivery.next_at is not None:
            clock.ahead = delivery.next_at - now() + timedelta(seconds=1)
    assert len(receiver.seen) == 10
    assert (await only(hooks, bench, webhook)).state is DeliveryState.FAILED


async def test_who_says_gone_is_told_nothing_more(
    bench: Bench, hooks: Webhooks, clock: Clock
) -> None:
    webhook, _ = await hooks.create(bench.caller, url=URL)
    await hooks.test(bench.caller, webhook.id)
    await carry(postman(bench, Receiver(Sent(410, "gone")), clock))
    assert (await only(hooks, bench, webhook)).state is DeliveryState.FAILED
    assert (await hooks.get(bench.caller, webhook.id)).disabled_reason == "it answered 410 Gone"


async def test_of_many_postmen_one_carries_each_delivery(
    bench: Bench, hooks: Webhooks, clock: Clock
) -> None:
    webhook, _ = await hooks.create(bench.caller, url=URL)
    for _ in range(15):
        await hooks.test(bench.caller, webhook.id)
    receiver = Receiver()
    postmen = [postman(bench, receiver, clock) for _ in range(4)]
    assert sum(await asyncio.gather(*(carry(post) for post in postmen))) == 15
    assert len({headers["webhook-id"] for headers, _ in receiver.seen}) == 15
    assert len(receiver.seen) == 15


async def test_what_a_dead_postman_had_taken_is_carried_by_another(
    bench: Bench, hooks: Webhooks, clock: Clock
) -> None:
    webhook, _ = await hooks.create(bench.caller, url=URL)
    await hooks.test(bench.caller, webhook.id)
    stuck = Receiver()
    stuck.hold = asyncio.Event()
    dying = postman(bench, stuck, clock)
    await dying.send_due()
    await asyncio.sleep(0.05)
    receiver = Receiver()
    post = postman(bench, receiver, clock)
    assert await carry(post) == 0
    clock.ahead = LEASE + timedelta(seconds=1)
    assert await carry(post) == 1
    stuck.answers = [Sent(500, "late")]
    stuck.hold.set()
    await dying.settled()
    delivery = await only(hooks, bench, webhook)  # what the late one says no longer counts
    assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 2)


async def test_after_a_rotation_both_secrets_sign_for_a_while(
    bench: Bench, hooks: Webhooks, clock: Clock
) -> None:
    webhook, old = await hooks.create(bench.caller, url=URL)
    webhook, new = await hooks.rotate(bench.caller, webhook.id, 24)
    headers = headers_of(webhook, "msg_1", now(), "{}")
    for secret in (old, new):
        Verifier(secret).verify("{}", headers)
    later = headers_of(webhook, "msg_1", now() + timedelta(hours=25), "{}")
    assert len(later["webhook-signature"].split()) == 1
    assert len(headers["webhook-signature"].split()) == 2


async def test_it_goes_round_by_itself_and_forgets_what_is_old(
    bench: Bench, hooks: Webhooks, clock: Clock
) -> None:
    webhook, _ = await hooks.create(bench.caller, url=URL)
    await hooks.test(bench.caller, webhook.id)
    receiver = Receiver()
    async with postman(bench, receiver, clock) as post:
        async with asyncio.timeout(10):
            while (await only(hooks, bench, webhook)).state is not DeliveryState.DELIVERED:
                await asyncio.sleep(0.02)
        clock.ahead = timedelta(days=31)
        await post.sweep()
        assert await hooks.deliveries(bench.caller, webhook.id) == []


async def test_what_cannot_be_written_is_tried_again_and_breaks_nothing(
    bench: Bench, hooks: Webhooks, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(run: Run, evaluation: StoredEvaluation, pin: str) -> JsonObject:
        raise RuntimeError("a bug")

    webhook, _ = await hooks.create(bench.caller, url=URL, events=[Event.RUN_CANCELLED])
    await Runs(bench.store).cancel(bench.caller, await bench.queue(3))
    await carry(Postman(bench.store, Receiver(), broken, clock=clock))
    assert "a bug" in caplog.text
    clock.ahead = LEASE + timedelta(seconds=1)
    assert await carry(postman(bench, Receiver(), clock)) == 1
    assert (await only(hooks, bench, webhook)).state is DeliveryState.DELIVERED
