"""Reports on scorings: written from their numbers, and by a model where one can write.

A report is made of pieces, each one of the three texts on one scoring (on one category of it where
the suite is about accuracy) or on all scorings together. The figures of a piece are always ours; a
model only replaces the words that follow them, and where it gives no usable ones, ours stay.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

import orjson

from weighbridge.core.digest import Digest, Group, Sample
from weighbridge.core.json import Json, JsonObject
from weighbridge.generation import telling
from weighbridge.generation.replies import read_object, text_of

Which: TypeAlias = Literal["passing", "failing", "advice"]
"""What passed, what failed, and what is to be done about it."""

WHICH: Final[tuple[Which, ...]] = ("passing", "failing", "advice")
PIECE: Final = "piece"
"""The column of a case that says which piece it is to write."""

SCHEMA: JsonObject = {
    "type": "object",
    "properties": {"text": {"type": "string"}},
    "required": ["text"],
    "additionalProperties": False,
}

_SHOWN = 9  # how many responses a model is shown
_SHORTEST, _LONGEST = 20, 3_000  # characters that a model may write


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a report.

    Attributes:
        scoring_id: None: it is about all scorings together.
        which: which of the three texts it is, or belongs to.
        tag: of a category, where the text has a part for each; None: it is the whole text.
        figures: sentences with numbers; may be empty. words: what follows them.
    """

    scoring_id: str | None
    which: Which
    tag: str | None
    figures: str
    words: str

    @property
    def text(self) -> str:
        """The whole, in one line without angle brackets."""
        return telling.line(telling.sentences(self.figures, self.words))


@dataclass(frozen=True, slots=True)
class Draft:
    """A piece that is written from numbers, and what a model that words it better is to see.

    Attributes:
        shown: responses; none: there is nothing to be said better.
        about: names and descriptions by others, each with what it is.
    """

    piece: Piece
    shown: tuple[Sample, ...] = ()
    about: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Texts:
    """The three texts on a scoring, or on all."""

    passing: str
    failing: str
    advice: str


def drafts(digests: Sequence[Digest]) -> list[Draft]:
    """A report on some scorings, one at least, written from their numbers.

    What it says of a single scoring as a whole is what it says of all.
    """
    made: list[Draft] = []
    for digest in digests:
        if digest.kind == telling.ACCURACY and digest.groups:
            tagged = _tagged(digest)
            made += [_of_group(digest, *it, which) for which in WHICH for it in tagged.items()]
        else:
            made += [_of_whole(digest, digest.scoring_id, which) for which in WHICH]
    if len(digests) > 1:
        made += [_of_all(digests, which) for which in WHICH]
    elif made[0].piece.tag is not None:
        made += [_of_whole(digests[0], None, which) for which in WHICH]
    return made


def evaluation(name: str, written: Sequence[Draft], generator: str) -> JsonObject | None:
    """The evaluation that has a model write the words; None: there is nothing to write about.

    Args:
        written: as `drafts` makes them.
        generator: the model that writes.
    """
    texts = telling.texts()
    rows: list[Json] = [
        {
            PIECE: number,
            "scoring": draft.piece.scoring_id,
            "which": draft.piece.which,
            "group": draft.piece.tag,
            "figures": draft.piece.figures or "(none)",
            "material": _material(draft),
            "task": texts["tasks"][draft.piece.which],
        }
        for number, draft in enumerate(written)
        if draft.shown
    ]
    if not rows:
        return None
    return {
        "name": name,
        "cases": rows,
        "model": generator,
        "messages": [
            {"role": "system", "content": texts["system"]},
            {"role": "user", "content": texts["user"]},
        ],
        "schema": SCHEMA,
        "params": {"temperature": 0.2, "max_tokens": 700},
        "scorers": [{"json_schema": {"schema": SCHEMA}}],
    }


def assembled(
    written: Sequence[Piece], replies: Mapping[int, str | None]
) -> tuple[list[Piece], int]:
    """A report with a model's words in the place of ours, as far as they can be used.

    Args:
        replies: number of a piece → what the model replied; those it was not asked for are missing.

    Returns:
        The pieces, and how many of them have the model's words.
    """
    made, used = list(written), 0
    for number, reply in replies.items():
        words = _words_of(reply)
        if words is not None and 0 <= number < len(made):
            made[number] = replace(made[number], words=words)
            used += 1
    return made, used


def texts_of(written: Sequence[Piece], scoring_id: str | None) -> Texts:
    """The three texts on a scoring; None: on all together."""
    about = {piece.scoring_id for piece in written}
    if scoring_id is None and None not in about:
        [scoring_id] = about
    found: dict[Which, list[str]] = {which: [] for which in WHICH}
    for piece in written:
        if piece.scoring_id == scoring_id:
            tag, text = piece.tag, piece.text
            found[piece.which].append(text if tag is None else f"<{tag}>{text}</{tag}>")
    return Texts(**{which: "".join(parts) for which, parts in found.items()})


