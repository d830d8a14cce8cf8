"""Two models over the same questions, through a server and Nugen's API, beside each alone."""

import json
import statistics
import time
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.harness import endpoint, spread
from benchmarks.serving import KEY, declared, json_of, serving

ROUNDS = 3
QUESTIONS = 10_000
_POLL_S = 0.1
# By rule, as a judge would be asked as often as the models, or weigh texts in this process.
_METRICS = {"binary_correctness": {"scorer": "exact"}, "answer_relevance": {"scorer": "f1"}}


def nugen(folder: Path) -> None:
    """10,000 questions x 2 models at latency 0: answers/s of a comparison over those of two single
    evaluations, one after the other, in the same server."""
    ratios, together, apart = [], [], []
    with endpoint() as other:
        for round_ in range(ROUNDS):
            models = declared(other.url, "one", "two")
            with (
                serving(folder / f"nugen-{round_}", models) as server,
                httpx2.Client(
                    base_url=f"{server.url}/api/v3",
                    headers={"Authorization": f"Bearer {KEY}"},
                    timeout=60,
                ) as client,
            ):
                benchmark = _uploaded(client)
                _evaluated(client, benchmark, "one")  # what is loaded on first use is loaded
                singles: list[tuple[str, ...]] = [("one",), ("two",)]
                both: list[tuple[str, ...]] = [("one", "two")]
                # Whatever comes later finds a larger database.
                order = [singles, both] if round_ % 2 else [both, singles]
                took = {}
                for evaluations in order:
                    other.configure()
                    took[len(evaluations)] = sum(
                        _evaluated(client, benchmark, *models) for models in evaluations
                    )
                    _asked_for_both(other.stats())
            together.append(2 * QUESTIONS / took[1])
            apart.append(2 * QUESTIONS / took[2])
            ratios.append(together[-1] / apart[-1])
    print(
        f"nugen       {spread(ratios):<24} goal: at least 0.9\n"
        "            answers/s of two models side by side over those of one after the other\n"
        f"            {statistics.median(together):,.0f} against {statistics.median(apart):,.0f} "
        "answers/s\n"
    )


def _uploaded(client: httpx2.Client) -> str:
    """A benchmark whose right answers are the labels that the endpoint echoes; its id."""
    labels = [f"label-{number:07d}" for number in range(QUESTIONS)]
    rows = [{"question": f"Repeat: [[{label}]]", "answer": label} for label in labels]
    answer = client.post(
        "/benchmark/upload",
        files={"file": ("questions.json", json.dumps(rows).encode())},
        data={"name": "labels", "document_id": ""},
    )
    return str(json_of(answer)["benchmark_id"])


def _evaluated(
    client: httpx2.Client, benchmark: str, model: str, other: str | None = None
) -> float:
    """Seconds from the request to READY."""
    began = time.perf_counter()
    asked = {
        "model_id": model,
        "model_id_2": other,
        "benchmark_id": benchmark,
        "custom_metrics": _METRICS,
    }
    evaluation = json_of(client.post("/evaluations", json=asked))["evaluation_id"]
    while json_of(client.get(f"/evaluations/{evaluation}/status"))["status"] == "PROCESSING":
        time.sleep(_POLL_S)
    took = time.perf_counter() - began
    found = json_of(client.get(f"/evaluations/{evaluation}/results"))
    means = {run["metrics"][0]["value"] for run in found["weighbridge"]["runs"]}
    if means != {1.0}:
        raise SystemExit(f"the evaluation is not what it should be: {found}")
    return took


def _asked_for_both(counted: dict[str, Any]) -> None:
    if counted["requests"] != 2 * QUESTIONS or counted["labels"] != QUESTIONS:
        raise SystemExit(f"the endpoint was asked something else: {counted}")
