"""What to type next: the commands that go on from a run."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from weighbridge.cli.words import count
from weighbridge.core.inference import InferenceState
from weighbridge.core.run import FINISHED, RunState
from weighbridge.dialects.native import wire
from weighbridge.dialects.native.wire_repositories import ColumnDelivery


@dataclass(frozen=True, slots=True)
class Hints:
    """Commands about runs of one installation.

    Attributes:
        flags: options that lead to it (`--data`, `--config` or `--server`).
    """

    flags: tuple[str, ...]

    def command(self, *words: str) -> str:
        """A command line that can be pasted into a shell."""
        return shlex.join(["weighbridge", *words, *self.flags])

    def after(self, run: wire.Run) -> list[str]:
        """What a person should know once a run is over, the worst first; maybe nothing."""
        return [*self._ending(run), *self._failed_cases(run)]

    def after_delivery(self, delivery: ColumnDelivery | None) -> list[str]:
        """What to do with a column that is made and not committed; maybe nothing."""
        if delivery is None:
            return []
        words = ("repos", "commit-result", delivery.run_id)
        if delivery.state is InferenceState.HELD:
            return [f"commit it with: {self.command(*words)}"]
        if delivery.state is InferenceState.CONFLICT:
            return [f"commit it with: {self.command(*words, '--branch', 'NAME')}"]
        return []

    def go_on(self, run_ids: Sequence[str]) -> str:
        """The command that goes on with runs of which nothing more is known."""
        words = ["run"]
        for run_id in run_ids:
            words += ["--resume", run_id]
        return self.command(*words)

    def _ending(self, run: wire.Run) -> list[str]:
        if run.status is RunState.SUCCEEDED or run.status not in FINISHED:
            return []
        reason = f": {run.reason}" if run.reason and run.reason != run.status else ""
        lines = [f"error: the run {run.id} {_ENDED[run.status]}{reason}"]
        if run.progress.done < run.progress.total:
            lines.append(f"resume with: {self.resume(run)}")
        return lines

    def resume(self, run: wire.Run) -> str:
        """The command that goes on with a run; with a larger budget, if that is what stopped it."""
        words = ["run", "--resume", run.id]
        budget = run.evaluation.spec.get("budget") or {}
        if run.reason == "budget":
            for name, flag in (("usd", "--budget-usd"), ("tokens", "--budget-tokens")):
                if budget.get(name):
                    words += [flag, f"{2 * budget[name]:g}"]
        return self.command(*words)

    def _failed_cases(self, run: wire.Run) -> list[str]:
        failed = run.progress.failed
        if not failed or run.status not in FINISHED:
            return []
        return [
            f"{count(failed)} of {count(run.progress.total)} cases failed: no answer, no score",
            f"ask them again with: {self.command('run', '--resume', run.id, '--retry-failed')}",
        ]


_ENDED = {RunState.FAILED: "failed", RunState.CANCELLED: "was cancelled"}
