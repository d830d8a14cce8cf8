"""Answers as they are handed in: looked at, and made responses of a scoring."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.asset import Asset, AssetState
from weighbridge.core.ids import new_id
from weighbridge.core.suite import (
    Batch,
    Given,
    Modality,
    Prompt,
    Response,
    Scoring,
    ScoringExample,
    Suite,
)
from weighbridge.errors import Conflict, FieldProblem, InvalidFields
from weighbridge.generation.turns import Exchange, Thread
from weighbridge.store import scorings
from weighbridge.store.assets import find_assets
from weighbridge.store.moments import now
from weighbridge.store.suites import find_prompts, prompts_there

MOST_AT_ONCE = 100_000
"""Responses that may be handed in together."""

_LONGEST_ANSWER = 1_000_000
_MOST_EXAMPLES = 50
_MOST_PROBLEMS = 50
_MEDIA: Mapping[str, Modality] = {"image": "image", "video": "video"}


@dataclass(frozen=True, slots=True)
class HandedIn:
    """Answers that were looked at, with all that is needed to go on.

    Attributes:
        new: those that are not kept yet. before: what is kept already, by the prompt's id.
        prompts: those that are answered, by id. assets: files among the answers, by id.
        threads: earlier turns of their conversations. earlier: the prompts of those as well.
    """

    new: tuple[Given, ...]
    before: Mapping[str, Response]
    prompts: Mapping[str, Prompt]
    assets: Mapping[str, Asset]
    threads: Mapping[str, Sequence[Response]]
    earlier: Mapping[str, Prompt]


async def look_at(
    connection: AsyncConnection, suite: Suite, scoring: Scoring | None, given: Sequence[Given]
) -> HandedIn:
    """What is new of the answers, with all that is needed to have it judged.

    Args:
        scoring: that they are added to; None: a new one.

    Raises:
        InvalidFields: something is wrong with an answer.
        Conflict: something else was answered to a prompt before, or an answer names another
            conversation or turn than its prompt's.
    """
    workspace_id = suite.workspace_id
    named = [it.prompt_id for it in given]
    prompts = await find_prompts(connection, workspace_id, named)
    there = await prompts_there(connection, suite.id, named)
    assets = await find_assets(connection, workspace_id, [it.file_id for it in given if it.file_id])
    before = {} if scoring is None else await scorings.find_responses(connection, scoring.id, named)
    threads = (
        await scorings.responses_of_threads(
            connection,
            scoring.id,
            list({it.thread_id for it in prompts.values() if it.thread_id is not None}),
        )
        if scoring is not None
        else {}
    )
    earlier = await find_prompts(
        connection,
        workspace_id,
        [it.prompt_id for turns in threads.values() for it in turns],
    )
    problems: list[FieldProblem] = []
    for number, it in enumerate(given):
        prompt = prompts.get(it.prompt_id)
        field = f"responses.{number}"
        if prompt is None or prompt.suite_id != suite.id or it.prompt_id not in there:
            problems.append(FieldProblem(f"{field}.prompt_id", "there is no such prompt here"))
            continue
        if prompt.scoring_id is not None and (scoring is None or prompt.scoring_id != scoring.id):
            message = "the prompt is of a conversation in another run: name that run"
            problems.append(FieldProblem(f"{field}.prompt_id", message))
            continue
        problems += _check_answer(field, it, assets)
    if problems:
        raise InvalidFields(problems[:_MOST_PROBLEMS])
    for it in given:
        _refuse_other_places(it, prompts[it.prompt_id])
        if (known := before.get(it.prompt_id)) and not _is_same(known, it):
            raise Conflict(
                "something else was answered to this prompt in this run before; a run keeps "
                "what it was given first: begin a new run"
            )
    return HandedIn(
        new=tuple(it for it in given if it.prompt_id not in before),
        before=before,
        prompts=prompts,
        assets=assets,
        threads=threads,
        earlier={**earlier, **prompts},
    )


def check_call(given: Sequence[Given], examples: Sequence[ScoringExample]) -> None:
    """Refuse what can be seen to be wrong without looking anything up.

    Raises:
        InvalidFields: there are no answers, or too many, or a prompt is answered twice.
    """
    problems = []
    if not given:
        problems.append(FieldProblem("responses", "hand in at least one response"))
    if len(given) > MOST_AT_ONCE:
        message = f"{len(given):,} responses; {MOST_AT_ONCE:,} can be handed in together"
        problems.append(FieldProblem("responses", message))
    if len(examples) > _MOST_EXAMPLES:
        message = f"{len(examples)} examples; {_MOST_EXAMPLES} are the most"
        problems.append(FieldProblem("examples", message))
    seen: dict[str, int] = {}
    for number, it in enumerate(given):
        first = seen.setdefault(it.prompt_id, number)
        if first != number:
            message = f"this prompt is answered twice (also by `responses.{first}`)"
            problems.append(FieldProblem(f"responses.{number}.prompt_id", message))
    if problems:
        raise InvalidFields(problems[:_MOST_PROBLEMS])


def _check_answer(field: str, it: Given, assets: Mapping[str, Asset]) -> list[FieldProblem]:
    if it.file_id is not None:
        asset = assets.get(it.file_id)
        if asset is None:
            return [FieldProblem(f"{field}.answer", "there is no such file")]
        if asset.state is AssetState.FAILED:
            return [FieldProblem(f"{field}.answer", f"the file is of no use: {asset.problem}")]
        if asset.state is not AssetState.COMPLETED:
            message = f"the file is {asset.state}: wait until it is completed"
            return [FieldProblem(f"{field}.answer", message)]
        return []
    if it.text is not None and len(it.text) > _LONGEST_ANSWER:
        message = f"{len(it.text):,} characters; {_LONGEST_ANSWER:,} are the most"
        return [FieldProblem(f"{field}.answer", message)]
    if it.text is None and not it.refused and not it.excluded:
        message = "it is needed, unless the AI refused or the answer is excluded from scoring"
        return [FieldProblem(f"{field}.answer", message)]
    return []


def _refuse_other_places(it: Given, prompt: Prompt) -> None:
    """Refuse an answer that says it is of another place than its prompt's."""
    if it.thread_id is not None and prompt.thread_id not in {None, it.thread_id}:
        raise Conflict("a response names another thread than its prompt's")
    if it.turn is not None and it.turn != prompt.turn:
        raise Conflict(f"a response names turn {it.turn}, and its prompt is of turn {prompt.turn}")


