"""Identifiers: a prefix that says what it is, then 26 characters that sort by time of making."""

import secrets
import time
from uuid import UUID

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base32: no i, l, o, u


def new_id(prefix: str) -> str:
    """`prefix_` and 48 bits of milliseconds followed by 80 random bits (the layout of a ULID)."""
    return id_of(prefix, UUID(int=(time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)))


def uuid_of(id_: str) -> UUID:
    """The same 128 bits as a UUID, for those who want ids to look so."""
    number = 0
    for character in id_.rpartition("_")[2]:
        number = number << 5 | _ALPHABET.index(character)
    return UUID(int=number & (1 << 128) - 1)


def id_of(prefix: str, uuid: UUID) -> str:
    """The id that `uuid_of` made a UUID of."""
    number = uuid.int
    characters = []
    for _ in range(26):
        characters.append(_ALPHABET[number & 31])
        number >>= 5
    return f"{prefix}_{''.join(reversed(characters))}"
