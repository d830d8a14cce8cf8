"""The connection to the database: what is refused, and what a frozen process cannot hold."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from weighbridge.errors import Invalid, Unavailable
from weighbridge.store import engine
from weighbridge.store.engine import Store, async_url


@pytest.mark.parametrize("url", ["mysql://root@localhost/x", "nonsense", "http://example.org"])
def test_a_database_that_is_not_supported_is_refused_by_name(url: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="postgresql://"):
        async_url(url, tmp_path)


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_data_folder_that_cannot_be_made_is_refused_by_name(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Invalid, match=f"{name} cannot be used: (File exists|Not a directory)"):
        Store(None, tmp_path / name)


async def test_a_database_that_cannot_be_reached_is_unavailable(tmp_path: Path) -> None:
    store = Store("postgresql://nobody@127.0.0.1:1/none", tmp_path)
    with pytest.raises(Unavailable, match="cannot be used now"):
        async with store.begin():
            pass
    await store.close()


async def test_what_raises_in_a_unit_of_work_leaves_nothing_behind(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        async with store.begin() as connection:
            await connection.execute(text("insert into workers values ('x', 0, 0)"))
            raise ZeroDivisionError
    async with store.begin() as connection:
        assert await connection.scalar(text("select count(*) from workers")) == 0


async def test_a_frozen_transaction_lets_go_of_its_locks(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "FROZEN_TRANSACTION_MS", 300)
    store = Store(postgres_url, tmp_path)
    async with store.begin() as connection:
        await connection.execute(text("create table t (id int primary key)"))
    with pytest.raises(Unavailable):
        async with store.begin() as frozen:
            await frozen.execute(text("insert into t values (1)"))
            await asyncio.sleep(1.0)
            async with store.begin() as other, asyncio.timeout(5):
                await other.execute(text("insert into t values (1)"))
    async with store.begin() as connection:
        assert await connection.scalar(text("select count(*) from t")) == 1
    await store.close()
