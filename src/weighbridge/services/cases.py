"""One case of a run in full: what was asked, what was answered, what was made of it and by whom."""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from weighbridge import scorers as scorer_table
from weighbridge.core.caller import Caller
from weighbridge.core.evaluation import Evaluation
from weighbridge.core.json import Json
from weighbridge.core.review import Override
from weighbridge.errors import NotFound
from weighbridge.jobs.case_work import request_for
from weighbridge.jobs.files import open_files
from weighbridge.providers.base import (
    CallFailed,
    ChatRequest,
    ImagePart,
    Message,
    Part,
    ToolCall,
    VideoPart,
)
from weighbridge.scorers.base import Judge
from weighbridge.services.outcomes import Outcomes, OutcomeView, StoredImage
from weighbridge.services.reviews import Reviews
from weighbridge.services.runs import Runs, RunView
from weighbridge.spec import parse_spec
from weighbridge.store.engine import Store
from weighbridge.versions.local import LocalVersions

MOST_REPEATS = 100
"""Repeats of a case that are shown side by side."""


class Source(StrEnum):
    """Where an image or video of a prompt is."""

    DATA = "data"
    """in the row itself, as a data URI"""
    FILE = "file"
    """in the repository that the evaluation names"""
    ELSEWHERE = "elsewhere"
    """at an address of another host, which the endpoint fetches and we do not"""


@dataclass(frozen=True, slots=True)
class SentMedium:
    """An image or video of a prompt.

    Attributes:
        number: which of the prompt's, from 0.
        address: a path or address; of a data URI its beginning.
    """

    kind: Literal["image", "video"]
    number: int
    source: Source
    address: str


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message as it was sent: texts and media in their order."""

    role: str
    parts: tuple[str | SentMedium, ...]


@dataclass(frozen=True, slots=True)
class CaseScorer:
    """A scorer, as far as a case has to do with it.

    Attributes:
        key: its key. name: its name.
        judges: whether models are asked.
        metric: what its scores are.
        verdicts: its labels → what each is worth, where that is known; None: its labels are not.
    """

    key: str
    name: str
    judges: bool
    metric: Literal["accuracy", "mean", "labels"]
    verdicts: Mapping[str, float | None] | None


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case with everything that is known of it.

    Attributes:
        shown: the repeat that was asked for.
        repeats: all of them, the first `MOST_REPEATS`; of one that is not done there is none.
        messages: as they were sent; empty where no prompt is known.
        target: the reference answer. has_target: whether the evaluation names one.
        history: everything that was said about it, the oldest first.
    """

    view: RunView
    evaluation: Evaluation
    scorers: tuple[CaseScorer, ...]
    shown: OutcomeView
    repeats: tuple[OutcomeView, ...]
    messages: tuple[SentMessage, ...]
    target: Json
    has_target: bool
    history: tuple[Override, ...]


