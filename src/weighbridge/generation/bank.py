"""The bank of prompts that is part of the program: what is asked when no model writes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from weighbridge.core.json import JsonObject
from weighbridge.core.suite import SuiteRequest, WrittenPrompt
from weighbridge.errors import Invalid
from weighbridge.generation import accuracy
from weighbridge.generation.dealing import ABOUT_POLICIES, Deck, Lane, chance, shuffled
from weighbridge.generation.filling import filled, shortened
from weighbridge.generation.novelty import most_alike
from weighbridge.generation.phrasing import REQUEST, Base, phrased
from weighbridge.generation.replies import form
from weighbridge.suites.texts import FAMILIES, Policy, texts

_LONGEST_NAME = 80
_NEAREST_POLICIES = 3
_SENTENCE_END = re.compile(r"[.!?](?:\s|$)|\n")
_IS = re.compile(r",? (?:is|ist|es|est|è|é)(?= )")
_OPENS = re.compile(
    r"(?:you are|this is|it is|eres|usted es|es|tu es|vous êtes|c'est|du bist|sie sind|das ist|"
    r"sei|è|você é|és) ",
    re.IGNORECASE,
)
_ARTICLE = re.compile(
    r"(?:an?|the|our|une?|el|las?|los|les?|die|der|das|ein|eine|il|lo|gli|umas?|os?|as?) ",
    re.IGNORECASE,
)


class Bank:
    """Prompts out of the bank, each once.

    Args:
        request: what they are for.
        deck: that deals them.

    Raises:
        Invalid: the ground truth says too little.
    """

    def __init__(self, request: SuiteRequest, deck: Deck) -> None:
        self._request = request
        self._texts = texts(request.language)
        self._policies = {policy.slug: policy for policy in deck.policies}
        self._bases: dict[str | None, list[Base]] = {}
        self._streams: dict[Lane, Iterator[Base]] = {}
        if request.kind == "accuracy":
            accuracy.truth_of(request)

    def draw(self, lane: Lane, taken: set[str]) -> tuple[WrittenPrompt, str | None]:
        """The next prompt of a lane.

        Args:
            taken: forms (`replies.form`) of the prompts that there are; its own is added.

        Returns:
            The prompt, and the sentence that its answer stands in, where there is one.

        Raises:
            Invalid: there is none left.
        """
        if lane not in self._streams:
            self._streams[lane] = self._stream(lane)
        for base in self._streams[lane]:
            text = base.values[REQUEST]
            normal = form(text)
            if normal not in taken:
                taken.add(normal)
                return WrittenPrompt(text, lane.category, _about(base, lane)), base.quote
        raise Invalid("the bank has too few texts for that many prompts; ask for fewer")

    def _stream(self, lane: Lane) -> Iterator[Base]:
        key = lane.category or lane.policy
        if key not in self._bases:
            self._bases[key] = self._bases_of(lane)
        bases = self._bases[key]
        layers: list[Sequence[str]] = []
        what = f"{key} {lane.family}"
        if lane.category is not None:
            questions = self._texts.questions[lane.category]
            layers.append(shuffled(self._request, f"questions {what}", questions))
        if lane.family is not None:
            # Attacks of each family begin elsewhere, so that together they get round sooner.
            begin = FAMILIES.index(lane.family) * len(bases) // len(FAMILIES)
            bases = [*bases[begin:], *bases[:begin]]
            wraps = self._texts.families[lane.family].wraps
            layers.append(shuffled(self._request, f"wraps {what}", wraps))
            if lane.category is None:
                layers.insert(0, ("{request}",))
        framings = shuffled(self._request, f"framings {what}", self._texts.framings[1:])
        return phrased(bases, layers, framings, chance(self._request, f"frames {what}"))

    def _bases_of(self, lane: Lane) -> list[Base]:
        request, bank = self._request, self._texts
        if lane.category is not None:
            return accuracy.bases_of(request, lane.category)
        if request.kind in ABOUT_POLICIES:
            return self._bases_about(lane)
        if request.kind == "agent":
            found = shuffled(request, "tasks", bank.agent_tasks)
        else:
            found = _by_turns(
                shuffled(request, "attacks", bank.system_attacks),
                shuffled(request, "off duty", bank.off_duty),
            )
        name = name_of(request.ai_description)
        return [Base({REQUEST: filled(text, {"ai": name})}) for text in found]

    def _bases_about(self, lane: Lane) -> list[Base]:
        policy = self._policies.get(lane.policy or "")
        own = self._requests(policy) if policy is not None else []
        if own:
            about = {"policy": cast("str", lane.policy)}
            return [Base({REQUEST: text}, about) for text in own]
        # Somebody's own policy, or one without pictures: what is closest to it.
        others = [other for other in self._texts.policies.values() if self._requests(other)]
        wanted = policy.text if policy is not None else self._request.instructions or ""
        places = most_alike(wanted, [f"{other.name}. {other.text}" for other in others])
        nearest = [self._requests(others[place]) for place in places[:_NEAREST_POLICIES]]
        # What was chosen is what answers are held against, whatever the bank asks about.
        chosen = policy is not None and bool(self._request.policies)
        kept = {"policy": policy.slug} if policy is not None and chosen else {}
        return [Base({REQUEST: text}, kept) for text in _by_turns(*nearest)]

    def _requests(self, policy: Policy) -> list[str]:
        request = self._request
        if request.kind == "over_refusal":
            found = policy.harmless
        elif request.kind == "image_safety" or request.modality != "text":
            found = policy.pictures
        else:
            found = policy.requests
        return shuffled(request, f"requests {policy.slug}", found)


def name_of(description: str) -> str:
    """Who an AI is, in a few words, out of the description of it."""
    first = _SENTENCE_END.split(description.strip(), maxsplit=1)[0].strip()
    first = _OPENS.sub("", first, count=1) if _OPENS.match(first) else first
    if (subject := _IS.search(first)) and subject.start() > 1:
        first = first[: subject.start()]
    if _ARTICLE.match(first):
        first = first[0].lower() + first[1:]
    return shortened(first, _LONGEST_NAME) or "AI"


def _about(base: Base, lane: Lane) -> JsonObject:
    family: Mapping[str, str] = {"family": lane.family} if lane.family is not None else {}
    return {"source": "bank", **base.about, **family}


def _by_turns(*lists: Sequence[str]) -> list[str]:
    """One of each list, then the next of each, until all are through."""
    longest = max((len(items) for items in lists), default=0)
    return [items[at] for at in range(longest) for items in lists if at < len(items)]
