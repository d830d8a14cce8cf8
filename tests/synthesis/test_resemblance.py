"""How alike samples are to each other and to seeds, and how different."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.generation import novelty
from weighbridge.generation.replies import words
from weighbridge.synthesis.resemblance import Excerpt, WordCount, excerpt, resemblance

LETTERS = [
    "Dear bank, my credit card was stolen in Lisbon yesterday; please block it at once.",
    "Hello, I would like to know how high the interest on a mortgage of ten years is.",
    "To whom it may concern: the machine at the station kept my card and gave no money.",
    "Good morning, please close my savings account and send the rest to my new bank.",
]


def texts(*given_: str, of: str = "sample") -> list[Excerpt]:
    return [
        excerpt(f"{of}_{number}", text, words(text)) for number, text in enumerate(given_, start=1)
    ]


@pytest.fixture(params=["vectors", "trigrams"])
def measured(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With the table of words, and without."""
    if request.param == "trigrams":
        monkeypatch.setattr(novelty, "_vectors", lambda _: None)
    return novelty.BY_VECTORS if request.param == "vectors" else novelty.BY_LETTERS


def test_copies_and_near_copies_are_found(measured: str) -> None:
    samples = texts(
        *LETTERS,
        LETTERS[0].upper().replace(";", " -"),  # the same words
        LETTERS[1].replace("ten years", "six years"),
        "A letter about something else altogether, the weather in spring.",
    )
    seeds = texts("Something of its own about bonds.", LETTERS[2], of="seed")
    found, distance = resemblance(samples, seeds)
    among, against = found["among_samples"], found["against_seeds"]
    assert found["measure"] == measured
    assert among["exact"]["count"] == 1
    assert among["near"]["count"] == 1
    pairs = {(it["sample"], it["other"]): it["similarity"] for it in among["pairs"]}
    assert set(pairs) == {("sample_5", "sample_1"), ("sample_6", "sample_2")}
    assert pairs["sample_5", "sample_1"] == 1.0
    assert 0.9 <= pairs["sample_6", "sample_2"] < 1.0
    assert among["pairs"][0]["sample"] == "sample_5"
    assert against["exact"]["count"] == 1
    assert [(it["sample"], it["seed"]) for it in against["pairs"]] == [("sample_3", "seed_2")]
    assert among["exact"]["low"] < 1 / 7 < among["exact"]["high"]
    assert 0 < distance["samples"] < 1


def test_samples_of_their_own_have_no_copies(measured: str) -> None:
    found, _ = resemblance(texts(*LETTERS), [])
    assert found["among_samples"]["exact"]["count"] == 0
    assert found["among_samples"]["near"]["count"] == 0
    assert found["among_samples"]["pairs"] == []
    assert found["against_seeds"]["exact"]["share"] is None
    assert found["measure"] == measured


def test_what_is_usual_among_the_seeds_is_told_beside() -> None:
    seeds = texts(LETTERS[0], LETTERS[0], LETTERS[1], LETTERS[1] + " Thanks.", of="seed")
    found, distance = resemblance(texts("x"), seeds)
    assert found["among_seeds"]["exact"] == pytest.approx(
        {"count": 1, "share": 0.25, "low": 0.0456, "high": 0.6994, "level": 0.95}, abs=1e-4
    )
    assert found["among_seeds"]["near"]["count"] == 1
    assert distance["samples"] is None
    assert distance["seeds"] is not None


def test_nothing_is_compared_with_nothing() -> None:
    found, distance = resemblance([], [])
    assert found["among_samples"]["exact"]["share"] is None
    assert distance == {"samples": None, "seeds": None, "measure": ""}


@given(st.lists(st.sampled_from([*LETTERS, "", "!", "…"]), max_size=12), st.integers(0, 6))
def test_every_repeat_is_counted_once(drawn: list[str], seeds: int) -> None:
    given_ = texts(*drawn)
    found, _ = resemblance(given_[seeds:], given_[:seeds])
    count = found["among_samples"]["exact"]["count"]
    assert count == len(drawn[seeds:]) - len(set(drawn[seeds:]))
    known = set(drawn[:seeds])
    assert found["against_seeds"]["exact"]["count"] == sum(it in known for it in drawn[seeds:])


def test_the_mean_distance_is_that_of_all_pairs() -> None:
    samples, seeds = texts(*LETTERS), texts(*LETTERS[:2], "Bonds and shares.", of="seed")
    _, distance = resemblance(samples, seeds)
    for kind, part in (("samples", samples), ("seeds", seeds)):
        [(_, alike)] = novelty.Likenesses([it.form for it in part]).blocks()
        mean = 1 - alike[np.tril_indices(len(part), -1)].mean()
        assert distance[kind] == pytest.approx(mean, abs=1e-3)


def test_more_texts_than_a_block_are_compared_too() -> None:
    rng = np.random.default_rng(0)
    known = [f"word{number}" for number in range(4_000)]
    made = [" ".join(rng.choice(known, 12)) for _ in range(600)]
    samples = texts(*made[300:], made[310], made[0])
    found, _ = resemblance(samples, texts(*made[:300], of="seed"))
    assert found["among_samples"]["exact"]["count"] == 1
    assert found["against_seeds"]["exact"]["count"] == 1
    assert found["among_samples"]["pairs"][0]["other"] == "sample_11"
    assert found["against_seeds"]["pairs"][0]["seed"] == "seed_1"


def test_words_and_pairs_of_words_are_counted() -> None:
    count = WordCount(2)
    count.add(words("the cat and the dog"))
    count.add(words("The cat!"))
    assert count.distinct() == {
        "words": 7,
        "counted": 7,
        "vocabulary": 4,
        "distinct_1": 4 / 7,
        "distinct_2": 4 / 5,
    }
    assert count.distinct(2)["vocabulary"] == 2
    assert WordCount(0).distinct()["distinct_1"] is None
