"""Files: sent by links, uploaded, fetched; the client's own ways of doing so."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from dialects.aymara.conftest import Api, problem
from support.videos import png, video
from weighbridge.core.caller import Role
from weighbridge.core.ids import uuid_of
from weighbridge.wiring import Services


@pytest.fixture
async def stranger(client: httpx2.AsyncClient) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody without a key, as clients send files."""
    async with httpx2.AsyncClient(transport=client._transport) as stranger:
        yield stranger


async def create(api: Api, *files: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
    answer = await api.post("/files", {"files": list(files), **fields})
    assert answer.status_code == 200, answer.text
    made: list[dict[str, Any]] = answer.json()["files"]
    return made


async def upload(api: Api, data: bytes, name: str, **query: Any) -> httpx2.Response:
    return await api.client.post("/files/-/uploads", files={"file": (name, data)}, params=query)


async def ended(api: Api, file: dict[str, Any]) -> dict[str, Any]:
    for _ in range(2_000):
        status: dict[str, Any] = await api.get(f"/files/{file['file_uuid']}/status")
        if status["processing_status"] in {"completed", "failed"}:
            return status
        await asyncio.sleep(0.03)
    raise AssertionError(status)


async def test_an_image_is_sent_to_a_link_that_needs_no_key(
    api: Api, stranger: httpx2.AsyncClient
) -> None:
    (made,) = await create(api, {"local_file_path": "images/a.png"})
    assert str(UUID(made["file_uuid"])) == made["file_uuid"]
    assert made["remote_file_path"] == f"{made['file_uuid']}.png"
    assert made["file_url"].startswith("http://test/v2/files/-/content/")
    assert (made["content_type"], made["processing_status"]) == ("image/png", "pending")
    assert (made["local_file_path"], made["remote_uri"]) == ("images/a.png", None)

    async def chunks() -> AsyncIterator[bytes]:
        yield png()[:10]
        yield png()[10:]

    for content in (png(), chunks()):
        sent = await stranger.put(
            made["file_url"], content=content, headers={"Content-Type": "image/png"}
        )
        assert sent.status_code == 200, sent.text
    assert (await ended(api, made))["processing_status"] == "completed"
    detail = await api.get(f"/files/{made['file_uuid']}")
    assert (detail["file_type"], detail["file_size_bytes"]) == ("image", len(png()))
    got = await stranger.get(detail["file_url"])
    assert (got.content, got.headers["content-type"]) == (png(), "image/png")
    assert got.headers["content-disposition"] == "inline; filename*=UTF-8''a.png"
    assert got.headers["x-content-type-options"] == "nosniff"


async def test_a_link_that_is_forged_or_of_the_other_direction_is_no_link(
    api: Api, stranger: httpx2.AsyncClient
) -> None:
    (made,) = await create(api, {"local_file_path": "a.png"})
    url = made["file_url"]
    problem(await stranger.get(url), 404, "resource.not_found")
    for forged in (url[:-1], f"{url}A", url[: url.rindex("/")] + "/x", url.replace(".", "%2E.")):
        answer = await stranger.put(forged, content=png())
        assert "not one that was given out" in problem(answer, 404, "resource.not_found")


@pytest.mark.parametrize(
    ("data", "said"), [(b"only a text", "text/plain"), (b"", "empty"), (b"\0" * 9, "nothing that")]
)
async def test_what_is_not_what_it_was_said_to_be_is_refused(
    api: Api, stranger: httpx2.AsyncClient, data: bytes, said: str
) -> None:
    (made,) = await create(api, {"local_file_path": "a.png"})
    answer = await stranger.put(made["file_url"], content=data)
    assert said in problem(answer, 400, "validation.invalid_request")
    status = await ended(api, made)
    assert status["processing_status"] == "failed"
    assert said in status["error_message"]
    assert status["remote_file_path"] is None


async def test_too_much_is_refused_and_other_bytes_are_a_conflict(
    api: Api, stranger: httpx2.AsyncClient
) -> None:
    (made,) = await create(api, {"local_file_path": "a.png"})
    answer = await stranger.put(made["file_url"], content=png() + b"\0" * (4 << 20))
    assert "over the limit" in problem(answer, 413, "validation.invalid_request")
    assert (await stranger.put(made["file_url"], content=png())).status_code == 200
    answer = await stranger.put(made["file_url"], content=png(7))
    assert "other bytes" in problem(answer, 409, "resource.conflict")


async def test_a_file_is_uploaded_at_once(api: Api, stranger: httpx2.AsyncClient) -> None:
    answer = await upload(api, "Wörter".encode(), "Wörter <b>.md")
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert (made["content_type"], made["processing_status"]) == ("text/markdown", "completed")
    got = await stranger.get(made["file_url"])
    assert got.text == "Wörter"
    assert got.headers["content-type"] == "text/markdown; charset=utf-8"
    assert got.headers["content-disposition"] == (
        "attachment; filename*=UTF-8''W%C3%B6rter%20%3Cb%3E.md"
    )
    assert "default-src 'none'" in got.headers["content-security-policy"]


async def test_an_upload_without_its_file_is_refused(api: Api) -> None:
    answer = await api.client.post("/files/-/uploads", files={"other": ("a.png", png())})
    assert "file: exactly one file" in problem(answer, 422, "validation.invalid_request")
    answer = await api.post("/files/-/uploads", {})
    problem(answer, 415, "validation.invalid_request")
    answer = await upload(api, b"", "a.png")
    assert "empty" in problem(answer, 400, "validation.invalid_request")
    assert (await api.get("/files"))["count"] == 0


async def test_a_video_has_frames_once_it_is_taken_apart(
    api: Api, stranger: httpx2.AsyncClient, tmp_path: Path
) -> None:
    made = (await upload(api, video(tmp_path / "a.mp4"), "a.mp4")).json()
    assert made["processing_status"] == "processing"
    answer = await api.client.get(f"/files/{made['file_uuid']}/frames")
    if answer.status_code != 200:  # it may have been faster than we are
        assert "not taken apart yet" in problem(answer, 400, "validation.invalid_request")
    assert (await ended(api, made))["processing_status"] == "completed"
    found = await api.get(f"/files/{made['file_uuid']}/frames")
    assert (found["file_uuid"], found["frame_count"]) == (made["file_uuid"], 16)
    frames = [await stranger.get(url) for url in found["frame_urls"]]
    assert all(it.headers["content-type"] == "image/jpeg" for it in frames)
    assert all(it.content.startswith(b"\xff\xd8\xff") for it in frames)
    assert len({it.content for it in frames}) > 8
    detail = await api.get(f"/files/{made['file_uuid']}")
    assert detail["video_metadata"] == {
        "duration": 5.0,
        "fps": 10.0,
        "width": 64,
        "height": 48,
        "frame_count": 16,
    }


async def test_what_is_no_video_has_no_frames(api: Api) -> None:
    made = (await upload(api, png(), "a.png")).json()
    answer = await api.client.get(f"/files/{made['file_uuid']}/frames")
    assert "only videos have frames" in problem(answer, 400, "validation.invalid_request")


async def test_a_file_is_fetched_from_its_address(api: Api, stranger: httpx2.AsyncClient) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=png() if request.path == "/a.png" else b"\0")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    here = f"http://127.0.0.1:{server.port}"
    good, bad, hidden = await create(
        api,
        {"remote_uri": f"{here}/a.png", "local_file_path": None},
        {"remote_uri": f"{here}/b", "content_type": "image/png"},
        {"remote_uri": "http://169.254.169.254/latest/meta-data"},
    )
    assert (good["processing_status"], good["remote_uri"]) == ("pending", f"{here}/a.png")
    assert (await ended(api, good))["processing_status"] == "completed"
    assert (await stranger.get(good["file_url"])).content == png()
    assert (await ended(api, bad))["processing_status"] == "failed"
    assert "everyone can reach" in (await ended(api, hidden))["error_message"]
    await server.close()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], "at least 1 item"),
        ([{}], "files.0: a file has either"),
        ([{"local_file_path": "a.png", "remote_uri": "https://example.com"}], "either"),
        ([{"local_file_path": "a.png"}, {"remote_uri": "file:///x"}], "files.1: an address begins"),
        ([{"remote_uri": "http://[::1"}], "files.0: that is no address"),
        ([{"remote_uri": "https://me:secret@example.com/"}], "user name or a password"),
        ([{"local_file_path": "a.mp3", "content_type": "audio/mpeg"}], "are not read"),
        ([{"local_file_path": "a"}] * 101, "at most 100 items"),
    ],
)
async def test_what_cannot_come_is_refused_with_its_place(
    api: Api, files: list[Any], said: str
) -> None:
    answer = await api.post("/files", {"files": files})
    assert answer.status_code == 422
    assert said in answer.json()["error"]["message"]
    assert (await api.get("/files"))["count"] == 0


