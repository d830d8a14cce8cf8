"""Ids as this dialect writes them: the vendor's prefix, and the same 128 bits as a UUID."""

import re
from uuid import UUID

from weighbridge.core.ids import id_of, uuid_of
from weighbridge.errors import NotFound

SUITE = ("suite", "test.", "eval")
PROMPT = ("prompt", "question.", "prompt")
SCORING = ("scoring", "score_run.", "eval run")
RESPONSE = ("response", "answer.", "response")
THREAD = ("thread", "thread.", "thread")
REPORT = ("report", "score_run_suite_summary.", "report")
ASSET = ("asset", "", "file")
OVERRIDE = ("ovr", "answer_history.", "change")
WORKSPACE = ("ws", "", "workspace")

Kind = tuple[str, str, str]
"""Prefix of our id, prefix of the vendor's, and what it is called here."""


_KINDS = {kind[0]: kind for kind in (SUITE, PROMPT, SCORING, RESPONSE, THREAD, REPORT, ASSET)}
_OURS = re.compile(rf"\b({'|'.join(_KINDS)})_[0-9a-hjkmnp-tv-z]{{26}}\b")
_NOUNS = {"suite": SUITE[2], "scoring": SCORING[2], "asset": ASSET[2]}
_NAMED = re.compile(rf"\b(the|a|no|this|that) ({'|'.join(_NOUNS)})\b")


def in_their_words(message: str) -> str:
    """A message in which ids of ours stand as the vendor writes them, and things are called as the
    vendor calls them."""
    told = _OURS.sub(lambda found: shown(_KINDS[found[1]], found[0]), message)
    return _NAMED.sub(lambda found: f"{found[1]} {_NOUNS[found[2]]}", told)


def shown(kind: Kind, id_: str) -> str:
    """An id of ours, as the vendor would write it."""
    return f"{kind[1]}{uuid_of(id_)}"


def read(kind: Kind, text: str) -> str:
    """The id of ours that is meant; the prefix may be left out.

    Raises:
        NotFound: no id looks like this, so nothing can have it.
    """
    ours, prefix, what = kind
    try:
        return id_of(ours, UUID(text.removeprefix(prefix)))
    except (ValueError, AttributeError) as error:
        raise NotFound(f"there is no {what} {text[:80]!r}") from error
