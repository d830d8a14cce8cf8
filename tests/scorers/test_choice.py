"""The letter an answer chooses is read as a careful person would."""

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.outcome import Outcome, Scored, Ungraded
from weighbridge.scorers.choice import Choice, option_texts, read_choice

Grade = Callable[..., Outcome]
TEXTS = {
    "A": "make more phone calls",
    "B": "quit eating lunch out",
    "C": "buy less with monopoly money",
    "D": "have lunch with friends",
}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        # only the letter
        ("B", "B"), ("b", "B"), ("(B)", "B"), ("B.", "B"), ("**B**", "B"), ("b)", "B"), ("A", "A"),
        ("Answer: B", "B"), ("answer: b)", "B"), ("Answer A", "A"), ("$\\boxed{\\text{D}}$", "D"),
        ("Answer:\n\nB", "B"), ("**Answer:** B", "B"), ("'C'", "C"), ("Option D", "D"),
        # only the text of an option
        ("quit eating lunch out", "B"), ("Quit eating lunch out.", "B"),
        # a statement; the last one counts
        ("The answer is B", "B"), ("The answer is: A", "A"), ("The answer is A because cows", "A"),
        ("The correct answer is (b) quit", "B"), ("the answer is a.", "A"),
        ("The answer is **(C)**.", "C"), ("The answer is \"B\"", "B"), ("I choose C.", "C"),
        ("Answer: **B. quit eating lunch out**", "B"), ("The best choice would be option D", "D"),
        ("Not A. Not B. So the answer is: D", "D"), ("#### B", "B"), ("Answer - C", "C"),
        ("Maybe the answer is A. No: the answer is B.", "B"), ("It is \\boxed{C}, I think", "C"),
        ("Let me think... A plant needs sun. Final answer: d", "D"),
        ("The right answer is therefore A, as calls", "A"), ("A dog walked. The answer is C.", "C"),
        ("I think that A is the best answer", "A"), ("Option A is correct, option B is wrong", "A"),
        ("A. no\nB. yes\nSo B is right", "B"),
        # the letter in front
        ("B. quit eating", "B"), ("B) quit", "B"), ("b) quit", "B"), ("B: quit", "B"),
        ("**B.** quit", "B"), ("B - quit", "B"), ("C\nBecause", "C"), ("B, because", "B"),
        ("(B) because (A) is silly", "B"), ("A. make more", "A"),
        # in brackets or bold
        ("I think it is (D)", "D"), ("(A) is wrong, (B) is right", "B"), ("Probably **C**", "C"),
        # the only option named, the only letter that stands alone
        ("A person should quit eating lunch out.", "B"), ("I would say B", "B"), ("It's B!", "B"),
        ("The answer is a good one: C", "C"), ("I'd pick A", "A"), ("<b>B</b>", "B"),
        # nothing that could be told
        ("", None), ("E", None), ("A dog", None), ("I", None), ("I do not know", None),
        ("The answer is not B", None), ("The answer is A dog", None), ("Answer: a dog", None),
        ("Both A and C", None), ("A, B and C are wrong", None), ("A. no\nB. yes", None),
        ("make more phone calls and quit eating lunch out", None),
    ],
)  # fmt: skip
def test_choices_are_read_like_this(answer: str, expected: str | None) -> None:
    assert read_choice(answer, "ABCD", TEXTS)[0] == expected


@given(
    st.sampled_from("ABCD"),
    st.sampled_from(
        [
            "{}", "({})", "{}.", "{})", "**{}**", "The answer is {}", "The answer is ({}).",
            "Answer: {}", "ANSWER: {}", "So the correct option is {}.", "\\boxed{{{}}}",
            "{}. some words", "{}) some words", "I am sure: ({})",
        ]
    ),
)  # fmt: skip
def test_common_forms_are_read_for_every_letter(letter: str, form: str) -> None:
    assert read_choice(form.format(letter), "ABCD", {})[0] == letter


@given(st.text(alphabet="ABCDIabcdi ().,:*[]{}\n'answer is not", max_size=60))
def test_what_is_read_is_always_on_offer(answer: str) -> None:
    letter, how = read_choice(answer, "ABC", {})
    assert letter in {None, "A", "B", "C"}
    assert how


@pytest.mark.parametrize("part", ["*", "answer is ", "(", "A ", "\n", "A. x\n", "\\boxed{", "**(A"])
def test_no_answer_takes_long_to_read(part: str) -> None:
    start = time.process_time()
    read_choice(part * (50_000 // len(part)), "ABCD", TEXTS)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "options",
    [
        ["red", "green"],
        ["A. red", "B. green"],
        {"A": "red", "B": "green"},
        {"text": ["red", "green"], "label": ["1", "2"]},
        "A. red\n B) green \n",
        "(A) red\n(B) green",
    ],
)
def test_options_may_stand_in_any_of_these_forms(options: object) -> None:
    texts = option_texts(options)  # type: ignore[arg-type]
    assert {letter: text.strip() for letter, text in texts.items()} == {"A": "red", "B": "green"}


@pytest.mark.parametrize("target", ["B", "b", "(B)", "B. quit eating lunch out", ["C", "B"], "B:"])
def test_a_reference_is_a_letter_alone_or_in_front(grade: Grade, target: object) -> None:
    outcome = grade(Choice(), "The answer is B", target)
    assert outcome == Scored(1.0, "B", "read B: the answer says so")
    assert grade(Choice(), "D", target) == Scored(
        0.0, "D", "read D: the answer is only this letter"
    )


def test_a_reference_may_be_the_text_of_an_option(grade: Grade) -> None:
    options = list(TEXTS.values())
    outcome = grade(Choice(options="o"), "B", "Quit eating lunch out", o=options)
    assert isinstance(outcome, Scored)
    assert outcome.value == 1


def test_a_number_as_reference_needs_to_know_where_counting_begins(grade: Grade) -> None:
    assert isinstance(grade(Choice(), "B", 1), Ungraded)
    for first, right in ((0, 1.0), (1, 0.0)):
        outcome = grade(Choice(first_number=first), "B", 1)
        assert isinstance(outcome, Scored)
        assert outcome.value == right


def test_letters_beyond_the_choices_are_not_read(grade: Grade) -> None:
    assert grade(Choice(choices=3), "D", "A") == Scored(
        0.0, None, "no choice can be read in the answer"
    )
    outcome = grade(Choice(choices=3), "A", "D")
    assert outcome == Ungraded("the reference `D` is none of the letters A to C")


def test_as_many_letters_count_as_there_are_options(grade: Grade) -> None:
    assert isinstance(grade(Choice(options="o"), "A", "C", o=["x", "y"]), Ungraded)


@pytest.mark.parametrize("target", [None, "", " ", [], [""], "the second", {"a": 1}])
def test_a_case_without_a_usable_reference_is_ungraded(grade: Grade, target: object) -> None:
    assert isinstance(grade(Choice(), "B", target), Ungraded)


def test_a_case_without_its_options_is_ungraded(grade: Grade) -> None:
    assert isinstance(grade(Choice(options="o"), "B", "B"), Ungraded)
    assert isinstance(grade(Choice(options="o"), "B", "B", o=5), Ungraded)


@pytest.mark.parametrize("options", [{"choices": 1}, {"choices": 27}, {"options": " "}])
def test_options_out_of_range_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Choice(**options)  # type: ignore[arg-type]
