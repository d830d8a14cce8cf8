"""The prompts of a suite: which are asked for, how, and which of those that were written are it.

A suite has exactly as many prompts as are wanted. What a model does not write, or writes so that it
will not do, comes out of the bank.
"""

import math
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

from weighbridge.core.json import JsonObject
from weighbridge.core.suite import DECLINED, SuiteRequest, WrittenPrompt
from weighbridge.generation.accuracy import passage_of, problem_of
from weighbridge.generation.bank import Bank
from weighbridge.generation.dealing import ABOUT_POLICIES, Deck, Lane, shuffled
from weighbridge.generation.novelty import NEAR, SAME, nearest_before, spread_of
from weighbridge.generation.replies import declines, form, read_object, text_of
from weighbridge.generation.writing import asking, handing_in, task, wordings, written

SPARE = 1.3
"""How many prompts are asked for, for each that is wanted: some will not do."""
LEAST_SPARE = 3
WRITTEN = "written"
"""The column with the reply that nobody has to be asked for."""
LONGEST = 4_000
"""Characters that a prompt may have."""

_SHORTEST = 8
_LONGEST_TOPIC = 100
_OPENING = 80
_MOST_REASONS = 4
_EXACT = "it says the same as one before"
_NEAR = "it is near one before"


def slots(request: SuiteRequest) -> list[JsonObject]:
    """A slot for each prompt that a model is asked for: what it is to be about.

    Returns:
        Rows with the `task`, and, where there is such a thing, `passage`, `policy`, `topic`,
        `family` and `category`. More than are wanted.

    Raises:
        Invalid: there is no such type or language, or the ground truth says too little.
    """
    deck = Deck(request)
    count = max(request.wanted + LEAST_SPARE, math.ceil(request.wanted * SPARE))
    passages = passage_of(request, count) if request.kind == "accuracy" else ()
    policies = {policy.slug: policy for policy in deck.policies}
    topics = {
        slug: shuffled(request, f"topics {slug}", policy.topics)
        for slug, policy in policies.items()
    }
    voices = shuffled(request, "voices", wordings()["voices"])
    manners = shuffled(request, "manners", wordings()["manners"])
    rows: list[JsonObject] = []
    dealt: Counter[str] = Counter()
    for number in range(count):
        # Spare prompts are of the lanes of those that are wanted.
        lane = deck.lane(number % request.wanted)
        row: dict[str, str] = {}
        topic = None
        if lane.policy is not None:
            row["policy"] = lane.policy
            if known := topics[lane.policy]:
                topic = row["topic"] = known[dealt[lane.policy] % len(known)]
                dealt[lane.policy] += 1
        if lane.category is not None:
            row |= {"category": lane.category, "passage": passages[number]}
        if lane.family is not None:
            row["family"] = lane.family
        manner = (_next(voices, number), _next(manners, number))
        policy = policies.get(lane.policy or "")
        row["task"] = task(request, lane, policy, topic, (number + 1, count), manner)
        rows.append(row)
    return rows


def bank_slots(request: SuiteRequest) -> list[JsonObject]:
    """A slot for each prompt, written already: out of the bank.

    Returns:
        As many rows as are wanted, as those of `slots`, with `written` in the place of a task.

    Raises:
        Invalid: there is no such type or language, or the ground truth says too little.
    """
    deck = Deck(request)
    bank = Bank(request, deck)
    taken: set[str] = set()
    rows: list[JsonObject] = []
    for position in range(request.wanted):
        prompt, quote = bank.draw(deck.lane(position), taken)
        about = {name: value for name, value in prompt.about.items() if name != "source"}
        fields = {"prompt": prompt.content}
        if prompt.category is not None:
            about["category"] = prompt.category
            fields |= {"expected": str(about.get("expected", "")), "quote": quote or ""}
        rows.append({**about, WRITTEN: written(**fields)})
    return rows


def evaluation(
    name: str, rows: Sequence[JsonObject], generator: str | None, request: SuiteRequest
) -> JsonObject:
    """The evaluation that has prompts written.

    Args:
        rows: as `slots` gives them, or `bank_slots`.
        generator: the model that writes; None: they are written.
    """
    if generator is None:
        return handing_in(name, rows, WRITTEN, _fields(request, by_model=False))
    user = "{task}"
    if request.kind == "accuracy":
        heading = wordings()["material"]["passage"]
        user = f"{heading}:\n<passage-[nonce]>\n{{passage}}\n</passage-[nonce]>\n\n{user}"
    return asking(name, rows, request, _fields(request, by_model=True), user, generator)


