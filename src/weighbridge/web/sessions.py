"""Who looks at the pages: a key, given once, becomes a signed cookie.

The cookie holds no key, only the key's id: a key that is revoked or expires ends its sessions. With
`login` switched off, which is refused unless nobody but this machine can reach the server, whoever
comes is the operator.
"""

import hmac
import secrets
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from weighbridge.core.caller import Caller
from weighbridge.errors import Forbidden, NotFound, Unauthenticated
from weighbridge.wiring import Services

DOOR = "web"
COOKIE = "wb_session"
LASTS_S = 12 * 3600
_PURPOSE = "session"
_OURS = frozenset({"127.0.0.1", "localhost", "[::1]"})


@dataclass(frozen=True, slots=True)
class Session:
    """What the cookie says.

    Attributes:
        key_id: the key that was given; None: nobody has logged in.
        csrf: what every form of this session must carry.
        new: whether no cookie says it yet.
    """

    key_id: str | None
    csrf: str
    new: bool = False


def fresh(key_id: str | None = None) -> Session:
    """A new session."""
    return Session(key_id, secrets.token_urlsafe(24), new=True)


async def read(services: Services, request: Request) -> Session | None:
    """The session of a request, if it has one that we signed and that has not expired."""
    try:
        said = await services.links.read(_PURPOSE, request.cookies.get(COOKIE, ""))
    except NotFound:
        return None
    key_id = said["key_id"]
    return Session(key_id if isinstance(key_id, str) else None, str(said["csrf"]))


async def write(services: Services, request: Request, session: Session, answer: Response) -> None:
    """Put the session into an answer's cookie."""
    said = {"key_id": session.key_id, "csrf": session.csrf}
    answer.set_cookie(
        COOKIE,
        await services.links.sign(_PURPOSE, dict(said), LASTS_S),
        max_age=LASTS_S,
        path="/",
        httponly=True,
        samesite="lax",
        secure=_came_by_https(request),
    )


def forget(answer: Response) -> None:
    """Take the cookie back."""
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")


async def caller_of(services: Services, request: Request, session: Session | None) -> Caller:
    """Who looks.

    Raises:
        Unauthenticated: nobody has logged in, or the key is revoked or expired.
    """
    if session is not None and session.key_id is not None:
        return await services.keys.holder(session.key_id, DOOR)
    if not services.settings.login:
        # A page of another site may give its own name the address of this machine.
        if _host_of(request) not in _OURS or "x-forwarded-for" in request.headers:
            raise Unauthenticated("without a login, pages are for this machine's own browser")
        return await services.keys.operator(DOOR)
    raise Unauthenticated("log in with an API key")


def check_form(request: Request, session: Session | None, given: str | None) -> None:
    """Go on only if a form came from one of our own pages, made for this session.

    Raises:
        Forbidden: it did not.
    """
    origin = request.headers.get("origin")
    elsewhere = origin is not None and origin.partition("://")[2] != request.headers.get("host")
    matches = session is not None and hmac.compare_digest(
        (given or "").encode("utf-8", "replace"), session.csrf.encode()
    )
    if elsewhere or not matches:
        raise Forbidden(
            "this form was not made by the page that you are looking at, or is too old; go back, "
            "reload the page and try again"
        )


def _came_by_https(request: Request) -> bool:
    # TLS may end before us; then the browser says where the form was.
    return request.url.scheme == "https" or request.headers.get("origin", "").startswith("https:")


def _host_of(request: Request) -> str:
    host = request.headers.get("host", "")
    return host if host.endswith("]") else host.rpartition(":")[0] or host
