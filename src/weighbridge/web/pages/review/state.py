"""Where somebody is in a review. All of it stands in the address."""

from dataclasses import dataclass
from urllib.parse import quote, unquote, urlencode

from weighbridge.core.review import Override
from weighbridge.dialects.shared import decode_cursor
from weighbridge.errors import Invalid, NotFound
from weighbridge.services.review_queues import (
    MOST_QUEUED,
    Order,
    ReviewedScorer,
    ReviewQueue,
)
from weighbridge.services.runs import RunView
from weighbridge.store.overrides import Place
from weighbridge.web.query import Change
from weighbridge.web.visit import Visit

USUAL_SAMPLE = 50
REVIEWER = "wb_reviewer"
LONGEST_NAME = 200
_LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Review:
    """A review of one scorer's verdicts in a run.

    Attributes:
        scorers: all of the run, those that ask models first.
        n, seed, order: of the cases that are looked at.
        blind: whether what the scorer said is shown only after the decision.
        skip: so many of those left are passed over.
        author: under which name what is said is kept; empty: that of the key's user.
    """

    visit: Visit
    view: RunView
    scorers: tuple[ReviewedScorer, ...]
    scorer: ReviewedScorer
    n: int
    seed: int
    order: Order
    blind: bool
    skip: int
    author: str

    @property
    def run_id(self) -> str:
        """The run's."""
        return self.view.run.id

    def address(self, part: str = "", **changes: Change) -> str:
        """The address of a part of this review, with parameters set anew or taken out (None)."""
        parameters: dict[str, Change] = {
            "scorer": self.scorer.key,
            "seed": self.seed or None,
            "n": self.n if self.n != USUAL_SAMPLE else None,
            "order": self.order if self.order is not Order.RANDOM else None,
            "blind": None if self.blind else "no",
            "skip": self.skip or None,
        }
        parameters |= changes
        path = f"/review/{quote(self.run_id, safe='')}" + (f"/{part}" if part else "")
        return f"{path}?{urlencode([(k, str(v)) for k, v in parameters.items() if v is not None])}"

    async def queue(self) -> ReviewQueue:
        """The cases that are looked at."""
        return await self.visit.services.review_queues.queue(
            self.visit.caller,
            self.run_id,
            self.scorer.key,
            n=self.n,
            seed=self.seed,
            order=self.order,
        )

    async def last(self) -> Override | None:
        """What this reviewer said last, if it can be taken back."""
        author = self.author or await self.visit.services.reviews.author(self.visit.caller)
        return await self.visit.services.review_queues.last_of(
            self.visit.caller, self.run_id, self.scorer.key, author
        )


async def read_review(visit: Visit) -> Review:
    """The review that an address names.

    Raises:
        NotFound: there is no such run, or it has no such scorer, or none at all.
        Invalid: a parameter is wrong.
    """
    run_id = visit.path("run_id")
    view = await visit.services.runs.view(visit.caller, run_id)
    scorers = await visit.services.review_queues.scorers(visit.caller, run_id)
    if not scorers:
        raise NotFound(f"the run {run_id} has no scorers: there is nothing to be reviewed")
    query = visit.query
    key = query.text("scorer", scorers[0].key)
    scorer = next((it for it in scorers if it.key == key), None)
    if scorer is None:
        raise NotFound(f"the run {run_id} has no scorer `{key[:80]}`")
    if query.text("blind", "yes") not in {"yes", "no"}:
        raise Invalid("`blind` in the address can be yes or no")
    return Review(
        visit=visit,
        view=view,
        scorers=scorers,
        scorer=scorer,
        n=query.whole("n", USUAL_SAMPLE, least=1, most=MOST_QUEUED),
        seed=query.whole("seed", 0, most=_LARGEST_SEED),
        order=query.choice("order", Order) or Order.RANDOM,
        blind=query.text("blind", "yes") == "yes",
        skip=query.whole("skip", 0, most=MOST_QUEUED),
        author=unquote(visit.request.cookies.get(REVIEWER, ""))[:LONGEST_NAME],
    )


def after_cursor(visit: Visit) -> str | None:
    """The id behind which a page of a list begins; None: it is the first."""
    cursor = visit.query.text("cursor")
    return str(decode_cursor(cursor, str)[0]) if cursor else None


def read_place(text: str) -> Place:
    """Position and epoch out of `position.epoch`, as the address has it.

    Raises:
        Invalid: it is something else.
    """
    position, _, epoch = text.partition(".")
    parts = (position, epoch or "0")
    if not all(it.isascii() and it.isdecimal() and len(it) <= 18 for it in parts):
        raise Invalid(f"`{text[:60]}` names no case: position.epoch was expected, such as 12.0")
    return int(parts[0]), min(int(parts[1]), 2**31 - 1)


def write_place(place: Place) -> str:
    """A place as the address has it."""
    return f"{place[0]}.{place[1]}"
