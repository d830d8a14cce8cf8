"""A suite of prompts that an AI is put to, and the scoring of what it answered.

A suite is written first: by a model, or out of the bank of prompts that is part of the program.
Somebody's AI answers its prompts, and a scoring holds those answers with what the judges made of
them. A scoring grows turn by turn: each batch of answers that is handed in is a run of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, TypeAlias

from weighbridge.core.json import Json, JsonObject

Modality: TypeAlias = Literal["text", "image", "video"]

LANGUAGES: Mapping[str, str] = {
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "de": "German",
    "it": "Italian",
    "pt": "Portuguese",
}
"""The languages that prompts are written in, by their codes."""

CATEGORIES = (
    *("easy", "obscure", "complex", "contextual", "distracting", "double", "misleading"),
    *("unanswerable", "opinion", "irrelevant"),
)
"""What questions about a ground truth are like, in the order in which they are dealt."""

DECLINED = frozenset({"unanswerable", "opinion", "irrelevant"})
"""Categories of questions that the ground truth does not answer: the right answer is to say so."""

MOST_PROMPTS = 1_000


@dataclass(frozen=True, slots=True)
class PromptExample:
    """A prompt of the kind that is wanted, or of one that is not."""

    content: str
    wanted: bool = True
    explanation: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent under test.

    Attributes:
        system_prompt: what it is told.
        name: None where there is only one.
        tools: JSON of its tools, as they were given: a list of `{name, content}`, an object or a
            text; None: it has none.
    """

    system_prompt: str
    name: str | None = None
    tools: Json = None


@dataclass(frozen=True, slots=True)
class PolicyChoice:
    """A policy that prompts are to be about.

    Attributes:
        slug: of a stock policy; of somebody's own, what it is called.
        text: somebody's own policy; None: it is a stock one.
    """

    slug: str
    text: str | None = None


@dataclass(frozen=True, slots=True)
class SuiteRequest:
    """What a suite is to be about.

    Attributes:
        kind: slug of its type (`safety`, `accuracy`, `jailbreak`…, see `weighbridge.suites`).
        ai_description: who the AI is.
        instructions: the policy (safety), the system prompt (jailbreak); None: none was given.
        policies: the policies that prompts are spread over, instead of `instructions` and of all
            stock policies; only for suites about policies.
        agents: the agents of an agent suite, at least one; empty elsewhere.
        wishes: what else is to be said about the style of the prompts.
        language: a code of `LANGUAGES`. modality: of the answers.
        ground_truth: the text that questions are about (accuracy), or None.
        wanted: how many prompts, 1 to `MOST_PROMPTS`.
        examples: prompts that are wanted, and prompts that are not.
        jailbreak: whether each prompt is wrapped into an attack.
        sandbox: nothing is paid for: prompts come from the bank, verdicts from the embedded judge.
        seed: the same request with the same seed asks for the same prompts.
    """

    kind: str
    ai_description: str
    instructions: str | None = None
    policies: tuple[PolicyChoice, ...] = ()
    agents: tuple[Agent, ...] = ()
    wishes: str | None = None
    language: str = "en"
    modality: Modality = "text"
    ground_truth: str | None = None
    wanted: int = 100
    examples: tuple[PromptExample, ...] = ()
    jailbreak: bool = False
    sandbox: bool = False
    seed: int = 0


class SuiteState(StrEnum):
    """Where a suite is."""

    WRITING = "writing"
    """its prompts are being written"""
    READY = "ready"
    FAILED = "failed"
    """they could not be; its `problem` says why"""


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite of prompts.

    Attributes:
        id: `suite_…`.
        request: what it is about. The text of a ground truth is kept beside it, not here.
        asked: the request in its caller's own words, to be given back.
        has_truth: whether there is a ground truth.
        prompts: how many it has now.
        evaluation_id: the evaluation that writes them; None: nobody has to.
        spread: figures on how different the prompts are from each other, and who wrote them.
        author: who made it, for people.
    """

    id: str
    workspace_id: str
    name: str
    request: SuiteRequest
    asked: JsonObject
    has_truth: bool
    state: SuiteState
    prompts: int
    evaluation_id: str | None
    spread: JsonObject | None
    problem: str | None
    door: str
    author: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class WrittenPrompt:
    """A prompt as it is written, before it has a place in a suite.

    Attributes:
        content: what the AI is asked.
        category: of a question about a ground truth (`CATEGORIES`), or what a person said; None.
        about: what is known about it: `source` (`model`, `bank`, `person`), `topic`, `policy` (slug
            of a policy), `family` (of an attack), `passage` (of the ground truth), `expected` (the
            right answer), each only where there is such a thing.
    """

    content: str
    category: str | None = None
    about: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt in its place.

    Attributes:
        id: `prompt_…`.
        position: 0-based; the order of prompts never changes.
        thread_id: of a later turn, the conversation it goes on with; None: it opens one.
        turn: 1, 2, …
        scoring_id: of a later turn, the scoring it belongs to; None: it belongs to the suite.
    """

    id: str
    workspace_id: str
    suite_id: str
    position: int
    content: str
    category: str | None
    about: JsonObject
    thread_id: str | None = None
    turn: int = 1
    scoring_id: str | None = None


