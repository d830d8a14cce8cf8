"""What a scorer is: a frozen dataclass whose fields are its options, with one method."""

from typing import ClassVar, Literal, Protocol, runtime_checkable

from weighbridge.core.case import Case
from weighbridge.core.outcome import Answer, Outcome


@runtime_checkable
class Scorer(Protocol):
    """Grades one answer.

    A scorer is a frozen dataclass: its fields are its options, each with a default and a type that
    pydantic can check. `__post_init__` raises `ValueError` with a plain sentence for a bad option,
    so that an evaluation is refused before anything is paid.

    Attributes:
        name: its name in an evaluation.
        version: raised when its verdicts change; part of the evaluation's pin.
        metric: `accuracy` when every value is 0 or 1, `mean` otherwise.
        needs_target: whether a case without a target cannot be scored (it becomes `Ungraded`).
    """

    name: ClassVar[str]
    version: ClassVar[int]
    metric: ClassVar[Literal["accuracy", "mean"]]
    needs_target: ClassVar[bool]

    async def score(self, answer: Answer, case: Case) -> Outcome:
        """Grade `answer` against `case.target`. Never raises for what a model may say."""
        ...
