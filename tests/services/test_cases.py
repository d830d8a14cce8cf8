"""One case in full: what was sent is made again from the row, and its media come from here only."""

import base64

import pytest

from support.running import Bench
from weighbridge.errors import NotFound
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.services.cases import Cases, SentMedium, Source
from weighbridge.services.outcomes import Outcomes
from weighbridge.services.reviews import Reviews
from weighbridge.services.runs import Runs

PNG = b"\x89PNG\r\n\x1a\n and so on"
DATA = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


@pytest.fixture
def cases(bench: Bench) -> Cases:
    runs, outcomes = Runs(bench.store), Outcomes(bench.store)
    return Cases(bench.store, runs, outcomes, Reviews(bench.store, runs, outcomes))


async def made(bench: Bench, *rows: dict[str, str], **fields: object) -> str:
    run_id = await bench.queue([{"id": f"c{n}", **row} for n, row in enumerate(rows)], **fields)
    await run_in_foreground(bench.store, await bench.load(run_id))
    return run_id


async def test_a_case_is_shown_as_it_was_asked(bench: Bench, cases: Cases) -> None:
    run_id = await bench.ran(cases=3, epochs=2)
    case = await cases.get(bench.caller, run_id, 1, 1)
    assert [(it.role, it.parts) for it in case.messages] == [("user", ("question 1",))]
    assert (case.target, case.has_target) == ("question 1", True)
    assert (case.shown.record.position, case.shown.record.epoch) == (1, 1)
    assert [it.record.epoch for it in case.repeats] == [0, 1]
    assert [(it.key, it.judges, it.metric) for it in case.scorers] == [("exact", False, "accuracy")]
    assert await cases.answer(bench.caller, run_id, 1, 0) == "question 1"


async def test_what_is_not_there_is_not_found(bench: Bench, cases: Cases) -> None:
    run_id = await bench.ran(cases=2)
    for position, epoch in ((2, 0), (0, 1), (2**62, 0)):
        with pytest.raises(NotFound, match="no outcome at position"):
            await cases.get(bench.caller, run_id, position, epoch)
    with pytest.raises(NotFound):
        await cases.get(bench.caller, "run_nobody", 0)
    with pytest.raises(NotFound):
        await cases.medium(bench.caller, run_id, 0, 0)


async def test_media_are_in_the_row_or_not_here(bench: Bench, cases: Cases) -> None:
    run_id = await made(
        bench,
        {"q": "see", "a": "x", "one": DATA, "two": "https://elsewhere.example/x.png"},
        prompt=None,
        messages=[{"role": "user", "content": "{q}", "images": ["{one}", "{two}"]}],
    )
    case = await cases.get(bench.caller, run_id, 0)
    assert case.messages[0].parts == (
        "see",
        SentMedium("image", 0, Source.DATA, DATA[:60]),
        SentMedium("image", 1, Source.ELSEWHERE, "https://elsewhere.example/x.png"),
    )
    found = await cases.medium(bench.caller, run_id, 0, 0)
    assert (found.data, found.media_type) == (PNG, "image/png")
    with pytest.raises(NotFound, match="only the model's endpoint"):
        await cases.medium(bench.caller, run_id, 0, 1)
