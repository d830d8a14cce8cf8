"""Answers become a column of a file in a repository, by one commit."""

import asyncio
import base64
from collections.abc import Sequence
from io import BytesIO
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.running import Bench, refuse
from weighbridge.core.inference import Inference, InferenceState
from weighbridge.core.outcome import Usage
from weighbridge.core.run import Run, RunState
from weighbridge.core.versions import Signature
from weighbridge.errors import Invalid, InvalidFields
from weighbridge.jobs.column import deliver_column
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.providers.base import ChatRequest, Embeddings, Image, ImagePart, Reply
from weighbridge.services.datasets import Datasets
from weighbridge.services.evaluations import Evaluations
from weighbridge.services.inferences import Inferences
from weighbridge.services.repositories import Repositories
from weighbridge.services.runs import Runs
from weighbridge.spec import parse_spec
from weighbridge.versions.base import Repo
from weighbridge.versions.local import LocalVersions

ANN = Signature("Ann", "ann@example.com")
CSV = b"q,n\nsay 1,007\nsay 2,x\nsay 3,\n"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


@pytest.fixture
async def repo(bench: Bench) -> Repo:
    repositories = Repositories(LocalVersions(bench.store))
    repo = await repositories.create(bench.caller, "ns", "r")
    table = pa.table({"q": ["say 1", "say 2", "say 3"], "s": [{"k": "a"}, {"k": "b"}, None]})
    sink = BytesIO()
    pq.write_table(table, sink, compression="zstd")
    files = {
        "data/q.csv": CSV,
        "q.jsonl": b'{"q":"say 1"}\n{"q":"say 2"}\n{"q":"say 3"}\n',
        "q.parquet": sink.getvalue(),
        "photos.csv": b"photo\nimg/a.png\nimg/none.png\n../x.png\nphotos.csv\n",
        "img/a.png": PNG,
        "notes.txt": b"no rows",
    }
    changes = {path: await repo.keep_bytes(data, path) for path, data in files.items()}
    await repo.commit("main", changes, "data", ANN)
    return repo


def column(data: str = "ns/r@main:data/q.csv", **deliver: Any) -> dict[str, Any]:
    return {"data": data, "deliver": {"column": "answer", **deliver}}


async def queue(bench: Bench, **fields: Any) -> str:
    spec = parse_spec({"name": "test", "model": "fake", "prompt": "{q}", **fields})
    evaluations = Evaluations(bench.store, bench.models, Datasets(bench.store))
    return (await evaluations.start(bench.caller, spec)).runs[0].id


async def ended(bench: Bench, run_id: str) -> tuple[Run, Inference]:
    await run_in_foreground(bench.store, await bench.load(run_id))
    return await look(bench, run_id)


async def look(bench: Bench, run_id: str) -> tuple[Run, Inference]:
    run = await Runs(bench.store).get(bench.caller, run_id)
    return run, await inferences(bench).get(bench.caller, run_id)


def inferences(bench: Bench) -> Inferences:
    return Inferences(bench.store, Repositories(LocalVersions(bench.store)))


async def file(repo: Repo, revision: str, path: str) -> bytes:
    entry = await repo.entry(await repo.commit_at(revision), path)
    assert entry is not None, path
    return await repo.read(await repo.content(entry.hash))


async def test_the_answers_are_a_new_column_of_a_new_version(bench: Bench, repo: Repo) -> None:
    run, inference = await ended(bench, await queue(bench, **column(message="done")))
    assert (run.state, run.reason) == (RunState.SUCCEEDED, None)
    text = await file(repo, "main", "data/q.csv")
    assert text == b"q,n,answer\nsay 1,007,say 1\nsay 2,x,say 2\nsay 3,,say 3\n"
    head = await repo.commit_at("main")
    assert (inference.state, inference.committed_as) == (InferenceState.COMMITTED, head.id)
    assert (head.message, head.author.name) == ("done", "operator")
    assert len(await repo.log(head)) == 2


SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@SQLITE
@pytest.mark.parametrize("target", ["o.csv", "o.tsv", "o.jsonl", "o.json", "o.parquet", "o.arrow"])
@pytest.mark.parametrize("source", ["data/q.csv", "q.jsonl", "q.parquet"])
async def test_any_format_becomes_any_other(
    bench: Bench, repo: Repo, source: str, target: str
) -> None:
    run_id = await queue(bench, **column(f"ns/r@main:{source}", path=target))
    run, _ = await ended(bench, run_id)
    assert run.state is RunState.SUCCEEDED
    entry = await repo.entry(await repo.commit_at("main"), target)
    assert entry is not None
    content = await repo.content(entry.hash)
    assert content.frame is not None
    assert content.frame.rows == 3
    assert list(content.frame.columns)[-1] == "answer"


async def test_parquet_keeps_types_and_compression(bench: Bench, repo: Repo) -> None:
    await ended(bench, await queue(bench, **column("ns/r@main:q.parquet")))
    made = pq.ParquetFile(BytesIO(await file(repo, "main", "q.parquet")))
    assert made.read().to_pylist()[0] == {"q": "say 1", "s": {"k": "a"}, "answer": "say 1"}
    assert made.metadata.row_group(0).column(0).compression == "ZSTD"


async def test_a_column_that_is_there_is_replaced_in_its_place(bench: Bench, repo: Repo) -> None:
    await ended(bench, await queue(bench, **{**column(), "deliver": {"column": "q"}}))
    assert (await file(repo, "main", "data/q.csv")).startswith(b"q,n\nsay 1,007\n")
    deliver = {"column": "n"}
    await ended(bench, await queue(bench, data="ns/r@main:data/q.csv", deliver=deliver))
    assert (await file(repo, "main", "data/q.csv")).startswith(b"q,n\nsay 1,say 1\n")


async def test_a_field_of_a_struct_is_named_with_a_dot(bench: Bench, repo: Repo) -> None:
    run_id = await queue(bench, **{**column("ns/r@main:q.parquet"), "prompt": "{s.k}|"})
    await ended(bench, run_id)
    made = pq.read_table(BytesIO(await file(repo, "main", "q.parquet")))
    assert made.column("answer").to_pylist() == ["a|", "b|", "|"]


async def test_another_branch_is_made_from_the_source(bench: Bench, repo: Repo) -> None:
    await ended(bench, await queue(bench, **column(branch="exp/one", path="out/a.csv")))
    assert await file(repo, "main", "data/q.csv") == CSV
    assert (await file(repo, "exp/one", "out/a.csv")).startswith(b"q,n,answer\n")
    assert await file(repo, "exp/one", "data/q.csv") == CSV


async def test_a_sample_leaves_the_other_rows_of_the_source_empty(bench: Bench, repo: Repo) -> None:
    await ended(bench, await queue(bench, **column(), limit=2))
    rows = (await file(repo, "main", "data/q.csv")).splitlines()
    assert rows[1:] == [b"say 1,007,say 1", b"say 2,x,say 2", b"say 3,,"]


async def test_a_sample_in_a_new_file_is_those_rows_only(bench: Bench, repo: Repo) -> None:
    await ended(bench, await queue(bench, **column(path="sample.csv"), limit=2))
    assert len((await file(repo, "main", "sample.csv")).splitlines()) == 3


async def test_rows_whose_call_failed_are_empty_and_counted(bench: Bench, repo: Repo) -> None:
    bench.model.answer = some_fail
    run, _ = await ended(bench, await queue(bench, **column()))
    assert run.state is RunState.SUCCEEDED
    assert run.reason is not None
    assert run.reason.startswith("1 of 3 rows have no answer: the endpoint said 500")
    assert (await file(repo, "main", "data/q.csv")).splitlines()[2] == b"say 2,x,"


async def test_a_retry_delivers_once_more(bench: Bench, repo: Repo) -> None:
    bench.model.answer = some_fail
    run_id = await queue(bench, **column())
    await ended(bench, run_id)
    bench.model.answer = None
    await Runs(bench.store).retry_failed(bench.caller, run_id)
    run, inference = await ended(bench, run_id)
    assert (run.state, run.reason) == (RunState.SUCCEEDED, None)
    assert inference.state is InferenceState.COMMITTED
    assert (await file(repo, "main", "data/q.csv")).splitlines()[2] == b"say 2,x,say 2"
    assert len(await repo.log(await repo.commit_at("main"))) == 3


