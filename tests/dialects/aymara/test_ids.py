"""Ids as the vendor writes them, and messages in its words."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.ids import new_id
from weighbridge.dialects.aymara import ids
from weighbridge.errors import NotFound

KINDS = (ids.SUITE, ids.PROMPT, ids.SCORING, ids.RESPONSE, ids.THREAD, ids.REPORT, ids.ASSET)


@pytest.mark.parametrize("kind", KINDS)
def test_an_id_comes_back_as_it_was(kind: ids.Kind) -> None:
    id_ = new_id(kind[0])
    shown = ids.shown(kind, id_)
    assert shown.startswith(kind[1])
    assert ids.read(kind, shown) == id_
    assert ids.read(kind, shown.removeprefix(kind[1])) == id_


@given(st.text(max_size=60))
def test_what_is_no_id_is_not_found(text: str) -> None:
    with pytest.raises(NotFound, match="there is no eval"):
        ids.read(ids.SUITE, f"?{text}")


def test_messages_name_things_as_the_vendor_does() -> None:
    suite, scoring = new_id("suite"), new_id("scoring")
    said = ids.in_their_words(f"there is no suite {suite!r}, and the scoring {scoring} is gone")
    assert ids.shown(ids.SUITE, suite) in said
    assert ids.shown(ids.SCORING, scoring) in said
    assert said.startswith("there is no eval 'test.")
    assert "the eval run score_run." in said
    assert ids.in_their_words("excluded from scoring") == "excluded from scoring"
    other = f"run_{uuid4().hex[:26]}"
    assert ids.in_their_words(other) == other
