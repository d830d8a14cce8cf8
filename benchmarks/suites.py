"""Suites of prompts through a server and Aymara's API: the whole loop beside an evaluation with as
many calls, the two waits of the client's runner, and what a run of 100,000 responses costs."""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.harness import CONCURRENCY, Endpoint, endpoint, spread
from benchmarks.serving import KEY, Server, declared, json_of, serving

ROUNDS = 5
PROMPTS = 1_000
FEW, MANY, TOGETHER = 100, 100_000, 10_000
_CALLS = PROMPTS * 13 // 10 + PROMPTS
"""Three tenths more prompts than are wanted are asked for, and a verdict on each that is."""
_LOOKS = 31
_POLL_S = 0.05
_LIMIT_S = 30
_ABOUT = "A helpful assistant of a shop for tools and paint"
_DEFAULTS = """
[defaults]
judge = "mock"
generator = "mock"
"""


def suites(folder: Path) -> None:
    """All three."""
    with endpoint() as other:
        models = declared(other.url, "mock") + _DEFAULTS
        with _api(folder / "loop", models) as api:
            _whole_loop(api, other)
            _phases(api, other)
    with _api(folder / "lists", "", WEIGHBRIDGE_MAX_BODY_MB="64") as api:
        _lists(api)


def _whole_loop(api: "_Api", other: Endpoint) -> None:
    _loop(api, PROMPTS)  # what is loaded on first use is loaded
    _evaluated(api, _CALLS)
    loops, singles = [], []
    for round_ in range(ROUNDS):
        # Whatever comes later finds a larger database.
        for whole in (True, False) if round_ % 2 else (False, True):
            other.configure()
            if whole:
                loops.append(_loop(api, PROMPTS))
            else:
                singles.append(_evaluated(api, _CALLS))
            if other.stats()["requests"] != _CALLS:
                raise SystemExit(f"the endpoint was asked something else: {other.stats()}")
    ratios = [loop.total_s / single for loop, single in zip(loops, singles, strict=True)]
    total, writing, judging = (
        statistics.median(getattr(it, name) for it in loops)
        for name in ("total_s", "writing_s", "judging_s")
    )
    print(
        f"suites      {spread(ratios):<24} goal: at most 3\n"
        f"            seconds of {PROMPTS:,} prompts written, listed, answered, judged and listed\n"
        f"            over those of one evaluation with as many calls ({_CALLS:,})\n"
        f"            {total:.2f} s (written after {writing:.2f}, judged after {judging:.2f}) "
        f"against {statistics.median(singles):.2f} s\n"
    )


def _phases(api: "_Api", other: Endpoint) -> None:
    loops = []
    for _ in range(3):
        other.configure(latency_ms=1_000)
        loops.append(_loop(api, FEW))
    writing = [it.writing_s for it in loops]
    judging = [it.judging_s for it in loops]
    print(
        f"phases      {max(*writing, *judging) / _LIMIT_S:<24.3f} goal: under 1\n"
        f"            the longest wait for {FEW} prompts at 1 s a call over the {_LIMIT_S} s that "
        "the client's runner waits\n"
        f"            written after {spread(writing)} s, judged after {spread(judging)} s\n"
    )


def _lists(api: "_Api") -> None:
    empty = api.server.memory_mb()
    small = _handed_in(api, FEW)
    before = api.server.memory_mb()
    began = time.perf_counter()
    large = _handed_in(api, MANY)
    filled = time.perf_counter() - began
    after, peak = api.server.memory_mb(), api.server.memory_mb(peak=True)
    print(
        f"lists       {MANY:,} prompts and responses: handed in and judged in {filled:.0f} s "
        f"({large.prompts_s:.2f} s for {TOGETHER:,} prompts, {large.responses_s:.2f} s for "
        f"{TOGETHER:,} responses)\n"
        f"            server: {empty:.0f} MiB at first, {before:.0f} with {FEW} of each, "
        f"{after:.0f} afterwards, {peak:.0f} at most"
    )
    for what, path, other in (
        ("prompts", large.prompts, small.prompts),
        ("responses", large.responses, small.responses),
    ):
        for which, offset in (("first", 0), ("last", MANY - FEW)):
            ours = _median(api, path, limit=FEW, offset=offset)
            theirs = _median(api, other, limit=FEW)
            print(
                f"            {f'{which} page of {what}':<24} {ours / theirs:<6.2f} "
                f"({ours * 1e3:.1f} against {theirs * 1e3:.1f} ms)  goal: under 20"
            )
    ours, theirs = _median(api, large.run), _median(api, small.run)
    print(
        f"            {'the run itself':<24} {ours / theirs:<6.2f} "
        f"({ours * 1e3:.1f} against {theirs * 1e3:.1f} ms)"
    )
    began = time.perf_counter()
    for path in (large.prompts, large.responses):
        for start in range(0, MANY, TOGETHER):
            found = api.get(path, limit=TOGETHER, offset=start)
            if len(found["items"]) != TOGETHER or found["count"] != MANY:
                raise SystemExit(f"{len(found['items'])} at {start}, {found['count']} in all")
    print(
        f"            both read whole, {TOGETHER:,} a page: {time.perf_counter() - began:.1f} s; "
        f"server: {api.server.memory_mb():.0f} MiB, {api.server.memory_mb(peak=True):.0f} at "
        "most\n"
    )


@dataclass(frozen=True, slots=True)
class _Loop:
    """Seconds that a loop took, and those of its two waits."""

    total_s: float
    writing_s: float
    judging_s: float


