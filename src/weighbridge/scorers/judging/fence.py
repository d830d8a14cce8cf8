"""Fences around text that a judge is shown, which that text cannot close.

A fence is a pair of tags, `<answer-1f0c…>` and `</answer-1f0c…>`. The number in them is made from
the texts themselves, so that the same question to a judge is the same request (it can be cached and
repeated), and it occurs in none of them, so that no text can end its own fence. To write a text
that holds its own number one would have to find a fixed point of SHA-256.
"""

import hashlib
from collections.abc import Mapping

_DIGITS = 12


class Fences:
    """Fences for the texts of one question.

    Args:
        texts: name → text, all that will be fenced.

    Attributes:
        nonce: the number in the tags.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self.nonce = nonce_for(texts)

    def around(self, name: str) -> str:
        """The text of that name between its tags."""
        text = self._texts[name]
        tag = f"{name}-{self.nonce}"
        gap = "\n" if "\n" in text or len(text) > 80 else ""
        return f"<{tag}>{gap}{text}{gap}</{tag}>"


def nonce_for(texts: Mapping[str, str]) -> str:
    """Twelve hexadecimal digits that depend on all texts and occur in none of them."""
    parts = [
        part.encode("utf-8", "surrogatepass") for pair in sorted(texts.items()) for part in pair
    ]
    hashed = hashlib.sha256(b"".join([len(it).to_bytes(8, "big") + it for it in parts]))
    folded = [text.casefold() for text in texts.values()]
    while True:
        nonce = hashed.hexdigest()[:_DIGITS]
        if not any(nonce in text for text in folded):
            return nonce
        hashed.update(b"again")
