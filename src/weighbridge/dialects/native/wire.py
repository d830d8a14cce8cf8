"""What goes over the wire in our own API. Imports no web framework: the CLI's `--json` uses it."""

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from weighbridge.core.caller import Role
from weighbridge.core.outcome import Status
from weighbridge.core.policy import Limit, Mode, Tier, Verdict
from weighbridge.core.run import RunState
from weighbridge.core.webhook import SUBSCRIBABLE, DeliveryState, Event

Item = TypeVar("Item")


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain a NUL character")
    return text


def _in_reach(moment: datetime) -> datetime:
    if not 2000 <= moment.year <= 9000:
        raise ValueError("must lie in the years 2000 to 9000")
    return moment


Text = Annotated[str, AfterValidator(_storable)]
Moment = Annotated[AwareDatetime, AfterValidator(_in_reach)]


class Sent(BaseModel):
    """Something we send."""

    model_config = ConfigDict(frozen=True)


class Received(BaseModel):
    """Something we are sent: a field or parameter that we do not know is refused by its name."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# Errors


class FieldError(Sent):
    """One field that is wrong."""

    field: str = Field(description="Dotted path in the body, or the name of a parameter.")
    message: str = Field(description="What is wrong with it, and what would be right.")
    line: int | None = Field(None, description="1-based line in the file it was read from.")


class Problem(Sent):
    """An error, as RFC 9457 has it (`application/problem+json`)."""

    type: str = Field(description="`urn:weighbridge:problem:` and the kind of the error.")
    title: str = Field(description="The kind of the error, for a person.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What was wrong here, and what would be right.")
    instance: str | None = Field(
        None, description="Of an error on our side: the reference under which it is logged."
    )
    errors: list[FieldError] = Field(
        default_factory=list, description="Every field that is wrong, where fields are."
    )


# Evaluations and runs


class Progress(Sent):
    """How far a run is, in (case, epoch) pairs."""

    done: int = Field(description="With an outcome, failed ones included.")
    total: int
    failed: int = Field(description="Of those done: no answer could be had. Never counted wrong.")
    ungraded: int = Field(description="Of those done: answered, but without a usable verdict.")


class Usage(Sent):
    """What was consumed, retries included."""

    input_tokens: int
    output_tokens: int
    cost_usd: float | None = Field(description="null where the model's price is not known.")
    calls: int = Field(description="HTTP requests that reached a model.")
    cached: int = Field(0, description="Replies that came out of the cache, and cost nothing.")


class Metric(Sent):
    """A number with everything that is needed to trust it."""

    name: str = Field(description="`accuracy` for scores of 0 and 1, `mean` otherwise.")
    scorer: str = Field(description="Key of the scorer it comes from.")
    value: float | None = Field(description="null when nothing was scored.")
    low: float | None
    high: float | None
    level: float = Field(description="Confidence level of the interval, 0 to 1.")
    method: str = Field(
        description="How the interval was made: `wilson`, `t`, `clustered`, `no-spread` (all "
        "scores are the same) or `sequential`."
    )
    n_scored: int
    n_total: int
    n_failed: int
    n_ungraded: int


class Evaluation(Sent):
    """An evaluation as it was asked for."""

    id: str
    name: str
    dataset_id: str
    door: str = Field(description="Through which API or command it came.")
    created_at: datetime
    spec: dict[str, Any] = Field(
        description="The evaluation as it was written, defaults left out; posting it again does "
        "the same. Inline cases have become a data set, named under `data`."
    )


class Run(Sent):
    """One execution of an evaluation, by one model."""

    id: str
    status: RunState
    reason: str | None = Field(description="Why it stopped, where it stopped early.")
    model: str = Field(description="As the evaluation names it.")
    progress: Progress
    usage: Usage
    metrics: list[Metric] = Field(description="Empty until the run has ended.")
    evaluation: Evaluation
    pin: str = Field(description="SHA-256 of everything that determines the result.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration_s: float | None = Field(description="Seconds from start to end, or until now.")


class Rescoring(Received):
    """How the answers of a run are scored again. All of it may be left out."""

    scorers: list[Any] | None = Field(
        None, description="As an evaluation has them; those of the run when left out."
    )
    judge: Text | None = Field(
        None,
        min_length=1,
        max_length=500,
        description="The model that judges where a scorer names none; without `scorers`, in place "
        "of any one model that they name, too.",
    )
    name: Text | None = Field(
        None, min_length=1, max_length=200, description="For people; that of the run's evaluation."
    )
    budget: dict[str, Any] | None = Field(
        None, description="Where to stop, as an evaluation has it; what the run had cost is not in."
    )


class EvaluationWithRuns(Evaluation):
    """An evaluation with its runs, one for each model."""

    runs: list[Run]
    warnings: list[str] = Field(
        default_factory=list,
        description="When it was just started: what will not bring what was wanted.",
    )


class Failure(Sent):
    """Why there is no answer."""

    kind: str
    message: str
    http_status: int | None
    calls: int


class Reproduction(Sent):
    """A run that does again what another did."""

    original_id: str
    run: Run
    same_work: bool = Field(description="Whether everything that decides the result is the same.")
    changed: list[str] = Field(
        description="What is not: `model`, `scorers`, `judging`… Empty when it is the same work."
    )


class Outcome(Sent):
    """What became of one case in one epoch."""

    case_id: str
    position: int = Field(description="0-based place of the case in the data set.")
    epoch: int = Field(description="0-based repeat.")
    status: Status
    inputs: dict[str, Any] = Field(description="The row of the data set.")
    answer: str | None
    finish_reason: str | None
    details: dict[str, Any] | None = Field(
        description="What came with the answer: `thinking`, `images`, `options`…"
    )
    scores: dict[str, dict[str, Any]] = Field(
        description="By the scorer's key: `{status: scored, value, label?, explanation?, "
        "confidence?, details?}`, "
        "`{status: ungraded, reason, raw}` or `{status: failed, kind, message, …}`."
    )
    error: Failure | None
    latency_s: float | None
    usage: Usage


class AnsweredBy(Sent):
    """A model, in the endpoint's own words, and how many answers it gave."""

    model: str | None = Field(description="null where the endpoint does not say.")
    answers: int


