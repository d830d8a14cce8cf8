"""Drafts, their changes, and files that come in parts, as rows."""

from collections.abc import Mapping
from datetime import datetime

import orjson
from sqlalchemy import RowMapping, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.versions import Draft, Repository, RowNumbers, Upload
from weighbridge.store.moments import now
from weighbridge.store.tables import draft_changes, drafts, uploads
from weighbridge.store.upsert import insert_into


async def add_draft(
    connection: AsyncConnection,
    repository: Repository,
    draft_id: str,
    branch: str,
    commit_id: str,
    name: str | None,
) -> None:
    """Begin a draft; one of that id stays as it is."""
    insert = insert_into(drafts, connection.dialect).values(
        repository_id=repository.id,
        workspace_id=repository.workspace_id,
        id=draft_id,
        name=name,
        branch=branch,
        commit_id=commit_id,
        created_at=now(),
    )
    await connection.execute(insert.on_conflict_do_nothing())


async def list_drafts(connection: AsyncConnection, repository_id: str) -> list[Draft]:
    """Oldest first, without their changes."""
    rows = await connection.execute(
        select(drafts)
        .where(drafts.c.repository_id == repository_id)
        .order_by(drafts.c.created_at, drafts.c.id)
    )
    return [_draft(row, {}, {}) for row in rows.mappings()]


async def find_draft(
    connection: AsyncConnection, repository_id: str, draft_id: str
) -> Draft | None:
    """A draft with its changes, by path; by its id, or else by its name."""
    found = await connection.execute(
        select(drafts)
        .where(
            drafts.c.repository_id == repository_id,
            or_(drafts.c.id == draft_id, drafts.c.name == draft_id),
        )
        .order_by((drafts.c.id == draft_id).desc(), drafts.c.created_at.desc())
        .limit(1)
    )
    row = found.mappings().one_or_none()
    if row is None:
        return None
    changes = await connection.execute(
        select(draft_changes.c.path, draft_changes.c.hash, draft_changes.c.numbers)
        .where(
            draft_changes.c.repository_id == repository_id,
            draft_changes.c.draft_id == row["id"],
        )
        .order_by(draft_changes.c.path)
    )
    rows = changes.all()
    numbers = {it.path: _numbers(it.numbers) for it in rows if it.numbers is not None}
    return _draft(row, {it.path: it.hash for it in rows}, numbers)


async def put_changes(
    connection: AsyncConnection,
    repository: Repository,
    draft_id: str,
    changes: Mapping[str, str | None],
) -> None:
    """Add changes; those to the same paths give way."""
    for path, content_hash in changes.items():
        insert = insert_into(draft_changes, connection.dialect).values(
            repository_id=repository.id,
            workspace_id=repository.workspace_id,
            draft_id=draft_id,
            path=path,
            hash=content_hash,
        )
        await connection.execute(
            insert.on_conflict_do_update(
                index_elements=["repository_id", "draft_id", "path"],
                set_={"hash": content_hash, "numbers": None},
            )
        )


async def put_edit(
    connection: AsyncConnection,
    repository: Repository,
    since: Draft,
    path: str,
    content_hash: str,
    numbers: RowNumbers,
) -> bool:
    """Put a version of a file in a draft, of which only rows were edited; False: the draft has
    another version of it than it had `since`."""
    if path not in since.changes:
        insert = insert_into(draft_changes, connection.dialect).values(
            repository_id=repository.id,
            workspace_id=repository.workspace_id,
            draft_id=since.id,
            path=path,
            hash=content_hash,
            numbers=_kept(numbers),
        )
        made = insert.on_conflict_do_nothing().returning(draft_changes.c.path)
        return await connection.scalar(made) is not None
    before = since.numbers.get(path)
    result = await connection.execute(
        update(draft_changes)
        .where(
            draft_changes.c.repository_id == repository.id,
            draft_changes.c.draft_id == since.id,
            draft_changes.c.path == path,
            draft_changes.c.hash == since.changes[path],
            draft_changes.c.numbers.is_not_distinct_from(_kept(before) if before else None),
        )
        .values(hash=content_hash, numbers=_kept(numbers))
    )
    return result.rowcount == 1


async def remove_changes(
    connection: AsyncConnection, repository_id: str, draft_id: str, path: str
) -> None:
    """Forget the changes at and below a path; "" is everything."""
    conditions = [
        draft_changes.c.repository_id == repository_id,
        draft_changes.c.draft_id == draft_id,
    ]
    if path:
        below = draft_changes.c.path.startswith(f"{path}/", autoescape=True)
        conditions.append(or_(draft_changes.c.path == path, below))
    await connection.execute(delete(draft_changes).where(*conditions))


async def remove_draft(connection: AsyncConnection, repository_id: str, draft_id: str) -> bool:
    """Remove a draft with its changes; False: there is none."""
    await remove_changes(connection, repository_id, draft_id, "")
    result = await connection.execute(
        delete(drafts).where(drafts.c.repository_id == repository_id, drafts.c.id == draft_id)
    )
    return result.rowcount == 1


async def add_upload(connection: AsyncConnection, repository: Repository, upload: Upload) -> None:
    """Note a file that is to come in parts."""
    await connection.execute(
        uploads.insert().values(
            id=upload.id,
            repository_id=repository.id,
            workspace_id=repository.workspace_id,
            draft_id=upload.draft_id,
            path=upload.path,
            hash=upload.hash,
            size=upload.size,
            part_size=upload.part_size,
            created_at=now(),
        )
    )


async def find_upload(
    connection: AsyncConnection, repository_id: str, upload_id: str
) -> Upload | None:
    """A file that comes in parts."""
    found = await connection.execute(
        select(uploads).where(uploads.c.repository_id == repository_id, uploads.c.id == upload_id)
    )
    row = found.mappings().one_or_none()
    return None if row is None else _upload(row)


async def remove_upload(connection: AsyncConnection, upload_id: str) -> None:
    """Forget a file that came in parts."""
    await connection.execute(delete(uploads).where(uploads.c.id == upload_id))


async def uploads_before(connection: AsyncConnection, moment: datetime) -> list[Upload]:
    """Those that were begun before a moment."""
    rows = await connection.execute(select(uploads).where(uploads.c.created_at < moment))
    return [_upload(row) for row in rows.mappings()]


def _upload(row: RowMapping) -> Upload:
    return Upload(
        row["id"], row["draft_id"], row["path"], row["hash"], row["size"], row["part_size"]
    )


def _draft(
    row: RowMapping, changes: Mapping[str, str | None], numbers: Mapping[str, RowNumbers]
) -> Draft:
    of_row = (row["id"], row["name"], row["branch"], row["commit_id"], row["created_at"])
    return Draft(*of_row, changes, numbers)


def _kept(numbers: RowNumbers) -> str:
    return orjson.dumps([numbers.base, numbers.removed]).decode()


def _numbers(text: str) -> RowNumbers:
    base, removed = orjson.loads(text)
    return RowNumbers(base, tuple(removed))
