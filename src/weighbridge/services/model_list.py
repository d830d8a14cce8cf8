"""Models as people look at them: where they are, what they cost and can do, how they did lately;
and a short call to see whether one answers."""

import asyncio
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

from weighbridge.core.caller import Caller, Role
from weighbridge.core.outcome import Failed, Usage
from weighbridge.core.run import Run
from weighbridge.errors import FieldProblem, Invalid, InvalidFields
from weighbridge.providers.base import CallFailed, ChatRequest, Message
from weighbridge.providers.catalog import EMBEDDED, ENDPOINTS, Endpoint
from weighbridge.providers.declared import DeclaredModel
from weighbridge.providers.model import Model, ModelLoad, Models
from weighbridge.providers.pricing import PriceOf, price_of
from weighbridge.services.runs import Runs
from weighbridge.store.engine import Store
from weighbridge.store.outcomes import recent_latencies

TEST_PROMPT = "Reply with the single word: ready"
TEST_TOKENS = 16
TEST_TIMEOUT_S = 60.0
LONGEST_PROMPT = 2_000
_CHARACTERS_PER_TOKEN = 4
_OWN_PROTOCOLS = frozenset({"embedded", "llama", "scripted"})
_RECENT_RUNS = 200
_RECENT_ANSWERS = 200
_MILLION = 1_000_000


class Origin(StrEnum):
    """Where a model comes from."""

    DECLARED = "declared"
    """the operator's file of models"""
    ADDED = "added"
    """the data folder: `weighbridge embedded add`"""
    RESERVED = "reserved"
    """it is always there"""
    PROVIDER = "provider"
    """a provider's, by `provider/model`"""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens; None: not known.

    Attributes:
        known_from: `declared`, `price list`, `runs here` (nobody is paid), or None.
    """

    input: float | None
    output: float | None
    known_from: str | None


@dataclass(frozen=True, slots=True)
class Lately:
    """How a model did in the newest runs.

    Attributes:
        runs: how many of them. cases, failed: done in these, and failed for good.
        answers: of the newest run, of which times are told. median_s, slow_s: half of them took at
            most so long, and 95 of 100; None without answers.
        at: when the newest run began.
    """

    runs: int
    cases: int
    failed: int
    answers: int
    median_s: float | None
    slow_s: float | None
    at: datetime


@dataclass(frozen=True, slots=True)
class ModelView:
    """A model that evaluations can name.

    Attributes:
        declared: as it is declared.
        host: of its endpoint, with the port; None: it runs here.
        has_key: whether the variable that holds its key is set; None: it needs none.
        why_not: what is missing before it can be asked; None: nothing.
        load: how busy it is in this process; None: it was not asked for yet.
        lately: None: no run has used it.
    """

    declared: DeclaredModel
    origin: Origin
    host: str | None
    has_key: bool | None
    why_not: str | None
    price: Price
    load: ModelLoad | None = None
    lately: Lately | None = None


@dataclass(frozen=True, slots=True)
class ProviderView:
    """A provider whose models can be named without being declared.

    Attributes:
        host: of its endpoint. key_env: variable that holds its key, if it needs one.
        usable: whether that is set, or none is needed.
    """

    name: str
    protocol: str
    host: str
    key_env: str | None
    usable: bool


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a short call.

    Attributes:
        answer: None: there is none. failure: why not.
        model: what the endpoint calls itself. finish_reason: why it ended.
        usage: tokens, calls and cost.
        seconds: of the call that succeeded, or until it failed.
    """

    answer: str | None
    failure: Failed | None
    model: str | None
    finish_reason: str | None
    usage: Usage
    seconds: float


