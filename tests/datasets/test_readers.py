"""The format of a file is told by its name, by its first bytes, or by whoever opens it."""

import subprocess
import sys
import tracemalloc
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from weighbridge.datasets.readers import open_rows, sniff
from weighbridge.errors import Invalid

TABLE = pa.table({"a": [1, 2]})


def write_arrow(path: Path, *, stream: bool) -> None:
    make = pa.ipc.new_stream if stream else pa.ipc.new_file
    with make(str(path), TABLE.schema) as writer:
        writer.write_table(TABLE)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'[{"a": 1}, {"a": 2}]', "json"),
        (b'{"a": 1}\n{"a": 2}\n', "jsonl"),
        (b'{"data":\n [{"a": 1}, {"a": 2}]}', "json"),
        (b"\xef\xbb\xbfa,b\n1,2\n", "csv"),
        (b"a\tb\n1\t2\n", "tsv"),
    ],
)
def test_text_without_a_telling_name_is_sniffed(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    path = tmp_path / "blob"
    path.write_bytes(content)
    assert sniff(path) == expected
    assert len(list(open_rows(path))) in (1, 2)


def test_parquet_and_both_kinds_of_arrow_are_sniffed(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "p")
    write_arrow(tmp_path / "f", stream=False)
    write_arrow(tmp_path / "s", stream=True)
    for name in "pfs":
        assert list(open_rows(tmp_path / name)) == [{"a": 1}, {"a": 2}]


def test_binary_rubbish_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(b"\x89PNG\0\0")
    with pytest.raises(Invalid, match="none of the formats csv, tsv, jsonl"):
        open_rows(path)


def test_feather_of_version_1_is_named(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(b"FEA1....")
    with pytest.raises(Invalid, match="version 2"):
        open_rows(path)


def test_the_format_given_wins_over_the_name(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('{"a":1}\n')
    assert list(open_rows(path, "jsonl")) == [{"a": 1}]


def test_an_unknown_format_is_refused_with_those_there_are(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n")
    with pytest.raises(Invalid, match=r"`parket`; did you mean `parquet`\? \(csv, tsv"):
        open_rows(path, "parket")


def test_a_missing_file_and_a_folder_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"^none\.csv does not exist"):
        open_rows(tmp_path / "none.csv")
    with pytest.raises(Invalid, match="is a folder"):
        open_rows(tmp_path)


@pytest.mark.parametrize("name", ["big.csv", "big.jsonl", "big.parquet", "big.arrow"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    n = 25_000
    if name.endswith("csv"):
        path.write_text("a,b\n" + "".join(f"{i},{'x' * 50}\n" for i in range(n)))
    elif name.endswith("jsonl"):
        path.write_text("".join(f'{{"a":{i},"b":"{"x" * 50}"}}\n' for i in range(n)))
    else:
        table = pa.table({"a": range(n), "b": ["x" * 50] * n})
        if name.endswith("parquet"):
            pq.write_table(table, path, use_dictionary=False)
        else:
            with pa.ipc.new_file(str(path), table.schema) as writer:
                writer.write_table(table)
    list(islice(open_rows(path), 5000))
    arrow_before = pa.total_allocated_bytes()
    tracemalloc.start()
    try:
        arrow_peak = 0
        for count, _ in enumerate(open_rows(path), 1):
            if count % 5000 == 0:
                arrow_peak = max(arrow_peak, pa.total_allocated_bytes() - arrow_before)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == n
    assert peak < 2 << 20
    assert arrow_peak < 8 << 20


def test_reading_text_does_not_load_pyarrow(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n")
    script = (
        "import sys; from pathlib import Path; from weighbridge.datasets.readers import open_rows; "
        f"list(open_rows(Path({str(path)!r}))); "
        "sys.exit(bool({'pyarrow', 'numpy', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
