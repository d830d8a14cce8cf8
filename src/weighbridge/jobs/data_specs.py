"""Proposing the blueprint of a spec: in the first case of its run a model proposes it, and in each
of the others the model says which values one of the seeds shows.

A proposal is an outcome like any other: whoever goes on with a run that was killed pays twice for
calls in flight alone. Where no model is asked, the blueprint is what can be measured of the seeds.
"""

import asyncio
import logging
from dataclasses import dataclass, replace

from weighbridge.core.case import Case
from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Answer, Failed, Given, Record
from weighbridge.core.run import RunState
from weighbridge.core.synthesis import DataSpec
from weighbridge.errors import Invalid, NotFound, TooLarge, WeighbridgeError
from weighbridge.jobs.loading import LoadedRun
from weighbridge.jobs.sample_work import Calls
from weighbridge.jobs.suite_prompts import replies_of
from weighbridge.providers.base import Askable, CallFailed, ChatRequest, Message, Reply
from weighbridge.providers.thinking import ROOM, SUFFIX
from weighbridge.store.data_specs import end_data_spec
from weighbridge.store.engine import Store
from weighbridge.store.outcomes import outcomes_at
from weighbridge.store.seeds import find_seeds
from weighbridge.synthesis.blueprint_prompts import (
    Prompt,
    Proposal,
    ProposedProperty,
    Wanted,
    again,
    classify,
    propose,
    read_labels,
    read_proposal,
    spread,
)
from weighbridge.synthesis.blueprints import Made, from_objectives, from_seeds
from weighbridge.synthesis.form import write_blueprint
from weighbridge.synthesis.measuring import Measurement, measure
from weighbridge.synthesis.reading import SeedSample, seed_samples

log = logging.getLogger(__name__)

MOST_CLASSIFIED = 100
"""Seeds in which a model looks for values."""
MOST_MEASURED = 50_000
"""Samples that are measured: the first ones."""
MEASURED_ALONE = "measured by rules alone, as no model that can write is declared or named"
"""What is said of a blueprint for which no model was asked."""

_NOTHING = "{}"  # the answer of a case in which there is nothing to look for
_MOST_TOKENS = {"propose": 6_000, "classify": 1_000}
_TEMPERATURE = {"propose": 0.4, "classify": 0.0}
_MOST_RAW = 4_000


@dataclass(frozen=True, slots=True)
class _Seeds:
    """What a blueprint is made from.

    Attributes:
        measured: None: there are no seeds.
        about: what is said of them.
    """

    samples: list[SeedSample]
    measured: Measurement | None
    about: str


