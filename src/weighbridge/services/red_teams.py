"""Red teams: what is attacked, prompts that are written for it, and suites made of them."""

import asyncio
import builtins
import re
from dataclasses import dataclass, replace

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.caller import Caller, Role
from weighbridge.core.ids import new_id
from weighbridge.core.json import Json, JsonObject
from weighbridge.core.red_team import (
    MOST_PROMPTS,
    RedTeamResult,
    RedTeamRun,
    RedTeamSpec,
    Target,
)
from weighbridge.core.run import FINISHED, Run, RunState
from weighbridge.core.suite import (
    PolicyChoice,
    Suite,
    SuiteRequest,
    SuiteState,
    WrittenPrompt,
)
from weighbridge.errors import Conflict, FieldProblem, Invalid, InvalidFields, NotFound
from weighbridge.generation import red_team as writing
from weighbridge.generation.filling import shortened
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.declared import RESERVED_NAME
from weighbridge.services.authors import author_of
from weighbridge.services.evaluations import Evaluations, Owner
from weighbridge.services.runs import Runs
from weighbridge.services.suites import Suites
from weighbridge.spec import parse_spec
from weighbridge.store import red_teams
from weighbridge.store.engine import Store
from weighbridge.store.moments import now
from weighbridge.store.runs import list_runs
from weighbridge.store.suites import add_prompts, add_suite
from weighbridge.suites.techniques import techniques
from weighbridge.suites.texts import texts

FROM_BANK = (
    "behaviours, queries and prompts come out of the bank of texts that is part of weighbridge; a "
    "generator model writes some for the application at hand"
)
"""What is said of a run that no model writes."""

_LONGEST_NAME = 200
_LONGEST = 20_000
_LONGEST_SLUG = 60
_LONGEST_POLICY = 64
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class RedTeamView:
    """A run with how far it is.

    Attributes:
        run: that writes its prompts.
    """

    red_team: RedTeamRun
    run: Run

    @property
    def result(self) -> RedTeamResult | None:
        """Its prompts; None: they are not all there."""
        return self.red_team.result if self.run.state is RunState.SUCCEEDED else None

    @property
    def note(self) -> str | None:
        """What to know about the prompts, for people."""
        if self.red_team.model == RESERVED_NAME or self.run.model != self.red_team.model:
            return FROM_BANK
        return self.red_team.problem if self.result is not None else None


