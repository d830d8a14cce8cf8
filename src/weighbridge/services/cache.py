"""The cache of replies, as its owner may look at it and empty it."""

from datetime import datetime

from weighbridge.core.caller import Caller, Role
from weighbridge.store.engine import Store
from weighbridge.store.replies import CacheStats, cache_stats, clear_replies


class Cache:
    """The caches of an installation's workspaces.

    Args:
        store: where they are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def stats(self, caller: Caller) -> CacheStats:
        """What the cache of the caller's workspace holds."""
        async with self._store.begin() as connection:
            return await cache_stats(connection, caller.workspace_id)

    async def clear(self, caller: Caller, before: datetime | None = None) -> int:
        """Forget replies of the caller's workspace.

        Args:
            before: only those that were kept before then; None: all.

        Returns:
            How many there were.

        Raises:
            Forbidden: the caller is not an administrator.
        """
        caller.must_be(Role.ADMIN)
        async with self._store.begin() as connection:
            return await clear_replies(connection, caller.workspace_id, before)
