"""The scanner of CQL2 text: its words, with their positions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from layers.cql2.limits import PARAMETER, FilterLimits, too_large
from layers.errors import BadFilter

TokenKind = Literal["geometry", "string", "quoted", "number", "name", "symbol", "end"]

_TOKEN = re.compile(
    r"""\s*+(?:
    (?P<geometry>(?i:(?:multi)?(?:point|linestring|polygon)|geometrycollection)\s*+(?i:zm|z|m)?\s*+(?=\(|(?<=\s)(?i:empty)\b))
  | (?P<string>'(?:''|[^'])*+')
  | (?P<quoted>"(?:""|[^"])*+")
  | (?P<number>(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?)
  | (?P<name>[^\W\d][\w:]*+(?:\.[\w:]++)*+)
  | (?P<symbol><>|<=|>=|!=|[-+*/%^=<>(),\[\]])
  )""",
    re.VERBOSE,
)
_PARENTHESIS = re.compile(r"[()]")
_EMPTY = re.compile(r"[a-z]++\s*+(?:zm|z|m)?\s*+empty\b", re.IGNORECASE | re.ASCII)
_WKT_DEPTH = 6  # a collection of multipolygons needs 4; GEOS recurses over deeper ones


@dataclass(frozen=True, slots=True)
class Token:
    """A word: its kind, its text as written, and where it starts and ends in the source."""

    kind: TokenKind
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """The text in lower case when it is a name, for keywords; else empty."""
        return self.text.lower() if self.kind == "name" else ""


def scan(text: str, limits: FilterLimits) -> list[Token]:
    """Split CQL2 text into words; the last one is an empty word of kind ``end``.

    Raises
    ------
    BadFilter
        When a character starts no word, or a quote is not closed.
    """
    tokens = []
    position, length = 0, len(text.rstrip())
    while position < length:
        match = _TOKEN.match(text, position)
        if match is None:
            raise _stray(text, position)
        kind: TokenKind = match.lastgroup  # type: ignore[assignment]  # the groups are named after the kinds
        start = match.start(kind)
        position = _end_of_geometry(text, start) if kind == "geometry" else match.end()
        tokens.append(Token(kind, text[start:position], start, position))
        if len(tokens) > limits.nodes:
            raise too_large("words", limits.nodes)
    return [*tokens, Token("end", "", len(text), len(text))]


def fault(token: Token, expected: str) -> BadFilter:
    """Return the error for an unexpected word, to be raised."""
    excerpt = f"'{token.text[:40]}'" if token.text else "the end"
    return BadFilter(
        f"the filter cannot be read at character {token.start + 1}, {excerpt}: expected {expected}", parameter=PARAMETER
    )


def _end_of_geometry(text: str, start: int) -> int:
    """Return the end of a WKT literal: its own closing parenthesis, or the word EMPTY."""
    empty = _EMPTY.match(text, start)
    if empty is not None:
        return empty.end()
    depth = 0
    for match in _PARENTHESIS.finditer(text, start):
        depth += 1 if match[0] == "(" else -1
        if depth > _WKT_DEPTH:
            break
        if depth == 0:
            return match.end()
    raise fault(Token("geometry", text[start : start + 20], start, start), "a geometry with all its parentheses closed")


def _stray(text: str, position: int) -> BadFilter:
    start = position + len(text[position:]) - len(text[position:].lstrip())
    character = text[start]
    if character in "'\"":
        return fault(Token("symbol", text[start : start + 40], start, start), f"a closing {character}")
    return fault(Token("symbol", character, start, start), "a name, a value or an operator")