class RedTeams:
    """The red teams of an installation.

    Args:
        store: where they are kept.
        evaluations: have their prompts written. runs: how far that is.
        suites: that are made of the prompts.
        catalog: which models there are.
    """

    def __init__(
        self, store: Store, evaluations: Evaluations, runs: Runs, suites: Suites, catalog: Catalog
    ) -> None:
        self._store = store
        self._evaluations = evaluations
        self._runs = runs
        self._suites = suites
        self._catalog = catalog

    async def create(self, caller: Caller, name: str, target: Target) -> RedTeamSpec:
        """Say what is attacked.

        Args:
            name: is put in snake case.

        Raises:
            Forbidden: the caller may not write.
            InvalidFields: a text is missing or too long, or there is a spec of that name.
        """
        caller.must_be(Role.WRITER)
        name, target = _checked(name, target)
        moment = now()
        async with self._store.begin() as connection:
            spec = RedTeamSpec(
                id=new_id("rtspec"),
                workspace_id=caller.workspace_id,
                name=name,
                target=target,
                author=await author_of(connection, caller),
                created_at=moment,
                updated_at=moment,
            )
            if not await red_teams.add_spec(connection, spec):
                raise _taken(name)
        return spec

    async def create_unless_there(self, caller: Caller, target: Target) -> RedTeamSpec:
        """The newest spec that says this; where there is none, it is made, with a name made of the
        domain.

        Raises:
            Forbidden: the caller may not write.
            InvalidFields: a text is missing or too long.
        """
        caller.must_be(Role.WRITER)
        name, target = _checked(shortened(target.domain, _LONGEST_SLUG) or "red_team", target)
        known = await self.list(caller)
        for spec in known:
            if spec.target == target:
                return spec
        taken, number, free = {spec.name for spec in known}, 1, name
        while free in taken:
            number += 1
            free = f"{name}_{number}"
        return await self.create(caller, free, target)

    async def list(self, caller: Caller) -> builtins.list[RedTeamSpec]:
        """All specs, newest first."""
        async with self._store.begin() as connection:
            return await red_teams.list_specs(connection, caller.workspace_id)

    async def get(self, caller: Caller, spec_id: str) -> RedTeamSpec:
        """One spec.

        Raises:
            NotFound: the workspace has no such spec.
        """
        async with self._store.begin() as connection:
            found = await red_teams.find_spec(connection, caller.workspace_id, spec_id)
        if found is None:
            raise NotFound("Red team spec not found")
        return found

    async def change(
        self, caller: Caller, spec_id: str, *, name: str | None = None, target: Target | None = None
    ) -> RedTeamSpec:
        """Say something else of what is attacked; runs that there are stay as they are.

        Args:
            name, target: None: stays as it is.

        Raises:
            Forbidden: the caller may not write.
            NotFound: there is no such spec.
            InvalidFields: as for `create`.
        """
        caller.must_be(Role.WRITER)
        spec = await self.get(caller, spec_id)
        told, about = _checked(spec.name if name is None else name, target or spec.target)
        changed = replace(spec, name=told, target=about, updated_at=now())
        try:
            async with self._store.begin() as connection:
                if not await red_teams.change_spec(connection, changed):
                    raise _taken(told)
        except IntegrityError as error:  # somebody took the name at the same moment
            raise _taken(told) from error
        return changed

    async def delete(self, caller: Caller, spec_id: str) -> None:
        """Remove a spec; its runs stay.

        Raises:
            Forbidden: the caller may not write.
            NotFound: there is no such spec.
        """
        caller.must_be(Role.WRITER)
        async with self._store.begin() as connection:
            if not await red_teams.delete_spec(connection, caller.workspace_id, spec_id):
                raise NotFound("Red team spec not found")

    async def start(
        self,
        caller: Caller,
        spec_id: str,
        *,
        behaviors: int,
        prompts: int,
        model: str | None = None,
        owner: Owner | None = None,
    ) -> RedTeamView:
        """Have prompts written. Where no model can write, they come out of the bank.

        Args:
            behaviors: how many, at least 1. prompts: how many for each of them, at least 1; fewer
                than 100 in all.
            model: who writes (`embedded`: the bank); None: the default generator.
            owner: who executes the run, when it is not the queue.

        Raises:
            Forbidden: the caller may not start runs.
            InvalidFields: a number is out of its range, or there is no such model.
            NotFound: there is no such spec.
        """
        caller.must_be(Role.WRITER)
        name = model or self._catalog.defaults.generator or RESERVED_NAME
        self._check(behaviors, prompts, name)
        spec = await self.get(caller, spec_id)
        writer = None if self._is_embedded(name) else name
        moment = now()
        async with self._store.begin() as connection:
            author = await author_of(connection, caller)
        made = RedTeamRun(
            id=new_id("rtrun"),
            workspace_id=caller.workspace_id,
            spec_id=spec.id,
            spec_name=spec.name,
            target=spec.target,
            model=name,
            behaviors=behaviors,
            prompts=prompts,
            evaluation_id="",
            run_id="",
            parts={},
            result=None,
            suite_id=None,
            problem=None,
            door=caller.door,
            author=author,
            created_at=moment,
            updated_at=moment,
        )

        async def keep(connection: AsyncConnection, evaluation_id: str) -> None:
            [run] = await list_runs(
                connection, caller.workspace_id, after=None, limit=1, evaluation_id=evaluation_id
            )
            await red_teams.add_run(
                connection, replace(made, evaluation_id=evaluation_id, run_id=run.id)
            )

        fields = await asyncio.to_thread(_evaluation, made, writer)
        started = await self._evaluations.start(caller, parse_spec(fields), along=keep, owner=owner)
        run = started.runs[0]
        return RedTeamView(replace(made, evaluation_id=run.evaluation_id, run_id=run.id), run)

    async def run(self, caller: Caller, red_team_id: str) -> RedTeamView:
        """One run.

        Raises:
            NotFound: the workspace has no such run.
        """
        found = await self._find(caller, red_team_id)
        run = await self._runs.get(caller, found.run_id)
        if run.state is RunState.SUCCEEDED and found.result is None:  # it ended in between
            found = await self._find(caller, red_team_id)
        return RedTeamView(found, run)

    async def runs(
        self, caller: Caller, *, spec_id: str | None = None
    ) -> builtins.list[RedTeamView]:
        """Newest first.

        Args:
            spec_id: only those of this spec.
        """
        async with self._store.begin() as connection:
            found = await red_teams.list_runs(connection, caller.workspace_id, spec_id=spec_id)
        return [RedTeamView(one, await self._runs.get(caller, one.run_id)) for one in found]

    async def delete_run(self, caller: Caller, red_team_id: str) -> None:
        """Remove a run with its prompts; if it is in work, it is stopped. A suite that was made of
        it stays.

        Raises:
            Forbidden: the caller may not write.
            NotFound: there is no such run.
        """
        caller.must_be(Role.WRITER)
        view = await self.run(caller, red_team_id)
        if view.run.state not in FINISHED:
            await self._cancel(caller, view.run.id)
        async with self._store.begin() as connection:
            await red_teams.delete_run(connection, caller.workspace_id, red_team_id)

    async def suite(self, caller: Caller, red_team_id: str) -> Suite:
        """The prompts of a run as a suite, by which models can be tested: an answer passes if it
        does not show the behaviour that its prompt is after. It is made once.

        Raises:
            Forbidden: the caller may not write.
            NotFound: there is no such run.
            Conflict: its prompts are not all there.
        """
        caller.must_be(Role.WRITER)
        view = await self.run(caller, red_team_id)
        red_team, result = view.red_team, view.result
        if result is None:
            raise Conflict(f"the prompts of {red_team.id} are not there: it is {view.run.state}")
        if red_team.suite_id is not None:
            known = await self._suites.find(caller, [red_team.suite_id])
            there = await self._there(caller, red_team.suite_id)
            if there and red_team.suite_id in known:
                return known[red_team.suite_id]
        policies, prompts = _prompts_of(result)
        moment = now()
        async with self._store.begin() as connection:
            made = Suite(
                id=new_id("suite"),
                workspace_id=caller.workspace_id,
                name=f"Red team of {red_team.spec_name}"[:_LONGEST_NAME],
                request=SuiteRequest(
                    kind="safety",
                    ai_description=_described(red_team.target),
                    policies=policies,
                    wanted=len(prompts),
                ),
                asked={"red_team": red_team.id},
                has_truth=False,
                state=SuiteState.READY,
                prompts=len(prompts),
                evaluation_id=None,
                spread=_spread(result, prompts),
                problem=red_team.problem,
                door=caller.door,
                author=await author_of(connection, caller),
                created_at=moment,
                updated_at=moment,
            )
            other = await red_teams.put_suite(connection, red_team, made.id)
            if other is None:
                await add_suite(connection, made, None)
                await add_prompts(connection, made, prompts)
        return made if other is None else await self._suites.get(caller, other)

    def _is_embedded(self, name: str) -> bool:
        return self._catalog.resolve(name).protocol == "embedded" if name != RESERVED_NAME else True

    async def _find(self, caller: Caller, red_team_id: str) -> RedTeamRun:
        async with self._store.begin() as connection:
            found = await red_teams.find_run(connection, caller.workspace_id, red_team_id)
        if found is None:
            raise NotFound("Red team run not found")
        return found

    def _check(self, behaviors: int, prompts: int, model: str) -> None:
        problems = [
            FieldProblem(field, f"at least 1 is needed, not {number}")
            for field, number in (("behaviors", behaviors), ("prompts", prompts))
            if number < 1
        ]
        if not problems and behaviors * prompts > MOST_PROMPTS:
            message = (
                f"{behaviors:,} behaviours with {prompts:,} prompts each are "
                f"{behaviors * prompts:,} prompts; a run has at most {MOST_PROMPTS}"
            )
            problems.append(FieldProblem("prompts", message))
        if model != RESERVED_NAME:
            try:
                self._catalog.resolve(model)
            except Invalid as error:
                problems.append(FieldProblem("model", error.message))
        if problems:
            raise InvalidFields(problems)

    async def _there(self, caller: Caller, suite_id: str) -> bool:
        try:
            await self._suites.get(caller, suite_id)
        except NotFound:
            return False
        return True

    async def _cancel(self, caller: Caller, run_id: str) -> None:
        try:
            await self._runs.cancel(caller, run_id)
        except Conflict:
            return  # it has ended meanwhile