class BlueprintWork:
    """A run that proposes a blueprint, made ready to be applied to its cases. A `jobs.work.Work`.

    Args:
        loaded: the run. spec: whose blueprint. model: who proposes. store: where seeds are.
    """

    def __init__(self, loaded: LoadedRun, spec: DataSpec, model: Askable, store: Store) -> None:
        self._loaded = loaded
        self._spec = spec
        self._model = model
        self._store = store
        self._reading: asyncio.Task[_Seeds] | None = None
        self._lock = asyncio.Lock()
        self._proposed: str | Failed | None = None

    async def do(self, case: Case, epoch: int, given: Given) -> Record:
        """As `Work.do`: propose, or look at one seed."""
        if given.answer is not None:
            return Record(case.position, case.id, epoch, given.answer, {}, cluster=case.cluster)
        seeds = await self._seeds()
        calls = Calls(self._loaded.evaluation.timeout_s)
        answer, failure = None, None
        try:
            if case.position == 0:
                text = await self._proposal(seeds, calls, first=True)
            else:
                text = await self._look(case.position - 1, seeds, calls)
            answer = Answer(text, "stop", calls.latency_s, calls.usage, calls.model)
        except CallFailed as error:
            failure = replace(error.failure, calls=calls.usage.calls)
        except WeighbridgeError:
            raise
        except Exception as error:
            # A bug of ours must cost this case, not the run.
            log.exception("case %s", case.id)
            failure = Failed("internal", f"{type(error).__name__}: {error}")
        return Record(case.position, case.id, epoch, answer, {}, failure, calls.usage, case.cluster)

    async def _seeds(self) -> _Seeds:
        """What all cases need, read once."""
        if self._reading is None:
            self._reading = asyncio.create_task(_read_seeds(self._store, self._spec))
        # Whoever is cancelled while waiting must not end it for the others.
        return await asyncio.shield(self._reading)

    async def _proposal(self, seeds: _Seeds, calls: Calls, *, first: bool = False) -> str:
        """What the model proposes, which it is asked for once.

        Args:
            first: for the case that is about it, which may be done again after it failed.

        Raises:
            CallFailed: it gave no reply, to whoever asked.
        """
        async with self._lock:  # the first case comes first, and others wait for it
            if self._proposed is None and not first:
                self._proposed = await self._kept()
            if self._proposed is None:
                self._proposed = await self._have_proposed(seeds, calls)
            if isinstance(self._proposed, Failed):
                raise CallFailed(self._proposed, retry=False)
            return self._proposed

    async def _kept(self) -> str | Failed | None:
        """What was proposed before this process began, or why nothing was; None: nobody asked."""
        run = self._loaded.run
        async with self._store.begin() as connection:
            found = await outcomes_at(connection, run.workspace_id, run.id, [0])
        for record in found:
            return record.answer.text if record.answer is not None else record.failure
        return None

    async def _have_proposed(self, seeds: _Seeds, calls: Calls) -> str:
        wanted = wanted_of(self._spec)
        prompt = await asyncio.to_thread(
            propose, wanted, seeds.measured, seeds.samples, seeds.about
        )
        try:
            reply = await self._ask("propose", prompt, calls)
            if not _is_usable(read_proposal(reply.text, seeds.measured), seeds.measured):
                problem = "it is no JSON object with properties, each with at least two values."
                reply = await self._ask("propose", prompt, calls, reply, problem)
        except CallFailed as error:
            self._proposed = replace(error.failure, calls=0)  # whoever waits need not ask again
            raise
        return reply.text

    async def _look(self, number: int, seeds: _Seeds, calls: Calls) -> str:
        """Which values a seed shows, as the model says it."""
        proposal = read_proposal(await self._proposal(seeds, calls), seeds.measured)
        properties = _looked_for(wanted_of(self._spec), proposal)
        places = spread(len(seeds.samples), self._loaded.plan.cases - 1)
        if not properties or number >= len(places):
            return _NOTHING
        prompt = classify(properties, seeds.samples[places[number]])
        reply = await self._ask("classify", prompt, calls)
        if read_labels(reply.text, properties) is None:
            problem = "it is no JSON object with an entry for each property."
            reply = await self._ask("classify", prompt, calls, reply, problem)
        return reply.text

    async def _ask(
        self,
        purpose: str,
        prompt: Prompt,
        calls: Calls,
        before: Reply | None = None,
        problem: str = "",
    ) -> Reply:
        """Ask the model, for a second time if there is a reply that was of no use."""
        messages = [Message("system", prompt.system), Message("user", prompt.user)]
        if before is not None:
            messages.append(Message("assistant", before.text[-_MOST_RAW:] or "(nothing)"))
            messages.append(Message("user", again(problem)))
        most = _MOST_TOKENS[purpose]
        thinks = self._model.identity.get("protocol") == "openai"
        if thinks and self._model.name.endswith(SUFFIX):
            most += ROOM
        params: JsonObject = {"temperature": _TEMPERATURE[purpose], "max_tokens": most}
        return await calls.ask(self._model, ChatRequest(tuple(messages), params, prompt.schema))


async def deliver_blueprint(
    store: Store, loaded: LoadedRun, spec: DataSpec
) -> tuple[RunState, str | None]:
    """Give a spec its first version. May be broken off anywhere and begun again.

    Returns:
        The state and reason that the run ends with.
    """
    replies = await replies_of(store, loaded)
    try:
        made = await _made(store, loaded, spec, replies)
    except (Invalid, NotFound, TooLarge) as error:
        async with store.begin() as connection:
            await end_data_spec(connection, spec, problem=error.message)
        return RunState.FAILED, error.message
    content = await asyncio.to_thread(write_blueprint, made.blueprint, made.metadata)
    async with store.begin() as connection:
        await end_data_spec(connection, spec, content=content)
    note = made.metadata.get("note")
    return RunState.SUCCEEDED, note if isinstance(note, str) else None


