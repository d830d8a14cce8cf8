"""One case of a run: what was asked and answered, what was made of it, and what people say."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Failed, Outcome, Scored, Ungraded
from weighbridge.core.prompt import as_text
from weighbridge.core.review import Override
from weighbridge.errors import Conflict, FieldProblem, InvalidFields, NotFound
from weighbridge.services.cases import CaseScorer, CaseView, Source
from weighbridge.services.outcomes import Kept, StoredImage
from weighbridge.services.reviews import Judgement
from weighbridge.store.outcome_search import Found
from weighbridge.web import downloads, explaining
from weighbridge.web.forms import Form, Problems, problems_of
from weighbridge.web.hostile import LONGEST_SHOWN
from weighbridge.web.marking import Span, marked, spans_of
from weighbridge.web.outcome_list import case_link, kept, read_search
from weighbridge.web.routing import form, page
from weighbridge.web.visit import Visit

LONGEST_MESSAGE = 8_000
"""Characters of a message that the page shows; the rest is had as a file."""

_MOST_MESSAGES = 60
_MOST_COLUMNS = 100
_LONGEST_DETAILS = 4_000
_MOST_PICTURES = 40
_MOST_EPOCH = 1_000_000
_KINDS: dict[str, Kept] = {"images": "images", "videos": "videos", "frames": "frames"}
# Anybody may have made it: only what cannot hold a script is shown in place.
_SAFE_TO_SHOW = frozenset(
    {"image/png", "image/jpeg", "image/gif", "image/webp", "video/mp4", "video/webm"}
)
_VOTE = dict.fromkeys(("judge", "label", "value", "confidence", "reason", "status"))
_OPTION = dict.fromkeys(("letter", "text", "logprob", "tokens"))
_SHOWN_APART = frozenset(
    {"judge", "evidence", "evidence_dropped", "votes", "items", "expected", "repaired", "counts"}
)
_OF_ANSWER_APART = frozenset(
    {"thinking", "options", "chosen", "images", "videos", "frames", "refusal", "cached"}
)


@dataclass(frozen=True, slots=True)
class Typed:
    """An override as it was filled in, where it could not be kept.

    Attributes:
        scorer: of whose score; "": nothing was filled in.
    """

    scorer: str = ""
    value: str = ""
    label: str = ""
    reason: str = ""
    problems: Problems = field(default_factory=Problems)


@dataclass(frozen=True, slots=True)
class Graded:
    """What a scorer made of the answer, as the page shows it.

    Attributes:
        kind: `scored`, `ungraded`, `failed` or `none`.
        details: what else is known of it, as text.
        override: what counts of what people said. seen: the revision of what was said last.
        options: words that can be said about it, with the values of a form.
    """

    scorer: CaseScorer
    outcome: Outcome | None
    kind: str
    evidence: tuple[str, ...]
    votes: tuple[Mapping[str, Any], ...]
    items: Mapping[str, Any]
    judge: str | None
    details: str
    override: Override | None
    seen: int
    options: tuple[tuple[str, str], ...]


async def show_case(visit: Visit) -> Response:
    """The page of a case."""
    return await _case_page(visit, Typed())


async def judge(visit: Visit, form: Form) -> Response:
    """Keep what a person says about a score."""
    run_id, position, epoch = visit.path("run_id"), _position(visit), _epoch(visit)
    typed = Typed(form.text("scorer"), form.text("value"), form.text("label"), form.text("reason"))
    try:
        said = Judgement(
            typed.scorer,
            typed.reason,
            position=position,
            epoch=epoch,
            value=_number(typed.value),
            label=typed.label or None,
            seen=_seen(form),
        )
        await visit.services.reviews.judge(visit.caller, run_id, [said])
    except (InvalidFields, Conflict) as error:
        problems = problems_of(error, ("value", "label", "reason"))
        again = Typed(typed.scorer, typed.value, typed.label, typed.reason, problems)
        return await _case_page(visit, again, status=409 if isinstance(error, Conflict) else 422)
    return visit.go(
        case_link(run_id, position, epoch, kept(visit.query)),
        "Kept beside the scorer's own verdict, which stays as it is.",
    )


async def withdraw(visit: Visit, form: Form) -> Response:
    """Take back what counts about a score."""
    run_id, position, epoch = visit.path("run_id"), _position(visit), _epoch(visit)
    await visit.services.reviews.withdraw(
        visit.caller,
        run_id,
        position,
        epoch,
        form.text("scorer"),
        form.text("reason", "taken back on the page of the case"),
    )
    return visit.go(
        case_link(run_id, position, epoch, kept(visit.query)), "Taken back; its history stays."
    )


async def download_answer(visit: Visit) -> Response:
    """The whole answer, as a text file."""
    run_id, position, epoch = visit.path("run_id"), _position(visit), _epoch(visit)
    text = await visit.services.cases.answer(visit.caller, run_id, position, epoch)
    return downloads.of_text(text, f"{run_id}-{position}-{epoch}-answer.txt")


async def download_prompt(visit: Visit) -> Response:
    """The whole prompt, as a text file."""
    run_id, position = visit.path("run_id"), _position(visit)
    case = await visit.services.cases.get(visit.caller, run_id, position, _epoch(visit))
    texts = []
    for message in case.messages:
        parts = (
            it if isinstance(it, str) else f"[{it.kind}: {it.address}]" for it in message.parts
        )
        texts.append(f"{message.role}:\n" + "\n".join(parts))
    return downloads.of_text("\n\n".join(texts), f"{run_id}-{position}-prompt.txt")


async def show_sent(visit: Visit) -> Response:
    """An image or video of the prompt."""
    run_id, position, number = visit.path("run_id"), _position(visit), _whole(visit, "number")
    found = await visit.services.cases.medium(visit.caller, run_id, position, number)
    return _in_place(found, f"{run_id}-{position}-sent-{number}")


async def show_kept(visit: Visit) -> Response:
    """An image or video of the answer, or a frame of one."""
    run_id, position, number = visit.path("run_id"), _position(visit), _whole(visit, "number")
    kind = _KINDS.get(visit.path("kind"))
    if kind is None:
        raise NotFound("a case has images, videos and frames")
    run = await visit.services.runs.get(visit.caller, run_id)
    found = await visit.services.outcomes.image(
        visit.caller, run, position, _epoch(visit), number, kind
    )
    return _in_place(found, f"{run_id}-{position}-{kind}-{number}")


async def _case_page(visit: Visit, typed: Typed, status: int = 200) -> Response:
    services, caller, query = visit.services, visit.caller, visit.query
    position, epoch = _position(visit), _epoch(visit)
    case = await services.cases.get(caller, visit.path("run_id"), position, epoch)
    run, record = case.view.run, case.shown.record
    search = read_search(query, case.scorers)
    before, behind = await services.outcomes.neighbours(caller, run, search, (position, epoch))
    parameters = kept(query)
    text = record.answer.text if record.answer else ""
    graded = [_graded(case, scorer) for scorer in case.scorers]
    details = (record.answer.details if record.answer else None) or {}

    def link(place: Found | None) -> str | None:
        if place is None:
            return None
        return case_link(run.id, place.position, place.epoch, parameters)

    return visit.page(
        "case.html",
        status=status,
        case=case,
        run=run,
        evaluation=case.evaluation,
        record=record,
        graded=graded,
        typed=typed,
        search=search,
        previous=link(before),
        next=link(behind),
        link=lambda of: case_link(run.id, position, of, parameters),
        action=lambda what: _action(run.id, position, epoch, what, parameters),
        table=f"/runs/{run.id}?{urlencode(parameters)}#outcomes",
        messages=case.messages[:_MOST_MESSAGES],
        messages_left=max(0, len(case.messages) - _MOST_MESSAGES),
        prompt_is_long=_is_long(case),
        longest_message=LONGEST_MESSAGE,
        Source=Source,
        rendered=query.text("view") == "rendered",
        text=text,
        marked=marked(text, _spans(text[:LONGEST_SHOWN], graded, record.outcomes)),
        answer_details=details,
        more_details=_as_text(details, _OF_ANSWER_APART),
        options=_options(details),
        pictures={name: _pictures(details, name) for name in ("images", "videos", "frames")},
        target=as_text(case.target),
        inputs=[
            (name, as_text(value))
            for name, value in list(case.shown.inputs.items())[:_MOST_COLUMNS]
        ],
        inputs_left=max(0, len(case.shown.inputs) - _MOST_COLUMNS),
        failure_in_words=explaining.failure,
    )


# What a scorer said


def _graded(case: CaseView, scorer: CaseScorer) -> Graded:
    record = case.shown.record
    outcome = record.outcomes.get(scorer.key)
    details: Mapping[str, Any] = (outcome.details or {}) if isinstance(outcome, Scored) else {}
    said = [
        it.revision for it in case.history if it.scorer == scorer.key and it.epoch == record.epoch
    ]
    return Graded(
        scorer,
        outcome,
        _kind(outcome),
        tuple(it for it in _listed(details.get("evidence")) if isinstance(it, str)),
        tuple({**_VOTE, **it} for it in _listed(details.get("votes")) if isinstance(it, Mapping)),
        items if isinstance(items := details.get("items"), Mapping) else {},
        judge if isinstance(judge := details.get("judge"), str) else None,
        _as_text(details, _SHOWN_APART),
        case.shown.overrides.get(scorer.key),
        max(said, default=0),
        _words(scorer),
    )


def _kind(outcome: Outcome | None) -> str:
    match outcome:
        case Scored():
            return "scored"
        case Ungraded():
            return "ungraded"
        case Failed():
            return "failed"
        case _:
            return "none"


def _words(scorer: CaseScorer) -> tuple[tuple[str, str], ...]:
    if scorer.verdicts is not None and len(scorer.verdicts) <= 200:
        return tuple(
            (label, label if worth is None else f"{label} ({worth:g})")
            for label, worth in scorer.verdicts.items()
        )
    return ()


def _spans(text: str, graded: list[Graded], outcomes: Mapping[str, Outcome]) -> list[Span]:
    spans = spans_of(text, [quote for it in graded for quote in it.evidence])
    for outcome in outcomes.values():
        if isinstance(outcome, Scored):
            for entity in _listed((outcome.details or {}).get("entities")):
                match entity:
                    case [int(start), int(stop), *_]:
                        spans.append((start, stop))
    return spans


# What came with the answer


def _options(details: JsonObject) -> list[dict[str, Any]]:
    """The options a model chose among, the likeliest first."""
    options: list[dict[str, Any]] = [
        {**_OPTION, **it} for it in _listed(details.get("options")) if isinstance(it, Mapping)
    ]
    options.sort(key=_by_logprob)
    return options


def _by_logprob(option: Mapping[str, Any]) -> float:
    logprob = option.get("logprob")
    return -logprob if isinstance(logprob, int | float) else math.inf


def _pictures(details: JsonObject, name: str) -> list[Mapping[str, Any]]:
    found = [it for it in _listed(details.get(name)) if isinstance(it, Mapping)]
    return found[:_MOST_PICTURES]


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _as_text(details: Mapping[str, Any], apart: frozenset[str]) -> str:
    left = {name: value for name, value in details.items() if name not in apart}
    if not left:
        return ""
    return json.dumps(left, indent=1, ensure_ascii=False)[:_LONGEST_DETAILS]


def _is_long(case: CaseView) -> bool:
    return len(case.messages) > _MOST_MESSAGES or any(
        isinstance(part, str) and len(part) > LONGEST_MESSAGE
        for message in case.messages
        for part in message.parts
    )


# Addresses and files


def _whole(visit: Visit, name: str) -> int:
    text = visit.path(name)
    if not text.isascii() or not text.isdecimal() or len(text) > 15:
        raise NotFound("no page has this address")
    return int(text)


def _position(visit: Visit) -> int:
    return _whole(visit, "position")


def _epoch(visit: Visit) -> int:
    return visit.query.whole("epoch", 0, most=_MOST_EPOCH)


def _number(text: str) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise InvalidFields([FieldProblem("value", "a number was expected")]) from error


def _seen(form: Form) -> int | None:
    text = form.text("seen")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _action(
    run_id: str, position: int, epoch: int, what: str, parameters: list[tuple[str, str]]
) -> str:
    path, mark, asked = case_link(run_id, position, epoch, parameters).partition("?")
    return f"{path}/{what}{mark}{asked}"


def _in_place(file: StoredImage, name: str) -> Response:
    safe = file.media_type in _SAFE_TO_SHOW
    suffix = file.media_type.rpartition("/")[2] if safe else "bin"
    shown = "inline" if safe else "attachment"
    return Response(
        file.data,
        media_type=file.media_type if safe else "application/octet-stream",
        headers={
            "Content-Disposition": f'{shown}; filename="{name}.{suffix}"',
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
            "Cache-Control": "private, max-age=31536000, immutable",
        },
    )


ROUTES = (
    page("/runs/{run_id}/cases/{position}", show_case),
    form("/runs/{run_id}/cases/{position}/judge", judge),
    form("/runs/{run_id}/cases/{position}/withdraw", withdraw),
    page("/runs/{run_id}/cases/{position}/answer/text", download_answer),
    page("/runs/{run_id}/cases/{position}/prompt/text", download_prompt),
    page("/runs/{run_id}/cases/{position}/sent/{number}", show_sent),
    page("/runs/{run_id}/cases/{position}/{kind}/{number}", show_kept),
)
