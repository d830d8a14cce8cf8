"""Samples being made, with a model that does what a test wants."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from support.running import Bench
from weighbridge.core.ids import new_id
from weighbridge.core.outcome import Record
from weighbridge.core.production import Making, ProductionView, Sample
from weighbridge.core.synthesis import (
    Blueprint,
    DataSpec,
    Property,
    SeedFile,
    Seeds,
    Shape,
    SpecState,
)
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.services.datasets import Datasets
from weighbridge.services.evaluations import Evaluations
from weighbridge.services.production_archives import ProductionArchives
from weighbridge.services.productions import Productions
from weighbridge.services.runs import Runs
from weighbridge.store.data_specs import add_data_spec, end_data_spec
from weighbridge.store.moments import now
from weighbridge.store.outcomes import stream_outcomes
from weighbridge.store.seeds import add_seeds, seed_key
from weighbridge.synthesis.form import write_blueprint

Writes = Callable[[str], Awaitable[str] | str]

MOOD = Property("mood", ("calm", "angry"), {"calm": 50.0, "angry": 50.0})
LETTERS = Blueprint("A letter to a bank.", "Every letter names an account.", (MOOD,))


@dataclass
class Kitchen:
    """A store with a spec or two, and a model that writes."""

    bench: Bench
    archives: ProductionArchives = field(init=False)
    productions: Productions = field(init=False)

    def __post_init__(self) -> None:
        store, models = self.bench.store, self.bench.models
        self.archives = ProductionArchives(store)
        datasets = Datasets(store)
        evaluations = Evaluations(store, models, datasets)
        self.productions = Productions(
            store, datasets, evaluations, Runs(store), models, self.archives
        )

    def says(self, writes: Writes) -> None:
        """What the model replies to the last message of a prompt."""
        self.bench.model.answer = lambda question, _epoch: writes(question)

    async def spec(
        self,
        shape: Shape = Shape.MULTI_FILE,
        files: Mapping[str, str] | None = None,
        blueprint: Blueprint = LETTERS,
        state: SpecState = SpecState.SUCCEEDED,
    ) -> str:
        """The id of a spec.

        Args:
            files: of its seeds: path → text; None: it has none.
        """
        store, workspace = self.bench.store, self.bench.caller.workspace_id
        moment = now()
        seeds_id = None if files is None else await self._seeds(shape, files)
        spec = DataSpec(
            id=new_id("dspec"),
            workspace_id=workspace,
            name=new_id("name"),
            description=None,
            seeds_id=seeds_id,
            seeds_name=None if seeds_id is None else "seeds",
            shape=shape,
            params={},
            state=SpecState.PROCESSING,
            problem=None,
            version=0,
            content=None,
            evaluation_id=None,
            door="native",
            author="somebody",
            created_at=moment,
            updated_at=moment,
        )
        async with store.begin() as connection:
            await add_data_spec(connection, spec)
            if state is SpecState.SUCCEEDED:
                await end_data_spec(connection, spec, content=write_blueprint(blueprint))
            elif state is SpecState.FAILED:
                await end_data_spec(connection, spec, problem="no luck")
        return spec.id

    async def create(self, spec_id: str, wanted: int = 3, **more: Any) -> ProductionView:
        """A production that waits.

        Args:
            more: of how samples are made; and `version`, `seed` and `budget`.
        """
        apart = {key: more.pop(key) for key in ("version", "seed", "budget") if key in more}
        making = Making(**{"model": "fake", **more})
        return await self.productions.create(
            self.bench.caller, spec_id, wanted, making=making, **apart
        )

    async def run(self, view: ProductionView) -> ProductionView:
        """A production, once its run has ended."""
        await run_in_foreground(self.bench.store, await self.bench.load(view.run.id))
        return await self.productions.get(self.bench.caller, view.production.id)

    async def made(self, spec_id: str, wanted: int = 3, **more: Any) -> ProductionView:
        """A production that has ended."""
        return await self.run(await self.create(spec_id, wanted, **more))

    async def samples(self, view: ProductionView) -> list[Sample]:
        found: list[Sample] = []
        async for page in self.productions.samples(self.bench.caller, view.production.id):
            found += page
        return found

    async def records(self, view: ProductionView) -> list[Record]:
        workspace = self.bench.caller.workspace_id
        return [it async for it in stream_outcomes(self.bench.store, workspace, view.run.id)]

    async def bytes_of(self, sha256: str) -> bytes:
        return await self.bench.store.blobs.get(f"made/{sha256[:2]}/{sha256}")

    async def _seeds(self, shape: Shape, files: Mapping[str, str]) -> str:
        store, moment = self.bench.store, now()
        kept: list[SeedFile] = []
        for path, text in files.items():
            data = text.encode()
            sha256 = hashlib.sha256(data).hexdigest()
            await store.blobs.put(seed_key(sha256), data)
            kept.append(SeedFile(new_id("sfile"), path, "text/plain", len(data), sha256))
        folders = {path.partition("/")[0] for path in files if "/" in path}
        seeds = Seeds(
            id=new_id("seeds"),
            workspace_id=self.bench.caller.workspace_id,
            name=new_id("name"),
            description=None,
            shape=shape,
            files=tuple(kept),
            folders=len(folders),
            rows=None,
            author="somebody",
            created_at=moment,
            updated_at=moment,
        )
        async with store.begin() as connection:
            await add_seeds(connection, seeds)
        return seeds.id


def jsonl(rows: Sequence[Mapping[str, Any]]) -> str:
    return "".join(f"{orjson.dumps(row).decode()}\n" for row in rows)


def between(question: str, name: str) -> str:
    """What stands in a prompt between the tags of that name; empty: there are none."""
    _, found, rest = question.partition(f"<{name}-")
    return rest.partition(">\n")[2].partition(f"\n</{name}-")[0] if found else ""


def wants(question: str, what: str) -> bool:
    """Whether a prompt asks for a `plan`, a `part`, a `draft`, a `field`, a `revision` or an
    `inspection`."""
    last = question.splitlines()[-6:]
    told = {
        "plan": "Plan this sample",
        "part": "Write part",
        "draft": "Write this sample",
        "field": "Write the one",
        "revision": '"revised"',
        "inspection": "Say which value",
    }
    return any(told[what] in line for line in last)
