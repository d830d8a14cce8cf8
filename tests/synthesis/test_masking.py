"""What is put in the place of personal data."""

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.entity import Entity
from weighbridge.synthesis.masking import Masks, check_masks, in_pieces
from weighbridge.synthesis.pieces import Piece, passages

KEY = "00" * 16
TEXT = "Call Ann: 555-01."
ANN, NUMBER = Entity(5, 8, "first_name", 1), Entity(10, 16, "phone", 1)


def masked(**config: str) -> str:
    return Masks(config, KEY).apply(TEXT, [ANN, NUMBER])


def test_without_a_word_about_it_types_are_put_in_their_place() -> None:
    assert masked() == "Call <FIRST_NAME>: <PHONE>."


def test_each_type_has_its_own_way_and_the_rest_the_default() -> None:
    assert masked(phone="mask", default="X") == "Call X: ***-**."
    assert masked(first_name="", phone="redact") == "Call : <PHONE>."


def test_a_hash_is_the_same_for_the_same_text_and_key() -> None:
    one, other = (Masks({"default": "hash"}, key) for key in (KEY, "11" * 16))
    assert one.apply(TEXT, [ANN]) == one.apply(TEXT, [ANN])
    assert one.apply(TEXT, [ANN]) != other.apply(TEXT, [ANN])
    assert one.apply("Ann", [Entity(0, 3, "first_name", 1)]) in one.apply(TEXT, [ANN])


def test_masks_of_types_that_were_not_asked_for_are_wrong() -> None:
    assert not check_masks({"email": "x", "default": "hash"}, ["email"])
    assert len(check_masks({"phone": "x", "email": "x" * 201}, ["email"])) == 2


@given(st.lists(st.text(st.characters(min_codepoint=65, max_codepoint=90), min_size=1), max_size=9))
def test_what_is_found_in_a_passage_is_found_in_its_piece(words: list[str]) -> None:
    pieces = [Piece(f"{word}7{word}", "7field7") for word in words]
    shown = [
        (
            passage,
            [Entity(at, at + 1, "seven", 1) for at, it in enumerate(passage.text) if it == "7"],
        )
        for passage in passages(pieces, 250)
    ]
    for piece, found in zip(pieces, in_pieces(pieces, shown), strict=True):
        at = piece.text.index("7")
        assert [(it.start, it.end) for it in found] == [(at, at + 1)]
