"""What is measured of seeds: shares that add up, classes that hold what their names say, and traits
that hang together."""

import random
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from weighbridge.core.synthesis import Blueprint, Property
from weighbridge.synthesis.association import associations, conditions, cramers_v
from weighbridge.synthesis.binning import length_labels, number_labels, period_labels, shown_number
from weighbridge.synthesis.form import read_blueprint, write_blueprint
from weighbridge.synthesis.measuring import EMPTY, Measurement, Trait, measure
from weighbridge.synthesis.prose import count_words, laid_out_with, language_of
from weighbridge.synthesis.reading import SeedSample


def table(rows: Sequence[Mapping[str, Any]]) -> Measurement:
    return measure([SeedSample(f"sample_{at}", (), dict(row)) for at, row in enumerate(rows)])


def texts(*contents: str, ending: str = ".txt") -> Measurement:
    return measure(
        [
            SeedSample(f"{at}{ending}", ((f"{at}{ending}", text),), None)
            for at, text in enumerate(contents)
        ]
    )


def trait(measured: Measurement, name: str) -> Trait:
    return next(it for it in measured.traits if it.name == name)


cells = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**16), 10**16),
    st.integers(0, 5),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["a", "b", "C", "2024-05-01", "2024-13-99", "1e5", "007", "\x00", " ", "yes"]),
    st.text(max_size=40),
    st.lists(st.integers(), max_size=2),
)


# Laws


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["a", "b", "b ", "id", " ", "ä\x00"]), cells), min_size=1
    )
)
def test_whatever_a_table_holds_values_are_unique_and_percentages_add_up(
    rows: list[dict[str, Any]],
) -> None:
    measured = table(rows)
    names = [it.name for it in measured.traits]
    assert len(set(names)) == len(names)
    for it in measured.traits:
        assert len(set(it.values)) == len(it.values) > 1
        assert set(it.values) == set(it.labels) - {None}
        assert sum(it.shares.values()) == pytest.approx(100, abs=1e-9)
        assert len(it.labels) == len(rows)
    if measured.traits:
        made = Blueprint(
            "d", "", tuple(Property(it.name, it.values, it.shares) for it in measured.traits)
        )
        again = read_blueprint(write_blueprint(made))
        assert [it.values for it in again.properties] == [it.values for it in measured.traits]


@settings(deadline=None, max_examples=300)
@given(
    st.one_of(
        st.lists(st.integers(-(10**9), 10**9).map(float), min_size=1, max_size=80),
        st.lists(
            st.floats(-1e12, 1e12, allow_nan=False, allow_subnormal=False), min_size=1, max_size=80
        ),
    )
)
def test_numbers_fall_into_few_bins_in_their_order(numbers: list[float]) -> None:
    names, taken = number_labels(numbers)
    assert len(set(names)) == len(names) <= 5
    assert set(taken) == set(names)
    ranks = [names.index(label) for _, label in sorted(zip(numbers, taken, strict=True))]
    assert ranks == sorted(ranks)
    assert len(names) > 1 or len(set(numbers)) == 1


@settings(deadline=None)
@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=60))
def test_whole_numbers_are_what_the_name_of_their_bin_says(numbers: list[int]) -> None:
    _, taken = number_labels([float(it) for it in numbers])
    for number, label in zip(numbers, taken, strict=True):
        low, _, high = label.partition(" to ")
        assert int(low) <= number <= int(high or low)


@settings(deadline=None)
@given(st.lists(st.dates(), min_size=1, max_size=60))
def test_days_fall_into_few_periods_in_their_order(days: list[date]) -> None:
    names, taken = period_labels(days)
    assert len(names) <= 12
    ranks = [names.index(label) for _, label in sorted(zip(days, taken, strict=True))]
    assert ranks == sorted(ranks)


@settings(deadline=None)
@given(st.lists(st.integers(0, 5_000), min_size=1, max_size=60))
def test_lengths_fall_into_at_most_three_classes_in_their_order(lengths: list[int]) -> None:
    names, taken = length_labels(lengths, "words")
    assert len(names) <= 3
    assert set(taken) == set(names)
    ranks = [names.index(label) for _, label in sorted(zip(lengths, taken, strict=True))]
    assert ranks == sorted(ranks)


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(1, 200), min_size=3, max_size=3), min_size=2, max_size=5).map(
        np.array
    )
)
def test_the_chi_square_behind_an_association_is_that_of_scipy(counts: Any) -> None:
    v, p = cramers_v(counts)
    assert p == pytest.approx(chi2_contingency(counts, correction=False).pvalue, abs=1e-12)
    assert 0 <= v <= 1


# Columns


