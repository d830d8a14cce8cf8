"""Files of rows in repositories, for the figures of columns: made, and looked at afterwards.

In processes of its own, as what is measured begins with the peak memory of whoever starts it:

    python -m benchmarks.frames make FOLDER FILE ROWS        FILE (parquet or csv) in a repository
    python -m benchmarks.frames check FOLDER FILE EXPECTED   whether the branch has that column
"""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from weighbridge.core.versions import MAIN, Signature
from weighbridge.settings import Settings
from weighbridge.versions.base import Repo
from weighbridge.wiring import open_services

NAMESPACE, NAME, COLUMN = "bench", "rows", "answer"
_AT_ONCE = 16_384
_SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("question", pa.string()),
        ("topic", pa.string()),
        ("difficulty", pa.float64()),
        ("easy", pa.bool_()),
    ]
)


async def make(folder: Path, name: str, rows: int) -> None:
    """A repository with one file of so many rows, whose answers are known."""
    folder.mkdir(parents=True)
    path = folder / name
    write = pa.csv.CSVWriter if path.suffix == ".csv" else pq.ParquetWriter
    with write(path, _SCHEMA) as file:
        file.write_table(pa.Table.from_batches(_made(rows), _SCHEMA))
    async with open_services(Settings(data=folder / "data")) as services:
        caller = await services.keys.operator()
        repo = await services.repositories.create(caller, NAMESPACE, NAME)
        kept = await repo.keep(path, name)
        await repo.commit(MAIN, {name: kept}, "rows", Signature("bench", "bench@localhost"))
        async with repo.file(kept, name) as there:  # it was moved into the repository
            path.hardlink_to(there)


def _made(rows: int) -> Iterator[pa.RecordBatch]:
    for start in range(0, rows, _AT_ONCE):
        numbers = range(start, min(rows, start + _AT_ONCE))
        yield pa.record_batch(
            [
                pa.array(numbers, pa.int64()),
                pa.array(f"which label stands here: [[label-{n:07d}]]" for n in numbers),
                pa.array(f"topic {n * 7919 % 100}" for n in numbers),
                pa.array((n * 7919 % 1000 / 1000 for n in numbers), pa.float64()),
                pa.array((n % 3 == 0 for n in numbers), pa.bool_()),
            ],
            _SCHEMA,
        )


async def check(folder: Path, name: str, expected: Path) -> None:
    """Hold what is on the branch to the file of the bare loop, or to the labels of a csv file.

    Raises:
        SystemExit: it is not the same, or there is more than one commit.
    """
    async with open_services(Settings(data=folder / "data")) as services:
        caller = await services.keys.operator()
        repo = await services.repositories.open(caller, f"{NAMESPACE}/{NAME}")
        head = await repo.commit_at(MAIN)
        if len(await repo.log(head)) != 2:
            raise SystemExit(
                f"{name}: there is not one commit, but {len(await repo.log(head)) - 1}"
            )
        await _compare(repo, name, expected)


async def _compare(repo: Repo, name: str, expected: Path) -> None:
    entry = await repo.entry(await repo.commit_at(MAIN), name)
    assert entry is not None
    async with repo.file(await repo.content(entry.hash), name) as path:
        if expected.suffix == ".csv":
            found = pa.csv.read_csv(path)
            source = pa.csv.read_csv(expected)
            questions = source.column("question").to_pylist()
            labels = pa.chunked_array([[text[text.rfind("[[") + 2 : -2] for text in questions]])
            same = found.equals(source.append_column(COLUMN, labels))
        else:
            same = pq.read_table(path).equals(pq.read_table(expected))
    if not same:
        raise SystemExit(f"{name}: the column is not what it should be")


def main(command: str, *given: str) -> None:
    """Either of the commands above."""
    if command == "make":
        asyncio.run(make(Path(given[0]), given[1], int(given[2])))
    else:
        asyncio.run(check(Path(given[0]), given[1], Path(given[2])))


if __name__ == "__main__":
    main(*sys.argv[1:])