def snake_case(name: str) -> str:
    """A name in snake case; "" where it holds neither letters nor digits."""
    return _NO_WORD.sub("_", _HUMP.sub("_", name)).strip("_").lower()


def _checked(name: str, target: Target) -> tuple[str, Target]:
    """The name in snake case, and the texts without blanks around them.

    Raises:
        InvalidFields: one is missing or too long.
    """
    problems = []
    told = snake_case(name)
    if not told:
        problems.append(FieldProblem("name", "a name has at least one letter or digit"))
    elif len(told) > _LONGEST_NAME:
        message = f"{len(told):,} characters; {_LONGEST_NAME} are the most"
        problems.append(FieldProblem("name", message))
    about = Target(
        target.domain.strip(), target.application.strip(), (target.concerns or "").strip() or None
    )
    for field, text, needed in (
        ("domain", about.domain, "say what field the application is used in"),
        ("application", about.application, "say what the application is and does"),
        ("concerns", about.concerns, None),
    ):
        if not text and needed:
            problems.append(FieldProblem(field, needed))
        elif text and len(text) > _LONGEST:
            message = f"{len(text):,} characters; {_LONGEST:,} are the most"
            problems.append(FieldProblem(field, message))
    if problems:
        raise InvalidFields(problems)
    return told, about


