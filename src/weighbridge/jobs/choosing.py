"""Multiple choice by likelihood: which of the given options would the model most likely say?

As the multiple choice tasks of lm-evaluation-harness: log P(option | prompt) is the sum of the
log-probabilities of the option's tokens after the prompt.
"""

import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import TypeAlias

from weighbridge.core.case import Case
from weighbridge.core.evaluation import Choose, Evaluation
from weighbridge.core.json import Json, JsonObject
from weighbridge.core.outcome import Answer, Usage
from weighbridge.core.prompt import Template
from weighbridge.providers.base import (
    Askable,
    CallFailed,
    ChatRequest,
    CompletionRequest,
    Reply,
    TokenLogprob,
)
from weighbridge.providers.failures import unsupported
from weighbridge.scorers.choice import option_texts
from weighbridge.scorers.likelihood import best_option

Replies: TypeAlias = AsyncIterator[Reply]
"""The replies that one way of asking takes, as they come; what they say is in the options."""

TOP_LOGPROBS = 20
"""How many likeliest first tokens a chat is asked for: the most that endpoints give."""

# Where a text cannot be echoed: how many likeliest tokens to ask for, as different endpoints allow.
_ALTERNATIVES = (1_000, 20, 5)


class NothingToChoose(Exception):
    """The case cannot be asked so, or what came back decides nothing: it has no verdict.

    Args:
        reason: for people. usage: what was consumed all the same.
    """

    def __init__(self, reason: str, usage: Usage | None = None) -> None:
        super().__init__(reason)
        self.usage = usage or Usage()


@dataclass(slots=True)
class Weighed:
    """What is known of one option; its log-likelihood is None where the endpoint does not say."""

    letter: str
    text: str
    logprob: float | None = None
    tokens: int = 0

    def as_json(self) -> JsonObject:
        """As it is kept with the answer."""
        return {
            "letter": self.letter,
            "text": self.text,
            "logprob": self.logprob,
            "tokens": self.tokens,
            "characters": len(self.text),
        }


