"""The evaluation as people write it: one object, the same in a YAML file, in JSON and in the SDK.

`parse_spec` turns it into an `EvaluationSpec`, or says of every field what is wrong with it;
`EvaluationSpec.to_evaluation` turns that into the noun everything else works with.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeAlias, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    Tag,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from weighbridge import scorers
from weighbridge.core.evaluation import (
    SOMEBODY,
    AnswerColumn,
    AnswersOfRun,
    Budget,
    Choose,
    Delivery,
    Evaluation,
    GivenAnswers,
    Output,
    Precision,
    PromptMessage,
    Reducer,
)
from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import ScorerSpec
from weighbridge.core.prompt import Template
from weighbridge.core.suggest import did_you_mean
from weighbridge.core.versions import checked_branch, checked_path
from weighbridge.datasets.cases import BadRow, check_rows
from weighbridge.datasets.columns import HIDDEN
from weighbridge.datasets.readers import EXTENSIONS
from weighbridge.datasets.rows import Row
from weighbridge.datasets.selection import Condition, Selection
from weighbridge.datasets.shapes import format_of
from weighbridge.errors import FieldProblem, Invalid, InvalidFields
from weighbridge.validation import problems_of, refuse

Path: TypeAlias = tuple[str | int, ...]

MAX_INLINE_CASES = 10_000
MAX_EPOCHS = 1_000
MAX_CONCURRENCY = 4_096
MAX_MODELS = 64

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

# Parameters that weighbridge sets itself; given here they would contradict the rest of the object.
_RESERVED_PARAMS = {
    "model": "name the model under `model`",
    "messages": "write the prompt under `prompt` or `messages`",
    "prompt": "write the prompt under `prompt` or `messages`",
    "stream": "answers are not streamed",
    "n": "repeats are asked for by `epochs`",
}


# What makes no sense beside `answers`, where `model` says who answered and `prompt` what was asked.
_ASKING = ("models", "params", "schema", "choose")
_SELECTING = ("cases", "where", "sample")


def _check_template(text: str) -> str:
    Template(text)
    return text


Column = Annotated[str, Field(min_length=1, max_length=1_000)]
ModelName = Annotated[str, Field(min_length=1, max_length=500)]
TemplateText = Annotated[str, AfterValidator(_check_template)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class BudgetSpec(_Strict):
    """Where a run stops by itself, keeping what was done."""

    usd: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="US dollars.")
    tokens: int | None = Field(default=None, gt=0, description="Input and output tokens together.")


class MessageSpec(_Strict):
    """One message of the prompt."""

    role: Literal["system", "user", "assistant"] = Field(description="Who says it.")
    content: TemplateText = Field(
        description="Template: `{column}` stands for that column's value, `{{` and `}}` for braces."
    )
    images: list[TemplateText] = Field(
        default_factory=list,
        description="Templates of `https:` addresses or `data:image/…;base64,…` URIs, sent after "
        "the text.",
    )
    videos: list[TemplateText] = Field(
        default_factory=list,
        description="Templates of `https:` addresses or `data:video/…;base64,…` URIs, sent after "
        "the images.",
    )


def _check_scalar(value: JsonValue) -> JsonValue:
    if isinstance(value, list | dict):
        raise ValueError("text, a number, true, false or null was expected")
    return value


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


Scalar = Annotated[JsonValue, AfterValidator(_check_scalar)]


class ConditionSpec(_Strict):
    """What the value of a column must be. All that is given must hold."""

    any_of: list[Scalar] | None = Field(
        default=None, alias="in", min_length=1, max_length=10_000, description="One of these."
    )
    none_of: Annotated[list[Scalar], BeforeValidator(_listed)] = Field(
        default_factory=list, alias="not", max_length=10_000, description="None of these."
    )
    least: float | None = Field(
        default=None, alias="min", allow_inf_nan=False, description="A number, at least this."
    )
    most: float | None = Field(
        default=None, alias="max", allow_inf_nan=False, description="A number, at most this."
    )
    contains: str | None = Field(
        default=None, min_length=1, description="Text with this in it, whatever its case."
    )

    @model_validator(mode="after")
    def _check_whole(self) -> "ConditionSpec":
        if not self.model_fields_set:
            raise ValueError("one of `in`, `not`, `min`, `max` and `contains` is needed")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError(f"no number is at least {self.least:g} and at most {self.most:g}")
        return self

    def to_condition(self) -> Condition:
        """The noun."""
        return Condition(
            None if self.any_of is None else tuple(self.any_of),
            tuple(self.none_of),
            self.least,
            self.most,
            self.contains,
        )


def _kind_of_wanted(value: object) -> str:
    if isinstance(value, Mapping | ConditionSpec):
        return "(condition)"
    return "(values)" if isinstance(value, list) else "(value)"


Wanted = Annotated[
    Annotated[Scalar, Tag("(value)")]
    | Annotated[list[Scalar], Tag("(values)")]
    | Annotated[ConditionSpec, Tag("(condition)")],
    Discriminator(_kind_of_wanted),
]


class SampleSpec(_Strict):
    """Some rows, drawn at random without replacement."""

    n: int = Field(ge=1, description="How many.")
    seed: int = Field(default=0, ge=0, lt=2**63, description="The same seed, the same rows.")


class StopSpec(_Strict):
    """When enough is known, so that the run stops by itself."""

    scorer: str = Field(min_length=1, max_length=64, description="Key of the scorer.")
    half_width: float = Field(
        gt=0,
        lt=0.5,
        description="Stop when the interval of its metric is within ± this (0.02: 2 points).",
    )
    level: float = Field(
        default=0.95,
        ge=0.5,
        le=0.9999,
        description="Confidence level of that interval, which holds however often it is looked at.",
    )
    min_cases: int = Field(default=30, ge=1, description="The fewest cases with a score.")
    seed: int = Field(
        default=0, ge=0, lt=2**63, description="Of the random order in which cases are taken."
    )


class AnswersSpec(_Strict):
    """Answers that are there already: no model is asked for them."""

    column: Column | None = Field(
        default=None, description="They are a column of the data. This or `run`."
    )
    files: Column | None = Field(
        default=None,
        description="With `column`: a column with images or videos that are part of the answers, "
        "as a list of ids of files that were handed in (`asset_…`); null: there are none.",
    )
    run: str | None = Field(
        default=None,
        pattern=r"^run_[0-9a-z]{26}$",
        description="They are those of a run, whose data, `id`, `target`, `cluster` and `epochs` "
        "they come with.",
    )

    @model_validator(mode="after")
    def _check_whole(self) -> "AnswersSpec":
        if (self.column is None) == (self.run is None):
            raise ValueError("one of `column` and `run` is needed, not both")
        if self.files is not None and self.column is None:
            raise ValueError("`files` goes with `column`: the answers of a run have their own")
        return self

    def to_answers(self) -> GivenAnswers:
        """The noun."""
        if self.column is not None:
            return AnswerColumn(self.column, self.files)
        return AnswersOfRun(self.run or "")


Options = Annotated[
    Annotated[Column, Tag("(column)")]
    | Annotated[list[TemplateText], Field(min_length=2, max_length=26), Tag("(templates)")],
    Discriminator(lambda value: "(templates)" if isinstance(value, list) else "(column)"),
]


class ChooseSpec(_Strict):
    """The model is not asked for words, but which of the given options it would most likely say."""

    options: Options = Field(
        description="Column that holds each case's options (an array, an object letter → text, "
        "`{label, text}`, or a line `A. …` for each), or a list of templates.",
    )
    ask: Literal["text", "chat"] = Field(
        default="text",
        description="`text`: the prompt is continued by each option, which needs an endpoint that "
        "gives log-probabilities of a given text; `chat`: asked once by chat, the log-probability "
        "of each letter is that of the first token.",
    )
    normalise: Literal["none", "tokens", "characters", "bytes"] = Field(
        default="none",
        description="What an option's log-likelihood is divided by before they are compared: "
        "nothing, or its length.",
    )
    space: bool = Field(
        default=True,
        description="Whether a space is put between prompt and option where there is none.",
    )
    then: TemplateText | None = Field(
        default=None,
        min_length=1,
        description="Template of a text that follows each option: how likely it is after prompt "
        "and option decides, instead of how likely the option is.",
    )

    def to_choose(self) -> Choose:
        """The noun."""
        options = self.options if isinstance(self.options, str) else tuple(self.options)
        return Choose(options, self.ask, self.normalise, self.space, self.then)


def _check_path(path: str) -> str:
    try:
        return checked_path(path)
    except Invalid as error:
        raise ValueError(error.message) from error


def _check_branch(name: str) -> str:
    try:
        return checked_branch(name)
    except Invalid as error:
        raise ValueError(error.message) from error


class DeliverSpec(_Strict):
    """Where the answers go: into a column of a file in a repository, by a commit."""

    column: Column = Field(
        description="Name of the column; one that is there is replaced. Not `_oxen_…`."
    )
    branch: Annotated[str, AfterValidator(_check_branch)] | None = Field(
        default=None,
        description="Where the file is committed; made if it is not there. The branch that the "
        "data come from otherwise.",
    )
    path: Annotated[str, AfterValidator(_check_path)] | None = Field(
        default=None,
        description="Of the file, which says its format; the one that the data come from "
        "otherwise.",
    )
    commit: bool = Field(
        default=True,
        description="Whether it is committed as soon as it is there; false: after review, by "
        "`POST /runs/{id}/delivery/commit`.",
    )
    message: str | None = Field(
        default=None,
        max_length=10_000,
        description="Of the commit; names the evaluation otherwise.",
    )

    @field_validator("column")
    @classmethod
    def _check_column(cls, column: str) -> str:
        if column.startswith(HIDDEN) or not column.strip():
            raise ValueError(f"a column cannot be called so: neither empty nor `{HIDDEN}…`")
        return column

    @field_validator("path")
    @classmethod
    def _check_format(cls, path: str | None) -> str | None:
        if path is not None and format_of(path) is None:
            raise ValueError(
                f"no file of rows by its name; it ends with one of {', '.join(EXTENSIONS)}"
            )
        return path


class EvaluationSpec(_Strict):
    """An evaluation: cases, a prompt, one or more models, and scorers."""

    name: str = Field(default="evaluation", min_length=1, max_length=200, description="For people.")
    data: str | None = Field(
        default=None,
        min_length=1,
        max_length=4_096,
        description="Where the cases are: a file, an uploaded file's id, a stored data set, or "
        "`namespace/repository@revision:path`. This or `cases`.",
    )
    cases: list[dict[str, JsonValue]] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_INLINE_CASES,
        description=f"The cases themselves, column → value; at most {MAX_INLINE_CASES:,}.",
    )
    where: dict[Column, Wanted] = Field(
        default_factory=dict,
        max_length=100,
        description="Take only rows that meet these conditions: column → a value, a list of "
        "values, or `{in, not, min, max, contains}`.",
    )
    sample: SampleSpec | None = Field(
        default=None, description="Of these rows, draw some at random; the same ones every time."
    )
    id: Column | None = Field(
        default=None, description="Column that names the case; its position otherwise."
    )
    model: ModelName | None = Field(
        default=None,
        description="The model to ask. This or `models`. With `answers`, who gave them: any text.",
    )
    models: list[ModelName] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_MODELS,
        description="Several models; a run for each.",
    )
    prompt: TemplateText | None = Field(
        default=None,
        description="Template of the one message that is sent: `{column}` stands for that column's "
        "value, `{{` and `}}` for braces. This or `messages`.",
    )
    messages: list[MessageSpec] | None = Field(
        default=None, min_length=1, max_length=1_000, description="The prompt as a chat."
    )
    choose: ChooseSpec | None = Field(
        default=None,
        description="Multiple choice by likelihood: the model chooses among `options` instead of "
        "answering in words.",
    )
    answers: AnswersSpec | None = Field(
        default=None,
        description="Answers that are there already are scored, and no model is asked: "
        "`{column: …}` of the data, or `{run: …}` for those of a run.",
    )
    output: Literal["text", "embeddings", "image", "video"] = Field(
        default="text", description="What the model is asked to make."
    )
    deliver: DeliverSpec | None = Field(
        default=None,
        description="Commit the answers as a column of a file in the repository that the data come "
        "from.",
    )
    files: str | None = Field(
        default=None,
        max_length=1_000,
        description="`namespace/repository@revision` in which images and videos of the prompt are "
        "found that are no addresses; for data from a repository it is that one.",
    )
    target: Column | None = Field(default=None, description="Column with the reference answer.")
    cluster: Column | None = Field(
        default=None,
        description="Column that says which cases are not independent of each other (one source, "
        "one template); intervals then allow for it.",
    )
    scorers: list[Any] = Field(
        default_factory=list,
        max_length=64,
        description="How answers are graded: a scorer's name, or `{name: {option: value}}`, with "
        "`as: key` beside the name to call its scores something else.",
    )
    judge: ModelName | None = Field(
        default=None,
        description="The model that judges where a scorer names none; otherwise the default judge "
        "of the installation, or `embedded`.",
    )
    params: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="Sent to the model as they are (`temperature`, `max_tokens`, `seed`…).",
    )
    answer_schema: dict[str, JsonValue] | None = Field(
        default=None, alias="schema", description="JSON schema that the answer must follow."
    )
    epochs: int = Field(default=1, ge=1, le=MAX_EPOCHS, description="Repeats of each case.")
    reducer: Reducer = Field(
        default=Reducer.MEAN,
        strict=False,
        description="How the scores of a case's repeats become one.",
    )
    concurrency: int = Field(
        default=64, ge=1, le=MAX_CONCURRENCY, description="The most calls in flight at once."
    )
    budget: BudgetSpec = Field(default_factory=BudgetSpec, description="Where to stop.")
    timeout: float = Field(
        default=120.0, gt=0, le=86_400, description="Seconds after which a call counts as failed."
    )
    limit: int | None = Field(default=None, ge=1, description="The most cases taken from the data.")
    stop: StopSpec | None = Field(
        default=None,
        description="Stop when a metric is known well enough; cases are then taken in random "
        "order.",
    )
    cache: bool = Field(
        default=False,
        description="Whether a request that this workspace had answered before is taken from the "
        "cache instead of being paid for again; judges' requests, too.",
    )
    metadata: dict[str, JsonValue] = Field(default_factory=dict, description="For you.")

    @field_validator("params")
    @classmethod
    def _check_params(cls, params: dict[str, JsonValue]) -> dict[str, JsonValue]:
        refuse(
            ((name,), f"not a parameter here: {_RESERVED_PARAMS[name]}")
            for name in params
            if name in _RESERVED_PARAMS
        )
        return params

    @field_validator("scorers")
    @classmethod
    def _check_scorers(cls, items: list[Any]) -> list[Any]:
        refuse(_scorer_problems(items))
        return items

    @model_validator(mode="after")
    def _check_whole(self) -> "EvaluationSpec":
        refuse(self._contradictions())
        if self.cases is not None:
            try:
                for _ in check_rows(cast("list[Row]", self.cases), self.to_evaluation()):
                    pass
            except BadRow as error:
                refuse([(("cases", error.row - 1), error.message)])
        return self

    def to_evaluation(self) -> Evaluation:
        """The noun that everything else works with. It does not hold `data` or `cases`."""
        if self.prompt is not None:
            messages: tuple[PromptMessage, ...] = (PromptMessage("user", self.prompt),)
        else:
            messages = tuple(
                PromptMessage(
                    message.role, message.content, tuple(message.images), tuple(message.videos)
                )
                for message in self.messages or ()
            )
        models = tuple(self.models or ()) if self.model is None else (self.model,)
        return Evaluation(
            name=self.name,
            models=models or (SOMEBODY,),
            messages=messages,
            id_column=self.id,
            target_column=self.target,
            cluster_column=self.cluster,
            scorers=_scorer_specs(self.scorers),
            params=self.params,
            schema=self.answer_schema,
            epochs=self.epochs,
            reducer=self.reducer,
            concurrency=self.concurrency,
            budget=Budget(self.budget.usd, self.budget.tokens),
            timeout_s=self.timeout,
            limit=self.limit,
            choose=self.choose.to_choose() if self.choose else None,
            stop=Precision(**dict(self.stop)) if self.stop else None,
            answers=self.answers.to_answers() if self.answers else None,
            judge=self.judge,
            cache=self.cache,
            output=Output(self.output),
            deliver=Delivery(**dict(self.deliver)) if self.deliver else None,
            files=self.files,
            scorer_columns=_scorer_columns(self.scorers, is_asked=bool(messages)),
            metadata={**self.metadata},
        )

    def selection(self) -> Selection | None:
        """Which rows of the data are taken; None: all."""
        if not self.where and self.sample is None:
            return None
        where = {
            column: wanted.to_condition()
            if isinstance(wanted, ConditionSpec)
            else Condition(tuple(wanted) if isinstance(wanted, list) else (wanted,))
            for column, wanted in self.where.items()
        }
        written = self.model_dump(
            mode="json", by_alias=True, exclude_defaults=True, include={"where", "sample"}
        )
        return Selection(
            where,
            self.sample.n if self.sample else None,
            self.sample.seed if self.sample else 0,
            written,
        )

    def as_json(self) -> JsonObject:
        """The object as it was written, without what was left to the defaults."""
        dumped: JsonObject = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return dumped

    def _contradictions(self) -> Iterator[tuple[Path, str]]:
        for one, other in (("data", "cases"), ("model", "models"), ("prompt", "messages")):
            given = [name for name in (one, other) if getattr(self, name) is not None]
            if not given and not self._is_given(one):
                yield (), f"one of `{one}` and `{other}` is needed"
            elif len(given) == 2:
                yield (other,), f"either `{one}` or `{other}`, not both"
        for place, name in enumerate(self.models or ()):
            if name in (self.models or ())[:place]:
                yield ("models", place), f"`{name}` is there twice"
        if self.choose is not None:
            yield from self._contradictions_of_choose(self.choose)
        if self.answers is not None:
            yield from self._contradictions_of_answers(self.answers)
        if self.stop is not None:
            yield from self._contradictions_of_stop(self.stop)
        yield from self._contradictions_of_output()
        if self.target is None and (self.data or self.cases):  # else it is still taken from a run
            yield from _targets_missed(self.scorers)

    def _says(self, field: str) -> bool:
        """Whether the field was written, and not as null or empty."""
        value = getattr(self, "answer_schema" if field == "schema" else field)
        return value is not None and value != {}

    def _is_given(self, field: str) -> bool:
        """Whether what the field says is said by `answers`, or need not be said."""
        if self.answers is None:
            return False
        return field in {"model", "prompt"} or (field == "data" and self.answers.run is not None)

    def _contradictions_of_choose(self, choose: ChooseSpec) -> Iterator[tuple[Path, str]]:
        if self._says("schema"):
            yield ("schema",), "with `choose` the model says nothing that could follow it"
        if choose.ask == "chat":
            if choose.normalise != "none":
                yield ("choose", "normalise"), "by chat each option is one letter: leave it out"
            if choose.then is not None:
                yield ("choose", "then"), "by chat nothing follows an option: leave it out"
            return
        if choose.then is not None and choose.normalise != "none":
            yield ("choose", "normalise"), "`then` is weighed, not the options: leave it out"
        messages = self.messages or []
        if len(messages) > 1 or any(message.images or message.videos for message in messages):
            yield (
                ("choose", "ask"),
                "`text` continues one text: write it under `prompt`, or ask by `chat`",
            )

    def _contradictions_of_answers(self, answers: AnswersSpec) -> Iterator[tuple[Path, str]]:
        for field in _ASKING:
            if self._says(field):
                yield (field,), "with `answers` no model is asked: leave it out"
        if not self.scorers:
            yield ("scorers",), "answers that are there already are scored: name a scorer"
        if answers.run is not None:
            for field in _SELECTING:
                if self._says(field):
                    yield (field,), "the cases are those of the run in `answers`: leave it out"
        elif self.epochs > 1:
            yield ("epochs",), "a column holds one answer to each case: leave it out"

    def _contradictions_of_output(self) -> Iterator[tuple[Path, str]]:
        if self.output != "text":
            for field in ("choose", "answers", "schema"):
                if self._says(field):
                    yield (field,), f"is for text, and `output` is {self.output}: leave it out"
        messages = self.messages or ()
        if self.output == "embeddings" and any(it.images or it.videos for it in messages):
            yield ("output",), "embeddings are made of text: leave out images and videos"
        if self.deliver is None:
            return
        if self.data is None:
            yield ("deliver",), "needs `data` in a repository: namespace/repository@branch:path"
        if self.models is not None and len(self.models) > 1:
            yield ("models",), "one column holds the answers of one model: `deliver` takes one"
        if self.epochs > 1:
            yield ("epochs",), "one cell holds one answer: with `deliver` leave it out"
        for field in ("where", "sample", "stop"):
            if self._says(field):
                yield (field,), "with `deliver` rows are taken in order: use `limit` for the first"

    def _contradictions_of_stop(self, stop: StopSpec) -> Iterator[tuple[Path, str]]:
        scorers_ = _scorer_specs(self.scorers)
        keys = [spec.key for spec in scorers_]
        if stop.scorer not in keys:
            hint = did_you_mean(stop.scorer, keys)
            listed = ", ".join(keys) or "none"
            yield ("stop", "scorer"), f"no scorer has this key{hint} (scorers: {listed})"
        elif any(scorers.build(s).metric == "labels" for s in scorers_ if s.key == stop.scorer):
            yield ("stop", "scorer"), "gives labels, and no metric that could be precise"
        if self.epochs > 1:
            yield ("stop",), "needs `epochs: 1`: repeats come after the last case, not before"
        if self.cluster is not None:
            yield ("stop",), "takes cases for independent: leave out `cluster`, or `stop`"
        if self.answers is not None and self.answers.run is not None:
            yield ("stop",), "the answers of a run cost nothing, and keep their order: leave it out"
        elif self.id is None:
            yield ("stop",), "needs an `id` column: cases are shuffled, and are known by their ids"


def parse_spec(
    data: object,
    *,
    lines: Mapping[Path, int] | None = None,
    source: str | None = None,
) -> EvaluationSpec:
    """An evaluation out of the value that JSON or YAML text held.

    Args:
        data: the value.
        lines: where it came from a file, the 1-based line of each field, by its path.
        source: the file's name, shown in front of the message.

    Raises:
        InvalidFields: naming every field that is wrong (the first 20), with its line.
    """
    if not isinstance(data, Mapping):
        what = "nothing" if data is None else type(data).__name__
        problem = FieldProblem("", f"an evaluation is an object with named fields, not {what}", 1)
        raise InvalidFields([problem if lines else FieldProblem("", problem.message)], source)
    try:
        return EvaluationSpec.model_validate(dict(data))
    except ValidationError as error:
        raise InvalidFields(problems_of(error, lines or {}, _fields_at), source) from error


def json_schema() -> dict[str, Any]:
    """JSON schema (draft 2020-12) of the object, for editors and for the API's description."""
    schema = EvaluationSpec.model_json_schema(by_alias=True)
    names = sorted(scorers.SCORERS)
    schema["properties"]["scorers"]["items"] = {
        "anyOf": [
            {"enum": names},
            *(_scorer_schema(name) for name in names),
        ]
    }
    given = {"required": ["answers"]}
    of_a_run = {**given, "properties": {"answers": {"required": ["run"]}}}
    schema["allOf"] = [
        {"anyOf": [{"oneOf": [{"required": [one]}, {"required": [other]}]}, otherwise]}
        for one, other, otherwise in (
            ("data", "cases", of_a_run),
            ("model", "models", given),
            ("prompt", "messages", given),
        )
    ]
    return schema


