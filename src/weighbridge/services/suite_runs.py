"""Models put to the prompts of a suite: prompts, answers and verdicts in one evaluation."""

import asyncio
import builtins
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from weighbridge.core.caller import Caller
from weighbridge.core.evaluation import Budget
from weighbridge.core.json import Json
from weighbridge.core.outcome import Metric
from weighbridge.core.policy import Limit, Policy, Rule, Verdict
from weighbridge.core.suite import Prompt, Suite, SuiteRequest, SuiteState
from weighbridge.errors import Conflict, FieldProblem, InvalidFields
from weighbridge.generation.prompts import WRITTEN, bank_slots
from weighbridge.generation.replies import read_object
from weighbridge.services.datasets import Datasets
from weighbridge.services.evaluations import Evaluations, Owner, Started
from weighbridge.services.gates import Gates, GateView
from weighbridge.services.judging_suites import case_of, conduct_of, policies_of
from weighbridge.services.pass_rates import KEY
from weighbridge.services.suites import Suites
from weighbridge.spec import EvaluationSpec, parse_spec
from weighbridge.statistics.intervals import proportion_interval
from weighbridge.store.suite_results import PROMPTS_OF

MANY_UNGRADED = 0.05
"""Above this share of cases without a verdict, the others do not speak for all."""

_PAGE = 1_000
_LONGEST_SHOWN = 200_000
_TOLD = frozenset({"jailbreak", "agent"})


@dataclass(frozen=True, slots=True)
class Asking:
    """How models are asked the prompts of a suite, and who judges what they say.

    Attributes:
        models: names; a run for each.
        system_prompt: what they are told; None: of a jailbreak or agent suite what the suite says,
            otherwise nothing.
        show_truth: whether they are told the ground truth as well.
        judge: name of the model that judges; None: the default judge.
        params: sent to the models as they are.
        concurrency: the most calls in flight; None: the default.
        budget: of each run.
    """

    models: tuple[str, ...]
    system_prompt: str | None = None
    show_truth: bool = False
    judge: str | None = None
    params: Mapping[str, Json] = field(default_factory=dict)
    concurrency: int | None = None
    budget: Budget = field(default_factory=Budget)


class SuiteRuns:
    """Runs over the suites of an installation.

    Args:
        suites: where the prompts are.
        datasets: where they are kept as cases.
        evaluations: have them answered and judged. gates: hold runs against a bar.
    """

    def __init__(
        self, suites: Suites, datasets: Datasets, evaluations: Evaluations, gates: Gates
    ) -> None:
        self._suites = suites
        self._datasets = datasets
        self._evaluations = evaluations
        self._gates = gates

    async def check(self, caller: Caller, request: SuiteRequest, asking: Asking) -> None:
        """Refuse what neither a suite nor a run over it could be made of, before anything is paid.

        Raises:
            Forbidden: the caller may not start runs.
            InvalidFields: something is wrong with the request, a model or the judge.
        """
        self._suites.check(request)
        fields = _fields(request.kind, request, asking, request.ground_truth)
        sample = Prompt("prompt", caller.workspace_id, "suite", 0, "?", None, {})
        cases = [case_of(sample, None, policies_of(request))]
        await self._evaluations.check(caller, parse_spec({**fields, "cases": cases}))

    async def draft(
        self, caller: Caller, request: SuiteRequest, asking: Asking, *, most: int = 20
    ) -> EvaluationSpec:
        """An evaluation like that of models by a suite that is still to be written, over a few
        prompts out of the bank: for an estimate.

        Args:
            most: how many.

        Raises:
            InvalidFields: something is wrong with the request, or the suite cannot be answered by a
                model alone.
        """
        self._suites.check(request)
        fields = _fields(request.kind, request, asking, request.ground_truth)
        few = replace(request, wanted=min(request.wanted, most))
        cases = await asyncio.to_thread(_from_bank, caller.workspace_id, few)
        return parse_spec({**fields, "cases": cases})

    async def prepare(self, caller: Caller, suite: Suite, asking: Asking) -> EvaluationSpec:
        """The evaluation of models by a suite, its prompts taken in as a data set. The same prompts
        are the same data set, so that runs over them can be compared.

        Raises:
            Forbidden: the caller may not write.
            Conflict: its prompts are not written, or there are none.
            InvalidFields: the suite cannot be answered by a model alone.
        """
        if suite.state is not SuiteState.READY:
            why = f" ({suite.problem})" if suite.problem else ""
            raise Conflict(f"the prompts of the suite are not there: it is {suite.state}{why}")
        truth = await self._suites.truth(caller, suite.id)
        fields = _fields(suite.name, suite.request, asking, truth)
        prompts = await self._prompts(caller, suite)
        if not prompts:
            raise Conflict("the suite has no prompts")
        rows = await asyncio.to_thread(_rows, prompts, truth, policies_of(suite.request))
        dataset = await self._datasets.import_rows(caller, f"{PROMPTS_OF}{suite.id}", rows)
        told = {"suite": suite.id, "kind": suite.request.kind}
        return parse_spec({**fields, "data": dataset.id, "metadata": told})

    async def start(
        self, caller: Caller, suite_id: str, asking: Asking, *, owner: Owner | None = None
    ) -> Started:
        """Put models to a suite: a run for each.

        Args:
            owner: who executes the runs, when it is not the queue.

        Raises:
            Forbidden: the caller may not start runs.
            NotFound: there is no such suite.
            Conflict: its prompts are not written, or there are none.
            InvalidFields: something is wrong with a model or the judge.
        """
        suite = await self._suites.get(caller, suite_id)
        spec = await self.prepare(caller, suite, asking)
        return await self._evaluations.start(caller, spec, owner=owner)

    async def gate(self, caller: Caller, run_id: str, least: float) -> GateView:
        """Hold the pass rate of a run against the least that will do.

        As of any gate the whole interval counts, and where many cases failed it does not pass.
        Where many have no verdict, it passes and fails only if it would whatever they were: a judge
        that decides the plain cases alone would let everything through.

        Args:
            least: 0 to 1.

        Raises:
            NotFound: the workspace has no such run.
            InvalidFields: it is none over a suite.
            Conflict: it has not ended.
        """
        rule = Rule(KEY, {Limit.MIN: least})
        view = await self._gates.judge(caller, Policy(f"pass rate {least:g}", (rule,)), run_id)
        metric = next((it for it in view.run.view.run.metrics if it.scorer == KEY), None)
        if metric is None or metric.n_ungraded <= MANY_UNGRADED * metric.n_total:
            return view
        if view.verdict in _possible(metric, least):
            return view
        doubt = (
            f", but {metric.n_ungraded:,} of {metric.n_total:,} cases have no verdict, and would "
            "decide it: name a judge that can tell"
        )
        checks = tuple(
            replace(one, verdict=Verdict.INCONCLUSIVE, more_cases=None, reason=one.reason + doubt)
            if one.metric == KEY and one.verdict is not Verdict.INCONCLUSIVE
            else one
            for one in view.checks
        )
        return replace(view, verdict=Verdict.INCONCLUSIVE, checks=checks)

    async def _prompts(self, caller: Caller, suite: Suite) -> builtins.list[Prompt]:
        found: list[Prompt] = []
        while page := await self._suites.prompts(caller, suite, start=len(found), limit=_PAGE):
            found += page
        return found


