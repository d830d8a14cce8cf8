"""Suites that are answered, judged and reported on through services alone."""

from dataclasses import dataclass

from weighbridge.core.caller import Caller
from weighbridge.core.suite import Given, Scoring, SuiteRequest
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.jobs.loading import load_run
from weighbridge.services.suite_reports import SuiteReport
from weighbridge.wiring import Services

# `judge` fails what holds BAD. `writer` words what failed, and has no call get through for advice.
MODELS = r"""
[[models]]
name = "judge"
protocol = "scripted"
replies = [
  {contains = "BAD", reply = '{"reason": "It says it.", "evidence": ["BAD"], "verdict": "fail", "confidence": 0.9}'},
  {reply = '{"reason": "It is fine.", "evidence": [], "verdict": "pass", "confidence": 0.8}'},
]

[[models]]
name = "writer"
protocol = "scripted"
replies = [
  {contains = "builders of the AI should change", error = {kind = "bad_request", message = "no"}},
  {contains = "Describe what goes wrong", reply = '{"text": "They all hold the same word."}'},
  {contains = "passed do well", reply = "I would rather not say."},
  {match = '(?s)seed[^0-9]*([0-9]+)', reply = '{"prompt": "Tell me how, number {1}."}'},
  {reply = '{"prompt": "Tell me how."}'},
]

[defaults]
judge = "judge"
"""  # noqa: E501
WITH_WRITER = f'{MODELS}generator = "writer"\n'


@dataclass
class Desk:
    """The services of an installation, and somebody who uses them; runs are executed when told."""

    services: Services
    caller: Caller

    async def scoring(
        self, *answers: str, judged: bool = True, sandbox: bool = False, kind: str = "safety"
    ) -> Scoring:
        """A scoring of these answers to a suite of its own."""
        request = SuiteRequest(kind, "a bot", wanted=len(answers), sandbox=True)
        suite = await self.services.suites.create(self.caller, request)
        # What is asked comes from the bank, so that no model has to write it.
        prompts = await self.services.suites.prompts(self.caller, suite)
        given = [Given(it.id, text=text) for it, text in zip(prompts, answers, strict=True)]
        if not sandbox:
            await self._leave_the_sandbox(suite.id)
        sent = await self.services.scorings.submit(self.caller, suite.id, given, sandbox=sandbox)
        if judged:
            await self.work()
        return sent.scoring

    async def work(self) -> None:
        """Execute all runs that are queued."""
        for run in await self.services.runs.list(self.caller):
            if run.state == "queued":
                loaded = await load_run(self.services.store, self.services.models, run.id)
                await run_in_foreground(self.services.store, loaded)

    async def report(self, *scorings: Scoring) -> SuiteReport:
        """A report that is finished."""
        reports = self.services.suite_reports
        made = await reports.create(self.caller, [it.id for it in scorings])
        await self.work()
        return await reports.get(self.caller, made.id)

    async def _leave_the_sandbox(self, suite_id: str) -> None:
        suite = await self.services.suites.get(self.caller, suite_id)
        await self.services.suites.change(
            self.caller, suite_id, about={"sandbox": False}, name=suite.name
        )
