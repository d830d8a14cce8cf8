"""Forgetting what nothing leads to any more: commits, trees, contents and blobs."""

from datetime import datetime, timedelta

from weighbridge.core.versions import Collected
from weighbridge.store import garbage as rows
from weighbridge.store.drafts import remove_upload, uploads_before
from weighbridge.store.engine import Store
from weighbridge.store.moments import now
from weighbridge.versions.places import blob_key, remove_folder, upload_folder

_BLOBS_AT_ONCE = 200


async def collect(store: Store, *, older_than_s: float) -> Collected:
    """Remove what no branch, draft or result leads to, and nothing that was touched in the last
    `older_than_s` seconds. May run while others work, and in several processes."""
    before = now() - timedelta(seconds=older_than_s)
    commits = contents = 0
    async with store.begin() as connection:
        repositories = await rows.repository_ids(connection)
    for repository_id in repositories:
        async with store.begin() as connection:
            gone = await rows.collect_in_repository(connection, repository_id, before)
        commits += gone[0]
        contents += gone[1]
    await _abandoned_uploads(store, before)
    return Collected(commits, contents, await _blobs(store, before))


async def _blobs(store: Store, before: datetime) -> int:
    freed = 0
    while True:
        async with store.begin() as connection:
            candidates = await rows.unnamed_blobs(connection, before, _BLOBS_AT_ONCE)
        for sha256 in candidates:
            async with store.begin() as connection:
                # The row is ours until the transaction ends: whoever stores the same bytes waits,
                # and then finds that they are not there.
                size = await rows.remove_blob_row(connection, sha256, before)
                if size is not None:
                    await store.blobs.delete(blob_key(sha256))
                    freed += size
        if len(candidates) < _BLOBS_AT_ONCE:
            return freed


async def _abandoned_uploads(store: Store, before: datetime) -> None:
    async with store.begin() as connection:
        abandoned = await uploads_before(connection, before)
    for upload in abandoned:
        async with store.begin() as connection:
            await remove_upload(connection, upload.id)
        await remove_folder(upload_folder(store.folder, upload.id))
