"""Keys are kept as hashes, and stop working when they should."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from weighbridge.core.caller import Caller, Role
from weighbridge.errors import Forbidden, Invalid, NotFound, Unauthenticated
from weighbridge.services.keys import Keys
from weighbridge.store.engine import Store
from weighbridge.store.moments import now
from weighbridge.store.tables import api_keys


@pytest.fixture
async def operator(store: Store) -> Caller:
    return await Keys(store).operator()


async def test_a_key_stands_for_its_workspace_and_role(store: Store, operator: Caller) -> None:
    _, secret = await Keys(store).create(operator, name="ci", role=Role.READER)
    caller = await Keys(store).authenticate(secret, "native")
    assert (caller.workspace_id, caller.role) == (operator.workspace_id, Role.READER)


async def test_the_key_itself_is_nowhere_in_the_store(store: Store, operator: Caller) -> None:
    key, secret = await Keys(store).create(operator, name="ci")
    async with store.begin() as connection:
        rows = (await connection.execute(select(api_keys))).all()
    assert secret not in str(rows)
    assert len(key.hint) < len(secret) / 4
    assert secret.startswith(key.hint)


@pytest.mark.parametrize("secret", [None, "", "wb_unknown", "wb_" + "x" * 5_000, "\x00"])
async def test_an_unknown_key_is_refused(store: Store, secret: str | None) -> None:
    with pytest.raises(Unauthenticated):
        await Keys(store).authenticate(secret, "native")


async def test_a_revoked_key_is_refused(store: Store, operator: Caller) -> None:
    key, secret = await Keys(store).create(operator, name="ci")
    await Keys(store).revoke(operator, key.id)
    with pytest.raises(Unauthenticated, match="revoked"):
        await Keys(store).authenticate(secret, "native")


async def test_an_expired_key_is_refused(
    store: Store, operator: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = now() + timedelta(minutes=5)
    _, secret = await Keys(store).create(operator, name="ci", expires_at=soon)
    await Keys(store).authenticate(secret, "native")
    monkeypatch.setattr("weighbridge.services.keys.now", lambda: soon + timedelta(seconds=1))
    with pytest.raises(Unauthenticated, match="expired"):
        await Keys(store).authenticate(secret, "native")


async def test_a_key_cannot_expire_in_the_past(store: Store, operator: Caller) -> None:
    with pytest.raises(Invalid, match="past"):
        await Keys(store).create(operator, name="ci", expires_at=now() - timedelta(days=1))


async def test_rotating_makes_a_new_key_and_ends_the_old_one(
    store: Store, operator: Caller
) -> None:
    key, old = await Keys(store).create(operator, name="ci", role=Role.WRITER)
    fresh, new = await Keys(store).rotate(operator, key.id)
    assert (fresh.name, fresh.role) == ("ci", Role.WRITER)
    await Keys(store).authenticate(new, "native")
    with pytest.raises(Unauthenticated, match="revoked"):
        await Keys(store).authenticate(old, "native")


@pytest.mark.parametrize("role", [Role.READER, Role.WRITER])
async def test_only_administrators_see_and_make_keys(
    store: Store, operator: Caller, role: Role
) -> None:
    _, secret = await Keys(store).create(operator, name="ci", role=role)
    caller = await Keys(store).authenticate(secret, "native")
    with pytest.raises(Forbidden, match=role):
        await Keys(store).list(caller)
    with pytest.raises(Forbidden, match=role):
        await Keys(store).create(caller, name="more")


async def test_keys_of_another_workspace_are_not_found(store: Store, operator: Caller) -> None:
    other, secret = await Keys(store).create(
        operator, name="theirs", role=Role.ADMIN, workspace="another"
    )
    stranger = await Keys(store).authenticate(secret, "native")
    assert stranger.workspace_id != operator.workspace_id
    mine, _ = await Keys(store).create(operator, name="mine")
    assert [key.id for key in await Keys(store).list(stranger)] == [other.id]
    with pytest.raises(NotFound):
        await Keys(store).revoke(stranger, mine.id)


class TestTheFirstKey:
    """An empty store gets an administrator's key."""

    async def test_one_is_made_and_shown_once(self, store: Store) -> None:
        secret = await Keys(store).ensure_first_key(None)
        assert secret is not None
        assert (await Keys(store).authenticate(secret, "native")).role is Role.ADMIN
        assert await Keys(store).ensure_first_key(None) is None

    async def test_a_given_one_is_taken_and_not_shown(self, store: Store) -> None:
        given = "a-secret-of-the-operator"
        assert await Keys(store).ensure_first_key(given) is None
        assert (await Keys(store).authenticate(given, "native")).role is Role.ADMIN

    async def test_a_given_one_that_is_too_short_is_refused(self, store: Store) -> None:
        with pytest.raises(Invalid, match="needs 16"):
            await Keys(store).ensure_first_key("hunter2")


@pytest.mark.parametrize("role", list(Role))
async def test_whoever_has_a_key_may_rotate_it_once(
    store: Store, operator: Caller, role: Role
) -> None:
    keys = Keys(store)
    expires_at = now() + timedelta(days=3)
    _, old = await keys.create(operator, name="mine", role=role, expires_at=expires_at)
    caller = await keys.authenticate(old, "dataframer")
    made, new = await keys.rotate_own(caller)
    assert (made.name, made.role, made.expires_at) == ("mine", role, expires_at)
    with pytest.raises(Unauthenticated):
        await keys.authenticate(old, "dataframer")
    assert (await keys.authenticate(new, "dataframer")).user_id == caller.user_id
    with pytest.raises(Unauthenticated):
        await keys.rotate_own(caller)
    with pytest.raises(Invalid):
        await keys.rotate_own(operator)
