"""A visit: one request by somebody who may see the pages, and the ways to answer it."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from weighbridge.core.caller import Caller, Role
from weighbridge.web.query import Change, Query
from weighbridge.web.rendering import render
from weighbridge.web.sessions import Session
from weighbridge.wiring import Services

NOTICE = "wb_notice"
THEME = "wb_theme"
THEMES = ("light", "dark")
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        # The hash is that of nothing: Plotly's script makes an empty style sheet, and fills it.
        "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
        "img-src 'self' data:",
        "media-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


@dataclass(frozen=True, slots=True)
class Visit:
    """A request, and who makes it.

    Attributes:
        caller: None on the pages that nobody has to log in for.
    """

    request: Request
    services: Services
    session: Session
    who: Caller | None

    @property
    def caller(self) -> Caller:
        """Who looks."""
        assert self.who is not None  # noqa: S101 (only `open_page` lets others in)
        return self.who

    @property
    def query(self) -> Query:
        """What stands behind the question mark."""
        return Query(self.request.query_params)

    def path(self, name: str) -> str:
        """A part of the address's path."""
        return str(self.request.path_params[name])

    def here(self, **changes: Change) -> str:
        """The address of this page, with parameters set anew or taken out (None)."""
        return self._address(self.query.changed(**changes))

    def page(self, template: str, /, *, status: int = 200, **context: Any) -> Response:
        """A template as an answer."""
        answer = HTMLResponse(self.render(template, **context), status)
        answer.headers["Content-Security-Policy"] = POLICY
        # Forms say where they come from, and are looked at for it; links to others say nothing.
        answer.headers["Referrer-Policy"] = "same-origin"
        if NOTICE in self.request.cookies:
            answer.delete_cookie(NOTICE, path="/")
        return answer

    def render(self, template: str, /, **context: Any) -> str:
        """A template, or a part of a page, as text."""
        return render(template, self._context() | context)

    def go(self, to: str, notice: str | None = None) -> Response:
        """On to another page, after a form.

        Args:
            to: an address of ours.
            notice: a sentence that is shown there, once.
        """
        answer = RedirectResponse(to, status_code=303)
        if notice is not None:
            answer.set_cookie(
                NOTICE, quote(notice[:500]), max_age=60, path="/", httponly=True, samesite="lax"
            )
        return answer

    def _address(self, parameters: list[tuple[str, str]]) -> str:
        path = quote(self.request.scope["path"])
        return f"{path}?{urlencode(parameters)}" if parameters else path

    def _context(self) -> dict[str, Any]:
        theme = self.request.cookies.get(THEME)
        return {
            "visit": self,
            "query": self.query,
            "here": self.here,
            "path": self.request.url.path,
            "csrf": self.session.csrf,
            "caller": self.who,
            "may_write": self.who is not None and self.who.role is not Role.READER,
            "is_admin": self.who is not None and self.who.role is Role.ADMIN,
            "notice": unquote(self.request.cookies.get(NOTICE, "")),
            "theme": theme if theme in THEMES else None,
        }
