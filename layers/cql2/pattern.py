"""LIKE and the folding of text, for filters that are evaluated in memory."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

_MARKS = re.compile("[\u0300-\u036f]")


class Pattern:
    r"""A LIKE pattern: % is any run of characters, _ any one, \ takes the next as it is.

    Each piece between two % is searched once, from left to right: no pattern makes it slow.
    """

    def __init__(self, text: str) -> None:
        pieces: list[list[str]] = [[]]
        characters = iter(text)
        for character in characters:
            if character == "%":
                pieces.append([])
            else:
                literal = next(characters) if character == "\\" else character
                pieces[-1].append("." if character == "_" else re.escape(literal))
        compiled = [re.compile("".join(piece), re.DOTALL) for piece in pieces]
        self._first, self._others = compiled[0], compiled[1:-1]
        self._last = compiled[-1] if len(compiled) > 1 else None
        self._last_length = len(pieces[-1])

    def matches(self, text: str) -> bool:
        """Whether the whole text matches the pattern."""
        if self._last is None:
            return self._first.fullmatch(text) is not None
        begin = self._first.match(text)
        if begin is None:
            return False
        at = begin.end()
        for piece in self._others:
            found = piece.search(text, at)
            if found is None:
                return False
            at = found.end()
        tail = len(text) - self._last_length
        return tail >= at and self._last.fullmatch(text, tail) is not None


def _without_marks(text: str) -> str:
    return unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFD", text)))


FOLDS: dict[str, Callable[[str], str]] = {
    "casei": str.lower,
    "lower": str.lower,
    "upper": str.upper,
    "accenti": _without_marks,
}
