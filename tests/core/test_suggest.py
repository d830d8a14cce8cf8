"""A misspelt word is answered with the known one that looks most like it."""

from weighbridge.core.suggest import did_you_mean


def test_the_closest_known_word_is_suggested_in_its_own_spelling() -> None:
    assert did_you_mean("qestion", ["id", "Question"]) == "; did you mean `Question`?"


def test_nothing_is_suggested_when_nothing_is_close() -> None:
    assert did_you_mean("xyz", ["id", "question"]) == ""