@dataclass(frozen=True, slots=True)
class _Candidate:
    lane: Lane
    prompt: WrittenPrompt
    by_model: bool


class PromptChooser:
    """Which of the replies are the prompts of a suite.

    Args:
        request: what the suite is about.

    Attributes:
        spread: who wrote how many, how far apart they are, and what was left out for what reason;
            after `finish`.
        problem: why prompts came out of the bank that a model should have written, for people;
            None: none did.
    """

    def __init__(self, request: SuiteRequest) -> None:
        self._request = request
        self._deck = Deck(request)
        self._found: list[_Candidate] = []
        self._taken: set[str] = set()
        self._left_out: Counter[str] = Counter()
        self._asked = 0
        self.spread: JsonObject = {}
        self.problem: str | None = None

    def take(self, slot: JsonObject, reply: str | None) -> None:
        """Take what was written for a slot, in the order of the slots.

        Args:
            slot: as `slots` or `bank_slots` gives it.
            reply: None: there is none.
        """
        by_model = WRITTEN not in slot
        self._asked += by_model
        found = _read(slot, reply, by_model=by_model)
        if isinstance(found, str):
            self._left_out[found] += 1
            return
        normal = form(found.content)
        if normal in self._taken:
            self._left_out[_EXACT] += 1
            return
        self._taken.add(normal)
        lane = Lane(found.category, _said(slot, "policy"), _said(slot, "family"))
        self._found.append(_Candidate(lane, found, by_model))

    def finish(self) -> list[WrittenPrompt]:
        """The prompts of the suite, exactly as many as are wanted, in their order.

        Raises:
            Invalid: the bank has to fill up, and the ground truth says too little for it.
        """
        wanted = self._request.wanted
        lanes = [self._deck.lane(position) for position in range(wanted)]
        places: list[WrittenPrompt | None] = [None] * wanted
        different, near = self._sorted_out()
        _fill(places, lanes, different, anywhere=False)
        if self._request.kind != "accuracy":  # where the category of each place is fixed
            _fill(places, lanes, different, anywhere=True)
        _fill(places, lanes, near, anywhere=self._request.kind != "accuracy")
        self._left_out[_NEAR] += len(near)
        short = places.count(None)
        chosen = self._filled_up(places, lanes)
        self._report(chosen, short)
        return chosen

    def _sorted_out(self) -> tuple[list[_Candidate], list[_Candidate]]:
        """Candidates that are unlike those before them, in order, and those that would do if there
        were no others, the least alike first."""
        by_model = [candidate for candidate in self._found if candidate.by_model]
        likeness = nearest_before([candidate.prompt.content for candidate in by_model])
        near: list[tuple[float, _Candidate]] = []
        left: set[int] = set()
        for most, candidate in zip(likeness, by_model, strict=True):
            if most > NEAR:
                left.add(id(candidate))
                if most <= SAME:
                    near.append((most, candidate))
                else:
                    self._left_out[_EXACT] += 1
        near.sort(key=lambda pair: pair[0])
        different = [candidate for candidate in self._found if id(candidate) not in left]
        return different, [candidate for _, candidate in near]

    def _filled_up(
        self, places: Sequence[WrittenPrompt | None], lanes: Sequence[Lane]
    ) -> list[WrittenPrompt]:
        if None not in places:
            return [prompt for prompt in places if prompt is not None]
        bank = Bank(self._request, self._deck)
        taken = {form(prompt.content) for prompt in places if prompt is not None}
        return [
            bank.draw(lane, taken)[0] if prompt is None else prompt
            for prompt, lane in zip(places, lanes, strict=True)
        ]

    def _report(self, chosen: Sequence[WrittenPrompt], short: int) -> None:
        apart = spread_of([prompt.content for prompt in chosen])
        banked = sum(prompt.about["source"] == "bank" for prompt in chosen)
        topics = {
            tuple(prompt.about.get(key) for key in ("policy", "topic", "passage"))
            for prompt in chosen
            if {"topic", "passage", "policy"} & prompt.about.keys()
        }
        left_out = {reason: count for reason, count in self._left_out.most_common() if count}
        self.spread = {
            "written_by": {"model": len(chosen) - banked, "bank": banked},
            "median_distance": apart.median,
            "nearest_distance": apart.nearest,
            "measure": apart.measure,
            "topics": len(topics),
            "left_out": left_out,
        }
        if banked:
            self.spread = {**self.spread, "note": self._note(banked)}
        if short and (self._asked or not self._found):
            self.problem = (
                f"{short} of {len(chosen)} prompts come out of the bank, as the model did not "
                f"write enough that will do{_told(left_out)}"
            )

    def _note(self, banked: int) -> str:
        note = (
            f"{banked} of {self._request.wanted} prompts come out of the bank of prompts that is "
            "part of weighbridge; a generator model writes prompts for the AI at hand"
        )
        if self._request.kind in ABOUT_POLICIES:
            unknown = [policy.slug for policy in self._deck.policies if not policy.topics]
            which = ", ".join(unknown) or ("" if self._deck.policies else "this policy")
            if which:
                note += (
                    f". The bank knows nothing of {which}, and asks about those policies of its "
                    "own that are most like it"
                )
        return note


