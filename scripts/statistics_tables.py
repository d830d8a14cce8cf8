"""Print the tables of docs/statistics.md: how often intervals hold the truth and tests err.

python scripts/statistics_tables.py [TABLE…]: all by default, which takes about an hour.
Tables that say `exact` add up the chances of all that could be observed; the others are simulations
with a fixed seed.
"""

import argparse
import math
import time
from collections.abc import Callable, Iterable
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import betaln

from weighbridge.statistics import (
    bootstrap_mean_interval,
    clustered_mean_interval,
    compare_paired,
    goodness_of_fit,
    judge_corrected_mean,
    mean_interval,
    mean_variation,
    proportion_interval,
)
from weighbridge.statistics.paired import mcnemar, paired_proportion_interval

SEED = 20240131
SIZES = (20, 100, 500, 2000)
SHARES = (0.5, 0.8, 0.9, 0.95, 0.99)
Floats = NDArray[np.float64]


def table(head: Iterable[object], rows: Iterable[Iterable[object]]) -> None:
    """Print as Markdown."""
    head = [*head]
    print("| " + " | ".join(map(str, head)) + " |")
    print("|" + " --- |" * len(head))
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |")


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


def wilson() -> None:
    """Exact: at p itself, and on average over p ± one standard error."""
    rows = []
    for n in SIZES:
        k = np.arange(n + 1)
        ends = [proportion_interval(int(x), n) for x in k]
        low, high = np.array([(i.low, i.high) for i in ends], dtype=np.float64).T

        def covered(p: float, low: Floats = low, high: Floats = high, n: int = n) -> float:
            counts = np.arange(n + 1)
            return float(stats.binom.pmf(counts, n, p)[(low <= p) & (p <= high)].sum())

        row = [f"{n:,}"]
        for p in SHARES:
            spread = math.sqrt(p * (1 - p) / n)
            near = np.linspace(max(1e-6, p - spread), min(1 - 1e-6, p + spread), 201)
            row.append(f"{percent(covered(p))} / {percent(np.mean([covered(x) for x in near]))}")
        rows.append(row)
    table(["n", *(f"p = {p}" for p in SHARES)], rows)


tango = cache(paired_proportion_interval)


def paired_interval() -> None:
    """Tango's interval, 20,000 simulated runs."""
    designs = [(0.05, 0.0), (0.1, 0.0), (0.1, 0.05), (0.3, 0.0), (0.3, 0.1), (0.05, 0.04)]
    random = np.random.default_rng(SEED)
    rows = []
    for n in SIZES:
        row = [f"{n:,}"]
        for discordance, difference in designs:
            shares = [(discordance - difference) / 2, (discordance + difference) / 2]
            tables, times = np.unique(
                random.multinomial(n, [*shares, 1 - discordance], 20_000),
                axis=0,
                return_counts=True,
            )
            ends = [tango(int(a), int(b), n) for a, b, _ in tables]
            holds = [(i.low or -1) <= difference <= (i.high or -1) for i in ends]
            row.append(percent(float(np.average(holds, weights=times))))
        rows.append(row)
    table(["n", *(f"differ {d}, by {x}" for d, x in designs)], rows)


def mcnemar_errors() -> None:
    """Exact: chance that the test finds a difference where none is (mid-p / exact)."""
    shares = (0.02, 0.05, 0.1, 0.2, 0.4)
    rejected = {
        mid_p: np.array([_rejected(d, mid_p) for d in range(1200)]) for mid_p in (True, False)
    }
    rows = []
    for n in SIZES:
        row = [f"{n:,}"]
        for share in shares:
            discordant = np.arange(min(n + 1, 1200))
            chance = stats.binom.pmf(discordant, n, share)
            row.append(
                " / ".join(
                    percent(float((chance * rejected[mid_p][: len(chance)]).sum()))
                    for mid_p in (True, False)
                )
            )
        rows.append(row)
    table(["n", *(f"{percent(s)} % of cases differ" for s in shares)], rows)


