"""Reading what a model replied: the object in it, and texts in a form in which they compare."""

import importlib
import re
import unicodedata
from functools import lru_cache
from typing import Any

import json_repair
import orjson
from rapidfuzz import fuzz

from weighbridge.core.json import Json, JsonObject

_LONGEST = 20_000
_ALIKE = 85.0
_WORD = re.compile(r"\w+")


def read_object(reply: str) -> JsonObject | None:
    """The JSON object that a reply is, mended where it is nearly one; None: it is none."""
    try:
        value: Json = orjson.loads(reply)
    except ValueError:
        try:
            value = json_repair.loads(reply[:_LONGEST])
        except RecursionError:
            return None
    return value if isinstance(value, dict) else None


def text_of(value: Json) -> str:
    """A text or a number as tidy text; "" for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    # Half a surrogate pair, which JSON can write, has no place in a store.
    whole = str(value).encode("utf-8", "replace").decode()
    return unicodedata.normalize("NFC", whole.replace("\x00", "")).strip()


def declines(text: str) -> bool:
    """Whether a text begins with the words by which models decline, as far as that can be told:
    what tells it comes with the optional embedded judge."""
    refusals = _refusals()
    return refusals is not None and refusals.says_no(text) is not None


@lru_cache(maxsize=1)
def _refusals() -> Any:
    try:
        return importlib.import_module("weighbridge.embedded.refusals")
    except ImportError:
        return None


def words(text: str) -> list[str]:
    """The words of a text in one way of writing, in lower case."""
    if text.isascii():  # which is written in one way already
        return _WORD.findall(text.lower())
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def form(text: str) -> str:
    """The words of a text with one space between them: equal for texts that say the same."""
    return " ".join(words(text))


def stands_in(quote: str, body: str) -> bool:
    """Whether a quote stands in a text, give or take a few letters. Both as `form` gives them."""
    return quote in body or fuzz.partial_ratio(quote, body) >= _ALIKE
