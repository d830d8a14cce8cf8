"""What is said next in a conversation, by somebody who goes by what was answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from weighbridge.core.json import JsonObject
from weighbridge.core.suite import SuiteRequest, WrittenPrompt
from weighbridge.generation.dealing import Deck, chance
from weighbridge.generation.filling import filled, shortened
from weighbridge.generation.prompts import WRITTEN, problem_with
from weighbridge.generation.replies import declines, form, read_object, text_of
from weighbridge.generation.writing import asking, handing_in, policy_line, put, wordings, written
from weighbridge.suites.texts import Policy, texts

THREAD, BANKED = "thread", "banked"
"""Columns: the conversation, and what the bank would say next."""

_FIELDS = ("prompt",)
_MOST_EXCHANGES = 8
_LONGEST_MESSAGE = 3_000
_LONGEST_REQUEST = 600


@dataclass(frozen=True, slots=True)
class Exchange:
    """A prompt, and what the AI made of it.

    Attributes:
        answer: "" where it gave none. refused: whoever handed it in says that it declined.
    """

    prompt: str
    answer: str
    refused: bool


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation that goes on.

    Attributes:
        exchanges: at least one, in order. about: of the prompt that opened it.
    """

    id: str
    exchanges: tuple[Exchange, ...]
    about: JsonObject


def turn_slots(
    request: SuiteRequest, threads: Sequence[Thread], *, by_model: bool
) -> list[JsonObject]:
    """A slot for each conversation.

    Args:
        by_model: whether a model writes what is said next; otherwise it is out of the bank, and
            stands in `written`.

    Raises:
        Invalid: there are no texts in that language.
    """
    policies = {**texts(request.language).policies}
    policies |= {policy.slug: policy for policy in Deck(request).policies}
    return [_slot(request, thread, policies, by_model=by_model) for thread in threads]


def turn_evaluation(
    name: str, rows: Sequence[JsonObject], generator: str | None, request: SuiteRequest
) -> JsonObject:
    """The evaluation that has written what is said next.

    Args:
        rows: as `turn_slots` gives them. generator: the model that writes; None: it is written.
    """
    if generator is None:
        return handing_in(name, rows, WRITTEN, _FIELDS)
    aims = wordings()["turn_aims"]
    user = put(wordings()["turn"], {"aim": f"- {aims.get(request.kind, aims['safety'])}"})
    return asking(name, rows, request, _FIELDS, user, generator)


def read_turn(slot: JsonObject, reply: str | None) -> WrittenPrompt:
    """What is said next: what the model wrote, or the bank's where that will not do.

    Args:
        slot: as `turn_slots` gives it. reply: None: there is none.
    """
    about = slot["about"]
    known = dict(about) if isinstance(about, dict) else {}
    value = read_object(reply) if reply is not None and WRITTEN not in slot else None
    text = text_of(value.get("prompt")) if value is not None else ""
    said = slot["said"]
    before = set(said) if isinstance(said, list) else set()
    if problem_with(text) is not None or form(text) in before:
        return WrittenPrompt(str(slot[BANKED]), None, {**known, "source": "bank"})
    return WrittenPrompt(text, None, {**known, "source": "model"})


def _slot(
    request: SuiteRequest, thread: Thread, policies: Mapping[str, Policy], *, by_model: bool
) -> JsonObject:
    last = thread.exchanges[-1]
    refused = last.refused or declines(last.answer)
    banked = _banked(request, thread, refused=refused)
    # What the right answer to the first prompt was says nothing about the next.
    about = {name: value for name, value in thread.about.items() if name != "expected"}
    slot: JsonObject = {
        THREAD: thread.id,
        "about": about,
        "said": [form(exchange.prompt) for exchange in thread.exchanges],
        BANKED: banked,
    }
    if not by_model:
        return {**slot, WRITTEN: written(prompt=banked)}
    policy = policies.get(str(thread.about.get("policy")))
    lines = (
        wordings()["stances"]["refused" if refused else "answered"],
        policy_line(request, policy),
    )
    stance = "\n".join(f"- {line}" for line in lines if line)
    return {**slot, "conversation": _conversation(thread.exchanges), "stance": stance}


def _banked(request: SuiteRequest, thread: Thread, *, refused: bool) -> str:
    """A follow-up of the bank that was not said in this conversation yet."""
    bank = texts(request.language)
    found = list(bank.refused if refused else bank.answered)
    chance(request, f"turns {thread.id} {refused}").shuffle(found)
    said = {form(exchange.prompt) for exchange in thread.exchanges}
    request_ = shortened(thread.exchanges[0].prompt, _LONGEST_REQUEST)
    turns = [filled(text, {"request": request_}) for text in found]
    fresh = [text for text in turns if form(text) not in said]
    return (fresh or turns)[0]


def _conversation(exchanges: Sequence[Exchange]) -> str:
    """The opening and the latest exchanges of a conversation as JSON."""
    shown = [*exchanges[:1], *exchanges[1:][-(_MOST_EXCHANGES - 1) :]]
    return orjson.dumps(
        [
            {
                "user": shortened(exchange.prompt, _LONGEST_MESSAGE),
                "ai": shortened(exchange.answer, _LONGEST_MESSAGE) or "(it declined)",
            }
            for exchange in shown
        ]
    ).decode()