@dataclass(frozen=True, slots=True)
class ScoringExample:
    """An answer that was judged, for the judge to go by."""

    prompt: str
    answer: str
    passed: bool
    explanation: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """An answer that is handed in.

    Attributes:
        prompt_id: what it answers.
        text: the answer; None: there is none, or it is a file.
        file_id: `asset_…`, where the answer is an image or a video.
        medium: what the answer is.
        refused: the AI declined. excluded: it is kept, and not judged.
        continues: whether the conversation goes on after it.
        thread_id: of the conversation, where the caller says so.
    """

    prompt_id: str
    text: str | None = None
    file_id: str | None = None
    medium: Modality = "text"
    refused: bool = False
    excluded: bool = False
    continues: bool = False
    thread_id: str | None = None
    turn: int | None = None


class ScoringState(StrEnum):
    """Where a scoring is."""

    CREATED = "created"
    """nobody has begun to judge"""
    PROCESSING = "processing"
    FINISHED = "finished"
    FAILED = "failed"
    """the judging of a batch broke off; its run says why"""


@dataclass(frozen=True, slots=True)
class Scoring:
    """Answers to the prompts of a suite, with verdicts.

    Attributes:
        id: `scoring_…`.
        ai_description: who answered, where that differs from the suite's; None: it does not.
        examples: what the judge goes by besides.
        responses: how many answers were handed in.
    """

    id: str
    workspace_id: str
    suite_id: str
    name: str
    ai_description: str | None
    examples: tuple[ScoringExample, ...]
    sandbox: bool
    responses: int
    door: str
    author: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Batch:
    """Answers of a scoring that were handed in together.

    Attributes:
        number: 0, 1, …
        run_id: the run that judges them; None: none of them is judged.
        evaluation_id: what that run executes.
        follows_evaluation_id: the evaluation that writes what is said next; None: nothing is.
    """

    scoring_id: str
    number: int
    run_id: str | None
    evaluation_id: str | None
    follows_evaluation_id: str | None


@dataclass(frozen=True, slots=True)
class Response:
    """An answer in a scoring.

    Attributes:
        id: `response_…`.
        number: 0-based place in the scoring.
        batch, position: where its verdict is: of the batch's run, the case at this position; no
            position: it is not judged.
        next_prompt_id: what is said next in its conversation; None: nothing (yet).
    """

    id: str
    workspace_id: str
    scoring_id: str
    number: int
    prompt_id: str
    thread_id: str
    turn: int
    batch: int
    position: int | None
    text: str | None
    file_id: str | None
    medium: Modality
    refused: bool
    excluded: bool
    continues: bool
    next_prompt_id: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """What counts about a response: a person's word where there is one, otherwise the judge's.

    Attributes:
        passed: None: it was not judged, or could not be; then `explanation` says why.
        confidence: how sure who gave it is, 0 to 1; None: nobody says.
        evidence: quotes out of the answer that the verdict rests on.
        judge: who gave it, for people; None: nobody.
        overridden_at, overridden_by: when and by whom, where it is a person's.
        failed: why no judge could be reached, where that is why there is none.
    """

    passed: bool | None
    confidence: float | None = None
    explanation: str | None = None
    evidence: tuple[str, ...] = ()
    judge: str | None = None
    overridden_at: datetime | None = None
    overridden_by: str | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class ScoredResponse:
    """A response, what it answers, and what counts about it.

    Attributes:
        next_prompt: what is said next in its conversation; None: nothing (yet).
    """

    response: Response
    prompt: Prompt
    verdict: Verdict
    next_prompt: Prompt | None = None


@dataclass(frozen=True, slots=True)
class PassRate:
    """How many of a scoring's responses passed.

    Attributes:
        rate: 0 to 1; None when none was scored.
        low, high: its 95 % interval (Wilson 1927), or None.
        n_passed, n_scored: of those with a verdict.
        n_ungraded, n_failed: of those that should have one.
        n_excluded: that were kept out of scoring.
    """

    rate: float | None
    low: float | None
    high: float | None
    n_passed: int
    n_scored: int
    n_ungraded: int = 0
    n_failed: int = 0
    n_excluded: int = 0