class Cases:
    """The cases of an installation's runs.

    Args:
        store: where files of prompts are.
        runs, outcomes, reviews: what is known of them.
    """

    def __init__(self, store: Store, runs: Runs, outcomes: Outcomes, reviews: Reviews) -> None:
        self._store = store
        self._runs = runs
        self._outcomes = outcomes
        self._reviews = reviews

    async def get(self, caller: Caller, run_id: str, position: int, epoch: int = 0) -> CaseView:
        """One case.

        Args:
            position: 0-based place in the data. epoch: 0-based repeat.

        Raises:
            NotFound: the workspace has no such run, or the run no outcome there (yet).
        """
        view = await self._runs.view(caller, run_id)
        evaluation = parse_spec(view.evaluation.spec).to_evaluation()
        shown = await self._outcome(caller, view, position, epoch)
        repeats = [shown]
        if evaluation.epochs > 1:
            page = await self._outcomes.page(
                caller, view.run, after=(position, -1), limit=MOST_REPEATS
            )
            repeats = [it for it in page if it.record.position == position]
        column = evaluation.target_column
        return CaseView(
            view,
            evaluation,
            scorers_of(evaluation),
            shown,
            tuple(repeats),
            _sent(request_for(evaluation, shown.inputs)),
            None if column is None else shown.inputs.get(column),
            column is not None,
            tuple(await self._reviews.history(caller, run_id, position)),
        )

    async def answer(self, caller: Caller, run_id: str, position: int, epoch: int) -> str:
        """The whole text of an answer.

        Raises:
            NotFound: there is none.
        """
        view = await self._runs.view(caller, run_id)
        found = await self._outcome(caller, view, position, epoch)
        if found.record.answer is None:
            raise NotFound(f"there is no answer at position {position}, repeat {epoch}")
        return found.record.answer.text

    async def medium(self, caller: Caller, run_id: str, position: int, number: int) -> StoredImage:
        """An image or video of the prompt, out of the data or the repository; nothing is fetched
        from another host.

        Args:
            number: which of the prompt's, from 0.

        Raises:
            NotFound: there is none, or it is elsewhere.
        """
        view = await self._runs.view(caller, run_id)
        evaluation = parse_spec(view.evaluation.spec).to_evaluation()
        found = await self._outcomes.page(caller, view.run, after=(position, -1), limit=1)
        of_case = [it for it in found if it.record.position == position]
        media = _media(request_for(evaluation, of_case[0].inputs)) if of_case else []
        if number >= len(media):
            raise NotFound(f"the prompt at position {position} has no image or video {number}")
        part = media[number]
        if _source(part.url) is Source.FILE and evaluation.files is not None:
            files = await open_files(
                LocalVersions(self._store), caller.workspace_id, evaluation.files
            )
            request = ChatRequest((Message("user", (part,)),))
            try:
                part = _media(await files.put_into(request))[0]
            except CallFailed as error:
                raise NotFound(error.failure.message) from error
        return _decoded(part.url)

    async def _outcome(
        self, caller: Caller, view: RunView, position: int, epoch: int
    ) -> OutcomeView:
        found = await self._outcomes.page(caller, view.run, after=(position, epoch - 1), limit=1)
        for it in found:
            if (it.record.position, it.record.epoch) == (position, epoch):
                return it
        repeat = f", repeat {epoch + 1}" if epoch else ""
        raise NotFound(
            f"the run {view.run.id} has no outcome at position {position}{repeat}, or none yet"
        )


def scorers_of(evaluation: Evaluation) -> tuple[CaseScorer, ...]:
    """The scorers of an evaluation, in its order."""
    built = [(spec, scorer_table.build(spec)) for spec in evaluation.scorers]
    return tuple(
        CaseScorer(
            spec.key,
            spec.name,
            isinstance(one, Judge),
            one.metric,
            scorer_table.verdicts_of(one),
        )
        for spec, one in built
    )


def _sent(request: ChatRequest) -> tuple[SentMessage, ...]:
    number = 0
    messages = []
    for message in request.messages:
        parts: list[str | SentMedium] = []
        content = message.content
        for part in (content,) if isinstance(content, str) else content:
            if isinstance(part, ImagePart | VideoPart):
                parts.append(_sent_medium(part, number))
                number += 1
            else:
                parts.append(_text_of(part))
        messages.append(SentMessage(message.role, tuple(parts)))
    return tuple(messages)


def _text_of(part: Part) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, ToolCall):
        return f"{part.name}({part.arguments})"
    return getattr(part, "text", "")


def _sent_medium(part: ImagePart | VideoPart, number: int) -> SentMedium:
    source = _source(part.url)
    address = part.url[:60] if source is Source.DATA else part.url[:2_000]
    kind: Literal["image", "video"] = "image" if isinstance(part, ImagePart) else "video"
    return SentMedium(kind, number, source, address)


def _source(address: str) -> Source:
    if address.startswith("data:"):
        return Source.DATA
    return Source.ELSEWHERE if address.startswith(("https://", "http://")) else Source.FILE


def _media(request: ChatRequest) -> Sequence[ImagePart | VideoPart]:
    parts: list[Any] = []
    for message in request.messages:
        if not isinstance(message.content, str):
            parts += message.content
    return [part for part in parts if isinstance(part, ImagePart | VideoPart)]


def _decoded(address: str) -> StoredImage:
    head, comma, text = address.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        raise NotFound("it is not here, but at an address that only the model's endpoint asks")
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise NotFound("it cannot be read: it is no base64") from error
    media_type = head.removeprefix("data:").removesuffix(";base64").partition(";")[0]
    return StoredImage(data, media_type, hashlib.sha256(data).hexdigest())
