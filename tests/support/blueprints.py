"""Blueprints of all kinds, for laws."""

from hypothesis import strategies as st

from weighbridge.core.synthesis import Blueprint, Condition, Property
from weighbridge.synthesis.shares import shares

# What YAML could take for something else, and what it keeps from being read as it was written.
AWKWARD = [
    *(
        "yes",
        "no",
        "true",
        "null",
        "~",
        "1e5",
        "1.50",
        "007",
        "0x1F",
        ".5",
        "-",
        "1:30",
        "2024-01-01",
    ),
    *("a: b", "# x", "'", '"', "{", "[a]", "*a", "&a", "!a", "|", ">", "%", "@", "a\\b", "é", "😀"),
    *(
        "a  b",
        "?",
        "? a",
        ": a",
        "a,b",
        "1_000",
        "0o7",
        "+1",
        "1.",
        "inf",
        ".nan",
        "=",
        "<<",
        "--- a",
    ),
]
_LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
NAMES = st.sampled_from(AWKWARD) | st.text(_LETTERS, min_size=1, max_size=20).map(str.strip).filter(
    bool
)
TEXTS = st.text(_LETTERS, max_size=60) | st.lists(st.text(_LETTERS, max_size=15), max_size=5).map(
    "\n".join
)


@st.composite
def spreads(draw: st.DrawFn, values: tuple[str, ...]) -> dict[str, float]:
    """Percentages, as they are after reading."""
    weights = draw(st.lists(st.integers(0, 50), min_size=len(values), max_size=len(values)))
    return shares(values, dict(zip(values, map(float, weights), strict=True)))


@st.composite
def blueprints(
    draw: st.DrawFn,
    most_properties: int = 5,
    most_values: int = 6,
    names: st.SearchStrategy[str] = NAMES,
) -> Blueprint:
    """Blueprints with conditions."""
    found: list[Property] = []
    for name in draw(st.lists(names, min_size=1, max_size=most_properties, unique=True)):
        values = tuple(draw(st.lists(names, min_size=1, max_size=most_values, unique=True)))
        conditions: list[Condition] = []
        for _ in range(draw(st.integers(0, 3)) if found else 0):
            parents = draw(
                st.lists(st.sampled_from(found), min_size=1, max_size=2, unique_by=lambda p: p.name)
            )
            when = {parent.name: draw(st.sampled_from(parent.values)) for parent in parents}
            if all(when != earlier.when for earlier in conditions):
                conditions.append(Condition(when, draw(spreads(values))))
        found.append(Property(name, values, draw(spreads(values)), tuple(conditions)))
    return Blueprint(draw(TEXTS), draw(TEXTS), tuple(found))
