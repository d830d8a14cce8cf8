"""The baseline of `column`: the shortest pyarrow loop that makes the same column in the same file.

`python -m benchmarks.bare_column SOURCE TARGET`: no engine, no outcomes, no repository.
"""

import sys

import pyarrow as pa
import pyarrow.parquet as pq

_AT_ONCE = 16_384


def bare(source: str, target: str) -> None:
    """Read, make the answers, write."""
    with pq.ParquetFile(source, pre_buffer=False) as file:
        wanted = file.schema_arrow.append(pa.field("answer", pa.string()))
        with pq.ParquetWriter(target, wanted) as writer:
            for batch in file.iter_batches(_AT_ONCE, use_threads=False):
                questions = batch.column("question").to_pylist()
                answers = [text[text.rfind("[[") + 2 : text.rfind("]]")] for text in questions]
                columns = [*batch.columns, pa.array(answers, pa.string())]
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=wanted))


if __name__ == "__main__":
    bare(sys.argv[1], sys.argv[2])
