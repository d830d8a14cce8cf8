"""What came of a run: its report, which can be drawn; its outcomes, as objects or as a table."""

import importlib
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

import orjson

from weighbridge.core.outcome import Status
from weighbridge.dialects.native import wire
from weighbridge.sdk.connection import Connection, quoted

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go
    import polars as pl

_PAGE = 500


class Report(wire.Report):
    """What a run came to: metrics with intervals, counts, usage, latency."""

    def metric(self, scorer: str) -> wire.Metric:
        """The metric of one scorer, by its key.

        Raises:
            KeyError: the run has no such scorer.
        """
        for metric in self.metrics:
            if metric.scorer == scorer:
                return metric
        known = ", ".join(metric.scorer for metric in self.metrics)
        raise KeyError(f"no scorer {scorer!r} in this report (scorers: {known or 'none'})")

    def plot(self) -> "go.Figure":
        """Every metric with its interval, as a Plotly figure.

        Raises:
            ImportError: Plotly is not installed.
        """
        figures = importlib.import_module("weighbridge.sdk.figures")
        figure: go.Figure = figures.metrics_figure({self.model: self.metrics})
        return figure


class Comparison(wire.Comparison):
    """Runs compared on the cases that they share."""

    def plot(self) -> "go.Figure":
        """Every difference with its interval, as a Plotly figure.

        Raises:
            ImportError: Plotly is not installed.
        """
        figures = importlib.import_module("weighbridge.sdk.figures")
        figure: go.Figure = figures.differences_figure(self)
        return figure


class AsyncOutcomes:
    """The outcomes of a run, in the order of the data set. Iterate over it, page after page, or
    take all of them as a table.

    Args:
        connection: to the server.
        run_id: of the run.
        status: only outcomes with this status; tables always hold all.
    """

    def __init__(self, connection: Connection, run_id: str, status: Status | None = None) -> None:
        self._connection = connection
        self._run_id = run_id
        self._status = status

    async def __aiter__(self) -> AsyncIterator[wire.Outcome]:
        cursor: str | None = None
        while True:
            page, cursor = await self.page(cursor)
            for outcome in page:
                yield outcome
            if cursor is None:
                return

    async def page(self, cursor: str | None = None) -> tuple[list[wire.Outcome], str | None]:
        """Up to 500 outcomes, and the cursor of those after them, None at the end."""
        params = {"limit": str(_PAGE)}
        if self._status is not None:
            params["status"] = Status(self._status).value
        if cursor is not None:
            params["cursor"] = cursor
        path = f"runs/{quoted(self._run_id)}/outcomes"
        found = await self._connection.json("GET", path, params=params)
        return [wire.Outcome.model_validate(one) for one in found["data"]], found["next_cursor"]

    async def to_list(self) -> list[wire.Outcome]:
        """All of them."""
        return [outcome async for outcome in self]

    async def to_pandas(self) -> "pd.DataFrame":
        """A pandas data frame, a row for each outcome: `case_id`, `input.<column>`, `answer`,
        `score.<scorer>`, `score.<scorer>.label`, `error`, tokens, cost.

        Raises:
            ImportError: pandas is not installed.
        """
        pandas = importlib.import_module("pandas")
        frame: pd.DataFrame = pandas.read_parquet(await self._parquet())
        return frame

    async def to_polars(self) -> "pl.DataFrame":
        """A polars data frame, with the columns of `to_pandas`.

        Raises:
            ImportError: polars is not installed.
        """
        polars = importlib.import_module("polars")
        frame: pl.DataFrame = polars.read_parquet(await self._parquet())
        return frame

    async def _parquet(self) -> io.BytesIO:
        path = f"runs/{quoted(self._run_id)}/export"
        pieces = [piece async for piece in self._connection.stream(path, {"format": "parquet"})]
        return io.BytesIO(b"".join(pieces))


class Outcomes:
    """As `AsyncOutcomes`, for code that blocks.

    Args:
        outcomes: the same, asynchronous.
        wait: runs a coroutine to its end.
    """

    def __init__(self, outcomes: AsyncOutcomes, wait: Callable[[Awaitable[Any]], Any]) -> None:
        self._outcomes = outcomes
        self._wait = wait

    def __iter__(self) -> Iterator[wire.Outcome]:
        cursor: str | None = None
        while True:
            page, cursor = self._wait(self._outcomes.page(cursor))
            yield from page
            if cursor is None:
                return

    def to_list(self) -> list[wire.Outcome]:
        """All of them."""
        return list(self)

    def to_pandas(self) -> "pd.DataFrame":
        """As `AsyncOutcomes.to_pandas`."""
        frame: pd.DataFrame = self._wait(self._outcomes.to_pandas())
        return frame

    def to_polars(self) -> "pl.DataFrame":
        """As `AsyncOutcomes.to_polars`."""
        frame: pl.DataFrame = self._wait(self._outcomes.to_polars())
        return frame


def rows_of(data: Any) -> bytes | None:
    """Rows in memory as JSON lines: of a pandas or polars data frame, or a list of objects; None
    when `data` is neither."""
    if hasattr(data, "to_dicts"):
        data = data.to_dicts()
    elif hasattr(data, "to_json") and hasattr(data, "columns"):
        text: str = data.to_json(orient="records", lines=True, date_format="iso")
        return text.encode()
    if not isinstance(data, list):
        return None
    return b"".join(orjson.dumps(row, default=str) + b"\n" for row in data)
