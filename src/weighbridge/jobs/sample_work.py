"""How a sample is made: planned, written, revised, and made again where it does not pass."""

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from weighbridge.core.case import Case
from weighbridge.core.json import Json, JsonObject
from weighbridge.core.outcome import Answer, Failed, Given, Record, Usage
from weighbridge.core.production import Making, making_of
from weighbridge.core.synthesis import Blueprint, Production
from weighbridge.errors import WeighbridgeError
from weighbridge.generation.replies import read_object
from weighbridge.jobs.loading import LoadedRun
from weighbridge.jobs.sample_seeds import seeds_of
from weighbridge.providers.base import Askable, CallFailed, ChatRequest, Message, Reply
from weighbridge.providers.thinking import ROOM, SUFFIX
from weighbridge.store.engine import Store
from weighbridge.synthesis.calculator import resolve
from weighbridge.synthesis.form import read_blueprint
from weighbridge.synthesis.sample_form import SampleForm, Unfit, form_of_production
from weighbridge.synthesis.sample_prompts import (
    Plan,
    Prompt,
    SamplePrompts,
    Seen,
    again,
    read_plan,
    read_revision,
    read_seen,
)

log = logging.getLogger(__name__)

MOST_TRIES = 3
"""How often a sample is written at most before it has failed."""
UNFIT = "nonconformant"
"""The kind of failure where no try passed the filters."""
UNREADABLE = "malformed"
"""The kind of failure where no try was a sample at all."""

_MOST_TOLD = 600
_MOST_RAW = 4_000
_LOW_BUDGET, _MEDIUM_BUDGET = 2_048, 8_192
_SCHEMA_REFUSED = re.compile(r"response_format|schema|structured|output_config|grammar|guided")


class SampleWork:
    """The samples of one production.

    Args:
        loaded: the run. production: what it makes.
        model: that writes. store: where seeds are.
    """

    def __init__(
        self, loaded: LoadedRun, production: Production, model: Askable, store: Store
    ) -> None:
        self._loaded = loaded
        self._production = production
        self._model = model
        self._store = store
        self._making = making_of(production)
        self._prepared: asyncio.Task[_Workshop] | None = None

    async def do(self, case: Case, epoch: int, given: Given) -> Record:
        """As `Work.do`: make one sample. The answer is the sample, in the engine's form."""
        if given.answer is not None:
            return Record(case.position, case.id, epoch, given.answer, {}, cluster=case.cluster)
        workshop = await self._workshop()
        calls = Calls(self._loaded.evaluation.timeout_s)
        try:
            answer: Answer | None = await workshop.make(case, calls)
            failure = None
        except CallFailed as error:
            answer, failure = None, replace(error.failure, calls=calls.usage.calls)
        except WeighbridgeError:
            raise
        except Exception as error:
            # A bug of ours must cost this sample, not the run.
            log.exception("case %s", case.id)
            answer, failure = None, Failed("internal", f"{type(error).__name__}: {error}")
        return Record(case.position, case.id, epoch, answer, {}, failure, calls.usage, case.cluster)

    async def _workshop(self) -> "_Workshop":
        """What all samples need, read once."""
        if self._prepared is None:
            self._prepared = asyncio.create_task(self._prepare())
        # Whoever is cancelled while waiting must not end it for the others.
        return await asyncio.shield(self._prepared)

    async def _prepare(self) -> "_Workshop":
        production, making = self._production, self._making
        blueprint = read_blueprint(str(production.params["content"]))
        form = form_of_production(production)
        seeds = await seeds_of(self._store, production)
        prompts = SamplePrompts(blueprint, form, making, production.wanted, seeds)
        others = self._loaded.others
        models = {
            role: others.get(name, self._model) if (name := making.name_of(role)) else self._model
            for role in ("outline", "revision")
        }
        return _Workshop(blueprint, form, making, prompts, self._model, models)


