"""Frames out of videos; what is broken or hostile is refused, and takes nothing else with it."""

import asyncio
import importlib.util
import os
import random
from pathlib import Path

import numpy as np
import pytest

from support.videos import pixels_of, sound, video
from weighbridge.errors import Invalid
from weighbridge.media import frames, frames_child
from weighbridge.media.frames import MOST_FRAMES, take_apart


@pytest.mark.parametrize(
    ("name", "codec", "media_type"),
    [
        ("a.mp4", "libx264", "video/mp4"),
        ("a.mov", "mpeg4", "video/quicktime"),
        ("a.webm", "libvpx", "video/webm"),
        ("a.mkv", "mpeg4", "video/x-matroska"),
        ("a.avi", "mpeg4", "video/x-msvideo"),
    ],
)
async def test_frames_are_spread_evenly_and_show_what_was_there(
    tmp_path: Path, name: str, codec: str, media_type: str
) -> None:
    path = tmp_path / name
    video(path, codec=codec, frames=100)
    apart = await take_apart(path, media_type)
    assert apart.about == {
        "seconds": pytest.approx(10, abs=0.2),
        "frames_per_second": 10.0,
        "width": 64,
        "height": 48,
    }
    assert len(apart.frames) == MOST_FRAMES
    for part, (data, second) in enumerate(apart.frames):
        assert second == pytest.approx((part + 0.5) * 10 / MOST_FRAMES, abs=0.2)
        (tmp_path / "frame.jpg").write_bytes(data)
        red, green, _ = pixels_of(tmp_path / "frame.jpg").mean(axis=(0, 1))
        assert red == pytest.approx(second * 10 * 255 / 100, abs=20)
        assert green < 20


async def test_a_short_video_has_as_many_frames_as_it_has(tmp_path: Path) -> None:
    video(tmp_path / "a.mp4", frames=3)
    apart = await take_apart(tmp_path / "a.mp4", "video/mp4")
    assert [second for _, second in apart.frames] == [0.0, 0.1, 0.2]


@pytest.mark.parametrize(("size", "shown"), [((1600, 100), (48, 768)), ((64, 48), (48, 64))])
async def test_large_frames_are_made_smaller_and_small_ones_left(
    tmp_path: Path, size: tuple[int, int], shown: tuple[int, int]
) -> None:
    video(tmp_path / "a.mp4", frames=2, size=size)
    apart = await take_apart(tmp_path / "a.mp4", "video/mp4")
    (tmp_path / "frame.jpg").write_bytes(apart.frames[0][0])
    assert pixels_of(tmp_path / "frame.jpg").shape[:2] == shown


