"""Who is asking: API keys, and the caller that a key stands for."""

import logging
from datetime import datetime

from weighbridge.core.caller import Caller, Role
from weighbridge.errors import ExpiredKey, Invalid, NotFound, Unauthenticated
from weighbridge.store import keys
from weighbridge.store.engine import Store
from weighbridge.store.keys import ApiKey
from weighbridge.store.migrate import take_turns
from weighbridge.store.moments import now

log = logging.getLogger(__name__)
DEFAULT_WORKSPACE = "default"
_ADMINISTRATOR = "administrator"
_SHORTEST_SECRET = 16
_TOUCH_AFTER_S = 60.0


class Keys:
    """API keys of an installation.

    Args:
        store: where their hashes are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def operator(self, door: str = "cli") -> Caller:
        """The caller at the machine's own command line: administrator of the default workspace."""
        async with self._store.begin() as connection:
            workspace_id = await keys.ensure_workspace(connection, DEFAULT_WORKSPACE)
        return Caller(workspace_id, Role.ADMIN, door=door)

    async def exist(self) -> bool:
        """Whether a key was ever made, in any workspace."""
        async with self._store.begin() as connection:
            return await keys.count_keys(connection) > 0

    async def ensure_first_key(self, given: str | None) -> str | None:
        """Make the first administrator's key when there is none yet.

        Args:
            given: the operator's own choice (`WEIGHBRIDGE_API_KEY`), or None for a random one.

        Returns:
            The key that was made by us and must be shown now, as it cannot be shown again; None
            when there was a key already or it was given.

        Raises:
            Invalid: the given key is too short to be safe.
        """
        if given is not None and len(given) < _SHORTEST_SECRET:
            raise Invalid(
                f"WEIGHBRIDGE_API_KEY has {len(given)} characters; it needs {_SHORTEST_SECRET} or "
                "more (try: python -c 'import secrets; print(secrets.token_urlsafe(32))')"
            )
        async with self._store.begin() as connection:
            await connection.run_sync(take_turns)  # several servers may start at once
            if await keys.count_keys(connection):
                return None
            workspace_id = await keys.ensure_workspace(connection, DEFAULT_WORKSPACE)
            user_id = await keys.ensure_user(connection, workspace_id, _ADMINISTRATOR, Role.ADMIN)
            secret = given or keys.new_secret()
            await keys.add_key(
                connection,
                workspace_id=workspace_id,
                user_id=user_id,
                name="first key",
                role=Role.ADMIN,
                secret=secret,
            )
        return None if given else secret

    async def authenticate(self, secret: str | None, door: str) -> Caller:
        """The caller that a key stands for.

        Raises:
            Unauthenticated: there is no such key, or it is revoked or expired; the message says
                which of the two, as only the holder of the key can learn it.
        """
        if not secret:
            raise Unauthenticated("this needs an API key (make one with: weighbridge keys create)")
        async with self._store.begin() as connection:
            key = await keys.find_key(connection, secret)
        return await self._caller(key, door)

    async def holder(self, key_id: str, door: str) -> Caller:
        """The caller who showed a key before, and is known by its id now.

        Raises:
            Unauthenticated: the key was revoked or has expired meanwhile.
        """
        async with self._store.begin() as connection:
            key = await keys.key_by_id(connection, key_id)
        return await self._caller(key, door)

    async def _caller(self, key: ApiKey | None, door: str) -> Caller:
        if key is None:
            raise Unauthenticated("this API key is not known here")
        if key.revoked_at is not None:
            raise Unauthenticated("this API key was revoked")
        moment = now()
        if not key.usable_at(moment):
            raise ExpiredKey(f"this API key expired on {key.expires_at:%Y-%m-%d %H:%M} UTC")
        if key.last_used_at is None or (moment - key.last_used_at).total_seconds() > _TOUCH_AFTER_S:
            async with self._store.begin() as connection:
                await keys.touch_key(connection, key.id)
        return Caller(key.workspace_id, key.role, key.user_id, key.id, door)

    async def create(
        self,
        caller: Caller,
        *,
        name: str,
        role: Role = Role.WRITER,
        expires_at: datetime | None = None,
        workspace: str | None = None,
    ) -> tuple[ApiKey, str]:
        """A new key, and its secret, which is shown this once.

        Args:
            caller: an administrator.
            name: what the key is for.
            expires_at: None for a key that does not expire.
            workspace: name of another workspace, made when missing; only for the operator.

        Raises:
            Forbidden: the caller is not an administrator.
            Invalid: the expiry is in the past, or a workspace was named through an API.
        """
        caller.must_be(Role.ADMIN)
        if expires_at is not None and expires_at <= now():
            raise Invalid("the expiry of the key lies in the past")
        if workspace is not None and caller.key_id is not None:
            raise Invalid("keys of another workspace are made at the command line of the server")
        secret = keys.new_secret()
        async with self._store.begin() as connection:
            workspace_id = caller.workspace_id
            if workspace is not None:
                workspace_id = await keys.ensure_workspace(connection, workspace)
            user_id = caller.user_id
            if user_id is None or workspace_id != caller.workspace_id:
                user_id = await keys.ensure_user(
                    connection, workspace_id, _ADMINISTRATOR, Role.ADMIN
                )
            key = await keys.add_key(
                connection,
                workspace_id=workspace_id,
                user_id=user_id,
                name=name,
                role=role,
                secret=secret,
                expires_at=expires_at,
            )
        return key, secret

    async def list(self, caller: Caller) -> list[ApiKey]:
        """All keys of the caller's workspace, oldest first, without their secrets."""
        caller.must_be(Role.ADMIN)
        async with self._store.begin() as connection:
            return await keys.list_keys(connection, caller.workspace_id)

    async def name_of(self, caller: Caller, user_id: str | None) -> str | None:
        """What a user of the workspace is called; None: nobody is known by that id."""
        if user_id is None:
            return None
        async with self._store.begin() as connection:
            return await keys.name_of_user(connection, caller.workspace_id, user_id)

    async def revoke(self, caller: Caller, key_id: str) -> None:
        """Make a key unusable from now on.

        Raises:
            NotFound: the workspace has no such key.
        """
        caller.must_be(Role.ADMIN)
        async with self._store.begin() as connection:
            if not await keys.revoke_key(connection, caller.workspace_id, key_id):
                raise NotFound(f"there is no key {key_id}")

    async def rotate(self, caller: Caller, key_id: str) -> tuple[ApiKey, str]:
        """Revoke a key and make a new one with its name, role and expiry."""
        caller.must_be(Role.ADMIN)
        old = next((key for key in await self.list(caller) if key.id == key_id), None)
        if old is None:
            raise NotFound(f"there is no key {key_id}")
        made = await self.create(caller, name=old.name, role=old.role, expires_at=old.expires_at)
        await self.revoke(caller, key_id)
        return made

    async def rotate_own(self, caller: Caller) -> tuple[ApiKey, str]:
        """A new key in the place of the one that the caller came with, which is revoked: of the
        same name, role and expiry. Any role may do this.

        Raises:
            Unauthenticated: the key was revoked meanwhile, by another rotation of it, say.
            Invalid: the caller came without a key.
        """
        if caller.key_id is None:
            raise Invalid("the operator at the command line has no key that could be rotated")
        secret = keys.new_secret()
        async with self._store.begin() as connection:
            old = await keys.retire_key(connection, caller.workspace_id, caller.key_id)
            if old is None:
                raise Unauthenticated("this API key was revoked")
            made = await keys.add_key(
                connection,
                workspace_id=old.workspace_id,
                user_id=old.user_id,
                name=old.name,
                role=old.role,
                secret=secret,
                expires_at=old.expires_at,
            )
        return made, secret
