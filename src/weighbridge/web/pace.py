"""How fast runs go, and so when they end: worked out by whoever watches, from what was seen."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from weighbridge.core.run import Run, RunState
from weighbridge.store.moments import now

_WINDOW_S = 30.0
"""The pace of so long a time says more of what comes than that of the whole run, which may have
waited, been stopped and taken up again."""
_LEAST_S = 3.0


@dataclass(slots=True)
class Pace:
    """Watches runs.

    Args:
        clock: seconds, never going back.
    """

    clock: Callable[[], float] = time.monotonic
    _seen: dict[str, deque[tuple[float, int]]] = field(default_factory=dict)

    def rate(self, run: Run) -> float | None:
        """Cases a second; None: nothing can be said yet. Every call is a look at the run."""
        if run.state is not RunState.RUNNING:
            self._seen.pop(run.id, None)
            return None
        seen = self._seen.setdefault(run.id, deque())
        moment = self.clock()
        seen.append((moment, run.progress.done))
        while seen[0][0] < moment - _WINDOW_S:
            seen.popleft()
        since, before = seen[0]
        if moment - since >= _LEAST_S and run.progress.done > before:
            return (run.progress.done - before) / (moment - since)
        if run.started_at is None or not run.progress.done:
            return None
        return run.progress.done / max(1e-3, (now() - run.started_at).total_seconds())

    def left_s(self, run: Run) -> float | None:
        """Seconds until the last case, at this pace; None: nothing can be said yet."""
        rate = self.rate(run)
        return None if rate is None else (run.progress.total - run.progress.done) / rate

    def forget(self, but: set[str]) -> None:
        """Keep only the runs of these ids."""
        self._seen = {run_id: seen for run_id, seen in self._seen.items() if run_id in but}
