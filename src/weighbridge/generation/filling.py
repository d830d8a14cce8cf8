"""Texts with places, filled in once: what is put into a place is never looked at for places."""

import re
from collections.abc import Mapping

_PLACE = re.compile(r"\{(\w+)\}")
_ENDS = (".", "!", "?", "…", ":", ";")
_CLOSING = " '\"’”“»)]"


def filled(template: str, values: Mapping[str, str]) -> str:
    """A template with its places filled. One without a value stays as it is, braces and all."""
    return _PLACE.sub(lambda place: values.get(place[1], place[0]), template)


def ended(text: str) -> str:
    """A text as one that another sentence may follow: with a full stop, where it ends with no mark
    (a closing quote or bracket aside)."""
    return text if text.rstrip(_CLOSING).endswith(_ENDS) else f"{text}."


def shortened(text: str, length: int) -> str:
    """A text of at most that many characters, cut between words and ending with "…" if it was
    longer."""
    if len(text) <= length:
        return text
    head = text[: length - 1]
    return f"{head[: head.rfind(' ')] if ' ' in head[length // 2 :] else head}…"