async def test_without_a_single_answer_nothing_is_committed(bench: Bench, repo: Repo) -> None:
    bench.model.answer = all_fail
    run, inference = await ended(bench, await queue(bench, **column()))
    assert run.state is RunState.FAILED
    assert inference.state is InferenceState.WAITING
    assert await file(repo, "main", "data/q.csv") == CSV


async def test_a_result_waits_for_whoever_looks_at_it_first(bench: Bench, repo: Repo) -> None:
    run_id = await queue(bench, **column(commit=False))
    run, inference = await ended(bench, run_id)
    assert (run.state, inference.state) == (RunState.SUCCEEDED, InferenceState.HELD)
    assert await file(repo, "main", "data/q.csv") == CSV
    _, content, path = await inferences(bench).result(bench.caller, run_id)
    assert path == "data/q.csv"
    assert (await repo.read(content)).startswith(b"q,n,answer\n")
    committed = await inferences(bench).commit(bench.caller, run_id, message="looked at")
    assert committed.state is InferenceState.COMMITTED
    assert (await repo.commit_at("main")).message == "looked at"
    assert (await inferences(bench).commit(bench.caller, run_id)) == committed


async def test_a_branch_that_moved_elsewhere_is_no_conflict(bench: Bench, repo: Repo) -> None:
    run_id = await queue(bench, **column())
    other = await repo.commit("main", {"x.txt": await repo.keep_bytes(b"x", "x.txt")}, "x", ANN)
    run, _ = await ended(bench, run_id)
    assert run.state is RunState.SUCCEEDED
    assert (await repo.commit_at("main")).parents == (other.id,)


async def test_what_changed_at_the_target_meanwhile_is_not_overwritten(
    bench: Bench, repo: Repo
) -> None:
    run_id = await queue(bench, **column())
    theirs = await repo.keep_bytes(b"q\nnew\n", "q.csv")
    await repo.commit("main", {"data/q.csv": theirs}, "meanwhile", ANN)
    run, inference = await ended(bench, run_id)
    assert run.state is RunState.FAILED
    assert run.reason is not None
    assert "has changed since this evaluation began" in run.reason
    assert inference.state is InferenceState.CONFLICT
    assert await file(repo, "main", "data/q.csv") == b"q\nnew\n"
    again = await inferences(bench).commit(bench.caller, run_id, branch="rescue")
    assert again.state is InferenceState.COMMITTED
    assert (await file(repo, "rescue", "data/q.csv")).startswith(b"q,n,answer\n")


async def test_delivering_twice_makes_one_commit(bench: Bench, repo: Repo) -> None:
    run_id = await queue(bench, **column())
    loaded = await bench.load(run_id)
    await ended(bench, run_id)
    [before] = [it.id for it in await repo.log(await repo.commit_at("main"))][:1]

    await deliver_column(bench.store, loaded, repo)
    assert (await repo.commit_at("main")).id == before


async def test_eight_at_once_each_commit_their_own(bench: Bench, repo: Repo) -> None:
    run_ids = [await queue(bench, **column(branch=f"b{n}"), prompt=f"{n} {{q}}") for n in range(8)]
    await asyncio.gather(*(ended(bench, run_id) for run_id in run_ids))
    for n in range(8):
        head = await repo.commit_at(f"b{n}")
        assert len(await repo.log(head)) == 2
        assert f"say 1,007,{n} say 1".encode() in await file(repo, f"b{n}", "data/q.csv")
    assert await file(repo, "main", "data/q.csv") == CSV


async def test_scorers_may_look_at_the_answers_too(bench: Bench, repo: Repo) -> None:
    run, _ = await ended(bench, await queue(bench, **column(), target="q", scorers=["exact"]))
    [metric] = run.metrics
    assert (metric.value, metric.n_scored) == (1.0, 3)


async def test_images_come_out_of_the_repository_row_by_row(bench: Bench, repo: Repo) -> None:
    seen: list[str] = []

    async def chat(request: ChatRequest, *, timeout_s: float) -> Reply:
        [_, image] = cast("Sequence[Any]", request.messages[0].content)
        assert isinstance(image, ImagePart)
        seen.append(image.url)
        return Reply("a dot", "stop", Usage(1, 1, None, 1))

    bench.model.chat = chat  # type: ignore[method-assign]
    run_id = await queue(
        bench,
        data="ns/r@main:photos.csv",
        deliver={"column": "seen"},
        prompt=None,
        messages=[{"role": "user", "content": "Look.", "images": ["{photo}"]}],
    )
    run, _ = await ended(bench, run_id)
    assert run.state is RunState.SUCCEEDED
    assert run.progress.failed == 3
    assert seen == ["data:image/png;base64," + base64.b64encode(PNG).decode()]
    rows = (await file(repo, "main", "photos.csv")).splitlines()
    assert rows[1:3] == [b"img/a.png,a dot", b"img/none.png,"]


