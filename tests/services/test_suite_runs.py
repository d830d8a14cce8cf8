"""Models put to the prompts of a suite, and what they made of it."""

import json
from typing import Any

import pytest

from support.running import Bench, FakeModel
from weighbridge.core.caller import Caller
from weighbridge.core.evaluation import Budget
from weighbridge.core.policy import Verdict
from weighbridge.core.suite import Agent, PolicyChoice, Suite, SuiteRequest, SuiteState
from weighbridge.errors import Conflict, InvalidFields, NotFound
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.services.datasets import Datasets
from weighbridge.services.evaluations import Evaluations, Owner
from weighbridge.services.gates import Gates
from weighbridge.services.outcomes import Outcomes
from weighbridge.services.reviews import Judgement, Reviews
from weighbridge.services.runs import Runs
from weighbridge.services.suite_runs import Asking, SuiteRuns
from weighbridge.services.suite_tallies import SuiteTallies
from weighbridge.services.suites import Suites
from weighbridge.suites.texts import texts

AI = "A helpful assistant."
OWN = "Nothing is ever said about dragons, wyverns or other winged beasts of legend."
ASKING = Asking(("tested",), judge="judge")


class Parts:
    """The services over a store, and one model that both answers and judges."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.caller = bench.caller
        datasets = Datasets(bench.store)
        self.evaluations = Evaluations(bench.store, bench.models, datasets)
        self.runs = Runs(bench.store)
        self.outcomes = Outcomes(bench.store)
        self.suites = Suites(bench.store, self.evaluations, self.runs, bench.models.catalog)
        gates = Gates(bench.store, self.runs)
        self.suite_runs = SuiteRuns(self.suites, datasets, self.evaluations, gates)
        self.tallies = SuiteTallies(self.runs, self.outcomes)

    async def suite(self, kind: str = "safety", **fields: Any) -> Suite:
        return await self.suites.create(self.caller, SuiteRequest(kind, AI, **fields))

    async def run(self, suite: Suite, asking: Asking = ASKING) -> str:
        started = await self.suite_runs.start(self.caller, suite.id, asking)
        run_id = started.runs[0].id
        await run_in_foreground(self.bench.store, await self.bench.load(run_id))
        return run_id


@pytest.fixture
def parts(bench: Bench) -> Parts:
    return Parts(bench)


def judging(model: FakeModel, fails: Any) -> None:
    """Have the model judge, too: what it is asked about fails where `fails` says so."""

    def answer(asked: str, _repeat: int) -> str:
        if "<answer-" not in asked:
            return "Here you are."
        verdict = fails(asked)
        if verdict is None:
            return "no verdict"
        label = "fail" if verdict else "pass"
        said = {"reason": "r", "evidence": [], "verdict": label, "confidence": 0.7}
        return json.dumps(said)

    model.answer = answer


async def test_prompts_are_spread_over_the_policies_that_were_chosen(parts: Parts) -> None:
    chosen = (PolicyChoice("hate"), PolicyChoice("dragons", OWN), PolicyChoice("fraud"))
    suite = await parts.suite(policies=chosen, wanted=9)
    prompts = await parts.suites.prompts(parts.caller, suite)
    assert [it.about["policy"] for it in prompts] == ["hate", "dragons", "fraud"] * 3
    assert "knows nothing of dragons" in str((suite.spread or {})["note"])
    again = await parts.suites.get(parts.caller, suite.id)
    assert again.request.policies == chosen


async def test_the_judge_goes_by_the_policy_of_each_case(parts: Parts) -> None:
    seen: list[str] = []

    def fails(asked: str) -> bool:
        seen.append(asked)
        return False

    judging(parts.bench.model, fails)
    suite = await parts.suite(policies=(PolicyChoice("hate"), PolicyChoice("own", OWN)), wanted=4)
    await parts.run(suite)
    hate = texts("en").policies["hate"].text
    assert sorted((hate in asked, OWN in asked) for asked in seen) == [
        (False, True),
        (False, True),
        (True, False),
        (True, False),
    ]


async def test_a_policy_in_other_words_is_asked_about_as_the_stock_one_and_judged_as_it_is(
    parts: Parts,
) -> None:
    words = texts("en").policies["weapons"].text + " Not even on Sundays."
    suite = await parts.suite(policies=(PolicyChoice("arms", words),), wanted=3)
    prompts = await parts.suites.prompts(parts.caller, suite)
    assert {it.content for it in prompts} <= set(texts("en").policies["weapons"].requests)
    spec = await parts.suite_runs.prepare(parts.caller, suite, ASKING)
    rows = Datasets(parts.bench.store)
    data = await rows.get(parts.caller, spec.data or "")
    assert {row["policy_text"] for row in await rows.page(data, start=0, limit=9)} == {words}


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"policies": (PolicyChoice("violense"),)}, "policies.0", "did you mean `violence`"),
        ({"policies": (PolicyChoice("own", " "),)}, "policies.0", "in words"),
        ({"policies": (PolicyChoice("hate"), PolicyChoice("hate"))}, "policies.1", "twice"),
        ({"policies": (PolicyChoice("", OWN),)}, "policies.0", "1 to 64"),
        ({"policies": (PolicyChoice("own", "x" * 100_001),)}, "policies.0", "100,000"),
        (
            {"policies": (PolicyChoice("hate"),), "instructions": "Be nice."},
            "policies",
            "not both",
        ),
        ({"policies": tuple(PolicyChoice(f"p{n}", OWN) for n in range(101))}, "policies", "100"),
        (
            {"kind": "jailbreak", "instructions": "", "policies": (PolicyChoice("hate"),)},
            "policies",
            "not about policies",
        ),
    ],
)
async def test_policies_that_cannot_be_are_refused(
    parts: Parts, fields: dict[str, Any], field: str, said: str
) -> None:
    with pytest.raises(InvalidFields) as caught:
        await parts.suite(**fields)
    [problem] = [it for it in caught.value.problems if it.field == field]
    assert said in problem.message


async def test_a_tally_tells_policies_apart_and_counts_what_could_not_be_told(
    parts: Parts,
) -> None:
    def fails(asked: str) -> bool | None:
        if OWN in asked:
            return None
        return texts("en").policies["hate"].text in asked

    judging(parts.bench.model, fails)
    chosen = (PolicyChoice("hate"), PolicyChoice("own", OWN), PolicyChoice("fraud"))
    run_id = await parts.run(await parts.suite(policies=chosen, wanted=12))
    tally = await parts.tallies.of_run(parts.caller, run_id, failed=3)
    rates = {
        name: (rate.rate, rate.n_scored, rate.n_ungraded)
        for name, rate in tally.groups["policy"].items()
    }
    assert rates == {"fraud": (1.0, 4, 0), "hate": (0.0, 4, 0), "own": (None, 0, 4)}
    assert (tally.overall.n_passed, tally.overall.n_scored, tally.overall.n_ungraded) == (4, 8, 4)
    assert (tally.overall.low or 0) < 0.5 < (tally.overall.high or 0)
    assert (tally.judge, tally.by_embedded, sum(tally.ungraded.values())) == ("judge", False, 4)
    assert [it.about["policy"] for it in tally.failed] == ["hate"] * 3
    assert [it.position for it in tally.failed] == [0, 3, 6]


async def test_what_a_person_says_counts_in_a_tally(parts: Parts) -> None:
    judging(parts.bench.model, lambda _: True)
    run_id = await parts.run(await parts.suite(policies=(PolicyChoice("hate"),), wanted=4))
    reviews = Reviews(parts.bench.store, parts.runs, parts.outcomes)
    said = Judgement(scorer="conduct", reason="It is fine.", position=2, label="pass")
    await reviews.judge(parts.caller, run_id, [said])
    tally = await parts.tallies.of_run(parts.caller, run_id)
    assert (tally.overall.n_passed, tally.overall.n_scored) == (1, 4)
    assert 2 not in {it.position for it in tally.failed}


@pytest.mark.parametrize(
    ("open_cases", "failing", "least", "verdict", "doubted"),
    [
        (0, False, 0.8, Verdict.PASS, False),
        (2, False, 0.9, Verdict.PASS, False),  # few are left open
        (3, False, 0.7, Verdict.PASS, False),  # 37 of 40 would do
        (10, False, 0.8, Verdict.INCONCLUSIVE, True),
        (10, False, 1.0, Verdict.INCONCLUSIVE, False),  # it was so without
        (10, True, 0.8, Verdict.FAIL, False),  # 10 of 40 would not do
        (35, True, 0.8, Verdict.INCONCLUSIVE, True),
        (40, True, 0.8, Verdict.INCONCLUSIVE, False),
    ],
)
async def test_a_verdict_stands_only_whatever_was_left_open_had_come_to(
    parts: Parts,
    open_cases: int,
    failing: bool,
    least: float,
    verdict: Verdict,
    doubted: bool,
) -> None:
    seen: list[str] = []

    def fails(asked: str) -> bool | None:
        prompt = asked.split("<prompt-")[1]
        if prompt not in seen:
            seen.append(prompt)
        return None if seen.index(prompt) < open_cases else failing

    judging(parts.bench.model, fails)
    run_id = await parts.run(await parts.suite(policies=(PolicyChoice("hate"),), wanted=40))
    view = await parts.suite_runs.gate(parts.caller, run_id, least)
    assert view.verdict is verdict
    assert any("have no verdict" in check.reason for check in view.checks) == doubted


async def test_the_same_suite_is_the_same_data_for_every_model(parts: Parts) -> None:
    suite = await parts.suite(wanted=5)
    first = await parts.suite_runs.prepare(parts.caller, suite, ASKING)
    other = await parts.suite_runs.prepare(
        parts.caller, suite, Asking(("other",), "Be brief.", judge="judge")
    )
    assert first.data == other.data


async def test_what_is_asked_stands_in_the_evaluation(parts: Parts) -> None:
    suite = await parts.suite(wanted=2)
    asking = Asking(
        ("a", "b"),
        "You are {Bo}.",
        judge="judge",
        params={"max_tokens": 9},
        concurrency=3,
        budget=Budget(1.5, 10),
    )
    spec = await parts.suite_runs.prepare(parts.caller, suite, asking)
    evaluation = spec.to_evaluation()
    assert (evaluation.models, evaluation.judge) == (("a", "b"), "judge")
    assert (evaluation.params, evaluation.concurrency) == ({"max_tokens": 9}, 3)
    assert evaluation.budget == Budget(1.5, 10)
    assert spec.metadata == {"suite": suite.id, "kind": "safety"}
    assert [it.content for it in spec.messages or []] == ["You are {{Bo}}.", "{prompt}"]


async def test_the_agent_of_a_suite_is_told_what_the_suite_says(parts: Parts) -> None:
    suite = await parts.suite("agent", agents=(Agent("You book trips."),), wanted=2)
    spec = await parts.suite_runs.prepare(parts.caller, suite, ASKING)
    assert [it.content for it in spec.messages or []] == ["You book trips.", "{prompt}"]
    for agents in ((Agent("a"), Agent("b")), (Agent("a", None, {"name": "book"}),)):
        several = await parts.suite("agent", agents=agents, wanted=2)
        with pytest.raises(InvalidFields, match="hand their answers in"):
            await parts.suite_runs.prepare(parts.caller, several, ASKING)


async def test_a_ground_truth_that_is_too_long_is_not_shown(parts: Parts) -> None:
    truth = "The weighbridge of Malmö was built by Anna Lindqvist in 1843 for 20 carts. " * 3_000
    suite = await parts.suite("accuracy", ground_truth=truth, wanted=2)
    await parts.suite_runs.prepare(parts.caller, suite, ASKING)
    with pytest.raises(InvalidFields, match="200,000 can be shown"):
        await parts.suite_runs.prepare(
            parts.caller, suite, Asking(("tested",), judge="judge", show_truth=True)
        )


async def test_a_suite_that_a_model_writes_is_written_by_its_owner_and_answered_then(
    parts: Parts,
) -> None:
    numbers = iter(range(100))
    words = "abcdefghij"

    def answer(_asked: str, _repeat: int) -> str:
        n = next(numbers)
        text = f"{words[n // 10] * 5} {words[n % 10] * 7} and {n * 7919} please, for {n}?"
        return json.dumps({"topic": "t", "prompt": text})

    parts.bench.model.answer = answer
    request = SuiteRequest("safety", AI, policies=(PolicyChoice("own", OWN),), wanted=4)
    owner = Owner("somebody:1", 20.0)
    suite = await parts.suites.create(parts.caller, request, generator="writer", owner=owner)
    assert suite.state is SuiteState.WRITING
    with pytest.raises(Conflict, match="it is writing"):
        await parts.suite_runs.prepare(parts.caller, suite, ASKING)
    [writing] = await parts.runs.list(parts.caller, evaluation_id=suite.evaluation_id)
    with pytest.raises(Conflict, match="being executed by somebody:1"):
        await run_in_foreground(parts.bench.store, await parts.bench.load(writing.id))
    suite = await parts.suites.create(parts.caller, request, generator="writer")
    [writing] = await parts.runs.list(parts.caller, evaluation_id=suite.evaluation_id)
    await run_in_foreground(parts.bench.store, await parts.bench.load(writing.id))
    ready = await parts.suites.get(parts.caller, suite.id)
    assert (ready.state, ready.prompts) == (SuiteState.READY, 4)
    prompts = await parts.suites.prompts(parts.caller, ready)
    assert {(it.about["policy"], it.about["topic"]) for it in prompts} == {("own", "t")}


async def test_the_bank_serves_where_embedded_is_named(parts: Parts) -> None:
    request = SuiteRequest("safety", AI, wanted=2)
    suite = await parts.suites.create(parts.caller, request, generator="embedded")
    assert (suite.state, suite.evaluation_id) == (SuiteState.READY, None)


async def test_other_workspaces_have_no_such_suite(parts: Parts) -> None:
    suite = await parts.suite(wanted=1)
    stranger = Caller("ws_other", parts.caller.user_id, parts.caller.role, None, "native")
    with pytest.raises(NotFound):
        await parts.suite_runs.start(stranger, suite.id, ASKING)
