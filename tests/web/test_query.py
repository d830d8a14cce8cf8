"""Addresses: what they ask for is read strictly, and changed without losing the rest."""

from enum import StrEnum

import pytest
from starlette.datastructures import QueryParams

from weighbridge.errors import Invalid
from weighbridge.web.query import Query


class Mode(StrEnum):
    ALL = "all"
    FEW = "few"


def query(text: str) -> Query:
    return Query(QueryParams(text))


def test_empty_fields_of_a_form_are_not_there() -> None:
    asked = query("status=&q=x")
    assert asked.text("status", "any") == "any"
    assert asked.choice("status", Mode) is None
    assert asked.text("q") == "x"


def test_a_word_that_is_not_on_offer_is_refused_with_those_that_are() -> None:
    assert query("mode=few").choice("mode", Mode) is Mode.FEW
    with pytest.raises(Invalid, match="all, few"):
        query("mode=some").choice("mode", Mode)


@pytest.mark.parametrize("text", ["x", "nan", "inf", "1e999"])
def test_a_number_is_finite(text: str) -> None:
    assert query("n=0.5").number("n") == 0.5
    with pytest.raises(Invalid, match="a number was expected"):
        query(f"n={text}").number("n")


@pytest.mark.parametrize("text", ["-1", "11", "1.0", "²", "x", "9" * 30])
def test_a_whole_number_is_within_its_bounds(text: str) -> None:
    assert query("n=10").whole("n", 3, most=10) == 10
    assert query("").whole("n", 3, most=10) == 3
    with pytest.raises(Invalid, match="0 to 10"):
        query(f"n={text}").whole("n", 3, most=10)


def test_an_endless_parameter_is_refused() -> None:
    with pytest.raises(Invalid, match="longer than"):
        query("q=" + "x" * 501).text("q")


def test_changes_keep_the_rest_in_its_order() -> None:
    asked = query("run=a&run=b&mode=all&cursor=c")
    assert asked.changed(mode="few", cursor=None) == [("run", "a"), ("run", "b"), ("mode", "few")]
