"""A server as the command line talks to it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from weighbridge.cli.options import Address
from weighbridge.core.outcome import Status
from weighbridge.dialects.native import wire, wire_repositories
from weighbridge.errors import NotFound
from weighbridge.policy import PolicySpec
from weighbridge.sdk.connection import Connection, open_http, quoted
from weighbridge.sdk.following import follow_run
from weighbridge.sdk.repositories import AsyncRepositories


class Server:
    """A weighbridge server, reached over HTTP. Also the source of its runs' `Results`.

    Args:
        connection: to it.

    Attributes:
        repositories: its `Repositories`.

    Every method raises what the server answered as the error that a service would have raised
    here, and `Unavailable` when it cannot be reached or does not speak our API.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._json = connection.json
        self.repositories = AsyncRepositories(lambda: connection)

    async def upload(self, path: Path) -> wire.Dataset:
        """Send a data file; it is streamed."""
        form = aiohttp.FormData()
        with await asyncio.to_thread(path.open, "rb") as file:
            form.add_field("name", path.name)  # as a file's name, a space would come out as %20
            form.add_field("file", file, filename=f"data{path.suffix}")
            return wire.Dataset.model_validate(await self._json("POST", "datasets", data=form))

    async def create(self, spec: Mapping[str, Any]) -> wire.EvaluationWithRuns:
        """Start an evaluation."""
        answer = await self._json("POST", "evaluations", json=spec)
        return wire.EvaluationWithRuns.model_validate(answer)

    async def rescore(self, run_id: str, changes: Mapping[str, Any]) -> wire.EvaluationWithRuns:
        """Have the stored answers of a run scored again."""
        answer = await self._json("POST", f"runs/{quoted(run_id)}/rescore", json=changes)
        return wire.EvaluationWithRuns.model_validate(answer)

    async def move(self, run_id: str, verb: str) -> wire.Run:
        """Have a run `cancel`led, `resume`d or `retry-failed`."""
        return wire.Run.model_validate(await self._json("POST", f"runs/{quoted(run_id)}/{verb}"))

    async def run(self, run_id: str) -> wire.Run:
        """One run."""
        return wire.Run.model_validate(await self._json("GET", f"runs/{quoted(run_id)}"))

    async def called(self, name: str) -> wire.Run:
        """The run with this id; `latest` is the newest one.

        Raises:
            NotFound: there is none.
        """
        if name != "latest":
            return await self.run(name)
        page = await self._json("GET", "runs", params={"limit": "1"})
        if not page["data"]:
            raise NotFound("there is no run yet")
        return wire.Run.model_validate(page["data"][0])

    async def delivery(self, run_id: str) -> wire_repositories.ColumnDelivery | None:
        """What has become of the column that its answers go to; None: they go nowhere."""
        try:
            answer = await self._json("GET", f"runs/{quoted(run_id)}/delivery")
        except NotFound:
            return None
        return wire_repositories.ColumnDelivery.model_validate(answer)

    async def commit_delivery(
        self, run_id: str, *, branch: str | None, message: str | None
    ) -> wire_repositories.ColumnDelivery:
        """Commit that column."""
        path = f"runs/{quoted(run_id)}/delivery/commit"
        answer = await self._json("POST", path, json={"branch": branch, "message": message})
        return wire_repositories.ColumnDelivery.model_validate(answer)

    async def report(self, run_id: str) -> wire.Report:
        """What it came to."""
        return wire.Report.model_validate(await self._json("GET", f"runs/{quoted(run_id)}/report"))

    async def dataset(self, dataset_id: str) -> wire.Dataset:
        """The data it was about."""
        return wire.Dataset.model_validate(
            await self._json("GET", f"datasets/{quoted(dataset_id)}")
        )

    async def outcomes(self, run_id: str, status: Status, limit: int) -> list[wire.Outcome]:
        """Its first outcomes with that status, at most 500."""
        params = {"status": status.value, "limit": str(limit)}
        page = await self._json("GET", f"runs/{quoted(run_id)}/outcomes", params=params)
        return [wire.Outcome.model_validate(outcome) for outcome in page["data"]]

    async def agreement(self, run_id: str) -> wire.RunAgreement:
        """How its scorers stand beside people."""
        answer = await self._json("GET", f"runs/{quoted(run_id)}/agreement")
        return wire.RunAgreement.model_validate(answer)

    async def judge(
        self, run_id: str, judgements: Sequence[wire.JudgementOfCase]
    ) -> list[wire.Override]:
        """Keep what is said, all of it or nothing."""
        run = await self.called(run_id)
        body = {"overrides": [it.model_dump(exclude_none=True) for it in judgements]}
        answer = await self._json("POST", f"runs/{run.id}/overrides", json=body)
        return wire.OverrideList.model_validate(answer).data

    async def withdraw(
        self, run_id: str, case_id: str, epoch: int, scorer: str, reason: str, author: str
    ) -> wire.Override:
        """Take back what counts about a score."""
        run = await self.called(run_id)
        found = await self._json(
            "GET", f"runs/{run.id}/outcomes", params={"case_id": case_id, "limit": "1"}
        )
        if not found["data"]:
            raise NotFound(f"the run {run.id} has no outcome of a case `{case_id}`")
        path = f"runs/{run.id}/outcomes/{found['data'][0]['position']}/override"
        params = {"scorer": scorer, "reason": reason, "author": author, "epoch": str(epoch)}
        return wire.Override.model_validate(await self._json("DELETE", path, params=params))

    async def overrides(self, run_id: str, scorer: str | None) -> list[wire.Override]:
        """Everything that was said, newest first."""
        run = await self.called(run_id)
        params = {"limit": "500"} | ({"scorer": scorer} if scorer else {})
        found: list[wire.Override] = []
        while True:
            page = await self._json("GET", f"runs/{run.id}/overrides", params=params)
            found += [wire.Override.model_validate(override) for override in page["data"]]
            if page["next_cursor"] is None:
                return found
            params["cursor"] = page["next_cursor"]

    async def sample(
        self, run_id: str, n: int, seed: int, scorer: str | None, unreviewed: bool
    ) -> wire.ReviewSample:
        """Outcomes drawn at random."""
        run = await self.called(run_id)
        params = {"n": str(n), "seed": str(seed), "unreviewed": str(unreviewed).lower()}
        answer = await self._json(
            "GET",
            f"runs/{run.id}/review-sample",
            params=params | ({"scorer": scorer} if scorer else {}),
        )
        return wire.ReviewSample.model_validate(answer)

    async def compare(
        self, run_ids: Sequence[str], scorers: Sequence[str], level: float
    ) -> wire.Comparison:
        """Runs compared on the cases that they share."""
        params = [*(("run", run_id) for run_id in run_ids), *(("scorer", key) for key in scorers)]
        answer = await self._json("GET", "compare", params=[*params, ("level", str(level))])
        return wire.Comparison.model_validate(answer)

    async def flips(self, a: str, b: str, scorer: str, limit: int) -> list[wire.Flip]:
        """The first cases whose scores differ between two runs, at most 200."""
        params = {"a": a, "b": b, "scorer": scorer, "limit": str(limit)}
        page = await self._json("GET", "compare/flips", params=params)
        return [wire.Flip.model_validate(flip) for flip in page["data"]]

    async def gate(self, policy: PolicySpec, run_id: str, baseline_id: str | None) -> wire.Gate:
        """A run held against a policy."""
        body = {
            "policy": policy.model_dump(mode="json", exclude_unset=True),
            "run": run_id,
            "baseline": baseline_id,
        }
        return wire.Gate.model_validate(await self._json("POST", "gate", json=body))

    def export(self, run_id: str, file_format: str) -> AsyncIterator[bytes]:
        """Its outcomes as a file, piece by piece."""
        return self._connection.stream(f"runs/{quoted(run_id)}/export", {"format": file_format})

    async def follow(self, run_id: str) -> AsyncIterator[wire.Run]:
        """The run now and whenever it has changed, until it has ended; goes on by itself when the
        connection breaks."""
        async for run in follow_run(self._connection, run_id):
            yield run


@asynccontextmanager
async def connect(address: Address) -> AsyncIterator[Server]:
    """A server, until the block ends. Nothing is sent before the first call.

    Raises:
        Invalid: the address is not one.
    """
    async with open_http(address.url, address.key) as http:
        yield Server(Connection(http, address.url))