class Calls:
    """The calls that one sample takes, and what they used up.

    Args:
        timeout_s: for each of them.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self.usage = Usage()
        self.latency_s = 0.0
        self.model: str | None = None

    async def ask(self, model: Askable, request: ChatRequest) -> Reply:
        """Ask a model.

        Raises:
            CallFailed: it gave no reply.
        """
        try:
            reply = await model.chat(request, timeout_s=self._timeout_s)
        except CallFailed as failed:
            self.usage += failed.usage
            if request.schema is None or not _refuses_schema(failed):
                raise
            return await self.ask(model, replace(request, schema=None))
        self.usage += reply.usage
        self.latency_s += reply.latency_s
        self.model = reply.model or self.model
        return reply


@dataclass(slots=True)
class _Story:
    """What happened on the way to a sample."""

    tries: int = 0
    planned: bool = False
    cycles: int = 0
    revised: list[str] = field(default_factory=list)
    calculated: int = 0
    rejected: list[str] = field(default_factory=list)

    def told(self, case: Case, making: Making) -> JsonObject:
        """As the details of an answer."""
        return {
            "tags": case.inputs["tags"],
            "tries": self.tries,
            "planned": self.planned,
            "revisions": {"cycles": self.cycles, "found": self.revised},
            "calculated": self.calculated,
            "filters": dict.fromkeys(making.filters, "passed"),
            "rejected": self.rejected,
        }


class _Workshop:
    """What makes samples, one after the other or many at once."""

    def __init__(
        self,
        blueprint: Blueprint,
        form: SampleForm,
        making: Making,
        prompts: SamplePrompts,
        model: Askable,
        models: Mapping[str, Askable],
    ) -> None:
        self._blueprint = blueprint
        self._form = form
        self._making = making
        self._prompts = prompts
        self._models = {"generation": model, **models}

    async def make(self, case: Case, calls: Calls) -> Answer:
        """A sample that passes.

        Raises:
            CallFailed: a call gave no reply, or no try passed.
        """
        number, tags = case.position, _tags_of(case)
        story = _Story()
        kind = UNREADABLE
        for _ in range(MOST_TRIES):
            story.tries += 1
            try:
                sample = await self._written(number, tags, story, calls)
                sample = await self._revised(number, tags, sample, story, calls)
            except Unfit as unfit:
                story.rejected += unfit.problems
                continue
            problems = await self._problems(number, tags, sample, calls)
            if not problems:
                return Answer(
                    sample,
                    "stop",
                    calls.latency_s,
                    calls.usage,
                    calls.model,
                    story.told(case, self._making),
                )
            kind = UNFIT
            story.rejected += problems
        told = "; ".join(dict.fromkeys(story.rejected[::-1]))[:_MOST_TOLD]
        message = f"none of {story.tries} tries is a sample that passes: {told}"
        raise CallFailed(Failed(kind, message, calls=calls.usage.calls), retry=False)

    async def _written(
        self, number: int, tags: Mapping[str, str], story: _Story, calls: Calls
    ) -> str:
        """A draft.

        Raises:
            Unfit: what the model wrote is no sample.
        """
        form, making, notes = self._form, self._making, story.rejected
        plan = None
        if not (making.skip_outline or form.is_table):
            reply = await self._ask("outline", self._prompts.plan(number, tags, notes), calls)
            plan = read_plan(reply.text)
            story.planned = True
        if form.keys and not making.unified:
            written = await self._one_by_one(number, tags, plan, story, calls)
            return form.put_together(written)
        if plan is not None and form.prose and len(plan.parts) > 1:
            return await self._by_parts(number, tags, plan, story, calls)
        prompt = self._prompts.draft(number, tags, plan, notes)
        text = await self._text("generation", prompt, story, calls)
        return form.read(text)

    async def _by_parts(
        self, number: int, tags: Mapping[str, str], plan: Plan, story: _Story, calls: Calls
    ) -> str:
        parts: list[str] = []
        for place in range(len(plan.parts)):
            prompt = self._prompts.part(number, tags, plan, place, "\n\n".join(parts))
            parts.append((await self._text("generation", prompt, story, calls)).strip("\n"))
        return self._form.read("\n\n".join(filter(None, parts)))

    async def _one_by_one(
        self,
        number: int,
        tags: Mapping[str, str],
        plan: Plan | None,
        story: _Story,
        calls: Calls,
    ) -> dict[str, Json]:
        """The columns or files of a sample, each by a call of its own."""
        written: dict[str, Json] = {}
        for name in self._form.keys:
            prompt = self._prompts.one(number, tags, name, written, plan, story.rejected)
            text = await self._text("generation", prompt, story, calls)
            if not self._form.is_table:
                written[name] = text
                continue
            value = read_object(text)
            if value is None or "value" not in value:
                raise Unfit([f"the reply for the column {name} is no JSON object with a value"])
            written[name] = value["value"]
        return written

    async def _revised(
        self, number: int, tags: Mapping[str, str], sample: str, story: _Story, calls: Calls
    ) -> str:
        """The sample after its revisions: until there is nothing to mend, or often enough."""
        if not self._making.revisions:
            return sample
        for cycle in range(self._making.cycles):
            prompt = self._prompts.revise(number, tags, sample, cycle)
            reply = await self._ask("revision", prompt, calls)
            story.cycles += 1
            # A reply that breaks off would break off the sample.
            revision = None if reply.finish_reason == "length" else read_revision(reply.text)
            if revision is None or not revision.problems:
                break
            story.revised += [
                f"{aspect}: {what}" if aspect else what for aspect, what in revision.problems
            ]
            if revision.revised is None:
                break
            try:
                mended = self._form.read(self._worked_out(revision.revised, story))
            except Unfit:
                break
            if self._form.problems(mended) and not self._form.problems(sample):
                break
            if mended == sample:
                break
            sample = mended
        return sample

    async def _problems(
        self, number: int, tags: Mapping[str, str], sample: str, calls: Calls
    ) -> list[str]:
        """Why a sample does not pass the filters; none: it does."""
        filters = self._making.filters
        problems = self._form.problems(sample) if "structural" in filters else []
        if problems or "conformance" not in filters:
            return problems
        seen = await self._seen(number, sample, calls)
        for name, value in tags.items():
            shows = seen.values.get(name)
            if shows != value:
                what = f"shows {shows!r}" if shows else "shows none of the values"
                problems.append(f"{name} is to be {value!r}, and the sample {what}")
        if seen.unsatisfied is not None:
            problems.append(f"requirements: {seen.unsatisfied}")
        return problems

    async def _seen(self, number: int, sample: str, calls: Calls) -> Seen:
        """What a judge sees in a sample.

        Raises:
            CallFailed: it could not be asked, or twice said nothing that could be read.
        """
        prompt = self._prompts.inspect(number, sample)
        reply = await self._ask("revision", prompt, calls)
        seen = read_seen(reply.text, self._blueprint)
        if seen is None:
            more = (
                Message("assistant", reply.text[-_MOST_RAW:] or "(nothing)"),
                Message("user", again("it is no JSON object with `values`.")),
            )
            reply = await self._ask("revision", prompt, calls, more)
            seen = read_seen(reply.text, self._blueprint)
        if seen is None:
            message = "whether the sample conforms could not be read from what the model said"
            raise CallFailed(Failed(UNREADABLE, message), retry=False)
        return seen

    async def _text(self, role: str, prompt: Prompt, story: _Story, calls: Calls) -> str:
        """What a model wrote, with its figures worked out.

        Raises:
            Unfit: it breaks off, or an expression cannot be worked out.
        """
        reply = await self._ask(role, prompt, calls)
        if reply.finish_reason == "length":
            raise Unfit(["it was cut off at the longest reply: be briefer"])
        if reply.finish_reason == "content_filter":
            raise Unfit(["a filter of the endpoint stopped it"])
        return self._worked_out(reply.text, story)

    def _worked_out(self, text: str, story: _Story) -> str:
        if "calculator" not in self._making.tools:
            return text
        found = resolve(text)
        if found.problems:
            raise Unfit(found.problems)
        story.calculated += found.done
        return found.text

    async def _ask(
        self, role: str, prompt: Prompt, calls: Calls, more: Sequence[Message] = ()
    ) -> Reply:
        model = self._models[role]
        messages = (Message("system", prompt.system), Message("user", prompt.user), *more)
        params = _params(prompt, model, self._making.thinking.get(role))
        return await calls.ask(model, ChatRequest(messages, params, prompt.schema))


def _tags_of(case: Case) -> dict[str, str]:
    tags = case.inputs["tags"]
    found = tags if isinstance(tags, Mapping) else {}
    return {name: str(value) for name, value in found.items()}


def _params(prompt: Prompt, model: Askable, budget: int | None) -> JsonObject:
    """The parameters of a request.

    Args:
        budget: tokens that the model may think for; None: as its name says.
    """
    params: dict[str, Json] = {
        "temperature": prompt.temperature,
        "max_tokens": prompt.most_tokens,
    }
    protocol = model.identity.get("protocol")
    if budget is None:
        if protocol == "openai" and model.name.endswith(SUFFIX):
            params["max_tokens"] = prompt.most_tokens + ROOM
        return params
    # What a model thinks counts as part of its reply.
    params["max_tokens"] = prompt.most_tokens + budget
    if protocol == "anthropic":
        params["thinking"] = {"type": "enabled", "budget_tokens": budget}
        del params["temperature"]
    elif protocol == "google":
        params["thinkingConfig"] = {"includeThoughts": True, "thinkingBudget": budget}
    elif protocol == "openai":
        effort = (
            "low" if budget <= _LOW_BUDGET else "medium" if budget <= _MEDIUM_BUDGET else "high"
        )
        params["reasoning_effort"] = effort
    return params


def _refuses_schema(failed: CallFailed) -> bool:
    """Whether an endpoint has no structured output, or none like this."""
    failure = failed.failure
    return failure.kind in {"bad_request", "unsupported"} and bool(
        _SCHEMA_REFUSED.search(failure.message)
    )
