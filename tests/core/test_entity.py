"""Places in a text, put together without overlaps."""

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.entity import Entity, merged, outside

ENTITIES = st.lists(
    st.builds(
        lambda start, length, label, score: Entity(start, start + length, label, score),
        st.integers(0, 40),
        st.integers(0, 10),
        st.sampled_from("ab"),
        st.floats(0, 1),
    )
)


def covered(entities: list[Entity]) -> set[int]:
    return {at for it in entities for at in range(it.start, it.end)}


@given(ENTITIES)
def test_merged_covers_the_same_and_nothing_overlaps(entities: list[Entity]) -> None:
    found = merged(entities)
    assert covered(found) == covered(entities)
    assert sum(it.end - it.start for it in found) == len(covered(found))
    assert [it.start for it in found] == sorted(it.start for it in found)
    assert merged(found) == found


def test_the_longest_names_it_and_the_surest_scores_it() -> None:
    both = [Entity(0, 4, "a", 0.9), Entity(2, 9, "b", 0.5)]
    assert merged(both) == [Entity(0, 9, "b", 0.9)]
    assert len(merged([Entity(0, 4, "a", 1), Entity(4, 6, "a", 1)])) == 2


@given(ENTITIES)
def test_the_pieces_of_a_text_are_the_text(entities: list[Entity]) -> None:
    text = "".join(chr(65 + it % 26) for it in range(60))
    assert "".join(part for part, _ in outside(text, merged(entities))) == text
