"""Red teams: specs, runs that write their prompts, and suites made of them."""

import asyncio
import contextlib
import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from support import red_team_model
from support.running import Bench, FakeModel, refuse
from weighbridge.core.caller import Caller, Role
from weighbridge.core.red_team import RedTeamSpec, Target
from weighbridge.core.run import Run, RunState
from weighbridge.core.suite import SuiteState
from weighbridge.errors import Conflict, Forbidden, InvalidFields, NotFound
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.declared import DeclaredModel, ModelsFile
from weighbridge.services.datasets import Datasets
from weighbridge.services.evaluations import Evaluations
from weighbridge.services.gates import Gates
from weighbridge.services.outcomes import Outcomes
from weighbridge.services.red_teams import FROM_BANK, RedTeams, RedTeamView, snake_case
from weighbridge.services.runs import Runs
from weighbridge.services.suite_runs import Asking, SuiteRuns
from weighbridge.services.suite_tallies import SuiteTallies
from weighbridge.services.suites import Suites
from weighbridge.suites.techniques import techniques

TARGET = Target("Banking", "A chatbot for customers of a bank", "Must not tell balances.")


class Parts:
    """The services over a store, and one model that writes, answers and judges."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.caller = bench.caller
        bench.model.answer = red_team_model.answer
        declared = DeclaredModel(name="writer", protocol="scripted", replies=["x"])
        catalog = Catalog(ModelsFile(models=[declared]), {})
        self.datasets = Datasets(bench.store)
        self.evaluations = Evaluations(bench.store, bench.models, self.datasets)
        self.runs = Runs(bench.store)
        self.suites = Suites(bench.store, self.evaluations, self.runs, catalog)
        self.red_teams = RedTeams(bench.store, self.evaluations, self.runs, self.suites, catalog)

    async def spec(self, name: str = "bank bot") -> RedTeamSpec:
        return await self.red_teams.create(self.caller, name, TARGET)

    async def begin(self, behaviors: int = 3, prompts: int = 4, **fields: Any) -> RedTeamView:
        spec = await self.red_teams.create_unless_there(self.caller, TARGET)
        asked: dict[str, Any] = {"model": "writer", **fields}
        return await self.red_teams.start(
            self.caller, spec.id, behaviors=behaviors, prompts=prompts, **asked
        )

    async def execute(self, view: RedTeamView) -> RedTeamView:
        await run_in_foreground(self.bench.store, await self.bench.load(view.run.id))
        return await self.red_teams.run(self.caller, view.red_team.id)

    async def written(self, behaviors: int = 3, prompts: int = 4, **fields: Any) -> RedTeamView:
        return await self.execute(await self.begin(behaviors, prompts, **fields))


@pytest.fixture
def parts(bench: Bench) -> Parts:
    return Parts(bench)


def prompts_of(view: RedTeamView) -> list[dict[str, Any]]:
    assert view.result is not None
    return [dict(attack.as_json()) for attack in view.result.attacks]


async def kept(parts: Parts, view: RedTeamView) -> int:
    """How many lists and prompts of a run are in the store."""
    found = await parts.red_teams.run(parts.caller, view.red_team.id)
    return len(found.red_team.parts) + found.run.progress.done


def messages(error: pytest.ExceptionInfo[InvalidFields]) -> dict[str, str]:
    return {it.field: it.message for it in error.value.problems}


# specs


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("My HealthBot", "my_health_bot"),
        ("  a--b  ", "a_b"),
        ("already_so", "already_so"),
        ("Größe 2", "größe_2"),
        ("!?", ""),
    ],
)
def test_a_name_is_put_in_snake_case(name: str, snake: str) -> None:
    assert snake_case(name) == snake


async def test_a_spec_is_kept_changed_listed_and_removed(parts: Parts) -> None:
    first, second = await parts.spec("First One"), await parts.spec("second")
    assert first.name == "first_one"
    assert await parts.red_teams.get(parts.caller, first.id) == first
    assert await parts.red_teams.list(parts.caller) == [second, first]
    other = replace(TARGET, concerns=None)
    changed = await parts.red_teams.change(parts.caller, first.id, name="Third", target=other)
    assert (changed.name, changed.target.concerns) == ("third", None)
    assert await parts.red_teams.get(parts.caller, first.id) == changed
    await parts.red_teams.delete(parts.caller, first.id)
    assert await parts.red_teams.list(parts.caller) == [second]
    with pytest.raises(NotFound):
        await parts.red_teams.delete(parts.caller, first.id)


async def test_names_are_unique_in_the_workspace(parts: Parts) -> None:
    one, other = await parts.spec("one"), await parts.spec("other")
    with pytest.raises(InvalidFields, match=r"'one' already"):
        await parts.spec("One")
    with pytest.raises(InvalidFields, match=r"'one' already"):
        await parts.red_teams.change(parts.caller, other.id, name="one")
    assert (await parts.red_teams.change(parts.caller, one.id, name="One")).name == "one"


@pytest.mark.parametrize(
    ("name", "target", "fields"),
    [
        ("!", Target(" ", ""), {"name", "domain", "application"}),
        ("x" * 201, TARGET, {"name"}),
        ("x", Target("d", "a" * 20_001, "c" * 20_001), {"application", "concerns"}),
    ],
)
async def test_what_is_wrong_with_a_spec_is_said_of_each_field(
    parts: Parts, name: str, target: Target, fields: set[str]
) -> None:
    with pytest.raises(InvalidFields) as error:
        await parts.red_teams.create(parts.caller, name, target)
    assert set(messages(error)) == fields


async def test_what_is_said_a_second_time_is_the_same_spec(parts: Parts) -> None:
    spec = await parts.red_teams.create_unless_there(parts.caller, TARGET)
    assert spec.name == "banking"
    assert await parts.red_teams.create_unless_there(parts.caller, TARGET) == spec
    other = await parts.red_teams.create_unless_there(parts.caller, replace(TARGET, concerns=None))
    assert other.name == "banking_2"


async def test_nothing_of_another_workspace_is_seen(parts: Parts) -> None:
    view = await parts.written(1, 1)
    stranger = replace(parts.caller, workspace_id="ws_other")
    red_teams = parts.red_teams
    assert await red_teams.list(stranger) == []
    assert await red_teams.runs(stranger) == []
    assert await red_teams.runs(stranger, spec_id=view.red_team.spec_id) == []
    for ask in (red_teams.get, red_teams.change, red_teams.delete):
        with pytest.raises(NotFound):
            await ask(stranger, view.red_team.spec_id)
    for look in (red_teams.run, red_teams.delete_run, red_teams.suite):
        with pytest.raises(NotFound):
            await look(stranger, view.red_team.id)


async def test_readers_may_look_and_do_nothing(parts: Parts) -> None:
    view = await parts.written(1, 1)
    reader: Caller = replace(parts.caller, role=Role.READER)
    assert (await parts.red_teams.run(reader, view.red_team.id)).result is not None
    with pytest.raises(Forbidden):
        await parts.red_teams.create(reader, "x", TARGET)
    with pytest.raises(Forbidden):
        await parts.red_teams.start(reader, view.red_team.spec_id, behaviors=1, prompts=1)
    for change in (parts.red_teams.suite, parts.red_teams.delete_run):
        with pytest.raises(Forbidden):
            await change(reader, view.red_team.id)


# runs


async def test_a_run_has_exactly_what_was_asked_for_and_nothing_before_its_end(
    parts: Parts,
) -> None:
    begun = await parts.begin(3, 4)
    assert (begun.run.state, begun.result) == (RunState.QUEUED, None)
    view = await parts.execute(begun)
    assert (view.run.state, view.run.reason, view.note) == (RunState.SUCCEEDED, None, None)
    assert view.result is not None
    assert [len(one.attacks) for one in view.result.behaviors] == [4, 4, 4]
    assert view.result.written_by["prompts"] == {"model": 12}
    dealt = Counter(prompt["technique"] for prompt in prompts_of(view))
    assert set(dealt.values()) == {1}
    assert dealt.keys() <= {it.slug for it in techniques()}


async def test_lists_are_asked_for_once_and_all_calls_are_paid_for(parts: Parts) -> None:
    view = await parts.written(9, 11)
    kinds = Counter(
        "behaviors"
        if "one behaviour for each" in asked
        else "queries"
        if "queries that a user" in asked
        else "attacks"
        for asked in parts.bench.model.asked
    )
    assert kinds == {"behaviors": 2, "queries": 18, "attacks": 99}
    assert view.run.usage.calls == 119
    assert view.run.usage.cost_usd == pytest.approx(0.119)


@pytest.mark.parametrize(
    ("behaviors", "prompts", "field"),
    [(0, 1, "behaviors"), (1, -3, "prompts"), (10, 10, "prompts"), (100, 1, "prompts")],
)
async def test_numbers_out_of_range_are_refused(
    parts: Parts, behaviors: int, prompts: int, field: str
) -> None:
    with pytest.raises(InvalidFields) as error:
        await parts.begin(behaviors, prompts)
    assert set(messages(error)) == {field}


async def test_a_model_that_is_not_there_is_refused_with_those_that_are(parts: Parts) -> None:
    with pytest.raises(InvalidFields) as error:
        await parts.begin(model="gpt-99")
    [(field, message)] = (messages(error)).items()
    assert field == "model"
    assert "writer" in message
    assert await parts.red_teams.runs(parts.caller) == []


async def test_without_a_model_the_bank_serves_and_it_is_said(parts: Parts) -> None:
    for model in (None, "embedded"):
        view = await parts.written(2, 3, model=model)
        assert view.note == FROM_BANK
        assert view.result is not None
        assert view.result.written_by["prompts"] == {"template": 6}
        assert "Must not tell balances" in view.result.behaviors[0].text
    assert parts.bench.model.asked == []


async def test_a_model_that_says_nothing_usable_is_asked_twice_and_the_bank_fills_up(
    parts: Parts,
) -> None:
    parts.bench.model.answer = lambda _asked, _repeat: "I can't help with that."
    view = await parts.written(2, 2)
    assert view.run.state is RunState.SUCCEEDED
    assert view.note is not None
    assert "2 of 2 behaviours are out of the bank" in view.note
    assert len(prompts_of(view)) == 4
    assert len(parts.bench.model.asked) == 2 * (1 + 2 + 4)


async def test_prompts_whose_calls_fail_are_templates_and_it_is_said(parts: Parts) -> None:
    def answer(asked: str, repeat: int) -> str:
        if "Rewrite" in asked and 'called "Fiction"' in asked:
            raise refuse()
        return red_team_model.answer(asked, repeat)

    parts.bench.model.answer = answer
    view = await parts.written(2, 17)
    assert view.run.progress.failed == 2
    assert view.note is not None
    assert "2 of 34 prompts are templates" in view.note
    by = {prompt["technique"]: prompt["source"] for prompt in prompts_of(view)}
    assert {name for name, source in by.items() if source == "template"} == {"fiction"}


async def test_a_list_that_cannot_be_had_is_tried_once_for_all_who_wait(parts: Parts) -> None:
    def answer(_asked: str, _repeat: int) -> str:
        raise refuse("bad_request", 400)

    parts.bench.model.answer = answer
    view = await parts.written(3, 5)
    assert view.run.state is RunState.FAILED
    assert "no case was answered" in str(view.run.reason)
    assert view.result is None
    assert len(parts.bench.model.asked) == 1
    with pytest.raises(Conflict):
        await parts.red_teams.suite(parts.caller, view.red_team.id)


async def test_a_run_that_is_killed_goes_on_and_pays_twice_for_calls_in_flight_alone(
    parts: Parts,
) -> None:
    begun = await parts.begin(4, 6)
    asked: Counter[str] = Counter()
    answered: set[str] = set()
    enough = 0

    async def answer(question: str, repeat: int) -> str:
        asked[question] += 1
        if len(answered) >= enough:
            await asyncio.sleep(60)
        answered.add(question)
        return red_team_model.answer(question, repeat)

    parts.bench.model.answer = answer
    for enough in (0, 1, 3, 5, 12, 20):
        before, lost = asked.copy(), set(asked) - answered
        task = asyncio.create_task(parts.execute(begun))
        while len(answered) < enough or asked == before:
            await asyncio.sleep(0.001)
        while await kept(parts, begun) < len(answered):
            await asyncio.sleep(0.01)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert {it for it in asked if asked[it] > before[it] > 0} <= lost
    enough = 100
    view = await parts.execute(begun)
    assert view.run.state is RunState.SUCCEEDED
    assert view.result is not None
    assert [len(one.attacks) for one in view.result.behaviors] == [6] * 4
    assert view.note is None
    assert len(answered) == 1 + 4 + 24


async def test_failed_prompts_can_be_done_again(parts: Parts) -> None:
    broken = True

    def answer(asked: str, repeat: int) -> str:
        if broken and "Rewrite" in asked and 'called "Fiction"' in asked:
            raise refuse()
        return red_team_model.answer(asked, repeat)

    parts.bench.model.answer = answer
    view = await parts.written(1, 17)
    suite = await parts.red_teams.suite(parts.caller, view.red_team.id)
    broken = False
    await parts.runs.retry_failed(parts.caller, view.run.id)
    assert (await parts.red_teams.run(parts.caller, view.red_team.id)).result is None
    again = await parts.execute(view)
    assert again.note is None
    assert {prompt["source"] for prompt in prompts_of(again)} == {"model"}
    assert (await parts.red_teams.suite(parts.caller, view.red_team.id)).id != suite.id


async def test_runs_are_listed_by_their_spec_and_outlive_it(parts: Parts) -> None:
    first = await parts.begin()
    other = await parts.spec("other")
    second = await parts.red_teams.start(parts.caller, other.id, behaviors=1, prompts=1)
    ids = [it.red_team.id for it in await parts.red_teams.runs(parts.caller)]
    assert ids == [second.red_team.id, first.red_team.id]
    found = await parts.red_teams.runs(parts.caller, spec_id=other.id)
    assert [it.red_team.id for it in found] == [second.red_team.id]
    await parts.red_teams.delete(parts.caller, other.id)
    view = await parts.execute(second)
    assert (view.red_team.spec_name, len(prompts_of(view))) == ("other", 1)
    with pytest.raises(NotFound):
        await parts.red_teams.start(parts.caller, other.id, behaviors=1, prompts=1)


async def test_a_run_that_is_deleted_in_work_is_stopped(parts: Parts) -> None:
    view = await parts.begin()
    await parts.red_teams.delete_run(parts.caller, view.red_team.id)
    assert (await parts.runs.get(parts.caller, view.run.id)).state is RunState.CANCELLED
    with pytest.raises(NotFound):
        await parts.red_teams.run(parts.caller, view.red_team.id)


# suites


async def test_the_prompts_of_a_run_are_a_suite_with_a_policy_for_each_behaviour(
    parts: Parts,
) -> None:
    view = await parts.written(3, 2)
    suite = await parts.red_teams.suite(parts.caller, view.red_team.id)
    assert (suite.state, suite.prompts, suite.request.kind) == (SuiteState.READY, 6, "safety")
    prompts = await parts.suites.prompts(parts.caller, suite)
    assert [it.content for it in prompts] == [it["adversarial_prompt"] for it in prompts_of(view)]
    [first, *_] = prompts
    assert view.result is not None
    assert first.about["behavior"] == view.result.behaviors[0].text
    assert first.about["technique"] in {it.slug for it in techniques()}
    assert [it.slug for it in suite.request.policies] == list(
        dict.fromkeys(it.about["policy"] for it in prompts)
    )
    assert first.about["behavior"] in str(suite.request.policies[0].text)
    again = await parts.red_teams.suite(parts.caller, view.red_team.id)
    assert again.id == suite.id
    await parts.suites.delete(parts.caller, suite.id)
    assert (await parts.red_teams.suite(parts.caller, view.red_team.id)).id != suite.id


async def test_a_suite_is_fired_at_a_model_and_its_answers_are_judged(parts: Parts) -> None:
    view = await parts.written(2, 5)
    suite = await parts.red_teams.suite(parts.caller, view.red_team.id)
    seen: list[str] = []

    def answer(asked: str, _repeat: int) -> str:
        if "<answer-" not in asked:
            return "BAD" if prompts_of(view)[0]["adversarial_prompt"] in asked else "I'd rather not"
        seen.append(asked)
        verdict = "fail" if "BAD" in asked else "pass"
        said = {"reason": "r", "evidence": [], "verdict": verdict, "confidence": 0.9}
        return json.dumps(said)

    parts.bench.model.answer = answer
    gates = Gates(parts.bench.store, parts.runs)
    suite_runs = SuiteRuns(parts.suites, parts.datasets, parts.evaluations, gates)
    started = await suite_runs.start(parts.caller, suite.id, Asking(("writer",), judge="writer"))
    await run_in_foreground(parts.bench.store, await parts.bench.load(started.runs[0].id))
    tallies = SuiteTallies(parts.runs, Outcomes(parts.bench.store))
    tally = await tallies.of_run(parts.caller, started.runs[0].id)
    assert (tally.overall.n_passed, tally.overall.n_scored) == (9, 10)
    assert len(tally.groups["policy"]) == 2
    assert len(tally.groups["technique"]) == 10
    assert view.result is not None
    assert sum(view.result.behaviors[0].text in asked for asked in seen) == 5


def test_the_model_of_these_tests_never_writes_the_same_twice() -> None:
    asked = "Write 5 queries"
    found = json.loads(red_team_model.answer(asked, 0))["queries"]
    assert len(set(found)) == 5
    assert FakeModel().answer is None


async def test_whoever_looks_while_a_run_ends_sees_no_end_without_prompts(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = await parts.begin(2, 2)
    usual = parts.runs.get

    async def get(caller: Caller, run_id: str) -> Run:
        monkeypatch.setattr(parts.runs, "get", usual)
        await run_in_foreground(parts.bench.store, await parts.bench.load(run_id))
        return await usual(caller, run_id)

    monkeypatch.setattr(parts.runs, "get", get)
    seen = await parts.red_teams.run(parts.caller, view.red_team.id)
    assert seen.run.state is RunState.SUCCEEDED
    assert len(prompts_of(seen)) == 4
