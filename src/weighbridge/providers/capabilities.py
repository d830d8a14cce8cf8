"""What models can be given, and what they can make."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from weighbridge.providers.base import ChatRequest, ImagePart, VideoPart

Input: TypeAlias = Literal["text", "image", "video"]
Output: TypeAlias = Literal["text", "image", "video", "embeddings"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can be given beside text, and what it can make."""

    input: frozenset[Input]
    output: frozenset[Output]


_TEXT: frozenset[Input] = frozenset({"text"})
_EYES: frozenset[Input] = frozenset({"text", "image", "video"})

# What each protocol can carry. A model behind it may do less; then its endpoint says so, or the
# models file by `input` and `output`.
_OF_PROTOCOLS: dict[str, Capabilities] = {
    "openai": Capabilities(_EYES, frozenset({"text", "embeddings"})),
    "openai-images": Capabilities(_TEXT, frozenset({"image"})),
    "openai-videos": Capabilities(_TEXT, frozenset({"video"})),
    "anthropic": Capabilities(frozenset({"text", "image"}), frozenset({"text"})),
    "google": Capabilities(_EYES, frozenset({"text", "image", "embeddings"})),
    "llama": Capabilities(_TEXT, frozenset({"text", "embeddings"})),
    "embedded": Capabilities(_TEXT, frozenset({"text", "embeddings"})),
    "scripted": Capabilities(_EYES, frozenset({"text", "image", "video", "embeddings"})),
}
_UNKNOWN = Capabilities(_EYES, frozenset({"text", "image", "video", "embeddings"}))


def capabilities_of(
    protocol: str,
    *,
    batch: bool = False,
    input: tuple[Input, ...] | None = None,  # noqa: A002 (the words of the models file)
    output: tuple[Output, ...] | None = None,
) -> Capabilities:
    """What a model can do, by its protocol and by what its declaration says."""
    able = _OF_PROTOCOLS.get(protocol, _UNKNOWN)
    made: frozenset[Output] = able.output if not batch else able.output & {"text"}
    return Capabilities(
        able.input if input is None else frozenset(input),
        made if output is None else frozenset(output),
    )


def beyond(able: Capabilities, request: ChatRequest, makes: Output) -> str | None:
    """What is asked of a model that it cannot do; None: nothing."""
    if makes not in able.output:
        made = " and ".join(sorted(able.output))
        return f"it makes no {makes}, only {made}: set `output` to that, or take another model"
    return not_taken(able, request)


def not_taken(able: Capabilities, request: ChatRequest) -> str | None:
    """What a chat holds that the model does not take; None: nothing."""
    sent = {
        "image" if isinstance(part, ImagePart) else "video"
        for message in request.messages
        if not isinstance(message.content, str)
        for part in message.content
        if isinstance(part, ImagePart | VideoPart)
    }
    for medium in sorted(sent - able.input):
        return f"it takes no {medium}, only {' and '.join(sorted(able.input))}"
    return None
