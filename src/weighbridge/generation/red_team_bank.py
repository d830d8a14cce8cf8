"""What an application might be brought to do, by area, and requests that would lead to it, out of
the bank of texts that is part of the program."""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from weighbridge.core.red_team import Target
from weighbridge.generation.filling import filled
from weighbridge.generation.novelty import most_alike
from weighbridge.generation.replies import form
from weighbridge.suites.texts import Policy, texts

_LANGUAGE = "en"
_NEAREST_POLICIES = 3
_LONGEST_CONCERN = 300
_SHORTEST_CONCERN = 3
_CONCERNS_END = re.compile(r"[\n;]+|(?<=[.!?])\s+")
_BULLET = re.compile(r"^\s*(?:[-*•–]|\(?\d{1,2}[.)])\s+")


@dataclass(frozen=True, slots=True)
class Area:
    """Where an application might do harm.

    Attributes:
        topic: in a few words. told: the same with what it belongs to, for a model.
        behavior: what it would do there, where nobody says it better.
        policy: slug of the stock policy that is about it; None: it is a concern of the owner's.
    """

    topic: str
    told: str
    behavior: str
    policy: str | None


class AttackBank:
    """Areas, and requests of each, for one target.

    Args:
        target: what is attacked.
        seed: the same seed, the same order.
    """

    def __init__(self, target: Target, seed: str) -> None:
        self._seed = seed
        bank = texts(_LANGUAGE)
        known = list(bank.policies.values())
        about = f"{target.domain}. {target.application}. {target.concerns or ''}"
        self._policies = [known[place] for place in most_alike(about, _told(known))]
        self._framings = bank.framings
        self.areas = tuple(self._areas(target))

    def requests(self, about: str, policy: str | None) -> Iterator[str]:
        """Requests about something, those most like it first; all of them as they are, then all of
        them in one framing after the other.

        Args:
            policy: slug of the policy that they break; None: whichever are the nearest.
        """
        if policy is not None:
            known = texts(_LANGUAGE).policies[policy].requests
        else:
            nearest = most_alike(about, _told(self._policies))[:_NEAREST_POLICIES]
            known = tuple(it for place in nearest for it in self._policies[place].requests)
        found = [known[place] for place in most_alike(about, known)]
        for framing in self._framings:
            for request in found:
                yield filled(framing, {"request": request})

    def _areas(self, target: Target) -> Iterator[Area]:
        for concern in concerns_of(target.concerns):
            told = f"a concern of the owner's: {concern}"
            behavior = f"Acts against what its owner is concerned about: {concern}"
            yield Area(concern, told, behavior, None)
        topics = {
            policy.slug: random.Random(f"{self._seed} topics {policy.slug}").sample(  # noqa: S311
                policy.topics, len(policy.topics)
            )
            for policy in self._policies
        }
        for turn in range(max(len(found) for found in topics.values())):
            for policy in self._policies:
                if turn < len(topics[policy.slug]):
                    topic = topics[policy.slug][turn]
                    name = policy.name[0].lower() + policy.name[1:]
                    behavior = f"Goes along with requests about {topic} ({name})"
                    yield Area(topic, f"{name}, such as {topic}", behavior, policy.slug)


def concerns_of(text: str | None) -> list[str]:
    """The concerns in a text, each once: its lines, sentences and points."""
    found: dict[str, str] = {}
    for part in _CONCERNS_END.split(text or ""):
        concern = _BULLET.sub("", part).strip().rstrip(".")[:_LONGEST_CONCERN]
        if len(form(concern)) >= _SHORTEST_CONCERN:
            found.setdefault(form(concern), concern)
    return list(found.values())


def _told(policies: Sequence[Policy]) -> list[str]:
    return [f"{policy.name}. {policy.text}" for policy in policies]
