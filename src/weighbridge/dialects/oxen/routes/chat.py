"""One chat with a model, in the shape of OpenAI's chat completions."""

import time
import uuid
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from starlette.responses import Response, StreamingResponse

from weighbridge.core.caller import Role
from weighbridge.dialects import shared
from weighbridge.dialects.oxen.access import CallerHere, ServicesHere
from weighbridge.dialects.oxen.errors import failure, parsed
from weighbridge.dialects.oxen.evaluations import model_name
from weighbridge.errors import FieldProblem, Invalid, InvalidFields
from weighbridge.providers.base import (
    CallFailed,
    ChatRequest,
    ImagePart,
    Message,
    Part,
    Reply,
    VideoPart,
)

router = APIRouter()

TIMEOUT_S = 120.0
_STATUS = {
    "rate_limited": 429,
    "timeout": 504,
    "bad_request": 400,
    "not_found": 404,
    "context_length": 400,
    "content_filter": 400,
    "unsupported": 400,
}


class TextPart(BaseModel):
    """Text."""

    type: Literal["text"]
    text: str


class Address(BaseModel):
    """Where an image or video is: an address or data URI."""

    url: str = Field(pattern=r"^(https?://|data:)")


class PictureIn(BaseModel):
    """An image."""

    type: Literal["image_url"]
    image_url: Address


class VideoIn(BaseModel):
    """A video."""

    type: Literal["video_url"]
    video_url: Address


PartIn = Annotated[TextPart | PictureIn | VideoIn, Field(discriminator="type")]


class MessageIn(BaseModel):
    """One message."""

    role: Literal["system", "user", "assistant", "developer"]
    content: str | list[PartIn]


class ChatIn(BaseModel):
    """A chat that is to be continued; other fields are passed on to the model."""

    model_config = ConfigDict(extra="allow")

    model: str = Field(min_length=1, max_length=500)
    messages: list[MessageIn] = Field(min_length=1, max_length=1_000)
    stream: bool = False
    n: Literal[1] = 1


_CHAT = TypeAdapter(ChatIn)
_NOT_PASSED_ON = {"stream_options", "user"}


@router.post("/ai/chat/completions")
@router.post("/chat/completions")
async def chat(request: Request, services: ServicesHere, caller: CallerHere) -> Response:
    """Ask a model once."""
    caller.must_be(Role.WRITER)  # it may cost money
    wanted = parsed(_CHAT, shared.parse_json(await request.body()))
    name = model_name(wanted.model, services.catalog)
    params = {k: v for k, v in (wanted.model_extra or {}).items() if k not in _NOT_PASSED_ON}
    asked = ChatRequest(tuple(_message(it) for it in wanted.messages), params)
    try:
        model = await services.models.get(name)
        await services.models.check(name, asked)
    except Invalid as error:
        raise InvalidFields([FieldProblem("model", error.message)]) from error
    try:
        reply = await model.chat(asked, timeout_s=TIMEOUT_S)
    except CallFailed as failed:
        status = _STATUS.get(failed.failure.kind, 502)
        return failure(failed.failure.kind, failed.failure.message, status=status)
    if wanted.stream:
        return StreamingResponse(_chunks(reply, name), media_type="text/event-stream")
    return Response(orjson.dumps(_whole(reply, name)), media_type="application/json")


def _message(it: MessageIn) -> Message:
    role = "system" if it.role == "developer" else it.role
    if isinstance(it.content, str):
        return Message(role, it.content)
    parts: list[Part] = []
    for part in it.content:
        if isinstance(part, TextPart):
            parts.append(part.text)
        elif isinstance(part, PictureIn):
            parts.append(ImagePart(part.image_url.url))
        else:
            parts.append(VideoPart(part.video_url.url))
    return Message(role, tuple(parts))


def _whole(reply: Reply, name: str) -> dict[str, Any]:
    usage = reply.usage
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": name,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": reply.text, "refusal": reply.refusal},
                "finish_reason": reply.finish_reason or "stop",
            }
        ],
        "usage": {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.input_tokens + usage.output_tokens,
        },
    }


def _chunks(reply: Reply, name: str) -> Iterator[bytes]:
    """The reply, which is there as a whole, as those expect it who asked for a stream."""
    whole = _whole(reply, name)
    head = {key: whole[key] for key in ("id", "created", "model")}
    head["object"] = "chat.completion.chunk"
    deltas: list[tuple[dict[str, Any], str | None]] = [
        ({"role": "assistant", "content": reply.text}, None),
        ({}, reply.finish_reason or "stop"),
    ]
    for delta, reason in deltas:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        yield b"data: " + orjson.dumps({**head, "choices": [choice]}) + b"\n\n"
    yield b"data: " + orjson.dumps({**head, "choices": [], "usage": whole["usage"]}) + b"\n\n"
    yield b"data: [DONE]\n\n"
