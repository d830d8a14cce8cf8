"""`Client`: `AsyncClient` for code that blocks: scripts, notebooks, test suites.

The asynchronous client runs in an event loop of its own, in a thread of its own, so that it also
works where a loop is running already (a notebook).
"""

import asyncio
import builtins
import threading
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TypeVar

from weighbridge.core.outcome import Status
from weighbridge.core.run import RunState
from weighbridge.core.versions import MAIN
from weighbridge.dialects.native import wire
from weighbridge.dialects.native import wire_repositories as versioned
from weighbridge.sdk.client import AsyncClient, OnProgress
from weighbridge.sdk.repositories import Data
from weighbridge.sdk.results import Comparison, Outcomes, Report

Result = TypeVar("Result")


class Client:
    """A weighbridge server.

    Args:
        base_url: its address; else `WEIGHBRIDGE_SERVER`, else `http://127.0.0.1:8080`.
        api_key: else `WEIGHBRIDGE_API_KEY`.
        max_retries: how often a request that did not get through is sent again; none is carried
            out twice.

    Use as a context manager, or `close` it.

    Attributes:
        evaluations, runs, datasets, repositories, models, scorers: what there is on the server.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        max_retries: int = 2,
    ) -> None:
        self._client = AsyncClient(base_url, api_key, max_retries=max_retries)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="weighbridge-client", daemon=True
        )
        self._thread.start()
        self.base_url = self._client.base_url
        self.evaluations = Evaluations(self)
        self.runs = Runs(self)
        self.datasets = Datasets(self)
        self.repositories = Repositories(self)
        self.models = Models(self)
        self.scorers = Scorers(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of connections. May be called twice."""
        if self._loop.is_closed():
            return
        self.wait(self._client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def me(self) -> wire.Me:
        """Who the key is: workspace and role."""
        return self.wait(self._client.me())

    @property
    def asynchronous(self) -> AsyncClient:
        """The client that does the work; what it gives must be passed to `wait`."""
        return self._client

    def wait(self, work: Awaitable[Result]) -> Result:
        """What the asynchronous work comes to; Ctrl-C cancels it."""
        future = asyncio.run_coroutine_threadsafe(_await(work), self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def each(self, items: AsyncIterator[Result]) -> Iterator[Result]:
        """The items of an asynchronous iterator, as they come."""
        with suppress(StopAsyncIteration):
            while True:
                yield self.wait(anext(items))


async def _await(work: Awaitable[Result]) -> Result:
    return await work


class Evaluations:
    """As `AsyncEvaluations`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._async = client.asynchronous.evaluations

    def create(
        self, spec: Mapping[str, Any] | None = None, /, **fields: Any
    ) -> wire.EvaluationWithRuns:
        """As `AsyncEvaluations.create`."""
        return self._client.wait(self._async.create(spec, **fields))

    def create_and_wait(
        self,
        spec: Mapping[str, Any] | None = None,
        /,
        *,
        on_progress: OnProgress | None = None,
        wait_s: float | None = None,
        **fields: Any,
    ) -> wire.EvaluationWithRuns:
        """As `AsyncEvaluations.create_and_wait`; `on_progress` is called in another thread."""
        return self._client.wait(
            self._async.create_and_wait(spec, on_progress=on_progress, wait_s=wait_s, **fields)
        )

    def get(self, evaluation_id: str) -> wire.EvaluationWithRuns:
        """One evaluation with its runs."""
        return self._client.wait(self._async.get(evaluation_id))

    def list(self) -> Iterator[wire.Evaluation]:
        """All of the workspace, newest first."""
        return self._client.each(self._async.list())


class Runs:
    """As `AsyncRuns`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._async = client.asynchronous.runs

    def get(self, run_id: str) -> wire.Run:
        """One run."""
        return self._client.wait(self._async.get(run_id))

    def list(
        self, *, evaluation: str | None = None, status: RunState | str | None = None
    ) -> Iterator[wire.Run]:
        """Those of the workspace, newest first."""
        return self._client.each(self._async.list(evaluation=evaluation, status=status))

    def wait(
        self, run_id: str, *, on_progress: OnProgress | None = None, wait_s: float | None = None
    ) -> wire.Run:
        """As `AsyncRuns.wait`."""
        return self._client.wait(self._async.wait(run_id, on_progress=on_progress, wait_s=wait_s))

    def follow(self, run_id: str) -> Iterator[wire.Run]:
        """The run now, and again whenever it has changed, until it has ended."""
        return self._client.each(self._async.follow(run_id))

    def cancel(self, run_id: str) -> wire.Run:
        """Stop it; what was done is kept."""
        return self._client.wait(self._async.cancel(run_id))

    def resume(self, run_id: str) -> wire.Run:
        """Go on with one that failed or was cancelled."""
        return self._client.wait(self._async.resume(run_id))

    def retry_failed(self, run_id: str) -> wire.Run:
        """Ask the failed cases of an ended run again."""
        return self._client.wait(self._async.retry_failed(run_id))

    def reproduce(self, run_id: str) -> wire.Reproduction:
        """Queue a run that does the same again."""
        return self._client.wait(self._async.reproduce(run_id))

    def delivery(self, run_id: str) -> versioned.ColumnDelivery:
        """As `AsyncRuns.delivery`."""
        return self._client.wait(self._async.delivery(run_id))

    def commit_delivery(
        self, run_id: str, *, branch: str | None = None, message: str | None = None
    ) -> versioned.ColumnDelivery:
        """As `AsyncRuns.commit_delivery`."""
        return self._client.wait(
            self._async.commit_delivery(run_id, branch=branch, message=message)
        )

    def compare(
        self,
        *run_ids: str,
        scorers: Sequence[str] = (),
        level: float = 0.95,
    ) -> Comparison:
        """As `AsyncRuns.compare`."""
        return self._client.wait(self._async.compare(*run_ids, scorers=scorers, level=level))

    def flips(self, a: str, b: str, scorer: str, *, direction: str = "all") -> Iterator[wire.Flip]:
        """As `AsyncRuns.flips`."""
        return self._client.each(self._async.flips(a, b, scorer, direction=direction))

    def report(self, run_id: str) -> Report:
        """What it came to, or has come to so far."""
        return self._client.wait(self._async.report(run_id))

    def outcomes(self, run_id: str, *, status: Status | None = None) -> Outcomes:
        """Its outcomes: iterate over them, or call `to_pandas` or `to_polars`."""
        return Outcomes(self._async.outcomes(run_id, status=status), self._client.wait)

    def export(self, run_id: str, path: Path | str, file_format: str = "jsonl") -> Path:
        """Its outcomes as a file (`jsonl`, `csv` or `parquet`)."""
        return self._client.wait(self._async.export(run_id, path, file_format))


class Datasets:
    """As `AsyncDatasets`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._async = client.asynchronous.datasets

    def upload(self, data: Any, *, name: str | None = None) -> wire.Dataset:
        """As `AsyncDatasets.upload`."""
        return self._client.wait(self._async.upload(data, name=name))

    def get(self, dataset_id: str) -> wire.Dataset:
        """One version."""
        return self._client.wait(self._async.get(dataset_id))

    def list(self, *, name: str | None = None, tag: str | None = None) -> Iterator[wire.Dataset]:
        """Versions, newest first."""
        return self._client.each(self._async.list(name=name, tag=tag))

    def rows(self, dataset_id: str) -> Iterator[dict[str, Any]]:
        """The rows of a version, in order."""
        return self._client.each(self._async.rows(dataset_id))

    def tag(self, dataset_id: str, tag: str) -> wire.Dataset:
        """Give a version a tag; it moves here if another version had it."""
        return self._client.wait(self._async.tag(dataset_id, tag))


class Repositories:
    """As `AsyncRepositories`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._async = client.asynchronous.repositories

    def create(self, address: str, *, description: str | None = None) -> versioned.Repository:
        """As `AsyncRepositories.create`."""
        return self._client.wait(self._async.create(address, description=description))

    def list(self, *, namespace: str | None = None) -> Iterator[versioned.Repository]:
        """Those of the workspace, by address."""
        return self._client.each(self._async.list(namespace=namespace))

    def get(self, address: str) -> versioned.Repository:
        """One repository."""
        return self._client.wait(self._async.get(address))

    def delete(self, address: str) -> None:
        """Remove one with everything in it."""
        self._client.wait(self._async.delete(address))

    def branches(self, address: str) -> builtins.list[versioned.Branch]:
        """All branches, by name."""
        return self._client.wait(self._async.branches(address))

    def create_branch(self, address: str, name: str, *, revision: str = MAIN) -> versioned.Branch:
        """As `AsyncRepositories.create_branch`."""
        return self._client.wait(self._async.create_branch(address, name, revision=revision))

    def delete_branch(self, address: str, name: str) -> None:
        """Remove a branch, but not the last one."""
        self._client.wait(self._async.delete_branch(address, name))

    def log(
        self, address: str, *, revision: str = MAIN, path: str | None = None
    ) -> Iterator[versioned.Commit]:
        """As `AsyncRepositories.log`."""
        return self._client.each(self._async.log(address, revision=revision, path=path))

    def entries(
        self, address: str, path: str = "", *, revision: str = MAIN, recursive: bool = False
    ) -> Iterator[versioned.Entry]:
        """As `AsyncRepositories.entries`."""
        found = self._async.entries(address, path, revision=revision, recursive=recursive)
        return self._client.each(found)

    def read(self, address: str, path: str, *, revision: str = MAIN) -> bytes:
        """The bytes of a file."""
        return self._client.wait(self._async.read(address, path, revision=revision))

    def stream(self, address: str, path: str, *, revision: str = MAIN) -> Iterator[bytes]:
        """The bytes of a file, piece by piece."""
        return self._client.each(self._async.stream(address, path, revision=revision))

    def download(
        self, address: str, path: str, target: Path | str, *, revision: str = MAIN
    ) -> Path:
        """A file, streamed to `target`, which is not there before it is whole."""
        return self._client.wait(self._async.download(address, path, target, revision=revision))

    def put(
        self,
        address: str,
        path: str,
        data: Data,
        *,
        branch: str = MAIN,
        message: str | None = None,
        expected: str | None = None,
    ) -> versioned.Committed:
        """As `AsyncRepositories.put`."""
        work = self._async.put(
            address, path, data, branch=branch, message=message, expected=expected
        )
        return self._client.wait(work)

    def commit(
        self,
        address: str,
        files: Mapping[str, Data],
        *,
        branch: str = MAIN,
        message: str | None = None,
        expected: str | None = None,
    ) -> versioned.Committed:
        """As `AsyncRepositories.commit`."""
        work = self._async.commit(address, files, branch=branch, message=message, expected=expected)
        return self._client.wait(work)

    def remove(
        self,
        address: str,
        path: str,
        *,
        branch: str = MAIN,
        message: str | None = None,
        expected: str | None = None,
    ) -> versioned.Committed:
        """As `AsyncRepositories.remove`."""
        work = self._async.remove(address, path, branch=branch, message=message, expected=expected)
        return self._client.wait(work)

    def changes(
        self, address: str, base: str, head: str, *, path: str = ""
    ) -> Iterator[versioned.FileChange]:
        """The files that differ between two revisions, by path."""
        return self._client.each(self._async.changes(address, base, head, path=path))

    def difference(
        self,
        address: str,
        base: str,
        head: str,
        path: str,
        *,
        keys: Sequence[str] = (),
        start: int = 0,
        limit: int = 100,
    ) -> versioned.FileDifference:
        """As `AsyncRepositories.difference`."""
        return self._client.wait(
            self._async.difference(address, base, head, path, keys=keys, start=start, limit=limit)
        )

    def merge_plan(self, address: str, base: str, head: str) -> versioned.MergePlan:
        """What merging `head` into the branch `base` would do."""
        return self._client.wait(self._async.merge_plan(address, base, head))

    def merge(
        self, address: str, base: str, head: str, *, message: str | None = None
    ) -> versioned.Committed:
        """As `AsyncRepositories.merge`."""
        return self._client.wait(self._async.merge(address, base, head, message=message))


class Models:
    """As `AsyncModels`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def list(self) -> list[wire.Model]:
        """All of them, with what is missing where one cannot be used."""
        return self._client.wait(self._client.asynchronous.models.list())


class Scorers:
    """As `AsyncScorers`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def list(self) -> list[wire.Scorer]:
        """All of them, with a JSON schema for each option."""
        return self._client.wait(self._client.asynchronous.scorers.list())
