"""The samples of seeds that made ones are to be like."""

from weighbridge.core.synthesis import Production
from weighbridge.errors import Conflict
from weighbridge.store.engine import Store
from weighbridge.store.seeds import find_seeds
from weighbridge.synthesis.reading import SeedSample, seed_samples

MOST_SEEDS = 2_000
"""Samples of the seeds that are looked at, from the first on."""


async def seeds_of(store: Store, production: Production) -> list[SeedSample]:
    """Samples of the seeds of a production; none where it has no seeds.

    Raises:
        Conflict: its seeds are gone.
        Invalid: a file of them cannot be read.
    """
    if production.seeds_id is None:
        return []
    async with store.begin() as connection:
        seeds = await find_seeds(connection, production.workspace_id, production.seeds_id)
    if seeds is None:
        raise Conflict("the seeds that these samples are to be like were deleted")
    return await seed_samples(store, seeds, MOST_SEEDS)
