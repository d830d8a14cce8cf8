"""Evals and their prompts: the vendor's words and ours, in both directions."""

from typing import Any

from weighbridge.core.caller import Caller
from weighbridge.core.json import Json, JsonObject
from weighbridge.core.suite import (
    Agent,
    Prompt,
    PromptExample,
    Suite,
    SuiteRequest,
    SuiteState,
    WrittenPrompt,
)
from weighbridge.dialects.aymara import ids, wire
from weighbridge.dialects.aymara.wire import (
    Content,
    EvalChange,
    EvalIn,
    Instructions,
    WorkflowInstructions,
)
from weighbridge.errors import FieldProblem, Invalid, InvalidFields, NotFound
from weighbridge.services.suites import PromptChange
from weighbridge.wiring import Services

PROMPTS = 100
"""How many prompts are written where nobody says how many."""


async def request_of(
    services: Services, caller: Caller, asked: EvalIn, *, sandbox: bool
) -> SuiteRequest:
    """What a suite is to be about.

    Args:
        sandbox: whether the client says that all it does is a rehearsal.

    Raises:
        InvalidFields: the file of its ground truth is none that can be read.
    """
    text, agents = instructions_of(asked.ai_instructions)
    return SuiteRequest(
        kind=asked.eval_type,
        ai_description=asked.ai_description,
        instructions=text,
        agents=agents,
        wishes=asked.eval_instructions or None,
        language=asked.language or "en",
        modality=asked.modality or "text",
        ground_truth=await truth_of(services, caller, asked.ground_truth),
        wanted=PROMPTS if asked.num_prompts is None else asked.num_prompts,
        examples=tuple(
            PromptExample(it.content, it.type != "bad", it.explanation, it.example_uuid)
            for it in asked.prompt_examples or ()
        ),
        jailbreak=bool(asked.is_jailbreak),
        sandbox=sandbox if asked.is_sandbox is None else asked.is_sandbox or sandbox,
    )


def asked_of(asked: EvalIn) -> JsonObject:
    """What of a request is given back in the caller's own words."""
    return {
        "ai_instructions": _dumped(asked.ai_instructions),
        "prompt_examples": [
            {
                "content": it.content,
                "type": it.type or "good",
                "explanation": it.explanation,
                "example_uuid": it.example_uuid,
            }
            for it in asked.prompt_examples or ()
        ]
        or None,
    }


async def change_of(
    services: Services, caller: Caller, change: EvalChange
) -> tuple[dict[str, Any], JsonObject]:
    """Which fields of a suite's request change, and what of the caller's own words does."""
    about: dict[str, Any] = {}
    asked: dict[str, Json] = {}
    if change.ai_description is not None:
        about["ai_description"] = change.ai_description
    if change.ai_instructions is not None:
        about["instructions"], about["agents"] = instructions_of(change.ai_instructions)
        asked["ai_instructions"] = _dumped(change.ai_instructions)
    if change.eval_instructions is not None:
        about["wishes"] = change.eval_instructions
    if change.ground_truth is not None:
        about["ground_truth"] = await truth_of(services, caller, change.ground_truth)
    return about, asked


def additions_of(change: EvalChange) -> list[WrittenPrompt]:
    """The prompts that are added."""
    return [
        WrittenPrompt(it.content, it.category, {"source": "person"})
        for it in change.prompt_creates or ()
    ]


def changes_of(change: EvalChange) -> list[PromptChange]:
    """The prompts that are changed, or taken out.

    Raises:
        InvalidFields: an id is none.
    """
    found = []
    for number, it in enumerate(change.prompt_updates or ()):
        try:
            prompt_id = ids.read(ids.PROMPT, it.prompt_uuid)
        except NotFound as error:
            field = f"prompt_updates.{number}.prompt_uuid"
            raise InvalidFields([FieldProblem(field, error.message)]) from error
        delete = it.action == "delete"
        found.append(PromptChange(prompt_id, it.content, it.category, delete))
    return found


def instructions_of(given: Instructions | None) -> tuple[str | None, tuple[Agent, ...]]:
    """Instructions as text, or the agents that they are for."""
    if given is None or isinstance(given, str):
        return given or None, ()
    agents = given.instructions if isinstance(given, WorkflowInstructions) else [given]
    return None, tuple(Agent(it.system_prompt, it.agent_name, _tools(it.tools)) for it in agents)


async def truth_of(services: Services, caller: Caller, given: Content | None) -> str | None:
    """The text of a ground truth, out of its file where it is one.

    Raises:
        InvalidFields: there is no such file, or no text in it.
    """
    if given is None or isinstance(given, str):
        return given or None
    try:
        asset = await services.assets.resolve(caller, given.file_uuid, given.remote_file_path)
        return await services.assets.text(asset)
    except (Invalid, NotFound) as error:
        raise InvalidFields([FieldProblem("ground_truth", error.message)]) from error


def shown(suite: Suite, status: str | None = None) -> dict[str, Any]:
    """An eval. The vendor never gives a ground truth back here.

    Args:
        status: where it is; None: as the suite says.
    """
    request = suite.request
    return {
        "eval_uuid": ids.shown(ids.SUITE, suite.id),
        "name": suite.name,
        "ai_description": request.ai_description,
        "ai_instructions": suite.asked.get("ai_instructions", request.instructions),
        "eval_type": request.kind,
        "eval_instructions": request.wishes,
        "language": request.language,
        "modality": request.modality,
        "ground_truth": None,
        "num_prompts": suite.prompts if suite.state is SuiteState.READY else request.wanted,
        "prompt_examples": suite.asked.get("prompt_examples"),
        "is_jailbreak": request.jailbreak,
        "is_sandbox": request.sandbox,
        "workspace_uuid": ids.shown(ids.WORKSPACE, suite.workspace_id),
        "status": status or wire.SUITE_STATUS[suite.state],
        "created_at": wire.moment(suite.created_at),
        "updated_at": wire.moment(suite.updated_at),
        "created_by": suite.author,
    }


def ours(suite: Suite) -> dict[str, Any]:
    """What the vendor does not tell: who wrote the prompts, how different they are, and what went
    wrong. It is no part of an eval unless it is asked for: clients hand evals in again as they are,
    and the vendor's does not know such a field."""
    return {"suite": suite.id, "spread": suite.spread, "problem": suite.problem}


def prompt(it: Prompt) -> dict[str, Any]:
    """A prompt."""
    return {
        "prompt_uuid": ids.shown(ids.PROMPT, it.id),
        "content": it.content,
        "category": it.category,
        "thread_uuid": None if it.thread_id is None else ids.shown(ids.THREAD, it.thread_id),
        "turn_number": it.turn,
        "weighbridge": {
            name: it.about[name]
            for name in ("source", "topic", "policy", "family", "expected")
            if it.about.get(name) is not None
        },
    }


def _tools(given: dict[str, Any] | None) -> Json:
    """The tools of an agent: of `{type, value}` the value, whatever its type is said to be."""
    if given is None:
        return None
    value: Json = given.get("value", given)
    return value


def _dumped(given: Instructions | None) -> Json:
    if given is None or isinstance(given, str):
        return given
    dumped: Json = given.model_dump(mode="json", exclude_unset=True)
    return dumped