def test_a_column_with_few_values_is_a_property_with_the_percentages_of_the_rows() -> None:
    measured = table([{"mood": mood} for mood in ["calm"] * 12 + ["angry"] * 5 + ["sad"] * 3])
    found = trait(measured, "mood")
    assert found.values == ("calm", "angry", "sad")
    assert found.shares == {"calm": 60.0, "angry": 25.0, "sad": 15.0}


def test_rare_values_are_one_value_together() -> None:
    rows = ["a"] * 120 + ["b"] * 70 + ["c"] + ["d"] + ["e"] * 8
    found = trait(table([{"x": it} for it in rows]), "x")
    assert found.values[:3] == ("a", "b", "e")
    [rest] = found.values[3:]
    assert rest == "another one (c, d)"
    assert found.shares[rest] == 1.0


def test_numbers_are_in_classes_and_small_ranges_are_values() -> None:
    numbers = random.Random(1)
    rows = [
        {"price": f"{numbers.uniform(1, 900):.2f}", "stars": str(numbers.randint(1, 5))}
        for _ in range(200)
    ]
    measured = table(rows)
    assert trait(measured, "stars").values == ("1", "2", "3", "4", "5")
    price = trait(measured, "price")
    assert len(price.values) == 5
    assert all(13 <= share <= 27 for share in price.shares.values())
    assert " to under " in price.values[0]


def test_names_of_rows_are_no_property() -> None:
    rows = [
        {"n": str(at), "customer_id": f"{(at * 7919) % 10_007}", "who": f"person {at}", "x": at % 2}
        for at in range(50)
    ]
    assert [it.name for it in table(rows).traits] == ["x"]


def test_codes_with_leading_zeros_are_no_numbers() -> None:
    found = trait(table([{"code": it} for it in ["007", "7", "007", "7", "0"] * 4]), "code")
    assert set(found.values) == {"007", "7", "0"}


def test_dates_are_in_periods_of_a_fitting_length() -> None:
    days = [{"on": f"20{year:02}-0{1 + year % 9}-11"} for year in range(10, 20) for _ in range(5)]
    assert trait(table(days), "on").values[:2] == ("2010-02-11", "2011-03-11")
    many = [{"on": f"{2000 + at // 12}-{1 + at % 12:02}-11T08:00:00Z"} for at in range(100)]
    assert trait(table(many), "on").values[0] == "2000"


def test_empty_cells_are_a_value_and_columns_that_are_all_the_same_none() -> None:
    rows = [{"a": it, "b": "EUR", "c": None} for it in ["x", "y", None, "", "x", "y", "x", "x"]]
    measured = table(rows)
    assert trait(measured, "a").shares == {"x": 50.0, "y": 25.0, EMPTY: 25.0}
    assert [it.name for it in measured.traits] == ["a"]
    assert measured.common == {"b": "EUR"}
    assert measured.columns == ("a", "b", "c")


def test_longer_texts_in_a_column_are_measured_by_their_length() -> None:
    rows = [{"review": f"word{at} " * (5 if at % 2 else 60)} for at in range(40)]
    found = trait(table(rows), "review length")
    assert [it.partition(" ")[0] for it in found.values] == ["short", "long"]
    assert found.shares == dict.fromkeys(found.values, 50.0)


def test_files_that_hold_an_object_each_are_rows() -> None:
    measured = texts(*(f'{{"kind": "{kind}"}}' for kind in "ababa"), ending=".json")
    assert trait(measured, "kind").shares == {"a": 60.0, "b": 40.0}


# Texts


def test_texts_are_measured_by_length_language_and_layout() -> None:
    english = "The order that you have placed is on the way to you, and it was sent for free. "
    german = "Die Ware ist nicht bei mir angekommen, und ich werde auf eine Antwort warten. "
    letters = [
        (german if at % 4 == 0 else english) * (2 if at % 2 else 20)
        + ("\n- one\n- two\n" if at % 5 == 0 else "")
        for at in range(20)
    ]
    measured = texts(*letters)
    assert trait(measured, "language").shares == {"English": 75.0, "German": 25.0}
    assert trait(measured, "list").shares == {"without list": 80.0, "with list": 20.0}
    assert len(trait(measured, "length").values) == 3 - 1
    assert [it.name for it in measured.traits] == ["length", "language", "list"]


def test_folders_are_measured_by_the_number_of_their_files() -> None:
    samples = [
        SeedSample(f"f{at}", tuple((f"{n}.txt", "word " * 50) for n in range(1 + at % 2)), None)
        for at in range(6)
    ]
    measured = measure(samples)
    assert trait(measured, "number of files").shares == {"1": 50.0, "2": 50.0}


