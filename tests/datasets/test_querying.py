"""SQL over a file of rows: what it gives, and what it cannot be made to do."""

import asyncio
import datetime as dt
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import pytest_asyncio

from weighbridge.core.versions import RowNumbers
from weighbridge.datasets import query_process
from weighbridge.datasets.querying import MOST_SQL, Answer, Querier, Question
from weighbridge.datasets.shapes import shape_of
from weighbridge.errors import Invalid, TooLarge

pytestmark = pytest.mark.asyncio(loop_scope="module")

CSV = "n,t\n007,a\n10,b\n9,c\n"
Ask: TypeAlias = Callable[..., Awaitable[list[Any]]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def querier(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Querier]:
    querier = Querier(tmp_path_factory.mktemp("answers"), seconds=10)
    yield querier
    await querier.close()


async def answer(
    querier: Querier, path: Path, sql: str, ids: str | None = None, removed: tuple[int, ...] = ()
) -> Answer:
    shape = shape_of(path, path.name)
    assert shape is not None
    return await querier.answer(Question(path, shape, sql, ids, RowNumbers("f00d", removed)))


def rows_of(answer: Answer, start: int = 0, stop: int = 10**9) -> list[Any]:
    rows: list[Any] = orjson.loads(b"[%b]" % b"".join(answer.parts(start, stop)))
    return rows


@pytest.fixture
def ask(querier: Querier, tmp_path: Path) -> Ask:
    """The rows that a query selects from a file of this text."""

    async def ask(sql: str, text: str = CSV, name: str = "a.csv") -> list[Any]:
        (tmp_path / name).write_text(text)
        return rows_of(await answer(querier, tmp_path / name, sql))

    return ask


async def test_cells_of_csv_stay_text_and_are_compared_as_numbers(ask: Ask) -> None:
    assert await ask("SELECT * FROM df WHERE n > 8") == [
        {"n": "10", "t": "b"},
        {"n": "9", "t": "c"},
    ]
    assert await ask("SELECT n FROM df WHERE n = 7") == [{"n": "007"}]


async def test_a_table_can_be_read_more_than_once_in_a_query(ask: Ask) -> None:
    assert await ask("SELECT count(*) AS c FROM df a, df b") == [{"c": 9}]
    assert await ask("WITH x AS (FROM df) SELECT n FROM x UNION ALL SELECT t FROM x LIMIT 4") == [
        {"n": "007"},
        {"n": "10"},
        {"n": "9"},
        {"n": "a"},
    ]


async def test_numbers_that_arithmetic_makes_are_numbers(ask: Ask) -> None:
    sql = "SELECT sum(n::BIGINT) AS s, avg(n::INT) AS a, 1.5 AS d, 10::HUGEINT ** 30 AS h FROM df"
    [row] = await ask(sql)
    assert row == {"s": 26, "a": pytest.approx(26 / 3), "d": 1.5, "h": pytest.approx(1e30)}


async def test_rows_are_found_by_how_near_their_embedding_is(ask: Ask) -> None:
    lines = '{"i": 1, "embedding": [1.0, 0.0]}\n{"i": 2, "embedding": [0.1, 0.25]}\n'
    sql = (
        "SELECT i, list_cosine_similarity(embedding, [0.1, 0.2]) AS similarity FROM df "
        "ORDER BY similarity DESC LIMIT 10"
    )
    found = await ask(sql, lines, "a.jsonl")
    assert [(row["i"], round(row["similarity"], 3)) for row in found] == [(2, 0.997), (1, 0.447)]


async def test_columns_of_one_name_are_told_apart(ask: Ask) -> None:
    assert await ask("SELECT 1 AS a, 2 AS a, 3 AS a_1") == [{"a": 1, "a_1": 2, "a_1_1": 3}]


async def test_json_rows_have_all_columns_and_nested_values(ask: Ask) -> None:
    text = '{"a": 1, "b": {"c": [1, 2]}}\n{"a": 2.5}\n{"a": null, "z": "ü"}\n'
    assert await ask("SELECT * FROM df WHERE a IS NOT NULL", text, "a.jsonl") == [
        {"a": 1.0, "b": {"c": [1, 2]}, "z": None},
        {"a": 2.5, "b": None, "z": None},
    ]
    assert await ask("SELECT b.c[2] AS x FROM df LIMIT 1", text, "a.jsonl") == [{"x": 2}]


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
async def test_every_type_of_a_columnar_file_is_read(
    querier: Querier, tmp_path: Path, name: str
) -> None:
    table = pa.table(
        {
            "i": pa.array([1, None], pa.uint8()),
            "f": pa.array([0.5, float("nan")], pa.float32()),
            "d": pa.array([Decimal("12.50"), None], pa.decimal128(6, 2)),
            "t": pa.array([dt.datetime(2024, 1, 31, tzinfo=dt.UTC)] * 2, pa.timestamp("us", "UTC")),
            "day": pa.array([dt.date(2024, 1, 31), None]),
            "s": pa.array(["x", "y"]).dictionary_encode(),
            "span": pa.array([dt.timedelta(seconds=90), None], pa.duration("ms")),
            "b": pa.array([b"\x00\xff", None], pa.binary()),
            "e": pa.array([[0.5, 1.0], None], pa.list_(pa.float32())),
            "o": pa.array([{"k": 1}, None]),
            "_oxen_id": ["hidden", "hidden"],
        }
    )
    path = tmp_path / name
    if name.endswith("parquet"):
        pq.write_table(table, path)
    else:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as file:
            file.write_table(table)
    assert rows_of(await answer(querier, path, "SELECT * FROM df")) == [
        {
            "i": 1,
            "f": 0.5,
            "d": "12.50",
            "t": "2024-01-31T00:00:00Z",
            "day": "2024-01-31",
            "s": "x",
            "span": 90.0,
            "b": "AP8=",
            "e": [0.5, 1.0],
            "o": {"k": 1},
        },
        {
            **dict.fromkeys(("i", "f", "d", "day", "span", "b", "e", "o")),
            "t": "2024-01-31T00:00:00Z",
            "s": "y",
        },
    ]


async def test_ids_of_rows_are_a_column_of_the_table(querier: Querier, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    found = await answer(querier, tmp_path / "a.csv", "SELECT t, _id FROM df", "_id", (0, 2))
    assert rows_of(found) == [
        {"t": "a", "_id": "f00d-1"},
        {"t": "b", "_id": "f00d-3"},
        {"t": "c", "_id": "f00d-4"},
    ]
    assert found.columns == {"t": "string", "_id": "string"}


@pytest.mark.parametrize(
    ("start", "stop"), [(0, 1), (255, 257), (256, 512), (999, 5000), (1000, 2000), (300, 900)]
)
async def test_an_answer_is_read_in_parts(
    querier: Querier, tmp_path: Path, start: int, stop: int
) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    found = await answer(querier, tmp_path / "a.csv", "SELECT range AS r FROM range(1000)")
    assert found.rows == 1000
    assert [row["r"] for row in rows_of(found, start, stop)] == list(range(1000))[start:stop]


async def test_files_without_rows_can_be_asked(ask: Ask) -> None:
    assert await ask("SELECT count(*) AS c FROM df", "n,t\n") == [{"c": 0}]
    assert await ask("SELECT n FROM df", "n,t\n") == []
    with pytest.raises(Invalid, match="no columns"):
        await ask("SELECT 1 AS x", "", "a.jsonl")


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("SELECT nosuch FROM df", "(columns: n, t)"),
        ("SELECT df.nosuch FROM df", "(columns: n, t)"),
        ("SELECT * FROM other", "the table is called `df`"),
        ("SELECT * FROM df WHERE t = 1", "TRY_CAST"),
        ("SELECT INTERVAL 1 MONTH AS i", "column `i` has the type"),
        ("", "one SELECT statement"),
        ("SELECT error('a\nb')", "a"),
    ],
)
async def test_what_is_wrong_with_a_query_is_said_in_one_line(
    ask: Ask, sql: str, told: str
) -> None:
    with pytest.raises(Invalid) as caught:
        await ask(sql)
    assert told in caught.value.message
    assert "\n" not in caught.value.message


