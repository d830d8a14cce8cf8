"""How one case is done: render the prompt, ask the model (or take the answer that is there), let
every scorer look at the answer."""

import logging
from collections.abc import Mapping
from typing import cast

from weighbridge.core.case import Case
from weighbridge.core.evaluation import Evaluation, Output, PromptMessage
from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Answer, Failed, Given, Outcome, Record, Ungraded, Usage
from weighbridge.core.prompt import Template
from weighbridge.errors import WeighbridgeError
from weighbridge.jobs.choosing import TOP_LOGPROBS, Choosing, NothingToChoose
from weighbridge.jobs.files import Files
from weighbridge.jobs.keeping import keep
from weighbridge.jobs.outputs import embed, refuse_without
from weighbridge.providers.base import (
    Askable,
    CallFailed,
    ChatRequest,
    ImagePart,
    Message,
    Part,
    VideoPart,
)
from weighbridge.scorers.base import AnyScorer, Judge, Scorer
from weighbridge.scorers.panel import Panel
from weighbridge.store.blobs import Blobs

log = logging.getLogger(__name__)
_NOTHING = Given()
_NOBODY_TO_ASK = Failed("unanswered", "no answer was handed in for this case", calls=0)


class CaseWork:
    """One evaluation, made ready to be applied to any number of cases.

    Args:
        evaluation: what to do.
        model: whom to ask; None: nobody, as the answers are given.
        scorers: by key, in the order of the evaluation.
        judges: models that the judges among them ask, by the name they say.
        blobs: where images that are part of an answer are kept.
        files: where images and videos of the prompt are found that are no addresses.
    """

    def __init__(
        self,
        evaluation: Evaluation,
        model: Askable | None,
        scorers: Mapping[str, AnyScorer],
        judges: Mapping[str | None, Askable],
        blobs: Blobs,
        files: Files | None = None,
    ) -> None:
        self._evaluation = evaluation
        self._files = files
        self._model = model
        # Sorted out once: asking a protocol whether an object follows it is slow.
        self._scorers = tuple(
            (key, scorer, isinstance(scorer, Judge)) for key, scorer in scorers.items()
        )
        self._judges = judges
        self._blobs = blobs
        self._choosing = Choosing(evaluation, evaluation.choose) if evaluation.choose else None
        self._messages = tuple(_MessageTemplate(message) for message in evaluation.messages)

    async def do(self, case: Case, epoch: int, given: Given = _NOTHING) -> Record:
        """Ask and score one case; what goes wrong on the way is in the record, not raised.

        Args:
            given: what there is of it already. An answer is not asked for again, and scorers that
                have a verdict keep it.

        Returns:
            The record; its usage is what this call consumed.

        Raises:
            OutOfSpace, Unavailable: an image that came could not be stored; there is no record.
        """
        if given.failure is not None:
            return _unanswered(case, epoch, given.failure, Usage())
        try:
            request = self._request(case, epoch)
            if self._files is not None and given.answer is None:
                request = await self._files.put_into(request)
            answer = given.answer or await self._ask(request, case)
        except NothingToChoose as problem:
            return self._undecided(case, epoch, problem)
        except CallFailed as error:
            return _unanswered(case, epoch, error.failure, error.usage)
        except WeighbridgeError:
            raise
        except Exception as error:
            # A bug of ours must cost this case, not the run; it may be retried like any failure.
            log.exception("case %s", case.id)
            failure = Failed("internal", f"{type(error).__name__}: {error}")
            return _unanswered(case, epoch, failure, Usage())
        outcomes: dict[str, Outcome] = {}
        panel = Panel(
            self._judges, self._evaluation.timeout_s, request.messages, given.others, self._blobs
        )
        for key, scorer, is_judge in self._scorers:
            if key in given.verdicts:
                outcomes[key] = given.verdicts[key]
            else:
                outcomes[key] = await _score(scorer, answer, case, panel if is_judge else None)
        usage = answer.usage if given.answer is None else Usage()
        usage = usage + panel.usage if panel.used else usage
        return Record(case.position, case.id, epoch, answer, outcomes, None, usage, case.cluster)

    def _undecided(self, case: Case, epoch: int, problem: NothingToChoose) -> Record:
        outcomes: dict[str, Outcome] = {key: Ungraded(str(problem)) for key, *_ in self._scorers}
        answer = Answer("", usage=problem.usage)
        return Record(
            case.position, case.id, epoch, answer, outcomes, None, problem.usage, case.cluster
        )

    async def _ask(self, request: ChatRequest, case: Case) -> Answer:
        if self._model is None:
            raise CallFailed(_NOBODY_TO_ASK, retry=False)
        if self._choosing is not None:
            return await self._choosing.ask(self._model, request, case)
        output, timeout_s = self._evaluation.output, self._evaluation.timeout_s
        if output is Output.EMBEDDINGS:
            return await embed(self._model, request, timeout_s)
        reply = await self._model.chat(request, timeout_s=timeout_s)
        if output is not Output.TEXT:
            refuse_without(output, reply)
        return Answer(
            reply.text,
            reply.finish_reason,
            reply.latency_s,
            reply.usage,
            reply.model,
            await keep(self._blobs, reply),
        )

    def _request(self, case: Case, epoch: int) -> ChatRequest:
        evaluation = self._evaluation
        return ChatRequest(
            messages=tuple([message.render(case) for message in self._messages]),
            params=evaluation.params,
            schema=evaluation.schema,
            repeat=epoch,
        )


