"""An evaluation takes the rows it asks for, from wherever they are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from weighbridge.core.caller import Caller
from weighbridge.errors import Invalid
from weighbridge.services.case_sources import CaseSources
from weighbridge.services.datasets import Datasets
from weighbridge.services.frame_sources import FrameSources
from weighbridge.services.keys import Keys
from weighbridge.services.repositories import Repositories
from weighbridge.spec import EvaluationSpec, parse_spec
from weighbridge.store.engine import Store
from weighbridge.versions.local import LocalVersions

CSV = "subject,q\n" + "".join(f"{'math' if n % 2 else 'art'},{n}\n" for n in range(600))


@pytest.fixture
async def caller(store: Store) -> Caller:
    return await Keys(store).operator()


@pytest.fixture
def sources(store: Store) -> CaseSources:
    datasets = Datasets(store)
    repositories = Repositories(LocalVersions(store))
    return CaseSources(datasets, FrameSources(store, repositories, datasets))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "questions.csv").write_text(CSV)
    return tmp_path


def spec(**fields: Any) -> EvaluationSpec:
    return parse_spec({"data": "questions.csv", "model": "m", "prompt": "{q}", **fields})


Take = Callable[..., Any]


@pytest.fixture
def take(store: Store, caller: Caller, sources: CaseSources, folder: Path) -> Take:
    """The `q` of every row that is taken, having made sure that `count` says how many."""

    async def taken(folder: Path | None = folder, **fields: Any) -> list[str]:
        asked = spec(**fields)
        evaluation = asked.to_evaluation()
        counted = await sources.count(caller, asked, evaluation, folder)
        dataset = await sources.take(caller, asked, evaluation, folder)
        rows = [str(row["q"]) async for row in Datasets(store).rows(dataset)]
        assert len(rows) == counted
        return rows

    return taken


async def test_all_rows_of_a_file_are_taken(take: Take) -> None:
    assert await take() == [str(n) for n in range(600)]


async def test_only_rows_that_meet_the_conditions_are_taken(take: Take) -> None:
    rows = await take(where={"subject": "math", "q": {"min": 500}})
    assert rows == [str(n) for n in range(501, 600, 2)]


async def test_a_sample_is_drawn_from_the_rows_that_meet_them(take: Take) -> None:
    fields = {"where": {"subject": "art"}, "sample": {"n": 20, "seed": 7}}
    rows = await take(**fields)
    assert len(set(rows)) == 20
    assert all(int(row) % 2 == 0 for row in rows)
    assert await take(**fields) == rows


async def test_inline_cases_are_selected_from_like_any_others(take: Take) -> None:
    cases = [{"q": str(n), "subject": "art"} for n in range(5)]
    assert await take(data=None, cases=cases, where={"q": ["1", "3"]}) == ["1", "3"]


async def test_a_stored_data_set_is_named_by_name_version_and_tag(
    store: Store, caller: Caller, take: Take, folder: Path
) -> None:
    datasets = Datasets(store)
    await datasets.import_file(caller, folder / "questions.csv", name="quiz")
    await datasets.tag(caller, "quiz", "prod")
    (folder / "questions.csv").write_text("subject,q\nart,new\n")
    await datasets.import_file(caller, folder / "questions.csv", name="quiz")
    assert await take(data="quiz") == ["new"]
    assert len(await take(data="quiz@1")) == 600
    assert len(await take(data="quiz@prod", folder=None)) == 600
    assert len(await take(data="quiz@prod", where={"subject": "math"})) == 300


async def test_what_was_selected_knows_where_it_came_from_and_stays_out_of_the_list(
    store: Store, caller: Caller, sources: CaseSources, folder: Path
) -> None:
    datasets = Datasets(store)
    asked = spec(where={"subject": "math"}, sample={"n": 3})
    selected = await sources.take(caller, asked, asked.to_evaluation(), folder)
    listed = await datasets.list(caller, after=None, limit=10)
    assert [dataset.name for dataset in listed] == ["questions.csv"]
    assert selected.parent_id == listed[0].id
    assert selected.selection == {"where": {"subject": "math"}, "sample": {"n": 3}}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"data": "nothing"}, "data: there is no file .*nothing, and there is no data set"),
        ({"data": "quizz"}, "did you mean `quiz`"),
        ({"data": "quiz@9"}, "no version or tag '9': its newest version is 1"),
        ({"where": {"topic": "x"}}, r"where\.topic: row 1 has no column"),
        ({"where": {"subject": "history"}}, "where: no row meets"),
        ({"sample": {"n": 601}}, r"sample\.n: 601 rows"),
        ({"where": {"subject": "math"}, "prompt": "{question}"}, "question"),
    ],
)
async def test_what_is_not_there_is_refused_by_field(
    store: Store, caller: Caller, sources: CaseSources, folder: Path, fields: Any, says: str
) -> None:
    await Datasets(store).import_file(caller, folder / "questions.csv", name="quiz")
    asked = spec(**fields)
    with pytest.raises(Invalid, match=says):
        await sources.count(caller, asked, asked.to_evaluation(), folder)
    with pytest.raises(Invalid, match=says):
        await sources.take(caller, asked, asked.to_evaluation(), folder)
