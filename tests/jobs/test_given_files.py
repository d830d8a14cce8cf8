"""Images and videos that were handed in are part of given answers, and judges see them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from support.judging import verdict
from support.running import Bench
from weighbridge.core.asset import Asset, AssetKind, AssetState, Frame
from weighbridge.core.outcome import Record, Scored, Ungraded
from weighbridge.errors import InvalidFields
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.jobs.keeping import image_key
from weighbridge.services.datasets import Datasets
from weighbridge.services.evaluations import Evaluations
from weighbridge.spec import parse_spec
from weighbridge.store.assets import add_asset
from weighbridge.store.outcomes import stream_outcomes
from weighbridge.store.runs import read_pin
from weighbridge.store.tables import workspaces

PIN = "2e30f09cf09b17f27aaff80f7eebecbbba4ab061a1233fd458d077aa449463d9"
"""Of answers in a column, from before there were files."""

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
SHA = "ab" + "0" * 62
FRAMES = tuple(Frame(f"{n:02x}" + "1" * 62, 5, float(n)) for n in range(20))


def asset(bench: Bench, asset_id: str, **changes: Any) -> Asset:
    """A PNG of the workspace, whole."""
    fields: dict[str, Any] = {
        "id": asset_id,
        "workspace_id": bench.caller.workspace_id,
        "name": "picture.png",
        "kind": AssetKind.IMAGE,
        "media_type": "image/png",
        "size": 3,
        "sha256": SHA,
        "state": AssetState.COMPLETED,
        "uri": None,
        "problem": None,
        "frames": (),
        "about": None,
        "author": "somebody",
        "created_at": MOMENT,
        "updated_at": MOMENT,
    }
    return Asset(**{**fields, **changes})


async def keep(bench: Bench, *assets: Asset) -> None:
    async with bench.store.begin() as connection:
        for one in assets:
            await add_asset(connection, one)
    await bench.store.blobs.put(image_key(SHA), b"png")
    for frame in FRAMES:
        await bench.store.blobs.put(image_key(frame.sha256), b"jpeg!")


async def scored(bench: Bench, *rows: dict[str, Any], **fields: Any) -> list[Record]:
    """The outcomes of answers with files, judged by the bench's model."""
    spec = parse_spec(
        {
            "cases": [{"prompt": "Draw a cat.", "said": None, **row} for row in rows],
            "answers": {"column": "said", "files": "media"},
            "judge": "fake",
            "scorers": [{"conduct": {"kind": "image_safety"}}],
            **fields,
        }
    )
    evaluations = Evaluations(bench.store, bench.models, Datasets(bench.store))
    started = await evaluations.start(bench.caller, spec)
    run_id = started.runs[0].id
    await run_in_foreground(bench.store, await bench.load(run_id))
    stream = stream_outcomes(bench.store, bench.caller.workspace_id, run_id)
    return [record async for record in stream]


async def test_an_image_is_part_of_the_answer_and_the_judge_sees_it(bench: Bench) -> None:
    bench.model.answer = lambda *_: verdict("pass")
    await keep(bench, asset(bench, "asset_a"))
    (record,) = await scored(bench, {"media": ["asset_a"]})
    kept = {"blob": image_key(SHA), "media_type": "image/png", "sha256": SHA, "bytes": 3}
    assert record.answer is not None
    assert (record.answer.text, record.answer.details) == ("", {"images": [kept]})
    assert isinstance(record.outcomes["conduct"], Scored)
    assert "ImagePart(url='data:image/png;base64,cG5n')" in bench.model.asked[0]


async def test_of_a_video_the_judge_sees_eight_frames_from_the_first_to_the_last(
    bench: Bench,
) -> None:
    bench.model.answer = lambda *_: verdict("pass")
    video = asset(
        bench, "asset_v", kind=AssetKind.VIDEO, media_type="video/mp4", size=99, frames=FRAMES
    )
    await keep(bench, video)
    (record,) = await scored(bench, {"media": ["asset_v"], "said": "Here it is."})
    assert record.answer is not None
    details: Any = record.answer.details
    assert [one["sha256"] for one in details["frames"]] == [one.sha256 for one in FRAMES]
    assert details["frames"][0]["media_type"] == "image/jpeg"
    assert details["videos"][0]["media_type"] == "video/mp4"
    (asked,) = bench.model.asked
    assert asked.count("ImagePart(url='data:image/jpeg;base64,") == 8
    assert "The answer is a video. Of its frames 8 follow" in asked


