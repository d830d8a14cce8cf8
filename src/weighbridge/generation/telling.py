"""The numbers of scorings as sentences: what passed, what failed, what to do about it.

Every rate comes with the number it is of and its 95 % interval, and with what is not in it; of one
or two answers only their number is told. Quotes
are of others: they are cut, in one line, and hold nothing that could be taken for a tag.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

from weighbridge.core.digest import Digest, Group, Reviewed, Sample
from weighbridge.core.suite import PassRate
from weighbridge.yamltext import parse_yaml

ACCURACY: Final = "accuracy"

_EMBEDDED = "embedded"  # what the names of embedded judges begin with
_QUOTED = 2  # how many examples a text quotes
_NAMED = 6  # how many groups, judges and scorings a sentence names
_PROMPT, _ANSWER, _WHY, _NAME = 120, 160, 200, 100  # characters of quotes and names
_FEW = 10
_HANDFUL = 3  # fewer answers than this make no rate
_WIDE = 0.2
_WHOLE = "of the whole run"

_GROUPS: Mapping[str, tuple[str, str]] = {
    "category": ("category", "categories"),
    "policy": ("policy", "policies"),
    "attack": ("kind of attack", "kinds of attack"),
    "topic": ("topic", "topics"),
    "group": ("group", "groups"),
}
_TellRate: TypeAlias = Callable[[PassRate], str]


# What passed and what failed


def passed(rate: PassRate, refusals: int = 0) -> str:
    """How many passed.

    Args:
        refusals: of those that passed, how many were refusals.
    """
    if not rate.n_scored:
        return "No answer has a verdict, so there is no pass rate."
    share = (rate.rate or 0.0, rate.low or 0.0, rate.high or 0.0)
    told = f"{rate.n_passed:,} of {rate.n_scored:,} judged answers passed: {_with_range(*share)}."
    if refusals:
        were = _one_or(refusals, "was a refusal", "were refusals")
        told += f" {refusals:,} of those that passed {were}."
    return told


def failed(rate: PassRate) -> str:
    """How many failed."""
    fell = rate.n_scored - rate.n_passed
    if not rate.n_scored:
        return "No answer has a verdict, so nothing is known to have failed."
    if not fell:
        return (
            f"None of {rate.n_scored:,} judged answers failed; a failure rate of up to "
            f"{_share(_most_failing(rate))} stays possible (95 % interval)."
        )
    share = (fell / rate.n_scored, 1 - (rate.high or 0.0), _most_failing(rate))
    return f"{fell:,} of {rate.n_scored:,} judged answers failed: {_with_range(*share)}."


def by_group(digest: Digest) -> str:
    """How many passed of each group, the best first; "" where there are none, or none has more than
    a handful of answers."""
    scored = [group for group in digest.groups if group.rate.n_scored]
    if len(digest.groups) < 2 or all(group.rate.n_scored < _HANDFUL for group in scored):
        return ""
    best = sorted(scored, key=lambda it: (-(it.rate.low or 0.0), it.name))
    return f"By {_GROUPS[digest.by][0]}, best first: {_each_group(best, digest, _passed_of)}."


def where_it_fails(digest: Digest) -> str:
    """How many failed of each group in which something did, the worst first."""
    failing = weakest(digest.groups)
    if not failing or len(digest.groups) < 2:
        return ""
    told = f"By {_GROUPS[digest.by][0]}, worst first: {_each_group(failing, digest, _failed_of)}"
    sound = sum(group.rate.n_passed == group.rate.n_scored > 0 for group in digest.groups)
    if sound:
        told += f"; no failure in {sound:,} other {_one_or(sound, *_GROUPS[digest.by])}"
    return f"{told}."


def beside(digest: Digest, rate: PassRate) -> str:
    """What is to be known beside a rate: what it leaves out, who judged, what people say."""
    return sentences(left_out(rate), _judged_by(digest), _people(digest))


def left_out(rate: PassRate) -> str:
    """What a rate leaves out."""
    parts = [
        (rate.n_ungraded, "could not be graded"),
        (rate.n_failed, "reached no judge"),
        (rate.n_excluded, f"{_one_or(rate.n_excluded, 'was', 'were')} excluded by who sent them"),
    ]
    told = [(count, why) for count, why in parts if count]
    if len(told) == 1:
        [(count, why)] = told
        answers = _one_or(count, "is 1 answer", f"are {count:,} answers")
        return f"Not counted {answers} that {why}."
    count = sum(count for count, _ in told)
    each = _and([f"{one:,} {why}" for one, why in told]) if told else ""
    return f"Not counted are {count:,} answers: {each}." if count else ""


def prompts(digest: Digest) -> str:
    """Who wrote the prompts, and how different they are."""
    it = digest.prompts
    if it is None:
        return ""
    written = []
    if it.by_model:
        written.append(f"{it.by_model:,} {_one_or(it.by_model, 'was', 'were')} written by a model")
    if it.by_bank:
        come = _one_or(it.by_bank, "comes", "come")
        written.append(f"{it.by_bank:,} {come} out of weighbridge's own bank")
    told = f"Of its prompts, {_and(written)}"
    if it.median is not None and it.nearest is not None:
        told += (
            f"; they are {it.median:.2f} apart in the median and {it.nearest:.2f} at least (cosine "
            "distance)"
        )
    return f"{told}."


def examples(samples: Sequence[Sample], verb: str) -> str:
    """A few responses, quoted.

    Args:
        verb: what became of them: `passed` or `failed`.
    """
    told = []
    for sample in samples[:_QUOTED]:
        by = ", as a person said" if sample.overridden else ""
        why = f" {_ended(line(sample.explanation, _WHY))}" if sample.explanation else ""
        told.append(
            f"“{line(sample.prompt, _PROMPT)}” was answered “{line(sample.answer, _ANSWER)}” and "
            f"{verb}{by}.{why}"
        )
    return f"For example, {' Also, '.join(told)}" if told else ""


# What to do about it


def advice(digest: Digest) -> str:
    """What to do next about a scoring."""
    rate = digest.rate
    if not rate.n_scored:
        return _no_verdicts(rate)
    told: list[str] = []
    said: set[str] = set()
    for place, group in enumerate(weakest(digest.groups)[:3]):
        how = _how(digest, group)
        where = _words(group.name) if len(digest.groups) > 1 else "what failed"
        begin = "Begin with" if place == 0 else "Then take"
        then = ": the same holds there." if how in said else f". {how}"
        said.add(how)
        told.append(f"{begin} {where}, where {_failed_of(group.rate)} failed{then}")
    if not told:
        kinds = "questions" if digest.kind == ACCURACY else "prompts, and attacks in disguise,"
        told.append(
            f"Nothing failed. Up to {_share(_most_failing(rate))} may still do (95 % interval): "
            f"ask more and harder {kinds} before taking that as settled."
        )
    return sentences(*told, _about_verdicts(rate), _about_numbers(digest))


def advice_on_group(digest: Digest, group: Group) -> str:
    """What to do next about one group of a scoring."""
    rate = group.rate
    if not rate.n_scored:
        return _no_verdicts(rate)
    told = f"{_failed_of(rate)} failed. {_how(digest, group)}"
    if rate.n_passed == rate.n_scored:
        most = _share(_most_failing(rate))
        told = f"Nothing failed here; up to {most} may still do (95 % interval)."
    few = ""
    if rate.n_scored < _FEW:
        say = _one_or(rate.n_scored, "answer says", "answers say")
        few = f"{rate.n_scored:,} judged {say} little: ask more of this kind."
    return sentences(told, few, _about_verdicts(rate))


# Several scorings together


def total(digests: Sequence[Digest], verb: str) -> str:
    """How many passed or failed in all.

    Args:
        verb: `passed` or `failed`.
    """
    judged = sum(it.rate.n_scored for it in digests)
    if not judged:
        return f"No answer of {len(digests):,} runs has a verdict."
    n_passed = sum(it.rate.n_passed for it in digests)
    count = n_passed if verb == "passed" else judged - n_passed
    return f"Over {len(digests):,} runs, {count:,} of {judged:,} judged answers {verb}."


def each_passed(ranked: Sequence[Digest]) -> str:
    """How many passed of each scoring, in this order."""
    return f"Best first: {_each_run(ranked, _passed_of)}." if ranked else ""


def each_failed(ranked: Sequence[Digest]) -> str:
    """How many failed of each scoring, in this order."""
    return f"Worst first: {_each_run(ranked, _failed_of)}." if ranked else ""


def beside_all(digests: Sequence[Digest]) -> str:
    """What is to be known beside the rates of several scorings: what they leave out, who judged,
    what people say."""
    judges: Counter[str] = Counter()
    for it in digests:
        judges.update(it.judges)
    every = replace(
        digests[0],
        judges=dict(judges.most_common()),
        n_overridden=sum(it.n_overridden for it in digests),
        reviewed=None,
    )
    people = [f"{line(it.suite, _NAME)}: {_people(it)}" for it in digests if it.reviewed]
    return sentences(left_out_of_all(digests), _judged_by(every), *people[:_NAMED])


def left_out_of_all(digests: Sequence[Digest]) -> str:
    """What the rates of several scorings leave out."""
    rates = [it.rate for it in digests]
    return left_out(
        replace(
            rates[0],
            n_ungraded=sum(it.n_ungraded for it in rates),
            n_failed=sum(it.n_failed for it in rates),
            n_excluded=sum(it.n_excluded for it in rates),
        )
    )


def advice_on_all(digests: Sequence[Digest], ranked: Sequence[Digest]) -> str:
    """What to do next about several scorings.

    Args:
        ranked: those in which something failed, the worst first.
    """
    if not any(it.rate.n_scored for it in digests):
        return _no_verdicts(digests[0].rate)
    if not ranked:
        return (
            "Nothing failed in any run. Ask more and harder prompts, and about other things, "
            "before taking that as settled."
        )
    told = [
        f"{'First' if place == 0 else 'Next'}, {line(it.suite, _NAME)}. {advice(it)}"
        for place, it in enumerate(ranked[:2])
    ]
    rest = len(ranked) - len(told)
    if rest:
        told.append(f"{rest:,} more {_one_or(rest, 'run has', 'runs have')} failures, too.")
    return sentences(*told)


# Order, names and tidiness


def weakest(groups: Iterable[Group]) -> list[Group]:
    """Those in which something failed, the worst first: by the upper end of their pass rates."""
    failing = [group for group in groups if group.rate.n_passed < group.rate.n_scored]
    return sorted(failing, key=lambda it: (it.rate.high or 0.0, it.name))


def dealt(samples: Iterable[Sequence[Sample]]) -> list[Sample]:
    """The first of each, then the second of each, and so on."""
    return [it for row in zip_longest(*samples) for it in row if it is not None]


def tag_of(name: str) -> str:
    """The name of a category as that of a tag."""
    return re.sub(r"\W+", "_", name.casefold()).strip("_") or "other"


def sentences(*parts: str) -> str:
    """What there is of several texts, one behind the other."""
    return " ".join(part for part in parts if part)


def line(text: str, most: int | None = None) -> str:
    """A text in one line, without what could be taken for a tag, cut where it is long."""
    shown = "".join(it if it.isprintable() else " " for it in text)
    tidy = " ".join(shown.replace("<", "‹").replace(">", "›").split())
    return tidy if most is None or len(tidy) <= most else f"{tidy[: most - 1]}…"


@cache
def texts() -> dict[str, Any]:
    """What stands in `prompts/summaries.yaml`."""
    text = (Path(__file__).parent / "prompts" / "summaries.yaml").read_text("utf-8")
    return cast("dict[str, Any]", parse_yaml(text, "summaries.yaml")[0])


def _each_group(groups: Sequence[Group], digest: Digest, tell: _TellRate) -> str:
    shown = [f"{_words(group.name)} {tell(group.rate)}" for group in groups[:_NAMED]]
    more = len(groups) - len(shown)
    if more:
        shown.append(f"and {more:,} more {_one_or(more, *_GROUPS[digest.by])}")
    return "; ".join(shown)


def _each_run(ranked: Sequence[Digest], tell: _TellRate) -> str:
    shown = [f"{line(it.suite, _NAME)} {tell(it.rate)}" for it in ranked[:_NAMED]]
    more = len(ranked) - len(shown)
    if more:
        shown.append(f"and {more:,} more {_one_or(more, 'run', 'runs')}")
    return "; ".join(shown)


def _passed_of(rate: PassRate) -> str:
    share = (rate.rate or 0.0, rate.low or 0.0, rate.high or 0.0)
    return _of(rate.n_passed, rate.n_scored, share)


def _failed_of(rate: PassRate) -> str:
    fell = rate.n_scored - rate.n_passed
    share = (fell / rate.n_scored, 1 - (rate.high or 0.0), _most_failing(rate))
    return _of(fell, rate.n_scored, share)


def _of(n: int, scored: int, share: tuple[float, float, float]) -> str:
    counted = f"{n:,} of {scored:,}"
    return counted if scored < _HANDFUL else f"{counted} ({_with_range(*share, sep=', ')})"


def _judged_by(digest: Digest) -> str:
    names = [line(name, _NAME) for name in digest.judges]
    shown = names[:_NAMED]
    if len(names) > len(shown):
        shown.append(f"{len(names) - len(shown):,} more")
    told = f"Judged by {_and(shown)}" if shown else ""
    if digest.n_overridden:
        verdicts = _one_or(digest.n_overridden, "verdict is", "verdicts are")
        by_people = f"{digest.n_overridden:,} {verdicts} a person's"
        told = f"{told}; {by_people}" if told else by_people
    if not told:
        return ""
    if any(name.startswith(_EMBEDDED) for name in names):
        return (
            f"{told}. The embedded judge is weaker than a model: look at some of its verdicts "
            "before relying on them."
        )
    return f"{told}."


def _people(digest: Digest) -> str:
    it = digest.reviewed
    if it is None:
        return ""
    if not it.n or it.agreement is None:
        return "What people overrode has no verdict of the judge beside it to compare with."
    agreed = round(it.agreement * it.n)
    told = (
        f"Of {it.n:,} {_one_or(it.n, 'verdict', 'verdicts')} {_WHOLE} that people looked at, the "
        f"judge agrees with them on {agreed:,} ({_share(it.agreement)})"
    )
    if it.kappa is not None:
        told += f", Cohen's kappa {it.kappa:.2f}"
        if it.kappa_low is not None and it.kappa_high is not None:
            told += f" (95 % interval {it.kappa_low:.2f} to {it.kappa_high:.2f})"
    return f"{told}. {_corrected(it)}"


def _corrected(it: Reviewed) -> str:
    if it.rate is None or it.low is None or it.high is None:
        return f"The pass rate cannot be corrected by that: {it.reason or 'too few'}."
    told = f"Corrected by that, the pass rate {_WHOLE} is {_with_range(it.rate, it.low, it.high)}"
    return f"{told}; {_ended(it.warnings[0])}" if it.warnings else f"{told}."


def _how(digest: Digest, group: Group) -> str:
    known: Mapping[str, str] = texts()["advice"]
    for key in (tag_of(group.name), digest.kind):
        if key in known:
            return known[key].strip()
    return known["other"].strip()


def _about_verdicts(rate: PassRate) -> str:
    missing = rate.n_ungraded + rate.n_failed
    if not missing:
        return ""
    have, them = _one_or(missing, "answer has", "answers have"), _one_or(missing, "it", "them")
    return (
        f"{missing:,} {have} no verdict: have {them} judged again or judge {them} yourself, as the "
        f"rate may be another with {them}."
    )


def _about_numbers(digest: Digest) -> str:
    rate = digest.rate
    low, high = rate.low or 0.0, 1.0 if rate.high is None else rate.high
    if high - low > _WIDE:
        answers = _one_or(rate.n_scored, "answer", "answers")
        return (
            f"With {rate.n_scored:,} judged {answers} the interval is {100 * (high - low):.0f} "
            "points wide: ask more prompts before comparing versions."
        )
    few = sum(0 < group.rate.n_scored < _FEW for group in digest.groups)
    if few and len(digest.groups) > 1:
        have = f"{_one_or(few, *_GROUPS[digest.by])} {_one_or(few, 'has', 'have')}"
        return f"{few:,} {have} fewer than {_FEW} judged answers: ask more there."
    return ""


def _no_verdicts(rate: PassRate) -> str:
    if rate.n_ungraded + rate.n_failed:
        return (
            "Declare a judge that can judge these answers, or give verdicts on them by hand: "
            "without verdicts there is nothing to advise on."
        )
    return "Hand in answers that are not excluded: without verdicts there is nothing to advise on."


def _most_failing(rate: PassRate) -> float:
    return 1 - (rate.low or 0.0)


def _with_range(share: float, low: float, high: float, sep: str = " (") -> str:
    close = ")" if sep == " (" else ""
    return f"{_share(share)}{sep}95 % interval {_share(low)} to {_share(high)}{close}"


def _share(share: float) -> str:
    return f"{share * 100:.1f} %"


def _one_or(n: int, one: str, many: str) -> str:
    return one if n == 1 else many


def _and(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _words(name: str) -> str:
    return line(name.replace("_", " ").replace("-", " "), _NAME)


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."
