"""Home: what runs now, what came of the latest, and what needs a person."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from weighbridge.core.caller import Role
from weighbridge.core.run import Run, RunState
from weighbridge.demo import starting
from weighbridge.services.overviews import Lately
from weighbridge.store.moments import now
from weighbridge.web.forms import Form
from weighbridge.web.pace import Pace
from weighbridge.web.routing import form, page, stream
from weighbridge.web.streams import follow
from weighbridge.web.visit import Visit

MOST_GOING_ON = 25
MOST_COURSES = 15
MOST_MODELS = 4
MOST_NEEDS = 6
BUSY_S = 1.0
IDLE_S = 2.0
_CHECKED_EVERY_S = 10.0
_WAITS_S = 15.0
"""A run that waits for so long is waiting for a worker, if there is none."""


@dataclass
class _Watch:
    """What one viewer sees of what goes on."""

    visit: Visit
    pace: Pace = field(default_factory=Pace)
    going: list[Run] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    has_worker: bool = True

    async def look(self) -> None:
        """One query, and another when there is a run that was not there before."""
        overviews, caller = self.visit.services.overviews, self.visit.caller
        self.going = await overviews.going_on(caller, MOST_GOING_ON + 1)
        wanted = {run.evaluation_id for run in self.going}
        if new := wanted - self.names.keys():
            found = await overviews.evaluations_of(caller, new)
            self.names |= {it.id: it.name for it in found.values()}
        self.names = {id_: name for id_, name in self.names.items() if id_ in wanted}
        self.pace.forget({run.id for run in self.going})

    async def check(self) -> str | None:
        """Now and then: that the viewer may look still, and that somebody works. The newest run, so
        that one that came and went between two looks is noticed.

        Raises:
            Unauthenticated: the key was revoked, or has expired.
        """
        visit = self.visit
        if visit.session.key_id is not None:
            await visit.services.keys.holder(visit.session.key_id, visit.caller.door)
        waiting = [run for run in self.going if run.state is RunState.QUEUED]
        if any((now() - run.created_at).total_seconds() > _WAITS_S for run in waiting):
            lease_s = visit.services.settings.worker_lease_s
            self.has_worker = await visit.services.overviews.has_worker(lease_s)
        newest = await visit.services.runs.list(visit.caller, limit=1)
        return newest[0].id if newest else None

    def context(self) -> dict[str, Any]:
        """What `_home_running.html` shows."""
        shown = self.going[:MOST_GOING_ON]
        return {
            "going": [(run, self.names.get(run.evaluation_id, "")) for run in shown],
            "left_s": {run.id: self.pace.left_s(run) for run in shown},
            "more": len(self.going) > MOST_GOING_ON,
            "has_worker": self.has_worker,
        }


async def show_home(visit: Visit) -> Response:
    """What runs now, the latest results, and what needs a person."""
    watch = _Watch(visit)
    await watch.look()
    await watch.check()
    lately = await visit.services.overviews.lately(visit.caller, MOST_COURSES, watch.going)
    return visit.page("home.html", **watch.context(), **_latest(visit, lately, watch.going))


async def stream_home(visit: Visit) -> Response:
    """The same, whenever it has changed."""
    return follow(_parts(visit))


async def start_demo(visit: Visit, sent: Form) -> Response:
    """The demo's two evaluations, on the embedded model."""
    del sent  # there is nothing to choose
    started = await starting.begin(visit.services, visit.caller)
    asked = started[0].runs[0].progress.total
    return visit.go(
        "/", f"Two prompts are tried on {asked} questions each. Compare them when both have ended."
    )


async def _parts(visit: Visit) -> AsyncIterator[str]:
    watch = _Watch(visit)
    seen: tuple[set[str], str | None] | None = None
    newest: str | None = None
    sent, since_check = "", _CHECKED_EVERY_S
    while True:
        await watch.look()
        if since_check >= _CHECKED_EVERY_S:
            newest, since_check = await watch.check(), 0.0
        part = visit.render("_home_running.html", **watch.context())
        here = ({run.id for run in watch.going}, newest)
        if seen is not None and here != seen:  # something came or went: the rest has changed, too
            overviews = visit.services.overviews
            lately = await overviews.lately(visit.caller, MOST_COURSES, watch.going)
            context = _latest(visit, lately, watch.going)
            yield part + visit.render("_home_elsewhere.html", **context)
        elif part != sent:
            yield part
        sent, seen = part, here
        pause = BUSY_S if watch.going else IDLE_S
        since_check += pause
        await asyncio.sleep(pause)


def _latest(visit: Visit, lately: Lately, going: list[Run]) -> dict[str, Any]:
    is_new = not lately.any and not going
    may_write = visit.caller.role is not Role.READER
    return {
        "lately": lately,
        "is_new": is_new,
        "missing": starting.missing() if is_new and may_write else (),
        "most_models": MOST_MODELS,
        "most_needs": MOST_NEEDS,
    }


ROUTES = (
    page("/", show_home),
    stream("/live", stream_home),
    form("/demo", start_demo),
)
