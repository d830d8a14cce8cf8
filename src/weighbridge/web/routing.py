"""Routes of pages: who may come in, which forms are read, and what is shown when it goes wrong."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from weighbridge.core.caller import Role
from weighbridge.dialects.multipart import Form as ReceivedForm
from weighbridge.dialects.multipart import receive_form
from weighbridge.errors import Unauthenticated, WeighbridgeError
from weighbridge.web import forms, sessions
from weighbridge.web.forms import Form
from weighbridge.web.visit import Visit
from weighbridge.wiring import Services

Show: TypeAlias = Callable[[Visit], Awaitable[Response]]
Take: TypeAlias = Callable[[Visit, Form], Awaitable[Response]]
TakeFiles: TypeAlias = Callable[[Visit, ReceivedForm], Awaitable[Response]]

_STATUS = {
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "conflict": 409,
    "too_large": 413,
    "unprocessable": 422,
    "busy": 429,
    "out_of_space": 507,
    "unavailable": 503,
}
_TITLES = {
    400: "That cannot be done as it stands",
    403: "You may not do that",
    404: "There is nothing here",
    405: "There is nothing here",
    409: "That clashes with how things are",
    413: "That is too large",
    422: "That is more than there is room for",
    429: "One moment",
    500: "Something broke on our side",
    503: "Not now",
    507: "No room left",
}


def page(path: str, show: Show) -> Route:
    """A page for those who have logged in. Others are asked to, and come back afterwards."""

    async def answer(request: Request) -> Response:
        return await _shown(request, show)

    return Route(path, answer, methods=["GET"], name=show.__name__)


def open_page(path: str, show: Show) -> Route:
    """A page for everybody."""

    async def answer(request: Request) -> Response:
        visit = await _visit(request, anybody=True)
        return await _with_session(visit, await show(visit))

    return Route(path, answer, methods=["GET"], name=show.__name__)


def stream(path: str, show: Show) -> Route:
    """What a page's script asks for: who is not logged in gets no page, but a 401."""

    async def answer(request: Request) -> Response:
        try:
            return await show(await _visit(request))
        except WeighbridgeError as error:
            return Response(error.message, status_of(error), media_type="text/plain")

    return Route(path, answer, methods=["GET"], name=show.__name__)


def form(path: str, take: Take, *, anybody: bool = False) -> Route:
    """Where a form is sent. One that does not come from our own page changes nothing.

    Args:
        anybody: also of those who have not logged in.
    """

    async def answer(request: Request) -> Response:
        try:
            visit = await _visit(request, anybody=anybody)
        except Unauthenticated:
            return _to_login(_referring(request))
        try:
            read = await forms.read(request)
            sessions.check_form(request, visit.session, read.text(forms.TOKEN))
            return await take(visit, read)
        except WeighbridgeError as error:
            return problem(visit, error)
        finally:
            await request.close()

    return Route(path, answer, methods=["POST"], name=take.__name__)


def upload_form(path: str, take: TakeFiles) -> Route:
    """Where a form with a large file is sent, which is written to disk as it comes in; `path` ends
    in `/upload`. The token stands before the file, so that what is not believed is not taken in."""

    async def answer(request: Request) -> Response:
        try:
            visit = await _visit(request)
        except Unauthenticated:
            return _to_login(_referring(request))

        def look(form: ReceivedForm, field: str) -> None:
            if field != forms.TOKEN:
                visit.caller.must_be(Role.WRITER)
                sessions.check_form(request, visit.session, form.fields.get(forms.TOKEN))

        try:
            folder = visit.services.store.folder
            async with receive_form(request, folder, opening=look) as read:
                sessions.check_form(request, visit.session, read.fields.get(forms.TOKEN))
                return await take(visit, read)
        except WeighbridgeError as error:
            return problem(visit, error)

    return Route(path, answer, methods=["POST"], name=take.__name__)


def problem(visit: Visit, error: WeighbridgeError, back: str | None = None) -> Response:
    """The page that says what was wrong."""
    status = status_of(error)
    return failed(visit, status, error.message, back)


def failed(visit: Visit, status: int, message: str, back: str | None = None) -> Response:
    """The page that says what was wrong, with a way back.

    Args:
        back: where that leads; None: whence one came.
    """
    title = _TITLES.get(status, _TITLES[400])
    if back is None:
        back = _referring(visit.request)
        if back.partition("?")[0] == quote(visit.request.scope["path"]):
            back = "/"
    return visit.page("problem.html", status=status, title=title, message=message, back=back)


def status_of(error: WeighbridgeError) -> int:
    """The HTTP status of an error."""
    return _STATUS.get(error.kind, 400)


async def anybodys(request: Request) -> Visit:
    """A visit by whoever it is."""
    return await _visit(request, anybody=True)


async def _shown(request: Request, show: Show) -> Response:
    try:
        visit = await _visit(request)
    except Unauthenticated:
        return _to_login(_address(request))
    try:
        answer = await show(visit)
    except Unauthenticated:
        return _to_login(_address(request))
    except WeighbridgeError as error:
        answer = problem(visit, error)
    return await _with_session(visit, answer)


async def _visit(request: Request, *, anybody: bool = False) -> Visit:
    services: Services = request.app.state.services
    session = await sessions.read(services, request)
    try:
        caller = await sessions.caller_of(services, request, session)
    except Unauthenticated:
        if not anybody:
            raise
        caller = None
    return Visit(request, services, session or sessions.fresh(), caller)


async def _with_session(visit: Visit, answer: Response) -> Response:
    """Forms of a page need a session, whoever looks at it."""
    if visit.session.new:
        await sessions.write(visit.services, visit.request, visit.session, answer)
    return answer


def _to_login(back: str) -> Response:
    return RedirectResponse(f"/login?next={quote(back, safe='')}", status_code=303)


def _address(request: Request) -> str:
    path = quote(request.scope["path"])
    return path + (f"?{request.url.query}" if request.url.query else "")


def _referring(request: Request) -> str:
    """The page of ours that a form was on, or a link."""
    came_from = urlsplit(request.headers.get("referer", ""))
    if came_from.netloc != request.headers.get("host") or not came_from.path.startswith("/"):
        return "/"
    return came_from.path + (f"?{came_from.query}" if came_from.query else "")


def way_back(to: str) -> str:
    """An address within our pages, whatever was asked for: what leads elsewhere leads home."""
    # Browsers take a backslash for a slash, and leave out line ends: `/\\host`, `/\n/host`.
    safe = to.startswith("/") and not to.startswith("//") and "\\" not in to and to.isprintable()
    return to if safe else "/"
