"""Markdown as HTML for the guides: headings with anchors, links that stay among the guides, and no raw HTML."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")
_CONTENTS_LEVELS = {"h2": 2, "h3": 3}

type Resolve = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a document: 2 or 3 deep, its anchor and its text."""

    level: int
    anchor: str
    text: str


@dataclass(frozen=True, slots=True)
class WrittenGuide:
    """A document as HTML, and its headings of the second and third level."""

    html: str
    headings: tuple[Heading, ...]


def write_html(text: str, resolve: Resolve) -> WrittenGuide:
    """Return Markdown as HTML.

    Parameters
    ----------
    text
        CommonMark with tables; raw HTML in it is shown as text.
    resolve
        Returns the address of a link or a picture as it is served; None where nothing is served, so that the words stay
        and the link goes.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    tokens = parser.parse(text)
    headings = _anchored(tokens)
    for token in tokens:
        if token.children:
            token.children = _resolved(token.children, resolve)
        if token.type == "table_open":
            token.attrSet("class", "rows")
    html = parser.renderer.render(tokens, parser.options, {})
    wide = html.replace("<table", '<div class="scroll wrap"><table').replace("</table>", "</table></div>")
    return WrittenGuide(wide.replace("<pre>", '<pre tabindex="0">'), headings)


def anchor_of(text: str) -> str:
    """Return the anchor of a heading, as GitHub makes it.

    Examples
    --------
    >>> anchor_of("`/live`: server-sent events")
    'live-server-sent-events'
    """
    return _NOT_IN_ANCHORS.sub("", text.strip().lower()).replace(" ", "-")


def _anchored(tokens: Sequence[Token]) -> tuple[Heading, ...]:
    """Give every heading an id, a second one of the same text a number, and return those of the table of contents."""
    headings, taken = [], dict[str, int]()
    for at, token in enumerate(tokens):
        if token.type != "heading_open":
            continue
        text = "".join(one.content for one in tokens[at + 1].children or ())
        anchor = anchor_of(text)
        count = taken.get(anchor, 0)
        taken[anchor] = count + 1
        anchor = f"{anchor}-{count}" if count else anchor
        token.attrSet("id", anchor)
        if token.tag in _CONTENTS_LEVELS:
            headings.append(Heading(_CONTENTS_LEVELS[token.tag], anchor, text))
    return tuple(headings)


def _resolved(children: list[Token], resolve: Resolve) -> list[Token]:
    kept, dropped = list[Token](), 0
    for token in children:
        if token.type == "image":
            kept.append(_picture(token, resolve))
        elif token.type == "link_open" and not _lead(token, resolve):
            dropped += 1
        elif token.type == "link_close" and dropped:
            dropped -= 1  # links do not lie in links
        else:
            kept.append(token)
    return kept


def _lead(token: Token, resolve: Resolve) -> bool:
    """Lead a link to where it is served; False where it leads nowhere."""
    target: Any = resolve(str(token.attrGet("href") or ""))
    if target is None:
        return False
    token.attrSet("href", target)
    if target.startswith(("http://", "https://")) and not token.attrGet("rel"):
        token.attrSet("rel", "noopener")
    return True


def _picture(token: Token, resolve: Resolve) -> Token:
    target = resolve(str(token.attrGet("src") or ""))
    if target is None:
        return Token("text", "", 0, content=token.content)
    token.attrSet("src", target)
    token.attrSet("loading", "lazy")
    return token
