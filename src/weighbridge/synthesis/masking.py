"""Taking personal data out of texts: what is put in its place."""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence

from weighbridge.core.entity import Entity, merged, outside
from weighbridge.errors import FieldProblem
from weighbridge.synthesis.pieces import Passage, Piece

REDACT, CHARACTERS, HASH = "redact", "mask", "hash"
"""Words for ways to mask; any other text is put in the place of the data as it is."""

DEFAULT = "default"
"""In a configuration, what goes for types that are not named."""

LONGEST_MASK = 200
_DIGITS = 12


class Masks:
    """Masks entities by their type.

    Args:
        config: type → `redact` (`<EMAIL>`), `mask` (a `*` for each letter and digit), `hash` (such
            as `<EMAIL:6f1c2a90b3d4>`, the same for the same text in one anonymisation) or the text
            that is put in its place. `default` goes for types that are not named, and is `redact`
            itself by default.
        key: hexadecimal, of the hashes.
    """

    def __init__(self, config: Mapping[str, str], key: str) -> None:
        self._config = config
        self._key = bytes.fromhex(key)

    def apply(self, text: str, entities: Iterable[Entity]) -> str:
        """A text with its entities masked.

        Args:
            entities: without overlaps, in their order.
        """
        return "".join(
            part if entity is None else self._masked(part, entity.label)
            for part, entity in outside(text, entities)
        )

    def _masked(self, text: str, label: str) -> str:
        way = self._config.get(label, self._config.get(DEFAULT, REDACT))
        known = _WAYS.get(way)
        if known is not None:
            return known(text, label)
        if way == HASH:
            said = f"{label}\0{text}".encode("utf-8", "surrogatepass")
            digest = hmac.new(self._key, said, hashlib.sha256).hexdigest()
            return f"<{_tag(label)}:{digest[:_DIGITS]}>"
        return way


def _tag(label: str) -> str:
    return "_".join(label.upper().split())


_WAYS: Mapping[str, Callable[[str, str], str]] = {
    REDACT: lambda _text, label: f"<{_tag(label)}>",
    CHARACTERS: lambda text, _label: "".join("*" if it.isalnum() else it for it in text),
}


def check_masks(config: Mapping[str, str], types: Sequence[str]) -> list[FieldProblem]:
    """What is wrong with a configuration of masks, in the field `mask_config`."""
    problems = []
    for name, way in config.items():
        if name not in types and name != DEFAULT:
            message = f"{name[:80]!r} is none of the pii_types (nor `{DEFAULT}`)"
        elif len(way) > LONGEST_MASK or "\0" in way:
            message = f"the mask of {name[:80]!r} has at most {LONGEST_MASK} characters"
        else:
            continue
        problems.append(FieldProblem("mask_config", message))
    return problems


def in_pieces(
    pieces: Sequence[Piece], shown: Iterable[tuple[Passage, Sequence[Entity]]]
) -> list[list[Entity]]:
    """The entities of each piece, without overlaps, from those that were found in passages.

    Args:
        shown: passages of these pieces, with what was found in each. What lies in names of fields
            is passed over.
    """
    found: list[list[Entity]] = [[] for _ in pieces]
    for passage, entities in shown:
        for span in passage.spans:
            for one in entities:
                start, end = max(one.start, span.at), min(one.end, span.at + span.length)
                if start < end:
                    moved = span.start - span.at
                    found[span.piece].append(
                        Entity(start + moved, end + moved, one.label, one.score)
                    )
    return [merged(it) for it in found]
