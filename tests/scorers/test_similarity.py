"""Similarity by edits is rapidfuzz's; by meaning it is the cosine of what a model says."""

import asyncio
import math
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz import fuzz
from rapidfuzz.distance import Indel, JaroWinkler, Levenshtein

from scorers.conftest import Grade
from weighbridge.core.case import Case
from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Answer, Failed, Outcome, Scored, Ungraded, Usage
from weighbridge.providers.base import CallFailed, ChatRequest, CompletionRequest, Embeddings, Reply
from weighbridge.scorers.options import OptionError
from weighbridge.scorers.panel import Panel
from weighbridge.scorers.references import normal_form
from weighbridge.scorers.similarity import Cosine, Edit, cosine_of

REFERENCE = {
    "levenshtein": Levenshtein.normalized_similarity,
    "indel": Indel.normalized_similarity,
    "jaro_winkler": JaroWinkler.normalized_similarity,
    "token_sort": lambda one, other: fuzz.token_sort_ratio(one, other) / 100,
    "token_set": lambda one, other: fuzz.token_set_ratio(one, other) / 100,
}
TEXTS = st.text(max_size=40) | st.lists(st.sampled_from(["new", "york", "Yankees"])).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(
    TEXTS, st.lists(TEXTS.filter(str.strip), min_size=1, max_size=3), st.sampled_from([*REFERENCE])
)
def test_edit_is_rapidfuzzs(grade: Grade, said: str, wanted: list[str], measure: Any) -> None:
    found = grade(Edit(measure), said, wanted)
    best = max(
        REFERENCE[measure](normal_form(said).strip(), normal_form(one).strip()) for one in wanted
    )
    assert found == Scored(pytest.approx(best, abs=1e-12))  # type: ignore[arg-type]


def test_known_distances(grade: Grade) -> None:
    assert grade(Edit(), "kitten", "sitting") == Scored(pytest.approx(1 - 3 / 7))  # type: ignore[arg-type]
    assert grade(Edit("jaro_winkler"), "MARTHA", "MARHTA").value == pytest.approx(0.9611, abs=1e-4)  # type: ignore[union-attr]
    assert grade(Edit("token_sort"), "b a", "a b") == Scored(1.0)
    assert grade(Edit("token_set"), "a b and more", "b a") == Scored(1.0)
    assert grade(Edit(ignore_case=True), "ABC", "abc") == Scored(1.0)
    assert grade(Edit(threshold=0.5), "kitten", "sitting").value == 1.0  # type: ignore[union-attr]


def test_long_texts_give_the_same_by_the_other_way_and_hold_nobody_up(grade: Grade) -> None:
    said = "abcdefghij" * 3_000
    wanted = said.replace("j", "x")
    longest = 0.0

    async def beat(done: asyncio.Event) -> None:
        nonlocal longest
        while not done.is_set():
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - before)

    async def both() -> Outcome:
        done = asyncio.Event()
        beating = asyncio.create_task(beat(done))
        found = await Edit().score(Answer(said), Case(0, "0", {}, wanted))
        done.set()
        await beating
        return found

    found = asyncio.run(both())
    assert isinstance(found, Scored)
    assert found.value == Levenshtein.normalized_similarity(said, wanted)
    assert longest < 2.0  # it was let go on at all; on a quiet machine it is 20 ms
    assert isinstance(grade(Edit(), "a" * 200_000, "b" * 100_000), Ungraded)


def test_a_comparison_of_long_texts_is_done_in_another_thread(
    monkeypatch: pytest.MonkeyPatch, grade: Grade
) -> None:
    threads = []

    def closest(*_: object) -> float:
        threads.append(threading.current_thread())
        return 1.0

    monkeypatch.setattr("weighbridge.scorers.similarity._closest", closest)
    grade(Edit(), "a" * 10_000, "a" * 10_000)
    grade(Edit(), "a", "a")
    assert threads[0] is not threading.main_thread()
    assert threads[1] is threading.main_thread()


class Embedder:
    """A model whose vectors a test knows."""

    name = "embedder"
    identity: JsonObject = {"protocol": "fake"}  # noqa: RUF012
    has_price = False

    def __init__(self, vectors: dict[str, Sequence[float]]) -> None:
        self.vectors = vectors
        self.asked: list[Sequence[str]] = []

    async def embed(self, texts: Sequence[str], *, timeout_s: float) -> Embeddings:
        self.asked.append(texts)
        if "break" in texts:
            failure = Failed("server_error", "no", 500)
            raise CallFailed(failure, retry=False, usage=Usage(calls=1))
        return Embeddings([self.vectors[text] for text in texts], Usage(len(texts), 0, None, 1))

    async def chat(self, request: ChatRequest, *, timeout_s: float) -> Reply:
        raise NotImplementedError

    async def complete(self, request: CompletionRequest, *, timeout_s: float) -> Reply:
        raise NotImplementedError


VECTORS = {"east": (1, 0), "north-east": (2, 2), "west": (-3, 0), "nothing": (0, 0)}


def judge(scorer: Cosine, said: str, target: Any) -> tuple[Outcome, Panel, Embedder]:
    model = Embedder(VECTORS)
    panel = Panel({scorer.model: model}, 1.0)
    found = asyncio.run(scorer.judge(Answer(said), Case(0, "0", {}, target), panel))
    return found, panel, model


def test_cosine_asks_once_and_takes_the_closest_reference() -> None:
    found, panel, model = judge(Cosine(), "east", ["west", "north-east"])
    assert isinstance(found, Scored)
    assert found.value == pytest.approx(math.sqrt(0.5))
    assert found.details == {"judge": "embedder"}
    assert len(model.asked) == panel.usage.calls == 1
    opposite, _, _ = judge(Cosine(), "east", "west")
    assert opposite == Scored(-1.0, details={"judge": "embedder"})


def test_negative_cosines_count_as_nothing_where_that_is_asked_for() -> None:
    for target, expected in (("west", 0.0), ("north-east", math.sqrt(0.5))):
        found, _, _ = judge(Cosine(clip=True), "east", target)
        assert isinstance(found, Scored)
        assert found.value == pytest.approx(expected)


def test_cosine_passes_by_its_threshold() -> None:
    scorer = Cosine(model="house", threshold=0.7)
    assert (scorer.asks, scorer.metric) == (("house",), "accuracy")
    assert judge(scorer, "east", "north-east")[0].value == 1.0  # type: ignore[union-attr]
    assert judge(scorer, "east", "west")[0].value == 0.0  # type: ignore[union-attr]
    with pytest.raises(OptionError, match="-1 to 1"):
        Cosine(threshold=2.0)


def test_what_has_no_direction_is_ungraded() -> None:
    for said, target in (("east", "nothing"), ("nothing", "east"), (" ", "east"), ("east", None)):
        assert isinstance(judge(Cosine(), said, target)[0], Ungraded)
    with pytest.raises(CallFailed):
        judge(Cosine(), "break", "east")


@given(
    st.integers(1, 8).flatmap(
        lambda n: st.tuples(*[st.lists(st.floats(-1e3, 1e3), min_size=n, max_size=n)] * 2)
    )
)
def test_the_cosine_is_numpys(pair: tuple[list[float], list[float]]) -> None:
    one, other = pair
    lengths = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    found = cosine_of(one, other)
    if found is None:
        assert lengths < 1e-300
    elif lengths > 1e-200:
        assert found == pytest.approx(float(np.dot(one, other)) / lengths, abs=1e-9)
        assert -1 <= found <= 1
