"""One response: its conversation, the verdict with what it rests on, and a person's word on it."""

from collections.abc import AsyncIterator
from contextlib import suppress

from starlette.responses import Response

from weighbridge.core.asset import Asset, AssetKind, Frame
from weighbridge.core.review import Override
from weighbridge.core.suite import ScoredResponse, Scoring, Suite, Verdict
from weighbridge.errors import Conflict, FieldProblem, InvalidFields, NotFound
from weighbridge.services.judging_suites import policies_of
from weighbridge.web.downloads import in_place, of_pieces
from weighbridge.web.forms import Form, Problems, problems_of
from weighbridge.web.pages.suites.common import file_name, scoring_of, text_file
from weighbridge.web.routing import form, page
from weighbridge.web.visit import Visit
from weighbridge.web.words import percent

_FIELDS = ("verdict", "explanation", "confidence")
_MOST_TURNS = 100
_INLINE = frozenset(
    {"image/png", "image/jpeg", "image/gif", "image/webp", "video/mp4", "video/webm"}
)


async def show_response(visit: Visit) -> Response:
    """A response in full."""
    suite, scoring, found = await _found(visit)
    return await _page(visit, suite, scoring, found)


async def _page(
    visit: Visit,
    suite: Suite,
    scoring: Scoring,
    found: ScoredResponse,
    *,
    filled: Form | None = None,
    problems: Problems | None = None,
) -> Response:
    services, caller = visit.services, visit.caller
    thread = await services.scorings.thread(caller, scoring, found.response.thread_id)
    files = [it.response.file_id for it in thread if it.response.file_id is not None]
    assets = await services.assets.find(caller, files) if files else {}
    number = found.response.number
    near = await services.scorings.responses(caller, scoring, start=max(0, number - 1), limit=3)
    judged, history = await _history(visit, scoring, found)
    policy = str(found.prompt.about.get("policy") or "")
    return visit.page(
        "suite_response.html",
        status=422 if problems else 200,
        suite=suite,
        scoring=scoring,
        it=found,
        thread=thread[:_MOST_TURNS],
        assets=assets,
        inline=_INLINE,
        before=next((it.response for it in near if it.response.number == number - 1), None),
        behind=next((it.response for it in near if it.response.number == number + 1), None),
        judged=judged,
        history=history,
        policy=policies_of(suite.request).get(policy) or suite.request.instructions,
        filled=filled or Form(),
        problems=problems or Problems(),
        at=_address(suite, scoring, found),
    )


async def _history(
    visit: Visit, scoring: Scoring, found: ScoredResponse
) -> tuple[Verdict, list[Override]]:
    """The judge's own verdict, and what people have said since."""
    with suppress(Conflict):  # it is not judged yet
        if found.response.position is not None:
            return await visit.services.scorings.history(visit.caller, scoring, found.response.id)
    return found.verdict, []


async def override_response(visit: Visit, read: Form) -> Response:
    """A person's word in the place of the judge's."""
    suite, scoring, found = await _found(visit)
    scorings = visit.services.scorings
    before = await scorings.pass_rate(visit.caller, scoring)
    try:
        verdict = read.text("verdict")
        if verdict not in {"pass", "fail"}:
            raise _wrong("verdict", "say whether it passes or fails")
        if not read.text("explanation"):
            raise _wrong("explanation", "say why")
        await scorings.override(
            visit.caller,
            scoring,
            found.response.id,
            passed=verdict == "pass",
            explanation=read.text("explanation"),
            confidence=_confidence(read),
        )
    except InvalidFields as error:
        problems = problems_of(error, _FIELDS)
        return await _page(visit, suite, scoring, found, filled=read, problems=problems)
    after = await scorings.pass_rate(visit.caller, scoring)
    changed = (
        f"The pass rate is now {percent(after.rate)}; it was {percent(before.rate)}."
        if after.rate != before.rate
        else f"The pass rate stays {percent(after.rate)}."
    )
    return visit.go(_address(suite, scoring, found), f"Your verdict counts. {changed}")


async def withdraw_override(visit: Visit, read: Form) -> Response:
    """A person's word taken back."""
    suite, scoring, found = await _found(visit)
    reason = read.text("reason", "Taken back.")
    await visit.services.scorings.withdraw(visit.caller, scoring, found.response.id, reason)
    after = await visit.services.scorings.pass_rate(visit.caller, scoring)
    return visit.go(
        _address(suite, scoring, found),
        f"The judge's verdict counts again. The pass rate is now {percent(after.rate)}.",
    )


async def save_answer(visit: Visit) -> Response:
    """The answer as a file."""
    _, scoring, found = await _found(visit)
    name = f"{file_name(scoring.name)}-{found.response.number + 1}.txt"
    return text_file(found.response.text or "", name)


async def show_file(visit: Visit) -> Response:
    """The image or video that the answer is."""
    return _sent(visit, await _asset(visit), None)


async def show_frame(visit: Visit) -> Response:
    """A frame of the video that the answer is."""
    asset = await _asset(visit)
    number = visit.request.path_params["number"]
    if number >= len(asset.frames):
        raise NotFound("the video has no such frame")
    return _sent(visit, asset, asset.frames[number])


def _sent(visit: Visit, asset: Asset, frame: Frame | None) -> Response:
    """Bytes that somebody handed in: shown in place where browsers draw them, saved otherwise."""
    media_type = asset.media_type if frame is None else "image/jpeg"
    stem = asset.name.rpartition(".")[0] or asset.name
    name = stem + asset.extension if frame is None else f"{stem}-{frame.second:g}s.jpg"
    what = frame or asset
    pieces: AsyncIterator[bytes] = visit.services.assets.open(what)
    send = in_place if media_type in _INLINE else of_pieces
    return send(pieces, name, media_type, what.size)


async def _asset(visit: Visit) -> Asset:
    _, _, found = await _found(visit)
    if found.response.file_id is None:
        raise NotFound("the answer is no file")
    asset = await visit.services.assets.get(visit.caller, found.response.file_id)
    if asset.kind not in {AssetKind.IMAGE, AssetKind.VIDEO} or asset.sha256 is None:
        raise NotFound("the file of the answer is not here")
    return asset


async def _found(visit: Visit) -> tuple[Suite, Scoring, ScoredResponse]:
    suite, scoring = await scoring_of(visit)
    found = await visit.services.scorings.response(visit.caller, scoring, visit.path("response"))
    return suite, scoring, found


def _wrong(field: str, message: str) -> InvalidFields:
    return InvalidFields([FieldProblem(field, message)])


def _confidence(read: Form) -> float | None:
    text = read.text("confidence")
    if not text:
        return None
    try:
        return float(text.replace(",", "."))
    except ValueError as error:
        raise _wrong("confidence", "a number of 0 to 1 is needed") from error


def _address(suite: Suite, scoring: Scoring, found: ScoredResponse) -> str:
    return f"/suites/{suite.id}/runs/{scoring.id}/responses/{found.response.id}"


_AT = "/suites/{suite}/runs/{scoring}/responses/{response}"

ROUTES = (
    page(_AT, show_response),
    page(f"{_AT}/text", save_answer),
    page(f"{_AT}/content", show_file),
    page(f"{_AT}/content/{{number:int}}", show_frame),
    form(f"{_AT}/override", override_response),
    form(f"{_AT}/withdraw", withdraw_override),
)
