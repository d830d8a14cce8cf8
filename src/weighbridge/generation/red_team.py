"""The prompts of a red team: which behaviours, queries and attacks are asked for, and which of what
was written they are.

A run has exactly as many behaviours and prompts as are wanted, no two of them the same. What a
model does not write, or writes so that it will not do, comes out of the bank of texts; a query
that it does not turn into an attack is put into the template of its technique.
"""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import orjson

from weighbridge.core.json import Json, JsonObject
from weighbridge.core.red_team import Attack, Behavior, RedTeamResult, RedTeamRun
from weighbridge.generation.attacks import attack
from weighbridge.generation.filling import shortened
from weighbridge.generation.novelty import NEAR, SAME, nearest_before, spread_of
from weighbridge.generation.prompts import WRITTEN, problem_with
from weighbridge.generation.red_team_asking import (
    PROMPT,
    Ask,
    ask_attack,
    ask_behaviors,
    ask_queries,
    material_of,
    voices,
)
from weighbridge.generation.red_team_bank import Area, AttackBank
from weighbridge.generation.replies import declines, form, read_object, text_of, words
from weighbridge.generation.writing import handing_in, schema_of
from weighbridge.suites.techniques import Technique, techniques

BANK, MODEL, TEMPLATE = "bank", "model", "template"
"""Who wrote something."""

_FIELDS = ("behavior", "query", PROMPT, "technique", "query_source", "source")
_SPARE = 1.25
_LEAST_SPARE = 2
_AT_ONCE = 8
_QUERIES_AT_ONCE = 12
_SPARE_QUERIES = 2
_LONGEST_BEHAVIOR = 300
_FEWEST_WORDS = 2
_TEMPERATURE = 0.9
_MOST_TOKENS = 2_000
_CONCURRENCY = 100
_VOICES = 3


@dataclass(frozen=True, slots=True)
class Aim:
    """Something that an application must not do.

    Attributes:
        area: what it was written for.
        source: `MODEL` or `BANK`.
    """

    text: str
    area: Area
    source: str


@dataclass(frozen=True, slots=True)
class Query:
    """A plain request that would lead to a behaviour; `source`: `MODEL` or `BANK`."""

    text: str
    source: str


