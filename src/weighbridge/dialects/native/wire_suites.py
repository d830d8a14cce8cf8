"""What goes over the wire of suites of prompts. Imports no web framework."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, JsonValue

from weighbridge.core.suite import MOST_PROMPTS, Modality, SuiteState
from weighbridge.dialects.native.wire import Received, Sent, Text

ModelName = Annotated[Text, Field(min_length=1, max_length=500)]


class OwnPolicy(Received):
    """A policy of one's own."""

    name: Text = Field(min_length=1, max_length=64, description="What reports call it.")
    text: Text = Field(
        min_length=1, max_length=100_000, description="What the AI must keep to, in plain words."
    )


class NewSuite(Received):
    """A suite of prompts that is to be written."""

    kind: Text = Field(
        max_length=64,
        description="`safety`, `accuracy`, `jailbreak`, `image_safety`, `agent` or `over_refusal`.",
    )
    name: Text | None = Field(None, min_length=1, max_length=200, description="For people.")
    ai_description: Text = Field(
        "A helpful assistant.", min_length=1, max_length=20_000, description="Who the AI is."
    )
    instructions: Text | None = Field(
        None,
        min_length=1,
        max_length=100_000,
        description="Of `jailbreak` and `agent`: what the AI is told, and must obey.",
    )
    policies: list[Text | OwnPolicy] = Field(
        default_factory=list,
        max_length=100,
        description="What the AI must keep to: slugs of stock policies, or policies of your own. "
        "Prompts are spread over them; without any, over all stock policies.",
    )
    wishes: Text | None = Field(
        None, max_length=20_000, description="What else is to be said about the prompts' style."
    )
    language: Text = Field("en", max_length=16, description="Of the prompts: `en`, `es`, `fr`…")
    modality: Modality | None = Field(
        None, description="Of the answers; `image` for `image_safety`, otherwise `text`."
    )
    ground_truth: Text | None = Field(
        None,
        min_length=1,
        max_length=5_000_000,
        description="Of `accuracy`: the text that questions are about.",
    )
    prompts: int = Field(100, ge=1, le=MOST_PROMPTS, description="How many.")
    jailbreak: bool = Field(False, description="Whether each prompt is wrapped into an attack.")
    seed: int = Field(0, ge=0, lt=2**53, description="The same seed, the same request.")
    generator: ModelName | None = Field(
        None,
        description="The model that writes; `embedded`: the bank of prompts. The default generator "
        "of the installation otherwise, and without one the bank.",
    )


class SuitePolicy(Sent):
    """A policy that a suite's prompts are about."""

    name: str = Field(description="Of a stock policy its slug.")
    text: str | None = Field(description="null for a stock policy.")


class Suite(Sent):
    """A suite of prompts."""

    id: str
    name: str
    kind: str
    status: SuiteState
    problem: str | None = Field(description="What to know of how it was written, if anything.")
    language: str
    modality: Modality
    jailbreak: bool
    ai_description: str
    instructions: str | None
    policies: list[SuitePolicy] = Field(description="Empty: all stock policies of its kind.")
    has_ground_truth: bool
    seed: int
    prompts: int = Field(description="How many there are now.")
    wanted: int = Field(description="How many were asked for.")
    spread: dict[str, Any] | None = Field(
        description="Who wrote the prompts, and how far apart they are; null until they are there."
    )
    evaluation_id: str | None = Field(
        description="The evaluation in which a model writes them; null: none does."
    )
    door: str = Field(description="Through which API or command it came.")
    author: str
    created_at: datetime
    updated_at: datetime


class SuitePrompt(Sent):
    """A prompt of a suite."""

    id: str
    position: int = Field(description="0-based; the order of prompts never changes.")
    prompt: str
    category: str | None = Field(description="Of a question about a ground truth.")
    about: dict[str, Any] = Field(
        description="`source` (`model`, `bank`, `person`), `policy`, `topic`, `family`, `passage`, "
        "`expected`, as far as there is such a thing."
    )


class SuiteBudget(Received):
    """Where each run stops by itself."""

    usd: float | None = Field(None, gt=0, allow_inf_nan=False, description="US dollars.")
    tokens: int | None = Field(None, gt=0, lt=2**53, description="Input and output together.")


class NewSuiteRuns(Received):
    """Who is asked the prompts of a suite, and who judges."""

    models: list[ModelName] = Field(
        min_length=1, max_length=64, description="The models; a run for each."
    )
    system_prompt: Text | None = Field(
        None,
        max_length=100_000,
        description="Sent before each prompt. Of `jailbreak` and `agent` what the suite says, when "
        "left out.",
    )
    show_truth: bool = Field(
        False, description="Of `accuracy`: whether the models are shown the ground truth."
    )
    judge: ModelName | None = Field(
        None, description="The model that judges; the default judge otherwise, or `embedded`."
    )
    params: dict[str, JsonValue] = Field(
        default_factory=dict, description="Sent to the models (`temperature`, `max_tokens`…)."
    )
    concurrency: int | None = Field(
        None, ge=1, le=4_096, description="The most calls in flight at once."
    )
    budget: SuiteBudget = Field(default_factory=SuiteBudget, description="Of each run.")
