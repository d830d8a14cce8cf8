"""Every form in which a data set is published becomes the same case."""

from typing import Any

import pytest

from weighbridge.benchmarks.loaders import FORMATS, LeftOut, OtherFormat, renamed

QUESTION = "Which one is a bird?"
OPTIONS = ["a wren", "a carp"]
CASE = {
    "question": QUESTION,
    "options": OPTIONS,
    "choices": "A. a wren\nB. a carp",
    "letters": ["A", "B"],
    "label": 0,
    "answer": "a wren",
}
SCIENCE = {"id": "s1", **CASE}
LINES = "A. a wren\nB. a carp"
NESTED = [{"text": "a wren", "label": "1"}, {"text": "a carp", "label": "2"}]
PIQA = {"goal": QUESTION, "sol1": "a wren", "sol2": "a carp"}
GAP = "The cat ate the fish because the _ was hungry."
FISH = {"sentence": GAP, "option1": "cat", "option2": "fish"}
KEYLESS = {"question": QUESTION, "choices": {"text": OPTIONS, "label": ["A", "B"]}}
UNLABELLED = {"ctx": "A.", "endings": OPTIONS, "label": "", "activity_label": "B"}
GAPPED = {
    **CASE,
    "question": GAP,
    "options": ["cat", "fish"],
    "choices": "A. cat\nB. fish",
    "answer": "cat",
    "before": "The cat ate the fish because the ",
    "after": "was hungry.",
}
TRUE, FALSE = ["It melts.", "It gets soft."], ["It burns."]
GEN = {"question": "What does ice do?", "answer": TRUE, "incorrect": FALSE}
MC1 = {**CASE, "question": QUESTION}
BOOLQ = {
    "passage": "Wrens are birds.",
    "question": "is a wren a bird",
    "options": ["no", "yes"],
    "label": 1,
    "answer": "yes",
}
ASKED = {"passage": "Wrens are birds.", "question": "is a wren a bird"}
SUM = {"question": "1 + 1?", "solution": "1+1=<<1+1=2>>2\n#### 1,002", "answer": "1002"}
TOLD = {"prompt": "Say a.", "instruction_id_list": ["keywords:existence"]}


@pytest.mark.parametrize(
    ("name", "record", "case"),
    [
        ("choice", {"question": QUESTION, "options": OPTIONS, "answer": "A", "level": 3}, None),
        ("choice", {"question": QUESTION, "options": OPTIONS, "answer": 0, "level": 3}, None),
        ("choice", {"question": QUESTION, "options": LINES, "answer": "a wren", "level": 3}, None),
        (
            "choice",
            {"question": QUESTION, "options": {"B": "a carp", "A": "a wren"}, "answer": "a"},
            CASE,
        ),
        ("answer", {"question": " why? ", "answer": "x"}, {"question": "why?", "answer": "x"}),
        ("lettered", {"question": QUESTION, "options": LINES, "answer": "A. a wren"}, CASE),
        (
            "lettered",
            {"question": QUESTION, "options": LINES, "answer": "A. a wren", "passage": "Birds. "},
            {"passage": "Birds.", **CASE},
        ),
        ("mmlu", {"question": QUESTION, "choices": OPTIONS, "answer": 0, "subject": ""}, CASE),
        (
            "mmlu",
            {"question": QUESTION, "choices": OPTIONS, "answer": "A", "subject": "zoo"},
            {"subject": "zoo", **CASE},
        ),
        (
            "science",
            {"id": "s1", "question": {"stem": QUESTION, "choices": NESTED}, "answerKey": "1"},
            SCIENCE,
        ),
        (
            "science",
            {
                "id": "s1",
                "question_stem": QUESTION,
                "choices": {"text": OPTIONS, "label": ["A", "B"]},
                "answerKey": " A",
            },
            SCIENCE,
        ),
        (
            "hellaswag",
            {
                "ind": 4,
                "activity_label": "Bird",
                "ctx_a": "A wren [title] sits.",
                "ctx_b": "the wren",
                "endings": ["sings.", "[step] swims."],
                "label": "0",
            },
            {
                "id": "hellaswag-4",
                "question": "Bird: A wren.  sits. The wren".replace("  ", " "),
                "options": ["sings.", " swims."],
                "choices": "A. sings.\nB.  swims.",
                "letters": ["A", "B"],
                "label": 0,
                "answer": "sings.",
            },
        ),
        ("piqa", {**PIQA, "label": "0"}, CASE),
        (
            "winogrande",
            {"sentence": GAP, "option1": "cat", "option2": "fish", "answer": "1"},
            GAPPED,
        ),
        (
            "truthfulqa_mc1",
            {"question": QUESTION, "mc1_targets": {"choices": OPTIONS, "labels": [1, 0]}},
            MC1,
        ),
        (
            "truthfulqa_mc1",
            {"question": QUESTION, "mc1_targets": {"a wren": 1, "a carp": 0}},
            MC1,
        ),
        ("truthfulqa_mc1", {"question": QUESTION, "choices": OPTIONS, "expected_index": 0}, MC1),
        (
            "truthfulqa_gen",
            {
                "Question": GEN["question"],
                "Best Answer": TRUE[0],
                "Correct Answers": "It melts.; It gets soft.",
                "Incorrect Answers": "It burns.;",
                "Category": "",
            },
            GEN,
        ),
        (
            "truthfulqa_gen",
            {
                "question": GEN["question"],
                "best_answer": TRUE[0],
                "correct_answers": TRUE,
                "incorrect_answers": FALSE,
                "category": "Ice",
            },
            {"category": "Ice", **GEN},
        ),
        ("boolq", {**ASKED, "answer": True}, BOOLQ),
        ("boolq", {**ASKED, "answer": "True"}, BOOLQ),
        ("boolq", {**ASKED, "label": 1}, BOOLQ),
        (
            "logiqa",
            {"context": "Birds.", "question": QUESTION, "options": OPTIONS, "label": "a"},
            {"passage": "Birds.", **CASE},
        ),
        (
            "medqa",
            {"question": QUESTION, "options": {"A": "a wren", "B": "a carp"}, "answer_idx": "A"},
            CASE,
        ),
        (
            "medqa",
            {
                "id": "s1",
                "sent1": QUESTION,
                "sent2": "",
                "ending0": "a wren",
                "ending1": "a carp",
                "label": 0,
            },
            SCIENCE,
        ),
        ("gsm8k", {"question": "1 + 1?", "answer": SUM["solution"]}, SUM),
        (
            "asdiv",
            {"body": "Two birds.", "question": "How many?", "answer": "2 (birds)"},
            {"passage": "Two birds.", "question": "How many?", "answer": "2"},
        ),
        (
            "nq_open",
            {"question": "who sings?", "answer": ["a wren", ""]},
            {"question": "who sings", "answer": ["a wren"]},
        ),
        (
            "ifeval",
            {"key": 7, **TOLD, "kwargs": [{"keywords": ["a"], "num_words": None}]},
            {"id": "7", **TOLD, "kwargs": [{"keywords": ["a"]}]},
        ),
    ],
)
def test_a_record_becomes_this_case(
    name: str, record: dict[str, Any], case: dict[str, Any] | None
) -> None:
    found = FORMATS[name](record)
    if case is None:
        case = {**CASE, "level": 3}
    assert {key: found[key] for key in case} == case
    if name not in ("choice", "answer"):
        assert found.keys() == case.keys()