class Outline:
    """What prompts of a run are about, as far as it is written.

    The same run with the same parts has the same outline, wherever it is made.

    Args:
        run: what is wanted; its `parts` are what is there.
        by_model: whether a model writes; otherwise all comes out of the bank.

    Attributes:
        parts: lists that were written, by their keys.
        behavior_parts: keys of the lists that behaviours are chosen from.
    """

    def __init__(self, run: RedTeamRun, *, by_model: bool) -> None:
        self.run = run
        self.by_model = by_model
        self.parts: dict[str, tuple[str, ...]] = dict(run.parts)
        self._bank = AttackBank(run.target, run.id)
        count = max(run.behaviors + _LEAST_SPARE, math.ceil(run.behaviors * _SPARE))
        self._asked = self._bank.areas[:count] if by_model else ()
        lists = math.ceil(len(self._asked) / _AT_ONCE)
        self.behavior_parts = tuple(f"behaviors.{number}" for number in range(lists))
        known = techniques()
        self._techniques = self._chance("techniques").sample(known, len(known))
        self._behaviors: tuple[Aim, ...] | None = None
        self._queries: dict[int, tuple[Query, ...]] = {}

    @property
    def prompts(self) -> int:
        """How many prompts there are to be."""
        return self.run.behaviors * self.run.prompts

    def place(self, position: int) -> tuple[int, int]:
        """Of the prompt at a 0-based position: number of its behaviour, and of its query."""
        return divmod(position, self.run.prompts)

    def technique(self, position: int) -> Technique:
        """The technique of the prompt at that position: all have their turn."""
        return self._techniques[position % len(self._techniques)]

    def query_parts(self, behavior: int) -> tuple[str, ...]:
        """Keys of the lists that queries for a behaviour are chosen from."""
        if not self.by_model:
            return ()
        lists = math.ceil((self.run.prompts + _SPARE_QUERIES) / _QUERIES_AT_ONCE)
        return tuple(f"queries.{behavior}.{number}" for number in range(lists))

    def ask(self, part: str) -> Ask:
        """What a model is asked for a part; for queries all behaviours must be there."""
        kind, *numbers = part.split(".")
        if kind == "behaviors":
            start = int(numbers[0]) * _AT_ONCE
            areas = self._asked[start : start + _AT_ONCE]
            return ask_behaviors(self.run.target, [area.told for area in areas])
        behavior, number = int(numbers[0]), int(numbers[1])
        lists = len(self.query_parts(behavior))
        count = math.ceil((self.run.prompts + _SPARE_QUERIES) / lists)
        some = self._chance(f"voices {part}").sample(voices(), _VOICES)
        text = self.behaviors()[behavior].text
        return ask_queries(self.run.target, text, count, (number + 1, lists), some)

    def ask_attack(self, position: int) -> Ask:
        """What a model is asked for a prompt, once its query is there."""
        behavior, number = self.place(position)
        text = self.behaviors()[behavior].text
        query = self.queries(behavior)[number].text
        return ask_attack(self.run.target, text, query, self.technique(position))

    def behaviors(self) -> tuple[Aim, ...]:
        """The behaviours, as many as are wanted: those that differ most from those before them."""
        if self._behaviors is None:
            self._behaviors = tuple(self._chosen())
        return self._behaviors

    def queries(self, behavior: int) -> tuple[Query, ...]:
        """The queries for a behaviour, as many as are wanted."""
        if behavior not in self._queries:
            self._queries[behavior] = tuple(self._queries_of(behavior))
        return self._queries[behavior]

    def spare_queries(self, behavior: int) -> Iterator[str]:
        """What else the bank has that would lead to a behaviour."""
        found = self.behaviors()[behavior]
        about = found.text if found.source == MODEL else found.area.topic
        return self._bank.requests(about, found.area.policy)

    def _chance(self, what: str) -> random.Random:
        return random.Random(f"{self.run.id} {what}")  # noqa: S311 (an order, not a secret)

    def _chosen(self) -> list[Aim]:
        found: list[Aim] = []
        for number, part in enumerate(self.behavior_parts):
            areas = self._asked[number * _AT_ONCE :]
            texts = self.parts.get(part, ())[:_AT_ONCE]
            found += [
                Aim(text, area, MODEL) for text, area in zip(texts, areas, strict=False) if text
            ]
        likeness = nearest_before([it.text for it in found])
        different = [it for it, most in zip(found, likeness, strict=True) if most <= NEAR]
        near = [(most, it) for it, most in zip(found, likeness, strict=True) if NEAR < most <= SAME]
        chosen: list[Aim] = []
        taken: set[str] = set()
        used: set[Area] = set()
        near.sort(key=lambda pair: pair[0])
        banked = [Aim(area.behavior, area, BANK) for area in self._bank.areas]
        for it in (*different, *(one for _, one in near), *banked):
            normal = form(it.text)
            spent = it.source == BANK and it.area in used
            if len(chosen) < self.run.behaviors and normal not in taken and not spent:
                taken.add(normal)
                used.add(it.area)
                chosen.append(it)
        return chosen

    def _queries_of(self, behavior: int) -> list[Query]:
        wanted = self.run.prompts
        texts = [text for part in self.query_parts(behavior) for text in self.parts.get(part, ())]
        likeness = nearest_before(texts)
        order = [text for text, most in zip(texts, likeness, strict=True) if most <= NEAR]
        order += [text for text, most in zip(texts, likeness, strict=True) if NEAR < most <= SAME]
        taken = set() if self.by_model else self._taken_before(behavior)
        found: list[Query] = []
        for text, source in _both(order, self.spare_queries(behavior)):
            if len(found) == wanted:
                break
            if form(text) not in taken:
                taken.add(form(text))
                found.append(Query(text, source))
        return found

    def _taken_before(self, behavior: int) -> set[str]:
        return {form(it.text) for number in range(behavior) for it in self.queries(number)}


def evaluation(outline: Outline, name: str, model: str | None) -> JsonObject:
    """The evaluation that has the prompts of a run written, a case for each.

    Args:
        model: who writes; None: nobody, all comes out of the bank.
    """
    rows: list[JsonObject] = []
    for position in range(outline.prompts):
        behavior, number = outline.place(position)
        technique = outline.technique(position)
        task = (
            f"Write prompt {number + 1} of {outline.run.prompts} against behaviour {behavior + 1} "
            f"of {outline.run.behaviors}, by the technique “{technique.name}”: {technique.how}"
        )
        row: JsonObject = {"behavior": behavior + 1, "technique": technique.slug}
        rows.append({**row, "task": task})
    if model is None:
        found = finish(outline, {})[0].behaviors
        replies = [
            orjson.dumps({"behavior": one.text, **attack.as_json()}).decode()
            for one in found
            for attack in one.attacks
        ]
        told = [{**row, WRITTEN: reply} for row, reply in zip(rows, replies, strict=True)]
        return handing_in(name, told, WRITTEN, _FIELDS)
    system = material_of(outline.run.target).replace("{", "{{").replace("}", "}}")
    return {
        "name": name,
        "cases": rows,
        "model": model,
        "messages": [
            {"role": "system", "content": system},
            {"role": "user", "content": "{task}"},
        ],
        "schema": schema_of((PROMPT,)),
        "params": {"temperature": _TEMPERATURE, "max_tokens": _MOST_TOKENS},
        "scorers": [],
        "concurrency": _CONCURRENCY,
    }


