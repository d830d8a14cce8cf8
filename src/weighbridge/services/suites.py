"""Suites of prompts: written, looked at, changed."""

import asyncio
import builtins
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.caller import Caller, Role
from weighbridge.core.ids import new_id
from weighbridge.core.json import JsonObject
from weighbridge.core.run import RunState
from weighbridge.core.suggest import did_you_mean
from weighbridge.core.suite import (
    CATEGORIES,
    LANGUAGES,
    MOST_PROMPTS,
    Prompt,
    Suite,
    SuiteRequest,
    SuiteState,
    WrittenPrompt,
)
from weighbridge.errors import Conflict, FieldProblem, Invalid, InvalidFields, NotFound
from weighbridge.generation import prompts as writing
from weighbridge.generation.dealing import ABOUT_POLICIES
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.declared import RESERVED_NAME
from weighbridge.services.authors import author_of
from weighbridge.services.evaluations import Evaluations, Owner
from weighbridge.services.runs import Runs
from weighbridge.spec import parse_spec
from weighbridge.store import scorings, suites
from weighbridge.store.engine import Store
from weighbridge.store.moments import now
from weighbridge.suites.catalog import find_eval_type

MOST_IN_ALL = 200_000
"""Prompts that a suite may come to by additions."""

_LONGEST = {
    "ai_description": 20_000,
    "instructions": 100_000,
    "wishes": 20_000,
    "ground_truth": 5_000_000,
}
_LONGEST_PROMPT = 100_000
_MOST_EXAMPLES = 100
_MOST_POLICIES = 100
_LONGEST_SLUG = 64
_OVER = {RunState.FAILED, RunState.CANCELLED}


@dataclass(frozen=True, slots=True)
class PromptChange:
    """What is to become of a prompt; None: stays as it is."""

    prompt_id: str
    content: str | None = None
    category: str | None = None
    delete: bool = False


