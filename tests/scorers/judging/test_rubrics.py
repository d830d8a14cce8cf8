"""A rubric that is no good is refused with the path of what is wrong; a good one is found again."""

from typing import Any

import pytest

from weighbridge.scorers.judging.rubrics import builtin, digest, find_rubric, is_sentence
from weighbridge.scorers.options import OptionError

LEVELS = {"purpose": "p", "verdict": "levels"}
PASS_FAIL = {"purpose": "p", "verdict": "pass_fail"}
PAIR = {"purpose": "p", "verdict": "pair"}


def refused(rubric: Any) -> tuple[str, str]:
    with pytest.raises(OptionError) as caught:
        find_rubric(rubric)
    return caught.value.option, caught.value.problem


@pytest.mark.parametrize(
    ("rubric", "option", "said"),
    [
        ({}, "rubric.purpose", "required"),
        ({"purpose": "two\nlines", "verdict": "pass_fail"}, "rubric.purpose", "one line"),
        ({**LEVELS, "levels": []}, "rubric.levels", "at least two"),
        ({**LEVELS, "levels": [{"label": 1}]}, "rubric.levels", "at least two"),
        ({**LEVELS, "levels": [{"label": 1}, {}]}, "rubric.levels.1", "either `label` or `range`"),
        (
            {**LEVELS, "levels": [{"label": "A", "score": 1}, {"label": "a", "score": 2}]},
            "rubric.levels.1.label",
            "there twice",
        ),
        (
            {**LEVELS, "levels": [{"label": "A", "score": 1}, {"label": "B", "score": 1}]},
            "rubric.levels.1.score",
            "same score 1",
        ),
        ({**LEVELS, "levels": [{"label": "A"}, {"label": "B"}]}, "rubric.levels.0.score", "needs"),
        (
            {**LEVELS, "levels": [{"range": [1, 5]}, {"range": [4, 9]}]},
            "rubric.levels.1.range",
            "4 to 9 overlaps level 1 (1 to 5)",
        ),
        (
            {**LEVELS, "levels": [{"range": [5, 1]}]},
            "rubric.levels.0.range",
            "lowest number comes first",
        ),
        ({**LEVELS, "levels": [{"range": [0, 10**9]}]}, "rubric.levels.0.range", "more than"),
        (
            {**LEVELS, "levels": [{"range": [1, 3]}, {"label": "x", "score": 9}]},
            "rubric.levels",
            "both",
        ),
        (
            {"purpose": "p", "verdict": "pass_fail", "levels": [{"label": "good"}]},
            "rubric.levels.0.label",
            "`pass` and `fail`",
        ),
        (
            {"purpose": "p", "verdict": "pass_fail", "levels": [{"label": "pass", "score": 0}]},
            "rubric.levels.0.score",
            "worth 1",
        ),
        ({"purpose": "p", "verdict": "checklist"}, "rubric.items", "at least one"),
        (
            {
                "purpose": "p",
                "verdict": "checklist",
                "items": [{"name": "a", "asks": "?"}, {"name": "a", "asks": "?"}],
            },
            "rubric.items.1.name",
            "there twice",
        ),
        (
            {"purpose": "p", "verdict": "pass_fail", "items": [{"name": "a", "asks": "?"}]},
            "rubric.items",
            "checklist",
        ),
        (
            {"purpose": "p", "verdict": "pair", "levels": [{"label": 1}]},
            "rubric.levels",
            "no levels",
        ),
        (
            {
                "purpose": "p",
                "verdict": "pass_fail",
                "criteria": "{contxt}",
                "inputs": {"context": "c"},
            },
            "rubric.criteria",
            "did you mean `context`",
        ),
        (
            {"purpose": "p", "verdict": "pass_fail", "criteria": "x {"},
            "rubric.criteria",
            "never closed",
        ),
        (
            {
                "purpose": "p",
                "verdict": "pass_fail",
                "messages": [{"role": "user", "content": "x"}],
            },
            "rubric.messages",
            "`{answer}`",
        ),
        (
            {
                "purpose": "p",
                "verdict": "pass_fail",
                "messages": [{"role": "system", "content": "{answer}"}],
            },
            "rubric.messages.0.role",
            "user's",
        ),
        ({"purpose": "p", "verdict": "pass_fail", "normalize": True}, "rubric.normalize", "levels"),
        ({"purpose": "p", "verdict": "pass_fail", "inputs": {"a b": "c"}}, "rubric.inputs.a b", ""),
    ],
)
def test_what_is_wrong_is_said_with_its_path(rubric: Any, option: str, said: str) -> None:
    found, problem = refused(rubric)
    assert found == option
    assert said in problem


def test_one_score_for_two_choices_is_fine() -> None:
    levels = [{"label": "a", "score": 1}, {"label": "b", "score": 1}, {"label": "c", "score": 0}]
    rubric = find_rubric({"purpose": "p", "verdict": "choice", "levels": levels})
    assert rubric.scores() == {"a": 1.0, "b": 1.0, "c": 0.0}
    assert rubric.is_binary


def test_names_files_and_sentences_are_told_apart() -> None:
    assert refused("mine.yaml")[1].startswith("`mine.yaml` is a file")
    assert refused("../../etc/passwd")[1].startswith("a rubric's name")
    assert "did you mean `concise`" in refused("concize")[1]
    assert is_sentence("It must rhyme.")
    assert not is_sentence("a folder/mine.yaml")


@pytest.mark.parametrize("name", builtin())
def test_every_rubric_that_comes_along_is_good(name: str) -> None:
    assert len(digest(find_rubric(name))) == 64


def test_the_digest_follows_the_wording() -> None:
    assert digest(find_rubric("It must rhyme.")) != digest(find_rubric("It must scan."))
    assert digest(find_rubric("It must rhyme.")) == digest(find_rubric("It must rhyme."))
