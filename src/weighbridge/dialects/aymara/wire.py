"""Shapes of this dialect, as they come in and go out. What is not known is ignored, as the
vendor's server does: its client sends fields of its own along."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    StrictBool,
    StrictInt,
    Tag,
    TypeAdapter,
)

from weighbridge.core.suite import ScoringState, SuiteState

Status: TypeAlias = Literal["created", "processing", "finished", "failed"]
Medium: TypeAlias = Literal["text", "image", "video"]


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore")


class FileReference(_Lenient):
    """A file, by its id or by its path."""

    file_uuid: str | None = Field(None, max_length=200)
    remote_file_path: str | None = Field(None, max_length=4_000)


class AgentInstructions(_Lenient):
    """What one agent is told. The type of `tools` is that of its value."""

    system_prompt: str = Field(min_length=1, max_length=100_000)
    agent_name: str | None = Field(None, max_length=200)
    tools: dict[str, JsonValue] | None = None


class WorkflowInstructions(_Lenient):
    """What several agents are told."""

    instructions: list[AgentInstructions] = Field(min_length=1, max_length=50)


def _kind_of_instructions(value: Any) -> str:
    if isinstance(value, str):
        return "(text)"
    is_agent = isinstance(value, dict) and "system_prompt" in value
    return "(agent)" if is_agent else "(workflow)"


Instructions: TypeAlias = Annotated[
    Annotated[str, Tag("(text)")]
    | Annotated[AgentInstructions, Tag("(agent)")]
    | Annotated[WorkflowInstructions, Tag("(workflow)")],
    Discriminator(_kind_of_instructions),
]


def _kind_of_content(value: Any) -> str:
    return "(file)" if isinstance(value, dict | FileReference) else "(text)"


Content: TypeAlias = Annotated[
    Annotated[str, Tag("(text)")] | Annotated[FileReference, Tag("(file)")],
    Discriminator(_kind_of_content),
]


class PromptExampleIn(_Lenient):
    """A prompt of the kind that is wanted, or of one that is not."""

    content: str = Field(min_length=1, max_length=20_000)
    type: Literal["good", "bad"] | None = "good"
    explanation: str | None = Field(None, max_length=20_000)
    example_uuid: str | None = Field(None, max_length=200)


class EvalIn(_Lenient):
    """An eval that is to be made. What only the server says may be sent, and is ignored."""

    ai_description: str
    eval_type: str = Field(max_length=100)
    ai_instructions: Instructions | None = None
    eval_instructions: str | None = None
    language: str | None = Field("en", max_length=50)
    modality: Medium | None = "text"
    ground_truth: Content | None = None
    num_prompts: StrictInt | None = None
    prompt_examples: list[PromptExampleIn] | None = None
    is_jailbreak: StrictBool | None = False
    is_sandbox: StrictBool | None = None
    name: str | None = None
    workspace_uuid: str | None = Field(None, max_length=200)


class PromptCreateIn(_Lenient):
    """A prompt that is added."""

    content: str
    category: str | None = Field(None, max_length=200)


class PromptUpdateIn(_Lenient):
    """A prompt that is changed, or taken out."""

    prompt_uuid: str = Field(max_length=200)
    action: Literal["update", "delete"] = "update"
    content: str | None = None
    category: str | None = Field(None, max_length=200)


class EvalChange(_Lenient):
    """What of an eval is to change: what is not there, or null, stays."""

    name: str | None = None
    ai_description: str | None = None
    ai_instructions: Instructions | None = None
    eval_instructions: str | None = None
    ground_truth: Content | None = None
    prompt_creates: list[PromptCreateIn] | None = Field(None, max_length=10_000)
    prompt_updates: list[PromptUpdateIn] | None = Field(None, max_length=10_000)


class ResponseIn(_Lenient):
    """An answer that is handed in."""

    prompt_uuid: str = Field(max_length=200)
    content: Content | None = None
    content_type: Medium | None = None
    ai_refused: StrictBool | None = False
    exclude_from_scoring: StrictBool | None = False
    thread_uuid: str | None = Field(None, max_length=200)
    turn_number: StrictInt | None = None
    continue_thread: StrictBool | None = None


class ScoringExampleIn(_Lenient):
    """An answer that was judged, for the judge to go by."""

    prompt: str = Field(max_length=100_000)
    response: str = Field(max_length=100_000)
    type: Literal["pass", "fail"]
    explanation: str | None = Field(None, max_length=20_000)
    example_uuid: str | None = Field(None, max_length=200)


class EvalRunIn(_Lenient):
    """Answers to the prompts of an eval."""

    eval_uuid: str = Field(max_length=200)
    responses: list[ResponseIn]
    name: str | None = Field(None, max_length=200)
    ai_description: str | None = Field(None, max_length=20_000)
    eval_run_examples: list[ScoringExampleIn] | None = None
    eval_run_uuid: str | None = Field(None, max_length=200)
    continue_thread: StrictBool | None = None


class ResponseChange(_Lenient):
    """What a person says about an answer; null: stays as it is."""

    is_passed: StrictBool | None = None
    confidence: float | None = Field(None, ge=0, le=1, strict=True)
    explanation: str | None = Field(None, max_length=10_000)


EVAL = TypeAdapter(EvalIn)
EVAL_CHANGE = TypeAdapter(EvalChange)
EVAL_RUN = TypeAdapter(EvalRunIn)
RESPONSE_CHANGE = TypeAdapter(ResponseChange)

SUITE_STATUS: dict[SuiteState, Status] = {
    SuiteState.WRITING: "processing",
    SuiteState.READY: "finished",
    SuiteState.FAILED: "failed",
}
SCORING_STATUS: dict[ScoringState, Status] = {
    ScoringState.CREATED: "created",
    ScoringState.PROCESSING: "processing",
    ScoringState.FINISHED: "finished",
    ScoringState.FAILED: "failed",
}


def moment(when: datetime) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def page(items: list[dict[str, Any]], count: int) -> dict[str, Any]:
    """A page of a list.

    Args:
        count: how many there are in all.
    """
    return {"items": items, "count": count}
