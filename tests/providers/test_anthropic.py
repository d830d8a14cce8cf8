"""The protocol `anthropic`: what is its own. What all protocols do alike: `test_conformance.py`."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from weighbridge.core.outcome import Usage
from weighbridge.providers.anthropic import (
    API_VERSION,
    DEFAULT_MAX_TOKENS,
    AnthropicEndpoint,
    open_endpoint,
    read_message,
)
from weighbridge.providers.base import CallFailed, ChatRequest, ImagePart, Message, VideoPart
from weighbridge.providers.declared import DeclaredModel
from weighbridge.providers.opening import Opening
from weighbridge.providers.thinking import ROOM
from weighbridge.providers.transport import Transport

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
OLD, MIDDLE, NEW = "claude-3-5-haiku-20241022", "claude-sonnet-4-5-20250929", "claude-opus-5"


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    transport = Transport()
    yield transport
    await transport.close()


def body_of(transport: Transport, request: ChatRequest, model: str = NEW, **how: Any) -> Any:
    return AnthropicEndpoint(transport, "http://h/v1", model, "k", **how).chat_body(request)


def ask(**options: Any) -> ChatRequest:
    return ChatRequest((Message("user", "q"),), **options)


def message(*blocks: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-5",
        "content": list(blocks),
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 10, "output_tokens": 20},
        **fields,
    }


def test_system_messages_are_split_out_and_joined(transport: Transport) -> None:
    request = ChatRequest(
        (
            Message("system", "Be brief."),
            Message("user", "2+2?"),
            Message("assistant", "4"),
            Message("system", "And polite."),
            Message("user", "3+3?"),
        )
    )
    assert body_of(transport, request) == {
        "model": NEW,
        "max_tokens": DEFAULT_MAX_TOKENS,
        "system": "Be brief.\n\nAnd polite.",
        "messages": [
            {"role": "user", "content": "2+2?"},
            {"role": "assistant", "content": "4"},
            {"role": "user", "content": "3+3?"},
        ],
    }


def test_the_version_of_the_api_is_named(transport: Transport) -> None:
    endpoint = AnthropicEndpoint(transport, "http://h/v1", NEW, "k")
    assert endpoint._headers["anthropic-version"] == API_VERSION


@pytest.mark.parametrize(
    ("params", "sent"),
    [
        ({"stop": "END"}, {"stop_sequences": ["END"]}),
        ({"stop": ["a", "b"]}, {"stop_sequences": ["a", "b"]}),
        ({"max_completion_tokens": 9}, {"max_tokens": 9}),
        ({"max_tokens": 8, "max_completion_tokens": 9}, {"max_tokens": 8}),
        ({"temperature": 0.5, "top_k": 3}, {"temperature": 0.5, "top_k": 3}),
        ({"service_tier": "standard_only"}, {"service_tier": "standard_only"}),
        ({"seed": None}, {}),
    ],
)
def test_parameters_are_sent_in_the_words_of_the_protocol(
    transport: Transport, params: dict[str, Any], sent: dict[str, Any]
) -> None:
    body = body_of(transport, ask(params=params))
    rest = {name: body[name] for name in body if name not in {"model", "messages"}}
    assert rest == {"max_tokens": DEFAULT_MAX_TOKENS, **sent}


@pytest.mark.parametrize("name", ["seed", "logprobs", "frequency_penalty", "response_format"])
def test_a_parameter_that_the_protocol_does_not_have_is_refused_by_name(
    transport: Transport, name: str
) -> None:
    with pytest.raises(CallFailed, match=f"has no '{name}'"):
        body_of(transport, ask(params={name: 1}))


def test_log_probabilities_are_refused(transport: Transport) -> None:
    with pytest.raises(CallFailed, match="no log-probabilities"):
        body_of(transport, ask(top_logprobs=0))


def test_images_go_by_address_or_inline_and_empty_texts_are_left_out(transport: Transport) -> None:
    parts = ("", ImagePart("data:image/webp;base64,AA=="), "and", ImagePart("https://h/x.png"))
    body = body_of(transport, ChatRequest((Message("user", parts),)))
    assert body["messages"][0]["content"] == [
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/webp", "data": "AA=="},
        },
        {"type": "text", "text": "and"},
        {"type": "image", "source": {"type": "url", "url": "https://h/x.png"}},
    ]


@pytest.mark.parametrize(
    ("role", "part", "words"),
    [
        ("user", VideoPart("https://h/v.mp4"), "takes no videos"),
        ("system", ImagePart("https://h/x.png"), "only text in a system message"),
    ],
)
def test_what_it_cannot_look_at_is_refused_unsent(
    transport: Transport, role: str, part: Any, words: str
) -> None:
    with pytest.raises(CallFailed, match=words) as caught:
        body_of(transport, ChatRequest((Message(role, ("look", part)),)))
    assert (caught.value.failure.kind, caught.value.usage.calls) == ("unsupported", 0)


def test_a_schema_is_the_apis_own_or_a_tool_where_a_model_is_too_old(transport: Transport) -> None:
    form = {"type": "json_schema", "schema": SCHEMA}
    tool = {"name": "reply", "description": "Give the reply.", "input_schema": SCHEMA}
    for model in (MIDDLE, NEW, "some-house-model"):
        body = body_of(transport, ask(schema=SCHEMA), model)
        assert (body["output_config"], "tools" in body) == ({"format": form}, False)
    for model, how in ((OLD, {}), ("claude-sonnet-4-20250514", {}), (NEW, {"schema_by": "tool"})):
        body = body_of(transport, ask(schema=SCHEMA), model, **how)
        assert body["tools"] == [tool]
        assert body["tool_choice"] == {"type": "tool", "name": "reply"}
        assert "output_config" not in body
    assert "output_config" in body_of(transport, ask(schema=SCHEMA), OLD, schema_by="schema")


def test_a_tool_is_only_offered_to_a_model_that_thinks(transport: Transport) -> None:
    how = {"schema_by": "tool", "thinking": True}
    assert body_of(transport, ask(schema=SCHEMA), **how)["tool_choice"] == {"type": "auto"}


def test_the_arguments_of_the_tool_are_the_answer() -> None:
    reply = read_message(
        message(
            {"type": "text", "text": "I will answer."},
            {"type": "tool_use", "id": "toolu_01", "name": "reply", "input": {"a": "yes"}},
            stop_reason="tool_use",
        )
    )
    assert (reply.text, reply.finish_reason) == ('{"a":"yes"}', "stop")


def test_newer_models_think_as_much_as_they_see_fit(transport: Transport) -> None:
    params = {"temperature": 0, "top_p": 0.5, "top_k": 3, "max_tokens": 64}
    body = body_of(transport, ask(params=params), thinking=True)
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert body["max_tokens"] == 64 + ROOM
    assert not {"temperature", "top_p", "top_k"} & body.keys()
    for model in ("claude-opus-4-6", "claude-haiku-5-5", "claude-opus-4-5-1", "house"):
        assert body_of(transport, ask(), model, thinking=True)["thinking"]["type"] == "adaptive"


@pytest.mark.parametrize(
    "model",
    [
        *("claude-3-7-sonnet-20250219", "claude-sonnet-4-20250514", "claude-opus-4-1-20250805"),
        *("claude-sonnet-4-5", MIDDLE, "claude-haiku-4-5", "claude-opus-4-5@20251101"),
    ],
)
def test_older_models_think_within_a_budget(transport: Transport, model: str) -> None:
    body = body_of(transport, ask(), model, thinking=True)
    assert body["thinking"] == {"type": "enabled", "budget_tokens": ROOM}
    assert body["max_tokens"] == DEFAULT_MAX_TOKENS + ROOM


def test_a_budget_or_an_effort_may_be_declared(transport: Transport) -> None:
    body = body_of(transport, ask(params={"max_tokens": 100}), thinking=2048)
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 2048}
    assert body["max_tokens"] == 2148
    body = body_of(transport, ask(schema=SCHEMA), thinking="high")
    assert body["thinking"]["type"] == "adaptive"
    assert body["output_config"]["effort"] == "high"
    assert body["output_config"]["format"]["schema"] == SCHEMA


def test_what_a_request_says_of_thinking_comes_first(transport: Transport) -> None:
    params = {"thinking": {"type": "disabled"}, "temperature": 0}
    body = body_of(transport, ask(params=params), thinking=True)
    assert body["thinking"] == {"type": "disabled"}
    assert (body["temperature"], body["max_tokens"]) == (0, DEFAULT_MAX_TOKENS)


def test_thinking_is_kept_apart_from_the_answer() -> None:
    reply = read_message(
        message(
            {"type": "thinking", "thinking": "2 and 2", "signature": "EqQBCgIYAhIM"},
            {"type": "redacted_thinking", "data": "EmwKAhgBEgy"},
            {"type": "thinking", "thinking": "", "signature": "x"},
            {"type": "text", "text": "It is "},
            {"type": "text", "text": "4."},
        )
    )
    assert (reply.text, reply.thinking) == ("It is 4.", "2 and 2")
    assert read_message(message({"type": "text", "text": "4"})).thinking is None


def test_a_refusal_is_an_answer_and_says_why() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "It could enable malware."}
    reply = read_message(message(stop_reason="refusal", stop_details=details))
    assert (reply.text, reply.finish_reason) == ("", "content_filter")
    assert reply.refusal == "cyber: It could enable malware."
    assert reply.usage == Usage(10, 20, None, 1)
    assert read_message(message(stop_reason="refusal", stop_details=None)).refusal == "refusal"


def test_blocks_that_are_not_text_are_left_out() -> None:
    block = {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {}}
    assert read_message(message(block, {"type": "text", "text": "x"})).text == "x"


async def test_the_factory_takes_what_is_declared(transport: Transport) -> None:
    declared = DeclaredModel(
        name="m", protocol="anthropic", base_url="http://h/v1", thinking="low", schema_by="tool"
    )
    opened = await open_endpoint(Opening(declared, "k", transport))
    assert opened.check is not None
    body: Any = opened.check(ask(schema=SCHEMA))
    assert (body["output_config"], body["tools"][0]["name"]) == ({"effort": "low"}, "reply")
    assert not opened.free
    await opened.provider.close()
