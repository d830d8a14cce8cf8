"""Pages over 100,000 outcomes beside those over 1,000: how long until the first byte comes.

The runs are made of answers handed in, through the server's own API, so that the server does with
them what it does with any. Three ways of looking at a comparison:

- warm: it was looked at before;
- cold: the server has just started, and has compared two other small runs (what any first
  comparison loads, scipy above all, takes a second whatever the runs);
- from rows: the same, and the files are gone in which the scores of large runs are kept.
"""

import json
import random
import re
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from benchmarks.harness import spread
from benchmarks.serving import KEY, Server, json_of, serving

FEW, MANY = 1_000, 100_000
_OTHERS = 60
_LOOKS = 15
_STARTS = 5
_OURS = Path(__file__).parents[1] / "src/weighbridge/web/static"
_MOST_SCRIPT = 30_000
_MOST_ROWS = 200
_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class _Page:
    """A page as it came.

    Attributes:
        first_s: seconds from asking to its first byte. size: in bytes. rows: of its tables.
    """

    first_s: float
    size: int
    rows: int


def pages(folder: Path) -> None:
    """First bytes, sizes, rows, and how much JavaScript of ours there is."""
    data = folder / "pages"
    with _site(data) as (server, client):
        began = time.perf_counter()
        runs = {count: _two_runs(client, count) for count in (_OTHERS, FEW, MANY)}
        print(
            f"pages       first bytes over {MANY:,} outcomes against those over {FEW:,}, by two "
            f"scorers; handed in, scored and stored in {time.perf_counter() - began:.0f} s"
        )
        compare = {count: _address(ids) for count, ids in runs.items()}
        _warm(client, "run", {count: f"/runs/{ids[0]}" for count, ids in runs.items()})
        _warm(client, "compare", compare)
        for mode in ("different", "regressions", "failures"):
            paths = {count: f"{path}&mode={mode}" for count, path in compare.items()}
            _warm(client, f"compare, {mode}", paths)
        paths = {count: f"{path}&scorer=f1&order=largest" for count, path in compare.items()}
        _warm(client, "compare, largest first", paths)
        paths = {count: f"{path}&q=case-99" for count, path in compare.items()}
        _warm(client, "compare, part of an id", paths)
        case = {count: path.replace("?", "/case?") for count, path in compare.items()}
        _warm(client, "case of a comparison", case)
        memory = server.memory_mb()
    _cold(data, compare, "cold", forget=False)
    _cold(data, compare, "from rows", forget=True)
    script = sum(path.stat().st_size for path in _OURS.glob("*.js"))
    print(
        f"            our JavaScript: {script:,} bytes, goal: under {_MOST_SCRIPT:,}; server: "
        f"{memory:.0f} MiB after all warm pages\n"
    )


def _warm(client: httpx2.Client, what: str, paths: Mapping[int, str]) -> None:
    """The same page of few and of many by turns, so that both have the same weather."""
    found: dict[int, list[_Page]] = {FEW: [], MANY: []}
    for _ in range(_LOOKS + 1):
        for count, looks in found.items():
            looks.append(_look(client, paths[count]))
    _tell(what, {count: looks[1:] for count, looks in found.items()})


def _cold(data: Path, compare: Mapping[int, str], how: str, *, forget: bool) -> None:
    """The first look at a comparison by a server that has just started."""
    found: dict[int, list[_Page]] = {FEW: [], MANY: []}
    for _ in range(_STARTS):
        for count, looks in found.items():
            if forget:
                for path in (data / "data" / "blobs" / "scores").glob("*"):
                    path.unlink()
            with _site(data) as (_, client):
                _look(client, compare[_OTHERS])
                looks.append(_look(client, compare[count]))
    _tell(f"compare, {how}", found)


def _tell(what: str, found: Mapping[int, list[_Page]]) -> None:
    few, many = ([page.first_s for page in found[count]] for count in (FEW, MANY))
    largest = max(found[MANY], key=lambda page: page.size)
    if largest.rows > _MOST_ROWS:
        raise SystemExit(f"{what} has {largest.rows} rows")
    ratios = [one / other for one, other in zip(many, few, strict=True)]
    print(
        f"            {what:<24} {spread(ratios):<24} goal: under 10; "
        f"{statistics.median(many) * 1e3:.0f} against {statistics.median(few) * 1e3:.0f} ms, "
        f"{largest.size / 1024:.0f} KiB, {largest.rows} rows"
    )


@contextmanager
def _site(folder: Path) -> Iterator[tuple[Server, httpx2.Client]]:
    with (
        serving(folder, "", WEIGHBRIDGE_LOGIN="false", WEIGHBRIDGE_MAX_BODY_MB="64") as server,
        httpx2.Client(
            base_url=server.url,
            headers={"Accept": "text/html", "Authorization": f"Bearer {KEY}"},
            timeout=300,
        ) as client,
    ):
        yield server, client


def _look(client: httpx2.Client, path: str) -> _Page:
    began = time.perf_counter()
    with client.stream("GET", path) as answer:
        pieces = answer.iter_raw()
        body = next(pieces)
        first = time.perf_counter() - began
        body += b"".join(pieces)
    if answer.status_code != 200:
        raise SystemExit(f"{path}: {answer.status_code}: {body[:2_000]!r}")
    return _Page(first, len(body), len(re.findall(rb"<tr[ >]", body)))


def _address(run_ids: list[str]) -> str:
    return "/compare?" + "&".join(f"run={run_id}" for run_id in run_ids)


def _two_runs(client: httpx2.Client, count: int) -> list[str]:
    """Two runs over the same so many rows, right in some 80 and 81 of 100; their ids."""
    chance = random.Random(count)
    lines = []
    for number in range(count):
        words = f"answer number {number} of so many words that some may be wrong"
        hard = chance.random()
        row = {"id": f"case-{number}", "q": f"What is number {number}?", "a": words}
        for column, right in (("one", 0.8), ("other", 0.81)):
            correct = 0.7 * hard + 0.3 * chance.random() < 0.7 * right + 0.07
            row[column] = words if correct else words.replace("many", "few", chance.randrange(2))
            row[column] += "" if correct else " again" * (1 + chance.randrange(5))
        lines.append(json.dumps(row))
    body = "\n".join(lines).encode()
    sent = client.post("/api/v1/datasets", files={"file": (f"{count}.jsonl", body)})
    made = json_of(sent)["id"]
    ids = []
    for column in ("one", "other"):
        spec = {
            "name": f"{count} by {column}", "data": made, "id": "id", "target": "a",
            "answers": {"column": column}, "model": column, "scorers": ["exact", "f1"],
        }  # fmt: skip
        [run] = json_of(client.post("/api/v1/evaluations", json=spec))["runs"]
        ids.append(run["id"])
    for run_id in ids:
        while True:
            run = json_of(client.get(f"/api/v1/runs/{run_id}"))
            if run["status"] in {"succeeded", "failed", "cancelled"}:
                break
            time.sleep(_POLL_S)
        if run["status"] != "succeeded" or run["metrics"][0]["n_scored"] != count:
            raise SystemExit(f"the run is not what it should be: {run}")
    return ids
