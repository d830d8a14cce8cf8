"""How often keys are rotated from one address."""

import pytest

from weighbridge.dialects.dataframer.rotations import MOST, WINDOW_S, Rotations
from weighbridge.errors import Busy


def test_an_hour_after_the_first_there_may_be_another() -> None:
    at = 0.0
    rotations = Rotations(lambda: at)
    for _ in range(MOST):
        rotations.note("a")
        at += 60
    with pytest.raises(Busy) as caught:
        rotations.note("a")
    assert caught.value.retry_after_s == WINDOW_S - 60 * MOST
    at = WINDOW_S
    rotations.note("a")
    with pytest.raises(Busy):
        rotations.note("a")


def test_addresses_do_not_pile_up() -> None:
    at = 0.0
    rotations = Rotations(lambda: at)
    for number in range(10_000):
        rotations.note(str(number))
    at = 2 * WINDOW_S
    rotations.note("new")
    assert len(rotations._by_address) == 1
