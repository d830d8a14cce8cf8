"""Standard benchmarks become evaluations over data sets of their own, and leaderboards."""

import json
from pathlib import Path

import pytest

from support.running import Bench
from weighbridge.core.caller import Caller
from weighbridge.errors import Invalid, InvalidFields, NotFound
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.declared import DeclaredModel, Defaults, ModelsFile
from weighbridge.providers.model import Models
from weighbridge.services.datasets import Datasets
from weighbridge.services.evaluations import Evaluations
from weighbridge.services.leaderboards import Leaderboards
from weighbridge.services.standard_benchmarks import StandardBenchmarks, Wanted

DECLARED = ModelsFile(
    models=[
        DeclaredModel(name="a", protocol="openai", base_url="http://127.0.0.1:9/v1"),
        DeclaredModel(name="b", protocol="openai", base_url="http://127.0.0.1:9/v1"),
        DeclaredModel(name="judge", protocol="openai", base_url="http://127.0.0.1:9/v1"),
    ]
)
QUESTIONS = [
    {
        "question": f"Question {n} of {subject}?",
        "subject": subject,
        "choices": ["right", "wrong", "false", "no"],
        "answer": 0,
    }
    for subject in ("anatomy", "virology")
    for n in range(6)
]


def standard(bench: Bench, defaults: Defaults | None = None) -> StandardBenchmarks:
    declared = DECLARED.model_copy(update={"defaults": defaults or Defaults()})
    return StandardBenchmarks(Datasets(bench.store), Models(Catalog(declared, {})))


@pytest.fixture
def mmlu(tmp_path: Path) -> Path:
    file = tmp_path / "mmlu.jsonl"
    file.write_text("".join(json.dumps(question) + "\n" for question in QUESTIONS))
    return file


async def run(bench: Bench, wanted: Wanted, answers: dict[str, str]) -> list[str]:
    """Execute an evaluation by a benchmark; the ids of its runs."""
    prepared = await standard(bench).prepare(bench.caller, wanted)
    evaluations = Evaluations(bench.store, bench.models, Datasets(bench.store))
    started = await evaluations.start(bench.caller, prepared.spec)
    for one in started.runs:
        bench.model.answer = lambda question, _epoch, name=one.model: answers[name]
        await run_in_foreground(bench.store, await bench.load(one.id))
    return [one.id for one in started.runs]


async def test_the_cases_are_kept_once_and_called_as_the_benchmark(
    bench: Bench, mmlu: Path
) -> None:
    benchmark, _ = standard(bench).find("mmlu")
    first = await standard(bench).prepare(bench.caller, Wanted(benchmark, ("a",), source=mmlu))
    again = await standard(bench).prepare(bench.caller, Wanted(benchmark, ("b",), source=mmlu))
    assert first.dataset == again.dataset
    assert (first.dataset.name, first.dataset.version, first.dataset.frame.rows) == ("mmlu", 1, 12)
    assert first.spec.data == first.dataset.id
    with mmlu.open("a") as file:
        file.write(json.dumps(QUESTIONS[0]) + "\n")
    more = await standard(bench).prepare(bench.caller, Wanted(benchmark, ("a",), source=mmlu))
    assert more.dataset.version == 2


async def test_what_is_wanted_stands_in_the_evaluation(bench: Bench, mmlu: Path) -> None:
    benchmark, subjects = standard(bench).find("mmlu:virology")
    prepared = await standard(bench).prepare(
        bench.caller,
        Wanted(
            benchmark,
            ("a", "b"),
            "likelihood",
            subjects,
            mmlu,
            limit=3,
            sample=5,
            seed=7,
            judge="j",
        ),
    )
    written = prepared.spec.as_json()
    assert written["name"] == "mmlu:virology"
    assert written["models"] == ["a", "b"]
    assert written["where"] == {"subject": ["virology"]}
    assert (written["sample"], written["limit"], written["judge"]) == ({"n": 5, "seed": 7}, 3, "j")
    assert written["choose"] == {"options": "letters"}
    assert written["metadata"] == {
        "benchmark": {
            "name": "mmlu",
            "mode": "likelihood",
            "subjects": ["virology"],
            "source": str(mmlu),
            "shots": 0,
        }
    }
    assert prepared.notes == (
        f"mmlu: 12 cases from {mmlu}",
        "no worked examples before the questions: the data have no dev split",
    )