class Suites:
    """The suites of an installation.

    Args:
        store: where they are kept.
        evaluations: have their prompts written. runs: how far that is.
        catalog: which models there are.
    """

    def __init__(
        self, store: Store, evaluations: Evaluations, runs: Runs, catalog: Catalog
    ) -> None:
        self._store = store
        self._evaluations = evaluations
        self._runs = runs
        self._catalog = catalog

    def generator(self, *, sandbox: bool, wanted: str | None = None) -> str | None:
        """The model that writes; None: there is none that can, and the bank serves.

        Args:
            wanted: its name (`embedded`: the bank); None: the default.
        """
        name = wanted or self._catalog.defaults.generator
        return None if sandbox or name in {None, RESERVED_NAME} else name

    async def create(
        self,
        caller: Caller,
        request: SuiteRequest,
        *,
        name: str | None = None,
        asked: JsonObject | None = None,
        generator: str | None = None,
        owner: Owner | None = None,
    ) -> Suite:
        """Have a suite written. Where no model can write, the bank of prompts serves, and the suite
        is ready at once.

        Args:
            name: None: says what kind of suite it is.
            asked: the request in the caller's own words.
            generator: the model that writes (`embedded`: the bank); None: the default.
            owner: who executes the run in which a model writes, when it is not the queue.

        Raises:
            Forbidden: the caller may not write.
            InvalidFields: something is wrong with the request; nothing was paid.
        """
        caller.must_be(Role.WRITER)
        self.check(request)
        writer = self.generator(sandbox=request.sandbox, wanted=generator)
        suite_id = new_id("suite")
        title = _checked_name(name) if name else _name_of(request)
        by_model = writer is not None
        slots = await asyncio.to_thread(_slots, request, by_model)
        truth = await self._keep_truth(request.ground_truth)
        moment = now()
        async with self._store.begin() as connection:
            author = await author_of(connection, caller)
        made = Suite(
            id=suite_id,
            workspace_id=caller.workspace_id,
            name=title,
            request=request,
            asked=asked or {},
            has_truth=truth is not None,
            state=SuiteState.WRITING,
            prompts=0,
            evaluation_id=None,
            spread=None,
            problem=None,
            door=caller.door,
            author=author,
            created_at=moment,
            updated_at=moment,
        )
        if not by_model:
            return await self._from_bank(made, slots, truth)

        async def keep(connection: AsyncConnection, evaluation_id: str) -> None:
            await suites.add_suite(connection, replace(made, evaluation_id=evaluation_id), truth)

        spec = writing.evaluation(f"prompts of {title}"[:200], slots, writer, request)
        spec = {**spec, "metadata": {"suite": suite_id}}
        try:
            started = await self._evaluations.start(
                caller, parse_spec(spec), owner=owner, along=keep
            )
        except InvalidFields as error:
            raise _about_writer(error) if generator else error from error
        return replace(made, evaluation_id=started.evaluation.id)

    @staticmethod
    def check(request: SuiteRequest) -> None:
        """Refuse a request that no suite can be written for.

        Raises:
            InvalidFields: what is wrong with it, by the names of its fields.
        """
        problems = _check(request)
        if problems:
            raise InvalidFields(problems)

    async def get(self, caller: Caller, suite_id: str) -> Suite:
        """One suite.

        Raises:
            NotFound: the workspace has no such suite, or it is deleted.
        """
        async with self._store.begin() as connection:
            found = await suites.find_suite(connection, caller.workspace_id, suite_id)
        if found is None:
            raise _missing(suite_id)
        return await self.settled(caller, found[0])

    async def find(self, caller: Caller, suite_ids: Sequence[str]) -> Mapping[str, Suite]:
        """Those of several ids that the workspace has, by id, deleted ones included."""
        async with self._store.begin() as connection:
            return await suites.find_suites(connection, caller.workspace_id, suite_ids)

    async def list(
        self, caller: Caller, *, start: int = 0, limit: int = 100
    ) -> tuple[builtins.list[Suite], int]:
        """Newest first, and how many there are in all."""
        async with self._store.begin() as connection:
            found = await suites.list_suites(
                connection, caller.workspace_id, start=start, limit=limit
            )
            total = await suites.count_suites(connection, caller.workspace_id)
        return [await self.settled(caller, it) for it in found], total

    async def page(self, caller: Caller, *, after: str | None, limit: int) -> builtins.list[Suite]:
        """Newest first, those behind the suite with the id `after`."""
        async with self._store.begin() as connection:
            found = await suites.list_suites(
                connection, caller.workspace_id, after=after, limit=limit
            )
        return [await self.settled(caller, it) for it in found]

    async def must_be_there(self, caller: Caller, suite_id: str) -> None:
        """Look for a suite, without counting its prompts.

        Raises:
            NotFound: the workspace has no such suite, or it is deleted.
        """
        async with self._store.begin() as connection:
            there = await suites.suite_is_there(connection, caller.workspace_id, suite_id)
        if not there:
            raise _missing(suite_id)

    async def truth(self, caller: Caller, suite_id: str) -> str | None:
        """The text of a suite's ground truth; None: it has none.

        Raises:
            NotFound: the workspace has no such suite, or it is deleted.
        """
        await self.must_be_there(caller, suite_id)
        async with self._store.begin() as connection:
            truth = await suites.find_truth(connection, caller.workspace_id, suite_id)
        return None if truth is None else await self._truth(truth)

    async def prompts(
        self, caller: Caller, suite: Suite, *, start: int = 0, limit: int = 100
    ) -> builtins.list[Prompt]:
        """Its prompts in their order, from the 0-based place `start` on; none while they are
        written."""
        async with self._store.begin() as connection:
            return await suites.list_prompts(
                connection, caller.workspace_id, suite.id, start=start, limit=limit
            )

    async def prompts_after(
        self, caller: Caller, suite: Suite, after: int, *, limit: int = 100
    ) -> builtins.list[Prompt]:
        """Its prompts in their order, those behind the position `after` (0-based; -1: all)."""
        async with self._store.begin() as connection:
            return await suites.list_prompts(
                connection, caller.workspace_id, suite.id, after=after, limit=limit
            )

    async def change(
        self,
        caller: Caller,
        suite_id: str,
        *,
        name: str | None = None,
        about: Mapping[str, Any] | None = None,
        asked: JsonObject | None = None,
        additions: Sequence[WrittenPrompt] = (),
        changes: Sequence[PromptChange] = (),
    ) -> Suite:
        """Change what a suite is called, what is said about it, and its prompts: all of it or
        nothing. Prompts that are there are not written anew.

        Args:
            about: fields of its request that get another value.
            asked: what of the request in the caller's own words changes with them.

        Raises:
            Forbidden: the caller may not write.
            NotFound: there is no such suite.
            InvalidFields: a value is wrong, or a prompt is none of its.
            Conflict: its prompts are still being written.
        """
        caller.must_be(Role.WRITER)
        suite = await self.get(caller, suite_id)
        if (additions or changes) and suite.state is SuiteState.WRITING:
            raise Conflict("the prompts are still being written: wait until it is finished")
        given = dict(about or {})
        wanted = replace(suite.request, **given)
        problems = [it for it in _check(wanted, changed=set(given)) if it.field in given]
        problems += _check_prompts(suite, additions, changes)
        if problems:
            raise InvalidFields(problems)
        kept = await self._keep_truth(wanted.ground_truth) if "ground_truth" in given else None
        async with self._store.begin() as connection:
            await suites.touch_suite(connection, suite.id)  # who changes it as well waits
            found = await suites.find_suite(connection, caller.workspace_id, suite.id)
            if found is None:
                raise _missing(suite_id)
            suite, truth = found  # as whoever changed it meanwhile has left it
            there = await suites.prompts_there(
                connection, suite.id, [it.prompt_id for it in changes]
            )
            if missing := [
                FieldProblem(f"changes.{n}.prompt_id", "the suite has no such prompt")
                for n, it in enumerate(changes)
                if it.prompt_id not in there
            ]:
                raise InvalidFields(missing)
            await suites.change_suite(
                connection,
                suite,
                name=_checked_name(name) if name else suite.name,
                request=replace(suite.request, **given),
                asked={**suite.asked, **(asked or {})},
                truth=kept if "ground_truth" in given else truth,
            )
            gone = [it.prompt_id for it in changes if it.delete]
            await suites.delete_prompts(connection, suite.id, gone)
            await suites.change_prompts(
                connection,
                suite.id,
                {it.prompt_id: _values(it) for it in changes if not it.delete and _values(it)},
            )
            place = await suites.next_position(connection, suite.id)
            await suites.add_prompts(connection, suite, additions, first=place)
        return await self.get(caller, suite_id)

    async def delete(self, caller: Caller, suite_id: str) -> None:
        """Take a suite out of sight, with what was answered to it; what is still to be written or
        judged is not.

        Raises:
            NotFound: there is no such suite.
        """
        caller.must_be(Role.WRITER)
        suite = await self.get(caller, suite_id)
        async with self._store.begin() as connection:
            await suites.delete_suite(connection, caller.workspace_id, suite_id)
            await scorings.delete_scorings_of(connection, caller.workspace_id, suite_id)
            at_work = await scorings.runs_at_work(
                connection, caller.workspace_id, suite_id=suite_id
            )
        if suite.state is SuiteState.WRITING and suite.evaluation_id is not None:
            writing_it = await self._runs.list(caller, evaluation_id=suite.evaluation_id)
            at_work += [it.id for it in writing_it]
        await self._runs.stop(caller, at_work)

    async def settled(self, caller: Caller, suite: Suite) -> Suite:
        """As it is, or, where the run that was to write its prompts has ended without any,
        failed."""
        if suite.state is not SuiteState.WRITING or suite.evaluation_id is None:
            return suite
        found = await self._runs.list(caller, evaluation_id=suite.evaluation_id, limit=1)
        if not found or found[0].state not in _OVER:
            return suite
        problem = found[0].reason or f"the run that was to write them was {found[0].state}"
        return replace(suite, state=SuiteState.FAILED, problem=problem)

    async def begun(self, caller: Caller, suite: Suite) -> bool:
        """Whether anybody has begun to write."""
        if suite.state is not SuiteState.WRITING or suite.evaluation_id is None:
            return True
        found = await self._runs.list(caller, evaluation_id=suite.evaluation_id, limit=1)
        return bool(found) and found[0].state is not RunState.QUEUED

    async def _from_bank(
        self, suite: Suite, slots: builtins.list[JsonObject], truth: str | None
    ) -> Suite:
        chooser = writing.PromptChooser(suite.request)

        def choose() -> builtins.list[WrittenPrompt]:
            for slot in slots:
                chooser.take(slot, str(slot[writing.WRITTEN]))
            return chooser.finish()

        written = await asyncio.to_thread(choose)
        ready = replace(
            suite,
            state=SuiteState.READY,
            spread=chooser.spread,
            problem=chooser.problem,
            prompts=len(written),
        )
        async with self._store.begin() as connection:
            await suites.add_suite(connection, ready, truth)
            await suites.add_prompts(connection, ready, written)
        return ready

    async def _keep_truth(self, text: str | None) -> str | None:
        if text is None:
            return None
        data = text.encode("utf-8", "replace")
        sha256 = hashlib.sha256(data).hexdigest()
        key = suites.truth_key(sha256)
        if not await self._store.blobs.exists(key):
            await self._store.blobs.put(key, data)
        return sha256

    async def _truth(self, sha256: str) -> str:
        return (await self._store.blobs.get(suites.truth_key(sha256))).decode()


