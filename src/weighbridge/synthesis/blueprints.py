"""Blueprints out of what was measured of seeds, what a model proposes, and what it sees in them.

What was measured is taken as it is: percentages are those of the seeds, and conditions those that
hold among them. Values and properties beyond the seeds are added where that is wanted; such values
have `BEYOND` percent of their property together.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from weighbridge.core.json import JsonObject
from weighbridge.core.synthesis import Blueprint, Condition, Property
from weighbridge.errors import Invalid
from weighbridge.synthesis.association import conditions
from weighbridge.synthesis.blueprint_prompts import Proposal, ProposedProperty, Wanted
from weighbridge.synthesis.form import DESCRIPTIONS
from weighbridge.synthesis.measuring import Measurement, Trait
from weighbridge.synthesis.shares import shares

BEYOND = 10.0
"""Percent of a property that values which no seed shows have together."""
LEAST_SEEN = 5
"""Seeds of which a property is told, so that its percentages are taken from them."""

_LONGEST_LIST = 20


@dataclass(frozen=True, slots=True)
class Made:
    """A blueprint, and what to know about how it came about, for the `metadata` of its YAML."""

    blueprint: Blueprint
    metadata: JsonObject


@dataclass(frozen=True, slots=True)
class _Part:
    """A property on its way, with where its percentages are from.

    Attributes:
        trait: what was seen in the seeds; None: nothing.
        beyond: its values that no seed shows.
    """

    property: Property
    source: str
    description: str
    trait: Trait | None = None
    beyond: tuple[str, ...] = ()


def from_seeds(
    wanted: Wanted,
    measured: Measurement,
    proposal: Proposal | None = None,
    seen: Mapping[int, Mapping[str, str | None]] | None = None,
) -> Made:
    """A blueprint of samples like seeds.

    Args:
        proposal: what a model proposes beside what was measured; None: nothing.
        seen: number of a seed (0-based) → property → value that a model saw in it, None: none.

    Raises:
        Invalid: nothing is known in which samples differ.
    """
    parts, common = [_measured(it, wanted, proposal) for it in measured.traits], {}
    for proposed in proposal.properties if proposal else ():
        trait = _trait(proposed, measured.count, seen or {})
        if not proposed.in_seeds:
            if wanted.extrapolate_axes:
                parts.append(_imagined(proposed, wanted))
        elif not wanted.distributions or trait.known < LEAST_SEEN:
            parts.append(_imagined(proposed, wanted))
        elif len(trait.values) > 1 or wanted.extrapolate_values:
            parts.append(_classified(proposed, trait, wanted))
        else:
            common[proposed.name] = trait.values[0]
    if not parts:
        parts = [_constant(name, value) for name, value in {**measured.common, **common}.items()][
            :1
        ]
    if not parts:
        raise Invalid(
            "nothing could be measured in which these seeds differ: name a generator model, which "
            "proposes properties"
        )
    if wanted.conditionals and wanted.distributions:
        parts = _conditioned(parts)
    texts = _described(wanted, measured, common)
    return _made(
        parts,
        description=(proposal.description if proposal else "") or texts[0],
        requirements=(proposal.requirements if proposal else "") or texts[1],
        metadata={
            "samples_measured": measured.count,
            **({"samples_classified": len(seen)} if seen else {}),
        },
    )


def from_objectives(wanted: Wanted, proposal: Proposal) -> Made:
    """A blueprint that a model proposes by objectives alone.

    Raises:
        Invalid: it proposes no properties.
    """
    if not proposal.properties:
        raise Invalid("the model proposed no properties with values")
    parts = [_imagined(it, wanted) for it in proposal.properties]
    if wanted.conditionals and wanted.distributions:
        parts = [
            replace(
                part,
                property=replace(
                    part.property,
                    conditions=tuple(
                        Condition(
                            {it.when[0]: it.when[1]}, shares(part.property.values, it.weights)
                        )
                        for it in proposal.conditions
                        if it.property == part.property.name
                    ),
                ),
            )
            for part in parts
        ]
    return _made(
        parts,
        description=proposal.description or wanted.objectives,
        requirements=proposal.requirements,
        metadata={},
    )


def _measured(trait: Trait, wanted: Wanted, proposal: Proposal | None) -> _Part:
    more = proposal.more_values.get(trait.name, ()) if proposal else ()
    beyond = tuple(more) if wanted.extrapolate_values else ()
    source = f"measured in {trait.known} samples"
    return _part(trait, beyond, wanted, source, trait.description)


def _classified(proposed: ProposedProperty, trait: Trait, wanted: Wanted) -> _Part:
    beyond = tuple(value for value in proposed.values if value not in trait.values)
    source = f"as a model saw it in {trait.known} samples"
    kept = beyond if wanted.extrapolate_values else ()
    return _part(trait, kept, wanted, source, proposed.description)


def _part(
    trait: Trait, beyond: tuple[str, ...], wanted: Wanted, source: str, description: str
) -> _Part:
    values = (*trait.values, *beyond)
    if beyond:
        source += f"; beyond them: {', '.join(beyond)}"
    if not wanted.distributions:
        return _Part(Property(trait.name, values, shares(values)), "uniform", description, trait)
    taken = shares(values, _stretched(trait.counts, beyond))
    return _Part(Property(trait.name, values, taken), source, description, trait, beyond)


def _imagined(proposed: ProposedProperty, wanted: Wanted) -> _Part:
    values = proposed.values
    if not wanted.distributions:
        taken = Property(proposed.name, values, shares(values))
        return _Part(taken, "uniform", proposed.description)
    taken = Property(proposed.name, values, shares(values, proposed.weights))
    return _Part(taken, "proposed by a model", proposed.description)


def _constant(name: str, value: str) -> _Part:
    taken = Property(name, (value,), shares((value,)))
    return _Part(taken, "the same in all samples", "")


def _trait(
    proposed: ProposedProperty, count: int, seen: Mapping[int, Mapping[str, str | None]]
) -> Trait:
    """What a model saw of a property, with the values that it saw at all."""
    labels = tuple(seen.get(number, {}).get(proposed.name) for number in range(count))
    there = Counter(labels)
    values = tuple(value for value in proposed.values if there[value])
    return Trait(proposed.name, values, labels, proposed.description)


def _stretched(weights: Mapping[str, float], beyond: Sequence[str]) -> dict[str, float]:
    """Weights with room for values beyond."""
    if not beyond:
        return dict(weights)
    total = sum(weights.values())
    kept = {value: weight / total * (100 - BEYOND) for value, weight in weights.items()}
    return kept | dict.fromkeys(beyond, BEYOND / len(beyond))


def _conditioned(parts: Sequence[_Part]) -> list[_Part]:
    places = [place for place, part in enumerate(parts) if part.trait is not None]
    found = conditions([part.trait for part in parts if part.trait is not None])
    made = list(parts)
    for place, conditions_ in zip(places, found, strict=True):
        part = parts[place]
        told = tuple(
            Condition(it.when, shares(part.property.values, _stretched(it.shares, part.beyond)))
            for it in conditions_
        )
        made[place] = replace(part, property=replace(part.property, conditions=told))
    return made


def _described(wanted: Wanted, measured: Measurement, common: Mapping[str, str]) -> tuple[str, str]:
    """A description and requirements out of what was measured."""
    if measured.columns:
        columns = ", ".join(measured.columns[:_LONGEST_LIST])
        more = ", …" if len(measured.columns) > _LONGEST_LIST else ""
        description = f"A record like those of the seeds, with {columns}{more}."
    else:
        description = "A text like those of the seeds."
    lines = [f"{name}: {value}" for name, value in {**measured.common, **common}.items()]
    requirements = [wanted.objectives.strip()] if wanted.objectives.strip() else []
    if lines:
        told = "\n".join(f"- {line}" for line in lines[:_LONGEST_LIST])
        requirements.append(f"As in all seeds:\n{told}")
    return description, "\n\n".join(requirements)


def _made(
    parts: Sequence[_Part], *, description: str, requirements: str, metadata: JsonObject
) -> Made:
    descriptions = {part.property.name: part.description for part in parts if part.description}
    blueprint = Blueprint(
        description,
        requirements,
        tuple(part.property for part in parts),
        {DESCRIPTIONS: descriptions} if descriptions else {},
    )
    sources: JsonObject = {part.property.name: part.source for part in parts}
    return Made(blueprint, {**metadata, "percentages": sources})
