"""Files that are handed in: sent, uploaded, fetched; looked at, and given out again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from support.videos import png, sound, video
from weighbridge.core.asset import Asset, AssetKind, AssetState
from weighbridge.core.caller import Caller, Role
from weighbridge.core.ids import uuid_of
from weighbridge.errors import Conflict, Forbidden, Invalid, NotFound, TooLarge
from weighbridge.media import frames
from weighbridge.outbound.guard import Guard, read_networks
from weighbridge.services import asset_work
from weighbridge.services.assets import Assets, Wanted
from weighbridge.services.keys import Keys
from weighbridge.services.links import Links
from weighbridge.store import assets as rows
from weighbridge.store.engine import Store
from weighbridge.store.keys import ensure_workspace
from weighbridge.store.moments import now

LOCAL = Guard(read_networks("127.0.0.1"))


@dataclass
class Here:
    """The files of a store, and who hands them in."""

    assets: Assets
    store: Store
    me: Caller
    other: Caller
    folder: Path

    def file(self, data: bytes) -> Path:
        path = self.folder / "handed-in"
        path.write_bytes(data)
        return path

    async def take(self, asset: Asset, data: bytes, media_type: str | None = None) -> Asset:
        return await self.assets.take(asset.id, asset.workspace_id, self.file(data), media_type)

    async def ended(self, asset: Asset) -> Asset:
        for _ in range(3_000):
            asset = await self.assets.get(self.me, asset.id)
            if asset.state in {AssetState.COMPLETED, AssetState.FAILED}:
                return asset
            await asyncio.sleep(0.02)
        raise AssertionError(asset)

    async def put(self, asset: Asset) -> None:
        async with self.store.begin() as connection:
            assert await rows.set_asset(connection, asset)


@pytest.fixture
async def here(store: Store, tmp_path: Path) -> AsyncIterator[Here]:
    me = await Keys(store).operator()
    async with store.begin() as connection:
        other = replace(me, workspace_id=await ensure_workspace(connection, "other"))
    assets = Assets(store, Links(store), LOCAL)
    yield Here(assets, store, me, other, tmp_path)
    await assets.close()


@pytest.fixture
async def origin(tmp_path: Path) -> AsyncIterator[str]:
    clip = video(tmp_path / "origin.mp4", frames=4)

    async def answer(request: web.Request) -> web.Response:
        match request.path:
            case "/a.png":
                return web.Response(body=png(), content_type="text/html")
            case "/clip":
                return web.Response(body=clip)
            case "/broken.mp4":
                return web.Response(body=clip[:300])
            case "/page.png":
                return web.Response(text="<html>not found</html>")
        raise web.HTTPNotFound

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    yield f"http://127.0.0.1:{server.port}"
    await server.close()


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    for piece in data:
        yield piece


# Sent


async def test_an_image_waits_for_its_bytes_and_is_done_when_they_come(here: Here) -> None:
    asset = await here.assets.expect(here.me, "folder\\images/a.png")
    assert (asset.state, asset.kind, asset.media_type) == (
        AssetState.PENDING,
        AssetKind.IMAGE,
        "image/png",
    )
    assert (asset.name, asset.size, asset.author) == ("a.png", None, "operator")
    data = png()
    done = await here.assets.receive(
        asset.id, asset.workspace_id, pieces(data[:9], b"", data[9:]), "image/png"
    )
    assert (done.state, done.size) == (AssetState.COMPLETED, len(data))
    assert await here.assets.get(here.me, asset.id) == done
    assert await here.assets.bytes(done) == data
    assert not list(here.store.folder.glob(".incoming-*"))


async def test_the_same_bytes_may_be_sent_again_and_others_may_not(here: Here) -> None:
    asset = await here.assets.expect(here.me, "a.png")
    done = await here.take(asset, png())
    assert await here.take(asset, png()) == done
    with pytest.raises(Conflict, match="other bytes"):
        await here.take(asset, png(7))
    assert await here.assets.get(here.me, asset.id) == done


async def test_of_two_that_send_at_once_one_is_taken(here: Here) -> None:
    asset = await here.assets.expect(here.me, "a.png")
    sent = [
        here.assets.receive(asset.id, asset.workspace_id, pieces(png(red))) for red in (1, 2, 2)
    ]
    came = await asyncio.gather(*sent, return_exceptions=True)
    kept = await here.assets.bytes(await here.assets.get(here.me, asset.id))
    for red, what in zip((1, 2, 2), came, strict=True):
        assert isinstance(what, Asset if png(red) == kept else Conflict)


async def test_a_text_that_says_it_is_an_image_is_refused_and_may_be_sent_right(
    here: Here,
) -> None:
    asset = await here.assets.expect(here.me, "a.png")
    with pytest.raises(Invalid, match="said to be image/png, and by its content it is text/plain"):
        await here.take(asset, b"only a text")
    failed = await here.assets.get(here.me, asset.id)
    assert failed.state is AssetState.FAILED
    assert failed.problem is not None
    assert "text/plain" in failed.problem
    assert (await here.take(asset, png())).state is AssetState.COMPLETED
    assert (await here.assets.get(here.me, asset.id)).problem is None


async def test_what_is_said_when_the_bytes_come_counts_as_well(here: Here) -> None:
    asset = await here.assets.expect(here.me, "answer")
    with pytest.raises(Invalid, match="said to be video/mp4"):
        await here.take(asset, png(), "video/mp4")
    for media_type in ("application/x-www-form-urlencoded", None, "image/jpeg"):
        fresh = await here.assets.expect(here.me, "answer")
        assert (await here.take(fresh, png(), media_type)).media_type == "image/png"


async def test_each_kind_has_its_limit_and_says_it(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in (AssetKind.IMAGE, AssetKind.TEXT):
        monkeypatch.setitem(asset_work.MOST_BYTES, kind, 1 << 20)
    asset = await here.assets.expect(here.me, "a.png")
    many = (b"x" * (1 << 18) for _ in range(100))
    with pytest.raises(TooLarge, match="at most 1 MiB"):
        await here.assets.receive(asset.id, asset.workspace_id, pieces(*many))
    assert (await here.assets.get(here.me, asset.id)).state is AssetState.FAILED
    unknown = await here.assets.expect(here.me, "answer")
    with pytest.raises(TooLarge, match="of the kind image has at most 1 MiB"):
        await here.take(unknown, png() + b"\0" * (1 << 20))
    with pytest.raises(TooLarge, match="of the kind text has at most 1 MiB"):
        await here.assets.upload(here.me, here.file(b"x" * ((1 << 20) + 1)), "a.txt")


async def test_what_is_too_large_does_not_undo_what_came_before(here: Here) -> None:
    asset = await here.assets.expect(here.me, "a.png")
    done = await here.take(asset, png())
    many = (b"x" * (1 << 20) for _ in range(21))
    with pytest.raises(TooLarge):
        await here.assets.receive(asset.id, asset.workspace_id, pieces(*many))
    assert await here.assets.get(here.me, asset.id) == done


# Videos


async def test_a_video_is_taken_apart_in_the_background(here: Here) -> None:
    data = video(here.folder / "a.mp4")
    asset = await here.assets.upload(here.me, here.file(data), "a.mp4")
    assert asset.state is AssetState.PROCESSING
    done = await here.ended(asset)
    assert (done.state, done.kind, len(done.frames)) == (
        AssetState.COMPLETED,
        AssetKind.VIDEO,
        16,
    )
    assert done.about == {
        "seconds": 5.0,
        "frames_per_second": 10.0,
        "width": 64,
        "height": 48,
    }
    frame = b"".join([piece async for piece in here.assets.open(done.frames[3])])
    assert frame.startswith(b"\xff\xd8\xff")
    assert len(frame) == done.frames[3].size
    assert await here.assets.bytes(done) == data


async def test_a_video_without_pictures_fails_with_a_sentence(here: Here) -> None:
    data = sound(here.folder / "a.mp4")
    failed = await here.ended(await here.assets.upload(here.me, here.file(data), "a.mp4"))
    assert failed.state is AssetState.FAILED
    assert failed.problem == "the video cannot be read: it has no pictures"
    with pytest.raises(Conflict, match="it has no pictures"):
        await here.assets.bytes(failed)


async def test_without_a_decoder_no_video_is_expected(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(Invalid, match="weighbridge\\[video\\]"):
        await here.assets.expect(here.me, "a.mp4")
    data = video(here.folder / "a.mp4", frames=2)
    with pytest.raises(Invalid, match="weighbridge\\[video\\]"):
        await here.assets.upload(here.me, here.file(data), "answer")
    assert await here.assets.count(here.me) == 0


@pytest.mark.parametrize("ask", ["get", "find", "resolve"])
async def test_what_a_killed_server_left_is_taken_up_by_who_asks(here: Here, ask: str) -> None:
    data = video(here.folder / "a.mp4", frames=4)
    asset = await here.ended(await here.assets.upload(here.me, here.file(data), "a.mp4"))
    left = replace(
        asset,
        state=AssetState.PROCESSING,
        frames=(),
        about=None,
        updated_at=now() - timedelta(seconds=60),
    )
    await here.put(left)
    looks: dict[str, Callable[[], object]] = {
        "get": lambda: here.assets.get(here.me, asset.id),
        "find": lambda: here.assets.find(here.me, [asset.id]),
        "resolve": lambda: here.assets.resolve(here.me, asset.id, None),
    }
    await looks[ask]()  # type: ignore[misc]
    assert (await here.ended(asset)).frames == asset.frames


async def test_what_another_server_works_on_is_left_to_it(here: Here) -> None:
    data = video(here.folder / "a.mp4", frames=4)
    asset = await here.ended(await here.assets.upload(here.me, here.file(data), "a.mp4"))
    await here.put(replace(asset, state=AssetState.PROCESSING, updated_at=now()))
    for _ in range(10):
        assert (await here.assets.get(here.me, asset.id)).state is AssetState.PROCESSING
        await asyncio.sleep(0.02)


async def test_who_works_on_a_file_says_so(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asset_work, "_BEAT_S", 0.02)
    goes_on = asyncio.Event()

    async def slow(path: Path, media_type: str) -> frames.Apart:
        await goes_on.wait()
        return await frames.take_apart(path, media_type)

    monkeypatch.setattr(asset_work, "take_apart", slow)
    data = video(here.folder / "a.mp4", frames=4)
    asset = await here.assets.upload(here.me, here.file(data), "a.mp4")
    for _ in range(2_000):
        if (await here.assets.get(here.me, asset.id)).updated_at > asset.updated_at:
            break
        await asyncio.sleep(0.02)
    else:
        raise AssertionError("nobody said so")
    goes_on.set()
    assert (await here.ended(asset)).state is AssetState.COMPLETED


# Fetched


async def test_an_image_is_fetched_and_its_server_not_believed(here: Here, origin: str) -> None:
    asset = await here.assets.fetch(here.me, f"{origin}/a.png?x=1")
    assert (asset.state, asset.name) == (AssetState.PROCESSING, "a.png")
    done = await here.ended(asset)
    assert (done.state, done.media_type, done.problem) == (
        AssetState.COMPLETED,
        "image/png",
        None,
    )
    assert await here.assets.bytes(done) == png()


async def test_a_video_is_fetched_and_taken_apart(here: Here, origin: str) -> None:
    done = await here.ended(await here.assets.fetch(here.me, f"{origin}/clip"))
    assert (done.state, done.kind, len(done.frames)) == (
        AssetState.COMPLETED,
        AssetKind.VIDEO,
        4,
    )


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/missing.png", "answered 404"),
        ("/page.png", "said to be image/png, and by its content it is text/html"),
        ("/broken.mp4", "the video cannot be read"),
    ],
)
async def test_what_cannot_be_fetched_fails_with_the_reason(
    here: Here, origin: str, path: str, said: str
) -> None:
    failed = await here.ended(await here.assets.fetch(here.me, origin + path))
    assert failed.state is AssetState.FAILED
    assert failed.problem is not None
    assert said in failed.problem


async def test_a_private_address_is_not_fetched_from(here: Here, origin: str) -> None:
    assets = Assets(here.store, Links(here.store), Guard())
    asset = await assets.fetch(here.me, f"{origin}/a.png")
    failed = await here.ended(asset)
    assert failed.problem is not None
    assert "not an address that everyone can reach" in failed.problem
    await assets.close()


async def test_an_error_of_ours_fails_the_file_and_not_the_server(
    here: Here, origin: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_path: Path) -> str:
        raise RuntimeError("a secret of the server")

    monkeypatch.setattr(asset_work, "hash_file", broken)
    failed = await here.ended(await here.assets.fetch(here.me, f"{origin}/a.png"))
    assert failed.problem == "the server failed; its log says more"
    assert "a secret of the server" in caplog.text


async def test_what_was_being_fetched_when_the_server_ended_is_fetched_again(
    here: Here, origin: str
) -> None:
    asset = await here.assets.fetch(here.me, f"{origin}/a.png")
    await here.assets.close()
    left = replace(asset, updated_at=now() - timedelta(seconds=60))
    await here.put(left)
    again = Assets(here.store, Links(here.store), LOCAL)
    await again.get(here.me, asset.id)
    assert (await here.ended(asset)).state is AssetState.COMPLETED
    await again.close()


async def test_no_more_than_four_are_fetched_at_once(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_going, most = 0, 0

    async def answer(_request: web.Request) -> web.Response:
        nonlocal now_going, most
        now_going += 1
        most = max(most, now_going)
        await asyncio.sleep(0.05)
        now_going -= 1
        return web.Response(body=png())

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    where = f"http://127.0.0.1:{server.port}/a.png"
    made = await here.assets.add(here.me, [Wanted.at(where)] * 9)
    for asset in made:
        assert (await here.ended(asset)).state is AssetState.COMPLETED
    assert most == 4
    await server.close()


async def test_files_are_expected_all_or_none(here: Here) -> None:
    files = [Wanted("a.png"), Wanted.at("ftp://example.com/a.png")]
    with pytest.raises(Invalid, match="begins with https"):
        await here.assets.add(here.me, files)
    assert await here.assets.count(here.me) == 0


# Looked at, and given out


async def test_files_are_referred_to_by_id_by_path_and_by_link(here: Here) -> None:
    asset = await here.assets.upload(here.me, here.file(png()), "a.png")
    uuid = str(uuid_of(asset.id))
    for file_id, path in (
        (asset.id, None),
        (uuid, None),
        (uuid.upper(), "nonsense"),
        (None, f"{uuid}.png"),
        ("", f"s3://bucket/x/{uuid}.jpeg"),
        (None, f"http://here/v2/files/-/content/abc.def?file={uuid}.png"),
    ):
        assert await here.assets.resolve(here.me, file_id, path) == asset


@pytest.mark.parametrize("said", ["", "a.png", "asset_", "asset_\0", "asset_" + "0" * 26, "1" * 32])
async def test_what_refers_to_nothing_is_not_found(here: Here, said: str) -> None:
    with pytest.raises(NotFound, match="there is no"):
        await here.assets.resolve(here.me, said, None)
    with pytest.raises(NotFound, match="there is no"):
        await here.assets.resolve(here.me, None, said)


async def test_nothing_of_another_workspace_is_seen(here: Here) -> None:
    asset = await here.assets.upload(here.me, here.file(png()), "a.png")
    uuid = str(uuid_of(asset.id))
    assert await here.assets.list(here.other) == []
    assert await here.assets.count(here.other) == 0
    assert await here.assets.find(here.other, [asset.id]) == {}
    for attempt in (
        here.assets.get(here.other, asset.id),
        here.assets.resolve(here.other, uuid, None),
        here.assets.delete(here.other, asset.id),
        here.assets.take(asset.id, here.other.workspace_id, here.file(png())),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert [it.id for it in await here.assets.list(here.me)] == [asset.id]


async def test_a_deleted_file_cannot_be_had_by_an_old_link(here: Here) -> None:
    asset = await here.assets.upload(here.me, here.file(png()), "a.png")
    token = await here.assets.link_to_get(asset)
    assert await here.assets.by_link(token) == (asset, None)
    await here.assets.delete(here.me, asset.id)
    with pytest.raises(NotFound):
        await here.assets.by_link(token)
    with pytest.raises(NotFound):
        await here.assets.resolve(here.me, asset.id, None)


async def test_a_link_in_one_direction_is_worth_nothing_in_the_other(here: Here) -> None:
    asset = await here.assets.expect(here.me, "a.png")
    with pytest.raises(NotFound):
        await here.assets.by_link(await here.assets.link_to_send(asset))
    with pytest.raises(NotFound):
        token = await here.assets.link_to_get(asset)
        await here.assets.receive_by_link(token, pieces(png()))
    with pytest.raises(Conflict, match="have not come yet"):
        await here.assets.by_link(await here.assets.link_to_get(asset))
    await here.assets.receive_by_link(await here.assets.link_to_send(asset), pieces(png()))
    found, _ = await here.assets.by_link(await here.assets.link_to_get(asset))
    assert found.state is AssetState.COMPLETED


async def test_the_text_of_a_text_and_of_a_page_can_be_read(here: Here) -> None:
    text = "\ufeffLorries\r\nare heavy, e\u0301t."
    plain = await here.assets.upload(here.me, here.file(text.encode()), "truth.csv")
    assert await here.assets.text(plain) == "Lorries\nare heavy, ét."
    page = await here.assets.upload(
        here.me, here.file(b"<html><body><p>Lorries &amp; axles</p></body></html>"), "truth"
    )
    assert page.kind is AssetKind.DOCUMENT
    assert await here.assets.text(page) == "Lorries & axles"
    image = await here.assets.upload(here.me, here.file(png()), "a.png")
    with pytest.raises(Invalid, match="a text or a document was expected"):
        await here.assets.text(image)
    pending = await here.assets.expect(here.me, "a.txt")
    with pytest.raises(Conflict, match="have not come yet"):
        await here.assets.text(pending)


async def test_readers_hand_nothing_in(here: Here) -> None:
    reader = replace(here.me, role=Role.READER)
    asset = await here.assets.upload(here.me, here.file(png()), "a.png")
    for attempt in (
        here.assets.expect(reader, "a.png"),
        here.assets.fetch(reader, "https://example.com/a.png"),
        here.assets.upload(reader, here.file(png()), "a.png"),
        here.assets.delete(reader, asset.id),
    ):
        with pytest.raises(Forbidden):
            await attempt
    assert await here.assets.get(reader, asset.id) == asset


@pytest.mark.parametrize(
    ("name", "kept"),
    [("", "file"), ("a/b/", "b"), ("x" * 300 + ".png", "x" * 251 + ".png"), ("a\nb\x7f", "a�b�")],
)
async def test_names_are_made_fit_to_be_shown(here: Here, name: str, kept: str) -> None:
    assert (await here.assets.expect(here.me, name)).name == kept
