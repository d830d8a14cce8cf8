"""The name under which what somebody says or makes is kept, for people."""

from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.caller import Caller
from weighbridge.store.keys import name_of_user

OPERATOR = "operator"
"""Whoever works at the machine's own command line."""


async def author_of(connection: AsyncConnection, caller: Caller) -> str:
    """The name of the user whose key it is."""
    if caller.user_id is None:
        return OPERATOR
    return await name_of_user(connection, caller.workspace_id, caller.user_id) or OPERATOR
