"""Benchmarks on pages: the standard ones, one's own, and who leads."""

import json
import re

import pytest

from support.data_desk import data_set, evaluated
from support.pages import Desk, desk_of
from weighbridge.benchmarks import registry
from weighbridge.core.caller import Role

QUESTIONS = [
    {"question": f"say {n}", "answer": str(n % 3), "cluster": f"c{n % 4}"} for n in range(60)
]


async def uploaded(desk: Desk) -> str:
    files = {"file": ("sums.json", json.dumps(QUESTIONS).encode())}
    answer = await desk.post(
        "/data/benchmarks/upload", files=files, name="Sums", description="Easy"
    )
    return str(answer.headers["location"])


async def test_all_standard_benchmarks_are_listed_and_searched(desk: Desk) -> None:
    page = await desk.get("/data/benchmarks")
    for name in registry.names():
        assert f'href="/data/benchmarks/standard/{name}"' in page
    some = await desk.get("/data/benchmarks?q=arithmetic")
    assert "gsm8k" in some
    assert "boolq" not in some
    assert "No benchmark is like that" in await desk.get("/data/benchmarks?q=nothing-at-all")


async def test_every_standard_benchmark_has_a_page(desk: Desk) -> None:
    for name in registry.names():
        page = await desk.get(f"/data/benchmarks/standard/{name}")
        it = registry.find_benchmark(name)
        assert it.title in page
        assert it.licence[:40] in page
    await desk.get("/data/benchmarks/standard/nobody", 404)


async def test_a_standard_benchmark_shows_its_cases_and_who_leads(desk: Desk) -> None:
    rows = [{"id": str(n), "question": f"say {n % 3}", "answer": str(n % 2)} for n in range(60)]
    dataset = await data_set(desk, rows, "boolq")
    fields = {"data": dataset.id, "id": "id", "prompt": "{question}", "name": "boolq"}
    await evaluated(desk, **fields, model=None, models=["parrot", "shaky"])
    page = await desk.get("/data/benchmarks/standard/boolq")
    assert "60 cases taken in" in page
    assert re.search(r'href="/compare\?run=run_\w+&run=run_\w+"', page)
    assert page.count('<svg class="interval"') == 2
    cases = await desk.get("/data/benchmarks/standard/boolq?show=cases")
    assert f'href="/data/sets/{dataset.id}/rows/49"' in cases
    assert f'href="/data/sets/{dataset.id}/rows/50"' not in cases
    uses = await desk.get("/data/benchmarks/standard/boolq?show=uses")
    assert uses.count("parrot") == 1


async def test_a_benchmark_is_uploaded_read_and_evaluated(desk: Desk) -> None:
    place = await uploaded(desk)
    page = await desk.get(place)
    assert "60 questions taken in." in page
    assert "Nobody has finished it yet" in page
    questions = await desk.get(f"{place}?show=cases")
    assert ">say 49<" in questions
    assert 'rel="next"' in questions
    dataset = re.search(r"/data/sets/(ds_\w+)/file", page)
    assert dataset
    await evaluated(desk, data=dataset[1], id="question_num", prompt="{question}")
    board = await desk.get(place)
    assert "parrot" in board
    assert "by exact, 60 cases" in board
    assert "Sums" in await desk.get("/data/benchmarks")


async def test_what_is_wrong_with_a_benchmark_is_said_beside_the_file(desk: Desk) -> None:
    files = {"file": ("sums.json", b'[{"question": "x"}]')}
    answer = await desk.post("/data/benchmarks/upload", status=400, files=files, name="Sums")
    assert "item 1 has no `answer`" in answer.text
    assert 'value="Sums"' in answer.text
    await desk.get("/data/benchmarks/benchmark_nobody", 404)
    place = await uploaded(desk)
    await desk.get(f"{place}?show=else", 404)


async def test_a_reader_takes_nothing_in(desk: Desk) -> None:
    async with desk_of(desk.services, Role.READER) as reader:
        page = await reader.get("/data/benchmarks/standard/gsm8k?show=cases")
        assert "/cases" not in page.replace("?show=cases", "")
        await reader.post("/data/benchmarks/standard/gsm8k/cases", status=403)
        await reader.get("/data/benchmarks/upload", 403)


async def test_the_cases_of_an_installed_benchmark_are_taken_in_before_any_run(desk: Desk) -> None:
    every = desk.services.standard.list()
    missing = next(it.benchmark.name for it in every if it.copy is None)
    answer = await desk.post(f"/data/benchmarks/standard/{missing}/cases", status=400)
    assert f"the data of {missing} are not here" in answer.text
    installed = [(it.copy.cases, it.benchmark.name) for it in every if it.copy is not None]
    if not installed:
        pytest.skip("no package with the data of a benchmark is installed")
    cases, name = min(installed)
    page = await desk.get(f"/data/benchmarks/standard/{name}?show=cases")
    assert f"Take in {cases} cases" in page
    answer = await desk.post(f"/data/benchmarks/standard/{name}/cases")
    page = await desk.get(answer.headers["location"])
    assert f"{cases} cases are here." in page
    assert page.count('title="The row in full"') == 50
