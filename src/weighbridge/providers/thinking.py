"""Thinking before answering: how a model's declaration or name asks for it."""

from typing import TypeAlias

# False: not asked for. True: as the protocol usually does it. A number: at most so many tokens. A
# word: how hard, as the endpoint understands it.
Thinking: TypeAlias = bool | int | str

EFFORTS = ("minimal", "low", "medium", "high", "xhigh", "max")
LEAST_BUDGET = 1024
"""Tokens. Anthropic refuses less; no model thinks usefully in fewer."""

ROOM = 10_000
"""Tokens that a request leaves for thinking where no number was declared. The protocols count
thinking into the maximum of the answer, so it is added to `max_tokens`, which an evaluation means
for what can be read."""

SUFFIX = "-thinking"
"""What a name ends in to ask for it."""

PROTOCOLS = frozenset({"openai", "anthropic", "google"})
"""The protocols that have it."""


def room_for(thinking: Thinking) -> int:
    """Tokens to be added to the maximum of an answer."""
    if not thinking:
        return 0
    if isinstance(thinking, int) and thinking is not True:
        return thinking
    return ROOM