async def test_a_video_that_is_held_sideways_is_turned(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    turned = _turned(video(path, frames=2))
    path.write_bytes(turned)
    apart = await take_apart(path, "video/mp4")
    (tmp_path / "frame.jpg").write_bytes(apart.frames[0][0])
    assert pixels_of(tmp_path / "frame.jpg").shape[:2] == (64, 48)


async def test_a_video_without_an_index_is_read_from_its_beginning(tmp_path: Path) -> None:
    whole = video(tmp_path / "a.mkv", frames=100)
    (tmp_path / "b.mkv").write_bytes(whole[: len(whole) * 3 // 4])
    apart = await take_apart(tmp_path / "b.mkv", "video/x-matroska")
    assert 1 <= len(apart.frames) <= MOST_FRAMES


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0\0\x18ftypisom" + b"\0" * 200,
        b"#EXTM3U\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"",
    ],
)
async def test_what_is_no_video_is_refused_with_a_sentence(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(data)
    with pytest.raises(Invalid, match="the video cannot be read: it is damaged"):
        await take_apart(tmp_path / "a.mp4", "video/mp4")


async def test_a_video_without_pictures_is_refused(tmp_path: Path) -> None:
    sound(tmp_path / "a.mp4")
    with pytest.raises(Invalid, match="it has no pictures"):
        await take_apart(tmp_path / "a.mp4", "video/mp4")


async def test_damaged_videos_give_frames_or_a_sentence(tmp_path: Path) -> None:
    chance, said, made = random.Random(6), [], []
    for name, media_type in (("a.mp4", "video/mp4"), ("a.webm", "video/webm")):
        codec = "libvpx" if name.endswith("webm") else "mpeg4"
        whole = video(tmp_path / name, codec=codec, frames=20)
        for _ in range(8):
            damaged = bytearray(whole)
            for _ in range(chance.choice((1, 10, 200))):
                damaged[chance.randrange(8, len(damaged))] = chance.randrange(256)
            (tmp_path / name).write_bytes(damaged[: chance.randrange(20, len(damaged))])
            try:
                made += (await take_apart(tmp_path / name, media_type)).frames
            except Invalid as error:
                said.append(error.message)
    assert all(message.startswith("the video ") for message in said)
    assert all(data.startswith(b"\xff\xd8\xff") for data, _ in made)
    assert said
    assert made


async def test_a_video_that_takes_too_long_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "SECONDS", 0.01)
    video(tmp_path / "a.mp4", frames=2)
    with pytest.raises(Invalid, match=r"over 0\.01 s"):
        await take_apart(tmp_path / "a.mp4", "video/mp4")


async def test_without_a_decoder_videos_are_refused_with_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(Invalid, match=r"pip install 'weighbridge\[video\]'"):
        await take_apart(tmp_path / "a.mp4", "video/mp4")


@pytest.mark.parametrize(
    "made",
    [
        b"",
        b"[]\n",
        b'{"frames": []}\n',
        b'{"frames": [[4, 0]]}\nabcd',
        b'{"frames": [[3, 0]]}\n\xff\xd8\xff and more',
        b'{"frames": [[3, "x"]]}\n\xff\xd8\xff',
        b'{"width": "wide", "frames": [[3, 0]]}\n\xff\xd8\xff',
        b'{"frames": [%s]}\n' % b", ".join([b"[3, 0]"] * 17) + b"\xff\xd8\xff" * 17,
    ],
)
async def test_the_process_is_not_believed_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: bytes
) -> None:
    (tmp_path / "made").write_bytes(made)
    script = tmp_path / "child"
    script.write_text(f"#!/bin/sh\nexec cat {tmp_path / 'made'}\n")
    script.chmod(0o755)
    monkeypatch.setattr(frames.sys, "executable", str(script))
    with pytest.raises(Invalid, match="the video is damaged: "):
        await take_apart(tmp_path / "a.mp4", "video/mp4")


async def test_the_process_can_open_nothing_once_it_reads(tmp_path: Path) -> None:
    # What a hijacked decoder would do is done here in place of decoding.
    video(tmp_path / "a.mp4", frames=2)
    script = (
        "import socket, sys\n"
        "from weighbridge.media import frames_child as child\n"
        "def hijacked(self):\n"
        "    for attempt in (lambda: open('/etc/passwd'), socket.socket):\n"
        "        try:\n"
        "            attempt()\n"
        "        except OSError:\n"
        "            continue\n"
        "        raise child._Refused('it opened something')\n"
        "    raise child._Refused('it could open nothing')\n"
        "child._Video.take = hijacked\n"
        "sys.exit(child.main('mov', sys.argv[1]))\n"
    )
    process = await asyncio.create_subprocess_exec(
        *(frames.sys.executable, "-c", script, str(tmp_path / "a.mp4")),
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ},
    )
    _, said = await process.communicate()
    assert said.decode().strip().splitlines()[-1] == "it could open nothing"
    assert process.returncode == frames_child.REFUSED


def _turned(made: bytes) -> bytes:
    """The same video, with a matrix in its track header that turns it by a quarter."""
    place = made.index(b"tkhd") + 4 + 40
    one, w = (1 << 16), (1 << 30)
    before = np.frombuffer(made[place : place + 36], ">i4").tolist()
    assert before == [one, 0, 0, 0, one, 0, 0, 0, w]
    matrix = np.array([0, one, 0, -one, 0, 0, 0, 0, w], ">i4").tobytes()
    return made[:place] + matrix + made[place + 36 :]