class Choosing:
    """The way in which one evaluation has its model choose.

    Args:
        evaluation: one with `choose`.
    """

    def __init__(self, evaluation: Evaluation, choose: Choose) -> None:
        self._choose = choose
        self._params = evaluation.params
        self._timeout_s = evaluation.timeout_s
        self._templates: tuple[Template, ...] = ()
        if not isinstance(choose.options, str):
            self._templates = tuple(Template(text) for text in choose.options)
        self._then = Template(choose.then) if choose.then is not None else None
        self._echoes = True
        self._alternatives: tuple[int, ...] = _ALTERNATIVES

    async def ask(self, model: Askable, request: ChatRequest, case: Case) -> Answer:
        """The chosen option as the answer, with all of them in its `details.options`.

        Args:
            request: the prompt, as it would be sent by chat.

        Raises:
            CallFailed: a call did not get through, or (`unsupported`) the endpoint gives no
                log-probabilities of a given text; its usage covers all calls.
            NothingToChoose: the case has no two options, or no option can be told to be likeliest.
        """
        options = self._options(case)
        usage = Usage()
        latency_s = 0.0
        name: str | None = None
        try:
            if self._choose.ask == "chat":
                replies = self._by_chat(model, request, options)
            else:
                replies = self._by_text(model, request, options, self._rendered_then(case))
            async for reply in replies:
                usage += reply.usage
                latency_s += reply.latency_s
                name = reply.model
        except CallFailed as failed:
            failed.usage = usage + failed.usage
            raise
        except NothingToChoose as problem:
            problem.usage = usage
            raise
        kept = [option.as_json() for option in options]
        chosen = best_option(kept, self._choose.normalise)
        if chosen is None:
            raise NothingToChoose(
                f"none of the letters is among the {TOP_LOGPROBS} likeliest first tokens", usage
            )
        details: JsonObject = {"options": kept, "chosen": options[chosen].letter}
        return Answer(options[chosen].text, None, latency_s, usage, name, details)

    def _options(self, case: Case) -> list[Weighed]:
        if self._templates:
            rendered = [template.render(case.inputs) for template in self._templates]
            texts = dict(zip(ascii_uppercase, rendered, strict=False))
        else:
            column = str(self._choose.options)
            value = case.inputs[column]
            if (count := _count(value)) > len(ascii_uppercase):
                raise NothingToChoose(f"column `{column}` has {count} options; 26 are the most")
            texts = option_texts(value)
            if len(texts) < 2:
                raise NothingToChoose(
                    f"two options or more are needed; column `{column}` has {len(texts)}"
                )
        for letter, text in texts.items():
            if not text.strip():
                raise NothingToChoose(f"option {letter} is empty")
        return [Weighed(letter, text) for letter, text in texts.items()]

    async def _by_chat(
        self, model: Askable, request: ChatRequest, options: list[Weighed]
    ) -> Replies:
        params = {"max_tokens": 1, "temperature": 0, **request.params}
        asked = ChatRequest(
            request.messages, params, top_logprobs=TOP_LOGPROBS, repeat=request.repeat
        )
        reply = await model.chat(asked, timeout_s=self._timeout_s)
        if not reply.logprobs:
            failed = unsupported("the endpoint gives no log-probabilities by chat")
            failed.usage = reply.usage
            raise failed
        first = reply.logprobs[0]
        said = dict(first.top)
        if first.logprob is not None:
            said.setdefault(first.token, first.logprob)
        for option in options:
            # With and without a space before it, the letter is two tokens that mean the same.
            found = [logprob for token, logprob in said.items() if token.strip() == option.letter]
            if found:
                option.logprob, option.tokens = _log_sum(found), 1
        yield reply

    def _rendered_then(self, case: Case) -> str | None:
        if self._then is None:
            return None
        text = self._then.render(case.inputs)
        if not text.strip():
            raise NothingToChoose("what follows the options (`then`) is empty")
        return text

    async def _by_text(
        self, model: Askable, request: ChatRequest, options: list[Weighed], then: str | None
    ) -> Replies:
        prompt = _text_of(request)
        if not prompt.strip() and then is None:
            raise NothingToChoose("the prompt is empty: there is nothing for options to follow")
        for option in options:
            start, said = self._joined(prompt, option.text)
            if then is not None:
                start, said = self._joined(start + said, then)
            if self._echoes:
                async for reply in self._echo(model, start, said, option):
                    yield reply
            if not self._echoes:
                async for reply in self._step(model, start, said, option):
                    yield reply

    def _joined(self, before: str, text: str) -> tuple[str, str]:
        """What is given, and what is weighed after it. A token may begin with the white space
        before a word: what stands at the end of `before` is therefore weighed with the text."""
        start = before.rstrip()
        between = before[len(start) :]
        bare = between or not start or text[0].isspace() or not self._choose.space
        return start, between + ("" if bare else " ") + text

    async def _echo(self, model: Askable, start: str, said: str, option: Weighed) -> Replies:
        """Weigh an option in one call: the endpoint gives the whole text back with its tokens."""
        whole = start + said
        reply = await self._complete(model, self._echo_request(whole, len(start)))
        yield reply
        if not echoes(reply, whole):
            self._echoes = False
            return
        tokens = reply.logprobs or ()
        within = tokens_within(tokens, start, whole)
        if within is None:
            # Tokens end within characters, so texts do not tell where the option begins; how many
            # tokens the prompt has by itself does.
            alone = await self._complete(model, self._echo_request(start, len(start)))
            yield alone
            within = tokens[_echoed(alone, start) : _echoed(reply, whole)]
        logprobs = [token.logprob for token in within if token.logprob is not None]
        if not logprobs or len(logprobs) < len(within):
            raise unsupported(
                f"the endpoint gives no log-probability for a token of option {option.letter}"
            )
        option.logprob, option.tokens = math.fsum(logprobs), len(logprobs)

    def _echo_request(self, text: str, echo_from: int) -> CompletionRequest:
        # Not 0 new tokens: some endpoints take that for no limit.
        params = {**self._params, "max_tokens": 1, "temperature": 0}
        return CompletionRequest(text, params, logprobs=1, echo=True, echo_from=echo_from)

    async def _step(self, model: Askable, start: str, said: str, option: Weighed) -> Replies:
        """Weigh an option token by token, each looked for among the likeliest at its place."""
        logprobs: list[float] = []
        done = 0
        while done < len(said):
            reply = await self._next_tokens(model, start + said[:done])
            yield reply
            if not reply.logprobs:
                raise unsupported("the endpoint gives no log-probabilities of a text")
            first = reply.logprobs[0]
            likeliest = dict(first.top)
            if first.logprob is not None:
                likeliest.setdefault(first.token, first.logprob)
            fitting = [token for token in likeliest if token and said.startswith(token, done)]
            if not fitting:
                raise unsupported(
                    f"the endpoint does not echo, and how option {option.letter} goes on after "
                    f"`{(start + said[:done])[-20:]}` is not among its {len(likeliest)} likeliest "
                    "tokens"
                )
            token = max(fitting, key=len)
            logprobs.append(likeliest[token])
            done += len(token)
        option.logprob, option.tokens = math.fsum(logprobs), len(logprobs)

    async def _complete(self, model: Askable, request: CompletionRequest) -> Reply:
        return await model.complete(request, timeout_s=self._timeout_s)

    async def _next_tokens(self, model: Askable, text: str) -> Reply:
        params = {**self._params, "max_tokens": 1, "temperature": 0}
        while True:
            count = self._alternatives[0]
            request = CompletionRequest(text, params, logprobs=count)
            try:
                return await self._complete(model, request)
            except CallFailed as failed:
                if failed.failure.kind != "bad_request" or len(self._alternatives) == 1:
                    raise
                self._alternatives = self._alternatives[1:]