def _scorer_schema(name: str) -> dict[str, Any]:
    options = TypeAdapter(scorers.SCORERS[name]).json_schema()
    options.pop("title", None)
    return {
        "type": "object",
        "properties": {
            name: {"anyOf": [{**options, "additionalProperties": False}, {"type": "null"}]},
            "as": {"type": "string", "pattern": f"^{_KEY.pattern}$"},
        },
        "required": [name],
        "additionalProperties": False,
    }


def _scorer_specs(items: list[Any]) -> tuple[ScorerSpec, ...]:
    """Specs of the scorers, each with a key of its own: `as`, or else the name, with `-2`, `-3`…
    for those that come again."""
    entries = [_scorer_entry(item) for item in items]
    taken = {key for _, _, key in entries if key is not None}
    specs = []
    for name, options, key in entries:
        if key is None:
            count = 1
            key = name
            while key in taken:
                count += 1
                key = f"{name}-{count}"
            taken.add(key)
        specs.append(ScorerSpec(name, options, key))
    return tuple(specs)


def _scorer_entry(item: Any) -> tuple[str, JsonObject, str | None]:
    """Name, options and explicit key of one item of `scorers`.

    Raises:
        OptionError: it has another shape; `option` is the part that is wrong.
    """
    if isinstance(item, str):
        return item, {}, None
    if not isinstance(item, Mapping):
        raise scorers.OptionError(
            "", "a scorer's name, or an object `{name: {option: value}}`, was expected"
        )
    names = [name for name in item if name != "as"]
    if len(names) != 1:
        raise scorers.OptionError("", "an object with the name of one scorer was expected")
    name, options, key = names[0], item[names[0]], item.get("as")
    if options is None:
        options = {}
    if not isinstance(options, Mapping):
        raise scorers.OptionError(name, "the options are an object `{option: value}`")
    if "as" in item and not (isinstance(key, str) and _KEY.fullmatch(key)):
        raise scorers.OptionError(
            "as", "1 to 64 letters, digits, `_`, `.` and `-`, a letter or digit first"
        )
    return name, options, key