class Latency(Sent):
    """Seconds from sending a successful request to having its whole reply, over all answers."""

    mean_s: float
    max_s: float


class Agreement(Sent):
    """How far the members of a jury agree."""

    alpha: float | None = Field(
        description="Krippendorff's: 1 agree throughout, 0 as chance would; null when every vote "
        "is the same."
    )
    low: float | None
    high: float | None
    level: float
    scale: Literal["nominal", "ordinal", "interval"]
    cases: int
    votes: int


class Corpus(Sent):
    """The score of all cases as one text, as papers report BLEU, chrF and TER; not the mean of the
    cases' scores."""

    value: float
    low: float | None
    high: float | None
    level: float
    method: str
    texts: int = Field(description="How many answers it is made of.")


class ItemCount(Sent):
    """How often an item of a checklist was met."""

    met: int
    of: int


class Breakdown(Sent):
    """What stands behind a scorer's metric. Counted over outcomes, a case with repeats once for
    each; of labels at most 100, the rest as `(other)`."""

    judges: dict[str, int] = Field(default_factory=dict, description="Who gave verdicts, how many.")
    labels: dict[str, int] = Field(default_factory=dict)
    confusion: dict[str, dict[str, int]] = Field(
        default_factory=dict, description="Expected label -> label that was given -> how often."
    )
    confidence: float | None = Field(default=None, description="Mean of the judges' own.")
    repairs: dict[str, int] = Field(
        default_factory=dict, description="`json`: replies mended; `retry`: judges asked again."
    )
    evidence_dropped: int = Field(default=0, description="Quotes that are not in the text.")
    position_bias: dict[str, int] = Field(
        default_factory=dict, description="Cases in which a pairwise judge went by the place."
    )
    items: dict[str, ItemCount] = Field(default_factory=dict)
    agreement: Agreement | None = None
    corpus: Corpus | None = None
    ungraded: dict[str, int] = Field(
        default_factory=dict, description="Why there was no verdict, how often."
    )


