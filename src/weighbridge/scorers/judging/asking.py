"""Asking one judge one question, until there is a verdict or it is plain that there is none.

One call when the reply is good. An endpoint that refuses structured output is asked again without
it, and no more with it as long as this process lives. A reply that cannot be read is mended if it
can be; if not, the judge is shown once what was wrong with it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from weighbridge.core.json import Json, JsonObject
from weighbridge.core.outcome import Failed, Ungraded
from weighbridge.core.pin import canonical_json
from weighbridge.providers.base import Askable, CallFailed, ChatRequest, Message, Reply
from weighbridge.scorers.judging.form import Form, Unreadable, Verdict
from weighbridge.scorers.judging.pictures import Pictures, refuses_images
from weighbridge.scorers.judging.prompting import messages_for
from weighbridge.scorers.judging.rubric import Rubric
from weighbridge.scorers.judging.rubrics import frame
from weighbridge.scorers.panel import Panel

MOST_RAW = 4_000
"""Characters of an unreadable reply that are kept."""

_What = TypeVar("_What")
_SCHEMA_REFUSED = re.compile(
    r"response_format|json_schema|structured[ _]output|output_format|output_config"
    r"|responseSchema|response_schema|responseJsonSchema|guided_json|grammar",
    re.IGNORECASE,
)

# Identities of the models whose endpoints have refused a schema: found out once a process.
_without_schema: set[bytes] = set()


@dataclass(frozen=True, slots=True)
class Manner:
    """How a judge is asked.

    Attributes:
        temperature, max_tokens: sent as they are; None: not sent.
        params: more wire parameters; they come before the two.
    """

    temperature: float | None = 0.0
    max_tokens: int | None = 1_024
    params: Mapping[str, Json] | None = None

    def wire(self) -> JsonObject:
        """The parameters of the request."""
        own = {"temperature": self.temperature, "max_tokens": self.max_tokens}
        return {k: v for k, v in own.items() if v is not None} | dict(self.params or {})


async def ask(
    panel: Panel,
    model: str | None,
    rubric: Rubric,
    form: Form,
    texts: Mapping[str, str],
    manner: Manner,
    pictures: Pictures | None = None,
) -> Verdict | Ungraded:
    """The verdict of one judge.

    Args:
        model: whom to ask, by the name the panel knows.
        texts: name → text of all that the rubric shows.
        pictures: images of the answer. A model that takes none has no verdict.

    Raises:
        CallFailed: a call did not get through.
    """
    request = ChatRequest(messages_for(rubric, form, texts, pictures), manner.wire())
    material, judge = list(texts.values()), panel.model(model).name
    said = await converse(
        panel,
        model,
        request,
        form.schema,
        lambda text: form.read(text, material, judge),
        shows_images=pictures is not None,
    )
    if isinstance(said, Ungraded):
        return said
    return replace(said.what, repaired="retry") if said.again else said.what


@dataclass(frozen=True, slots=True)
class Said(Generic[_What]):
    """What a judge's reply was read as.

    Attributes:
        again: whether it had to be asked a second time.
    """

    what: _What
    again: bool


async def converse(
    panel: Panel,
    model: str | None,
    request: ChatRequest,
    schema: JsonObject,
    read: Callable[[str], _What],
    *,
    shows_images: bool = False,
) -> Said[_What] | Ungraded:
    """Ask a judge until its reply can be read, at most twice.

    Args:
        model: whom to ask, by the name the panel knows.
        schema: of the reply.
        read: raises `Unreadable` for a reply that is of no use.
        shows_images: whether images are part of the request. A model that takes none has no
            verdict.

    Raises:
        CallFailed: a call did not get through.
    """
    judge = panel.model(model).name
    try:
        reply = await _reply(panel, model, request, schema)
    except CallFailed as failed:
        if not shows_images or not refuses_images(failed.failure):
            raise
        said = failed.failure.message
        return Ungraded(f"{judge} cannot look at the answer's images: {said}")
    try:
        return Said(read(reply.text), again=False)
    except Unreadable as unreadable:
        problem = str(unreadable)
    if reply.finish_reason == "length":
        problem += " (it was cut off: be brief)"
    again = replace(
        request,
        messages=(
            *request.messages,
            Message("assistant", reply.text[-MOST_RAW:] or "(nothing)"),
            Message("user", frame()["again"].replace("{problem}", problem)),
        ),
    )
    reply = await _reply(panel, model, again, schema)
    try:
        return Said(read(reply.text), again=True)
    except Unreadable as unreadable:
        return Ungraded(
            f"{judge} gave no usable verdict: {unreadable}",
            reply.text[-MOST_RAW:],
        )


async def _reply(
    panel: Panel, model: str | None, request: ChatRequest, schema: JsonObject
) -> Reply:
    if _without_schema and _key(panel.model(model)) in _without_schema:
        return await panel.chat(model, replace(request, schema=None))
    try:
        with_schema = request if request.schema is schema else replace(request, schema=schema)
        return await panel.chat(model, with_schema)
    except CallFailed as failed:
        if not refuses_schema(failed.failure):
            raise
    reply = await panel.chat(model, replace(request, schema=None))
    _without_schema.add(_key(panel.model(model)))
    return reply


def refuses_schema(failure: Failed) -> bool:
    """Whether an endpoint's failure says that it has no structured output."""
    return failure.kind in {"bad_request", "unsupported"} and bool(
        _SCHEMA_REFUSED.search(failure.message)
    )


def _key(model: Askable) -> bytes:
    identity: Any = model.identity
    return canonical_json([model.name, identity])
