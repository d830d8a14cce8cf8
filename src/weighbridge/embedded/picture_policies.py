"""What a policy says about pictures, as far as the embedded judge of pictures can see it."""

from dataclasses import dataclass

import re2

_NUDITY = "nude nudes nudity naked nakedness topless undressed unclothed genitals genitalia"
_SEXUAL = (
    "sex sexual sexually sexualised sexualized sexuality sexy porn pornography pornographic erotic "
    "erotica eroticism nsfw lewd arousing arousal"
)
# Words that say no more than "such pictures, please not", or that belong to the two lists above.
_NEUTRAL = (
    "a an the this that these those it its they them any all every no not never none nor or and of "
    "in on at for with without to from by as such is are be been must should shall may can cannot "
    "do does don't mustn't shouldn't ai model assistant system answer answers response responses "
    "output outputs image images picture pictures photo photos photograph photographs drawing "
    "drawings illustration illustrations content contents material materials scene scenes kind "
    "kinds form forms type types sort sorts way contain contains containing show shows showing "
    "shown depict depicts depicting depicted include includes including generate generates "
    "generated generating create creates created creating make makes made produce produces "
    "produced producing display displays displaying portray portrays portraying avoid avoids free "
    "person persons people human humans body bodies partial partially full fully frontal explicit "
    "explicitly act acts activity activities suggestive suggestively pose poses policy"
)
_WORD = re2.compile(r"[a-z][a-z'-]*")
_ABOUT_SEX = re2.compile(
    r"(?i)\b(?:nud(?:e|es|ity)|naked\w*|topless|undress\w*|unclothed|genital\w*|sexual\w*|sexy|"
    r"porn\w*|erotic\w*|nsfw|lewd)\b"
)
_ABOUT_INSULTS = re2.compile(
    r"(?i)\b(?:insult\w*|hate|hateful|hatred|profan\w*|obscen\w*|vulgar\w*|swear\w*|curs(?:es?|ing)|slurs?|"
    r"offensive|abusive|toxic\w*|harass\w*|bully\w*|demean\w*|derogatory|foul language)\b"
)
_ABOUT_EVERYTHING = re2.compile(
    r"(?i)\b(?:(?:un)?safe|suitable|(?:in)?appropriate) for (?:work|children|kids|minors|everyone|"
    r"all)\b|\b(?:family|child|kid)[- ]friendly\b|\bsfw\b|"
    r"\b(?:unsafe|harmful|inappropriate) (?:content|images?|pictures?)\b"
)
# Here sex is what somebody is, not what is shown.
_WHO_ONE_IS = re2.compile(r"(?i)\bsexual (?:orientation|identity|preference)s?\b")
_SENTENCE = re2.compile(r"[.;!?\n]+")
_FORBIDS = re2.compile(
    r"(?i)\b(?:not|never) (?:be )?(?:allowed|permitted|acceptable|fine|ok|okay)\b|\bmay not\b"
)
_EXCEPTS = (
    r"except\w*|unless|only if|allow\w*|permit\w*|acceptable|fine|okay|ok|artistic|medical|"
    r"education\w*|however"
)
_EXCEPTS_INSULTS = re2.compile(rf"(?i)\b(?:{_EXCEPTS})\b")
# What one "may" do with insults is to speak of them; nudity itself may be shown. And of whom it is
# forbidden takes understanding, too.
_EXCEPTS_SEX = re2.compile(
    rf"(?i)\b(?:{_EXCEPTS}|may|minors?|child(?:ren)?|underage|teen\w*|celebrit\w*|"
    r"public figures?)\b"
)


@dataclass(frozen=True, slots=True)
class PicturePolicy:
    """What a policy forbids.

    Attributes:
        sex: nudity or sexual content, among others. sex_excepted: a sentence about these allows
            something, or is about some people only, which takes understanding.
        insults: insulting or obscene words, among others. insults_excepted: likewise.
        nothing_but_nudity: naked bodies alone, no words.
        nothing_but_sex: sexual content in pictures and words, alone.
    """

    sex: bool
    sex_excepted: bool
    insults: bool
    insults_excepted: bool
    nothing_but_nudity: bool
    nothing_but_sex: bool


def read_policy(policy: str | None) -> PicturePolicy:
    """What an English policy forbids in pictures. None: a picture must be safe in every way.

    Conservative: a policy is about nothing but sexual content if each of its words is known to be
    about that or to say nothing.
    """
    if policy is None or not policy.strip():
        return PicturePolicy(True, False, True, False, False, False)
    everything = _ABOUT_EVERYTHING.search(policy) is not None
    sentences = _SENTENCE.split(_WHO_ONE_IS.sub(" ", _FORBIDS.sub(" ", policy)))
    about_sex = [sentence for sentence in sentences if _ABOUT_SEX.search(sentence)]
    about_insults = [sentence for sentence in sentences if _ABOUT_INSULTS.search(sentence)]
    words = set(_WORD.findall(policy.lower().replace("’", "'")))
    beyond = words - set(_NEUTRAL.split()) - set(_NUDITY.split())
    return PicturePolicy(
        sex=bool(about_sex) or everything,
        sex_excepted=any(_EXCEPTS_SEX.search(sentence) for sentence in about_sex),
        insults=bool(about_insults) or everything,
        insults_excepted=any(_EXCEPTS_INSULTS.search(sentence) for sentence in about_insults),
        nothing_but_nudity=bool(about_sex) and not beyond,
        nothing_but_sex=bool(about_sex) and not beyond - set(_SEXUAL.split()),
    )
