"""The techniques of attack, and the form of their file."""

import pytest

from weighbridge.errors import InvalidFields
from weighbridge.suites.techniques import parse_techniques, techniques
from weighbridge.suites.texts import FAMILIES

GOOD = """\
techniques:
  - slug: role_play
    name: Role play
    family: identity_manipulation
    description: It is given a part.
    how: give it a part.
    template: "You are Orla. {request}"
"""


def test_there_are_a_dozen_techniques_and_more_of_every_family() -> None:
    assert len(techniques()) >= 12
    assert {it.family for it in techniques()} == set(FAMILIES)
    assert len({it.slug for it in techniques()}) == len(techniques())


@pytest.mark.parametrize(
    ("old", "new", "field", "said"),
    [
        ("{request}", "it", "techniques.0.template", "the request must stand in it"),
        ("{request}", "{requst}", "techniques.0.template", "did you mean `request`"),
        ("{request}", "{first}", "techniques.0.template", "go together"),
        ("identity_manipulation", "identity", "techniques.0.family", "no family"),
        ("slug: role_play", "slug: Role", "techniques.0.slug", "pattern"),
        ("    name: Role play\n", "", "techniques.0.name", "required"),
        ("    how:", "    who: x\n    how:", "techniques.0.who", "did you mean `how`"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_field(
    old: str, new: str, field: str, said: str
) -> None:
    with pytest.raises(InvalidFields) as caught:
        parse_techniques(GOOD.replace(old, new), "mine.yaml")
    assert [it.field for it in caught.value.problems] == [field]
    assert said in caught.value.problems[0].message


def test_a_technique_must_not_be_there_twice() -> None:
    twice = GOOD + GOOD.removeprefix("techniques:\n")
    with pytest.raises(InvalidFields, match=r"`role_play` is there twice"):
        parse_techniques(twice, "mine.yaml")


def test_a_file_that_is_no_object_is_refused() -> None:
    with pytest.raises(InvalidFields, match="techniques"):
        parse_techniques("- a", "mine.yaml")
