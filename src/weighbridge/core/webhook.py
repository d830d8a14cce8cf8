"""Webhooks: what they tell, how it is signed, and when it is tried again.

As Standard Webhooks has it (https://github.com/standard-webhooks/standard-webhooks, spec 1.0.0).
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from weighbridge.core.run import RunState

SECRET_PREFIX = "whsec_"  # noqa: S105 (what secrets begin with)
_SECRET_BYTES = 32

RETRY_AFTER_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds from one try to the next: ten tries over three days, as the specification suggests."""

DISABLED_AFTER = timedelta(days=5)
"""A webhook that nothing got through to for so long is switched off."""


class Event(StrEnum):
    """What a webhook can tell of."""

    RUN_STARTED = "run.started"
    """a run is being worked on: for the first time, or again after it was resumed"""
    RUN_SUCCEEDED = "run.succeeded"
    """every case has an outcome, and the report is made"""
    RUN_FAILED = "run.failed"
    """the run as a whole was stopped by something; `reason` says what"""
    RUN_CANCELLED = "run.cancelled"
    """it was stopped on purpose, by a person or a budget"""
    TEST = "webhook.test"
    """somebody tries the webhook out; cannot be subscribed to"""


EVENT_OF = {
    RunState.RUNNING: Event.RUN_STARTED,
    RunState.SUCCEEDED: Event.RUN_SUCCEEDED,
    RunState.FAILED: Event.RUN_FAILED,
    RunState.CANCELLED: Event.RUN_CANCELLED,
}
"""The event of a run's coming into a state."""

SUBSCRIBABLE = tuple(EVENT_OF.values())


class DeliveryState(StrEnum):
    """Where a delivery is."""

    PENDING = "pending"
    """to be tried, for the first time or again"""
    DELIVERED = "delivered"
    """the receiver answered with 2xx"""
    FAILED = "failed"
    """given up; can be sent again by hand"""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is told of events.

    Attributes:
        events: which ones.
        secret: signs what is sent, base64 after `whsec_`.
        old_secret, old_until: after a rotation the one before signs too, until then.
        enabled: whether anything is sent. disabled_reason: why not, where we switched it off.
        failing_since: since when nothing got through; None when the last delivery did.
    """

    id: str
    workspace_id: str
    url: str
    events: tuple[Event, ...]
    description: str
    enabled: bool
    disabled_reason: str | None
    secret: str = field(repr=False)
    old_secret: str | None = field(repr=False)
    old_until: datetime | None
    failing_since: datetime | None
    created_at: datetime

    def secrets_at(self, moment: datetime) -> tuple[str, ...]:
        """The secrets that sign then, the newest first."""
        if self.old_secret is None or self.old_until is None or self.old_until <= moment:
            return (self.secret,)
        return (self.secret, self.old_secret)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one webhook.

    Attributes:
        id: also the `webhook-id`, the same at every try.
        run_id: of whose run; None for a test. reason: why the run came into its state.
        payload: what is sent, as JSON; None before the first try.
        attempts: tries so far.
        http_status, response, error: of the last try: status, first characters of the answer, or
            why there was none.
        next_at: when it is tried next; None when it is not.
    """

    id: str
    workspace_id: str
    webhook_id: str
    event: Event
    run_id: str | None
    reason: str | None
    payload: str | None
    state: DeliveryState
    attempts: int
    http_status: int | None
    response: str | None
    error: str | None
    created_at: datetime
    attempted_at: datetime | None
    next_at: datetime | None


def new_secret() -> str:
    """A fresh secret: 256 random bits."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signature(secret: str, webhook_id: str, timestamp: int, payload: str) -> str:
    """`v1,` and the base64 HMAC-SHA256 of `id.timestamp.payload`.

    Args:
        secret: as `new_secret` makes it.
        timestamp: of this try, in seconds since 1970.
    """
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = f"{webhook_id}.{timestamp}.{payload}".encode()
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def next_try_s(attempts: int, retry_after_s: float | None, luck: float) -> float | None:
    """Seconds until the next try; None when it is given up.

    Args:
        attempts: tries so far, 1 or more.
        retry_after_s: how long the receiver asked to wait, at most a day of which is believed.
        luck: 0 to 1, uniform: up to a fifth is added, so that failures of one moment part.
    """
    if attempts > len(RETRY_AFTER_S):
        return None
    usual = RETRY_AFTER_S[attempts - 1] * (1 + 0.2 * luck)
    return max(usual, min(retry_after_s or 0.0, 86_400.0))
