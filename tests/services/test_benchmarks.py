"""Benchmarks are uploaded, or written from documents by a run of the engine."""

from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.running import Bench
from weighbridge.core.benchmark import Benchmark, BenchmarkState, Origin
from weighbridge.core.caller import Caller, Role
from weighbridge.core.run import RunState
from weighbridge.errors import Forbidden, Invalid, InvalidFields, NotFound
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.jobs.questions import deliver_questions
from weighbridge.providers.catalog import Catalog
from weighbridge.services.benchmarks import Benchmarks
from weighbridge.services.datasets import Datasets
from weighbridge.services.documents import Documents, Incoming
from weighbridge.services.evaluations import Evaluations
from weighbridge.services.runs import Runs

TEXT = (
    "The first weighbridge of the town was built in 1843 by Anna Lindqvist. It could weigh carts "
    "of up to four tonnes, and charged two öre a cart. It burnt down in 1901."
)


@pytest.fixture
def documents(bench: Bench) -> Documents:
    return Documents(bench.store)


@pytest.fixture
def benchmarks(bench: Bench, documents: Documents) -> Benchmarks:
    datasets = Datasets(bench.store)
    evaluations = Evaluations(bench.store, bench.models, datasets)
    runs = Runs(bench.store)
    return Benchmarks(bench.store, datasets, documents, evaluations, runs, Catalog(None, {}))


async def document(bench: Bench, documents: Documents, folder: Path, text: str = TEXT) -> str:
    path = folder / "incoming"
    path.write_text(text)
    [made] = await documents.add(bench.caller, [Incoming(path, "town.md", "The town", ("a",))])
    return made.id


async def upload(
    benchmarks: Benchmarks, caller: Caller, folder: Path, data: bytes, name: str = "q.json"
) -> Benchmark:
    path = folder / name
    path.write_bytes(data)
    return await benchmarks.upload(caller, path, name, name="mine")


async def run_of(bench: Bench, benchmark: Benchmark) -> str:
    [run] = await Runs(bench.store).list(bench.caller, evaluation_id=benchmark.evaluation_id)
    return run.id


def written(question: str) -> str:
    """Three questions that may stay, and others that may not, by what is asked for."""
    number = len(question) % 4
    replies = (
        ("When was the first weighbridge built?", "1843", "was built in 1843 by Anna Lindqvist"),
        ("Who built the first weighbridge?", "Anna Lindqvist", "built in 1843 by Anna Lindqvist"),
        ("In which year did it burn down?", "1901", "It burnt down in 1901."),
        ("Who burnt it down?", "Karl", "Karl burnt it down, in anger."),
    )
    asked = dict(zip(("question", "answer", "quote"), replies[number], strict=True))
    return orjson.dumps(asked).decode()


