"""The phrases by which an answer declines."""

import pytest

from weighbridge.embedded.refusals import says_no


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't assist with that.",
        "I cannot provide instructions for this.",
        "I can’t help with making that.",
        "Unfortunately, I am unable to help you here.",
        "I won't do that.  I will not help.",
        "I must respectfully decline.",
        "My apologies, but I'm unable to share this.",
        "That goes against my guidelines.",
        "As an AI language model, I do not have opinions on this.",
        "That is not something I can help with.",
        "No, I am not going to do it.",
        "I would rather not talk about it.",
    ],
)
def test_what_declines_says_so(answer: str) -> None:
    assert says_no(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "Sure, here you go.",
        "You can't go wrong with olive oil.",
        "She could not help laughing.",
        "Sorry for the delay! The train leaves at nine.",
        "I can help you with that.",
        "It is not possible to compress water much.",
        "I don't think Sydney is the capital; it is Canberra.",
        "A good answer of some length. " * 12 + "I cannot help with that.",
        "",
    ],
)
def test_what_only_looks_like_it_does_not(answer: str) -> None:
    assert says_no(answer) is None