def echoes(reply: Reply, text: str) -> bool:
    """Whether a reply gives the tokens of the text sent back."""
    return len(reply.logprobs or ()) > 1 and reply.text.startswith(text[:100])


def tokens_within(
    tokens: Sequence[TokenLogprob], start: str, whole: str
) -> Sequence[TokenLogprob] | None:
    """The tokens of `whole` that are not `start` alone: one that lies across the border belongs to
    what follows, and so does the rest of a character. None when neither the texts of the tokens nor
    their offsets tell which these are."""
    places = _places_by_text(tokens, whole) or _places_by_offset(tokens, whole)
    if places is None:
        return None
    border = len(start)
    return [
        token
        for token, (begin, end) in zip(tokens, places, strict=True)
        if (begin >= border or end > border) and begin < len(whole)
    ]


def _places_by_text(tokens: Sequence[TokenLogprob], whole: str) -> list[tuple[int, int]] | None:
    """Where each token begins and ends, in characters of `whole`; those in front of it (a mark that
    every text begins with) below 0."""
    at = -"".join(token.token for token in tokens).find(whole)
    if at > 0:
        return None
    places = []
    for token in tokens:
        places.append((at, at + len(token.token)))
        at += len(token.token)
    return places


def _places_by_offset(tokens: Sequence[TokenLogprob], whole: str) -> list[tuple[int, int]] | None:
    offsets = [token.offset for token in tokens if token.offset is not None]
    if len(offsets) < len(tokens):
        return None
    for token, offset in zip(tokens, offsets, strict=True):
        # Endpoints that count the marks for broken characters as characters are found out here.
        known = "\ufffd" not in token.token and offset < len(whole)
        if known and not whole.startswith(token.token, offset):
            return None
    return list(zip(offsets, [*offsets[1:], max(len(whole), offsets[-1])], strict=True))


def _echoed(reply: Reply, text: str) -> int:
    """How many of a reply's tokens are those of the text sent, which may be one fewer."""
    count = len(reply.logprobs or ())
    made_one = reply.text != text or count == reply.usage.input_tokens + 1
    return count - 1 if made_one else count


def _count(options: Json) -> int:
    if isinstance(options, dict):
        options = options.get("text", options)
    return len(options) if isinstance(options, (list, tuple, dict)) else 0


def _text_of(request: ChatRequest) -> str:
    (message,) = request.messages
    content = message.content
    return (
        content if isinstance(content, str) else "".join(p for p in content if isinstance(p, str))
    )


def _log_sum(logprobs: Sequence[float]) -> float:
    most = max(logprobs)
    return most + math.log(math.fsum(math.exp(one - most) for one in logprobs))
