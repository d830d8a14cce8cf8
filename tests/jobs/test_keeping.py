"""Thoughts, images and refusals come with an answer and are kept with it."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from support.running import Bench, FakeModel
from weighbridge.core.outcome import Record, Usage
from weighbridge.core.run import RunState
from weighbridge.errors import InvalidFields, OutOfSpace
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.jobs.keeping import MOST_THINKING, image_key, keep
from weighbridge.providers.base import ChatRequest, Image, ImagePart, Reply, VideoPart
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.declared import DeclaredModel, ModelsFile
from weighbridge.providers.model import Models
from weighbridge.services.datasets import Datasets
from weighbridge.services.evaluations import Evaluations
from weighbridge.spec import parse_spec
from weighbridge.store.blobs import Blobs
from weighbridge.store.outcomes import stream_outcomes
from weighbridge.store.runs import find_run

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
SHA256 = hashlib.sha256(PNG).hexdigest()


class Artist(FakeModel):
    """Draws what it is asked, and tells what it thought."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[ChatRequest] = []

    async def chat(self, request: ChatRequest, *, timeout_s: float) -> Reply:
        self.requests.append(request)
        return Reply(
            "a cat",
            "stop",
            Usage(1, 2, 0.5, 1),
            thinking="whiskers",
            images=(Image(PNG, "image/png"),),
        )


def reply(**fields: Any) -> Reply:
    return Reply("x", "stop", Usage(), **fields)


async def test_a_plain_reply_has_nothing_else_to_keep(tmp_path: Path) -> None:
    assert await keep(Blobs(None, tmp_path), reply()) is None


async def test_images_become_blobs_by_their_content(tmp_path: Path) -> None:
    blobs = Blobs(None, tmp_path)
    image = Image(PNG, "image/png")
    details = await keep(blobs, reply(images=(image, image), refusal="SAFETY"))
    kept = {
        "blob": image_key(SHA256),
        "media_type": "image/png",
        "sha256": SHA256,
        "bytes": len(PNG),
    }
    assert details == {"images": [kept, kept], "refusal": "SAFETY"}
    assert await blobs.get(image_key(SHA256)) == PNG
    assert os.listdir(tmp_path / "images" / SHA256[:2]) == [SHA256]


async def test_long_thoughts_are_cut(tmp_path: Path) -> None:
    blobs = Blobs(None, tmp_path)
    details = await keep(blobs, reply(thinking="x" * (MOST_THINKING + 1)))
    assert details == {"thinking": "x" * (MOST_THINKING - 1) + "…"}
    assert await keep(blobs, reply(thinking="x" * MOST_THINKING)) == {
        "thinking": "x" * MOST_THINKING
    }


async def execute(bench: Bench, **fields: Any) -> list[Record]:
    run_id = await bench.queue(2, scorers=[], **fields)
    await run_in_foreground(bench.store, await bench.load(run_id))
    stream = stream_outcomes(bench.store, bench.caller.workspace_id, run_id)
    return [record async for record in stream]


async def test_a_run_keeps_them_with_its_outcomes(bench: Bench) -> None:
    bench.model = Artist()
    records = await execute(bench)
    assert len(records) == 2
    for record in records:
        assert record.answer is not None
        assert record.answer.text == "a cat"
        details: Any = record.answer.details
        assert details["thinking"] == "whiskers"
        assert details["images"][0]["sha256"] == SHA256
    assert await bench.store.blobs.get(image_key(SHA256)) == PNG


async def test_a_run_whose_images_cannot_be_stored_stops_and_keeps_no_half_outcome(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_self: Blobs, _key: str, _data: bytes) -> None:
        raise OutOfSpace("no room left in the blob store")

    bench.model = Artist()
    monkeypatch.setattr(Blobs, "put", full)
    run_id = await bench.queue(20, scorers=[], concurrency=1)
    await run_in_foreground(bench.store, await bench.load(run_id))
    async with bench.store.begin() as connection:
        run = await find_run(connection, bench.caller.workspace_id, run_id)
    assert run is not None
    assert (run.state, run.progress.done) == (RunState.FAILED, 0)
    assert "no room left" in (run.reason or "")
    assert len(bench.model.requests) == 1


async def test_images_and_videos_of_a_case_are_sent_after_its_text(bench: Bench) -> None:
    bench.model = artist = Artist()
    message = {
        "role": "user",
        "content": "what?",
        "videos": ["https://h/{id}.mp4"],
        "images": ["https://h/{id}.png", ""],  # what comes out empty is not sent
    }
    await execute(bench, concurrency=1, prompt=None, messages=[message])
    assert [request.messages[0].content for request in artist.requests] == [
        ("what?", ImagePart(f"https://h/{name}.png"), VideoPart(f"https://h/{name}.mp4"))
        for name in ("c0", "c1")
    ]


@pytest.mark.parametrize(
    ("protocol", "fields", "words"),
    [
        (
            "anthropic",
            {"messages": [{"role": "user", "content": "x", "videos": ["{q}"]}]},
            "takes no videos",
        ),
        ("anthropic", {"prompt": "{q}", "params": {"seed": 1}}, "has no 'seed'"),
        ("openai-images", {"prompt": "{q}", "schema": {"type": "object"}}, "makes no text"),
        ("google", {"prompt": "{q}", "params": {"best_of": 3}}, "'best_of' is not supported"),
    ],
)
async def test_what_a_protocol_does_not_have_is_refused_before_the_first_call(
    bench: Bench, protocol: str, fields: dict[str, Any], words: str
) -> None:
    declared = DeclaredModel(name="m", protocol=protocol, base_url="http://127.0.0.1:9/v1")
    models = Models(Catalog(ModelsFile(models=(declared,)), {}))
    evaluations = Evaluations(bench.store, models, Datasets(bench.store))
    spec = parse_spec({"cases": [{"q": "https://h/x"}], "model": "m", **fields})
    for accept in (evaluations.start, evaluations.check):
        with pytest.raises(InvalidFields) as caught:
            await accept(bench.caller, spec)
        [problem] = caught.value.problems
        assert problem.field == "model"
        assert problem.message.startswith("the model 'm' cannot be asked this: ")
        assert words in problem.message
    await models.close()
