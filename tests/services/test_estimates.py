"""What an evaluation will take: calls, tokens, money, time."""

from pathlib import Path
from typing import Any

import pytest

from support.native import SPEC, working
from support.pages import Desk, desk_at, desk_of
from weighbridge.core.caller import Role
from weighbridge.errors import Forbidden, Invalid
from weighbridge.services.estimates import Estimate, Range
from weighbridge.spec import parse_spec

MODELS = r"""
[[models]]
name = "parrot"
protocol = "scripted"
replies = [{match = "say (.*)", reply = "{1}"}]
price = {input = 1.0, output = 2.0}

[[models]]
name = "limited"
protocol = "scripted"
replies = ["yes"]
price = {input = 1.0, output = 2.0}
requests_per_minute = 6
max_concurrency = 2

[[models]]
name = "unpriced"
protocol = "openai"
base_url = "http://127.0.0.1:9/v1"
model = "nobody-knows-me"
"""


@pytest.fixture
async def here(tmp_path: Path) -> Any:
    async with desk_at(tmp_path, models=MODELS) as desk:
        yield desk


async def estimate(desk: Desk, **changes: Any) -> Estimate:
    spec = parse_spec({**SPEC, **changes})
    return await desk.services.estimates.of(desk.caller, spec)


async def test_the_prompts_of_real_rows_are_counted(here: Desk) -> None:
    found = await estimate(here, prompt="say {q}" + "x" * 400)
    [part] = found.parts
    assert (found.cases, found.calls, found.looked_at) == (3, 3, 3)
    assert 300 <= part.input_tokens.low == part.input_tokens.high <= 320
    assert part.cost_usd is not None
    assert part.cost_usd.low < part.cost_usd.high


async def test_repeats_limits_and_several_models_multiply(here: Desk) -> None:
    spec = {key: value for key, value in SPEC.items() if key != "model"}
    found = await here.services.estimates.of(
        here.caller, parse_spec({**spec, "models": ["parrot", "limited"], "epochs": 4, "limit": 2})
    )
    assert [part.calls for part in found.parts] == [8, 8]
    assert (found.calls, found.epochs, found.cases) == (16, 4, 2)


async def test_the_longest_answer_bounds_what_is_paid(here: Desk) -> None:
    found = await estimate(here, params={"max_tokens": 10})
    assert found.output_tokens == Range(30, 30)
    assert found.cost_usd is not None
    assert found.cost_usd.high == pytest.approx(3 * (1 * 2 + 10 * 2) / 1e6, rel=0.6)


async def test_a_price_that_is_not_known_is_said_and_not_guessed(here: Desk) -> None:
    found = await estimate(here, model="unpriced")
    assert found.cost_usd is None
    assert found.unpriced == ("unpriced",)


async def test_declared_limits_make_the_time(here: Desk) -> None:
    found = await estimate(here, model="limited")
    assert found.seconds == pytest.approx(30)
    assert "6 requests a minute" in found.parts[0].paced_by


async def test_judges_are_asked_about_every_answer_of_every_model(here: Desk) -> None:
    found = await estimate(
        here, judge="limited", scorers=[{"judge": {"rubric": "helpful"}}, "exact"]
    )
    answers, judge = found.parts
    assert (answers.role, judge.role, judge.model, judge.calls) == (
        "answers",
        "judge",
        "limited",
        3,
    )
    assert judge.input_tokens.low > answers.input_tokens.low


async def test_pairs_are_judged_in_both_orders(here: Desk) -> None:
    pairwise = {"pairwise": {"against": "answer"}}
    found = await estimate(here, judge="limited", scorers=[pairwise])
    assert found.parts[1].calls == 6


async def test_answers_that_are_there_are_not_asked_for(here: Desk) -> None:
    spec = parse_spec(
        {
            "cases": [{"q": "a", "said": "b", "right": "b"}],
            "answers": {"column": "said"},
            "target": "right",
            "scorers": ["exact"],
        }
    )
    found = await here.services.estimates.of(here.caller, spec)
    assert (found.calls, found.cost_usd) == (0, Range(0, 0))


async def test_it_refuses_what_starting_refuses_and_keeps_nothing(here: Desk) -> None:
    with pytest.raises(Invalid, match="parot"):
        await estimate(here, model="parot")
    with pytest.raises(Invalid, match="price"):
        await estimate(here, model="unpriced", budget={"usd": 1.0})
    assert await here.services.datasets.list(here.caller, after=None, limit=5) == []


async def test_rows_of_a_large_data_set_are_taken_from_all_over_it(here: Desk) -> None:
    rows = [{"q": "x" * number, "answer": ""} for number in range(1, 901)]
    dataset = await here.services.datasets.import_rows(here.caller, "long", rows)
    seen = await here.services.datasets.examples(dataset, 30)
    lengths = sorted(len(row["q"]) for row in seen)
    assert len(seen) == 30
    assert lengths[0] < 20
    assert lengths[-1] == 900


async def test_runs_before_say_how_long_answers_are(here: Desk) -> None:
    before = await estimate(here)
    async with working(here.services):
        started = await here.services.evaluations.start(here.caller, parse_spec(SPEC))
        async for _ in here.services.runs.changes(here.caller, started.runs[0].id):
            pass
    after = await estimate(here)
    assert after.output_tokens.high < before.output_tokens.high
    assert "as long as in its runs before" in after.notes[0]
    assert "assumed" not in after.parts[0].paced_by


async def test_readers_get_no_estimate(here: Desk) -> None:
    async with desk_of(here.services, Role.READER) as reader:
        with pytest.raises(Forbidden):
            await estimate(reader)
