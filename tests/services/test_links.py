"""Links that are signed: good for one purpose, for a while, and unchanged only."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weighbridge.errors import NotFound
from weighbridge.services.links import Links
from weighbridge.store.engine import Store
from weighbridge.store.migrate import migrate

SAID = {"asset": "asset_1", "frame": None, "ü": [1, 2.5]}


@pytest.fixture
async def links(tmp_path: Path) -> AsyncIterator[Links]:
    store = Store(None, tmp_path / "data")
    await migrate(store)
    yield Links(store)
    await store.close()


async def test_a_link_says_what_it_was_given(links: Links) -> None:
    token = await links.sign("get", SAID, 60)
    assert re.fullmatch(r"[\w.-]+", token)
    assert await links.read("get", token) == SAID


async def test_a_link_for_one_purpose_is_worth_nothing_for_another(links: Links) -> None:
    token = await links.sign("get", SAID, 60)
    for purpose in ("put", "get2", "ge", "", "get\0"):
        with pytest.raises(NotFound, match="not one that was given out here"):
            await links.read(purpose, token)


async def test_an_expired_link_says_so(links: Links, monkeypatch: pytest.MonkeyPatch) -> None:
    token = await links.sign("get", SAID, 60)
    later = time.time() + 62
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(NotFound, match="has expired"):
        await links.read("get", token)


@settings(
    max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data())
async def test_a_link_with_any_character_changed_is_refused(
    links: Links, data: st.DataObject
) -> None:
    token = await links.sign("get", SAID, 60)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters().filter(lambda it: it != token[place]))
    forged = token[:place] + other + token[place + 1 :]
    with pytest.raises(NotFound, match="not one that was given out here"):
        await links.read("get", forged)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(token=st.text() | st.text("abc.-_=", max_size=50))
async def test_what_was_never_given_out_is_refused(links: Links, token: str) -> None:
    with pytest.raises(NotFound):
        await links.read("get", token)


async def test_a_link_with_something_before_or_after_it_is_refused(links: Links) -> None:
    token = await links.sign("get", SAID, 60)
    for forged in (token + "=", token + "A", "A" + token, token[:-1], token + "." * 4_000, ""):
        with pytest.raises(NotFound):
            await links.read("get", forged)


async def test_every_server_of_an_installation_reads_the_links_of_the_others(
    store: Store,
) -> None:
    servers = [Links(store) for _ in range(8)]
    tokens = await asyncio.gather(*(it.sign("get", SAID, 60) for it in servers))
    for server in [*servers, Links(store)]:
        for token in tokens:
            assert await server.read("get", token) == SAID


async def test_another_installation_does_not(links: Links, tmp_path: Path) -> None:
    other = Store(None, tmp_path / "other")
    await migrate(other)
    with pytest.raises(NotFound):
        await Links(other).read("get", await links.sign("get", SAID, 60))
    await other.close()