class ModelList:
    """The models of an installation.

    Args:
        store: where runs left how long answers took. models: those of this process.
        runs: where runs come from.
    """

    def __init__(self, store: Store, models: Models, runs: Runs) -> None:
        self._store = store
        self._models = models
        self._runs = runs

    async def views(self, caller: Caller) -> list[ModelView]:
        """The declared models, those added, and the one that is always there."""
        catalog = self._models.catalog
        known = [
            *((model, Origin.DECLARED) for model in catalog.declared),
            *((model, Origin.ADDED) for model in catalog.added),
            (EMBEDDED, Origin.RESERVED),
        ]
        runs = await self._runs.list(caller, limit=_RECENT_RUNS)
        loads = {load.model: load for load in self._models.loads()}
        return [
            replace(
                await self._view(model, origin),
                load=loads.get(model.name),
                lately=await self._lately(model, runs),
            )
            for model, origin in known
        ]

    async def get(self, caller: Caller, name: str) -> ModelView:
        """A model by its name, an alias, or `provider/model`.

        Raises:
            InvalidFields: no model is called that.
        """
        model = self._models.catalog.find(name)
        if model is None:
            try:
                self._models.catalog.resolve(name)
            except Invalid as error:  # says which names there are, and which come near
                raise InvalidFields([FieldProblem("name", error.message)]) from error
            raise AssertionError(name)
        runs = await self._runs.list(caller, limit=_RECENT_RUNS)
        loads = {load.model: load for load in self._models.loads()}
        view = await self._view(model, self._origin_of(model))
        return replace(view, load=loads.get(model.name), lately=await self._lately(model, runs))

    def providers(self) -> list[ProviderView]:
        """Providers whose models can be named without being declared."""
        listed = {it.name: it for it in self._models.catalog.list()}
        return [
            ProviderView(
                name,
                endpoint.protocol,
                urlsplit(endpoint.base_url).netloc,
                _variables(endpoint),
                listed[f"{name}/<model>"].usable,
            )
            for name, endpoint in ENDPOINTS.items()
        ]

    def most_usd(self, view: ModelView, prompt: str) -> float | None:
        """The most that a test call should cost, by an estimate of its tokens; None: unknown."""
        if view.price.input is None or view.price.output is None:
            return None
        tokens = len(prompt) // _CHARACTERS_PER_TOKEN + 8  # with what goes round it
        return (tokens * view.price.input + TEST_TOKENS * view.price.output) / _MILLION

    async def test(self, caller: Caller, name: str, prompt: str = TEST_PROMPT) -> Tried:
        """Ask a model something short, and say what came of it.

        Raises:
            Forbidden: the caller may not.
            InvalidFields: no model is called that, it cannot be asked now, it makes no text, or the
                prompt is empty or long.
        """
        caller.must_be(Role.WRITER)
        if not 0 < len(prompt.strip()) <= LONGEST_PROMPT:
            message = f"say something, in 1 to {LONGEST_PROMPT:,} characters"
            raise InvalidFields([FieldProblem("prompt", message)])
        model = await self._open(name)
        request = ChatRequest((Message("user", prompt),), {"max_tokens": TEST_TOKENS})
        clock = asyncio.get_running_loop().time
        begun = clock()
        try:
            reply = await model.chat(request, timeout_s=TEST_TIMEOUT_S)
        except CallFailed as failed:
            return Tried(None, failed.failure, None, None, failed.usage, clock() - begun)
        return Tried(
            reply.text, None, reply.model, reply.finish_reason, reply.usage, reply.latency_s
        )

    async def _open(self, name: str) -> Model:
        try:
            declared = self._models.catalog.resolve(name)
            if "text" not in declared.capabilities.output:
                made = " and ".join(sorted(declared.capabilities.output))
                raise Invalid(f"{name} makes {made}: a test call asks for text only")
            if declared.batch:
                raise Invalid(f"{name} is asked through batches, which may take a day")
            return await self._models.get(name)
        except Invalid as error:
            raise InvalidFields([FieldProblem("name", error.message)]) from error

    async def _view(self, model: DeclaredModel, origin: Origin) -> ModelView:
        catalog = self._models.catalog
        return ModelView(
            declared=model,
            origin=origin,
            host=urlsplit(model.base_url).netloc if model.base_url else None,
            has_key=catalog.has_key(model) if model.api_key_env else None,
            why_not=catalog.why_not(model),
            # The price list is read from a file when it is first asked for.
            price=await asyncio.to_thread(_price, model),
        )

    async def _lately(self, model: DeclaredModel, runs: Sequence[Run]) -> Lately | None:
        names = {model.name, *model.aliases}
        its = [run for run in runs if run.model in names and run.progress.done]
        if not its:
            return None
        async with self._store.begin() as connection:
            seconds = sorted(
                await recent_latencies(connection, its[0].workspace_id, its[0].id, _RECENT_ANSWERS)
            )
        return Lately(
            runs=len(its),
            cases=sum(run.progress.done for run in its),
            failed=sum(run.progress.failed for run in its),
            answers=len(seconds),
            median_s=statistics.median(seconds) if seconds else None,
            slow_s=seconds[min(len(seconds) - 1, int(len(seconds) * 0.95))] if seconds else None,
            at=its[0].created_at,
        )

    def _origin_of(self, model: DeclaredModel) -> Origin:
        if model.protocol == EMBEDDED.protocol:
            return Origin.RESERVED
        if any(model.name == added.name for added in self._models.catalog.added):
            return Origin.ADDED
        provider = model.name.partition("/")[0] in ENDPOINTS and "/" in model.name
        its_own = any(model.name == it.name for it in self._models.catalog.declared)
        return Origin.PROVIDER if provider and not its_own else Origin.DECLARED


def _price(model: DeclaredModel) -> Price:
    free = model.protocol in _OWN_PROTOCOLS
    price: PriceOf = price_of(model, free=free)
    given = price(Usage(_MILLION, 0))
    made = price(Usage(0, _MILLION))
    if given is None and made is None:
        return Price(None, None, None)
    known_from = "declared" if model.price else "runs here" if free else "price list"
    return Price(given, made, known_from)


def _variables(endpoint: Endpoint) -> str | None:
    named = [it for it in (endpoint.api_key_env, endpoint.or_key_env) if it]
    return " or ".join(named) or None
