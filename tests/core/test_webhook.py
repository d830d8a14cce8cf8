"""What is signed is what every library of Standard Webhooks verifies, and tries go on for days."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook as Verifier

from weighbridge.core.webhook import (
    RETRY_AFTER_S,
    SECRET_PREFIX,
    new_secret,
    next_try_s,
    signature,
)

NOW = datetime.now(UTC)


@given(st.text(st.characters(codec="utf-8"), max_size=200))
def test_the_reference_implementation_signs_and_verifies_the_same(payload: str) -> None:
    secret = new_secret()
    ours = signature(secret, "msg_1", int(NOW.timestamp()), payload)
    assert ours == Verifier(secret).sign("msg_1", NOW, payload)


def test_a_secret_is_256_random_bits() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(len(it.removeprefix(SECRET_PREFIX)) == 44 for it in secrets)


def test_it_is_tried_ten_times_over_three_days() -> None:
    waits = [next_try_s(attempts, None, 0.0) for attempts in range(1, 11)]
    assert waits == [*RETRY_AFTER_S, None]
    assert timedelta(days=3) < timedelta(seconds=sum(RETRY_AFTER_S)) < timedelta(days=4)


@pytest.mark.parametrize(
    ("asked", "luck", "wait"),
    [(None, 0.0, 5), (None, 1.0, 6), (1, 0.0, 5), (90, 0.0, 90), (1e9, 0.5, 86_400)],
)
def test_a_receiver_may_ask_for_a_day_at_most(
    asked: float | None, luck: float, wait: float
) -> None:
    assert next_try_s(1, asked, luck) == wait
