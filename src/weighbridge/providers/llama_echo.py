"""Log-probabilities of a given text by llama.cpp, whose server cannot echo a prompt: token by
token, each forced where the model stands, and taken at the probability it had without that."""

from dataclasses import replace
from typing import Any

from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Usage
from weighbridge.providers.base import CallFailed, CompletionRequest, Reply, TokenLogprob
from weighbridge.providers.failures import malformed, unsupported
from weighbridge.providers.openai import OpenAIEndpoint, read_completion

_FORCED = 10_000.0
_ALL = 1_000_000


async def echo(endpoint: OpenAIEndpoint, request: CompletionRequest) -> Reply:
    """The prompt's own tokens, from `echo_from` on with their log-probabilities: one call for each
    of those, of which the server remembers all but the last token.

    Raises:
        CallFailed: a call failed (its usage covers all of them), or the tokens of the prompt do not
            spell it.
    """
    usage = Usage()
    tokens = await _tokens(endpoint, request.prompt)
    found: list[TokenLogprob] = []
    model: str | None = None
    try:
        for place, (token, text, start, end) in enumerate(tokens.spelled):
            logprob = None
            before = [*tokens.before, *(other for other, *_ in tokens.spelled[:place])]
            if end > request.echo_from and before:
                logprob, reply = await _weigh(endpoint, before, token)
                usage += reply.usage
                model = reply.model
            found.append(TokenLogprob(text, logprob, offset=start))
    except CallFailed as failed:
        failed.usage = usage + failed.usage
        raise
    return Reply(request.prompt, "length", usage, model, tuple(found))


class _Tokens:
    """The tokens of a text.

    Attributes:
        before: what the model wants to see in front of every text.
        spelled: token, its text, and where it begins and ends, in characters. A token that ends
            within a character begins and ends where that character begins.
    """

    def __init__(self, before: list[int], spelled: list[tuple[int, str, int, int]]) -> None:
        self.before = before
        self.spelled = spelled


async def _tokens(endpoint: OpenAIEndpoint, text: str) -> _Tokens:
    body: dict[str, Any] = {"content": text, "parse_special": True, "with_pieces": True}
    try:
        plain = (await endpoint.post("../tokenize", {**body, "add_special": False}))["tokens"]
        whole = (await endpoint.post("../tokenize", {**body, "add_special": True}))["tokens"]
        ids = [token["id"] for token in plain]
        pieces = [_bytes_of(token["piece"]) for token in plain]
        all_ids = [token["id"] for token in whole]
    except (KeyError, TypeError, ValueError) as error:
        raise malformed(f"the tokens of a text cannot be read: {error!r}") from None
    said = b"".join(pieces)
    wanted = text.encode("utf-8", "replace")
    if said == b" " + wanted:  # some vocabularies begin every text with a space
        pieces[0] = pieces[0][1:]
    elif said != wanted:
        raise unsupported("the model's tokens do not spell the text that is to be weighed")
    start = next(
        (at for at in range(len(all_ids) + 1) if all_ids[at : at + len(ids)] == ids), len(all_ids)
    )
    if start == len(all_ids) and ids:
        raise unsupported("the model reads the text with other tokens than it has")
    spelled = []
    done = 0
    for token, piece in zip(ids, pieces, strict=True):
        begin, done = done, done + len(piece)
        start_at, end_at = _characters(wanted, begin), _characters(wanted, done)
        spelled.append((token, piece.decode("utf-8", "replace"), start_at, end_at))
    return _Tokens(all_ids[:start], spelled)


def _bytes_of(piece: str | list[int]) -> bytes:
    """Of a token that is no whole characters the server gives the bytes."""
    return piece.encode() if isinstance(piece, str) else bytes(piece)


def _characters(text: bytes, end: int) -> int:
    """How many whole characters there are before a byte."""
    return len(text[:end].decode("utf-8", "ignore"))


async def _weigh(endpoint: OpenAIEndpoint, before: list[int], token: int) -> tuple[float, Reply]:
    """The log-probability of a token after others."""
    data = await _next(endpoint, before, token, 1)
    reply = read_completion(data)
    try:
        if reply.logprobs:
            return float(data["choices"][0]["logprobs"]["content"][0]["logprob"]), reply
        # Of a token that ends within a character the server tells nothing; as an alternative to
        # another token it does, so that one is forced, and all alternatives are asked for.
        (other,) = (await endpoint.post("../tokenize", {"content": ".", "add_special": False}))[
            "tokens"
        ]
        data = await _next(endpoint, before, other, _ALL)
        found = data["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        logprob = next(float(one["logprob"]) for one in found if one["id"] == token)
    except (KeyError, IndexError, TypeError, ValueError, StopIteration) as error:
        raise malformed(f"the log-probability of a token cannot be read: {error!r}") from None
    more = read_completion(data)
    return logprob, replace(more, usage=reply.usage + more.usage)


async def _next(endpoint: OpenAIEndpoint, before: list[int], token: int, alternatives: int) -> Any:
    body: JsonObject = {
        "prompt": before,
        "max_tokens": 1,
        "temperature": 0,
        "logprobs": alternatives,
        "logit_bias": {str(token): _FORCED},
    }
    return await endpoint.post("completions", body)