class Report(Sent):
    """What a run came to."""

    run_id: str
    status: RunState
    reason: str | None
    final: bool = Field(
        description="Whether the run has ended. Before that, `metrics` is empty and the counts, "
        "usage and latency are those so far."
    )
    model: str
    answered_by: list[AnsweredBy] = Field(description="Most answers first.")
    metrics: list[Metric]
    progress: Progress
    failures: dict[str, int] = Field(description="How many calls failed for good, by kind.")
    usage: Usage
    latency: Latency | None = Field(description="null before the first answer.")
    duration_s: float | None
    pin: str
    evaluation: Evaluation
    breakdown: dict[str, Breakdown] = Field(
        default_factory=dict,
        description="What stands behind the metrics, by the scorer's key: who judged, with which "
        "verdicts. Empty before the run has ended.",
    )


# Comparisons


class Latencies(Sent):
    """Seconds that answers took."""

    mean_s: float
    p50_s: float
    p95_s: float


class ComparedRun(Sent):
    """One of the runs compared."""

    id: str
    name: str = Field(description="Of its evaluation.")
    model: str
    status: RunState
    reason: str | None
    cases: int = Field(description="Of which anything is known.")
    usage: Usage
    cost_per_case_usd: float | None = Field(description="null where the price is not known.")
    latency: Latencies | None = Field(description="Over its answers; null without any.")
    judges: list[str] = Field(description="Models that judged its answers.")
    differs: list[str] = Field(
        description="What, of all that determines a result, is not as in the baseline: `prompt`, "
        "`model`, `data`…"
    )
    pin: str


class LeftOut(Sent):
    """Cases that did not enter a difference. One may be counted for both runs."""

    only_a: int = Field(description="Only run A knows them.")
    only_b: int
    failed_a: int = Field(description="Of those in both runs: without an answer in A.")
    failed_b: int
    ungraded_a: int = Field(description="Of those in both runs: without a usable verdict in A.")
    ungraded_b: int


class Difference(Sent):
    """Two runs on the cases scored in both, by one scorer."""

    scorer: str = Field(description="Its key.")
    a: str = Field(description="Id of run A.")
    b: str = Field(description="Id of run B.")
    mean_a: float | None = Field(description="Over the cases scored in both.")
    mean_b: float | None
    difference: float | None = Field(description="B less A.")
    low: float | None = Field(description="Ends of its interval; null where the data cannot say.")
    high: float | None
    method: str = Field(description="How the interval was made.")
    test: str
    p_value: float | None = Field(description="Two-sided, of no difference.")
    p_adjusted: float | None = Field(
        description="After Holm's correction for all tests of this comparison (every pair of runs "
        "by every scorer)."
    )
    different: bool | None = Field(
        description="Whether `p_adjusted` is at most 1 - `level`. false does not mean equal: see "
        "`smallest_detectable`. null: there was nothing to test."
    )
    n: int = Field(description="Cases scored in both runs.")
    matched: int = Field(description="Cases that both runs know.")
    up: int = Field(description="Cases that score higher in B; with scores of 0 and 1: put right.")
    down: int = Field(description="Cases that score lower in B; with 0 and 1: gone wrong.")
    equal: int
    smallest_detectable: float | None = Field(
        description="The smallest true difference that so many cases would have shown 4 times in 5."
    )
    left_out: LeftOut


class Group(Sent):
    """Which runs one scorer cannot tell apart."""

    scorer: str
    letters: dict[str, str] = Field(
        description="Run id → its letters. Two runs share a letter exactly when their difference "
        "is not significant."
    )


class Comparison(Sent):
    """Runs compared on the cases that they share."""

    runs: list[ComparedRun] = Field(description="As they were named; the first is the baseline.")
    scorers: list[str]
    level: float = Field(description="Confidence level of the intervals, 0 to 1.")
    differences: list[Difference] = Field(
        description="Scorer by scorer, every pair of runs; those with the baseline come first."
    )
    groups: list[Group]
    warnings: list[str] = Field(description="What to know before believing it.")


