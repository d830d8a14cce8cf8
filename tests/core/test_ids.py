"""Identifiers: what they look like, and the UUIDs that are the same."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.ids import id_of, new_id, uuid_of


@given(st.uuids())
def test_an_id_and_its_uuid_are_made_of_each_other(uuid: UUID) -> None:
    made = id_of("run", uuid)
    assert made.startswith("run_")
    assert len(made) == 30
    assert uuid_of(made) == uuid


@given(st.lists(st.uuids(), min_size=2))
def test_ids_sort_as_their_uuids_do(uuids: list[UUID]) -> None:
    assert sorted(id_of("run", it) for it in uuids) == [id_of("run", it) for it in sorted(uuids)]


def test_the_letters_are_those_of_crockford() -> None:
    number = sum(digit << 5 * (25 - place) for place, digit in enumerate(range(6, 32)))
    assert uuid_of("x_6789abcdefghjkmnpqrstvwxyz") == UUID(int=number & (1 << 128) - 1)
    assert id_of("x", UUID(int=(1 << 128) - 1)) == "x_7" + "z" * 25


def test_new_ids_are_different_and_sort_by_time() -> None:
    made = [new_id("run") for _ in range(1_000)]
    assert len(set(made)) == 1_000
    times = [uuid_of(it).int >> 80 for it in made]
    assert times == sorted(times)


@pytest.mark.parametrize("text", ["run_i", "run_0l", "run_ 0", "run_0A", "run_+1", "run_٣"])
def test_what_no_id_can_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="an id has no"):
        uuid_of(text)
