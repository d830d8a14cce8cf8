"""The lines that differ between two texts, and those around them."""

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.differences import CONTEXT, Line, line_changes
from weighbridge.core.versions import Moved

lines = st.lists(st.sampled_from("abc"), max_size=30)


def shown(before: str, after: str) -> list[str]:
    mark = {Moved.ADDED: "+", Moved.REMOVED: "-", None: " "}
    return [f"{mark[line.how]}{line.text}" for line in line_changes(before, after)]


def test_what_was_removed_stands_before_what_came_for_it() -> None:
    assert shown("a\nb\nc\n", "a\nB\nc\n") == [" a", "-b", "+B", " c"]


def test_lines_far_from_a_change_are_left_out() -> None:
    text = "".join(f"{number}\n" for number in range(100))
    found = shown(text, text.replace("50\n", "").replace("90\n", "ninety\n"))
    assert found[: CONTEXT + 1] == [" 47", " 48", " 49", "-50"]
    assert len(found) == 2 * 2 * CONTEXT + 3


def test_a_last_line_without_an_end_is_another_line() -> None:
    assert shown("a", "a\n") == ["-a", "+a"]
    assert shown("a\r\n", "a\n") == ["-a\r", "+a"]


def test_all_of_a_new_or_removed_text_is_told() -> None:
    assert shown("", "a\n\nb") == ["+a", "+", "+b"]
    assert shown("a\nb\n", "") == ["-a", "-b"]
    assert line_changes("a", "a") == ()


def test_a_long_part_without_likeness_is_replaced_as_a_whole() -> None:
    before = "".join(f"{number % 50}\n" for number in range(30_000))
    after = "".join(f"{number % 51}\n" for number in range(30_000))
    found = line_changes(before, after)
    kinds = [line.how for line in found if line.how]
    assert kinds == sorted(kinds, key=[Moved.REMOVED, Moved.ADDED].index)
    assert kinds.count(Moved.ADDED) == kinds.count(Moved.REMOVED) > 29_000


@given(lines, lines)
def test_taking_the_changes_gives_the_text_after(before: list[str], after: list[str]) -> None:
    old, new = "\n".join(before), "\n".join(after)
    found = line_changes(old, new)
    removed = [line.text for line in found if line.how is Moved.REMOVED]
    added = [line.text for line in found if line.how is Moved.ADDED]
    # Whatever is not told stands on both sides.
    assert sorted(old.split("\n") + added) == sorted(new.split("\n") + removed) or not (old and new)
    assert bool(found) == (old != new)
    near = [line for line in found if line.how is None]
    assert len(near) <= 2 * CONTEXT * (len(found) - len(near))
    assert all(isinstance(line, Line) for line in found)
