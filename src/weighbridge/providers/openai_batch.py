"""Batches of the protocol `openai`: a file of requests, `POST /v1/batches`, files of results."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson

from weighbridge.providers.base import CallFailed, ChatRequest
from weighbridge.providers.batch import (
    HAND_IN_S,
    LEAST_TIMEOUT_S,
    BatchedProvider,
    Result,
    checked_id,
    not_done,
)
from weighbridge.providers.failures import (
    call_failed,
    endpoint_message,
    malformed,
    shorten,
    status_failed,
)
from weighbridge.providers.openai import OpenAIEndpoint, filtered, read_chat
from weighbridge.providers.opening import Opened, Opening
from weighbridge.providers.transport import Transport
from weighbridge.providers.wire import Address, bearer_headers

_METHOD = "/v1/chat/completions"
_ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
_EXPIRED = "batch_expired"


class OpenAIBatches:
    """Batches at one endpoint.

    Args:
        endpoint: makes the bodies. transport: the shared pool.
        base_url: up to and including the version. api_key: sent as `Authorization: Bearer`.
    """

    def __init__(
        self, endpoint: OpenAIEndpoint, transport: Transport, base_url: str, api_key: str | None
    ) -> None:
        self._endpoint = endpoint
        self._transport = transport
        self._address = Address(base_url)
        self._headers = bearer_headers(api_key)

    def chat_body(self, request: ChatRequest) -> dict[str, Any]:
        """What a chat is sent as."""
        return self._endpoint.chat_body(request)

    async def submit(self, bodies: Mapping[str, Mapping[str, Any]]) -> str:
        """Upload the requests as a file, and make a batch of it."""
        lines = b"".join(
            orjson.dumps({"custom_id": name, "method": "POST", "url": _METHOD, "body": body})
            + b"\n"
            for name, body in bodies.items()
        )
        file = await self._transport.post_file(
            self._address.at("files"), self._headers, {"purpose": "batch"}, "batch.jsonl", lines
        )
        batch = {
            "input_file_id": checked_id(file, "the file"),
            "endpoint": _METHOD,
            "completion_window": "24h",
        }
        url = self._address.at("batches")
        data = await self._transport.post_json(url, self._headers, batch, HAND_IN_S)
        return checked_id(data, "the batch")

    async def ended(self, batch_id: str) -> Any | None:
        """The batch, when it has ended."""
        url = self._address.at(f"batches/{batch_id}")
        data = await self._transport.get_json(url, self._headers)
        if not isinstance(data, dict) or not isinstance(data.get("status"), str):
            raise malformed(f"the answer is no batch: {shorten(str(data))[:200]}")
        return data if data["status"] in _ENDED else None

    async def results(self, ended: Any) -> AsyncIterator[tuple[str, Result]]:
        """The lines of its two files: what was answered, and what was not."""
        files = [ended.get(name) for name in ("output_file_id", "error_file_id")]
        if ended["status"] == "failed" and not any(files):
            raise call_failed("bad_request", f"the batch was refused: {_why(ended)}", retry=False)
        for file_id in files:
            if file_id is None:
                continue
            url = self._address.at(f"files/{checked_id({'id': file_id}, 'the file')}/content")
            async for line in self._transport.get_lines(url, self._headers):
                if isinstance(line, dict) and isinstance(line.get("custom_id"), str):
                    yield line["custom_id"], _result(line)
        if ended["status"] in {"expired", "cancelled"}:
            raise not_done("timeout", f"the batch was {ended['status']} before it came to this")

    async def cancel(self, batch_id: str) -> None:
        """Have the endpoint begin no further request."""
        url = self._address.at(f"batches/{batch_id}/cancel")
        await self._transport.post_json(url, self._headers, {}, HAND_IN_S)


async def open_endpoint(opening: Opening) -> Opened:
    """The factory of this protocol with `batch = true`."""
    declared = opening.declared
    base_url = declared.base_url or ""
    endpoint = OpenAIEndpoint(
        opening.transport,
        base_url,
        declared.endpoint_model,
        opening.api_key,
        thinking=declared.thinking,
    )
    batches = OpenAIBatches(endpoint, opening.transport, base_url, opening.api_key)
    return Opened(
        BatchedProvider(batches), check=endpoint.chat_body, least_timeout_s=LEAST_TIMEOUT_S
    )


def _result(line: dict[str, Any]) -> Result:
    response = line.get("response")
    try:
        if not isinstance(response, dict):
            return _refused(line.get("error"))
        status = response.get("status_code")
        if status != 200:
            said, code = endpoint_message(response.get("body"))
            return filtered(
                status_failed(status if isinstance(status, int) else 502, said, code=code)
            )
        return read_chat(response.get("body"))
    except CallFailed as failed:
        return failed


def _refused(error: Any) -> CallFailed:
    said, code = endpoint_message({"error": error})
    if code == _EXPIRED:
        return not_done("timeout", said or "the batch expired before it came to this")
    return status_failed(502, said, code=code)


def _why(batch: dict[str, Any]) -> str:
    errors = batch.get("errors")
    rows = errors.get("data") if isinstance(errors, dict) else None
    said = (row.get("message") for row in rows or () if isinstance(row, dict))
    return "; ".join(text for text in said if isinstance(text, str)) or "it gave no reason"
