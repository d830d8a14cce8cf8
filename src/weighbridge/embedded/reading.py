"""Which texts the classifiers can read at all: English ones, of a length they were trained on."""

from collections.abc import Mapping

_LATIN_SHARE = 0.7
_TELLING_WORDS = 3

# The commonest words of each language, as far as they are no words of the others.
_COMMON_WORDS = {
    "English": "the of and to is you that it he was for on are with his they be at this have from "
    "or had by not but what all were we when your can there an which she do how their if will i my "
    "me as a in so who would could about",
    "French": "le les des et est une que qui dans pour pas ce sur avec vous je nous mais ou où "
    "il elle sont comme être cette aux du au ne quel quelle comment mon votre",
    "Spanish": "el los las y es una que en por con para del como pero se su al lo más esta este "
    "son qué cómo mi cuál puedes usted fue ser hay sin sobre también",
    "Portuguese": "os e é uma que em por com para do da não como mas se seu ao mais esta este "
    "são você dos das no na um foi isso meu qual quais",
    "German": "der die das und ist ein eine nicht ich sie wir mit für auf den dem des zu von im "
    "wie was sind auch sich bei oder aber kann mein bitte einen wird",
    "Italian": "il gli e è una che di per con non sono come ma del della nel più questo questa mi "
    "si lo alla dei anche qual quali puoi cosa",
    "Dutch": "het een en is van ik je niet dat met voor op zijn maar ook aan hoe wat deze dit mijn "
    "naar bij kun wordt er",
}
_COMMON: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split()) for language, words in _COMMON_WORDS.items()
}


def why_not(text: str, max_words: int | None = None) -> str | None:
    """Why a text cannot be judged; None: it can.

    Args:
        text: any. max_words: more are too many; None: there is no such limit.
    """
    letters = [character for character in text if character.isalpha()]
    if not letters:
        return "there are no words in it"
    latin = sum(character < "ɐ" for character in letters)
    if latin < _LATIN_SHARE * len(letters):
        return "most of it is not in Latin letters, and this judge reads English only"
    found = text.lower().split()
    if max_words is not None and len(found) > max_words:
        return f"it has {len(found)} words, and this judge was trained on at most {max_words}"
    language = _language(found)
    if language != "English":
        return f"it seems to be {language}, and this judge reads English only"
    return None


def _language(found: list[str]) -> str:
    """The language whose common words stand in it most; English unless another clearly leads."""
    plain = [word.strip(".,;:!?¿¡\"'()«»") for word in found]
    counts = {
        language: sum(word in common for word in plain) for language, common in _COMMON.items()
    }
    best = max(counts, key=lambda language: counts[language])
    if counts[best] >= _TELLING_WORDS and counts[best] > counts["English"] + 1:
        return best
    return "English"


def beginning(text: str, count: int) -> str:
    """The first words of a text."""
    return " ".join(text.split()[:count])