async def test_a_damaged_file_is_named_as_that(querier: Querier, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    shape = shape_of(tmp_path / "a.csv", "a.csv")
    assert shape is not None
    (tmp_path / "a.csv").write_text("n,t\n1,2\n1,2,3\n")
    with pytest.raises(Invalid, match=r"a.csv, line 3: 3 cells"):
        await querier.answer(
            Question(tmp_path / "a.csv", shape, "SELECT * FROM df", None, RowNumbers("f"))
        )


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1; SELECT 2",
        "DROP TABLE df",
        "CREATE TABLE x AS SELECT 1",
        "INSERT INTO df VALUES (1, 2)",
        "COPY df TO '{folder}/out.csv'",
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "ATTACH '{folder}/out.db'",
        "EXPORT DATABASE '{folder}/out'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "PRAGMA database_list",
        "SET memory_limit = '1TB'",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "CALL duckdb_settings()",
        "EXPLAIN SELECT 1",
        "PREPARE x AS SELECT 1",
        "VACUUM",
        "CHECKPOINT",
        "PIVOT df ON t USING count(*)",
    ],
)
async def test_only_a_single_select_is_carried_out(ask: Ask, tmp_path: Path, sql: str) -> None:
    with pytest.raises(Invalid, match="one SELECT statement over the table `df`"):
        await ask(sql.format(folder=tmp_path))
    assert os.listdir(tmp_path) == ["a.csv"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{file}')",
        "SELECT * FROM read_text('{file}')",
        "SELECT * FROM read_blob('{file}')",
        "SELECT * FROM read_json('{file}')",
        "SELECT * FROM read_parquet('{file}')",
        "SELECT * FROM '{file}'",
        'SELECT * FROM "{file}"',
        "SELECT * FROM glob('{file}')",
        "SELECT * FROM sniff_csv('{file}')",
        "SELECT * FROM parquet_metadata('{file}')",
        "SELECT * FROM sqlite_scan('{file}', 'x')",
        "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')",
        "SELECT * FROM query('COPY df TO ''{file}''')",
        "SELECT * FROM query('SELECT * FROM read_text(''{file}'')')",
        "FROM json_execute_serialized_sql(json_serialize_sql('FROM read_text(''{file}'')'))",
        "SELECT * FROM duckdb_extensions()",
        "SELECT getenv('HOME')",
        "SELECT * FROM _rows",
        "SELECT * FROM request",
    ],
)
async def test_no_query_reaches_a_file_the_network_or_the_process(
    ask: Ask, tmp_path: Path, sql: str
) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("x\nxyzzy\n")
    with pytest.raises(Invalid) as caught:
        await ask(sql.format(file=secret))
    assert "xyzzy" not in caught.value.message
    assert secret.read_text() == "x\nxyzzy\n"


