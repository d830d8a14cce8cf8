"""One case of a review: what was asked and answered, and what a person says about its score."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from starlette.responses import Response

from weighbridge.core.evaluation import Evaluation
from weighbridge.core.outcome import Scored
from weighbridge.core.prompt import Template, as_text
from weighbridge.core.review import Override
from weighbridge.errors import Conflict, FieldProblem, InvalidFields, NotFound
from weighbridge.services.outcomes import OutcomeView
from weighbridge.services.reviews import Judgement
from weighbridge.spec import parse_spec
from weighbridge.store.overrides import Place
from weighbridge.web.forms import Form, Problems, problems_of
from weighbridge.web.pages.review.agreement import agreement_of
from weighbridge.web.pages.review.choices import AGREES, agrees, choices_of, read_said
from weighbridge.web.pages.review.state import (
    LONGEST_NAME,
    REVIEWER,
    Review,
    read_place,
    read_review,
    write_place,
)
from weighbridge.web.routing import form, page
from weighbridge.web.visit import Visit

REASONS = (
    ("a", "right in substance, worded differently"),
    ("e", "the expected answer is wrong"),
    ("m", "the scorer misread the answer"),
    ("g", "the answer does not do what was asked"),
)
CONFIDENCES = (("1", "certain"), ("0.8", "fairly sure"), ("0.5", "could go either way"))
_FIELDS = ("reason", "author", "confidence")
_A_YEAR_S = 365 * 24 * 3600
_MOST_COLUMNS = 40
_TAKEN_BACK = "taken back while reviewing"


@dataclass(frozen=True, slots=True)
class Decision:
    """What was filled in, to be shown again where it was not kept.

    Attributes:
        conflict: what somebody else said meanwhile; None: nobody did.
        seen: whether what the scorer said has been shown.
    """

    problems: Problems = field(default_factory=Problems)
    form: Form = field(default_factory=Form)
    conflict: Override | None = None
    seen: bool = False


async def show_case(visit: Visit) -> Response:
    """The next case that nobody has reviewed, or the one that the address names."""
    review = await read_review(visit)
    if named := visit.query.text("at"):
        return await _page(review, read_place(named), Decision())
    left = (await review.queue()).left
    if review.skip < len(left):
        return await _page(review, left[review.skip], Decision())
    return visit.go(review.address("summary"))


async def judge_case(visit: Visit, form: Form) -> Response:
    """What a person says about a score, and on to the next case."""
    review = await read_review(visit)
    place = read_place(form.text("at"))
    case = await _case(review, place)
    try:
        kept = await _keep(review, case, form)
    except InvalidFields as error:
        outcome = case.record.outcomes.get(review.scorer.key)
        asked = ("verdict",) if choices_of(review.scorer, outcome) else ("value", "label")
        problems = problems_of(error, (*_FIELDS, *asked))
        return await _page(review, place, Decision(problems, form, seen=True), 422)
    except Conflict as error:
        standing = await _standing(review, place)
        decision = Decision(Problems(others=(error.message,)), form, standing, seen=True)
        return await _page(review, place, decision, 409)
    notice = f"Saved for {kept.case_id[:60]}: {_verdict(kept)}."
    answer = visit.go(review.address(), notice)
    if author := form.text("author"):
        answer.set_cookie(
            REVIEWER,
            quote(author[:LONGEST_NAME]),
            max_age=_A_YEAR_S,
            path="/review",
            httponly=True,
            samesite="lax",
        )
    return answer


async def withdraw(visit: Visit, form: Form) -> Response:
    """What was said is taken back, and the case is shown again."""
    review = await read_review(visit)
    position, epoch = place = read_place(form.text("at"))
    await visit.services.reviews.withdraw(
        visit.caller,
        review.run_id,
        position,
        epoch,
        review.scorer.key,
        form.text("reason", _TAKEN_BACK),
        form.text("author") or review.author or None,
        seen=_seen(form),
    )
    return visit.go(review.address(at=write_place(place)), "Taken back. It stays in the history.")


async def _keep(review: Review, case: OutcomeView, form: Form) -> Override:
    outcome = case.record.outcomes.get(review.scorer.key)
    said = read_said(form, review.scorer, choices_of(review.scorer, outcome))
    reason = form.text("reason")
    if not reason and not agrees(said, outcome):
        raise InvalidFields(
            [FieldProblem("reason", "the scorer said something else (see below): say why")]
        )
    author = form.text("author")
    if len(author) > LONGEST_NAME:
        raise InvalidFields([FieldProblem("author", f"at most {LONGEST_NAME} characters")])
    confidence = form.text("confidence")
    judgement = Judgement(
        scorer=review.scorer.key,
        reason=reason or AGREES,
        position=case.record.position,
        epoch=case.record.epoch,
        value=said.value,
        label=said.label,
        author=author or None,
        confidence=float(confidence) if confidence in dict(CONFIDENCES) else None,
        seen=_seen(form),
    )
    visit = review.visit
    [kept] = await visit.services.reviews.judge(visit.caller, review.run_id, [judgement])
    return kept


async def _page(review: Review, place: Place, decision: Decision, status: int = 200) -> Response:
    visit = review.visit
    case = await _case(review, place)
    outcome = case.record.outcomes.get(review.scorer.key)
    history = [
        said
        for said in await visit.services.reviews.history(visit.caller, review.run_id, *place)
        if said.scorer == review.scorer.key
    ]
    queue = await review.queue()
    evaluation = parse_spec(review.view.evaluation.spec).to_evaluation()
    choices = choices_of(review.scorer, outcome)
    chosen = next((it for it in choices if it.name == decision.form.text("verdict")), None)
    return visit.page(
        "review_case.html",
        status=status,
        review=review,
        scorers=[(it.key, it.key) for it in review.scorers],
        queue=queue,
        place=write_place(place),
        case=case,
        scored=outcome,
        messages=list(_asked(evaluation, case)),
        columns=list(_columns(evaluation, case)),
        expected=_expected(evaluation, case),
        choices=choices,
        chosen=chosen,
        same=[it.name for it in choices if _is_same(it.value, it.label, outcome)],
        decision=decision,
        history=history,
        revision=history[-1].revision if history else 0,
        standing=case.overrides.get(review.scorer.key),
        last=await review.last(),
        reasons=REASONS,
        confidences=CONFIDENCES,
        open=decision.seen or not review.blind,
        agreement=await agreement_of(review),
        in_sample=place in queue.places,
        verdict=_verdict,
    )


async def _case(review: Review, place: Place) -> OutcomeView:
    found = await review.visit.services.outcomes.at(review.view.run, [place[0]])
    for view in found.get(place[0], ()):
        if view.record.epoch == place[1]:
            return view
    raise NotFound(
        f"the run {review.run_id} has no outcome at position {place[0]}, epoch {place[1]}"
    )


async def _standing(review: Review, place: Place) -> Override | None:
    history = await review.visit.services.reviews.history(
        review.visit.caller, review.run_id, *place
    )
    return next((it for it in reversed(history) if it.scorer == review.scorer.key), None)


def _asked(evaluation: Evaluation, case: OutcomeView) -> Iterator[tuple[str, str]]:
    """Role and text of each message that the model was sent."""
    for message in evaluation.messages:
        try:
            yield message.role, Template(message.content).render(case.inputs)
        except (KeyError, ValueError):  # the data has changed its shape since
            yield message.role, message.content


def _columns(evaluation: Evaluation, case: OutcomeView) -> Iterator[tuple[str, str]]:
    """The row, without what is shown elsewhere; first characters of it where there is much."""
    known = {evaluation.target_column, getattr(evaluation.answers, "column", None)}
    shown = [(name, it) for name, it in case.inputs.items() if name not in known]
    for name, value in shown[:_MOST_COLUMNS]:
        yield name, as_text(value)


def _expected(evaluation: Evaluation, case: OutcomeView) -> str | None:
    if evaluation.target_column is None:
        return None
    return as_text(case.inputs.get(evaluation.target_column))


def _is_same(value: float | None, label: str | None, outcome: object) -> bool:
    if not isinstance(outcome, Scored):
        return False
    if value is None:
        return label == outcome.label
    return value == outcome.value and (label is None or label == outcome.label)


def _verdict(said: Override | Scored) -> str:
    """A verdict in words."""
    if said.value is None:
        return "withdrawn"
    number = f"{said.value:g}"
    return f"{said.label} ({number})" if said.label else number


def _seen(form: Form) -> int | None:
    text = form.text("seen")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


ROUTES = (
    page("/review/{run_id}", show_case),
    form("/review/{run_id}/judge", judge_case),
    form("/review/{run_id}/withdraw", withdraw),
)