class FlipSide(Sent):
    """A case in one of two runs."""

    run_id: str
    position: int = Field(description="0-based place of the case in the run's data set.")
    score: float = Field(description="Its repeats reduced.")
    inputs: dict[str, Any] = Field(description="The row of the run's data set.")
    answers: list[str | None] = Field(description="By epoch; null where there is none.")
    scores: list[dict[str, Any] | None] = Field(
        description="What the scorer made of each answer, as in an outcome's `scores`."
    )


class Flip(Sent):
    """A case that scores differently in two runs."""

    case_id: str
    scorer: str
    a: FlipSide
    b: FlipSide


class Check(Sent):
    """One limit of one rule of a policy."""

    rule: int | None = Field(
        description="0-based place of the rule in the policy; null for the check that the run came "
        "to its end, which every gate makes."
    )
    metric: str | None
    limit: Limit | None
    bound: float | None = Field(description="What was asked for.")
    tier: Tier
    verdict: Verdict
    value: float | None = Field(
        description="What was measured; for drops and rises, the run less the baseline."
    )
    low: float | None
    high: float | None
    level: float | None = Field(description="null for what is counted and not estimated.")
    method: str = Field(description="How the interval was made; `counted` where there is none.")
    n: int | None = Field(description="Cases it rests on.")
    more_cases: int | None = Field(
        description="Of an inconclusive check: how many more cases would decide it 4 times in 5, "
        "if the truth is what was measured."
    )
    reason: str


class Gate(Sent):
    """A run held against a policy."""

    verdict: Verdict = Field(
        description="FAIL when a critical check fails; else INCONCLUSIVE when a critical check is; "
        "else PASS."
    )
    policy: str = Field(description="Its name.")
    mode: Mode
    run: Run
    baseline: Run | None
    checks: list[Check]
    differences: list[Difference] = Field(
        description="By each metric of the policy: the run against its baseline; empty without."
    )
    warnings: list[str] = Field(description="What to know before believing it.")


class NewGate(Received):
    """A run to be held against a policy."""

    policy: dict[str, Any] = Field(description="As in a policy file.")
    run: Text = Field(max_length=100, description="Id of the run.")
    baseline: Text | None = Field(
        None, max_length=100, description="Id of the run that drops and rises are against."
    )


# People


class Override(Sent):
    """What a person said about one score. It stands beside the scorer's verdict."""

    id: str
    run_id: str
    position: int
    epoch: int
    case_id: str
    scorer: str = Field(description="Key of the scorer.")
    revision: int = Field(description="1, 2, …; of several about one score the highest counts.")
    value: float | None = Field(description="null: what was said before is withdrawn.")
    label: str | None
    reason: str
    author: str = Field(description="Who said it, for people.")
    user_id: str | None = Field(description="Whose key it was.")
    key_id: str | None
    created_at: datetime


class Judgement(Received):
    """What a person says about one score; a value that is the scorer's own confirms it."""

    scorer: Text = Field(min_length=1, max_length=64, description="Key of the scorer.")
    value: float | None = Field(
        None,
        allow_inf_nan=False,
        description="The score as it should be; may be left out where the label has one.",
    )
    label: Text | None = Field(
        None, max_length=1_000, description="The word behind it: one of the scorer's labels."
    )
    reason: Text = Field(min_length=1, max_length=10_000, description="Why.")
    author: Text | None = Field(
        None, min_length=1, max_length=200, description="Who says so; the key's user if left out."
    )


class JudgementOfCase(Judgement):
    """A judgement that names its case, by `case_id` or `position`."""

    case_id: Text | None = Field(None, min_length=1, max_length=10_000)
    position: int | None = Field(None, ge=0, lt=2**63)
    epoch: int = Field(0, ge=0, lt=2**31)

    @model_validator(mode="after")
    def _check_case(self) -> "JudgementOfCase":
        if (self.case_id is None) == (self.position is None):
            raise ValueError("one of `case_id` and `position` is needed, not both")
        return self


class Judgements(Received):
    """Many judgements at once: all are kept, or none."""

    overrides: list[JudgementOfCase] = Field(min_length=1, max_length=10_000)


class OverrideList(Sent):
    """Overrides, in the order in which they were sent."""

    data: list[Override]