def test_what_all_texts_have_in_common_is_told_and_is_no_property() -> None:
    measured = texts(*["The cat and the dog sat on the mat, as they have been told to."] * 4)
    assert measured.traits == ()
    assert measured.common == {"length": "15 words", "language": "English"}


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("English", "This is the letter that we have sent to you, and it was not answered."),
        ("German", "Das ist der Brief, den wir Ihnen geschickt haben, und er wurde nicht gelesen."),
        (
            "French",
            "Nous avons une question pour vous, et la réponse est dans le dossier des achats.",
        ),
        (
            "Spanish",
            "No se puede abrir la puerta de la casa, pero el perro está en el jardín y come.",
        ),
        (
            "Italian",
            "Non ho ricevuto il pacco che è stato spedito, ma la fattura è già nella posta.",
        ),
        (
            "Dutch",
            "Ik heb het pakket niet ontvangen, maar er is wel een brief van de bank met het geld.",
        ),
        ("Russian", "Здравствуйте, я хочу узнать, где находится моя посылка."),
        ("Ukrainian", "Добрий день, я хочу дізнатися, де знаходиться моя посилка, її немає."),
        ("Japanese", "こんにちは、荷物がまだ届いていません。確認をお願いします。"),
        ("Chinese", "您好,我的包裹还没有收到,请帮我查询一下现在在哪里,谢谢您的帮助。"),
        ("Korean", "안녕하세요, 제 소포가 아직 도착하지 않았습니다. 확인 부탁드립니다."),
        (None, "12 345 67, ok"),
        (None, "Lorem ipsum dolor sit amet consectetur adipiscing elit sed eiusmod tempor"),
    ],
)
def test_a_language_is_told_by_script_and_frequent_words(language: str | None, text: str) -> None:
    assert language_of(text) == language


def test_words_and_layouts_are_counted_as_people_would() -> None:
    assert count_words("one two\nthree") == 3
    assert count_words("您好我的包裹还没有收到请") == 6
    assert laid_out_with("# Title\ntext", "headings")
    assert not laid_out_with("- a single dash", "list")
    assert [shown_number(it) for it in (3.0, 0.12345, 59687.4, -2.5)] == [
        "3",
        "0.1235",
        "59687",
        "-2.5",
    ]


# Associations


def two_columns(n: int, strength: float, seed: int) -> Measurement:
    """`b` says what `a` says, as often as `strength` (0 to 1), and is drawn otherwise."""
    chance = random.Random(seed)
    rows = []
    for _ in range(n):
        a = chance.choice("xyz")
        b = a.upper() if chance.random() < strength else chance.choice("XYZ")
        rows.append({"a": a, "b": b})
    return table(rows)


def test_planted_associations_are_found_with_the_shares_within_each_group() -> None:
    measured = two_columns(300, 0.8, seed=1)
    [found] = associations(measured.traits)
    assert (found.given, found.child) == (0, 1)
    assert found.v > 0.6
    none, told = conditions(measured.traits)
    assert none == ()
    assert [it.when for it in told] == [{"a": value} for value in measured.traits[0].values]
    rows = list(zip(measured.traits[0].labels, measured.traits[1].labels, strict=True))
    for it in told:
        group = [b for a, b in rows if a == it.when["a"]]
        assert sum(it.shares.values()) == pytest.approx(100)
        for value, share in it.shares.items():
            assert share == pytest.approx(100 * group.count(value) / len(group), abs=1e-3)


def test_independent_columns_are_not_taken_for_dependent() -> None:
    wrong = sum(bool(associations(two_columns(60, 0.0, seed=it).traits)) for it in range(400))
    assert wrong <= 8  # 1 in 100 at most, by chance a few more


def test_few_samples_tell_of_no_association() -> None:
    assert associations(two_columns(20, 1.0, seed=1).traits) == []


def test_values_that_few_samples_have_get_no_shares_of_their_own() -> None:
    rows = [{"a": "x", "b": "X"}] * 40 + [{"a": "y", "b": "Y"}] * 40 + [{"a": "z", "b": "X"}] * 9
    [_, told] = conditions(table(rows).traits)
    assert [it.when for it in told] == [{"a": "x"}, {"a": "y"}]


def test_samples_of_which_a_trait_is_not_known_do_not_count() -> None:
    labels = ("x", "y") * 30
    seen = Trait("seen", ("p", "q"), (*(("p", "q") * 20), *([None] * 20)), "")
    [_, told] = conditions([Trait("a", ("x", "y"), labels, ""), seen])
    assert told[0].shares == {"p": 100.0, "q": 0.0}