def sample_request(evaluation: Evaluation) -> ChatRequest:
    """A request like those that an evaluation sends, with its templates as they are and made-up
    addresses: for finding out beforehand whether a model can be asked so."""
    messages = []
    for message in evaluation.messages:
        parts: list[Part] = [message.content]
        parts += [ImagePart("https://example.invalid/image.png") for _ in message.images]
        parts += [VideoPart("https://example.invalid/video.mp4") for _ in message.videos]
        messages.append(Message(message.role, tuple(parts)))
    by_chat = evaluation.choose is not None and evaluation.choose.ask == "chat"
    return ChatRequest(
        tuple(messages),
        evaluation.params,
        evaluation.schema,
        top_logprobs=TOP_LOGPROBS if by_chat else None,
    )


def request_for(evaluation: Evaluation, row: JsonObject) -> ChatRequest:
    """The request that an evaluation sends for a row, its images and videos as they are named."""
    case = Case(0, "", row, None, None)
    messages = tuple(_MessageTemplate(message).render(case) for message in evaluation.messages)
    return ChatRequest(messages, evaluation.params, evaluation.schema)


def _unanswered(case: Case, epoch: int, failure: Failed, usage: Usage) -> Record:
    return Record(case.position, case.id, epoch, None, {}, failure, usage, case.cluster)


async def _score(scorer: AnyScorer, answer: Answer, case: Case, panel: Panel | None) -> Outcome:
    try:
        if panel is not None:
            return await cast("Judge", scorer).judge(answer, case, panel)
        return await cast("Scorer", scorer).score(answer, case)
    except CallFailed as error:
        return error.failure
    except Exception as error:
        log.exception("case %s, scorer %s", case.id, scorer.name)
        return Failed(
            "internal", f"the scorer {scorer.name} raised {type(error).__name__}: {error}"
        )


class _MessageTemplate:
    """A message of the prompt, compiled."""

    def __init__(self, message: PromptMessage) -> None:
        self._role = message.role
        self._content = Template(message.content)
        self._images = tuple(Template(image) for image in message.images)
        self._videos = tuple(Template(video) for video in message.videos)

    def render(self, case: Case) -> Message:
        text = self._content.render(case.inputs)
        if not self._images and not self._videos:
            return Message(self._role, text)
        images = filter(None, (image.render(case.inputs) for image in self._images))
        videos = filter(None, (video.render(case.inputs) for video in self._videos))
        parts: list[Part] = [*map(ImagePart, images), *map(VideoPart, videos)]
        if text or not parts:
            parts.insert(0, text)
        return Message(self._role, tuple(parts))