def _rejected(discordant: int, mid_p: bool) -> float:
    """Chance of p ≤ 0.05 for so many fair coins: by the first count that is not significant."""
    first, last = 0, discordant // 2
    while first < last:
        middle = (first + last) // 2
        if mcnemar(middle, discordant - middle, mid_p=mid_p) <= 0.05:
            first = middle + 1
        else:
            last = middle
    if first > 0 and mcnemar(first - 1, discordant - first + 1, mid_p=mid_p) > 0.05:
        first -= 1
    return float(min(1.0, 2 * stats.binom.cdf(first - 1, discordant, 0.5)))


def scores(kind: str, random: np.random.Generator, n: int) -> tuple[Floats, float]:
    """n scores of that kind, and their true mean."""
    if kind == "normal":
        return random.normal(0.6, 0.1, n), 0.6
    if kind == "graded, skewed":
        return random.beta(4, 1, n), 0.8
    if kind == "rubric of 1 to 5":
        shares = np.array([0.05, 0.05, 0.1, 0.3, 0.5])
        return random.choice(5, n, p=shares) / 4, float((np.arange(5) / 4 * shares).sum())
    if kind == "seconds, long tail":
        return random.lognormal(0, 1, n), math.exp(0.5)
    raise ValueError(kind)


KINDS = ("normal", "graded, skewed", "rubric of 1 to 5", "seconds, long tail")


def means() -> None:
    """t / bootstrap t: 4,000 and 500 simulated runs; of the bootstrap only up to n = 100."""
    rows = []
    for n in SIZES:
        row = [f"{n:,}"]
        for kind in KINDS:
            random = np.random.default_rng(SEED + n)
            t = boot = 0
            bootstraps = 500 if n < 500 else 0
            for i in range(4000):
                values, truth = scores(kind, random, n)
                found = mean_interval(values.mean(), values.std(ddof=1), n)
                t += (found.low or -9) <= truth <= (found.high or -9)
                if i < bootstraps:
                    found = bootstrap_mean_interval(values, seed=i)
                    boot += (found.low or -9) <= truth <= (found.high or -9)
            row.append(
                percent(t / 4000) + (f" / {percent(boot / bootstraps)}" if bootstraps else "")
            )
        rows.append(row)
    table(["n", *KINDS], rows)