class _Api:
    """The APIs of a server, as clients use them."""

    def __init__(self, client: httpx2.Client, server: Server) -> None:
        self._client = client
        self.server = server

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        return json_of(self._client.get(path, params=query))

    def send(self, method: str, path: str, body: object) -> dict[str, Any]:
        return json_of(self._client.request(method, path, json=body))

    def ended(self, path: str) -> dict[str, Any]:
        """What is there once it is finished."""
        while True:
            found = self.get(path)
            if found["status"] in {"finished", "succeeded"}:
                return found
            if found["status"] in {"failed", "cancelled"}:
                raise SystemExit(f"{path} came to nothing: {found}")
            time.sleep(_POLL_S)


@contextmanager
def _api(folder: Path, models: str, **environment: str) -> Iterator[_Api]:
    headers = {"x-api-key": KEY, "Authorization": f"Bearer {KEY}"}
    with (
        serving(folder, models, **environment) as server,
        httpx2.Client(base_url=server.url, headers=headers, timeout=300) as client,
    ):
        yield _Api(client, server)


@dataclass(frozen=True, slots=True)
class _HandedIn:
    """Paths of what was handed in, and the median seconds of a call that hands in.

    Attributes:
        responses_s: until the server has them; they are judged afterwards.
    """

    prompts: str
    run: str
    responses: str
    prompts_s: float
    responses_s: float


def _handed_in(api: _Api, count: int) -> _HandedIn:
    """As many prompts, each answered by a refusal: the verdict on those costs no call."""
    asked = {"ai_description": _ABOUT, "eval_type": "over_refusal", "num_prompts": 1}
    made = api.ended(f"/v2/evals/{api.send('POST', '/v2/evals', asked)['eval_uuid']}")
    path = f"/v2/evals/{made['eval_uuid']}"
    added = []
    for start in range(1, count, TOGETHER):
        texts = [
            {"content": f"How do I kill process {number} of my own computer, please?"}
            for number in range(start, min(start + TOGETHER, count))
        ]
        began = time.perf_counter()
        api.send("PUT", path, {"prompt_creates": texts})
        added.append(time.perf_counter() - began)
    handed, run = [], None
    for start in range(0, count, TOGETHER):
        prompts = api.get(f"{path}/prompts", limit=TOGETHER, offset=start)["items"]
        responses = [
            {
                "prompt_uuid": it["prompt_uuid"],
                "content": f"I would rather not: {it['content']}",
                "ai_refused": True,
            }
            for it in prompts
        ]
        body = {"eval_uuid": made["eval_uuid"], "eval_run_uuid": run, "responses": responses}
        began = time.perf_counter()
        run = api.send("POST", "/v2/eval-runs", body)["eval_run_uuid"]
        handed.append(time.perf_counter() - began)
    ended = api.ended(f"/v2/eval-runs/{run}")
    if ended["num_responses_scored"] != count or ended["pass_rate"] != 0.0:
        raise SystemExit(f"the run is not what it should be: {ended}")
    return _HandedIn(
        f"{path}/prompts",
        f"/v2/eval-runs/{run}",
        f"/v2/eval-runs/{run}/responses",
        statistics.median(added),
        statistics.median(handed),
    )


def _median(api: _Api, path: str, **query: Any) -> float:
    """Median seconds of an answer."""
    took = []
    for _ in range(_LOOKS):
        began = time.perf_counter()
        api.get(path, **query)
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def _loop(api: _Api, count: int) -> _Loop:
    began = time.perf_counter()
    asked = {"ai_description": _ABOUT, "eval_type": "safety", "num_prompts": count}
    made = api.send("POST", "/v2/evals", asked)
    made = api.ended(f"/v2/evals/{made['eval_uuid']}")
    writing = time.perf_counter() - began
    prompts = api.get(f"/v2/evals/{made['eval_uuid']}/prompts", limit=count)["items"]
    answers = [
        {"prompt_uuid": it["prompt_uuid"], "content": f"We have no {it['content']}"}
        for it in prompts
    ]
    sent = time.perf_counter()
    run = api.send("POST", "/v2/eval-runs", {"eval_uuid": made["eval_uuid"], "responses": answers})
    run = api.ended(f"/v2/eval-runs/{run['eval_run_uuid']}")
    judging = time.perf_counter() - sent
    found = api.get(f"/v2/eval-runs/{run['eval_run_uuid']}/responses", limit=count)["items"]
    total = time.perf_counter() - began
    passed = sum(it["is_passed"] is True and it["confidence"] == 0.9 for it in found)
    made = api.get(f"/v2/evals/{made['eval_uuid']}", weighbridge="true")
    by_model = made["weighbridge"]["spread"]["written_by"]["model"]
    if not passed == by_model == run["num_responses_scored"] == count or run["pass_rate"] != 1.0:
        raise SystemExit(f"the loop is not what it should be: {made}, {run}, {passed} passed")
    return _Loop(total, writing, judging)


def _evaluated(api: _Api, count: int) -> float:
    """Seconds of one evaluation of the foundation, from the request to its end."""
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
    [run] = api.send("POST", "/api/v1/evaluations", asked)["runs"]
    run = api.ended(f"/api/v1/runs/{run['id']}")
    took = time.perf_counter() - began
    [metric] = run["metrics"]
    if metric["value"] != 1.0 or metric["n_scored"] != count:
        raise SystemExit(f"the run is not what it should be: {metric}")
    return took
