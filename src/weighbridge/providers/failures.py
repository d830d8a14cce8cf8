"""What a bad answer of an endpoint means: its kind, whether to try again, and when."""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from weighbridge.core.outcome import Failed, Usage
from weighbridge.providers.base import CallFailed

_MAX_MESSAGE = 500

_RETRIED_4XX = frozenset({408, 409, 425, 429})
# A 429 with one of these says "pay your bill", not "slow down".
_OUT_OF_MONEY = (
    *("insufficient_quota", "billing_hard_limit_reached", "insufficient_balance"),
    "quota_per_day",
)
_CONTEXT = re.compile(
    r"context[_ ](length|size|window)|maximum context|too many tokens|prompt is too long"
    r"|input token count",
    re.IGNORECASE,
)
# A 400 with one of these is the endpoint's filter at work: it says something about the prompt.
_FILTERED = frozenset({"content_filter", "content_policy_violation", "moderation_blocked"})
_RPC_RETRY = "google.rpc.RetryInfo"
_RPC_QUOTA = "google.rpc.QuotaFailure"
_RPC_REASON = "google.rpc.ErrorInfo"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def status_failed(
    status: int, said: str, *, code: str = "", retry_after_s: float | None = None
) -> CallFailed:
    """An HTTP status other than success, as a failure.

    408, 409, 425, 429 and 5xx may be tried again, except 501 and a 429 that means an empty purse.

    Args:
        status: HTTP status. said: the endpoint's own words. code: its machine-readable word.
        retry_after_s: how long it asked to wait, in seconds.
    """
    retry = status in _RETRIED_4XX or (status >= 500 and status != 501)
    kind = _kind_of(status, code, said)
    if status == 429 and (code in _OUT_OF_MONEY or any(word in said for word in _OUT_OF_MONEY)):
        retry = False
    message = f"HTTP {status}: {shorten(said)}" if said else f"HTTP {status}"
    return CallFailed(
        Failed(kind, message, status),
        retry=retry,
        retry_after_s=retry_after_s if retry else None,
        usage=Usage(calls=1),
    )


def call_failed(kind: str, message: str, *, retry: bool, status: int | None = None) -> CallFailed:
    """A failure of one call that was really made."""
    return CallFailed(Failed(kind, shorten(message), status), retry=retry, usage=Usage(calls=1))


def unsupported(message: str) -> CallFailed:
    """A request that was not sent, because the protocol has no such thing."""
    return CallFailed(Failed("unsupported", message, calls=0), retry=False)


def malformed(message: str) -> CallFailed:
    """An answer that came, and cannot be read."""
    return call_failed("malformed", message, retry=True, status=200)


def broke_off() -> CallFailed:
    """A stream that ended before its reply did."""
    return call_failed("connection", "the stream broke off before its end", retry=True, status=200)


def endpoint_message(data: object) -> tuple[str, str]:
    """The endpoint's own words in an error body, and its code; empty where there are none."""
    data = _unwrapped(data)
    if not isinstance(data, Mapping):
        return (data if isinstance(data, str) else ""), ""
    error = data.get("error", data)
    if isinstance(error, str):
        return error, ""
    if not isinstance(error, Mapping):
        return "", ""
    said = next((error[key] for key in ("message", "detail", "msg") if error.get(key)), "")
    words = (error.get(key) for key in ("code", "type", "status"))
    code = next((word for word in words if isinstance(word, str)), "")
    return (said if isinstance(said, str) else str(said)), _rpc_code(error) or code


def body_retry_after_s(data: object) -> float | None:
    """Seconds to wait, from the `RetryInfo` that Google's APIs put into the body of an error."""
    for detail in _rpc_details(_error_of(data), _RPC_RETRY):
        delay = detail.get("retryDelay")
        seconds = _number(delay.removesuffix("s")) if isinstance(delay, str) else None
        if seconds is not None:
            return max(0.0, seconds)
    return None


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `Retry-After` (seconds or an HTTP date).

    Args:
        headers: case-insensitive. now: for a date; the present by default.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    text = headers.get("Retry-After")
    if text is None:
        return None
    seconds = _number(text)
    if seconds is not None:
        return max(0.0, seconds)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - (now or datetime.now(UTC))).total_seconds())


def shorten(text: str) -> str:
    """On one line, and at most about 500 characters."""
    line = _CONTROL.sub(" ", text).strip()
    return line if len(line) <= _MAX_MESSAGE else line[: _MAX_MESSAGE - 1] + "…"


def _kind_of(status: int, code: str, said: str) -> str:
    if status == 429:
        return "rate_limited"
    if status in {401, 402, 403}:
        return "unauthorized"
    if status == 404:
        return "not_found"
    if status == 408:
        return "timeout"
    if status == 501:
        return "unsupported"
    if status >= 500 or status in {409, 425}:
        return "server_error"
    if status in {400, 422} and code in _FILTERED:
        return "content_filter"
    if status == 400 and code == "API_KEY_INVALID":
        return "unauthorized"
    if status in {400, 413, 422} and (_CONTEXT.search(code) or _CONTEXT.search(said)):
        return "context_length"
    return "bad_request"


def _error_of(data: object) -> Mapping[str, object]:
    data = _unwrapped(data)
    error = data.get("error") if isinstance(data, Mapping) else None
    return error if isinstance(error, Mapping) else {}


def _unwrapped(data: object) -> object:
    """Google's gateways wrap an error in a list of one."""
    if isinstance(data, list) and len(data) == 1 and isinstance(data[0], Mapping):
        return data[0]
    return data


def _rpc_details(error: Mapping[str, object], kind: str) -> Iterator[Mapping[str, object]]:
    """The details of one kind in an error of Google's APIs (`google.rpc.Status`)."""
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, Mapping) and str(detail.get("@type")).endswith(kind):
            yield detail


def _rpc_code(error: Mapping[str, object]) -> str:
    """What the details of such an error say more exactly than its status does."""
    for detail in _rpc_details(error, _RPC_QUOTA):
        violations = detail.get("violations")
        for violation in violations if isinstance(violations, list) else ():
            # A quota that is full until midnight: no waiting within a call's deadline helps.
            if isinstance(violation, Mapping) and "PerDay" in str(violation.get("quotaId")):
                return "quota_per_day"
    for detail in _rpc_details(error, _RPC_REASON):
        if detail.get("reason") == "API_KEY_INVALID":
            return "API_KEY_INVALID"
    return ""


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else None
    except ValueError:
        return None
    return number if number is not None and math.isfinite(number) else None
