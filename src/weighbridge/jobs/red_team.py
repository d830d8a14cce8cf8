"""Writing the prompts of a red team: a case for each, which takes one call of its own, and lists of
behaviours and queries that several cases share, each of them asked for once.

A list is kept as soon as it is there, and a prompt is an outcome like any other: whoever goes on
with a run that was killed pays twice for calls in flight alone.
"""

import asyncio
import logging
from collections import defaultdict
from dataclasses import replace

from weighbridge.core.case import Case
from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Answer, Failed, Given, Record, Usage
from weighbridge.core.red_team import RedTeamRun
from weighbridge.core.run import RunState
from weighbridge.errors import WeighbridgeError
from weighbridge.generation.red_team import Outline, case_text, finish, read_attack, read_list
from weighbridge.generation.red_team_asking import Ask
from weighbridge.jobs.loading import LoadedRun
from weighbridge.jobs.suite_prompts import replies_of
from weighbridge.providers.base import Askable, CallFailed, ChatRequest, Message, Reply
from weighbridge.store.engine import Store
from weighbridge.store.red_teams import end_run, find_run, put_part

log = logging.getLogger(__name__)

_TRIES = 2
"""How often a model is asked for the same, where its reply is of no use."""


class RedTeamWork:
    """A run that writes for a red team, made ready to be applied to its cases. A `jobs.work.Work`.

    Args:
        loaded: the run. run: what it writes. model: who writes. store: where lists are kept.
    """

    def __init__(self, loaded: LoadedRun, run: RedTeamRun, model: Askable, store: Store) -> None:
        self._evaluation = loaded.evaluation
        self._run = run
        self._model = model
        self._store = store
        self._outline = Outline(run, by_model=True)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._failed: dict[str, Failed] = {}

    async def do(self, case: Case, epoch: int, given: Given) -> Record:
        """Write one prompt, and what has to be there before it; as `Work.do`."""
        if given.answer is not None:
            return _record(case, epoch, given.answer, None, Usage())
        call = _Calls(self._model, self._evaluation.timeout_s, self._evaluation.params)
        try:
            text = await self._write(case.position, call)
        except CallFailed as error:
            return _record(case, epoch, None, error.failure, call.usage + error.usage)
        except WeighbridgeError:
            raise
        except Exception as error:
            # A bug of ours must cost this case, not the run; it may be retried like any failure.
            log.exception("case %s", case.id)
            failure = Failed("internal", f"{type(error).__name__}: {error}")
            return _record(case, epoch, None, failure, call.usage)
        answer = Answer(text, call.finish_reason, call.latency_s, call.usage, call.model)
        return _record(case, epoch, answer, None, call.usage)

    async def _write(self, position: int, call: "_Calls") -> str:
        outline = self._outline
        behavior, number = outline.place(position)
        await self._ensure(outline.behavior_parts, position, call)
        await self._ensure(outline.query_parts(behavior), number, call)
        query = (await asyncio.to_thread(outline.queries, behavior))[number].text
        ask = outline.ask_attack(position)
        prompt = None
        for attempt in range(_TRIES):
            reply = await call(ask, attempt)
            prompt = read_attack(reply.text, query)
            if prompt is not None:
                break
        return case_text(outline, position, prompt)

    async def _ensure(self, parts: tuple[str, ...], first: int, call: "_Calls") -> None:
        """See to it that lists are there. Cases begin at different ones, so that those who come at
        the same time have them written side by side."""
        for place in range(len(parts)):
            part = parts[(first + place) % len(parts)]
            async with self._locks[part]:
                if part not in self._outline.parts:
                    await self._have_written(part, call)

    async def _have_written(self, part: str, call: "_Calls") -> None:
        if part in self._failed:  # whoever waited need not wait for the same again
            raise CallFailed(self._failed[part], retry=False)
        ask = await asyncio.to_thread(self._outline.ask, part)
        texts: tuple[str, ...] = ()
        for attempt in range(_TRIES):
            try:
                reply = await call(ask, attempt)
            except CallFailed as error:
                self._failed[part] = replace(error.failure, calls=0)
                raise
            texts = read_list(part, reply.text)
            if texts:
                break
        async with self._store.begin() as connection:
            self._outline.parts |= await put_part(connection, self._run, part, texts)


class _Calls:
    """The calls of one case, and what they came to."""

    def __init__(self, model: Askable, timeout_s: float, params: JsonObject) -> None:
        self._model = model
        self._timeout_s = timeout_s
        self._params = params
        self.usage = Usage()
        self.latency_s = 0.0
        self.finish_reason: str | None = None
        self.model: str | None = None

    async def __call__(self, ask: Ask, attempt: int) -> Reply:
        """Ask; a second try is another repeat, so that no cache gives the first reply again."""
        request = ChatRequest(
            (Message("system", ask.system), Message("user", ask.user)),
            self._params,
            ask.schema,
            repeat=attempt,
        )
        reply = await self._model.chat(request, timeout_s=self._timeout_s)
        self.usage += reply.usage
        self.latency_s += reply.latency_s
        self.finish_reason, self.model = reply.finish_reason, reply.model
        return reply


async def deliver_red_team(
    store: Store, loaded: LoadedRun, run: RedTeamRun
) -> tuple[RunState, str | None]:
    """Give a run its prompts. May be broken off anywhere and begun again.

    Returns:
        The state and reason that the run ends with.
    """
    replies = await replies_of(store, loaded)
    async with store.begin() as connection:
        found = await find_run(connection, run.workspace_id, run.id)
    if found is None:  # it was deleted meanwhile
        return RunState.SUCCEEDED, None
    outline = Outline(found, by_model=loaded.model is not None)
    result, problem = await asyncio.to_thread(finish, outline, replies)
    async with store.begin() as connection:
        await end_run(connection, found, result, problem)
    return RunState.SUCCEEDED, problem


def _record(
    case: Case, epoch: int, answer: Answer | None, failure: Failed | None, usage: Usage
) -> Record:
    return Record(case.position, case.id, epoch, answer, {}, failure, usage, case.cluster)