def test_every_format_is_among_these() -> None:
    parameters = next(
        mark.args[1]
        for mark in test_a_record_becomes_this_case.pytestmark  # type: ignore[attr-defined]
    )
    assert {name for name, *_ in parameters} == FORMATS.keys()


@pytest.mark.parametrize(
    ("name", "record", "said"),
    [
        (
            "science",
            {"question": QUESTION, "choices": {"text": OPTIONS, "label": ["A", "B"]}},
            "Key",
        ),
        (
            "science",
            {
                "question": QUESTION,
                "choices": {"text": OPTIONS, "label": ["A", "B"]},
                "answerKey": "C",
            },
            "none of the labels",
        ),
        (
            "hellaswag",
            {"ctx": "A.", "endings": OPTIONS, "label": "", "activity_label": "B"},
            "label",
        ),
        ("piqa", PIQA, "a file of their own"),
        ("piqa", {**PIQA, "label": 2}, "none of its options"),
        ("winogrande", {"sentence": "no gap", "option1": "a", "option2": "b"}, "no gap"),
        (
            "winogrande",
            {"sentence": GAP, "option1": "a", "option2": "b", "answer": ""},
            "no answer",
        ),
        ("choice", {"question": QUESTION, "options": OPTIONS, "answer": "a cat"}, "none of its"),
        ("choice", {"question": QUESTION, "options": ["one"], "answer": "A"}, "fewer than two"),
        ("choice", {"question": QUESTION, "options": ["one", " "], "answer": "A"}, "is empty"),
        ("choice", {"question": QUESTION, "options": ["x"] * 27, "answer": "A"}, "26 are the most"),
        ("choice", {"question": "", "options": OPTIONS, "answer": "A"}, "no text, or empty"),
        ("lettered", {"question": QUESTION, "options": "C. x\nD. y", "answer": "C. x"}, "in order"),
        ("lettered", {"question": QUESTION, "options": LINES, "answer": "wren"}, "no letter"),
        ("boolq", {**ASKED, "answer": "maybe"}, "neither true nor false"),
        ("boolq", {**ASKED, "answer": []}, "neither true nor false"),
        ("gsm8k", {"question": "1 + 1?", "answer": "2"}, "no line"),
        ("asdiv", {"body": "b", "question": "q", "answer": "3:4"}, "no number"),
        ("asdiv", {"body": "b", "question": "q", "answer": "Purple"}, "no number"),
        ("nq_open", {"question": "q", "answer": []}, "no answer"),
        ("answer", {"question": "q", "answer": None}, "no answer"),
        ("truthfulqa_mc1", {"question": "q", "mc1_targets": {"a": 1, "b": 1}}, "exactly one"),
    ],
)
def test_a_record_that_is_no_case_is_left_out_with_the_reason(
    name: str, record: dict[str, Any], said: str
) -> None:
    with pytest.raises(LeftOut, match=said):
        FORMATS[name](record)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_record_of_another_format_is_told_apart(name: str) -> None:
    with pytest.raises((OtherFormat, LeftOut)):
        FORMATS[name]({"something": "else"})
    if name not in ("piqa", "winogrande"):
        with pytest.raises(OtherFormat, match="there is no column"):
            FORMATS[name]({"something": "else"})


def test_columns_may_have_other_names() -> None:
    record = {"q": {"text": "why?"}, "a": "x"}
    assert renamed(record, {"question": "q.text", "answer": "a"}) == {
        **record,
        "question": "why?",
        "answer": "x",
    }
    with pytest.raises(OtherFormat, match=r"there is no column `q\.body`"):
        renamed(record, {"question": "q.body"})
