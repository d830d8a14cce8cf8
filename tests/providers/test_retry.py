"""The policy of trying again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.outcome import Failed
from weighbridge.providers.base import CallFailed
from weighbridge.providers.retry import RetryPolicy, is_waiting, no_waiting


def failed(
    kind: str = "server_error", *, retry: bool = True, after: float | None = None
) -> CallFailed:
    return CallFailed(Failed(kind, "no"), retry=retry, retry_after_s=after)


def highest(low: float, high: float) -> float:
    assert low == 0.0
    return high


def test_what_cannot_succeed_is_not_sent_again() -> None:
    policy = RetryPolicy()
    assert policy.delay_s(failed("bad_request", retry=False), errors=1, limited=0) is None


def test_the_bound_of_the_wait_doubles_up_to_the_cap() -> None:
    policy = RetryPolicy(tries=99, base_s=0.5, cap_s=5)
    waits = [policy.delay_s(failed(), errors=n, limited=0, uniform=highest) for n in range(1, 7)]
    assert waits == [0.5, 1, 2, 4, 5, 5]


@given(st.integers(min_value=1, max_value=200), st.integers(min_value=0, max_value=200))
def test_a_wait_is_always_within_its_bounds(errors: int, limited: int) -> None:
    policy = RetryPolicy(tries=1000)
    delay = policy.delay_s(failed(), errors=errors, limited=limited)
    assert delay is not None
    assert 0 <= delay <= policy.cap_s


def test_the_last_try_is_the_last() -> None:
    policy = RetryPolicy(tries=3)
    assert policy.delay_s(failed(), errors=2, limited=0) is not None
    assert policy.delay_s(failed(), errors=3, limited=0) is None


def test_retry_after_is_obeyed_to_the_second() -> None:
    assert RetryPolicy().delay_s(failed(after=12.5), errors=1, limited=0) == 12.5


def test_rate_limits_use_up_no_tries() -> None:
    policy = RetryPolicy(tries=3)
    limited = failed("rate_limited")
    assert policy.delay_s(limited, errors=2, limited=50) is not None
    assert policy.delay_s(failed(), errors=2, limited=50) is not None


def test_waits_of_a_rate_limit_grow_by_its_own_count() -> None:
    policy = RetryPolicy()
    limited = failed("rate_limited")
    assert policy.delay_s(limited, errors=5, limited=1, uniform=highest) == 0.5
    assert policy.delay_s(limited, errors=0, limited=3, uniform=highest) == 2.0


def test_tests_can_do_without_waiting() -> None:
    policy = RetryPolicy(tries=3)
    with no_waiting():
        assert not is_waiting()
        assert policy.delay_s(failed(after=99), errors=1, limited=0) == 0.0
        assert policy.delay_s(failed("rate_limited"), errors=1, limited=2) is None
    assert is_waiting()


def test_waiting_comes_back_after_an_error() -> None:
    with pytest.raises(RuntimeError), no_waiting():
        raise RuntimeError
    assert is_waiting()
