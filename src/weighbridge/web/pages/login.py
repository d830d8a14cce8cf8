"""Logging in with a key, logging out, and light or dark."""

from starlette.responses import Response

from weighbridge.errors import Unauthenticated
from weighbridge.web import sessions
from weighbridge.web.forms import Form, Problems
from weighbridge.web.routing import form, open_page, way_back
from weighbridge.web.visit import THEME, THEMES, Visit

_A_YEAR_S = 365 * 24 * 3600


async def show_login(visit: Visit) -> Response:
    """The form for the key."""
    if visit.who is not None:
        return visit.go(way_back(visit.query.text("next", "/")))
    return _form(visit, visit.query.text("next", "/"))


async def log_in(visit: Visit, form: Form) -> Response:
    """A key for a session."""
    back = form.text("next", "/")
    try:
        caller = await visit.services.keys.authenticate(form.text("key") or None, sessions.DOOR)
    except Unauthenticated as error:
        return _form(visit, back, Problems(of={"key": error.message}))
    answer = visit.go(way_back(back))
    # A new session: what was known of the one before is worth nothing in it.
    await sessions.write(visit.services, visit.request, sessions.fresh(caller.key_id), answer)
    return answer


async def log_out(visit: Visit, _form: Form) -> Response:
    """The end of a session."""
    answer = visit.go("/login")
    sessions.forget(answer)
    return answer


async def choose_theme(visit: Visit, form: Form) -> Response:
    """Light, dark, or as the browser says."""
    answer = visit.go(way_back(form.text("back", "/")))
    theme = form.text("theme")
    if theme in THEMES:
        answer.set_cookie(THEME, theme, max_age=_A_YEAR_S, path="/", samesite="lax")
    else:
        answer.delete_cookie(THEME, path="/")
    return answer


def _form(visit: Visit, back: str, problems: Problems | None = None) -> Response:
    status = 200 if problems is None else 401
    return visit.page(
        "login.html", status=status, back=way_back(back), problems=problems or Problems()
    )


ROUTES = (
    open_page("/login", show_login),
    form("/login", log_in, anybody=True),
    form("/logout", log_out, anybody=True),
    form("/theme", choose_theme, anybody=True),
)