async def test_files_are_listed_by_type_and_page(api: Api) -> None:
    for number in range(3):
        await upload(api, png(number), f"{number}.png")
    await upload(api, b"words", "a.txt")
    found = await api.get("/files", file_type="image", limit=2)
    assert found["count"] == 3
    assert [it["original_file_url"] for it in found["items"]] == ["2.png", "1.png"]
    assert (await api.get("/files", limit=2, offset=3))["items"][0]["file_size_bytes"] == len(png())
    answer = await api.client.get("/files", params={"file_type": "music"})
    problem(answer, 422, "validation.invalid_format")


async def test_a_deleted_file_is_gone(api: Api, stranger: httpx2.AsyncClient) -> None:
    made = (await upload(api, png(), "a.png")).json()
    path = f"/files/{made['file_uuid']}"
    answer = await api.client.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    for again in (
        await api.client.get(path),
        await api.client.delete(path),
        await api.client.get(f"{path}/status"),
        await api.client.get(f"{path}/frames"),
        await stranger.get(made["file_url"]),
    ):
        problem(again, 404, "resource.not_found")
    assert (await api.get("/files"))["items"] == []


@pytest.mark.parametrize(
    "file_uuid", ["00000000-0000-4000-8000-000000000000", "no-uuid", "-", "asset_1"]
)
async def test_a_file_that_never_was_is_not_found(api: Api, file_uuid: str) -> None:
    problem(await api.client.get(f"/files/{file_uuid}"), 404, "resource.not_found")


