"""The cases of a comparison are paged, searched and read in full, with what people said of them."""

from dataclasses import dataclass

import pytest

from support.running import Bench, refuse
from weighbridge.errors import NotFound
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.services.comparisons import Comparisons, ComparisonView
from weighbridge.services.matrix import Matrix, MatrixPage, Mode, Order, View
from weighbridge.services.outcomes import Outcomes
from weighbridge.services.reviews import Judgement, Reviews
from weighbridge.services.runs import Runs


@pytest.fixture
def database_url() -> str | None:
    """SQLite; what the databases do differently is tested with `store.glances`."""
    return None


@dataclass
class Looked:
    """A comparison and its cases."""

    matrix: Matrix
    compared: ComparisonView

    async def page(self, mode: Mode = Mode.ALL, **options: object) -> MatrixPage:
        search = str(options.pop("search", ""))
        order = Order(str(options.pop("order", "data")))
        view = View("exact", mode, order, search)
        return await self.matrix.page(self.compared, view, **options)  # type: ignore[arg-type]


async def looked_at(bench: Bench, *run_ids: str) -> Looked:
    compared = await Comparisons(bench.store, Runs(bench.store)).compare(bench.caller, run_ids)
    return Looked(Matrix(bench.store, Outcomes(bench.store)), compared)


def ids(page: MatrixPage) -> list[str]:
    return [row.case_id for row in page.rows]


async def test_cells_show_what_each_run_said_and_how_well(bench: Bench) -> None:
    a = await bench.ran(lambda n: n == 4, cases=8)
    b = await bench.ran(lambda n: n == 2, cases=8)
    looked = await looked_at(bench, a, b)
    page = await looked.page(Mode.DIFFERENT)
    assert ids(page) == ["c2", "c4"]
    assert page.counts == {"all": 8, "different": 2, "regressions": 1, "failures": 2}
    worse, better = page.rows
    assert worse.asked == "question 2"
    assert [cell.spot.value for cell in worse.cells] == [1.0, 0.0]
    assert [cell.repeats[0].begins for cell in worse.cells] == ["question 2", "wrong"]
    assert [cell.change for cell in worse.cells] == [None, -1]
    assert [cell.change for cell in better.cells] == [None, 1]


async def test_pages_follow_each_other(bench: Bench) -> None:
    a, b = await bench.ran(cases=7), await bench.ran(cases=7)
    looked = await looked_at(bench, a, b)
    first = await looked.page(limit=4)
    assert ids(first) == ["c0", "c1", "c2", "c3"]
    assert first.after == 3
    last = await looked.page(limit=4, after=first.after)
    assert (ids(last), last.after) == (["c4", "c5", "c6"], None)


async def test_a_case_is_searched_by_its_id_or_a_part_of_ids(bench: Bench) -> None:
    a = await bench.ran(lambda n: n == 12, cases=23)
    b = await bench.ran(lambda n: n == 13, cases=23)
    looked = await looked_at(bench, a, b)
    assert ids(await looked.page(search="c1")) == ["c1"]
    page = await looked.page(search="C2")
    assert ids(page) == ["c2", "c20", "c21", "c22"]
    assert page.counts["all"] == 4
    assert ids(await looked.page(Mode.DIFFERENT, search="1")) == ["c12", "c13"]
    assert ids(await looked.page(search="%")) == []
    assert ids(await looked.page(search="_2")) == []


async def test_failed_cases_say_why(bench: Bench) -> None:
    a = await bench.ran(cases=4)

    def answer(question: str, _epoch: int) -> str:
        if question == "question 1":
            raise refuse()
        return question

    b = await bench.queue(cases=4)
    bench.model.answer = answer
    await run_in_foreground(bench.store, await bench.load(b))
    page = await (await looked_at(bench, a, b)).page(Mode.FAILURES)
    [row] = page.rows
    cell = row.cells[1]
    assert (cell.spot.state, cell.change, cell.repeats[0].begins) == (2, None, None)
    assert "500" in str(cell.repeats[0].failure)


async def test_long_answers_are_not_read_whole(bench: Bench) -> None:
    bench.model.answer = lambda question, _epoch: question + "x" * 100_000
    runs = [await bench.queue(cases=2) for _ in range(2)]
    for run_id in runs:
        await run_in_foreground(bench.store, await bench.load(run_id))
    page = await (await looked_at(bench, *runs)).page()
    assert len(str(page.rows[0].cells[0].repeats[0].begins)) == 400


async def test_what_people_said_is_seen_at_once(bench: Bench) -> None:
    a, b = await bench.ran(cases=4), await bench.ran(lambda n: n == 1, cases=4)
    looked = await looked_at(bench, a, b)
    assert (await looked.page(Mode.DIFFERENT)).rows[0].cells[1].overrides == {}
    runs, outcomes = Runs(bench.store), Outcomes(bench.store)
    said = Judgement("exact", "means the same", case_id="c1", value=1.0)
    await Reviews(bench.store, runs, outcomes).judge(bench.caller, b, [said])
    [row] = (await looked.page(Mode.DIFFERENT)).rows
    assert row.cells[1].overrides[0].reason == "means the same"
    assert row.cells[0].overrides == {}


async def test_one_case_in_full_with_those_beside_it(bench: Bench) -> None:
    a = await bench.ran(cases=9)
    b = await bench.ran(lambda n: n in {2, 5, 7}, cases=9)
    looked = await looked_at(bench, a, b)
    view = View("exact", Mode.REGRESSIONS)
    case = await looked.matrix.case(looked.compared, view, 5)
    assert (case.case_id, case.before, case.after) == ("c5", 2, 7)
    assert (case.inputs["q"], case.target) == ("question 5", "question 5")
    assert [side.outcomes[0].record.answer.text for side in case.sides if side.outcomes] == [  # type: ignore[union-attr]
        "question 5",
        "wrong",
    ]
    with pytest.raises(NotFound, match="no case at position 99"):
        await looked.matrix.case(looked.compared, view, 99)


async def test_other_data_meet_by_id(bench: Bench) -> None:
    a = await bench.ran(cases=4)
    turned = [
        {"id": f"c{n}", "q": f"question {n}", "a": f"question {n}"} for n in reversed(range(3))
    ]
    b = await bench.ran(lambda n: n == 0, cases=turned)
    page = await (await looked_at(bench, a, b)).page()
    assert [row.cells[1].spot.position for row in page.rows] == [2, 1, 0, None]
    assert page.rows[0].cells[1].repeats[0].begins == "wrong"
    assert page.rows[3].cells[1].repeats == ()


async def test_repeats_are_all_there(bench: Bench) -> None:
    a, b = await bench.ran(cases=2, epochs=3), await bench.ran(cases=2, epochs=3)
    [row, _] = (await (await looked_at(bench, a, b)).page()).rows
    assert [glance.epoch for glance in row.cells[1].repeats] == [0, 1, 2]


async def test_where_nobody_was_asked_the_first_text_of_the_row_stands(bench: Bench) -> None:
    rows = [
        {"id": f"c{n}", "a": "yes", "n": "", "what": f"topic {n}", "x": "yes"} for n in range(3)
    ]
    handed_in = {"answers": {"column": "x"}, "prompt": None, "model": None, "concurrency": 8}
    runs = []
    for _ in range(2):
        run_id = await bench.queue(cases=rows, **handed_in)
        await run_in_foreground(bench.store, await bench.load(run_id))
        runs.append(run_id)
    page = await (await looked_at(bench, *runs)).page()
    assert [row.asked for row in page.rows] == ["topic 0", "topic 1", "topic 2"]
