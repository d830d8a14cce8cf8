"""Workspaces, users and API keys. A key itself is never stored, only its SHA-256."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.caller import Role
from weighbridge.core.ids import new_id
from weighbridge.store.moments import now
from weighbridge.store.tables import api_keys, users, workspaces

KEY_PREFIX = "wb_"
_HINT_LENGTH = len(KEY_PREFIX) + 6


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it may be shown: everything but the key."""

    id: str
    workspace_id: str
    user_id: str
    name: str
    hint: str
    role: Role
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def usable_at(self, moment: datetime) -> bool:
        """Neither revoked nor expired then."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > moment)


def new_secret() -> str:
    """A fresh key: 256 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def hash_of(secret: str) -> str:
    """What is stored of a key. A fast hash is right here: 256 random bits cannot be guessed."""
    return hashlib.sha256(secret.encode()).hexdigest()


async def count_keys(connection: AsyncConnection) -> int:
    """How many keys there are, in all workspaces, revoked ones included."""
    return int(await connection.scalar(select(func.count()).select_from(api_keys)) or 0)


async def ensure_workspace(connection: AsyncConnection, name: str) -> str:
    """The id of the workspace of that name; made when missing."""
    found = await connection.scalar(select(workspaces.c.id).where(workspaces.c.name == name))
    if found is not None:
        return str(found)
    workspace_id = new_id("ws")
    await connection.execute(
        insert(workspaces).values(id=workspace_id, name=name, created_at=now())
    )
    return workspace_id


async def ensure_user(connection: AsyncConnection, workspace_id: str, name: str, role: Role) -> str:
    """The id of the user of that name in the workspace; made when missing."""
    found = await connection.scalar(
        select(users.c.id).where(users.c.workspace_id == workspace_id, users.c.name == name)
    )
    if found is not None:
        return str(found)
    user_id = new_id("user")
    await connection.execute(
        insert(users).values(
            id=user_id, workspace_id=workspace_id, name=name, role=role, created_at=now()
        )
    )
    return user_id


async def add_key(
    connection: AsyncConnection,
    *,
    workspace_id: str,
    user_id: str,
    name: str,
    role: Role,
    secret: str,
    expires_at: datetime | None = None,
) -> ApiKey:
    """Keep the hash of `secret` as a new key."""
    key = ApiKey(
        new_id("key"),
        workspace_id,
        user_id,
        name,
        secret[:_HINT_LENGTH],
        role,
        now(),
        expires_at,
        None,
        None,
    )
    await connection.execute(
        insert(api_keys).values(
            id=key.id,
            workspace_id=workspace_id,
            user_id=user_id,
            name=name,
            hint=key.hint,
            hash=hash_of(secret),
            role=role,
            created_at=key.created_at,
            expires_at=expires_at,
        )
    )
    return key


async def find_key(connection: AsyncConnection, secret: str) -> ApiKey | None:
    """The key with this secret, usable or not."""
    digest = hash_of(secret)
    row = (
        (await connection.execute(select(api_keys).where(api_keys.c.hash == digest)))
        .mappings()
        .one_or_none()
    )
    if row is None or not hmac.compare_digest(row["hash"], digest):
        return None
    return _key(row)


async def key_by_id(connection: AsyncConnection, key_id: str) -> ApiKey | None:
    """The key with this id, usable or not, in whatever workspace."""
    found = await connection.execute(select(api_keys).where(api_keys.c.id == key_id))
    row = found.mappings().one_or_none()
    return None if row is None else _key(row)


async def touch_key(connection: AsyncConnection, key_id: str) -> None:
    """Note that the key was used now."""
    await connection.execute(
        update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=now())
    )


async def list_keys(connection: AsyncConnection, workspace_id: str) -> list[ApiKey]:
    """All keys of the workspace, oldest first."""
    rows = await connection.execute(
        select(api_keys).where(api_keys.c.workspace_id == workspace_id).order_by(api_keys.c.id)
    )
    return [_key(row) for row in rows.mappings()]


async def revoke_key(connection: AsyncConnection, workspace_id: str, key_id: str) -> bool:
    """Make the key unusable from now on; False when there is no such key."""
    result = await connection.execute(
        update(api_keys)
        .where(api_keys.c.workspace_id == workspace_id, api_keys.c.id == key_id)
        .values(revoked_at=func.coalesce(api_keys.c.revoked_at, now()))
    )
    return result.rowcount == 1


async def retire_key(connection: AsyncConnection, workspace_id: str, key_id: str) -> ApiKey | None:
    """As `revoke_key`, of a key that still works; None: it does not, or there is none."""
    mine = (api_keys.c.workspace_id == workspace_id, api_keys.c.id == key_id)
    result = await connection.execute(
        update(api_keys).where(*mine, api_keys.c.revoked_at.is_(None)).values(revoked_at=now())
    )
    if result.rowcount != 1:
        return None
    return _key((await connection.execute(select(api_keys).where(*mine))).mappings().one())


def _key(row: RowMapping) -> ApiKey:
    return ApiKey(
        id=row["id"],
        workspace_id=row["workspace_id"],
        user_id=row["user_id"],
        name=row["name"],
        hint=row["hint"],
        role=Role(row["role"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
    )


async def name_of_user(connection: AsyncConnection, workspace_id: str, user_id: str) -> str | None:
    """What a user of the workspace is called."""
    found: str | None = await connection.scalar(
        select(users.c.name).where(users.c.workspace_id == workspace_id, users.c.id == user_id)
    )
    return found