class TestUploading:
    @pytest.mark.parametrize(
        ("name", "data"),
        [
            ("q.json", b'[{"question": "1+1?", "answer": "2"}, {"question": "x", "answer": 7}]'),
            ("q.jsonl", (b'{"instruction": "1+1?", "response": "2", "sample_num": 1}\n'
              b'{"instruction": "x", "response": "7"}\n')),
            ("q.jsonl", b'{"question": "1+1?", "answer": "2"}\n{"question": "x", "answer": "7"}\n'),
            ("q.csv", b"question,answer\n1+1?,2\nx,7\n"),
            ("q.tsv", b"prompt\ttarget\n1+1?\t2\nx\t7\n"),
        ],
    )  # fmt: skip
    async def test_every_form_gives_the_same_questions(
        self, bench: Bench, benchmarks: Benchmarks, tmp_path: Path, name: str, data: bytes
    ) -> None:
        made = await upload(benchmarks, bench.caller, tmp_path, data, name)
        assert (made.state, made.origin, made.questions) == (
            BenchmarkState.READY,
            Origin.UPLOADED,
            2,
        )
        assert await benchmarks.questions(bench.caller, made) == [
            {"question_num": 1, "question": "1+1?", "answer": "2"},
            {"question_num": 2, "question": "x", "answer": "7"},
        ]
        assert await benchmarks.get(bench.caller, made.id) == made

    async def test_parquet_is_taken(
        self, bench: Bench, benchmarks: Benchmarks, tmp_path: Path
    ) -> None:
        pq.write_table(pa.table({"question": ["a"], "answer": ["b"]}), tmp_path / "x.parquet")
        data = (tmp_path / "x.parquet").read_bytes()
        made = await upload(benchmarks, bench.caller, tmp_path, data, "q.parquet")
        assert made.questions == 1

    async def test_numbers_images_and_other_columns_are_kept(
        self, bench: Bench, benchmarks: Benchmarks, tmp_path: Path
    ) -> None:
        image = "https://h/a.png"
        rows = [
            {"sample_num": 7, "question": "q", "answer": "a", "topic": "t"},
            {"sample_num": 9, "question": "q", "answer": "a", "image_url": image, "cluster": 4},
        ]
        made = await upload(benchmarks, bench.caller, tmp_path, orjson.dumps(rows))
        asked = {"question": "q", "answer": "a"}
        assert await benchmarks.questions(bench.caller, made) == [
            {"question_num": 7, **asked, "image_url": None, "cluster": None, "topic": "t"},
            {"question_num": 9, **asked, "image_url": image, "cluster": "4"},
        ]

    @pytest.mark.parametrize(
        ("rows", "words"),
        [
            ([], "no rows"),
            ([{"question": "q"}], r"item 1 has no `answer` \(nor `response`\).*question"),
            ([{"question": "q", "answer": "a"}, {"answer": "a"}], "item 2 has no `question`"),
            ([{"question": " ", "answer": "a"}], "item 1, `question`: it is empty"),
            ([{"question": "q", "answer": None}], "item 1, `answer`: text is needed, not null"),
            ([{"question": ["q"], "answer": "a"}], "item 1, `question`: text.*not an array"),
            ([{"question": "q", "answer": True}], "not true or false"),
            ([{"question": "q", "answer": "a", "question_num": "x"}], "`question_num`: 'x' is no"),
            ([{"question": "q", "answer": "a", "image_url": 3}], "`image_url`: an address"),
            ([{"question": "q", "answer": "a", "image_url": "a.png"}], "begins with https://"),
            ([{"question": "q", "answer": "a", "cluster": []}], "`cluster`: text or a number"),
            ([{"question": "q", "answer": "a", "question_num": 1}] * 2, "item 2.*1 is there twice"),
            (["q"], "row 1 is a string"),
            ({"question": "q"}, "an array of objects"),
        ],
    )
    async def test_what_is_malformed_says_item_and_field_and_keeps_nothing(
        self, bench: Bench, benchmarks: Benchmarks, tmp_path: Path, rows: Any, words: str
    ) -> None:
        with pytest.raises(Invalid, match=words):
            await upload(benchmarks, bench.caller, tmp_path, orjson.dumps(rows))
        assert await benchmarks.list(bench.caller) == []
        assert await benchmarks.count(bench.caller) == 0

    async def test_others_see_nothing_and_readers_upload_nothing(
        self, bench: Bench, benchmarks: Benchmarks, tmp_path: Path
    ) -> None:
        data = b'[{"question": "q", "answer": "a"}]'
        made = await upload(benchmarks, bench.caller, tmp_path, data)
        other = Caller("ws_other", Role.ADMIN)
        with pytest.raises(NotFound):
            await benchmarks.get(other, made.id)
        assert await benchmarks.list(other) == []
        reader = Caller(bench.caller.workspace_id, Role.READER)
        with pytest.raises(Forbidden):
            await upload(benchmarks, reader, tmp_path, data)


