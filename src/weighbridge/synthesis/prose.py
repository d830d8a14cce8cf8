"""What can be read off a text by rules: its language, and what it is laid out with."""

import re
import unicodedata
from collections import Counter

_LOOKED_AT = 20_000  # characters
_FEWEST_LETTERS = 20
_MOSTLY = 0.5
_FEWEST_HITS = 0.06  # of all words
_AHEAD = 1.3

# Frequent words that few other of these languages have.
_STOP_WORDS = {
    "English": "the of and to is was that for with are this have you not from been which would",
    "German": "der die das und ist nicht ein eine zu mit auf für von den dem sich auch werden wir",
    "French": "le les des et est une dans que pour pas sur au du vous nous avec ce cette mais",
    "Spanish": "el los las y es una en que por con para del se no su como más pero muy está",
    "Italian": "il gli di che è una per non con del della sono anche più ma questo nel alla",
    "Portuguese": "o os de que não uma para com do da em por mais como mas foi ao você são",
    "Dutch": "de het een van en niet dat zijn voor met op aan ook er maar wordt naar bij",
    "Polish": "i w nie się na że z do jest to jak ale przez dla od są tym czy",
}
_WORDS = {language: frozenset(words.split()) for language, words in _STOP_WORDS.items()}
_SCRIPTS = {
    "CYRILLIC": "Russian",
    "GREEK": "Greek",
    "ARABIC": "Arabic",
    "HEBREW": "Hebrew",
    "DEVANAGARI": "Hindi",
    "THAI": "Thai",
    "HANGUL": "Korean",
    "HIRAGANA": "Japanese",
    "KATAKANA": "Japanese",
    "CJK": "Chinese",
}
_UKRAINIAN = re.compile("[іїєґ]", re.IGNORECASE)

_LAYOUT = {
    "list": re.compile(r"^[ \t]*(?:[-*•+]|\d{1,3}[.)])[ \t]+\S", re.MULTILINE),
    "headings": re.compile(r"^(?:#{1,6}[ \t]+\S|\S.*\n(?:={3,}|-{3,})[ \t]*$)", re.MULTILINE),
    "table": re.compile(r"^[ \t]*\|.+\|[ \t]*$", re.MULTILINE),
    "code": re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE),
    "links": re.compile(r"https?://\S"),
}
_AT_LEAST = {"list": 2, "headings": 1, "table": 2, "code": 2, "links": 1}

LAYOUTS = tuple(_LAYOUT)
"""What a text may be laid out with."""


def language_of(text: str) -> str | None:
    """The language of a text, by its script and its most frequent words; None: it cannot be told
    so."""
    sample = text[:_LOOKED_AT]
    scripts: Counter[str] = Counter()
    for letter, times in Counter(sample).items():
        if letter.isalpha():
            scripts[unicodedata.name(letter, "").partition(" ")[0]] += times
    total = scripts.total()
    if total < _FEWEST_LETTERS:
        return None
    japanese = scripts["HIRAGANA"] + scripts["KATAKANA"]
    if japanese > total * 0.05:
        return "Japanese"
    script, count = scripts.most_common(1)[0]
    if count < total * _MOSTLY:
        return None
    if script == "LATIN":
        return _by_words(sample)
    if script == "CYRILLIC" and _UKRAINIAN.search(sample):
        return "Ukrainian"
    return _SCRIPTS.get(script)


def laid_out_with(text: str, what: str) -> bool:
    """Whether a text has something of `LAYOUTS`."""
    found = _LAYOUT[what].finditer(text)
    return sum(1 for _ in zip(found, range(_AT_LEAST[what]), strict=False)) == _AT_LEAST[what]


def count_words(text: str) -> int:
    """How many words a text has; in scripts without blanks between them, about as many."""
    words = text.split()
    seen = Counter(text[:_LOOKED_AT])
    wide = sum(n for letter, n in seen.items() if unicodedata.east_asian_width(letter) == "W")
    letters = sum(map(len, words))
    if letters and wide > min(letters, _LOOKED_AT) * _MOSTLY:
        return letters // 2
    return len(words)


def _by_words(sample: str) -> str | None:
    words = re.findall(r"[^\W\d_]+", sample.casefold())
    hits = {language: sum(word in known for word in words) for language, known in _WORDS.items()}
    best, second = sorted(hits.values(), reverse=True)[:2]
    if best < max(2, len(words) * _FEWEST_HITS) or best < second * _AHEAD:
        return None
    return max(hits, key=lambda language: hits[language])
