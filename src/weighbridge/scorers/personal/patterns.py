"""Finding personal data by patterns: what has a checksum is checked, and what looks like many other
things counts only where the words before it say what it is.

Names of people and places have no pattern; they are for a model to find.
"""

import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import re2

from weighbridge.core.entity import Entity, merged
from weighbridge.scorers.personal.types import by_type

_BEFORE = 48
"""Characters before a match in which words say what it is."""

_MONTHS = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DATE = (
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})|"
    rf"\d{{1,2}}(?:st|nd|rd|th)?\.? (?:of )?{_MONTHS}\.?,? \d{{4}}|"
    rf"{_MONTHS}\.? \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})"
)


def _always(_text: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class _Pattern:
    """What one type looks like.

    Attributes:
        finds: a pattern; its last group, or else all of it, is the entity.
        score: how sure a match is. is_one: whether a match is what it looks like.
        after: words that make a match surer (`score_after`); None: it needs none.
        needs_words: whether there is nothing without them.
    """

    type: str
    finds: str
    score: float
    is_one: Callable[[str], bool] = _always
    after: str | None = None
    score_after: float = 0.0
    needs_words: bool = False


class Patterns:
    """Finds types of personal data.

    Args:
        names: of the types that are looked for, as somebody calls them; those that have no pattern
            are passed over.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        wanted = by_type(names)
        self._patterns = tuple(
            (it, wanted[it.type], re2.compile(it.finds), _words(it.after))
            for it in _PATTERNS
            if it.type in wanted
        )

    def find(self, text: str, threshold: float = 0.0) -> list[Entity]:
        """The entities of a text in their order, without overlaps.

        Args:
            threshold: the least score, 0 to 1.
        """
        return merged(it for it in self._all(text) if it.score >= threshold)

    def _all(self, text: str) -> Iterator[Entity]:
        for pattern, label, finds, words in self._patterns:
            for match in finds.finditer(text):
                group = 1 if match.re.groups else 0
                start, end = match.span(group)
                if start < 0 or not pattern.is_one(text[start:end]):
                    continue
                said = words is not None and _said_before(words, text, start)
                if pattern.needs_words and not said:
                    continue
                yield Entity(start, end, label, pattern.score_after if said else pattern.score)


def _words(after: str | None) -> "re2._Regexp | None":
    return None if after is None else re2.compile(rf"(?i)\b(?:{after})")


def _said_before(words: "re2._Regexp", text: str, start: int) -> bool:
    """Whether words stand shortly before a place, on its line or the one before."""
    before = text[max(0, start - _BEFORE) : start].replace("_", " ")
    line = before.rsplit("\n", 2)
    return words.search("\n".join(line[-2:])) is not None


def luhn(text: str) -> bool:
    """Whether the digits of a card number have the right check digit (ISO/IEC 7812), and it has as
    many as cards have."""
    digits = [int(it) for it in text if it.isdigit()]
    if not 13 <= len(digits) <= 19 or digits[0] not in {2, 3, 4, 5, 6} or len(set(digits)) == 1:
        return False
    doubled = [2 * it - 9 if it > 4 else 2 * it for it in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_iban(text: str) -> bool:
    """Whether the check digits of an IBAN are right (ISO 13616, ISO 7064 mod 97-10)."""
    plain = "".join(text.split()).upper()
    if not 15 <= len(plain) <= 34:
        return False
    moved = plain[4:] + plain[:4]
    return int("".join(str(int(it, 36)) for it in moved)) % 97 == 1


def _is_ip(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if address.version == 4:
        return True
    groups = [it for it in text.split(":") if it]  # `::` stands in programs, too
    return len(groups) > 1 and any(map(str.isdigit, text))


def _is_ssn(text: str) -> bool:
    """Not one of those numbers that are never given out."""
    digits = "".join(it for it in text if it.isdigit())
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return area not in {"000", "666"} and area < "900" and group != "00" and serial != "0000"


def _is_phone(text: str) -> bool:
    digits = sum(map(str.isdigit, text))
    return 7 <= digits <= 15 and not _is_ip(text) and not _is_date(text)


def _is_date(text: str) -> bool:
    parts = text.replace("/", "-").replace(".", "-").split("-")
    if len(parts) != 3 or not all(it.isdigit() for it in parts):
        return False
    first, second, third = map(int, parts)
    for year, month, day in (
        (first, second, third),
        (third, second, first),
        (third, first, second),
    ):
        try:
            date(year, month, day)
        except ValueError:
            continue
        if 1900 <= year <= 2100:
            return True
    return False


def _has_digits(text: str) -> bool:
    return sum(map(str.isdigit, text)) >= 4


_CALLED = (
    r"tel(?:ephone)?\b|phone|mobile|cell\b|call|fax|whatsapp|contact|ring\b|text (?:me|us)|sms"
)
_NUMBER = r"(?: (?:number|no\.?|nr\.?|#))?"

_PATTERNS: tuple[_Pattern, ...] = (
    _Pattern(
        "email",
        r"[A-Za-z0-9][A-Za-z0-9._%+'-]*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}",
        0.98,
    ),
    _Pattern("url", r"\b(?:https?://|www\.)[^\s<>\"'{}|\\^`]*[^\s<>\"'{}|\\^`.,;:!?)\]]", 0.95),
    _Pattern("ip_address", r"\b(?:\d{1,3}\.){3}\d{1,3}\b", 0.95, _is_ip),
    _Pattern(
        "ip_address", r"(?:^|[^\w:])((?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4})\b", 0.9, _is_ip
    ),
    _Pattern("mac_address", r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b", 0.95),
    _Pattern("credit_card", r"\b\d(?:[ -]?\d){12,18}\b", 0.99, luhn),
    _Pattern(
        "iban", r"(?i)\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", 0.99, is_iban
    ),
    _Pattern("ssn", r"\b\d{3}[- ]\d{2}[- ]\d{4}\b", 0.85, _is_ssn, r"ssn|social security", 0.99),
    _Pattern("ssn", r"\b\d{9}\b", 0.0, _is_ssn, r"ssn|social security", 0.9, needs_words=True),
    _Pattern(
        "phone_number",
        r"(?:\+|\b00)[1-9]\d{0,2}(?:[ .-]?\(?\d{1,5}\)?){2,6}\b",
        0.8,
        _is_phone,
        _CALLED,
        0.95,
    ),
    _Pattern("phone_number", r"\(?\b\d{3}\)?[ .-]?\d{3}[.-]\d{4}\b", 0.7, _is_phone, _CALLED, 0.95),
    _Pattern(
        "phone_number",
        r"\(?\b\d{2,5}\)?(?:[ ./-]?\d{2,8}){1,5}\b",
        0.0,
        _is_phone,
        _CALLED,
        0.75,
        needs_words=True,
    ),
    _Pattern(
        "date_of_birth",
        rf"(?i)\b{_DATE}\b",
        0.0,
        after=r"born|birth|d\.?o\.?b\b|geboren|geburts|nacid|naissance|nascid|nat[oa] il",
        score_after=0.95,
        needs_words=True,
    ),
    _Pattern(
        "passport_number",
        r"\b[A-Z]{0,2}\d{6,9}\b",
        0.0,
        _has_digits,
        r"passport|reisepass|pasaporte|passeport",
        0.9,
        needs_words=True,
    ),
    _Pattern("id_number", r"\b[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b", 0.8),
    _Pattern(
        "id_number",
        r"(?i)\b[A-Z0-9](?:[A-Z0-9./-]{3,18})[A-Z0-9]\b",
        0.0,
        _has_digits,
        rf"national (?:id|identity|insurance){_NUMBER}|identity (?:card|document){_NUMBER}|"
        rf"id (?:card )?(?:number|no\.?|nr\.?|#)|id card|tax id{_NUMBER}|nino\b|\bnif\b|\bdni\b|"
        rf"personal number",
        0.8,
        needs_words=True,
    ),
    _Pattern(
        "driver_license",
        r"(?i)\b[A-Z0-9](?:[A-Z0-9-]{3,18})[A-Z0-9]\b",
        0.0,
        _has_digits,
        r"driv(?:er'?s?|ing) licen[cs]e|licen[cs]e (?:number|no\.?|#)|f[üu]hrerschein",
        0.8,
        needs_words=True,
    ),
    _Pattern(
        "bank_account",
        r"\b\d[\d -]{4,20}\d\b",
        0.0,
        _has_digits,
        r"account|acct|routing|sort code|konto",
        0.8,
        needs_words=True,
    ),
    _Pattern(
        "medical_record_number",
        r"(?i)\b[A-Z]{0,4}-?\d{4,12}\b",
        0.0,
        _has_digits,
        r"\bmrn\b|medical record|patient (?:id|number|no)|health plan",
        0.85,
        needs_words=True,
    ),
    _Pattern(
        "postcode",
        r"(?i)\b(?:\d{5}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z0-9]? ?\d[A-Z]{2})\b",
        0.0,
        after=r"zip|postal|post ?code|plz\b",
        score_after=0.85,
        needs_words=True,
    ),
    _Pattern(
        "postcode",
        r"\b(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|"
        r"N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]) (\d{5}(?:-\d{4})?)\b",
        0.8,
    ),
)