def _from_bank(workspace_id: str, request: SuiteRequest) -> builtins.list[dict[str, Json]]:
    """Prompts out of the bank, as cases."""
    policies = policies_of(request)
    prompts = []
    for number, slot in enumerate(bank_slots(request)):
        said = read_object(str(slot[WRITTEN])) or {}
        about = {name: value for name, value in slot.items() if name not in {WRITTEN, "category"}}
        category = slot.get("category")
        prompts.append(
            Prompt(
                f"prompt_{number}",
                workspace_id,
                "suite",
                number,
                str(said.get("prompt", "")),
                str(category) if category else None,
                about,
            )
        )
    return _rows(prompts, request.ground_truth, policies)


def _possible(metric: Metric, least: float) -> set[Verdict]:
    """Verdicts that hold whatever the cases without one had come to."""
    passed, cases = round((metric.value or 0.0) * metric.n_scored), metric.n_scored
    cases += metric.n_ungraded
    worst = proportion_interval(passed, cases, metric.level)
    best = proportion_interval(passed + metric.n_ungraded, cases, metric.level)
    if worst.low is not None and worst.low >= least:
        return {Verdict.PASS, Verdict.INCONCLUSIVE}
    if best.high is not None and best.high < least:
        return {Verdict.FAIL, Verdict.INCONCLUSIVE}
    return {Verdict.INCONCLUSIVE}


def _fields(name: str, request: SuiteRequest, asking: Asking, truth: str | None) -> dict[str, Any]:
    """The evaluation but for its cases."""
    if len(request.agents) > 1 or any(it.tools is not None for it in request.agents):
        message = "agents with tools answer by themselves: hand their answers in"
        raise InvalidFields([FieldProblem("kind", message)])
    told = asking.system_prompt
    if told is None and request.kind in _TOLD:
        told = request.agents[0].system_prompt if request.agents else request.instructions
    elif told is not None and request.kind in _TOLD:  # which is then what counts
        request = replace(request, instructions=told, agents=())
    messages = [{"role": "user", "content": "{prompt}"}]
    if system := _system(told, truth if asking.show_truth else None):
        messages.insert(0, {"role": "system", "content": _escaped(system)})
    fields: dict[str, Any] = {
        "name": name[:200],
        "id": "prompt_id",
        "models": list(asking.models),
        "messages": messages,
        "output": request.modality,
        "scorers": [{"as": KEY, "conduct": conduct_of(request)}],
        "params": dict(asking.params),
        "judge": asking.judge,
        "concurrency": asking.concurrency,
    }
    budget = {"usd": asking.budget.usd, "tokens": asking.budget.tokens}
    fields["budget"] = {name: value for name, value in budget.items() if value is not None} or None
    return {name: value for name, value in fields.items() if value is not None}


def _system(told: str | None, truth: str | None) -> str:
    """What a model is told before the prompt."""
    if truth is None:
        return (told or "").strip()
    if len(truth) > _LONGEST_SHOWN:
        message = (
            f"the ground truth has {len(truth):,} characters; at most {_LONGEST_SHOWN:,} can be "
            "shown with each question"
        )
        raise InvalidFields([FieldProblem("show_truth", message)])
    head = "Answer from this text alone; where it does not tell, say so."
    return "\n\n".join(part for part in ((told or "").strip(), head, truth.strip()) if part)


def _escaped(text: str) -> str:
    """A text that is no template, where one is expected."""
    return text.replace("{", "{{").replace("}", "}}")


def _rows(
    prompts: builtins.list[Prompt], truth: str | None, policies: Mapping[str, str]
) -> builtins.list[dict[str, Json]]:
    """The prompts as cases, without columns that none of them has."""
    rows = [case_of(prompt, truth, policies) for prompt in prompts]
    named = {name for row in rows for name, value in row.items() if value is not None}
    kept = named | ({"policy_text"} if policies else set())
    return [{name: value for name, value in row.items() if name in kept} for row in rows]