def _is_same(known: Response, it: Given) -> bool:
    before = (known.text, known.file_id, known.refused, known.excluded)
    return before == (it.text, it.file_id, it.refused, it.excluded)


def responses_of(scoring: Scoring, batch: Batch, work: HandedIn, first: int) -> dict[str, Response]:
    """What is new as it is kept, by the id of its prompt."""
    moment = now()
    made = {}
    position = 0
    for number, it in enumerate(work.new):
        prompt = work.prompts[it.prompt_id]
        asset = work.assets.get(it.file_id or "")
        made[it.prompt_id] = Response(
            id=new_id("response"),
            workspace_id=scoring.workspace_id,
            scoring_id=scoring.id,
            number=first + number,
            prompt_id=it.prompt_id,
            thread_id=prompt.thread_id or new_id("thread"),
            turn=prompt.turn,
            batch=batch.number,
            position=None if it.excluded else position,
            text=it.text,
            file_id=it.file_id,
            medium=it.medium if asset is None or asset.kind not in _MEDIA else _MEDIA[asset.kind],
            refused=it.refused,
            excluded=it.excluded,
            continues=it.continues,
            next_prompt_id=None,
            created_at=moment,
        )
        position += not it.excluded
    return made


def conversation_of(work: HandedIn, it: Given) -> str | None:
    """The earlier turns of a conversation, as text; None: it has just begun."""
    thread_id = work.prompts[it.prompt_id].thread_id
    turns = work.threads.get(thread_id or "", ())
    if not turns:
        return None
    return "\n\n".join(
        f"user: {work.earlier[turn.prompt_id].content}\n\nassistant: {_said(turn)}"
        for turn in turns
        if turn.prompt_id in work.earlier
    )


def thread_of(work: HandedIn, last: Response) -> Thread:
    """The conversation that a response is the last turn of."""
    turns = [it for it in work.threads.get(last.thread_id, ()) if it.turn < last.turn]
    exchanges = [
        Exchange(work.earlier[it.prompt_id].content, _said(it), it.refused)
        for it in (*turns, last)
        if it.prompt_id in work.earlier
    ]
    return Thread(last.thread_id, tuple(exchanges), work.earlier[last.prompt_id].about)


def _said(response: Response) -> str:
    if response.text is not None:
        return response.text
    if response.refused:
        return "(it refused)"
    return f"({response.medium})" if response.file_id else ""
