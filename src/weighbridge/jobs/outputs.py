"""What a model is asked to make other than text."""

import time

from weighbridge.core.evaluation import Output
from weighbridge.core.outcome import Answer, Failed
from weighbridge.providers.base import Askable, CallFailed, ChatRequest, Reply


async def embed(model: Askable, request: ChatRequest, timeout_s: float) -> Answer:
    """The embedding of a prompt's text. The answer's details have it as `embedding`.

    Raises:
        CallFailed: there is none.
    """
    began = time.monotonic()
    found = await model.embed([text_of(request)], timeout_s=timeout_s)
    vector = [float(number) for number in found.vectors[0]]
    return Answer(
        "",
        None,
        time.monotonic() - began,
        found.usage,
        found.model,
        {"embedding": vector},
    )


def text_of(request: ChatRequest) -> str:
    """All text of a request, one message below the other."""
    texts: list[str] = []
    for message in request.messages:
        parts = (message.content,) if isinstance(message.content, str) else message.content
        texts += [part for part in parts if isinstance(part, str)]
    return "\n\n".join(texts)


def refuse_without(output: Output, reply: Reply) -> None:
    """Take a reply that does not have what was asked for as a failed call.

    Raises:
        CallFailed: it has no image, or no video.
    """
    if reply.images if output is Output.IMAGE else reply.videos:
        return
    message = f"the reply holds no {output}"
    if reply.refusal or reply.text:
        message += f": {(reply.refusal or reply.text)[:200]}"
    kind = "content_filter" if reply.refusal else "malformed"
    raise CallFailed(Failed(kind, message), retry=False, usage=reply.usage)