class TestWriting:
    async def test_questions_are_written_by_a_run_and_those_that_hold_stay(
        self, bench: Bench, benchmarks: Benchmarks, documents: Documents, tmp_path: Path
    ) -> None:
        told = await document(bench, documents, tmp_path)
        made = await benchmarks.write(bench.caller, [told], 8, generator="fake")
        assert (made.state, made.origin, made.wanted) == (
            BenchmarkState.WRITING,
            Origin.GENERATED,
            8,
        )
        assert made.name == f"generated_{made.id}"
        assert (await benchmarks.get(bench.caller, made.id)).state is BenchmarkState.WRITING
        assert await benchmarks.questions(bench.caller, made) == []
        bench.model.answer = lambda question, _repeat: written(question)
        await run_in_foreground(bench.store, await bench.load(await run_of(bench, made)))
        ready = await benchmarks.get(bench.caller, made.id)
        assert ready.state is BenchmarkState.READY
        assert ready.questions == 3
        assert ready.problem is not None
        assert "3 of 8 questions may stay" in ready.problem
        assert "its quote does not stand in the passage" in ready.problem
        rows = await benchmarks.questions(bench.caller, ready)
        assert {row["answer"] for row in rows} == {"1843", "Anna Lindqvist", "1901"}
        assert [row["question_num"] for row in rows] == [1, 2, 3]

    async def test_without_a_generator_sentences_with_a_gap_are_the_questions(
        self, bench: Bench, benchmarks: Benchmarks, documents: Documents, tmp_path: Path
    ) -> None:
        told = await document(bench, documents, tmp_path)
        made = await benchmarks.write(bench.caller, [told], 2)
        await run_in_foreground(bench.store, await bench.load(await run_of(bench, made)))
        ready = await benchmarks.get(bench.caller, made.id)
        assert (ready.state, ready.questions, ready.problem) == (BenchmarkState.READY, 2, None)
        answers = {row["answer"] for row in await benchmarks.questions(bench.caller, ready)}
        assert answers == {"1843", "1901"}
        assert bench.model.asked == []

    async def test_delivering_twice_makes_one_data_set(
        self, bench: Bench, benchmarks: Benchmarks, documents: Documents, tmp_path: Path
    ) -> None:
        told = await document(bench, documents, tmp_path)
        made = await benchmarks.write(bench.caller, [told], 3, generator="fake")
        bench.model.answer = lambda question, _repeat: written(question)
        run_id = await run_of(bench, made)
        await run_in_foreground(bench.store, await bench.load(run_id))
        first = await benchmarks.get(bench.caller, made.id)
        again = await deliver_questions(bench.store, await bench.load(run_id), made)
        assert again == (RunState.SUCCEEDED, first.problem)
        assert await benchmarks.get(bench.caller, made.id) == first

    async def test_a_model_that_writes_rubbish_fails_it_with_the_reasons(
        self, bench: Bench, benchmarks: Benchmarks, documents: Documents, tmp_path: Path
    ) -> None:
        told = await document(bench, documents, tmp_path)
        made = await benchmarks.write(bench.caller, [told], 2, generator="fake", name="bad")
        bench.model.answer = lambda _question, _repeat: "I would rather not."
        await run_in_foreground(bench.store, await bench.load(await run_of(bench, made)))
        failed = await benchmarks.get(bench.caller, made.id)
        assert failed.state is BenchmarkState.FAILED
        assert failed.problem is not None
        assert "0 of 2 questions may stay (5: the reply is no JSON object)" in failed.problem

    async def test_one_whose_run_was_cancelled_has_failed(
        self, bench: Bench, benchmarks: Benchmarks, documents: Documents, tmp_path: Path
    ) -> None:
        told = await document(bench, documents, tmp_path)
        made = await benchmarks.write(bench.caller, [told], 2, generator="fake")
        await Runs(bench.store).cancel(bench.caller, await run_of(bench, made))
        found = await benchmarks.get(bench.caller, made.id)
        assert found.state is BenchmarkState.FAILED
        assert found.problem

    @pytest.mark.parametrize(("wanted", "field"), [(0, "num_questions"), (5_001, "num_questions")])
    async def test_how_many_is_checked(
        self,
        bench: Bench,
        benchmarks: Benchmarks,
        documents: Documents,
        tmp_path: Path,
        wanted: int,
        field: str,
    ) -> None:
        told = await document(bench, documents, tmp_path)
        with pytest.raises(InvalidFields) as caught:
            await benchmarks.write(bench.caller, [told], wanted)
        assert [problem.field for problem in caught.value.problems] == [field]

    async def test_documents_must_be_there_and_say_something(
        self, bench: Bench, benchmarks: Benchmarks, documents: Documents, tmp_path: Path
    ) -> None:
        with pytest.raises(InvalidFields, match="at least one document"):
            await benchmarks.write(bench.caller, [], 2)
        with pytest.raises(NotFound, match="there is no document 'doc_x'"):
            await benchmarks.write(bench.caller, ["doc_x"], 2)
        short = await document(bench, documents, tmp_path, "Nearly nothing.")
        with pytest.raises(Invalid, match="say too little"):
            await benchmarks.write(bench.caller, [short], 2, generator="fake")
        with pytest.raises(Invalid, match="number or a name"):
            await benchmarks.write(bench.caller, [short], 2)
        assert await benchmarks.list(bench.caller) == []


class TestDocuments:
    async def test_a_document_is_kept_with_its_text(
        self, bench: Bench, documents: Documents, tmp_path: Path
    ) -> None:
        made = await document(bench, documents, tmp_path)
        found = await documents.get(bench.caller, made)
        assert (found.name, found.categories, found.kind) == ("The town", ("a",), "text")
        assert (found.size, found.characters) == (len(TEXT.encode()), len(TEXT))
        assert await documents.text(found) == TEXT
        assert await documents.list(bench.caller) == [found]

    async def test_one_that_cannot_be_read_keeps_the_others_out(
        self, bench: Bench, documents: Documents, tmp_path: Path
    ) -> None:
        (tmp_path / "a").write_text(TEXT)
        (tmp_path / "b").write_bytes(b"%PDF-1.4 rubbish")
        files = [Incoming(tmp_path / "a", "a.txt"), Incoming(tmp_path / "b", "b.pdf")]
        with pytest.raises(Invalid, match=r"'b\.pdf' cannot be read"):
            await documents.add(bench.caller, files)
        assert await documents.list(bench.caller) == []

    async def test_others_do_not_see_it(
        self, bench: Bench, documents: Documents, tmp_path: Path
    ) -> None:
        made = await document(bench, documents, tmp_path)
        other = Caller("ws_other", Role.ADMIN)
        with pytest.raises(NotFound):
            await documents.get(other, made)
