"""The protocol that plays a script."""

import base64
import math
from pathlib import Path

import pytest

from weighbridge.errors import Invalid, InvalidFields
from weighbridge.providers.base import (
    CallFailed,
    ChatRequest,
    CompletionRequest,
    ImagePart,
    Message,
    Reply,
)
from weighbridge.providers.declared import DeclaredModel
from weighbridge.providers.opening import Opening
from weighbridge.providers.script import Rule, ScriptedError, ScriptedUsage, load_script
from weighbridge.providers.scripted import ScriptedProvider, open_script
from weighbridge.providers.transport import Transport


async def say(provider: ScriptedProvider, text: str) -> str:
    return (await provider.chat(ChatRequest((Message("user", text),)))).text


async def test_the_first_rule_that_fits_answers() -> None:
    provider = ScriptedProvider(
        [Rule(match="(?i)paris", reply="F"), Rule(contains="a+b", reply="sum"), Rule(reply="?")],
        "m",
    )
    assert await say(provider, "Is PARIS nice") == "F"
    assert await say(provider, "what is a+b") == "sum"
    assert await say(provider, "else") == "?"


async def test_groups_and_the_input_are_echoed_and_other_braces_stay() -> None:
    rule = Rule(
        match=r"capital of (?P<land>\w+)(\?)?", reply='{"of": "{land}{1}{2}", "x": {y}} {0}'
    )
    provider = ScriptedProvider([rule, Rule(reply="<{input}>")], "m")
    assert await say(provider, "the capital of Chad") == (
        '{"of": "ChadChad", "x": {y}} capital of Chad'
    )
    assert await say(provider, "{0} plain") == "<{0} plain>"


async def test_only_the_last_user_message_is_looked_at() -> None:
    provider = ScriptedProvider([Rule(match="one", reply="1"), Rule(match="two", reply="2")], "m")
    request = ChatRequest(
        (
            Message("system", "one"),
            Message("user", "one"),
            Message("assistant", "one"),
            Message("user", ("two", ImagePart("data:,"))),
        )
    )
    assert (await provider.chat(request)).text == "2"


async def test_bare_texts_are_played_in_turn() -> None:
    provider = ScriptedProvider(["a", "b", Rule(match="x", reply="rule")], "m")
    assert [await say(provider, text) for text in ("q", "x", "q", "q")] == ["a", "rule", "b", "a"]


async def test_completions_match_the_prompt() -> None:
    provider = ScriptedProvider([Rule(match="sky is", reply=" blue")], "m")
    reply = await provider.complete(CompletionRequest("The sky is"))
    assert (reply.text, reply.model) == (" blue", "m")


async def test_what_no_rule_fits_is_not_found() -> None:
    provider = ScriptedProvider([Rule(match="x", reply="y")], "m")
    with pytest.raises(CallFailed) as caught:
        await say(provider, "q")
    assert (caught.value.failure.kind, caught.value.retry) == ("not_found", False)


async def test_embeddings_are_the_same_for_the_same_text_and_of_length_one() -> None:
    found = await ScriptedProvider([], "m").embed(["x", "y", "x"])
    one, other, again = found.vectors
    assert list(one) == list(again) != list(other)
    assert sum(number * number for number in one) == pytest.approx(1)


async def test_images_and_videos_come_with_the_reply_of_a_rule() -> None:
    film = base64.b64encode(b"\0\0\0\x18ftypmp42").decode()
    rules = [Rule(contains="draw", image="dot"), Rule(contains="film", video=film)]
    provider = ScriptedProvider(rules, "m")

    async def chat(text: str) -> Reply:
        return await provider.chat(ChatRequest((Message("user", text),)))

    drawn, filmed = await chat("draw"), await chat("film")
    assert [image.media_type for image in drawn.images] == ["image/png"]
    assert [video.media_type for video in filmed.videos] == ["video/mp4"]
    assert (drawn.videos, filmed.images) == ((), ())


async def test_an_error_is_played_so_many_times() -> None:
    error = ScriptedError(status=429, retry_after_s=3, times=2)
    provider = ScriptedProvider([Rule(match="x", reply="y", error=error)], "m")
    for _ in range(2):
        with pytest.raises(CallFailed) as caught:
            await say(provider, "x")
        assert caught.value.failure.kind == "rate_limited"
        assert caught.value.retry_after_s == 3
    assert await say(provider, "x") == "y"
    assert await say(provider, "x") == "y"


async def test_an_error_may_strike_every_third_call() -> None:
    provider = ScriptedProvider([Rule(reply="y", error=ScriptedError(status=500, every=3))], "m")
    played = []
    for _ in range(7):
        try:
            played.append(await say(provider, "x"))
        except CallFailed:
            played.append("!")
    assert "".join(played) == "yy!yy!y"