class ReviewSample(Sent):
    """Outcomes drawn at random, for people to review, in the order in which they were drawn."""

    data: list[Outcome]
    seed: int
    eligible: int = Field(description="Outcomes that could have been drawn.")
    reviewed: int = Field(description="Of these, those that people have reviewed.")


class Bounds(Sent):
    """An interval of confidence 95 %; without ends where the data cannot say."""

    low: float | None
    high: float | None
    method: str


class LabelAgreement(Sent):
    """How a scorer does with one of the labels (or values), people being right."""

    label: str
    precision: float | None
    precision_interval: Bounds
    recall: float | None
    recall_interval: Bounds
    f1: float | None
    human: int = Field(description="How often people gave it.")
    judge: int = Field(description="How often the scorer gave it.")


class Confusion(Sent):
    """How often people said one thing and the scorer another, or the same."""

    human: str
    judge: str
    n: int


class PeopleAgreement(Sent):
    """A scorer beside people, on the outcomes that both have graded."""

    n: int
    accuracy: float | None = Field(description="Share in which they agree.")
    accuracy_interval: Bounds
    kappa: float | None = Field(
        description="Cohen's: agreement beyond chance; null where both said one thing throughout."
    )
    kappa_interval: Bounds
    weights: Literal["quadratic"] | None = Field(
        description="How kappa weighs disagreements; null: all alike."
    )
    confusion: list[Confusion]
    labels: list[LabelAgreement]


class CorrectedRate(Sent):
    """The scorer's mean over all cases, and the one that people would have found."""

    raw: float | None = Field(description="The scorer's own.")
    human: float | None = Field(description="People's mean over what they reviewed.")
    value: float | None = Field(description="Corrected; null with a `reason`.")
    low: float | None
    high: float | None
    level: float
    method: str = Field(description="`ppi++`: prediction-powered inference.")
    n_human: int = Field(description="Labels of people that entered.")
    n_judged: int = Field(description="Outcomes that the scorer graded.")
    weight: float | None = Field(description="How far the scorer is relied on, 0 to 1.")
    drawn: bool = Field(description="Whether these labels are a random sample drawn here.")
    reason: str | None = Field(description="Why there is no corrected rate.")


class ScorerAndPeople(Sent):
    """A scorer, and what people said about its scores."""

    n_reviewed: int
    n_compared: int = Field(description="Of these, graded by the scorer.")
    agreement: PeopleAgreement | None
    rate: CorrectedRate | None
    reasons: list[str] = Field(description="Why one of the two is not there.")
    warnings: list[str] = Field(description="What to know before believing it.")


class RunAgreement(Sent):
    """How the scorers of a run stand beside people. Worked out when it is asked for."""

    run_id: str
    seed: int = Field(description="Of the review sample that people are taken to have gone by.")
    people: dict[str, ScorerAndPeople] = Field(
        description="By the scorer's key; only scorers about which people have said something."
    )


class ReviewedJudge(Sent):
    """A judge with a rubric, over all runs of the workspace that people have reviewed."""

    scorer: str
    judge: str
    rubric: str | None
    runs: list[str]
    n_compared: int
    agreement: PeopleAgreement | None
    reasons: list[str]


# Data, models, keys, and what else there is


class Dataset(Sent):
    """A stored data set."""

    id: str
    name: str
    rows: int
    columns: list[str] = Field(description="In the order in which they first appear.")
    size_bytes: int
    sha256: str = Field(description="Of its canonical form; two data sets with one are equal.")
    version: int = Field(description="1, 2, … of the data sets of this name: one per content.")
    tags: list[str] = Field(description="Names given to this version; they can be moved.")
    parent_id: str | None = Field(description="The data set that its rows were selected from.")
    selection: dict[str, Any] | None = Field(description="How: `where` and `sample`.")
    created_at: datetime


class Rows(Sent):
    """Some rows of a data set, in order."""

    data: list[dict[str, Any]]
    next_cursor: str | None
    has_more: bool


class Model(Sent):
    """A model that an evaluation can name."""

    name: str = Field(description="What to say; `provider/<model>` is any model of that provider.")
    protocol: str
    model: str = Field(description="What the endpoint calls it.")
    aliases: list[str] = Field(description="Other names for it.")
    usable: bool = Field(description="Whether it could be asked as things are.")
    why_not: str | None = Field(description="What is missing, if it could not.")


