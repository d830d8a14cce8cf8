"""Every order is as likely as any other, whatever the number of buckets."""

from collections import Counter
from itertools import permutations
from pathlib import Path

import pytest
from scipy.stats import chisquare

from weighbridge.datasets import shuffle
from weighbridge.datasets.shuffle import shuffled


def order(n: int, seed: int, folder: Path, size: int = 0) -> tuple[int, ...]:
    return tuple(row["n"] for row in shuffled(({"n": i} for i in range(n)), size, seed, folder))  # type: ignore[misc]


@pytest.mark.parametrize("buckets", [1, 3])
def test_all_orders_are_equally_likely(tmp_path: Path, buckets: int) -> None:
    size = (buckets - 1) * shuffle.BUCKET_BYTES
    found = Counter(order(4, seed, tmp_path, size) for seed in range(2_400))
    assert set(found) == set(permutations(range(4)))
    assert chisquare(list(found.values())).pvalue > 0.001


def test_the_same_seed_gives_the_same_order_and_nothing_is_lost(tmp_path: Path) -> None:
    first = order(1_000, 7, tmp_path, 5 * shuffle.BUCKET_BYTES)
    assert first == order(1_000, 7, tmp_path, 5 * shuffle.BUCKET_BYTES)
    assert first != order(1_000, 8, tmp_path, 5 * shuffle.BUCKET_BYTES)
    assert sorted(first) == list(range(1_000))
    assert list(tmp_path.iterdir()) == []
