"""Keys: who may come in. A secret is shown once, on the answer to the form that made it."""

from datetime import UTC, datetime, timedelta

from starlette.responses import Response

from weighbridge.core.caller import Role
from weighbridge.errors import FieldProblem, InvalidFields, NotFound, WeighbridgeError
from weighbridge.store.keys import ApiKey
from weighbridge.store.moments import now
from weighbridge.web import sessions
from weighbridge.web.forms import Form, Problems, problems_of
from weighbridge.web.routing import form, page, status_of
from weighbridge.web.visit import Visit

LASTS = (
    ("7", "7 days"),
    ("30", "30 days"),
    ("90", "90 days"),
    ("365", "a year"),
    ("never", "until it is revoked"),
    ("date", "until the date below"),
)
ROLES = (
    (Role.READER, "reader: looks at everything, changes nothing"),
    (Role.WRITER, "writer: also starts, reviews and deletes evaluations"),
    (Role.ADMIN, "admin: also keys and webhooks"),
)
_FIELDS = ("name", "role", "lasts", "until")
_LONGEST_NAME = 200
_MOST_SHOWN = 200


async def show_keys(visit: Visit) -> Response:
    """All keys of the workspace, and the form for a new one."""
    if visit.caller.role is not Role.ADMIN:
        return visit.page("keys_closed.html", status=403)
    return await _list(visit, Problems(), Form())


async def create_key(visit: Visit, form: Form) -> Response:
    """A new key, and its secret this once."""
    try:
        name, role, expires_at = _read(form)
        key, secret = await visit.services.keys.create(
            visit.caller, name=name, role=role, expires_at=expires_at
        )
    except InvalidFields as error:
        return await _list(visit, problems_of(error, _FIELDS), form, 422)
    return _secret(visit, key, secret, "made")


async def rotate_key(visit: Visit, form: Form) -> Response:
    """A new secret in the place of another, which ends now."""
    key_id = visit.path("key_id")
    own = key_id == visit.caller.key_id
    try:
        if own:
            key, secret = await visit.services.keys.rotate_own(visit.caller)
        else:
            await _usable(visit, key_id)
            key, secret = await visit.services.keys.rotate(visit.caller, key_id)
    except NotFound:
        raise
    except WeighbridgeError as error:
        return await _list(visit, Problems(others=(error.message,)), form, status_of(error))
    return _secret(visit, key, secret, "rotated", own=own)


async def revoke_key(visit: Visit, _form: Form) -> Response:
    """The end of a key, and of all sessions that began with it."""
    key_id = visit.path("key_id")
    await visit.services.keys.revoke(visit.caller, key_id)
    if key_id == visit.caller.key_id:
        answer = visit.go("/login", "The key that you had logged in with is revoked.")
        sessions.forget(answer)
        return answer
    return visit.go("/keys", "The key is revoked. Its sessions have ended.")


async def _list(visit: Visit, problems: Problems, form: Form, status: int = 200) -> Response:
    found = await visit.services.keys.list(visit.caller)
    moment = now()
    usable = [key for key in found if key.usable_at(moment)]
    ended = [key for key in found if not key.usable_at(moment)]
    admins = [key for key in usable if key.role is Role.ADMIN]
    return visit.page(
        "keys.html",
        status=status,
        usable=usable[::-1][:_MOST_SHOWN],
        ended=ended[::-1][: max(0, _MOST_SHOWN - len(usable))],
        n_usable=len(usable),
        n_ended=len(ended),
        last_admin=admins[0].id if len(admins) == 1 else None,
        own=visit.caller.key_id,
        problems=problems,
        form=form,
        roles=ROLES,
        lasts=LASTS,
        soon=moment + timedelta(days=7),
        today=f"{moment:%Y-%m-%d}",
    )


def _secret(visit: Visit, key: ApiKey, secret: str, what: str, *, own: bool = False) -> Response:
    base = str(visit.request.base_url).rstrip("/")
    answer = visit.page("keys_secret.html", key=key, secret=secret, what=what, own=own, base=base)
    answer.headers["Cache-Control"] = "no-store"
    if own:
        sessions.forget(answer)
    return answer


async def _usable(visit: Visit, key_id: str) -> None:
    """Go on only with a key that could be used."""
    found = next(
        (it for it in await visit.services.keys.list(visit.caller) if it.id == key_id), None
    )
    if found is None:
        raise NotFound(f"there is no key {key_id}")
    if not found.usable_at(now()):
        raise InvalidFields([FieldProblem("", "this key has ended: make a new one instead")])


def _read(form: Form) -> tuple[str, Role, datetime | None]:
    problems = []
    name = form.text("name")
    if not 0 < len(name) <= _LONGEST_NAME:
        message = f"say what it is for, in 1 to {_LONGEST_NAME} characters"
        problems.append(FieldProblem("name", message))
    role = next((it for it in Role if it == form.text("role")), None)
    if role is None:
        problems.append(FieldProblem("role", "choose what it may do"))
    try:
        expires_at = _end(form)
    except InvalidFields as error:
        problems += error.problems
        expires_at = None
    if problems or role is None:
        raise InvalidFields(problems)
    return name, role, expires_at


def _end(form: Form) -> datetime | None:
    lasts = form.text("lasts", "never")
    if lasts not in dict(LASTS):
        raise InvalidFields([FieldProblem("lasts", "choose one of these")])
    if lasts == "never":
        return None
    if lasts != "date":
        return now() + timedelta(days=int(lasts))
    try:
        day = datetime.strptime(form.text("until"), "%Y-%m-%d").replace(tzinfo=UTC)
        # A key that lasts until a day lasts to its end.
        end = day + timedelta(days=1)
    except (ValueError, OverflowError):
        raise InvalidFields([FieldProblem("until", "a date was expected: 2031-12-31")]) from None
    if end <= now():
        raise InvalidFields([FieldProblem("until", "this day has passed")])
    return end


ROUTES = (
    page("/keys", show_keys),
    form("/keys", create_key),
    form("/keys/{key_id}/rotate", rotate_key),
    form("/keys/{key_id}/revoke", revoke_key),
)
