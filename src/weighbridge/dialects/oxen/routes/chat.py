"""One chat with a model, in the shape of OpenAI's chat completions."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from weighbridge.core.caller import Role
from weighbridge.dialects import openai_like, shared
from weighbridge.dialects.oxen.access import CallerHere, ServicesHere
from weighbridge.dialects.oxen.errors import failure, parsed
from weighbridge.dialects.oxen.evaluations import model_name
from weighbridge.errors import FieldProblem, Invalid, InvalidFields
from weighbridge.providers.base import CallFailed

router = APIRouter()


@router.post("/ai/chat/completions")
@router.post("/chat/completions")
async def chat(request: Request, services: ServicesHere, caller: CallerHere) -> Response:
    """Ask a model once."""
    caller.must_be(Role.WRITER)  # it may cost money
    asked = parsed(openai_like.CHAT, shared.parse_json(await request.body()))
    name = model_name(asked.model, services.catalog, "model")
    try:
        model = await services.models.get(name)
        await services.models.check(name, asked.request())
    except Invalid as error:
        raise InvalidFields([FieldProblem("model", error.message)]) from error
    try:
        return await openai_like.answer(request, model, asked)
    except CallFailed as failed:
        status = openai_like.status_of(failed)
        response = failure(failed.failure.kind, failed.failure.message, status=status)
        response.headers.update(openai_like.headers_of(failed))
        return response