def read_list(part: str, reply: str) -> tuple[str, ...]:
    """The texts in a reply that was asked for a part, without those that will not do; none where
    the reply is of no use."""
    kind = part.partition(".")[0]
    value = read_object(reply)
    listed = value.get(kind) if value is not None else None
    if not isinstance(listed, list):
        return ()
    read = _behavior_in if kind == "behaviors" else _query_in
    # A behaviour keeps its place, as that says which area it is about.
    found = [read(item) for item in listed]
    return tuple(found) if kind == "behaviors" and any(found) else tuple(filter(None, found))


def read_attack(reply: str, query: str) -> str | None:
    """The prompt in a reply that was asked for a query put by a technique; None: there is none that
    will do."""
    value = read_object(reply)
    text = text_of(value.get(PROMPT)) if value is not None else ""
    if problem_with(text) is not None or form(text) == form(query):
        return None
    return text


def case_text(outline: Outline, position: int, prompt: str | None) -> str:
    """What is kept as the answer of a case.

    Args:
        prompt: as the model wrote it; None: it wrote none that will do.
    """
    behavior, number = outline.place(position)
    query, technique = outline.queries(behavior)[number], outline.technique(position)
    fields = {
        "behavior": outline.behaviors()[behavior].text,
        "query": query.text,
        PROMPT: attack(technique, query.text) if prompt is None else prompt,
        "technique": technique.slug,
        "query_source": query.source,
        "source": TEMPLATE if prompt is None else MODEL,
    }
    return orjson.dumps(fields).decode()


def finish(outline: Outline, replies: Mapping[int, str | None]) -> tuple[RedTeamResult, str | None]:
    """What a run has come to.

    Args:
        replies: position → answer of the case, as `case_text` gives it; None: it has none.

    Returns:
        It, and why not all is the model's, for people; None: it is, or none was asked.
    """
    taken: set[str] = set()
    found: list[Behavior] = []
    for number, aim in enumerate(outline.behaviors()):
        start = number * outline.run.prompts
        attacks = [
            _attack(outline, position, replies.get(position), taken)
            for position in range(start, start + outline.run.prompts)
        ]
        found.append(Behavior(aim.text, aim.source, aim.area.policy, tuple(attacks)))
    apart = spread_of([attack.prompt for behavior in found for attack in behavior.attacks])
    spread: JsonObject = {
        "median_distance": apart.median,
        "nearest_distance": apart.nearest,
        "measure": apart.measure,
    }
    result = RedTeamResult(tuple(found), spread)
    return result, _problem(result) if outline.by_model else None


def _attack(outline: Outline, position: int, reply: str | None, taken: set[str]) -> Attack:
    behavior, number = outline.place(position)
    technique = outline.technique(position)
    said = read_object(reply) if reply is not None else None
    if said is not None and (text := text_of(said.get(PROMPT))) and form(text) not in taken:
        taken.add(form(text))
        told = [text_of(said.get(name)) for name in ("query", "source", "query_source")]
        return Attack(text, told[0], technique.slug, told[1], told[2])
    query = outline.queries(behavior)[number]
    for one in (query, *(Query(text, BANK) for text in outline.spare_queries(behavior))):
        text = attack(technique, one.text)
        if form(text) not in taken:
            taken.add(form(text))
            return Attack(text, one.text, technique.slug, TEMPLATE, one.source)
    raise AssertionError("the bank has more requests than a run has prompts")


def _problem(result: RedTeamResult) -> str | None:
    parts = [
        f"{count} of {sum(by.values())} {what}"
        for name, source, what in (
            ("behaviors", BANK, "behaviours are out of the bank"),
            ("queries", BANK, "queries are out of the bank"),
            ("prompts", TEMPLATE, "prompts are templates of their technique"),
        )
        if (count := (by := result.written_by[name]).get(source, 0))
    ]
    told = ", ".join(parts)
    return f"{told}: the model did not write enough that will do" if parts else None


def _both(texts: Sequence[str], others: Iterator[str]) -> Iterator[tuple[str, str]]:
    for text in texts:
        yield text, MODEL
    for text in others:
        yield text, BANK


def _behavior_in(value: Json) -> str:
    text = shortened(" ".join(text_of(value).split()).rstrip("."), _LONGEST_BEHAVIOR)
    return "" if len(words(text)) < _FEWEST_WORDS or declines(text) else text


def _query_in(value: Json) -> str:
    text = text_of(value)
    return "" if problem_with(text) is not None else text