def wanted_of(spec: DataSpec) -> Wanted:
    """What the blueprint of a spec is to be like."""
    params = spec.params
    return Wanted(
        objectives=str(params.get("objectives") or ""),
        distributions=bool(params.get("distributions", True)),
        conditionals=bool(params.get("conditionals", False)),
        extrapolate_values=bool(params.get("extrapolate_values", True)),
        extrapolate_axes=bool(params.get("extrapolate_axes", False)),
    )


async def _read_seeds(store: Store, spec: DataSpec) -> _Seeds:
    """The seeds of a spec, measured.

    Raises:
        NotFound: they are gone.
        WeighbridgeError: they cannot be read.
    """
    if spec.seeds_id is None:
        return _Seeds([], None, "")
    async with store.begin() as connection:
        seeds = await find_seeds(connection, spec.workspace_id, spec.seeds_id)
    if seeds is None:
        raise NotFound(f"the seed dataset {spec.seeds_name!r} was deleted")
    samples = await seed_samples(store, seeds, MOST_MEASURED)
    measured = await asyncio.to_thread(measure, samples)
    return _Seeds(samples, measured, f"{seeds.name}\n\n{seeds.description or ''}".strip())


async def _made(
    store: Store, loaded: LoadedRun, spec: DataSpec, replies: dict[int, str | None]
) -> Made:
    """The blueprint that a run has come to.

    Raises:
        WeighbridgeError: there is none, for this reason.
    """
    seeds = await _read_seeds(store, spec)
    wanted = wanted_of(spec)
    model = spec.params.get("model")
    if model is None and seeds.measured is not None:
        made = await asyncio.to_thread(from_seeds, wanted, seeds.measured)
        return _told(made, spec, MEASURED_ALONE, seeds)
    proposed = replies.get(0)
    if proposed is None:
        raise Invalid(f"the model {model} gave no reply when it was asked for a blueprint")
    proposal = read_proposal(proposed, seeds.measured)
    if not _is_usable(proposal, seeds.measured):
        if seeds.measured is None or not seeds.measured.traits:
            raise Invalid(f"the reply of the model {model} holds no blueprint")
        made = await asyncio.to_thread(from_seeds, wanted, seeds.measured)
        note = f"measured by rules alone, as the reply of the model {model} held no blueprint"
        return _told(made, spec, note, seeds)
    assert proposal is not None  # noqa: S101 (it can be used)
    if seeds.measured is None:
        return _told(from_objectives(wanted, proposal), spec, None, seeds)
    properties = _looked_for(wanted, proposal)
    seen: dict[int, dict[str, str | None]] = {}
    for number, place in enumerate(spread(len(seeds.samples), loaded.plan.cases - 1), start=1):
        labels = read_labels(replies.get(number) or "", properties)
        if labels is not None:
            seen[place] = labels
    made = await asyncio.to_thread(from_seeds, wanted, seeds.measured, proposal, seen)
    return _told(made, spec, None, seeds)


def _told(made: Made, spec: DataSpec, note: str | None, seeds: _Seeds) -> Made:
    """The blueprint with all that is to be known about where it is from."""
    metadata = {"model": spec.params.get("model"), "seeds": spec.seeds_name}
    if note is not None:
        metadata["note"] = note
    if len(seeds.samples) == MOST_MEASURED:
        metadata["measured"] = f"the first {MOST_MEASURED:,} samples"
    return Made(made.blueprint, {**metadata, **made.metadata})


def _is_usable(proposal: Proposal | None, measured: Measurement | None) -> bool:
    return proposal is not None and (bool(proposal.properties) or measured is not None)


def _looked_for(wanted: Wanted, proposal: Proposal | None) -> tuple[ProposedProperty, ...]:
    """The properties of which seeds are to say how often their values occur."""
    if proposal is None or not wanted.distributions:
        return ()
    return tuple(it for it in proposal.properties if it.in_seeds)
