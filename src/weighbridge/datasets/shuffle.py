"""Rows in random order, however many there are."""

import random
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import orjson

from weighbridge.datasets.rows import Row

BUCKET_BYTES = 32 << 20
_MOST_BUCKETS = 512


def shuffled(rows: Iterable[Row], size: int, seed: int, folder: Path) -> Iterator[Row]:
    """All rows, every order as likely as any other; the same seed gives the same order.

    Rows are dealt to buckets at random, and each bucket is shuffled in memory: what comes of it is
    a uniform permutation (Rao 1961, Generation of random permutations of given number of elements
    using random sampling numbers, Sankhya 23; Sandelius 1962). Memory: about one bucket.

    Args:
        size: bytes of all rows as JSON, about.
        seed: of the order.
        folder: for the buckets, which are files without a name.
    """
    chance = random.Random(seed)  # noqa: S311 (an order, not a secret)
    buckets = min(_MOST_BUCKETS, 1 + size // BUCKET_BYTES)
    with ExitStack() as stack:
        files: list[BinaryIO] = [
            stack.enter_context(tempfile.TemporaryFile(dir=folder)) for _ in range(buckets)
        ]
        for row in rows:
            files[chance.randrange(buckets)].write(
                orjson.dumps(row, None, orjson.OPT_APPEND_NEWLINE)
            )
        for file in files:
            file.seek(0)
            lines = file.readlines()
            chance.shuffle(lines)
            for line in lines:
                yield orjson.loads(line)
