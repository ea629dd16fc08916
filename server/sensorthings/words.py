"""The words of query options: names, values in quotes, numbers, times and signs, with their places."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from layers.errors import BadFilter

WordKind = Literal["text", "geography", "interval", "time", "number", "name", "sign", "end"]
_TIME = r"\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?"
_WORD = re.compile(
    rf"""\s*+(?:
    (?P<geography>geography'(?:''|[^'])*+')
  | (?P<text>'(?:''|[^'])*+')
  | (?P<interval>{_TIME}/{_TIME})
  | (?P<time>{_TIME})
  | (?P<number>-?(?:\d++(?:\.\d++)?|\.\d++)(?:[eE][+-]?\d++)?)
  | (?P<name>@?[A-Za-z_][\w.]*+(?:/@?[A-Za-z_][\w.]*+)*+)
  | (?P<sign>[(),;=$/-])
  )""",
    re.VERBOSE | re.ASCII,
)
_WORDS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Word:
    """A word: its kind, its text without quotes, and where it starts in the source."""

    kind: WordKind
    text: str
    start: int


def words_of(text: str, parameter: str) -> list[Word]:
    """Split a text into words; the last one is empty and of kind ``end``.

    Raises
    ------
    BadFilter
        When a character starts no word, a quote is not closed, or there are too many words.
    """
    words: list[Word] = []
    at, length = 0, len(text.rstrip())
    while at < length:
        match = _WORD.match(text, at)
        if match is None:
            raise BadFilter(
                f"{parameter} cannot be read at character {at + 1}, '{text[at : at + 20].strip()}': "
                "expected a name, a value in '…', a number, a time or an operator",
                parameter=parameter,
            )
        kind: WordKind = match.lastgroup  # type: ignore[assignment]  # the groups are named after the kinds
        words.append(Word(kind, _plain(kind, match[kind]), match.start(kind)))
        at = match.end()
        if len(words) > _WORDS_MAX:
            raise BadFilter(f"{parameter} has more than {_WORDS_MAX} words", parameter=parameter)
    return [*words, Word("end", "", length)]


def _plain(kind: WordKind, text: str) -> str:
    if kind in {"text", "geography"}:
        return text.removeprefix("geography")[1:-1].replace("''", "'")
    return text
