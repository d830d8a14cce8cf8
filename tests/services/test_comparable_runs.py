"""Which runs a run can be set beside."""

from support.running import Bench
from weighbridge.services.runs import Runs


async def test_runs_over_the_same_rows_can_be_compared(bench: Bench) -> None:
    first = await bench.ran(cases=4)
    again = await bench.ran(cases=4)
    await bench.ran(cases=5)
    await bench.queue(4)  # not done yet
    runs = Runs(bench.store)
    view = await runs.view(bench.caller, first)
    found = await runs.comparable(bench.caller, view)
    assert [it.id for it in found] == [again]
    assert found[0].evaluation == "test"