def _scorer_problems(items: list[Any]) -> Iterator[tuple[Path, str]]:
    keys: Counter[str] = Counter()
    for place, item in enumerate(items):
        try:
            name, options, key = _scorer_entry(item)
        except scorers.OptionError as error:
            yield (place, error.option) if error.option else (place,), error.problem
            continue
        if key is not None:
            keys[key] += 1
            if keys[key] > 1:
                yield (place, "as"), f"two scorers are called `{key}`"
        try:
            scorers.build(ScorerSpec(name, options, key or name))
        except scorers.OptionError as error:
            named = () if isinstance(item, str) else (name,)
            yield (place, *named, *_steps(error.option)), error.problem


def _steps(option: str) -> Path:
    """The path of an option: `rubric.levels.1.score` is a field of the option `rubric`."""
    return tuple(int(step) if step.isdigit() else step for step in option.split(".") if step)


def _scorer_columns(items: list[Any], *, is_asked: bool) -> dict[str, str]:
    """The columns that scorers look at, each with the key of the first that does.

    Args:
        is_asked: whether the evaluation has a prompt, so that no column need tell it.
    """
    columns: dict[str, str] = {}
    for spec in _scorer_specs(items):
        scorer = scorers.build(spec)
        if isinstance(scorer, scorers.Reader):
            for column in scorer.reads:
                columns.setdefault(column, spec.key)
        if not is_asked and isinstance(scorer, scorers.ShownPrompt) and scorer.prompt_column:
            columns.setdefault(scorer.prompt_column, spec.key)
    return columns


def _targets_missed(items: list[Any]) -> Iterator[tuple[Path, str]]:
    """Judges that compare with a reference which the evaluation does not name: asking models only
    to find each case ungraded is not what anybody wants."""
    for place, spec in enumerate(_scorer_specs(items)):
        scorer = scorers.build(spec)
        if isinstance(scorer, scorers.Judge) and scorer.needs_target:
            named: Path = () if isinstance(items[place], str) else (spec.name,)
            yield (
                ("scorers", place, *named),
                "compares with the reference answer: name its column under `target`",
            )


def _fields_at(path: Path) -> list[str]:
    model = _PARTS[str(path[0])] if len(path) > 1 else EvaluationSpec
    return [field.alias or name for name, field in model.model_fields.items()]


# The fields of `EvaluationSpec` that are objects with named fields themselves.
_PARTS: dict[str, type[BaseModel]] = {
    "budget": BudgetSpec,
    "messages": MessageSpec,
    "where": ConditionSpec,
    "sample": SampleSpec,
    "answers": AnswersSpec,
    "choose": ChooseSpec,
    "stop": StopSpec,
    "deliver": DeliverSpec,
}
