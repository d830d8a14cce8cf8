"""From the wording of a policy to a task that the embedded judge knows, or to none."""

import re2

from weighbridge.embedded.verdict import Task

# Beyond the embedded judge, whatever else a policy says: facts, law, style, privacy, bias, images…
_BEYOND = re2.compile(
    r"(?i)\b(?:fact\w*|accura\w*|correct\w*|truth\w*|hallucinat\w*|misinformation|disinformation|"
    r"grounded|faithful\w*|cit(?:e|es|ation\w*)|source[sd]?|copyright\w*|licen[cs]\w*|privacy|personal|"
    r"pii|confidential\w*|bias\w*|stereotyp\w*|fair\w*|disclaimer\w*|unqualified|"
    r"professional advice|medical advice|legal advice|financial advice|brand|compet\w+|format\w*|"
    r"grammar|language|style|helpful\w*|relevan\w*|complete\w*|concise\w*|image\w*|picture\w*|video\w*|"
    r"except\w*|unless|only if|allowed when)\b"
)

# The first that fits, the most telling first.
_WORDINGS: tuple[tuple[Task, str], ...] = (
    (
        Task.INJECTION,
        (
            r"prompt injection|injection attack|jailbreak\w*|"
            r"(?:override|ignore|bypass|circumvent)\w* (?:\w+ ){0,4}(?:instructions?|system prompt|"
            r"guardrails?|safety)|(?:reveal|leak|extract)\w* (?:\w+ ){0,4}system prompt"
        ),
    ),
    (
        Task.REFUSAL,
        (
            r"(?:refus|declin)\w*|must not (?:answer|respond|comply|fulfil\w*)|"
            r"(?:should|must) (?:reject|turn down)\w*"
        ),
    ),
    (
        Task.TOXICITY,
        (
            r"toxic\w*|profan\w*|obscen\w*|vulgar\w*|swear\w*|curs(?:e|es|ing)\b|insult\w*|"
            r"rude\w*|foul|abusive|offensive"
        ),
    ),
    (
        Task.HARMFUL_ANSWER,
        (
            r"harmful\w*|unsafe|danger\w*|illegal\w*|crim(?:e|es|inal\w*)|violen\w*|weapon\w*|"
            r"explosive\w*|self[- ]harm\w*|suicid\w*|hate\w*|harass\w*|sexual\w*|terroris\w*|"
            r"extremis\w*|drug\w*|malware|exploit\w*|fraud\w*|scam\w*"
        ),
    ),
)
_PATTERNS = tuple((task, re2.compile(rf"(?i)\b(?:{wording})")) for task, wording in _WORDINGS)


def task_for(policy: str) -> Task | None:
    """The task that stands for a policy which answers have to follow.

    Conservative: None for a policy that also asks for what no classifier of ours can see (whether
    something is true, private, biased…), that has exceptions, or that speaks of nothing known. What
    a policy says about the answers to harmful requests becomes `HARMFUL_ANSWER`, not `HARM`, which
    is about the requests themselves.

    Args:
        policy: in plain words, such as "Do not insult or threaten the user."
    """
    if _BEYOND.search(policy):
        return None
    return next((task for task, pattern in _PATTERNS if pattern.search(policy)), None)


def tasks_of(policy: str) -> frozenset[Task]:
    """All tasks that a policy speaks of; none where it also asks for what no classifier can see."""
    if _BEYOND.search(policy):
        return frozenset()
    return frozenset(task for task, pattern in _PATTERNS if pattern.search(policy))