class Key(Sent):
    """An API key, without the key."""

    id: str
    name: str
    role: Role
    hint: str = Field(description="Its first characters, to recognise it by.")
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class KeyWithSecret(Key):
    """An API key that was just made."""

    key: str = Field(description="The key itself. It is shown this once and cannot be read again.")


class NewKey(Received):
    """A key to be made."""

    name: Text = Field(min_length=1, max_length=200, description="What it is for.")
    role: Role = Field(Role.WRITER, description="What it may do.")
    expires_at: Moment | None = Field(
        None, description="When it stops working (ISO 8601 with a time zone); null: never."
    )


class Webhook(Sent):
    """An address that is told of what happens to runs."""

    id: str
    url: str
    events: list[Event]
    description: str
    enabled: bool
    disabled_reason: str | None = Field(description="Why it was switched off, if we did that.")
    failing_since: datetime | None = Field(description="null when the last delivery arrived.")
    created_at: datetime


class WebhookWithSecret(Webhook):
    """A webhook whose secret was just made."""

    secret: str = Field(description="Verifies what it is sent. Shown this once.")


class NewWebhook(Received):
    """A webhook to be made."""

    url: Text = Field(description="Where events are sent: https:// (or http://), reachable by all.")
    events: list[Event] = Field(
        list(SUBSCRIBABLE), min_length=1, max_length=20, description="Which; all when left out."
    )
    description: Text = Field("", max_length=500, description="For people.")
    enabled: bool = Field(True, description="Whether it is sent anything.")


class WebhookChange(Received):
    """What is to change of a webhook; what is left out stays."""

    url: Text | None = None
    events: list[Event] | None = Field(None, min_length=1, max_length=20)
    description: Text | None = Field(None, max_length=500)
    enabled: bool | None = None


class Delivery(Sent):
    """One event on its way to one webhook."""

    id: str = Field(description="Also the `webhook-id`, the same at every try.")
    webhook_id: str
    event: Event
    run_id: str | None = Field(description="null for a test.")
    status: DeliveryState
    attempts: int = Field(description="Tries so far.")
    http_status: int | None = Field(description="Of the last try; null when nobody answered.")
    response: str | None = Field(description="The first characters of the last answer.")
    error: str | None = Field(description="Why there was no answer, or it was not enough.")
    created_at: datetime
    attempted_at: datetime | None
    next_attempt_at: datetime | None = Field(description="null when it is not tried again.")


class Scorer(Sent):
    """A way to grade an answer."""

    name: str
    doc: str
    version: int = Field(description="Raised when its verdicts change; part of a run's pin.")
    metric: Literal["accuracy", "mean", "labels", "depends"] = Field(
        description="`depends`: on the options."
    )
    needs_target: bool | None = Field(
        description="Whether a case without a target stays ungraded; null: depends on the options."
    )
    options: dict[str, dict[str, Any]] = Field(
        description="A JSON schema for each option, with its default."
    )


class Me(Sent):
    """Who is asking."""

    workspace_id: str
    role: Role
    user_id: str | None
    key_id: str | None


class Health(Sent):
    """Whether the server is there."""

    status: Literal["ok"] = "ok"
    version: str


# Lists


class Page(Sent, Generic[Item]):
    """A part of a list, newest first (outcomes: in the order of the data set)."""

    data: list[Item]
    next_cursor: str | None = Field(description="Pass it as `cursor` to get what follows.")
    has_more: bool


class NoQuery(Received):
    """A route without parameters."""


class PageQuery(Received):
    """Which part of a list."""

    limit: int = Field(50, ge=1, le=500, description="How many at most.")
    cursor: str | None = Field(
        None, max_length=500, description="`next_cursor` of the page before; opaque."
    )


class DatasetsQuery(PageQuery):
    """Which data sets."""

    name: Text | None = Field(None, max_length=1_000, description="Only versions of this one.")
    tag: Text | None = Field(None, max_length=64, description="Only versions with this tag.")
    selected: bool = Field(
        False, description="Those, too, that evaluations selected from other data sets."
    )