def _fill(
    places: list[WrittenPrompt | None],
    lanes: Sequence[Lane],
    candidates: list[_Candidate],
    *,
    anywhere: bool,
) -> None:
    """Put candidates into empty places of their lanes, then, if they may stand anywhere, into the
    others. Those that are put are taken out of the list."""
    queues: dict[Lane, deque[_Candidate]] = {}
    for candidate in candidates:
        queues.setdefault(candidate.lane, deque()).append(candidate)
    put: set[int] = set()

    def place(position: int, queue: deque[_Candidate]) -> None:
        candidate = queue.popleft()
        places[position] = candidate.prompt
        put.add(id(candidate))

    for position, lane in enumerate(lanes):
        if places[position] is None and queues.get(lane):
            place(position, queues[lane])
    if anywhere:
        left = deque(candidate for candidate in candidates if id(candidate) not in put)
        for position in range(len(places)):
            if places[position] is None and left:
                place(position, left)
    candidates[:] = [candidate for candidate in candidates if id(candidate) not in put]


def _next(items: Sequence[str], number: int) -> str:
    """Items by turns, shifted each time they are through, so that they go with all lanes."""
    return items[(number + number // len(items)) % len(items)]


def _fields(request: SuiteRequest, *, by_model: bool) -> tuple[str, ...]:
    """Fields of a reply, in the order in which they are to be written."""
    if request.kind == "accuracy":
        return ("prompt", "expected", "quote")
    if by_model:
        policies = Deck(request).policies
        if not policies or not all(policy.topics for policy in policies):
            return ("topic", "prompt")
    return ("prompt",)


def problem_with(text: str) -> str | None:
    """Why a text that a model wrote is no prompt; None: it is one."""
    if not text:
        return "the reply has no prompt"
    if len(text) > LONGEST:
        return f"it has over {LONGEST:,} characters"
    if len(form(text)) < _SHORTEST:
        return "it is too short to ask for anything"
    # Who asks may say that they cannot do something, but then they ask.
    if "?" not in text and declines(text[:_OPENING]):
        return "the model declined to write it"
    return None


def _read(slot: JsonObject, reply: str | None, *, by_model: bool) -> WrittenPrompt | str:
    """The prompt in a reply, or why there is none that will do."""
    if reply is None:
        return "the model gave no answer"
    value = read_object(reply)
    if value is None:
        return "the reply is no JSON object"
    text = text_of(value.get("prompt"))
    problem = problem_with(text)
    if problem is not None:
        return problem
    category = _said(slot, "category")
    fields = {name: text_of(value.get(name)) for name in ("expected", "quote")}
    if by_model and category is not None:
        problem = problem_of(category, str(slot["passage"]), fields)
        if problem is not None:
            return problem
    names = ("topic", "policy", "family", "passage")
    about = {name: said for name in names if (said := _said(slot, name)) is not None}
    if "topic" not in about and by_model and (topic := text_of(value.get("topic"))):
        about["topic"] = topic[:_LONGEST_TOPIC]
    if category == "irrelevant":
        about.pop("passage", None)
    if fields["expected"] and category not in DECLINED:
        about["expected"] = fields["expected"]
    return WrittenPrompt(text, category, {"source": "model" if by_model else "bank", **about})


def _said(slot: JsonObject, column: str) -> str | None:
    value = slot.get(column)
    return value if isinstance(value, str) and value else None


def _told(left_out: JsonObject) -> str:
    """The most frequent reasons, in brackets; "" where there are none."""
    reasons = list(left_out.items())[:_MOST_REASONS]
    return f" ({'; '.join(f'{count}: {reason}' for reason, count in reasons)})" if reasons else ""
