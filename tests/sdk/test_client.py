"""The SDK against a real server: the whole story, and what it raises when something is wrong."""

import asyncio
import inspect
import json
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from weighbridge import AsyncClient, Client
from weighbridge.core.outcome import Status
from weighbridge.core.run import RunState
from weighbridge.errors import Conflict, Invalid, InvalidFields, NotFound, Unauthenticated
from weighbridge.sdk import blocking
from weighbridge.sdk import client as asynchronous

ROWS = [
    {"id": "fr", "country": "France", "capital": "Paris"},
    {"id": "it", "country": "Italy", "capital": "Rome"},
    {"id": "de", "country": "Germany", "capital": "Berlin"},
]
SPEC: dict[str, Any] = {
    "name": "capitals",
    "id": "id",
    "model": "parrot",
    "prompt": "What is the capital of {country}?",
    "target": "capital",
    "scorers": ["exact"],
}


def test_create_and_wait_gives_the_ended_runs_and_tells_of_progress(client: Client) -> None:
    seen = []
    done = client.evaluations.create_and_wait(SPEC, cases=ROWS, on_progress=seen.append, wait_s=60)
    (run,) = done.runs
    assert run.status is RunState.SUCCEEDED
    assert (run.progress.done, run.progress.total) == (3, 3)
    assert seen[-1].status is RunState.SUCCEEDED
    report = client.runs.report(run.id)
    metric = report.metric("exact")
    assert metric.value == pytest.approx(2 / 3)
    assert metric.low is not None
    assert metric.low < 2 / 3
    with pytest.raises(KeyError, match="scorers: exact"):
        report.metric("exakt")


def test_outcomes_come_as_objects_and_as_tables(client: Client) -> None:
    done = client.evaluations.create_and_wait(SPEC, cases=ROWS, wait_s=60)
    outcomes = client.runs.outcomes(done.runs[0].id)
    assert [outcome.case_id for outcome in outcomes] == ["fr", "it", "de"]
    assert [outcome.scores["exact"]["value"] for outcome in outcomes.to_list()] == [1, 1, 0]
    frame = outcomes.to_pandas()
    assert isinstance(frame, pd.DataFrame)
    assert list(frame["score.exact"]) == [1.0, 1.0, 0.0]
    assert list(frame["input.country"]) == ["France", "Italy", "Germany"]
    polars = outcomes.to_polars()
    assert isinstance(polars, pl.DataFrame)
    assert polars["answer"].to_list() == ["Paris", "Rome", "I do not know"]
    scored = client.runs.outcomes(done.runs[0].id, status=Status.FAILED)
    assert scored.to_list() == []


def test_more_outcomes_than_fit_on_a_page_are_all_there(client: Client) -> None:
    rows = [{"q": f"question {n}"} for n in range(1_101)]
    done = client.evaluations.create_and_wait(
        model="parrot", prompt="{q}", data=rows, concurrency=256, wait_s=60
    )
    positions = [outcome.position for outcome in client.runs.outcomes(done.runs[0].id)]
    assert positions == list(range(1_101))