async def test_an_error_by_kind_is_retried_as_that_kind_is() -> None:
    rules = [
        Rule(match="a", error=ScriptedError(kind="connection", retry_after_s=1)),
        Rule(match="b", error=ScriptedError(kind="context_length", message="too long")),
    ]
    provider = ScriptedProvider(rules, "m")
    with pytest.raises(CallFailed) as broken:
        await say(provider, "a")
    with pytest.raises(CallFailed, match="too long") as long:
        await say(provider, "b")
    assert (broken.value.retry, broken.value.retry_after_s) == (True, 1)
    assert long.value.retry is False


async def test_usage_is_that_of_the_rule_or_a_quarter_of_the_characters() -> None:
    rules = [Rule(match="a", usage=ScriptedUsage(input_tokens=7)), Rule(reply="x" * 40)]
    provider = ScriptedProvider(rules, "m")
    first = await provider.chat(ChatRequest((Message("user", "a"),)))
    second = await provider.chat(ChatRequest((Message("user", "b" * 80),)))
    assert (first.usage.input_tokens, first.usage.output_tokens) == (7, 0)
    assert (second.usage.input_tokens, second.usage.output_tokens) == (20, 10)


async def test_latency_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("weighbridge.providers.scripted.asyncio.sleep", sleep)
    await say(ScriptedProvider([Rule(reply="y", latency_ms=250)], "m"), "q")
    assert slept == [0.25]


@pytest.mark.parametrize("suffix", ["jsonl", "yaml"])
async def test_a_script_is_read_from_a_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"script.{suffix}"
    if suffix == "jsonl":
        path.write_text('{"match": "x", "reply": "y"}\n\n"other"\n')
    else:
        path.write_text("- match: x\n  reply: 'y'\n- other\n")
    assert load_script(path) == [Rule(match="x", reply="y"), "other"]
    declared = DeclaredModel(name="s", protocol="scripted", script=path)
    opened = await open_script(Opening(declared, None, Transport()))
    assert isinstance(opened.provider, ScriptedProvider)
    assert await say(opened.provider, "x") == "y"
    await opened.provider.close()


async def test_the_same_rules_have_the_same_identity_wherever_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "script.jsonl"
    path.write_text('{"match": "x", "reply": "y"}\n')
    by_file = DeclaredModel(name="s", protocol="scripted", script=path)
    inline = DeclaredModel(name="s", protocol="scripted", replies=[Rule(match="x", reply="y")])
    other = DeclaredModel(name="s", protocol="scripted", replies=[Rule(match="x", reply="z")])
    pins = [
        (await open_script(Opening(declared, None, Transport()))).identity
        for declared in (by_file, inline, other)
    ]
    assert pins[0] == pins[1] != pins[2]


@pytest.mark.parametrize(
    ("name", "text", "words", "line"),
    [
        ("s.jsonl", '{"reply": "a"}\n{"reply"\n', "not JSON", 2),
        ("s.yaml", "- reply: a\n- [\n", "not YAML", 3),
        ("s.yaml", "reply: a\n", "list", None),
        ("s.jsonl", '{"replies": "a"}\n', "0.replies", None),
        ("s.jsonl", '{"match": "(?=a)"}\n', "0: RE2 refuses the pattern", None),
        ("s.jsonl", '{"error": {"status": 200}}\n', "0.error.status", None),
        ("s.jsonl", '{"error": {"status": 500, "kind": "x"}}\n', "either `status`", None),
    ],
)
def test_a_script_that_is_none_is_refused_by_line_or_field(
    tmp_path: Path, name: str, text: str, words: str, line: int | None
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InvalidFields) as caught:
        load_script(path)
    assert words in caught.value.message
    assert str(path) in caught.value.message
    assert caught.value.problems[0].line == line


def test_a_missing_script_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="cannot be read: No such file"):
        load_script(tmp_path / "none.jsonl")


async def test_probabilities_of_the_first_token_are_given_to_whoever_asks() -> None:
    rule = Rule(reply="A", first_token={"B": 0.2, "A": 0.7, "C": 0.1})
    provider = ScriptedProvider([rule], "m")
    chat = (Message("user", "x"),)
    assert (await provider.chat(ChatRequest(chat))).logprobs is None
    reply = await provider.chat(ChatRequest(chat, top_logprobs=2))
    assert reply.logprobs is not None
    (first,) = reply.logprobs
    assert (first.token, first.logprob) == ("A", math.log(0.7))
    assert first.top == (("A", math.log(0.7)), ("B", math.log(0.2)))
