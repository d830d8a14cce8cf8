"""Cases as a report shows them."""

from collections.abc import Iterable, Mapping
from typing import Any

from weighbridge.core.evaluation import Evaluation
from weighbridge.core.outcome import Outcome, Scored, Ungraded
from weighbridge.core.prompt import as_text
from weighbridge.jobs.case_work import request_for
from weighbridge.services.outcomes import OutcomeView
from weighbridge.web import words
from weighbridge.web.reporting.document import Example, Quote, quote

_LONGEST = 2_000
_LONGEST_FACT = 300


def example_of(
    view: OutcomeView, evaluation: Evaluation, title: str, *, scorers: Iterable[str] | None = None
) -> Example:
    """A case: what was asked, what was answered, what was made of it.

    Args:
        scorers: keys of those whose verdicts are told; None: all.
    """
    record = view.record
    facts: list[tuple[str, str]] = []
    target = view.inputs.get(evaluation.target_column or "")
    if evaluation.target_column is not None:
        facts.append(("right answer", as_text(target)[:_LONGEST_FACT]))
    if record.failure is not None:
        facts.append(("failed", f"{record.failure.kind}: {record.failure.message[:_LONGEST_FACT]}"))
    keys = list(record.outcomes) if scorers is None else list(scorers)
    facts += [(key, told(record.outcomes[key])) for key in keys if key in record.outcomes]
    for key, said in view.overrides.items():
        if said.value is not None:
            verdict = said.label or words.decimal(said.value)
            facts.append((f"{key}, by {said.author}", f"{verdict}: {said.reason[:_LONGEST_FACT]}"))
    quotes = [quote("Asked", asked_of(view.inputs, evaluation), _LONGEST)]
    if record.answer is not None:
        quotes.append(quote("Answered", record.answer.text, _LONGEST))
    return Example(title, tuple(facts), tuple(quotes))


def asked_of(inputs: Mapping[str, Any], evaluation: Evaluation) -> str:
    """What was sent for a row, as text; without a prompt, the row."""
    if not evaluation.messages:
        return "\n".join(f"{name}: {as_text(value)}" for name, value in inputs.items())
    try:
        request = request_for(evaluation, dict(inputs))
    except KeyError:  # a row that lacks what the prompt names is no reason for no report
        return ""
    parts = []
    for message in request.messages:
        content = message.content
        texts = [content] if isinstance(content, str) else [_part(it) for it in content]
        head = f"[{message.role}] " if len(request.messages) > 1 else ""
        parts.append(head + "\n".join(texts))
    return "\n\n".join(parts)


def told(outcome: Outcome) -> str:
    """A verdict in a line."""
    if isinstance(outcome, Scored):
        said = words.decimal(outcome.value)
        if outcome.label is not None:
            said += f" ({outcome.label[:80]})"
        if outcome.explanation:
            said += f": {outcome.explanation[:_LONGEST_FACT]}"
        return said
    if isinstance(outcome, Ungraded):
        return f"no verdict: {outcome.reason[:_LONGEST_FACT]}"
    return f"the judge could not be asked: {outcome.message[:_LONGEST_FACT]}"


def answer_quote(label: str, view: OutcomeView | None) -> Quote:
    """What one run answered."""
    if view is None or view.record.answer is None:
        failure = view.record.failure if view is not None else None
        return quote(label, f"(no answer: {failure.kind})" if failure else "(no answer)")
    return quote(label, view.record.answer.text, _LONGEST)


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    url = getattr(part, "url", None)
    return f"[{url[:120]}]" if isinstance(url, str) else "[…]"
