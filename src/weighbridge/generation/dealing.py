"""What each prompt of a suite is to be about: its lane, dealt like cards, so that every category,
policy and family of attack gets its share."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from weighbridge.core.suite import CATEGORIES, PolicyChoice, SuiteRequest
from weighbridge.suites.catalog import find_eval_type
from weighbridge.suites.texts import FAMILIES, Policy, policy_of, texts

ABOUT_POLICIES = frozenset({"safety", "image_safety", "over_refusal"})
"""Kinds of suites whose prompts are each about a policy."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Lane:
    """What prompts have in common; None: nothing of that sort.

    Attributes:
        category: of questions about a ground truth.
        policy: slug of a policy of the deck.
        family: of attacks.
    """

    category: str | None = None
    policy: str | None = None
    family: str | None = None


class Deck:
    """Deals the prompts of a suite.

    Args:
        request: what the suite is about.

    Attributes:
        policies: the policies that prompts are about, those that were chosen or stock ones; none
            where the instructions, or no policy, is what they are about.

    Raises:
        Invalid: there is no such type, or there are no texts in that language.
    """

    def __init__(self, request: SuiteRequest) -> None:
        self.policies = _policies(request)
        self._categories = CATEGORIES if request.kind == "accuracy" else ()
        attacks = request.jailbreak or request.kind == "jailbreak"
        self._families = FAMILIES if attacks else ()

    def lane(self, position: int) -> Lane:
        """The lane of the prompt at a 0-based position of the suite."""
        first = self._categories or self.policies
        # A family of attacks must not go with the same policy again and again.
        turn = len(first) if first else 1
        shift = position // turn if math.gcd(turn, len(FAMILIES)) > 1 else 0
        return Lane(
            self._categories[position % turn] if self._categories else None,
            self.policies[position % turn].slug if self.policies else None,
            self._families[(position + shift) % len(FAMILIES)] if self._families else None,
        )


def chance(request: SuiteRequest, what: str) -> random.Random:
    """Chance that the seed of a request decides, apart for each thing it decides on."""
    return random.Random(f"{request.seed} {what}")  # noqa: S311 (an order, not a secret)


def shuffled(request: SuiteRequest, what: str, items: Sequence[_T]) -> list[_T]:
    """Items in an order that the seed of a request decides."""
    return chance(request, what).sample(items, len(items))


def _policies(request: SuiteRequest) -> tuple[Policy, ...]:
    bank = texts(request.language)
    slugs = find_eval_type(request.kind).policies
    if request.kind not in ABOUT_POLICIES:
        return ()
    if request.policies:
        return tuple(_chosen(choice, request.language) for choice in request.policies)
    if request.instructions and request.instructions.strip():
        policy = policy_of(request.instructions, request.language)
        return () if policy is None else (policy,)
    known = [bank.policies[slug] for slug in slugs if slug in bank.policies]
    return tuple(shuffled(request, "policies", known))


def _chosen(choice: PolicyChoice, language: str) -> Policy:
    """A policy that was chosen. Somebody's own has topics and prompts where it is, in other words,
    a stock one."""
    if choice.text is None:
        return texts(language).policies[choice.slug]
    own = Policy(choice.slug, choice.slug, choice.text, language, (), (), (), ())
    stock = policy_of(choice.text, language)
    return own if stock is None else replace(stock, slug=own.slug, name=own.name, text=own.text)