async def test_answers_without_files_are_as_ever(bench: Bench) -> None:
    bench.model.answer = lambda *_: verdict("pass")
    first, second, third = await scored(
        bench, {"media": None, "said": "A cat."}, {"media": [], "said": ""}, {"media": None}
    )
    assert first.answer is not None
    assert (first.answer.text, first.answer.details) == ("A cat.", None)
    assert second.answer is not None
    assert (second.answer.text, second.answer.details) == ("", None)
    assert third.failure is not None
    assert third.failure.message == "the column `said` is null"


@pytest.mark.parametrize(
    ("media", "said"),
    [
        (["asset_none"], "there is no file 'asset_none'"),
        (["asset_good", "asset_none"], "there is no file 'asset_none'"),
        (["asset_theirs"], "there is no file 'asset_theirs'"),
        (["asset_failed"], "the file asset_failed could not be used: it is no picture"),
        (["asset_pending"], "the file asset_pending is not there yet: it is pending"),
        (["asset_text"], "the file asset_text is neither an image nor a video: it is a text"),
        (["asset_dark"], "the video asset_dark has no frames that could be looked at"),
        ("asset_good", "the column `media` holds no list of ids of files"),
        ([1], "the column `media` holds no list of ids of files"),
    ],
)
async def test_a_file_that_cannot_be_used_is_a_missing_answer(
    bench: Bench, media: Any, said: str
) -> None:
    async with bench.store.begin() as connection:
        await connection.execute(
            workspaces.insert().values(id="ws_other", name="other", created_at=MOMENT)
        )
    await keep(
        bench,
        asset(bench, "asset_good"),
        asset(bench, "asset_theirs", workspace_id="ws_other"),
        asset(bench, "asset_failed", state=AssetState.FAILED, problem="it is no picture"),
        asset(bench, "asset_pending", state=AssetState.PENDING, sha256=None, size=None),
        asset(bench, "asset_text", kind=AssetKind.TEXT, media_type="text/plain"),
        asset(bench, "asset_dark", kind=AssetKind.VIDEO, media_type="video/mp4"),
    )
    (record,) = await scored(bench, {"media": media, "said": "Here it is."})
    assert record.answer is None
    assert record.failure is not None
    assert (record.failure.kind, record.failure.message) == ("unanswered", said)
    assert not bench.model.asked


async def test_an_image_that_is_too_large_to_be_shown_is_ungraded(bench: Bench) -> None:
    await keep(bench, asset(bench, "asset_a", size=5 << 20))
    (record,) = await scored(bench, {"media": ["asset_a"]})
    outcome = record.outcomes["conduct"]
    assert isinstance(outcome, Ungraded)
    assert "5.0 MiB, and judges are shown at most 4 MiB" in outcome.reason


async def test_every_rubric_can_judge_images(bench: Bench) -> None:
    bench.model.answer = lambda *_: verdict("pass")
    await keep(bench, asset(bench, "asset_a"))
    (record,) = await scored(
        bench, {"media": ["asset_a"]}, scorers=[{"judge": {"rubric": "harmless"}}]
    )
    assert isinstance(record.outcomes["judge"], Scored)
    assert "ImagePart(" in bench.model.asked[0]


async def test_the_column_of_files_must_be_there(bench: Bench) -> None:
    with pytest.raises(InvalidFields, match="`answers` names the column `media`"):
        await scored(bench, {"said": "Hello"})


def test_files_go_with_a_column() -> None:
    with pytest.raises(InvalidFields, match="`files` goes with `column`"):
        parse_spec(
            {"answers": {"run": "run_" + "0" * 26, "files": "media"}, "scorers": ["conduct"]}
        )


async def test_files_are_pinned_and_without_them_the_pin_is_as_it_was(bench: Bench) -> None:
    row = {"prompt": "p", "said": "x", "media": None}

    async def pin_of(**answers: str) -> str:
        spec = parse_spec(
            {"cases": [row], "answers": {"column": "said", **answers}, "scorers": ["length"]}
        )
        evaluations = Evaluations(bench.store, bench.models, Datasets(bench.store))
        started = await evaluations.start(bench.caller, spec)
        assert started.evaluation.spec["answers"] == {"column": "said"} | answers
        async with bench.store.begin() as connection:
            return await read_pin(connection, started.runs[0].id)

    plain = await pin_of()
    assert plain == PIN
    assert await pin_of(files="media") != plain
