"""Suites of prompts as our API shows them, and as it is asked for them. Pure, and without a web
framework."""

from dataclasses import replace

from weighbridge.core.evaluation import Budget
from weighbridge.core.suite import PolicyChoice, Prompt, Suite, SuiteRequest
from weighbridge.dialects.native import wire_suites as wire
from weighbridge.errors import InvalidFields
from weighbridge.services.suite_runs import Asking

_FIELDS = {"wanted": "prompts", "model": "models"}


def from_suite(suite: Suite) -> wire.Suite:
    """A suite."""
    request = suite.request
    return wire.Suite(
        id=suite.id,
        name=suite.name,
        kind=request.kind,
        status=suite.state,
        problem=suite.problem,
        language=request.language,
        modality=request.modality,
        jailbreak=request.jailbreak,
        ai_description=request.ai_description,
        instructions=request.instructions,
        policies=[wire.SuitePolicy(name=it.slug, text=it.text) for it in request.policies],
        has_ground_truth=suite.has_truth,
        seed=request.seed,
        prompts=suite.prompts,
        wanted=request.wanted,
        spread=None if suite.spread is None else dict(suite.spread),
        evaluation_id=suite.evaluation_id,
        door=suite.door,
        author=suite.author,
        created_at=suite.created_at,
        updated_at=suite.updated_at,
    )


def from_prompt(prompt: Prompt) -> wire.SuitePrompt:
    """A prompt of a suite."""
    return wire.SuitePrompt(
        id=prompt.id,
        position=prompt.position,
        prompt=prompt.content,
        category=prompt.category,
        about=dict(prompt.about),
    )


def to_request(asked: wire.NewSuite) -> SuiteRequest:
    """What a suite is to be about."""
    return SuiteRequest(
        kind=asked.kind,
        ai_description=asked.ai_description,
        instructions=asked.instructions,
        policies=tuple(
            PolicyChoice(it) if isinstance(it, str) else PolicyChoice(it.name, it.text)
            for it in asked.policies
        ),
        wishes=asked.wishes,
        language=asked.language,
        modality=asked.modality or ("image" if asked.kind == "image_safety" else "text"),
        ground_truth=asked.ground_truth,
        wanted=asked.prompts,
        jailbreak=asked.jailbreak,
        seed=asked.seed,
    )


def to_asking(asked: wire.NewSuiteRuns) -> Asking:
    """How models are asked the prompts of a suite."""
    return Asking(
        models=tuple(asked.models),
        system_prompt=asked.system_prompt,
        show_truth=asked.show_truth,
        judge=asked.judge,
        params=asked.params,
        concurrency=asked.concurrency,
        budget=Budget(asked.budget.usd, asked.budget.tokens),
    )


def in_body(error: InvalidFields) -> InvalidFields:
    """The error with our names of the fields."""
    return InvalidFields(
        [
            replace(problem, field=_FIELDS.get(problem.field, problem.field))
            for problem in error.problems
        ],
        error.source,
    )
