"""Evaluations of generated samples through a server and DataFramer's API, beside an evaluation of
the foundation with as many calls."""

import random
import statistics
import time
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.harness import CONCURRENCY, Endpoint, endpoint, spread
from benchmarks.serving import KEY, declared, json_of, serving

ROUNDS = 15  # the queue takes a run up after 0 to 0.3 s, a third of what is measured
SAMPLES = 2_000
MANY = 20_000
_PROPERTIES = 5
_VALUES = 4
_SEEDS = 200
_POLL_S = 0.05
_DEFAULTS = """
[defaults]
judge = "mock"
"""


def conformance(folder: Path) -> None:
    """Both figures."""
    with (
        endpoint() as other,
        serving(folder / "conformance", declared(other.url, "mock") + _DEFAULTS) as server,
        httpx2.Client(
            base_url=server.url, headers={"Authorization": f"Bearer {KEY}"}, timeout=300
        ) as client,
    ):
        spec = _spec(client)
        run = _run(client, spec, SAMPLES)
        other.configure()
        _evaluated(client, run, SAMPLES)  # what is loaded on first use is loaded
        _foundation(client, SAMPLES)
        ours, theirs = [], []
        for round_ in range(ROUNDS):
            # Whatever comes later finds a larger database.
            for whole in (True, False) if round_ % 2 else (False, True):
                other.configure()
                took = _evaluated(client, run, SAMPLES) if whole else _foundation(client, SAMPLES)
                (ours if whole else theirs).append(took)
                _check(other, SAMPLES)
        ratios = [one / single for one, single in zip(ours, theirs, strict=True)]
        print(
            f"conformance {spread(ratios):<24} goal: at most 1.5\n"
            f"            seconds of {SAMPLES:,} samples evaluated for {_PROPERTIES} properties\n"
            f"            over those of an evaluation with as many calls ({SAMPLES:,})\n"
            f"            {statistics.median(ours):.2f} s against {statistics.median(theirs):.2f} s"
        )
        many = _run(client, spec, MANY)
        before = server.memory_mb()
        other.configure()
        took = _evaluated(client, many, MANY)
        print(
            f"            {MANY:,} samples: {took:.1f} s; server: {before:.0f} MiB before, "
            f"{server.memory_mb():.0f} afterwards, {server.memory_mb(peak=True):.0f} at most\n"
        )


def _spec(client: httpx2.Client) -> str:
    """The id of a spec with five properties, each a column of the seeds."""
    lot = random.Random(1)
    names = [f"property_{number}" for number in range(_PROPERTIES)]
    values = [f"value-{number}" for number in range(_VALUES)]
    lines = [",".join((*names, "note"))]
    for _ in range(_SEEDS):
        note = " ".join(f"word{lot.randrange(900)}" for _ in range(12))
        lines.append(",".join((*(lot.choice(values) for _ in names), note)))
    made = json_of(
        client.post(
            "/api/dataframer/seed-datasets/create/",
            data={"name": "seeds", "dataset_type": "SINGLE_FILE"},
            files=[("files", ("seeds.csv", "\n".join(lines).encode()))],
        )
    )
    asked = {"name": "spec", "dataset_id": made["id"]}
    spec = json_of(client.post("/api/dataframer/specs/", json=asked))
    _ended(client, f"/api/dataframer/specs/{spec['id']}/")
    properties = "".join(
        f"    - property_name: {name}\n      property_values: [{', '.join(values)}]\n"
        for name in names
    )
    text = f"spec:\n  description: A row.\n  data_property_variations:\n{properties}"
    path = f"/api/dataframer/specs/{spec['id']}/"
    return str(json_of(client.put(path, json={"content_yaml": text}))["id"])


def _run(client: httpx2.Client, spec: str, samples: int) -> str:
    """The id of a run with so many samples."""
    asked = {"spec_id": spec, "number_of_samples": samples}
    run = json_of(client.post("/api/dataframer/runs/", json=asked))
    _ended(client, f"/api/dataframer/runs/{run['id']}/")
    return str(run["id"])


def _evaluated(client: httpx2.Client, run: str, samples: int) -> float:
    """Seconds of an evaluation of a run, from the request to all that it has found."""
    began = time.perf_counter()
    made = json_of(client.post("/api/dataframer/evaluations/", json={"run_id": run}))
    found = _ended(client, f"/api/dataframer/evaluations/{made['id']}/")
    took = time.perf_counter() - began
    analysis = found["distribution_analysis"]
    read = {it["total_samples_analyzed"] for it in analysis}
    if len(analysis) != _PROPERTIES or read != {samples}:
        raise SystemExit(f"the evaluation is not what it should be: {analysis}")
    if len(found["sample_classifications"]) != samples:
        raise SystemExit(f"{len(found['sample_classifications'])} samples are told")
    return took


def _foundation(client: httpx2.Client, count: int) -> float:
    """Seconds of one evaluation with so many calls, from the request to its end."""
    labels = [f"label-{number:07d}" for number in range(count)]
    asked = {
        "name": "as many calls",
        "cases": [{"question": f"[[{label}]]", "answer": label} for label in labels],
        "model": "mock",
        "prompt": "Repeat: {question}",
        "target": "answer",
        "scorers": ["exact"],
        "concurrency": CONCURRENCY,
    }
    began = time.perf_counter()
    [run] = json_of(client.post("/api/v1/evaluations", json=asked))["runs"]
    run = _ended(client, f"/api/v1/runs/{run['id']}")
    took = time.perf_counter() - began
    [metric] = run["metrics"]
    if metric["value"] != 1.0 or metric["n_scored"] != count:
        raise SystemExit(f"the run is not what it should be: {metric}")
    return took


def _check(other: Endpoint, calls: int) -> None:
    if other.stats()["requests"] != calls:
        raise SystemExit(f"the endpoint was asked something else: {other.stats()}")


def _ended(client: httpx2.Client, path: str) -> dict[str, Any]:
    """What is there once it has ended."""
    while True:
        found = json_of(client.get(path))
        status = str(found["status"]).casefold()
        if status == "succeeded":
            return found
        if status in {"failed", "cancelled", "canceled"}:
            raise SystemExit(f"{path} came to nothing: {found}")
        time.sleep(_POLL_S)