async def test_a_workspace_sees_its_own_files_only(
    api: Api, services: Services, client: httpx2.AsyncClient
) -> None:
    made = (await upload(api, png(), "a.png")).json()
    me = await services.keys.operator()
    _, secret = await services.keys.create(me, name="theirs", workspace="other")
    theirs = {"x-api-key": secret}
    for path in ("", "/status", "/frames"):
        answer = await client.get(f"/files/{made['file_uuid']}{path}", headers=theirs)
        problem(answer, 404, "resource.not_found")
    assert (await client.get("/files", headers=theirs)).json() == {"items": [], "count": 0}
    mine = str(uuid_of(me.workspace_id))
    answer = await client.get("/files", params={"workspace_uuid": mine}, headers=theirs)
    problem(answer, 404, "resource.not_found")
    files = [{"local_file_path": "a.png"}]
    for workspace, status in ((None, 200), ("*", 200), (mine, 200), (str(uuid4()), 404)):
        answer = await api.post("/files", {"files": files, "workspace_uuid": workspace})
        assert answer.status_code == status
        answer = await client.post(
            "/files/-/uploads",
            files={"file": ("a.png", png())},
            data={} if workspace is None else {"workspace_uuid": workspace},
        )
        assert answer.status_code == status


async def test_readers_look_and_hand_nothing_in(api: Api, services: Services) -> None:
    made = (await upload(api, png(), "a.png")).json()
    me = await services.keys.operator()
    _, secret = await services.keys.create(me, name="reader", role=Role.READER)
    api.client.headers["x-api-key"] = secret
    code = "auth.insufficient_permissions"
    problem(await api.post("/files", {"files": [{"local_file_path": "a"}]}), 403, code)
    problem(await upload(api, png(), "a.png"), 403, code)
    problem(await api.client.delete(f"/files/{made['file_uuid']}"), 403, code)
    assert (await api.get("/files"))["count"] == 1
    api.client.headers["x-api-key"] = "wb_nobody"
    problem(await upload(api, png(), "a.png"), 401, "auth.invalid_key")


@pytest.mark.usefixtures("working")
async def test_the_link_of_an_answer_gives_its_file_and_names_it_again(
    api: Api, stranger: httpx2.AsyncClient
) -> None:
    made = (await upload(api, png(), "a.png")).json()
    suite = await api.eval(eval_type="image_safety", modality="image", num_prompts=1)
    for reference in (made["remote_file_path"], made["file_url"]):
        answer = {
            "content": {"remote_file_path": reference},
            "content_type": "image",
            "exclude_from_scoring": True,
        }
        (response,) = await api.responses(await api.run(suite, answer))
        assert response["content"]["file_uuid"] == made["file_uuid"]
        link = response["content"]["remote_file_path"]
        assert (await stranger.get(link)).content == png()
        assert made["remote_file_path"] in link
