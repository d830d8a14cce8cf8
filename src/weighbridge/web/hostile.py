"""Text that anybody may have written, made harmless and visible: answers, prompts, data, names.

The templates escape everything by themselves. What is left is text that means mischief without any
tag: control characters that turn the direction of reading round, megabytes in one line, Markdown
with addresses of other hosts.
"""

import re
import unicodedata

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

LONGEST_SHOWN = 20_000
"""Characters of a text that a page shows; the rest is had as a file."""
LONGEST_RENDERED = 100_000
"""Characters of a text whose Markdown is rendered: beyond, it is shown as it stands."""

_MOST_MARKS = 1_000
"""Characters that are written out one by one: a text of nothing else would be a page of
megabytes."""
_MOST_MARKS_OF_A_LINE = 10

_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
_TAGS = {
    *("a", "p", "br", "hr", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}


def visible(text: str | None, most_marks: int = _MOST_MARKS) -> Markup:
    """A text with its invisible and direction-turning characters written out, as a mark each.

    Args:
        most_marks: what there is beyond so many of them has a replacement character in their place.
    """
    if not text:
        return Markup("")
    # What is put in between is made of names of characters only.
    pieces: list[Markup] = []
    end = 0
    for number, found in enumerate(_CONTROL.finditer(text)):
        if number == most_marks:
            rest = _CONTROL.sub("\ufffd", text[end:])
            return Markup("").join([*pieces, escape(rest)])
        character = found[0]
        name = unicodedata.name(character, "control character")
        pieces += (
            escape(text[end : found.start()]),
            Markup('<span class="control" title="{}">U+{}</span>').format(
                name.lower(), f"{ord(character):04X}"
            ),
        )
        end = found.end()
    return Markup("").join([*pieces, escape(text[end:])])


def is_control(character: str) -> bool:
    """Whether a character is invisible or turns the direction of reading; line ends do not."""
    return _CONTROL.fullmatch(character) is not None


def preview(text: str | None, longest: int = 160) -> Markup:
    """The beginning of a text in one line, for a cell of a table."""
    if not text:
        return Markup("")
    # Not the whole of a megabyte is looked at for a line of a table.
    line = " ".join(text[: longest * 8].split())
    if len(line) > longest or len(text) > longest * 8:
        line = line[:longest].rstrip() + "…"
    return visible(line, _MOST_MARKS_OF_A_LINE)


def shown(text: str | None, longest: int = LONGEST_SHOWN) -> Markup:
    """A text as a page shows it: its beginning where it is very long."""
    return visible((text or "")[:longest])


def markdown(text: str | None) -> Markup:
    """The Markdown that a model wrote, as harmless HTML: no images, which would ask other hosts, no
    HTML of its own, and links only to http, https and mailto, which tell nobody whence they came.
    """
    if not text:
        return Markup("")
    if len(text) > LONGEST_RENDERED:
        return shown(text)
    html = nh3.clean(
        _MARKDOWN.render(_CONTROL.sub("\ufffd", text)),
        tags=_TAGS,
        attributes={"a": {"href", "title"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return Markup(html)  # noqa: S704 (cleaned just now)
