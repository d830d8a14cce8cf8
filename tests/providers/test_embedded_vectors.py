"""Sentence vectors: a text is made of the tokens of its words, whatever it holds."""

from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from weighbridge.providers import embedded_vectors
from weighbridge.providers.embedded_vectors import Tokens, embed

pytestmark = pytest.mark.skipif(find_spec("wordllama") is None, reason="wordllama is missing")

PIECES = st.sampled_from(
    [" ", "  ", "\n", "▁", "<s>", "</s>", "<", "été", "ｆｕｌｌ", "日本", "🙂", "it's"]
)
TEXTS = st.lists(st.text(max_size=12) | PIECES, max_size=12).map("".join) | st.lists(
    st.text(st.characters(exclude_characters=" ", exclude_categories=["Cs"]), min_size=1),
    max_size=9,
).map(" ".join)


def alone(text: str) -> list[int]:
    """The tokens of a text by the tokenizer itself."""
    tokenizer = embedded_vectors._load()[1]._tokenizer
    return list(tokenizer.encode(text, add_special_tokens=False).ids)


@given(st.lists(TEXTS, max_size=5))
@example(["a b", "a  b", " a", "a ", "", "x<s> y", "a▁b c", "w" * 60 + " v"])
def test_tokens_of_words_are_those_of_the_text(texts: list[str]) -> None:
    tokens = Tokens(embedded_vectors._load()[1]._tokenizer)
    for _ in range(2):  # the second time words are known
        assert tokens.of(texts) == [alone(text) for text in texts]


def test_known_words_are_forgotten_before_they_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(embedded_vectors, "_MOST_WORDS", 3)
    tokens = Tokens(embedded_vectors._load()[1]._tokenizer)
    for text in ("one two", "three four", "five six seven eight", "one nine"):
        assert tokens.of([text]) == [alone(text)]
    assert set(tokens._known) == {"one", "nine"}


def test_a_vector_is_the_mean_of_the_tokens_at_length_1() -> None:
    texts = ["a dog in the rain", "", "ein Hund"]
    vectors, total = embed(texts)
    table, _ = embedded_vectors._load()
    for text, vector in zip(texts, vectors, strict=True):
        ids = alone(text)
        mean = table[ids].mean(axis=0) if ids else np.zeros(256)
        length = np.linalg.norm(mean)
        assert vector == pytest.approx(mean / length if length else mean, abs=1e-6)
    assert total == sum(len(alone(text)) for text in texts)