def _missing(suite_id: str) -> NotFound:
    return NotFound(f"there is no suite {suite_id[:80]!r}")


def _about_writer(error: InvalidFields) -> InvalidFields:
    """The error, said of the generator that the caller named."""
    return InvalidFields(
        [
            replace(problem, field="generator") if problem.field == "model" else problem
            for problem in error.problems
        ],
        error.source,
    )


def _slots(request: SuiteRequest, by_model: bool) -> builtins.list[JsonObject]:
    return writing.slots(request) if by_model else writing.bank_slots(request)


def _check(request: SuiteRequest, changed: set[str] | None = None) -> builtins.list[FieldProblem]:
    """What is wrong with a request, by the names of its fields.

    Args:
        changed: only what these lead to is looked at; None: all of it.
    """
    problems = []
    try:
        kind = find_eval_type(request.kind)
    except Invalid as error:
        return [FieldProblem("kind", error.message)]
    if not request.ai_description.strip():
        problems.append(FieldProblem("ai_description", "say who the AI is"))
    for name, longest in _LONGEST.items():
        text = getattr(request, name)
        if text is not None and len(text) > longest:
            message = f"{len(text):,} characters; {longest:,} are the most"
            problems.append(FieldProblem(name, message))
    if not 1 <= request.wanted <= MOST_PROMPTS:
        message = f"1 to {MOST_PROMPTS:,} prompts can be asked for, not {request.wanted}"
        problems.append(FieldProblem("wanted", message))
    if request.language not in LANGUAGES:
        known = ", ".join(LANGUAGES)
        hint = did_you_mean(request.language, LANGUAGES)
        message = f"{request.language[:20]!r} is none of the languages{hint} ({known})"
        problems.append(FieldProblem("language", message))
    if request.modality not in kind.modalities:
        can = ", ".join(kind.modalities)
        message = f"an eval of the type {kind.slug} is about {can}, not {request.modality}"
        problems.append(FieldProblem("modality", message))
    if len(request.examples) > _MOST_EXAMPLES:
        message = f"{len(request.examples)} examples; {_MOST_EXAMPLES} are the most"
        problems.append(FieldProblem("examples", message))
    problems += _check_kind(request, changed)
    problems += _check_policies(request)
    return problems


