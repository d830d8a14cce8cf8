"""What a scorer is: a frozen dataclass whose fields are its options, with one method.

There are two kinds. A `Scorer` looks at the answer alone. A `Judge` asks models about it, through
the `Panel` it is given, which counts what that costs.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal, Protocol, TypeAlias, runtime_checkable

from weighbridge.core.case import Case
from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Answer, Outcome
from weighbridge.core.scale import Bounds
from weighbridge.scorers.judging.ready import ReadyRubric
from weighbridge.scorers.panel import Panel

MetricKind: TypeAlias = Literal["accuracy", "mean", "labels"]


class Grader(Protocol):
    """What both kinds have.

    A frozen dataclass: its fields are its options, each with a default and a type that pydantic can
    check. `__post_init__` raises `ValueError` with a plain sentence for a bad option, so that an
    evaluation is refused before anything is paid.

    Attributes:
        name: its name in an evaluation.
        version: raised when its verdicts change; part of the evaluation's pin.
        metric: `accuracy` when every value is 0 or 1, `labels` when there are only labels and no
            values, `mean` otherwise; may depend on the options.
        needs_target: whether a case without a target cannot be scored (it becomes `Ungraded`); may
            depend on the options.
    """

    name: ClassVar[str]
    version: ClassVar[int]

    @property
    def needs_target(self) -> bool: ...

    @property
    def metric(self) -> MetricKind: ...


@runtime_checkable
class Scorer(Grader, Protocol):
    """Grades one answer by itself."""

    async def score(self, answer: Answer, case: Case) -> Outcome:
        """Grade `answer` against `case.target`. Never raises for what a model may say."""
        ...


@runtime_checkable
class Judge(Grader, Protocol):
    """Grades one answer by asking models.

    Attributes:
        asks: names of the models it asks; None among them stands for the evaluation's `judge`.
        wording: whatever else decides its verdicts (hashes of its prompts), for the pin.
    """

    @property
    def asks(self) -> tuple[str | None, ...]: ...

    @property
    def wording(self) -> JsonObject: ...

    async def judge(self, answer: Answer, case: Case, panel: Panel) -> Outcome:
        """Grade `answer`, asking through `panel` only.

        Raises:
            CallFailed: a call did not get through; it becomes `Failed`, never a wrong answer.
        """
        ...


@runtime_checkable
class Bounded(Protocol):
    """A scorer of means that knows within which bounds its scores lie.

    Attributes:
        bounds: the least and the greatest score; infinite where there is no such bound. Where all
            cases score the same, the interval of their mean follows from it.
    """

    @property
    def bounds(self) -> Bounds: ...


@runtime_checkable
class Pooled(Protocol):
    """A scorer whose scores keep counts in `details.counts`, the same number of them for each case:
    their sums score all cases as one text, which is not the mean of the cases' scores."""

    def of_counts(self, counts: Sequence[float]) -> float:
        """The score that sums of counts make."""
        ...


@runtime_checkable
class Reader(Protocol):
    """A scorer that looks at columns of the data besides the target.

    Attributes:
        reads: their names. Every row must have them before anything is paid.
    """

    @property
    def reads(self) -> tuple[str, ...]: ...


@runtime_checkable
class ShownPrompt(Protocol):
    """A scorer that has to know what was asked.

    Attributes:
        prompt_column: the column that says so. Every row must have it where the evaluation has no
            prompt; None: it can do without.
    """

    @property
    def prompt_column(self) -> str | None: ...


@runtime_checkable
class ByRubric(Judge, Protocol):
    """A judge that goes by rubrics, which the embedded judge may know or not.

    Attributes:
        rubrics_in_use: what it judges by.
    """

    @property
    def rubrics_in_use(self) -> tuple[ReadyRubric, ...]: ...


@runtime_checkable
class AgainstRuns(Judge, Protocol):
    """A judge that compares with the answers of other runs to the same cases.

    Attributes:
        against_runs: their ids. The panel has their answers.
    """

    @property
    def against_runs(self) -> tuple[str, ...]: ...


AnyScorer: TypeAlias = Scorer | Judge
