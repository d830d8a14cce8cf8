"""Markdown that says what was written, and nothing else."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from weighbridge.web.reporting.document import (
    Document,
    Estimate,
    Example,
    Head,
    Quote,
    Remark,
    Section,
    Table,
)
from weighbridge.web.reporting.markdown import fenced, inline, write

# Raw HTML is let through, so that it would be seen.
GFM = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "![x](https://evil.example/a.png)",
    "# heading",
    "- list",
    "+ list",
    "1. list",
    "1) list",
    "===",
    "---",
    "> quote",
    "```",
    "a | b | c",
    "**bold** _i_ ~~s~~ `c`",
    "&lt;b&gt;",
    "\\*",
    "line\n# break",
    "<!-- comment",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_a_paragraph_that_says_it(text: str) -> None:
    tokens = GFM.parse(inline(text))
    assert [it.type for it in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert {it.type for it in tokens[1].children or []} == {"text"}
    said = "".join(it.content for it in tokens[1].children or []).replace("\u200b", "")
    assert said == " ".join(text.split())


@given(st.text(max_size=60))
def test_no_text_becomes_anything_but_text(text: str) -> None:
    for token in GFM.parse(inline(text)):
        assert token.type in {"paragraph_open", "inline", "paragraph_close"}
        assert {it.type for it in token.children or []} <= {"text"}


def test_nobody_is_called_and_no_bare_address_is_a_link() -> None:
    written = inline("@octocat #12 https://evil.example www.evil.example")
    assert "@octocat" not in written
    assert "#12" not in written.replace("&#8203;", " ")
    assert "https:" not in written
    assert "www." not in written


def test_characters_that_turn_the_text_round_are_written_out() -> None:
    assert inline("a\u202eb") == "a‹right-to-left override›b"


@given(st.text(alphabet=st.sampled_from("`~\n <>a"), max_size=40))
def test_no_text_ends_its_own_fence(text: str) -> None:
    tokens = GFM.parse("\n".join([*fenced(text), "", "after"]))
    assert [it.type for it in tokens][:1] == ["fence"]
    assert [it.type for it in tokens][1:] == ["paragraph_open", "inline", "paragraph_close"]


def document(*blocks: object) -> Document:
    made = datetime(2026, 1, 2, tzinfo=UTC)
    sections = (Section("One", blocks),)  # type: ignore[arg-type]
    return Document("T | <b>", "sub", (("model", "a|b"),), sections, "name", made)


def test_all_that_a_document_holds_is_written() -> None:
    written = write(
        document(
            "words",
            Head("part"),
            Remark("beware", "warning"),
            Table(
                ("name", "n", "value"),
                [("x|y", 1200, Estimate(0.5, 0.25, 0.75)), ("z", 3, Estimate(None, None, None))],
            ),
            Quote("Asked", "# not a heading\n```\nx", 7),
            Example("Case 1", (("score", "0.5"),), (Quote("Answered", "<b>"),)),
        )
    )
    html = GFM.render(written)
    assert "<h1>T | &lt;b&gt;</h1>" in html
    assert "<td>x|y</td>" in html
    assert ">1,200</td>" in html
    assert "<td>0.500 [0.250, 0.750]</td>" in html
    assert "⚠ beware" in html
    assert "# not a heading\n```\nx" in html
    assert "7 characters more are left out" in html
    assert "<h4>Case 1</h4>" in html
    assert html.count("<table>") == 2
    assert "<b>" not in html


def test_sections_without_anything_are_left_out() -> None:
    assert "## One" not in write(document())
