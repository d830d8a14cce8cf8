"""What anybody may have written is harmless on a page, and nothing of it is hidden."""

import re

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from weighbridge.web.hostile import LONGEST_RENDERED, markdown, preview, shown, visible

_TAGS = re.compile(r"<[^>]*>")


@given(st.text(max_size=200))
def test_no_text_makes_a_tag_or_an_entity_of_its_own(text: str) -> None:
    made = visible(text)
    without_marks = re.sub(
        r'<span class="control" title="[a-z0-9 -]+">U\+[0-9A-F]{4}</span>', "", made
    )
    assert not _TAGS.search(without_marks)
    assert isinstance(made, Markup)


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=200))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == escape(text)


def test_what_turns_the_direction_of_reading_is_written_out() -> None:
    assert "\u202e" not in visible("pay \u202e001 me")
    assert "U+202E" in visible("pay \u202e001 me")
    assert "right-to-left override" in visible("\u202e")
    assert "U+200B" in visible("zero\u200bwidth")


def test_line_ends_and_tabs_stay() -> None:
    assert visible("a\n\tb") == "a\n\tb"


def test_a_preview_is_one_line_however_long_the_text() -> None:
    made = preview("word\n" * 1_000_000)
    assert "\n" not in made
    assert len(made) < 200
    assert made.endswith("…")


def test_a_short_text_is_its_own_preview() -> None:
    assert preview("  a\n b ") == "a b"


def test_only_the_beginning_of_a_megabyte_is_shown() -> None:
    assert len(shown("x" * 1_000_000)) == 20_000


def test_markdown_is_rendered() -> None:
    made = markdown("# Title\n\n**bold** `code`\n\n| a | b |\n|---|---|\n| 1 | 2 |")
    assert "<h1>Title</h1>" in made
    assert "<strong>bold</strong>" in made
    assert "<td>1</td>" in made


def test_markdown_asks_no_other_host_and_runs_nothing() -> None:
    made = markdown(
        "![x](https://evil.example/p.png) <script>alert(1)</script> [a](javascript:alert(1)) "
        "[b](data:text/html,x) <img src=x onerror=alert(1)> [c](https://ok.example)"
    )
    assert "<img" not in made
    assert "<script" not in made
    assert 'href="javascript' not in made
    assert 'href="data' not in made
    assert 'rel="noopener noreferrer nofollow"' in made


@given(st.text(max_size=300))
def test_markdown_of_any_text_has_only_harmless_tags(text: str) -> None:
    for tag in re.findall(r"<\s*([a-zA-Z]+)", markdown(text)):
        assert tag.lower() not in {"script", "img", "iframe", "style", "svg", "object", "form"}
    assert "javascript:" not in "".join(re.findall(r'href="([^"]*)"', markdown(text))).lower()


def test_markdown_beyond_its_limit_is_shown_as_it_stands() -> None:
    assert "<h1>" not in markdown("# " + "x" * LONGEST_RENDERED)