def environment_of(querier: Querier) -> bytes | None:
    for process in querier._idle:
        with suppress(OSError):
            return Path(f"/proc/{process.pid}/environ").read_bytes()
    return None


async def test_no_query_tells_of_the_server(
    querier: Querier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_API_KEY", "wb_not-to-be-seen")
    fresh = Querier(tmp_path)
    (tmp_path / "a.csv").write_text(CSV)
    sql = "FROM duckdb_settings() SELECT name, value"
    try:
        told = str(rows_of(await answer(fresh, tmp_path / "a.csv", sql)))
        # The process that waits for the next query; one that is ending has none any more.
        async with asyncio.timeout(20):
            while (environment := await asyncio.to_thread(environment_of, fresh)) is None:
                await asyncio.sleep(0.05)
    finally:
        await fresh.close()
    assert "memory_limit" in told
    assert b"wb_not-to-be-seen" not in environment
    for hidden in ("wb_not-to-be-seen", str(Path.cwd()), str(Path.home()), str(tmp_path)):
        assert hidden not in told


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM range(1000000) a, range(1000000) b",
        # One call that the engine never interrupts.
        "SELECT levenshtein(repeat('a', 300000), repeat('b', 300000))",
    ],
)
async def test_an_endless_query_is_ended(tmp_path: Path, sql: str) -> None:
    querier = Querier(tmp_path, seconds=1)
    (tmp_path / "a.csv").write_text(CSV)
    begun = time.monotonic()
    try:
        with pytest.raises(Invalid, match="longer than 1 seconds"):
            await answer(querier, tmp_path / "a.csv", sql)
        assert time.monotonic() - begun < 20
        assert rows_of(await answer(querier, tmp_path / "a.csv", "SELECT 1 AS x")) == [{"x": 1}]
    finally:
        await querier.close()
    assert os.listdir(tmp_path) == ["a.csv"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT repeat('a', 3000000000) AS x",
        "SELECT list(range) FROM range(200000000)",
        "SELECT string_agg(repeat('x', 1000000)) FROM range(10000)",
    ],
)
async def test_a_query_cannot_fill_the_memory(ask: Ask, sql: str) -> None:
    with pytest.raises(TooLarge, match="too much memory"):
        await ask(sql)
    assert await ask("SELECT 1 AS x") == [{"x": 1}]