async def test_embeddings_are_a_column_of_lists(bench: Bench, repo: Repo) -> None:
    async def embed(texts: Sequence[str], *, timeout_s: float) -> Embeddings:
        return Embeddings([[0.5, float(len(texts[0]))]], Usage(3, 0, None, 1))

    bench.model.embed = embed  # type: ignore[attr-defined]
    await ended(bench, await queue(bench, **column("ns/r@main:q.parquet"), output="embeddings"))
    made = pq.read_table(BytesIO(await file(repo, "main", "q.parquet")))
    assert made.column("answer").to_pylist() == [[0.5, 5.0]] * 3
    assert made.schema.field("answer").type == pa.list_(pa.float32())


async def test_images_that_are_made_lie_beside_the_file(bench: Bench, repo: Repo) -> None:
    async def chat(request: ChatRequest, *, timeout_s: float) -> Reply:
        if request.messages[0].content == "say 2":
            return Reply("I would rather not", "stop", Usage(1, 1, None, 1))
        return Reply("", "stop", Usage(1, 1, None, 1), images=(Image(PNG, "image/png"),))

    bench.model.chat = chat  # type: ignore[method-assign]
    run, _ = await ended(bench, await queue(bench, **column(), output="image"))
    assert run.progress.failed == 1
    rows = (await file(repo, "main", "data/q.csv")).decode().splitlines()
    assert [row.rpartition(",")[2] for row in rows[1:]] == [
        "data/q_answer/0.png",
        "",
        "data/q_answer/2.png",
    ]
    assert await file(repo, "main", "data/q_answer/2.png") == PNG


@SQLITE
@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"prompt": "{qq}"}, "names the column `qq`"),
        ({"data": "ns/r@main:notes.txt"}, "no file of rows by its name"),
        ({"data": "ns/r@main:none.csv"}, "there is no file 'none.csv'"),
        ({"data": "ns/r@mian:data/q.csv"}, "did you mean"),
        ({"data": "ns/nothing@main:data/q.csv"}, "there is no repository"),
        ({"data": "ns/r@main:../q.csv"}, "no path leaves the repository"),
        ({"data": "ns/r@main:data"}, "is a folder"),
        ({"deliver": {"column": "_oxen_id"}}, "cannot be called so"),
        ({"deliver": {"column": "a", "path": "a.txt"}}, "no file of rows by its name"),
        ({"deliver": {"column": "a", "path": "../a.csv"}}, "leaves the repository"),
        ({"deliver": {"column": "a", "branch": "a..b"}}, "cannot be a branch"),
        ({"epochs": 2}, "one cell holds one answer"),
        ({"where": {"q": "x"}}, "rows are taken in order"),
        ({"models": ["a", "b"], "model": None}, "takes one"),
        ({"data": "ds_" + "0" * 26}, "needs `data` in a repository"),
    ],
)
async def test_what_cannot_be_done_is_refused_before_a_call(
    bench: Bench, repo: Repo, fields: dict[str, Any], told: str
) -> None:
    with pytest.raises(Invalid, match=told):
        await queue(bench, **{**column(), **fields})
    assert bench.model.asked == []


async def test_at_a_commit_the_branch_must_be_named(bench: Bench, repo: Repo) -> None:
    at = (await repo.commit_at("main")).id
    with pytest.raises(InvalidFields, match="name the branch"):
        await queue(bench, **column(f"ns/r@{at}:data/q.csv"))
    await ended(bench, await queue(bench, **column(f"ns/r@{at}:data/q.csv", branch="exp")))
    assert (await file(repo, "exp", "data/q.csv")).startswith(b"q,n,answer\n")


async def some_fail(question: str, _epoch: int) -> str:
    if question == "say 2":
        raise refuse()
    return question


async def all_fail(_question: str, _epoch: int) -> str:
    raise refuse()
