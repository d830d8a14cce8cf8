"""Rows that were made beside rows of the seeds."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from weighbridge.synthesis.sample_form import Column
from weighbridge.synthesis.tables import TableComparison

COLUMNS = (
    Column("id", "integer", False),
    Column("mood", "text", False),
    Column("amount", "number", True),
    Column("paid", "boolean", False),
    Column("note", "text", False),
)


def rows(n: int, seed: int, shift: float = 0.0, share: float = 0.5) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    made = []
    for number in range(n):
        calm = bool(rng.random() < share)
        made.append(
            {
                "id": number,
                "mood": "calm" if calm else "angry",
                "amount": float(rng.normal(shift + 3 * calm)),
                "paid": calm,
                "note": " ".join(f"w{it}" for it in rng.integers(0, 999, rng.integers(5, 30))),
            }
        )
    return made


def compared(seeds: list[dict[str, Any]], samples: list[dict[str, Any]]) -> dict[str, Any]:
    comparison = TableComparison(COLUMNS, seeds)
    for row in samples:
        comparison.add(row)
    found: dict[str, Any] = dict(comparison.finish())
    found["by_name"] = {it["column"]: it for it in found["columns"]}
    return found


def test_columns_are_compared_by_what_they_hold() -> None:
    found = compared(rows(200, 1), rows(300, 2))
    assert {name: it["kind"] for name, it in found["by_name"].items()} == {
        "mood": "values",
        "amount": "number",
        "paid": "values",
        "note": "length",
    }
    assert found["keys"] == ["id"]
    assert (found["seeds"], found["samples"]) == (200, 300)


def test_rows_of_the_same_kind_are_no_further_than_chance_makes_them() -> None:
    found = compared(rows(400, 1), rows(400, 2))
    for one in found["columns"]:
        assert one["distance"] < 3 * one["by_chance"]
        assert one["adjusted"] > 0.05
    assert found["pair_distance"] < 0.15


def test_what_differs_is_found() -> None:
    found = compared(rows(400, 1), rows(400, 2, shift=2.0, share=0.8))
    for name in ("mood", "amount", "paid"):
        assert found["by_name"][name]["adjusted"] < 0.001, name
    mood = {it["value"]: it for it in found["by_name"]["mood"]["shares"]}
    assert mood["calm"]["samples"] - mood["calm"]["seeds"] == pytest.approx(
        found["by_name"]["mood"]["distance"]
    )


def test_lost_relations_between_columns_are_found() -> None:
    seeds, samples = rows(400, 1), rows(400, 2)
    amounts = [row["amount"] for row in samples]
    for row, amount in zip(samples, np.random.default_rng(3).permutation(amounts), strict=True):
        row["amount"] = float(amount)
    found = compared(seeds, samples)
    worst = found["pairs"][0]
    assert "amount" in worst["columns"]
    assert worst["seeds"] > 0.6
    assert worst["samples"] < 0.2
    assert found["by_name"]["amount"]["adjusted"] > 0.05


def test_two_columns_of_numbers_hang_together_by_ranks() -> None:
    columns = (Column("a", "number", False), Column("b", "number", False))
    rng = np.random.default_rng(0)
    seeds = [{"a": float(a), "b": float(a**3)} for a in rng.normal(size=100)]
    samples = [{"a": float(a), "b": float(-a)} for a in rng.normal(size=100)]
    comparison = TableComparison(columns, seeds)
    for row in samples:
        comparison.add(row)
    [pair] = comparison.finish()["pairs"]  # type: ignore[misc, union-attr]
    assert pair["measure"] == "Spearman"
    assert (pair["seeds"], pair["samples"]) == (pytest.approx(1), pytest.approx(-1))
    assert pair["distance"] == pytest.approx(1)


def test_the_distance_of_numbers_is_the_one_of_scipy() -> None:
    seeds, samples = rows(150, 5), rows(220, 6, shift=0.4)
    one = compared(seeds, samples)["by_name"]["amount"]
    test = stats.ks_2samp(
        [row["amount"] for row in seeds], [row["amount"] for row in samples], method="exact"
    )
    assert one["distance"] == pytest.approx(test.statistic)
    assert one["p_value"] == pytest.approx(test.pvalue, rel=0.35)


def test_the_test_of_values_is_the_one_of_scipy() -> None:
    seeds, samples = rows(150, 5), rows(220, 6, share=0.6)
    one = compared(seeds, samples)["by_name"]["mood"]
    table = [
        [sum(row["mood"] == mood for row in side) for mood in ("calm", "angry")]
        for side in (seeds, samples)
    ]
    assert one["p_value"] == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue)


@pytest.mark.parametrize(("n", "m"), [(50, 200), (400, 400)])
def test_what_chance_makes_of_a_distance_is_told(n: int, m: int) -> None:
    found: dict[str, list[float]] = {"mood": [], "amount": []}
    told = {}
    for seed in range(60):
        by_name = compared(rows(n, seed), rows(m, 1_000 + seed))["by_name"]
        for name, distances in found.items():
            distances.append(by_name[name]["distance"])
            told[name] = by_name[name]["by_chance"]
    for name, distances in found.items():
        assert float(np.mean(distances)) == pytest.approx(told[name], rel=0.3), name


def test_cells_that_are_missing_are_told_and_not_compared() -> None:
    seeds, samples = rows(40, 1), rows(40, 2)
    for row in samples[:10]:
        row["amount"] = None
        row["mood"] = ""
    found = compared(seeds, samples)["by_name"]
    assert found["amount"]["missing_in_samples"] == 0.25
    assert found["mood"]["missing_in_samples"] == 0.25
    assert found["mood"]["missing_in_seeds"] == 0.0
    assert sum(it["samples"] for it in found["mood"]["shares"]) == pytest.approx(1)


def test_values_that_no_seed_has_are_told() -> None:
    samples = rows(40, 2)
    for row in samples[:10]:
        row["mood"] = "furious"
    assert compared(rows(40, 1), samples)["by_name"]["mood"]["not_in_seeds"] == 0.25


def test_of_a_handful_of_rows_nothing_is_said() -> None:
    found = compared(rows(5, 1), rows(3, 2))
    assert all(it["distance"] is None for it in found["columns"])
    assert found["pairs"] == []
    assert found["column_distance"] is None


def test_odd_cells_are_no_numbers() -> None:
    seeds = rows(20, 1)
    samples = rows(20, 2)
    odd = [True, "12", "x", [1], {"a": 1}, float("inf"), None, 10**400]
    for row, cell in zip(samples, odd, strict=False):
        row["amount"] = cell
    found = compared(seeds, samples)["by_name"]["amount"]
    assert found["missing_in_samples"] == pytest.approx(7 / 20)


def test_values_that_no_database_keeps_are_told_without_what_it_does_not() -> None:
    seeds = rows(40, 1)
    for row in seeds[:20]:
        row["mood"] = "ca\x00lm\ud800"
    shares = compared(seeds, rows(40, 2))["by_name"]["mood"]["shares"]
    assert "calm?" in {it["value"] for it in shares}