async def test_a_huge_answer_is_refused(tmp_path: Path) -> None:
    querier = Querier(tmp_path, seconds=100)
    (tmp_path / "a.csv").write_text(CSV)
    try:
        with pytest.raises(TooLarge, match=f"more than {query_process.MAX_ROWS:,} rows"):
            await answer(querier, tmp_path / "a.csv", "SELECT range FROM range(100000000)")
        with pytest.raises(TooLarge, match="MiB"):
            sql = "SELECT repeat('x', 10000) AS x FROM range(900000)"
            await answer(querier, tmp_path / "a.csv", sql)
    finally:
        await querier.close()


@pytest.mark.parametrize(
    "sql", ["SELECT " + "(" * 5000 + "1" + ")" * 5000, "SELECT " + "+".join(["1"] * 40_000)]
)
async def test_a_deep_query_is_refused(ask: Ask, sql: str) -> None:
    with pytest.raises(Invalid, match="depth"):
        await ask(sql)


async def test_a_long_query_is_refused(ask: Ask) -> None:
    with pytest.raises(TooLarge, match="characters"):
        await ask("SELECT 1 --" + "x" * MOST_SQL)


async def test_queries_at_once_do_not_mix(querier: Querier, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    asked = [answer(querier, tmp_path / "a.csv", f"SELECT {it} AS x") for it in range(8)]
    assert [rows_of(it) for it in await asyncio.gather(*asked)] == [[{"x": it}] for it in range(8)]


async def test_a_query_that_nobody_waits_for_is_ended(tmp_path: Path) -> None:
    querier = Querier(tmp_path, seconds=20)
    (tmp_path / "a.csv").write_text(CSV)
    sql = "SELECT count(*) FROM range(1000000) a, range(1000000) b"
    waiting = asyncio.create_task(answer(querier, tmp_path / "a.csv", sql))
    await asyncio.sleep(1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert querier._idle == []
    assert os.listdir(tmp_path) == ["a.csv"]
    await querier.close()


async def test_a_large_server_does_not_wear_out_the_processes_of_its_queries(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    querier = Querier(tmp_path)
    ballast = bytearray(500 << 20)  # more than a process may have had before it is worn
    ballast[:: 1 << 12] = b"\1" * len(ballast[:: 1 << 12])
    try:
        for _ in range(2):
            await answer(querier, tmp_path / "a.csv", "SELECT count(*) FROM df")
            [process] = querier._idle
            assert ballast
            await asyncio.sleep(0.2)
            assert process.returncode is None
    finally:
        await querier.close()
