"""Inference: a declared model is asked once, in the shapes of OpenAI's API, each choice with its
confidence."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from weighbridge.core.caller import Role
from weighbridge.dialects import openai_like, shared
from weighbridge.dialects.nugen import wire
from weighbridge.dialects.nugen.access import CallerHere, ServicesHere
from weighbridge.dialects.nugen.errors import from_call, parsed
from weighbridge.dialects.nugen.models import must_be_there
from weighbridge.dialects.openai_like import ChatIn, CompletionIn
from weighbridge.errors import FieldProblem, Invalid, InvalidFields
from weighbridge.providers.base import CallFailed, ChatRequest, Message, Reply
from weighbridge.providers.capabilities import Output
from weighbridge.providers.model import Model
from weighbridge.wiring import Services

router = APIRouter(prefix="/inference")

_SOMETHING = ChatRequest((Message("user", "?"),))


@router.post("/chat/completions")
async def chat(request: Request, services: ServicesHere, caller: CallerHere) -> Response:
    """Continue a chat by one message."""
    caller.must_be(Role.WRITER)  # it may cost money
    body, _ = await shared.read_json(request)
    asked = parsed(openai_like.CHAT, body)
    model = await _model(services, asked.model, asked.request())
    return await _answer(request, model, asked)


@router.post("/completions")
async def complete(request: Request, services: ServicesHere, caller: CallerHere) -> Response:
    """Continue a text."""
    caller.must_be(Role.WRITER)
    body, _ = await shared.read_json(request)
    asked = parsed(openai_like.COMPLETION, body)
    model = await _model(services, asked.model, _SOMETHING)
    return await _answer(request, model, asked)


@router.post("/embeddings")
async def embed(request: Request, services: ServicesHere, caller: CallerHere) -> Response:
    """Turn texts into vectors."""
    caller.must_be(Role.WRITER)
    body, _ = await shared.read_json(request)
    asked = parsed(openai_like.EMBEDDINGS, body)
    model = await _model(services, asked.model, _SOMETHING, makes="embeddings")
    try:
        return await openai_like.embeddings(request, model, asked)
    except CallFailed as failed:
        return from_call(failed)


async def _model(
    services: Services, name: str, request: ChatRequest, *, makes: Output = "text"
) -> Model:
    """The model, found able to do what is asked of it."""
    must_be_there(services.catalog, name)
    try:
        await services.models.check(name, request, makes=makes)
        return await services.models.get(name)
    except Invalid as error:
        raise InvalidFields([FieldProblem("model", error.message)]) from error


async def _answer(request: Request, model: Model, asked: ChatIn | CompletionIn) -> Response:
    # The log-probabilities of an echo are mostly those of the prompt.
    echoed = isinstance(asked, CompletionIn) and asked.echo

    def beside(reply: Reply | None) -> dict[str, Any]:
        known = None if reply is None or echoed else reply.logprobs
        return wire.confidence(openai_like.mean_probability(known))

    try:
        return await openai_like.answer(request, model, asked, beside)
    except CallFailed as failed:
        return from_call(failed)
