"""Batches of the protocol `anthropic`: `POST /v1/messages/batches`, and results as JSON lines."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from weighbridge.providers.anthropic import (
    API_VERSION,
    STATUS_OF,
    AnthropicEndpoint,
    read_message,
)
from weighbridge.providers.base import CallFailed, ChatRequest
from weighbridge.providers.batch import (
    HAND_IN_S,
    LEAST_TIMEOUT_S,
    BatchedProvider,
    Result,
    checked_id,
    not_done,
)
from weighbridge.providers.failures import malformed, shorten
from weighbridge.providers.opening import Opened, Opening
from weighbridge.providers.transport import Transport
from weighbridge.providers.wire import Address, error_in, headers


class AnthropicBatches:
    """Batches at one endpoint.

    Args:
        endpoint: makes the bodies. transport: the shared pool.
        base_url: up to and including the version. api_key: sent as `x-api-key`.
    """

    def __init__(
        self, endpoint: AnthropicEndpoint, transport: Transport, base_url: str, api_key: str | None
    ) -> None:
        self._endpoint = endpoint
        self._transport = transport
        self._address = Address(base_url)
        self._headers = headers(anthropic_version=API_VERSION)
        if api_key:
            self._headers["x-api-key"] = api_key

    def chat_body(self, request: ChatRequest) -> dict[str, Any]:
        """What a chat is sent as."""
        return self._endpoint.chat_body(request)

    async def submit(self, bodies: Mapping[str, Mapping[str, Any]]) -> str:
        """Make a batch of the requests."""
        requests = [{"custom_id": name, "params": body} for name, body in bodies.items()]
        url = self._address.at("messages/batches")
        body = {"requests": requests}
        data = await self._transport.post_json(url, self._headers, body, HAND_IN_S)
        return checked_id(data, "the batch")

    async def ended(self, batch_id: str) -> Any | None:
        """The batch, when it has ended."""
        url = self._address.at(f"messages/batches/{batch_id}")
        data = await self._transport.get_json(url, self._headers)
        if not isinstance(data, dict) or not isinstance(data.get("processing_status"), str):
            raise malformed(f"the answer is no batch: {shorten(str(data))[:200]}")
        return {"id": batch_id} if data["processing_status"] == "ended" else None

    async def results(self, ended: Any) -> AsyncIterator[tuple[str, Result]]:
        """Its lines. They are read from where they must be: the address that the endpoint names
        (`results_url`) is not followed."""
        url = self._address.at(f"messages/batches/{ended['id']}/results")
        async for line in self._transport.get_lines(url, self._headers):
            if isinstance(line, dict) and isinstance(line.get("custom_id"), str):
                yield line["custom_id"], _result(line.get("result"))

    async def cancel(self, batch_id: str) -> None:
        """Have the endpoint begin no further request."""
        url = self._address.at(f"messages/batches/{batch_id}/cancel")
        await self._transport.post_json(url, self._headers, {}, HAND_IN_S)


async def open_endpoint(opening: Opening) -> Opened:
    """The factory of this protocol with `batch = true`."""
    declared = opening.declared
    base_url = declared.base_url or ""
    endpoint = AnthropicEndpoint(
        opening.transport,
        base_url,
        declared.endpoint_model,
        opening.api_key,
        thinking=declared.thinking,
        schema_by=declared.schema_by,
    )
    batches = AnthropicBatches(endpoint, opening.transport, base_url, opening.api_key)
    return Opened(
        BatchedProvider(batches), check=endpoint.chat_body, least_timeout_s=LEAST_TIMEOUT_S
    )


def _result(result: Any) -> Result:
    kind = result.get("type") if isinstance(result, dict) else None
    try:
        if kind == "succeeded":
            return read_message(result.get("message"))
        if kind == "errored":
            error = result.get("error")
            return error_in(error.get("error") if isinstance(error, dict) else error, STATUS_OF)
    except CallFailed as failed:
        return failed
    if kind in {"expired", "canceled"}:
        return not_done("timeout", f"the batch was {kind} before it came to this")
    return malformed(f"a result of the batch cannot be read: {shorten(str(result))[:200]}")