def differences(kind: str, random: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """Scores of two runs on the same cases that do not differ on average."""
    if kind == "graded, few differ":
        a = random.beta(4, 1, n)
        return a, np.where(random.random(n) < 0.1, random.beta(4, 1, n), a)
    if kind == "rubric of 1 to 5":
        return scores(kind, random, n)[0], scores(kind, random, n)[0]
    a = random.beta(4, 1, n)
    if kind == "graded":
        return a, np.clip(a, 0, 1) + random.normal(0, 0.1, n)
    # A few cases gain much, most lose a little: the differences are skewed, their mean is 0.
    return a, a + random.lognormal(0, 1, n) - math.exp(0.5)


def paired_means() -> None:
    """What `compare_paired` does with graded scores: interval holds the truth / test errs; 4,000
    simulated runs (200 of the last kind)."""
    kinds = ("graded", "graded, few differ", "rubric of 1 to 5", "skewed differences")
    rows = []
    for n in SIZES:
        row = [f"{n:,}"]
        for kind in kinds:
            random = np.random.default_rng(SEED + n)
            rounds = 200 if kind == "skewed differences" else 4000
            holds = errs = 0
            for i in range(rounds):
                found = compare_paired(*differences(kind, random, n), seed=i)
                holds += found.low is not None and found.low <= 0 <= (found.high or -1)
                errs += found.p_value is not None and found.p_value <= 0.05
            row.append(f"{percent(holds / rounds)} / {percent(errs / rounds)}")
        rows.append(row)
    table(["n", *kinds], rows)


def clusters() -> None:
    """Of five cases each, as much alike as not: interval of a mean, 2,000 simulated runs."""
    rows = []
    for count in (5, 10, 20, 50, 200):
        random = np.random.default_rng(SEED + count)
        even = np.repeat(np.arange(count), 5)
        uneven = np.repeat(np.arange(count), 1 + np.arange(count) % 9)
        row = [count]
        for groups in (even, uneven):
            holds = 0
            for _ in range(2000):
                values = random.normal(size=count)[groups] + random.normal(size=groups.size)
                found = clustered_mean_interval(values, groups)
                holds += (found.low or -9) <= 0 <= (found.high or -9)
            row.append(percent(holds / 2000))
        rows.append(row)
    table(["clusters", "of 5 cases", "of 1 to 9 cases"], rows)


def sequential() -> None:
    """Share of 4,000 simulated runs in which the sequence, looked at after each of 10,000 cases,
    ever missed the truth / an ordinary 95 % interval did, looked at from the 30th on."""
    row = ["ever missed, %"]
    n = np.arange(1, 10_001)
    for p in SHARES:
        random = np.random.default_rng(SEED)
        missed = ordinary = 0
        one, other = 125 * p + 0.5, 125 * (1 - p) + 0.5
        for _ in range(4000):
            total = (random.random(n.size) < p).cumsum()
            evidence = betaln(one + total, other + n - total) - betaln(one, other)
            evidence -= total * math.log(p) + (n - total) * math.log1p(-p)
            missed += bool((evidence >= math.log(20)).any())
            z = np.abs(total / n - p) / np.sqrt(p * (1 - p) / n)
            ordinary += bool((z[29:] > 1.96).any())
        row.append(f"{percent(missed / 4000)} / {percent(ordinary / 4000)}")
    table(["", *(f"p = {p}" for p in SHARES)], [row])


def judge() -> None:
    """2,000 cases, 1,000 simulated runs: the interval of the corrected rate holds what people would
    have found / its half width / that of the labels alone, in points."""
    kinds = [(0.5, 0.9, 0.1), (0.8, 0.95, 0.2), (0.8, 0.99, 0.05), (0.95, 0.99, 0.2)]
    rows = []
    for labels in (30, 50, 100, 300, 1000):
        row = [f"{labels:,}"]
        for right, finds, passes in kinds:
            random = np.random.default_rng(SEED + labels)
            holds, width = 0, 0.0
            for _ in range(1000):
                human = random.random(2000) < right
                judged = random.random(2000) < np.where(human, finds, passes)
                found = judge_corrected_mean(judged, human[:labels], range(labels))
                low, high = found.low or 0.0, found.high or 0.0
                holds += low <= right <= high
                width += (high - low) / 2
            alone = 1.96 * math.sqrt(right * (1 - right) / labels)
            row.append(f"{percent(holds / 1000)} / {percent(width / 1000)} / {percent(alone)}")
        rows.append(row)
    heads = [f"{percent(r)} % right; judge passes {f} and {q}" for r, f, q in kinds]
    table(["labels", *heads], rows)


SPECS = {2: (0.6, 0.4), 3: (0.5, 0.3, 0.2), 5: (0.3, 0.25, 0.2, 0.15, 0.1)}


def made(kind: str, size: int, points: float) -> tuple[Floats, Floats]:
    """Shares of a property with so many values, as they should be and as they are."""
    asked = np.array(SPECS[size])
    off = np.zeros(size)
    if kind == "two values":
        off[0], off[-1] = -points, points
    if kind == "all values":
        down = np.arange(size) % 2 == 0
        off = points * np.where(down, -1 / down.sum(), 1 / (~down).sum())
    return asked, asked + off


def conformance() -> None:
    """Interval of the mean total variation distance, 1,000 simulated runs: holds the true distance,
    % / half width, points / the distance as computed / as corrected, points."""
    designs = [
        ("as asked", 0.0, (2,), 0.0),
        ("as asked", 0.0, (5,), 0.0),
        ("as asked", 0.0, (2, 3, 5), 0.0),
        ("as asked", 0.0, (3, 3, 3, 3, 3), 0.7),
        ("all values", 0.2, (3, 3, 3), 0.0),
        ("all values", 0.15, (2, 3, 5), 0.0),
        ("all values", 0.1, (5, 5, 5, 5, 5), 0.0),
        ("two values", 0.15, (2,), 0.0),
        ("two values", 0.15, (2, 3, 5), 0.0),
        ("two values", 0.15, (2, 3, 5), 0.7),
        ("two values", 0.15, (5, 5, 5, 5, 5), 0.0),
    ]
    rows = []
    for kind, points, sizes, together in designs:
        shares = [made(kind, size, points) for size in sizes]
        truth = float(np.mean([np.abs(p - q).sum() / 2 for q, p in shares]))
        row = [f"{kind}, {', '.join(map(str, sizes))}" + (" together" if together else "")]
        row.append(percent(truth))
        for n in (50, 200, 1000):
            random, found = np.random.default_rng(SEED + n), []
            for seed in range(1000):
                luck = random.random((len(sizes), n))
                luck = np.where(random.random(luck.shape) < together, luck[0], luck)
                seen = [
                    np.searchsorted(np.cumsum(p)[:-1], own)
                    for (_, p), own in zip(shares, luck, strict=True)
                ]
                one = mean_variation(seen, [q for q, _ in shares], seed=seed)
                found.append((one.low, one.high, one.estimate, one.corrected))
            low, high, plain, corrected = np.array(found).T
            holds = (low <= truth + 1e-12) & (truth - 1e-12 <= high)
            half = ((high - low) / 2).mean()
            figures = (holds.mean(), half, plain.mean(), corrected.mean())
            row.append(" / ".join(map(percent, figures)))
        rows.append(row)
    table(
        ["deviates, values of each property", "true", *(f"n = {n:,}" for n in (50, 200, 1000))],
        rows,
    )


def fit() -> None:
    """Share of 4,000 simulated runs in which the test of fit rejects the shares that samples were
    drawn by, %."""
    designs = [
        (0.5, 0.5),
        (0.6, 0.4),
        (0.9, 0.1),
        (0.5, 0.3, 0.2),
        (0.3, 0.25, 0.2, 0.15, 0.1),
        (0.3, 0.25, 0.2, 0.15, 0.09, 0.01),
        (0.1,) * 10,
    ]
    rows = []
    for shares in designs:
        row = [", ".join(f"{100 * q:g}" for q in shares)]
        for n in (50, 200, 1000):
            drawn = np.random.default_rng(SEED + n).multinomial(n, shares, 4000)
            tables, times = np.unique(drawn, axis=0, return_counts=True)
            wrong = [
                (goodness_of_fit(one, shares, seed).p_value or 0) <= 0.05
                for seed, one in enumerate(tables.tolist())
            ]
            row.append(percent(float(np.average(wrong, weights=times))))
        rows.append(row)
    table(["shares, %", "n = 50", "n = 200", "n = 1,000"], rows)


TABLES: dict[str, Callable[[], None]] = {
    "wilson": wilson,
    "means": means,
    "clusters": clusters,
    "paired-interval": paired_interval,
    "mcnemar": mcnemar_errors,
    "paired-means": paired_means,
    "sequential": sequential,
    "judge": judge,
    "conformance": conformance,
    "fit": fit,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="The tables of docs/statistics.md")
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=", ".join(TABLES))
    names = parser.parse_args().tables or list(TABLES)
    unknown = set(names) - set(TABLES)
    if unknown:
        parser.error(f"no table {', '.join(sorted(unknown))}; there are: {', '.join(TABLES)}")
    for name in names:
        start = time.perf_counter()
        print(f"\n### {name}\n{TABLES[name].__doc__}\n")
        TABLES[name]()
        print(f"\n({time.perf_counter() - start:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
