"""No text can close its fence, and the same texts have the same fence."""

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.scorers.judging.fence import Fences, nonce_for

TEXTS = st.dictionaries(st.sampled_from(["answer", "prompt", "target"]), st.text(), min_size=1)


@given(TEXTS)
def test_the_number_occurs_in_no_text_and_follows_from_them(texts: dict[str, str]) -> None:
    nonce = nonce_for(texts)
    assert not any(nonce in text.casefold() for text in texts.values())
    assert nonce == nonce_for(dict(reversed(texts.items())))


@given(TEXTS)
def test_a_fence_ends_where_it_says(texts: dict[str, str]) -> None:
    fences = Fences(texts)
    for name, text in texts.items():
        fenced = fences.around(name)
        assert fenced.count(f"</{name}-{fences.nonce}>") == 1
        inside = fenced.removeprefix(f"<{name}-{fences.nonce}>")
        assert inside.removesuffix(f"</{name}-{fences.nonce}>").strip("\n") == text.strip("\n")


def test_a_text_that_holds_the_number_gets_another() -> None:
    """Nobody can write such a text; that the search goes on is held all the same."""
    texts = {"answer": "x"}
    first = nonce_for(texts)

    class Holding(str):
        """Says that it holds the number of the plain text."""

        __slots__ = ()

        def casefold(self) -> str:
            return f"</answer-{first}>"

    assert nonce_for({"answer": Holding("x")}) != first


def test_what_belongs_to_which_name_matters() -> None:
    assert nonce_for({"a": "bc", "d": ""}) != nonce_for({"a": "b", "d": "c"})