def _check_policies(request: SuiteRequest) -> builtins.list[FieldProblem]:
    """What is wrong with the policies that were chosen."""
    if not request.policies:
        return []
    if request.kind not in ABOUT_POLICIES:
        about = ", ".join(sorted(ABOUT_POLICIES))
        message = f"an eval of the type {request.kind} is not about policies (these are: {about})"
        return [FieldProblem("policies", message)]
    if (request.instructions or "").strip():
        return [FieldProblem("policies", "give either instructions or policies, not both")]
    if len(request.policies) > _MOST_POLICIES:
        message = f"{len(request.policies)} policies; {_MOST_POLICIES} are the most"
        return [FieldProblem("policies", message)]
    problems = []
    known = find_eval_type(request.kind).policies
    named = [it.slug for it in request.policies]
    for n, it in enumerate(request.policies):
        message = ""
        if it.text is None and it.slug not in known:
            hint = did_you_mean(it.slug, known)
            message = (
                f"there is no stock policy `{it.slug[:80]}`{hint} (stock policies: "
                f"{', '.join(known)})"
            )
        elif it.text is not None and not it.text.strip():
            message = "a policy is needed in words"
        elif it.text is not None and len(it.text) > _LONGEST["instructions"]:
            longest = _LONGEST["instructions"]
            message = f"{len(it.text):,} characters; {longest:,} are the most"
        elif not (1 <= len(it.slug) <= _LONGEST_SLUG and it.slug.isprintable()):
            message = f"what a policy is called has 1 to {_LONGEST_SLUG} printable characters"
        elif it.slug in named[:n]:
            message = f"`{it.slug}` is there twice"
        if message:
            problems.append(FieldProblem(f"policies.{n}", message))
    return problems