@pytest.mark.parametrize("kind", ["path", "text", "rows", "pandas", "polars"])
def test_data_of_any_kind_is_uploaded(client: Client, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    data = {
        "path": path,
        "text": str(path),
        "rows": ROWS,
        "pandas": pd.DataFrame(ROWS),
        "polars": pl.DataFrame(ROWS),
    }[kind]
    done = client.evaluations.create_and_wait(SPEC, data=data, wait_s=60)
    assert done.runs[0].progress.total == 3
    kept = client.datasets.get(done.dataset_id)
    assert list(client.datasets.rows(kept.id)) == ROWS


def test_a_stored_version_is_named_instead(client: Client) -> None:
    kept = client.datasets.upload(ROWS, name="sdk capitals")
    assert client.datasets.tag(kept.id, "prod").tags == ["prod"]
    done = client.evaluations.create_and_wait(SPEC, data="sdk capitals@prod", wait_s=60)
    assert done.dataset_id == kept.id
    assert [dataset.id for dataset in client.datasets.list(name="sdk capitals")] == [kept.id]


def test_a_run_is_found_exported_and_done_again(client: Client, tmp_path: Path) -> None:
    done = client.evaluations.create_and_wait(SPEC, cases=ROWS, wait_s=60)
    run = done.runs[0]
    assert run.id in {found.id for found in client.runs.list(status="succeeded")}
    assert [found.id for found in client.runs.list(evaluation=done.id)] == [run.id]
    path = client.runs.export(run.id, tmp_path / "out.csv", "csv")
    assert len(path.read_text().splitlines()) == 4
    again = client.runs.reproduce(run.id)
    assert again.same_work
    assert client.runs.wait(again.run.id, wait_s=60).metrics == run.metrics


def test_runs_are_compared_and_what_flipped_is_listed(client: Client) -> None:
    done = client.evaluations.create_and_wait(
        {**SPEC, "model": None, "models": ["parrot", "cat"]}, cases=ROWS, wait_s=60
    )
    a, b = (run.id for run in done.runs)
    comparison = client.runs.compare(a, b)
    (difference,) = comparison.differences
    assert (difference.n, difference.scorer) == (3, "exact")
    flips = list(client.runs.flips(a, b, "exact"))
    assert len(flips) == difference.up + difference.down > 0
    (trace,) = comparison.plot().data
    assert list(trace.x) == [difference.difference]
    assert trace.marker.symbol == ("circle-open",)
    with pytest.raises(Invalid, match="scorer"):
        client.runs.compare(a, b, scorers=["f1"])


def test_what_the_server_refuses_is_raised_as_what_it_is(client: Client, url: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        client.evaluations.create(SPEC, cases=ROWS, epochs=0, scorers=["exakt"])
    assert {problem.field for problem in refused.value.problems} == {"epochs", "scorers.0"}
    with pytest.raises(NotFound):
        client.runs.get("run_" + "0" * 26)
    with pytest.raises(Invalid, match="not int"):
        client.datasets.upload(3)
    with pytest.raises(Invalid, match="cannot read"):
        client.datasets.upload("nowhere.csv")
    done = client.evaluations.create_and_wait(SPEC, cases=ROWS, wait_s=60)
    with pytest.raises(Conflict, match="nothing is missing"):
        client.runs.resume(done.runs[0].id)
    with Client(url, "wrong") as stranger, pytest.raises(Unauthenticated):
        stranger.me()
    with pytest.raises(Invalid, match="address of a server"), Client("ftp://x") as nowhere:
        nowhere.me()


def test_waiting_has_a_limit_and_the_run_goes_on(client: Client) -> None:
    slow = {"cases": [{"q": f"slow {n}"} for n in range(30)], "model": "parrot", "prompt": "{q}"}
    with pytest.raises(TimeoutError):
        client.evaluations.create_and_wait(slow, concurrency=1, wait_s=0.5)
    run = next(client.runs.list())
    assert client.runs.cancel(run.id).status is RunState.CANCELLED
    assert client.runs.resume(run.id).status in {RunState.QUEUED, RunState.RUNNING}
    assert client.runs.wait(run.id, wait_s=60).status is RunState.SUCCEEDED


def test_models_and_scorers_are_listed(client: Client) -> None:
    assert "parrot" in {model.name for model in client.models.list()}
    assert "exact" in {scorer.name for scorer in client.scorers.list()}
    assert client.me().role == "admin"


async def test_the_asynchronous_client_tells_the_same_story(async_client: AsyncClient) -> None:
    done = await async_client.evaluations.create_and_wait(SPEC, cases=ROWS, wait_s=60)
    report, frame = await asyncio.gather(
        async_client.runs.report(done.runs[0].id),
        async_client.runs.outcomes(done.runs[0].id).to_pandas(),
    )
    assert report.metric("exact").n_scored == len(frame) == 3
    outcomes = [outcome.answer async for outcome in async_client.runs.outcomes(done.runs[0].id)]
    assert outcomes == ["Paris", "Rome", "I do not know"]
    assert done.id in [found.id async for found in async_client.evaluations.list()]


async def test_the_blocking_client_works_inside_a_running_loop(url: str) -> None:
    with Client(url, "the-operators-own-key") as client:
        assert client.me().role == "admin"


@pytest.mark.parametrize(
    "resource", ["Evaluations", "Runs", "Datasets", "Repositories", "Models", "Scorers"]
)
def test_both_clients_have_the_same_methods_with_the_same_arguments(resource: str) -> None:
    theirs = getattr(asynchronous, f"Async{resource}")
    ours = getattr(blocking, resource)
    for name, method in inspect.getmembers(ours, inspect.isfunction):
        if not name.startswith("_"):
            wanted = inspect.signature(getattr(theirs, name)).parameters
            assert list(inspect.signature(method).parameters) == list(wanted), name
    public = {name for name in vars(theirs) if not name.startswith("_")} - {"reference_to"}
    assert public == {name for name in vars(ours) if not name.startswith("_")}
