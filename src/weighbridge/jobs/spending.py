"""What a run has spent, and whether that is all it may."""

from weighbridge.core.evaluation import Budget
from weighbridge.core.outcome import Usage


class Spending:
    """The running total of one run in this process, corrected by what other workers spent.

    Args:
        budget: where to stop.
        before: what the run's rows had cost when this process took it up.
    """

    def __init__(self, budget: Budget, before: Usage) -> None:
        self._budget = budget
        self._before = before
        self._here = [0, 0, 0, 0]  # numbers, not a new object for every case
        self._cost_here: float | None = None
        self._elsewhere = Usage()

    def add(self, usage: Usage) -> None:
        """Count one more case done here."""
        here = self._here
        here[0] += usage.input_tokens
        here[1] += usage.output_tokens
        here[2] += usage.calls
        here[3] += usage.cached
        if usage.cost_usd is not None:
            self._cost_here = (self._cost_here or 0.0) + usage.cost_usd

    def observe_total(self, total: Usage) -> None:
        """Take in the run's total as the store has it, which other workers add to as well.

        Rows of ours that are not written yet are missing there, so what others spent may be
        underestimated by one group for one observation; never overestimated.
        """
        mine = self._before + self._spent_here
        self._elsewhere = Usage(
            input_tokens=max(0, total.input_tokens - mine.input_tokens),
            output_tokens=max(0, total.output_tokens - mine.output_tokens),
            cost_usd=max(0.0, (total.cost_usd or 0.0) - (mine.cost_usd or 0.0)),
        )

    @property
    def total(self) -> Usage:
        """Everything spent on the run so far, as far as this process knows."""
        return self._before + self._spent_here + self._elsewhere

    @property
    def _spent_here(self) -> Usage:
        given, taken, calls, cached = self._here
        return Usage(given, taken, self._cost_here, calls, cached)

    @property
    def limited(self) -> bool:
        """Whether there is a budget at all."""
        return self._budget.usd is not None or self._budget.tokens is not None

    @property
    def exhausted(self) -> bool:
        """Whether the budget is used up."""
        if not self.limited:
            return False
        budget = self._budget
        total = self.total
        if budget.usd is not None and (total.cost_usd or 0.0) >= budget.usd:
            return True
        return (
            budget.tokens is not None and total.input_tokens + total.output_tokens >= budget.tokens
        )