def _tagged(digest: Digest) -> dict[str, Group]:
    """The groups of a scoring, each under a tag of its own."""
    found: dict[str, Group] = {}
    for group in digest.groups:
        name = telling.tag_of(group.name)
        tag, number = name, 2
        while tag in found:
            tag, number = f"{name}_{number}", number + 1
        found[tag] = group
    return found


def _of_whole(digest: Digest, scoring_id: str | None, which: Which) -> Draft:
    groups = digest.groups if which == "passing" else telling.weakest(digest.groups)
    figures, words = "", ""
    if which == "passing":
        shown = telling.dealt(group.passing for group in groups)
        figures = telling.sentences(
            telling.passed(digest.rate, sum(group.refusals for group in groups)),
            telling.by_group(digest),
            telling.beside(digest, digest.rate),
            telling.prompts(digest),
        )
        words = telling.examples(shown, "passed")
    else:
        shown = telling.dealt(group.failing for group in groups)
        if which == "failing":
            figures = telling.sentences(
                telling.failed(digest.rate),
                telling.where_it_fails(digest),
                telling.left_out(digest.rate),
            )
            words = telling.examples(shown, "failed")
        else:
            words = telling.advice(digest)
    piece = Piece(scoring_id, which, None, figures, words)
    return Draft(piece, tuple(shown[:_SHOWN]), (("ai", digest.ai), ("eval", digest.suite)))


def _of_group(digest: Digest, tag: str, group: Group, which: Which) -> Draft:
    figures, words, shown = "", "", group.failing
    if which == "passing":
        shown = group.passing
        figures = telling.passed(group.rate, group.refusals)
        words = telling.examples(shown, "passed")
    elif which == "failing":
        figures = telling.failed(group.rate)
        words = telling.examples(shown, "failed")
    else:
        words = telling.advice_on_group(digest, group)
    if figures:
        figures = telling.sentences(figures, telling.left_out(group.rate))
    about = (("ai", digest.ai), ("eval", digest.suite), ("category", group.name))
    return Draft(Piece(digest.scoring_id, which, tag, figures, words), shown[:_SHOWN], about)


def _of_all(digests: Sequence[Digest], which: Which) -> Draft:
    scored = [it for it in digests if it.rate.n_scored]
    best = sorted(scored, key=lambda it: (-(it.rate.low or 0.0), it.suite))
    worst = sorted(
        (it for it in scored if it.rate.n_passed < it.rate.n_scored),
        key=lambda it: (it.rate.high or 0.0, it.suite),
    )
    figures, words = "", ""
    if which == "passing":
        shown = telling.dealt(group.passing for it in best for group in it.groups)
        figures = telling.sentences(
            telling.total(digests, "passed"),
            telling.each_passed(best),
            telling.beside_all(digests),
            telling.prompts(digests[0]) if len(digests) == 1 else "",
        )
        words = telling.examples(shown, "passed")
    else:
        shown = telling.dealt(group.failing for it in worst for group in telling.weakest(it.groups))
        if which == "failing":
            figures = telling.sentences(
                telling.total(digests, "failed"),
                telling.each_failed(worst),
                telling.left_out_of_all(digests),
            )
            words = telling.examples(shown, "failed")
        else:
            words = telling.advice_on_all(digests, worst)
    return Draft(Piece(None, which, None, figures, words), tuple(shown[:_SHOWN]))


def _material(draft: Draft) -> str:
    """What was written by others, each text between tags that it cannot close."""
    texts = list(draft.about)
    passed = draft.piece.which == "passing"
    for sample in draft.shown:
        texts += [("prompt", sample.prompt), ("answer", sample.answer)]
        if sample.explanation:
            texts.append(("passed-because" if passed else "failed-because", sample.explanation))
    nonce = _nonce([text for _, text in texts])
    return "\n".join(f"<{name}-{nonce}>{text}</{name}-{nonce}>" for name, text in texts)


def _nonce(texts: Sequence[str]) -> str:
    """Twelve hexadecimal digits that depend on all texts and occur in none of them."""
    whole = [text.encode("utf-8", "replace").decode() for text in texts]
    hashed = hashlib.sha256(orjson.dumps(whole))
    folded = [text.casefold() for text in whole]
    while any(hashed.hexdigest()[:12] in text for text in folded):
        hashed.update(b"again")
    return hashed.hexdigest()[:12]


def _words_of(reply: str | None) -> str | None:
    """The words in a reply; None: they cannot be used."""
    said = read_object(reply) if reply else None
    words = telling.line(text_of(said.get("text")), _LONGEST) if said else ""
    return words if len(words) >= _SHORTEST else None
