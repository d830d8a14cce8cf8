"""A file of a repository leads to the runs that read it, and to those that write into it."""

from typing import Any

from support.running import Bench
from weighbridge.core.versions import Commit, Signature
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.services.data_uses import DataUses
from weighbridge.services.datasets import Datasets
from weighbridge.services.evaluations import Evaluations
from weighbridge.spec import parse_spec
from weighbridge.versions.base import Repo
from weighbridge.versions.local import LocalVersions

ANN = Signature("Ann", "ann@example.com")
ROWS = "id,q,a\n1,ja,ja\n2,nein,doch\n"


async def put(repo: Repo, path: str, text: str) -> Commit:
    content = await repo.keep_bytes(text.encode(), path)
    return await repo.commit("main", {path: content}, "a change", ANN)


async def run(bench: Bench, data: str, **fields: Any) -> str:
    spec = {"name": "e", "data": data, "id": "id", "model": "fake", "prompt": "{q}"}
    evaluations = Evaluations(bench.store, bench.models, Datasets(bench.store))
    parsed = parse_spec({**spec, "target": "a", "scorers": ["exact"], **fields})
    started = await evaluations.start(bench.caller, parsed)
    await run_in_foreground(bench.store, await bench.load(started.runs[0].id))
    return started.runs[0].id


async def test_what_read_a_file_and_what_wrote_into_it(bench: Bench) -> None:
    versions = LocalVersions(bench.store)
    repo = await versions.create(bench.caller.workspace_id, "ns", "one")
    first = await put(repo, "d/q.csv", ROWS)
    await put(repo, "q.csv", ROWS)
    wrote = await run(bench, "ns/one@main:d/q.csv", deliver={"column": "said"})
    into = await run(
        bench, "ns/one@main:q.csv", deliver={"column": "more", "path": "d/q.csv", "commit": False}
    )
    sampled = await run(bench, "ns/one@main:d/q.csv", sample={"n": 1, "seed": 1})
    await run(bench, "ns/one@main:q.csv")
    head = await repo.commit_at("main")
    entry = await repo.entry(head, "d/q.csv")
    assert entry is not None

    uses = await DataUses(bench.store).of_file(bench.caller, repo, "d/q.csv", entry.hash)
    assert [it.run.id for it in uses] == [sampled, into, wrote]
    told = {it.run.id: (it.path, it.same, it.writes and it.writes.column) for it in uses}
    assert told == {
        sampled: ("d/q.csv", True, None),
        into: ("q.csv", False, "more"),
        wrote: ("d/q.csv", False, "said"),
    }
    before = await repo.entry(first, "d/q.csv")
    assert before is not None
    then = await DataUses(bench.store).of_file(bench.caller, repo, "d/q.csv", before.hash, limit=5)
    assert {it.run.id for it in then if it.same} == {wrote}

    made = await DataUses(bench.store).makers(bench.caller, repo.repository.id, [first.id, head.id])
    assert {commit: it.run_id for commit, it in made.items()} == {head.id: wrote}
