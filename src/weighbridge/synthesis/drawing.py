"""Which values each sample is to show: as close to the blueprint as their number allows."""

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from fractions import Fraction

from weighbridge.core.synthesis import Blueprint, Property
from weighbridge.synthesis.shares import largest_remainder, percentages

__all__ = ["draw", "expected_shares", "matching", "percentages"]

_MAX_STATES = 50_000
_STAND_IN = 20_000


def draw(blueprint: Blueprint, n: int, seed: int) -> list[dict[str, str]]:
    """The values of n samples.

    The shares of a property are split among all samples by the largest remainder, so that no tally
    is off by one or more; where it has conditions, among the samples for which the same one holds,
    and by `shares` among those for which none does. So the marginal of such a property follows from
    its conditions. Which sample gets which value is shuffled for each property on its own: two
    properties hang together only as far as conditions say. Equal remainders are settled by lot.

    Args:
        n: how many, 0 or more.
        seed: the same one gives the same samples.

    Returns:
        property → value, in the order of the properties, for each sample.
    """
    # The lot is about samples, not about secrets.
    lot = random.Random(seed)  # noqa: S311
    drawn: list[dict[str, str]] = [{} for _ in range(n)]
    for prop in blueprint.properties:
        for condition, members in _groups(prop, drawn).items():
            taken = prop.shares if condition is None else prop.conditions[condition].shares
            for member, value in zip(members, _values(prop, taken, len(members), lot), strict=True):
                drawn[member][prop.name] = value
    return drawn


def expected_shares(blueprint: Blueprint) -> dict[str, dict[str, float]]:
    """The marginal shares that the blueprint implies: how often each value occurs among samples
    drawn by it, conditions and all.

    Exact: properties are gone through in order, and of those that later conditions look at, the
    chances of all combinations are kept. Should these be more than 50,000, a drawing of 20,000
    samples stands in from there on.

    Returns:
        property → value → percent; they add up to 100.
    """
    last_use = _last_uses(blueprint)
    chances: dict[tuple[tuple[str, str], ...], float] = {(): 1.0}
    expected: dict[str, dict[str, float]] = {}
    for place, prop in enumerate(blueprint.properties):
        marginal = dict.fromkeys(prop.values, 0.0)
        following: defaultdict[tuple[tuple[str, str], ...], float] = defaultdict(float)
        needed = last_use.get(prop.name, {})
        for state, chance in chances.items():
            condition = matching(prop, dict(state))
            taken = prop.shares if condition is None else prop.conditions[condition].shares
            kept = tuple(pair for pair in state if last_use[pair[0]][pair[1]] > place)
            for value in prop.values:
                part = chance * taken.get(value, 0.0) / 100
                marginal[value] += 100 * part
                # A value that no later condition names is like any other such value.
                remembered = needed.get(value, -1) > place
                following[(*kept, (prop.name, value)) if remembered else kept] += part
        if len(following) > _MAX_STATES:
            return expected | _stand_in(blueprint, place)
        chances = following
        expected[prop.name] = marginal
    return expected


def matching(prop: Property, tags: Mapping[str, str | None]) -> int | None:
    """The place of the first condition that holds for these values; None: `shares` apply."""
    for place, condition in enumerate(prop.conditions):
        if all(tags.get(name) == value for name, value in condition.when.items()):
            return place
    return None


def _groups(prop: Property, drawn: list[dict[str, str]]) -> dict[int | None, list[int]]:
    """Condition → the samples for which it is the first that holds."""
    groups: defaultdict[int | None, list[int]] = defaultdict(list)
    if not prop.conditions:
        groups[None] = [*range(len(drawn))]
        return groups
    looked_at = list(dict.fromkeys(name for c in prop.conditions for name in c.when))
    known: dict[tuple[str | None, ...], int | None] = {}
    for number, tags in enumerate(drawn):
        key = tuple(tags.get(name) for name in looked_at)
        if key not in known:
            known[key] = matching(prop, tags)
        groups[known[key]].append(number)
    return groups


def _values(
    prop: Property, taken: Mapping[str, float], n: int, lot: random.Random
) -> Iterable[str]:
    order = [*range(len(prop.values))]
    lot.shuffle(order)
    weights = [Fraction(taken.get(value, 0.0)) for value in prop.values]
    parts = largest_remainder(n, weights, order)
    values = [value for value, part in zip(prop.values, parts, strict=True) for _ in range(part)]
    lot.shuffle(values)
    return values


def _last_uses(blueprint: Blueprint) -> dict[str, dict[str, int]]:
    """Property → value → the place of the last property with a condition on it."""
    uses: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for place, prop in enumerate(blueprint.properties):
        for condition in prop.conditions:
            for name, value in condition.when.items():
                uses[name][value] = place
    return dict(uses)


def _stand_in(blueprint: Blueprint, first: int) -> dict[str, dict[str, float]]:
    drawn = draw(blueprint, _STAND_IN, seed=0)
    found = {}
    for prop in blueprint.properties[first:]:
        counts = dict.fromkeys(prop.values, 0)
        for tags in drawn:
            counts[tags[prop.name]] += 1
        found[prop.name] = {value: 100 * times / _STAND_IN for value, times in counts.items()}
    return found
