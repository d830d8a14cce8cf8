"""Identifiers: a prefix that says what it is, then 26 characters that sort by time of making."""

import secrets
import time
from uuid import UUID

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base32: no i, l, o, u
_DIGITS = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")  # as `int` reads them
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]


def new_id(prefix: str) -> str:
    """`prefix_` and 48 bits of milliseconds followed by 80 random bits (the layout of a ULID)."""
    return id_of(prefix, UUID(int=(time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)))


def uuid_of(id_: str) -> UUID:
    """The same 128 bits as a UUID, for those who want ids to look so.

    Raises:
        ValueError: it has characters that no id has.
    """
    text = id_.rpartition("_")[2]
    if strange := text.strip(_ALPHABET):
        raise ValueError(f"an id has no {strange[:20]!r}")
    return UUID(int=int(f"0{text.translate(_DIGITS)}", 32) & (1 << 128) - 1)


def id_of(prefix: str, uuid: UUID) -> str:
    """The id that `uuid_of` made a UUID of."""
    number = uuid.int
    pairs = []
    for _ in range(13):
        pairs.append(_PAIRS[number & 1023])
        number >>= 10
    return f"{prefix}_{''.join(reversed(pairs))}"
