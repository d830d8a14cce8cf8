"""An evaluation: what is to be done, pinned so that it can be done again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias

from weighbridge.core.json import Json, JsonObject
from weighbridge.core.outcome import ScorerSpec


class Reducer(StrEnum):
    """How the scores of one case's repeats become one score of that case."""

    MEAN = "mean"
    """the average"""
    MAJORITY = "majority"
    """the most frequent score; a tie goes to the lower one"""
    PASS_AT_K = "pass@k"  # noqa: S105
    """1 when at least one repeat scored 1 (the k of `pass@k` is `epochs`)"""


@dataclass(frozen=True, slots=True)
class Budget:
    """Where a run stops by itself. None: no limit.

    Attributes:
        usd: US dollars. tokens: input and output tokens together.
    """

    usd: float | None = None
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Precision:
    """When enough is known, so that a run stops by itself.

    Attributes:
        scorer: key of the scorer whose metric is wanted.
        half_width: half the width that its interval may have at most.
        level: confidence level of that interval, valid however often it is looked at.
        min_cases: the fewest cases with a score.
        seed: of the order in which cases are taken, which must be a random one.
    """

    scorer: str
    half_width: float
    level: float = 0.95
    min_cases: int = 1
    seed: int = 0


@dataclass(frozen=True, slots=True)
class PromptMessage:
    """One message of the prompt.

    Attributes:
        role: `system`, `user` or `assistant`.
        content: template; `{column}` stands for the value of that column, `{{` and `}}` for braces.
        images, videos: templates of their addresses or data URIs, sent after the text, images
            first; one that comes out empty is not sent.
    """

    role: str
    content: str
    images: tuple[str, ...] = ()
    videos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choose:
    """The model does not speak: it is found out which of the given options it would most likely
    say.

    Attributes:
        options: column that holds the options of each case, or a template for each option.
        ask: `text`, the prompt is continued by each option in turn and the log-probabilities of the
            option's tokens are added up; `chat`, the model is asked once by chat and the
            log-probabilities of the letters are those of its first token.
        normalise: what an option's log-likelihood is divided by before they are compared.
        space: whether a space is put between prompt and option where there is none.
        then: template of a text that follows each option, and whose log-likelihood is taken instead
            of the option's own; None: there is none.
    """

    options: str | tuple[str, ...]
    ask: Literal["text", "chat"] = "text"
    normalise: Literal["none", "tokens", "characters", "bytes"] = "none"
    space: bool = True
    then: str | None = None


@dataclass(frozen=True, slots=True)
class AnswerColumn:
    """The answers were handed in: they are a column of the data.

    Attributes:
        files: column with the images and videos that are part of them, as lists of ids of files
            (`asset_…`); None: there is no such column.
    """

    column: str
    files: str | None = None


@dataclass(frozen=True, slots=True)
class AnswersOfRun:
    """The answers are those that a run has stored."""

    run_id: str


GivenAnswers: TypeAlias = AnswerColumn | AnswersOfRun
SOMEBODY = "given"
"""Who answered, where nobody says who did."""


class Output(StrEnum):
    """What a model is asked to make."""

    TEXT = "text"
    EMBEDDINGS = "embeddings"
    IMAGE = "image"
    VIDEO = "video"


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where the answers go: into a column of a file in a repository.

    Attributes:
        column: its name.
        branch: where the file is committed; None: the branch that the data came from.
        path: of the file; None: the one that the data came from.
        commit: whether it is committed as soon as it is there, or waits for somebody to say so.
        message: of the commit; None: names the evaluation.
    """

    column: str
    branch: str | None = None
    path: str | None = None
    commit: bool = True
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What is to be done.

    Attributes:
        name: for people.
        models: names of the models to ask; one run each. With `answers` the name of whoever gave
            them, which is nobody that could be asked.
        messages: the prompt.
        id_column, target_column, cluster_column: columns with a meaning, or None.
        scorers: in the order they are reported.
        params: sent to the model as they are (`temperature`, `max_tokens`…).
        schema: JSON schema that the answer must follow, or None for free text.
        epochs: repeats of each case, 1 or more. reducer: what becomes of them.
        concurrency: the most calls in flight at once.
        budget: where to stop.
        timeout_s: the most seconds one call may take before it counts as failed.
        limit: the most cases taken from the data set, None for all.
        choose: the model chooses among options by their likelihood; None: it answers in words.
        stop: when enough is known; None: never before the last case.
        answers: where the answers are, when no model is asked for them; None: they are asked for.
        judge: the model that judges where a scorer names none; None: no scorer needs one.
        cache: whether replies are looked for among those that the workspace was given before.
        output: what the model is asked to make.
        deliver: where the answers go besides the outcomes; None: nowhere.
        files: `namespace/repository@revision` in which images and videos of the prompt are found
            that are no addresses; None: there are none such.
        scorer_columns: columns that scorers look at besides the target → the scorer's key. Follows
            from their options, so it is not pinned.
    """

    name: str
    models: tuple[str, ...]
    messages: tuple[PromptMessage, ...]
    id_column: str | None = None
    target_column: str | None = None
    cluster_column: str | None = None
    scorers: tuple[ScorerSpec, ...] = ()
    params: JsonObject = field(default_factory=dict)
    schema: JsonObject | None = None
    epochs: int = 1
    reducer: Reducer = Reducer.MEAN
    concurrency: int = 64
    budget: Budget = field(default_factory=Budget)
    timeout_s: float = 120.0
    limit: int | None = None
    choose: Choose | None = None
    stop: Precision | None = None
    answers: GivenAnswers | None = None
    judge: str | None = None
    cache: bool = False
    output: Output = Output.TEXT
    deliver: Delivery | None = None
    files: str | None = None
    scorer_columns: Mapping[str, str] = field(default_factory=dict)
    metadata: dict[str, Json] = field(default_factory=dict)


def sends_files(evaluation: Evaluation) -> bool:
    """Whether images or videos are part of the prompt."""
    return any(message.images or message.videos for message in evaluation.messages)
