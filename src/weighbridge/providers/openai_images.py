"""The protocol `openai-images`: text in, an image out (`POST /v1/images/generations`).

Source of the shapes: the vendor's API reference and its published Python client (3.54).
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from weighbridge.core.outcome import Usage
from weighbridge.providers.base import (
    CallFailed,
    ChatRequest,
    CompletionRequest,
    Embeddings,
    Image,
    Reply,
)
from weighbridge.providers.failures import call_failed, malformed, shorten, unsupported
from weighbridge.providers.openai import filtered
from weighbridge.providers.opening import Opened, Opening
from weighbridge.providers.transport import Transport
from weighbridge.providers.wire import (
    Address,
    bearer_headers,
    count,
    prompt_of,
    read_image,
    refuse_disguised_error,
    split_data_uri,
    text_or_none,
)

_VENDOR = "api.openai.com"


class ImagesEndpoint:
    """One model that draws, at one OpenAI-compatible endpoint.

    Args:
        transport: the shared pool.
        base_url: up to and including the version.
        model: what the endpoint calls the model.
        api_key: sent as `Authorization: Bearer`; None: not sent.
    """

    def __init__(
        self, transport: Transport, base_url: str, model: str, api_key: str | None
    ) -> None:
        self._transport = transport
        self._model = model
        # The vendor's own models always answer in base64 and refuse to be asked for it; others
        # answer with an address unless they are.
        own = urlsplit(base_url).hostname == _VENDOR or model.startswith(("gpt-image", "chatgpt-"))
        self._form = {} if own else {"response_format": "b64_json"}
        self._url = Address(base_url).at("images/generations")
        self._headers = bearer_headers(api_key)

    def chat_body(self, request: ChatRequest) -> dict[str, Any]:
        """What a chat is sent as: the texts of its messages, one below the other.

        Raises:
            CallFailed: `unsupported`, if it cannot be.
        """
        prompt = prompt_of(request, "openai-images")
        body = {**self._form, **request.params, "model": self._model, "prompt": prompt}
        return {name: value for name, value in body.items() if value is not None}

    async def chat(self, request: ChatRequest) -> Reply:
        """Draw what the messages say. The text of the reply is the prompt as the endpoint rewrote
        it, where it says so."""
        body = self.chat_body(request)
        try:
            data = await self._transport.post_json(self._url, self._headers, body)
        except CallFailed as failed:
            return filtered(failed)
        return read_images(data)

    async def complete(self, request: CompletionRequest) -> Reply:  # noqa: ARG002 - the seam's
        """It only draws."""
        raise unsupported("the protocol openai-images has no completions")

    async def embed(self, texts: Sequence[str]) -> Embeddings:  # noqa: ARG002 - the seam's
        """It only draws."""
        raise unsupported("the protocol openai-images has no embeddings")

    async def close(self) -> None:
        """Nothing to let go of: the pool belongs to whoever made it."""


async def open_endpoint(opening: Opening) -> Opened:
    """The factory of this protocol."""
    declared = opening.declared
    endpoint = ImagesEndpoint(
        opening.transport, declared.base_url or "", declared.endpoint_model, opening.api_key
    )
    return Opened(endpoint, check=endpoint.chat_body)


def read_images(data: Any) -> Reply:
    """The images of an answer.

    An image that is only an address is never fetched: an endpoint could have us call any machine
    that we can reach.

    Raises:
        CallFailed: the shape is not that of images, or it is an error in disguise.
    """
    refuse_disguised_error(data, "data")
    rows = data.get("data") if isinstance(data, dict) else None
    if not isinstance(rows, list) or not rows:
        raise malformed(f"the answer has no images in `data`: {shorten(str(data))[:200]}")
    if not all(isinstance(row, dict) for row in rows):
        raise malformed("an item of the answer's `data` is not an object")
    words = (text_or_none(row.get("revised_prompt")) for row in rows)
    usage = data.get("usage") if isinstance(data.get("usage"), dict) else {}
    tokens = Usage(count(usage.get("input_tokens")), count(usage.get("output_tokens")), None, 1)
    return Reply(
        next(filter(None, words), ""),
        "stop",
        tokens,
        text_or_none(data.get("model")),
        images=tuple(_image(row) for row in rows),
    )


def _image(row: dict[str, Any]) -> Image:
    if row.get("b64_json") is not None:
        return read_image(row["b64_json"])
    url = row.get("url")
    if not isinstance(url, str):
        raise malformed("an item of the answer's `data` has no image in `b64_json`")
    inline = split_data_uri(url)
    if inline is None:
        message = (
            "the endpoint answered with the address of an image, which is never fetched; ask it "
            "for base64 (the parameter `response_format: b64_json`)"
        )
        raise call_failed("unsupported", message, retry=False, status=200)
    return read_image(inline[1])