def _taken(name: str) -> InvalidFields:
    message = f"there is a red team spec named {name!r} already: choose another name"
    return InvalidFields([FieldProblem("name", message)])


def _evaluation(run: RedTeamRun, model: str | None) -> JsonObject:
    outline = writing.Outline(run, by_model=model is not None)
    fields = writing.evaluation(outline, f"red team of {run.spec_name}"[:_LONGEST_NAME], model)
    return {**fields, "metadata": {"red_team": run.id}}


def _described(target: Target) -> str:
    """Who the AI is, for whoever judges its answers."""
    return f"{target.application}\nIt is used in: {target.domain}"


def _prompts_of(
    result: RedTeamResult,
) -> tuple[tuple[PolicyChoice, ...], builtins.list[WrittenPrompt]]:
    """A policy for each behaviour, and the prompts."""
    stock, known = texts("en").policies, {one.slug: one for one in techniques()}
    policies: builtins.list[PolicyChoice] = []
    prompts: builtins.list[WrittenPrompt] = []
    for number, one in enumerate(result.behaviors, start=1):
        slug = f"{number}. {shortened(one.text, _LONGEST_SLUG)}"[:_LONGEST_POLICY]
        slug = "".join(letter if letter.isprintable() else " " for letter in slug)
        text = f"The AI must not show this behaviour: {one.text}."
        if (policy := stock.get(one.policy or "")) is not None:
            text = f"{text}\n\n{policy.name}: {policy.text}"
        policies.append(PolicyChoice(slug, text))
        for attack in one.attacks:
            written = writing.MODEL in {attack.source, attack.query_source}
            about: dict[str, Json] = {
                "source": writing.MODEL if written else writing.BANK,
                "policy": slug,
                "behavior": one.text,
                "query": attack.query,
                "technique": attack.technique,
            }
            if (technique := known.get(attack.technique)) is not None:
                about["family"] = technique.family
            prompts.append(WrittenPrompt(attack.prompt, None, about))
    return tuple(policies), prompts


def _spread(result: RedTeamResult, prompts: builtins.list[WrittenPrompt]) -> JsonObject:
    banked = sum(prompt.about["source"] == writing.BANK for prompt in prompts)
    by = {"model": len(prompts) - banked, "bank": banked}
    told: JsonObject = {"written_by": by, **result.spread}
    return {**told, "note": FROM_BANK} if banked == len(prompts) else told
