"""How many sentences there are."""

import time

import pytest

from weighbridge.scorers.sentences import count_sentences


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        (" \n ", 0),
        ("no end mark", 1),
        ("One. Two? Three!", 3),
        ("One.Two without a space. Three", 2),
        ("Mr. Grey met Dr. White at 5 p.m. on Main St. yesterday.", 1),
        ("It was 5 p.m. The train left.", 2),
        ("J. K. Miller lives in the U.S. and likes it.", 1),
        ("Wait... no. Wait... Now.", 3),
        ('He said: "Go." Then he left.', 2),
        ("**Bold.** (In brackets.) Next.", 3),
        ("1. Boil water.\n2. Pour it.", 4),
        ("a list\n- without\n- end marks", 1),
        ("It cost 3.50 dollars. Cheap!", 2),
        ("What?! Yes!! No.", 3),
    ],
)
def test_sentences_are_counted_like_this(text: str, count: int) -> None:
    assert count_sentences(text) == count


@pytest.mark.parametrize("text", ["." * 200_000, ". " * 100_000, "a." * 100_000, "\n" * 200_000])
def test_no_text_takes_long(text: str) -> None:
    begun = time.process_time()
    count_sentences(text)
    assert time.process_time() - begun < 2
