"""What a case's target means to the scorers that compare text: one reference, or any of several."""

import unicodedata

from weighbridge.core.json import Json
from weighbridge.core.outcome import Ungraded
from weighbridge.core.prompt import as_text

NO_REFERENCE = Ungraded("the case has no reference: its target is missing or empty")
_NO_TEXT = Ungraded("the reference is an object; text, a number or a list of those was expected")


def references(target: Json) -> tuple[str, ...] | Ungraded:
    """The texts an answer may equal.

    A list means any of its members. A number or boolean stands for its JSON text. A missing target
    or an empty one (a blank cell of a csv file) is no reference: such a case cannot be graded,
    which is not the same as a wrong answer. Inside a list, "" is one: to say nothing is right.
    """
    if type(target) is str:
        return (target,) if target and not target.isspace() else NO_REFERENCE
    if isinstance(target, (bool, int, float)):
        return (as_text(target),)
    if isinstance(target, (list, tuple)):
        texts = tuple(as_text(one) for one in target if isinstance(one, (str, bool, int, float)))
        if len(texts) != len(target):
            return _NO_TEXT
        return texts or NO_REFERENCE
    return NO_REFERENCE if target is None else _NO_TEXT


def normal_form(text: str) -> str:
    """`text` with letters and their accents composed (NFC), so that two ways of writing `é` in
    Unicode are one."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)