class RunsQuery(PageQuery):
    """Which runs."""

    evaluation: str | None = Field(
        None, pattern="^eval_[0-9a-z]{26}$", description="Only runs of this evaluation."
    )
    status: RunState | None = Field(None, description="Only runs in this state.")


class RetryQuery(Received):
    """What is done again."""

    ungraded: bool = Field(
        False, description="Have answers without a usable verdict scored again, too."
    )


class OutcomesQuery(PageQuery):
    """Which outcomes."""

    limit: int = Field(100, ge=1, le=500, description="How many at most.")
    status: Status | None = Field(None, description="Only outcomes with this status.")
    case_id: Text | None = Field(None, max_length=10_000, description="Only this case.")
    epoch: int | None = Field(None, ge=0, lt=2**31, description="Only this repeat, 0-based.")
    overridden: bool | None = Field(
        None, description="Only those about which a person's word counts, or only the others."
    )


class EpochQuery(Received):
    """Which repeat of the case."""

    epoch: int = Field(0, ge=0, lt=2**31, description="0-based.")


class HistoryQuery(Received):
    """Which repeats of the case."""

    epoch: int | None = Field(None, ge=0, lt=2**31, description="Only this one, 0-based.")


class WithdrawQuery(EpochQuery):
    """What is withdrawn, and why."""

    scorer: Text = Field(min_length=1, max_length=64, description="Key of the scorer.")
    reason: Text = Field(min_length=1, max_length=10_000, description="Why.")
    author: Text | None = Field(
        None, min_length=1, max_length=200, description="Who says so; the key's user if left out."
    )


class OverridesQuery(PageQuery):
    """Which overrides."""

    scorer: Text | None = Field(None, max_length=64, description="Only of this scorer.")


class AgreementQuery(Received):
    """By which sample people went."""

    seed: int = Field(0, ge=0, lt=2**63, description="Of the review sample.")


class SampleQuery(Received):
    """What is drawn."""

    n: int = Field(50, ge=1, le=500, description="How many at most.")
    seed: int = Field(0, ge=0, lt=2**63, description="The same seed draws the same outcomes.")
    scorer: Text | None = Field(
        None, max_length=64, description="Draw from what this scorer graded; else from all graded."
    )
    unreviewed: bool = Field(False, description="Leave out what people have reviewed.")


class ImageQuery(Received):
    """Of which repeat."""

    epoch: int = Field(0, ge=0, lt=2**31, description="The repeat, 0-based.")


class DeliveriesQuery(PageQuery):
    """Which deliveries."""

    status: DeliveryState | None = Field(None, description="Only deliveries in this state.")


class RotateQuery(Received):
    """How a secret is replaced."""

    keep_hours: int = Field(
        24, ge=0, le=168, description="For how many hours the secret before signs too."
    )


class ExportQuery(Received):
    """As what."""

    format: Literal["csv", "jsonl", "parquet"] = Field("jsonl", description="The file's format.")


RunIds = Annotated[list[Annotated[Text, Field(max_length=100)]], Field(min_length=2, max_length=20)]
ScorerKey = Annotated[Text, Field(min_length=1, max_length=64)]


class CompareQuery(Received):
    """Which runs, and by what."""

    run: RunIds = Field(description="Ids of 2 to 20 runs (`run=…&run=…`), the baseline first.")
    scorer: list[ScorerKey] = Field(
        default_factory=list,
        max_length=64,
        description="Keys of scorers; by default all that every run has.",
    )
    level: float = Field(
        0.95, ge=0.5, le=0.9999, description="Confidence level of the intervals, 0 to 1."
    )


class FlipsQuery(PageQuery):
    """Which cases that differ between two runs."""

    a: Text = Field(max_length=100, description="Id of the first run.")
    b: Text = Field(max_length=100, description="Id of the second run.")
    scorer: ScorerKey = Field(description="Key of the scorer.")
    direction: Literal["all", "up", "down"] = Field(
        "all", description="`up`: those that score higher in the second run; `down`: lower."
    )
    limit: int = Field(50, ge=1, le=200, description="How many at most.")