async def test_a_subject_that_is_not_there_is_refused_with_a_hint(bench: Bench, mmlu: Path) -> None:
    benchmark, _ = standard(bench).find("mmlu")
    wanted = Wanted(benchmark, ("a",), subjects=("anatomie",), source=mmlu)
    with pytest.raises(InvalidFields, match=r"subject: .*did you mean `anatomy`\? \(subjects: ana"):
        await standard(bench).prepare(bench.caller, wanted)
    boolq, _ = standard(bench).find("boolq")
    with pytest.raises(Invalid, match="does not say which subject"):
        await standard(bench).prepare(bench.caller, Wanted(boolq, ("a",), subjects=("x",)))


async def test_the_manner_is_one_that_every_model_is_known_to_be_capable_of(bench: Bench) -> None:
    services = standard(bench)
    boolq, _ = services.find("boolq")
    assert services.settle(Wanted(boolq, ("embedded",))) == ("likelihood", None)
    manner, why = services.settle(Wanted(boolq, ("embedded", "a")))
    assert manner == "generation"
    assert why is not None
    assert "whether a gives log-probabilities" in why
    assert services.settle(Wanted(boolq, ("a",), "likelihood")) == ("likelihood", None)
    with pytest.raises(InvalidFields, match=r"boolq has no mode `judge` \(modes: likelihood, gen"):
        services.settle(Wanted(boolq, ("a",), "judge"))
    with pytest.raises(Invalid, match="no model is called 'nobody'"):
        services.settle(Wanted(boolq, ("nobody",)))
    # Where there is no other way of asking, that one is it.
    mc1, _ = services.find("truthfulqa_mc1")
    assert services.settle(Wanted(mc1, ("a",))) == ("likelihood", None)


async def test_without_a_judge_answers_are_scored_by_overlap(bench: Bench) -> None:
    services = standard(bench)
    benchmark, _ = services.find("truthfulqa_gen")
    manner, why = services.settle(Wanted(benchmark, ("a",)))
    assert manner == "generation"
    assert why is not None
    assert "--judge" in why
    assert services.settle(Wanted(benchmark, ("a",), judge="judge")) == ("judge", None)
    declared = standard(bench, Defaults(judge="judge"))
    assert declared.settle(Wanted(benchmark, ("a",))) == ("judge", None)


async def test_all_are_listed_with_where_their_data_are(bench: Bench) -> None:
    listed = {one.benchmark.name: one for one in standard(bench).list()}
    assert listed["boolq"].copy is not None
    assert listed["boolq"].missing is None
    assert listed["ifeval"].copy is None
    assert "get `input_data.jsonl`" in (listed["ifeval"].missing or "")


async def test_a_leaderboard_holds_the_latest_run_of_each_model_over_the_same_work(
    bench: Bench, mmlu: Path
) -> None:
    benchmark, _ = standard(bench).find("mmlu")
    wanted = Wanted(benchmark, ("a", "b"), "generation", source=mmlu)
    old = await run(bench, wanted, {"a": "B", "b": "A"})
    new = await run(bench, Wanted(benchmark, ("a",), "generation", source=mmlu), {"a": "A"})
    fewer = await run(
        bench, Wanted(benchmark, ("a",), "generation", source=mmlu, limit=3), {"a": "A"}
    )
    boards = await Leaderboards(bench.store).boards(bench.caller, "mmlu")
    assert [[one.id for one in board.runs] for board in boards] == [fewer, [*new, old[1]]]
    assert boards[1].mode == "generation"
    assert boards[1].source == str(mmlu)
    cases = await Datasets(bench.store).called(bench.caller, "mmlu")
    same = await Leaderboards(bench.store).of_data(bench.caller, [cases.id])
    assert [board.runs for board in same] == [board.runs for board in boards]
    assert await Leaderboards(bench.store).of_data(bench.caller, ["ds_nobody"]) == []
    with pytest.raises(NotFound, match="no run of mmlu in the mode likelihood has succeeded yet"):
        await Leaderboards(bench.store).boards(bench.caller, "mmlu", "likelihood")
    with pytest.raises(NotFound, match="weighbridge bench run mmlu:anatomy"):
        await Leaderboards(bench.store).boards(bench.caller, "mmlu:anatomy")


async def test_an_evaluation_that_is_merely_called_so_is_on_no_leaderboard(bench: Bench) -> None:
    await bench.ran(name="mmlu")
    await bench.ran(name="mmlu", metadata={"benchmark": "mmlu"})
    with pytest.raises(NotFound):
        await Leaderboards(bench.store).boards(bench.caller, "mmlu")


async def test_other_workspaces_have_leaderboards_of_their_own(bench: Bench, mmlu: Path) -> None:
    benchmark, _ = standard(bench).find("mmlu")
    await run(bench, Wanted(benchmark, ("a",), "generation", source=mmlu), {"a": "A"})
    other = Caller("ws_other", bench.caller.role)
    with pytest.raises(NotFound):
        await Leaderboards(bench.store).boards(other, "mmlu")
