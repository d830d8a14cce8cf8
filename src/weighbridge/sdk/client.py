"""`AsyncClient`: a weighbridge server as Python objects, for code that runs in an event loop."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import aiohttp

from weighbridge.core.outcome import Status
from weighbridge.core.run import FINISHED, RunState
from weighbridge.dialects.native import wire, wire_repositories
from weighbridge.errors import Invalid
from weighbridge.sdk.connection import Connection, open_http, quoted
from weighbridge.sdk.following import follow_run
from weighbridge.sdk.repositories import AsyncRepositories
from weighbridge.sdk.results import AsyncOutcomes, Comparison, Report, rows_of

OnProgress = Callable[[wire.Run], object]
DEFAULT_URL = "http://127.0.0.1:8080"


class AsyncClient:
    """A weighbridge server.

    Args:
        base_url: its address; else `WEIGHBRIDGE_SERVER`, else `http://127.0.0.1:8080`.
        api_key: else `WEIGHBRIDGE_API_KEY`.
        max_retries: how often a request that did not get through is sent again; none is carried
            out twice.

    Use as an async context manager, or `close` it.

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
        self.base_url = base_url or os.environ.get("WEIGHBRIDGE_SERVER") or DEFAULT_URL
        self._key = api_key or os.environ.get("WEIGHBRIDGE_API_KEY")
        self._retries = max_retries
        self._http: aiohttp.ClientSession | None = None
        self.runs = AsyncRuns(self)
        self.datasets = AsyncDatasets(self)
        self.repositories = AsyncRepositories(lambda: self.connection)
        self.evaluations = AsyncEvaluations(self)
        self.models = AsyncModels(self)
        self.scorers = AsyncScorers(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of connections. May be called twice."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def me(self) -> wire.Me:
        """Who the key is: workspace and role."""
        return wire.Me.model_validate(await self.connection.json("GET", "me"))

    @property
    def connection(self) -> Connection:
        """The HTTP below, opened when it is first needed."""
        if self._http is None or self._http.closed:
            self._http = open_http(self.base_url, self._key)
        return Connection(self._http, self.base_url, self._retries)


class AsyncEvaluations:
    """Evaluations: what is to be done.

    Args:
        client: the server.
    """

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def create(
        self, spec: Mapping[str, Any] | None = None, /, **fields: Any
    ) -> wire.EvaluationWithRuns:
        """Start an evaluation: a run for each of its models, queued.

        Args:
            spec: its fields, as in an evaluation file; `fields` come on top. `data` may also be a
                path, a pandas or polars data frame, or a list of rows: it is uploaded.

        Raises:
            InvalidFields: something is wrong with it; each field is named, and nothing was started.
        """
        asked = {**(spec or {}), **fields}
        if "data" in asked:
            asked["data"] = await self._client.datasets.reference_to(asked["data"])
        answer = await self._client.connection.json("POST", "evaluations", json=asked)
        return wire.EvaluationWithRuns.model_validate(answer)

    async def create_and_wait(
        self,
        spec: Mapping[str, Any] | None = None,
        /,
        *,
        on_progress: OnProgress | None = None,
        wait_s: float | None = None,
        **fields: Any,
    ) -> wire.EvaluationWithRuns:
        """`create`, then wait for all of its runs to end, however they do.

        Args:
            on_progress: called with a run whenever it has changed.
            wait_s: the most seconds to wait; None: as long as it takes.

        Raises:
            InvalidFields: as `create`.
            TimeoutError: it takes longer; the runs go on.
        """
        made = await self.create(spec, **fields)
        async with asyncio.timeout(wait_s):
            await asyncio.gather(
                *(self._client.runs.wait(run.id, on_progress=on_progress) for run in made.runs)
            )
        return await self.get(made.id)

    async def get(self, evaluation_id: str) -> wire.EvaluationWithRuns:
        """One evaluation with its runs."""
        answer = await self._client.connection.json("GET", f"evaluations/{quoted(evaluation_id)}")
        return wire.EvaluationWithRuns.model_validate(answer)

    async def list(self) -> AsyncIterator[wire.Evaluation]:
        """All of the workspace, newest first, fetched a page at a time."""
        async for item in self._client.connection.items("evaluations", {}):
            yield wire.Evaluation.model_validate(item)


class AsyncRuns:
    """Runs: one execution of an evaluation by one model.

    Args:
        client: the server.
    """

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def get(self, run_id: str) -> wire.Run:
        """One run."""
        answer = await self._client.connection.json("GET", f"runs/{quoted(run_id)}")
        return wire.Run.model_validate(answer)

    async def list(
        self, *, evaluation: str | None = None, status: RunState | str | None = None
    ) -> AsyncIterator[wire.Run]:
        """Those of the workspace, newest first, fetched a page at a time."""
        params = {}
        if evaluation is not None:
            params["evaluation"] = evaluation
        if status is not None:
            params["status"] = RunState(status).value
        async for item in self._client.connection.items("runs", params):
            yield wire.Run.model_validate(item)

    async def wait(
        self, run_id: str, *, on_progress: OnProgress | None = None, wait_s: float | None = None
    ) -> wire.Run:
        """The run when it has ended, however it did.

        Raises:
            TimeoutError: it takes longer than `wait_s` seconds; it goes on.
        """
        async with asyncio.timeout(wait_s):
            async for run in self.follow(run_id):
                if on_progress is not None:
                    on_progress(run)
                if run.status in FINISHED:
                    return run
        raise AssertionError("a run that is followed ends")

    def follow(self, run_id: str) -> AsyncIterator[wire.Run]:
        """The run now, and again whenever it has changed, until it has ended."""
        return follow_run(self._client.connection, run_id)

    async def cancel(self, run_id: str) -> wire.Run:
        """Stop it; what was done is kept."""
        return await self._moved(run_id, "cancel")

    async def resume(self, run_id: str) -> wire.Run:
        """Go on with one that failed or was cancelled; only missing cases are asked."""
        return await self._moved(run_id, "resume")

    async def retry_failed(self, run_id: str) -> wire.Run:
        """Ask the failed cases of an ended run again."""
        return await self._moved(run_id, "retry-failed")

    async def reproduce(self, run_id: str) -> wire.Reproduction:
        """Queue a run that does the same again."""
        path = f"runs/{quoted(run_id)}/reproduce"
        return wire.Reproduction.model_validate(await self._client.connection.json("POST", path))

    async def delivery(self, run_id: str) -> wire_repositories.ColumnDelivery:
        """Where its answers go, and what has become of that.

        Raises:
            NotFound: there is no such run, or its evaluation has no `deliver`.
        """
        path = f"runs/{quoted(run_id)}/delivery"
        answer = await self._client.connection.json("GET", path)
        return wire_repositories.ColumnDelivery.model_validate(answer)

    async def commit_delivery(
        self, run_id: str, *, branch: str | None = None, message: str | None = None
    ) -> wire_repositories.ColumnDelivery:
        """Commit a column that is held, or met a conflict.

        Args:
            branch, message: in place of those that were given at the start.

        Raises:
            Conflict: there is none yet, or what is at its place has changed meanwhile.
        """
        path = f"runs/{quoted(run_id)}/delivery/commit"
        body = {"branch": branch, "message": message}
        answer = await self._client.connection.json("POST", path, json=body)
        return wire_repositories.ColumnDelivery.model_validate(answer)

    async def compare(
        self,
        *run_ids: str,
        scorers: Sequence[str] = (),
        level: float = 0.95,
    ) -> Comparison:
        """Two to twenty runs on the cases that they share, the first one being the baseline.

        Args:
            scorers: keys; by default all that every run has. level: of the intervals, 0 to 1.

        Raises:
            Invalid: they share no case, or no scorer.
        """
        params = [("run", run_id) for run_id in run_ids]
        params += [*(("scorer", key) for key in scorers), ("level", str(level))]
        return Comparison.model_validate(
            await self._client.connection.json("GET", "compare", params=params)
        )

    async def flips(
        self, a: str, b: str, scorer: str, *, direction: str = "all"
    ) -> AsyncIterator[wire.Flip]:
        """The cases whose scores differ between two runs (`up`, `down` or `all`), fetched a page
        at a time."""
        params = {"a": a, "b": b, "scorer": scorer, "direction": direction}
        async for item in self._client.connection.items("compare/flips", params):
            yield wire.Flip.model_validate(item)

    async def report(self, run_id: str) -> Report:
        """What it came to, or has come to so far."""
        answer = await self._client.connection.json("GET", f"runs/{quoted(run_id)}/report")
        return Report.model_validate(answer)

    def outcomes(self, run_id: str, *, status: Status | None = None) -> AsyncOutcomes:
        """Its outcomes: iterate over them, or call `to_pandas` or `to_polars`."""
        return AsyncOutcomes(self._client.connection, run_id, status)

    async def export(self, run_id: str, path: Path | str, file_format: str = "jsonl") -> Path:
        """Its outcomes as a file (`jsonl`, `csv` or `parquet`), streamed to `path`."""
        target = Path(path)
        pieces = self._client.connection.stream(
            f"runs/{quoted(run_id)}/export", {"format": file_format}
        )
        with await asyncio.to_thread(target.open, "wb") as file:
            async for piece in pieces:
                file.write(piece)
        return target

    async def _moved(self, run_id: str, verb: str) -> wire.Run:
        answer = await self._client.connection.json("POST", f"runs/{quoted(run_id)}/{verb}")
        return wire.Run.model_validate(answer)


class AsyncDatasets:
    """Data sets, in versions.

    Args:
        client: the server.
    """

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def upload(self, data: Any, *, name: str | None = None) -> wire.Dataset:
        """Keep a file, a pandas or polars data frame, or a list of rows.

        Args:
            data: which. name: what it is called; needed for what is no file.

        Raises:
            Invalid: it is none of these, or the server cannot read it as data.
        """
        rows = rows_of(data)
        if rows is not None:
            return await self._send(rows, f"{name or 'rows'}", "jsonl")
        if not isinstance(data, str | Path):
            raise Invalid(
                f"data is a file, a data frame or a list of rows, not {type(data).__name__}"
            )
        path = Path(data)
        try:
            file = await asyncio.to_thread(path.open, "rb")
        except OSError as error:
            raise Invalid(f"cannot read {path}: {error.strerror}") from error
        with file:
            return await self._send(file, name or path.name, None, path.suffix)

    async def get(self, dataset_id: str) -> wire.Dataset:
        """One version."""
        answer = await self._client.connection.json("GET", f"datasets/{quoted(dataset_id)}")
        return wire.Dataset.model_validate(answer)

    async def list(
        self, *, name: str | None = None, tag: str | None = None
    ) -> AsyncIterator[wire.Dataset]:
        """Versions, newest first, fetched a page at a time."""
        given = {"name": name, "tag": tag}
        params = {key: value for key, value in given.items() if value is not None}
        async for item in self._client.connection.items("datasets", params):
            yield wire.Dataset.model_validate(item)

    async def rows(self, dataset_id: str) -> AsyncIterator[dict[str, Any]]:
        """The rows of a version, in order, fetched a page at a time."""
        path = f"datasets/{quoted(dataset_id)}/rows"
        async for row in self._client.connection.items(path, {}):
            yield row

    async def tag(self, dataset_id: str, tag: str) -> wire.Dataset:
        """Give a version a tag; it moves here if another version had it."""
        path = f"datasets/{quoted(dataset_id)}/tags/{quoted(tag)}"
        return wire.Dataset.model_validate(await self._client.connection.json("PUT", path))

    async def reference_to(self, data: Any) -> str:
        """What an evaluation can name as `data`: a file here, a data frame or rows are uploaded
        first; other text is a reference already."""
        if isinstance(data, str) and not await asyncio.to_thread(Path(data).is_file):
            return data
        return (await self.upload(data)).id

    async def _send(
        self, content: Any, name: str, file_format: str | None, suffix: str = ""
    ) -> wire.Dataset:
        form = aiohttp.FormData()
        if file_format is not None:
            form.add_field("format", file_format)
        form.add_field("name", name)
        form.add_field("file", content, filename=f"data{suffix}")
        answer = await self._client.connection.json("POST", "datasets", data=form)
        return wire.Dataset.model_validate(answer)


class AsyncModels:
    """Models that evaluations can name.

    Args:
        client: the server.
    """

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def list(self) -> list[wire.Model]:
        """All of them, with what is missing where one cannot be used."""
        answer = await self._client.connection.json("GET", "models")
        return [wire.Model.model_validate(item) for item in answer["data"]]


class AsyncScorers:
    """Ways to grade an answer.

    Args:
        client: the server.
    """

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def list(self) -> list[wire.Scorer]:
        """All of them, with a JSON schema for each option."""
        answer = await self._client.connection.json("GET", "scorers")
        return [wire.Scorer.model_validate(item) for item in answer["data"]]