def _check_kind(request: SuiteRequest, changed: set[str] | None) -> builtins.list[FieldProblem]:
    """What a kind of suite cannot do without."""
    needs_truth = request.kind == "accuracy" and (changed is None or "ground_truth" in changed)
    if needs_truth and not (request.ground_truth or "").strip():
        message = "an accuracy eval needs the text that its questions are about"
        return [FieldProblem("ground_truth", message)]
    if request.kind == "jailbreak" and not (request.instructions or "").strip():
        message = "a jailbreak eval needs the system prompt that the AI is to keep to"
        return [FieldProblem("instructions", message)]
    if request.kind == "agent" and not request.agents and not (request.instructions or "").strip():
        message = "an agent eval needs the agent's instructions"
        return [FieldProblem("instructions", message)]
    return []


def _check_prompts(
    suite: Suite, additions: Sequence[WrittenPrompt], changes: Sequence[PromptChange]
) -> builtins.list[FieldProblem]:
    problems = []
    if suite.prompts + len(additions) > MOST_IN_ALL:
        message = f"a suite has at most {MOST_IN_ALL:,} prompts"
        problems.append(FieldProblem("additions", message))
    texts: list[tuple[str, str | None, str | None]] = [
        (f"additions.{n}", it.content, it.category) for n, it in enumerate(additions)
    ]
    texts += [
        (f"changes.{n}", it.content, it.category) for n, it in enumerate(changes) if not it.delete
    ]
    for field, content, category in texts:
        if content is not None and not 1 <= len(content.strip()) <= _LONGEST_PROMPT:
            message = f"a prompt has 1 to {_LONGEST_PROMPT:,} characters"
            problems.append(FieldProblem(f"{field}.content", message))
        if suite.request.kind == "accuracy" and category and category not in CATEGORIES:
            hint = did_you_mean(category, CATEGORIES)
            message = f"{category[:40]!r} is no category{hint} ({', '.join(CATEGORIES)})"
            problems.append(FieldProblem(f"{field}.category", message))
    named: set[str] = set()
    for n, change in enumerate(changes):
        if change.prompt_id in named:
            problems.append(FieldProblem(f"changes.{n}.prompt_id", "this prompt is there twice"))
        named.add(change.prompt_id)
    return problems


def _values(change: PromptChange) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if change.content is not None:
        values["content"] = change.content
        # What was known about the text need not hold for another one.
        values["about"] = {"source": "person"}
    if change.category is not None:
        values["category"] = change.category
    return values


def _checked_name(name: str) -> str:
    if not 1 <= len(name.strip()) <= 200 or not name.isprintable():
        raise InvalidFields([FieldProblem("name", "a name has 1 to 200 printable characters")])
    return name


def _name_of(request: SuiteRequest) -> str:
    kind = find_eval_type(request.kind).name
    attacked = "Jailbreak " if request.jailbreak and request.kind != "jailbreak" else ""
    medium = request.modality.capitalize()
    about = kind if kind.startswith(medium) else f"{medium} {attacked}{kind}"
    return f"{about} Eval ({request.language})"
