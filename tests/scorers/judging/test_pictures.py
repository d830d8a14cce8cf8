"""A judge is shown the images of an answer, and one that takes no images has no verdict."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.judging import FakeJudge, verdict
from weighbridge.core.case import Case
from weighbridge.core.outcome import Answer, Failed, Outcome, Scored, Ungraded, Usage
from weighbridge.providers.base import CallFailed, ChatRequest, ImagePart, Message
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.declared import DeclaredModel
from weighbridge.providers.model import Models
from weighbridge.scorers.judge import RubricJudge
from weighbridge.scorers.judging.pictures import evenly
from weighbridge.scorers.panel import Panel


class Shelf:
    """Every image is its own key."""

    async def get(self, key: str) -> bytes:
        return key.encode()


def kept(name: str, size: int = 3) -> dict[str, Any]:
    return {"blob": name, "media_type": "image/png", "sha256": "0", "bytes": size}


async def judged(
    judge: Any, details: dict[str, Any], rubric: Any = "harmless", shelf: Any = None
) -> tuple[Outcome, Panel]:
    panel = Panel({None: judge}, 5.0, (Message("user", "Draw."),), kept=shelf or Shelf())
    answer = Answer("Here you are.", details=details)
    return await RubricJudge(rubric).judge(answer, Case(0, "0", {}), panel), panel


def parts_of(request: ChatRequest) -> list[Any]:
    content = request.messages[-1].content
    assert not isinstance(content, str)
    return list(content)


async def test_images_follow_after_the_text_of_the_last_message() -> None:
    judge = FakeJudge(verdict("pass"))
    outcome, _ = await judged(judge, {"images": [kept("a"), kept("b")]})
    assert isinstance(outcome, Scored)
    text, *images = parts_of(judge.asked[0])
    assert images == [
        ImagePart("data:image/png;base64,YQ=="),
        ImagePart("data:image/png;base64,Yg=="),
    ]
    assert text.index("Of the answer's images 2 follow") < text.index("# Verdicts")
    assert isinstance(judge.asked[0].messages[0].content, str)


async def test_a_prompt_of_ones_own_is_followed_by_images_too() -> None:
    judge = FakeJudge(verdict("pass"))
    rubric = {
        "purpose": "p",
        "verdict": "pass_fail",
        "messages": [{"role": "user", "content": "Look: {answer}"}],
    }
    await judged(judge, {"images": [kept("a")]}, rubric)
    text, image = parts_of(judge.asked[0])
    assert text.startswith("Look: <answer-")
    assert isinstance(image, ImagePart)


async def test_a_second_try_shows_the_images_again() -> None:
    replies = iter(["rubbish", verdict("pass")])
    judge = FakeJudge(lambda _: next(replies))
    await judged(judge, {"images": [kept("a")]})
    first, second = judge.asked
    assert second.messages[:2] == first.messages


async def test_of_many_images_eight_are_shown() -> None:
    judge = FakeJudge(verdict("pass"))
    await judged(judge, {"images": [kept(str(n)) for n in range(50)]})
    assert len(parts_of(judge.asked[0])) == 1 + 8


@given(st.integers(0, 200), st.integers(2, 12))
def test_items_are_chosen_evenly_with_the_first_and_the_last(count: int, most: int) -> None:
    chosen = evenly(range(count), most)
    assert len(chosen) == min(count, most)
    assert list(chosen) == sorted(set(chosen))
    if count > most:
        assert (chosen[0], chosen[-1]) == (0, count - 1)
        gaps = [after - before for before, after in pairwise(chosen)]
        assert max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize(
    "failure",
    [
        Failed("bad_request", "HTTP 400: image_url is only supported by certain models", 400),
        Failed("bad_request", "HTTP 400: This model is not a multimodal model", 400),
        Failed("not_found", "HTTP 404: No endpoints found that support image input", 404),
        Failed("server_error", "HTTP 500: image input is not supported - hint: mmproj", 500),
        Failed("unsupported", "the protocol llama takes only text", calls=0),
    ],
)
async def test_a_judge_that_takes_no_images_has_no_verdict(failure: Failed) -> None:
    def refuse(_: ChatRequest) -> str:
        raise CallFailed(failure, retry=False, usage=Usage(calls=1))

    outcome, panel = await judged(FakeJudge(refuse), {"images": [kept("a")]})
    assert outcome == Ungraded(f"house-judge cannot look at the answer's images: {failure.message}")
    assert panel.usage.calls == 1


@pytest.mark.parametrize(
    "failure",
    [
        Failed("rate_limited", "HTTP 429: too many images a minute", 429),
        Failed("server_error", "HTTP 500: could not load the image", 500),
        Failed("bad_request", "HTTP 400: no such parameter", 400),
    ],
)
async def test_other_failures_stay_failures(failure: Failed) -> None:
    def refuse(_: ChatRequest) -> str:
        raise CallFailed(failure, retry=False)

    with pytest.raises(CallFailed):
        await judged(FakeJudge(refuse), {"images": [kept("a")]})


async def test_without_images_a_word_about_images_is_a_failure_like_others() -> None:
    def refuse(_: ChatRequest) -> str:
        raise CallFailed(Failed("bad_request", "HTTP 400: bad image", 400), retry=False)

    with pytest.raises(CallFailed):
        await judged(FakeJudge(refuse), {})


async def test_a_model_declared_without_images_is_not_even_sent_them() -> None:
    declared = DeclaredModel(
        name="blind", protocol="scripted", replies=[verdict("pass")], input=("text",)
    )
    models = Models(Catalog(None, {}, added=[declared]))
    try:
        outcome, panel = await judged(await models.get("blind"), {"images": [kept("a")]})
    finally:
        await models.close()
    assert isinstance(outcome, Ungraded)
    assert "it takes no image, only text" in outcome.reason
    assert panel.usage.calls == 0


async def test_the_embedded_judge_does_not_judge_images_by_the_words_beside_them() -> None:
    judge = FakeJudge("", identity={"protocol": "embedded"})
    outcome, _ = await judged(judge, {"images": [kept("a")]}, "toxic")
    assert isinstance(outcome, Ungraded)
    assert "reads text only, and the answer has images" in outcome.reason


async def test_a_video_without_frames_and_an_image_that_is_too_large_are_ungraded() -> None:
    judge = FakeJudge(verdict("pass"))
    outcome, _ = await judged(judge, {"videos": [kept("v")]})
    assert outcome == Ungraded("the answer is a video, and there are no frames of it to look at")
    outcome, _ = await judged(judge, {"images": [kept("a"), kept("b", (4 << 20) + 1)]})
    assert isinstance(outcome, Ungraded)
    assert not judge.asked


async def test_images_that_are_not_at_hand_are_not_guessed() -> None:
    judge = FakeJudge(verdict("pass"))
    panel = Panel({None: judge}, 5.0)
    answer = Answer("", details={"images": [kept("a")]})
    outcome = await RubricJudge("harmless").judge(answer, Case(0, "0", {}), panel)
    assert isinstance(outcome, Ungraded)
    assert "not at hand" in outcome.reason
    assert not judge.asked
