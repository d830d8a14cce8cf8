"""The keys that links are signed with, as rows: each made once, when it is first needed."""

import secrets

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.store.moments import now
from weighbridge.store.tables import signing_keys
from weighbridge.store.upsert import insert_into

_BYTES = 32


async def ensure_signing_key(connection: AsyncConnection, name: str) -> bytes:
    """The key of this name, 256 bits: the same for whoever asks first, second or at once."""
    wanted = select(signing_keys.c.secret).where(signing_keys.c.name == name)
    found = await connection.scalar(wanted)
    if found is None:
        row = {"name": name, "secret": secrets.token_hex(_BYTES), "created_at": now()}
        insert = insert_into(signing_keys, connection.dialect).values(row)
        await connection.execute(insert.on_conflict_do_nothing())
        # Not the one just made: somebody else's may have been there first.
        found = await connection.scalar(wanted)
    return bytes.fromhex(str(found))
