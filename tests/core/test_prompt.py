"""Templates put values in the places of columns, and interpret nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.prompt import Template

names = st.text(min_size=1, max_size=8).filter(
    lambda name: name.strip() and not {"{", "}"} & set(name)
)


def test_a_column_is_replaced_by_its_value() -> None:
    assert Template("Q: {q}\nA:").render({"q": "why?"}) == "Q: why?\nA:"


def test_column_names_are_taken_literally() -> None:
    template = Template("{a b}{c.d}{e-f}{g[0]}{h!r}{i:>9}")
    assert template.columns == ("a b", "c.d", "e-f", "g[0]", "h!r", "i:>9")
    row = {"a b": "1", "c.d": "2", "e-f": "3", "g[0]": "4", "h!r": "5", "i:>9": "6"}
    assert template.render(row) == "123456"


def test_attributes_of_values_cannot_be_reached() -> None:
    with pytest.raises(KeyError):
        Template("{q.__class__}").render({"q": "x"})


def test_doubled_braces_are_braces() -> None:
    assert Template('{{"a": {a}}}').render({"a": "1"}) == '{"a": 1}'


def test_per_cent_signs_stay() -> None:
    assert Template("100% %s %(a)s {a}%").render({"a": "%d"}) == "100% %s %(a)s %d%"


@pytest.mark.parametrize(
    ("value", "shown"),
    [("x", "x"), (None, ""), (True, "true"), (1.5, "1.5"), (7, "7"), (["a", 1], '["a",1]')],
)
def test_values_other_than_text_are_written_as_json(value: object, shown: str) -> None:
    assert Template("<{a}>").render({"a": value}) == f"<{shown}>"  # type: ignore[dict-item]


def test_each_column_is_named_once_in_order_of_appearance() -> None:
    assert Template("{b}{a}{b}").columns == ("b", "a")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "never closed.*column 1 "),
        ("ab}", "never opened.*column 3 "),
        ("a\nb {x", "never closed.*line 2, column 3 "),
        ("{}", "no column name.*column 1 "),
        ("{ }", "no column name"),
        ("{a{b}}", "never closed"),
    ],
)
def test_a_malformed_brace_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Template(text)


@given(st.text())
def test_any_text_survives_when_its_braces_are_doubled(text: str) -> None:
    assert Template(text.replace("{", "{{").replace("}", "}}")).render({}) == text


@given(st.dictionaries(names, st.text(), min_size=1))
def test_rendering_joins_literal_text_and_values(row: dict[str, str]) -> None:
    template = Template("|".join(f"{{{name}}}" for name in row))
    assert template.render(row) == "|".join(row.values())
    assert template.columns == tuple(row)
