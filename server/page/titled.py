"""What a page lists under a title in both languages."""

from __future__ import annotations

import re
from dataclasses import dataclass

from server.http.language import Language

_BOTH = re.compile(r"(?P<zh>.*[\u3000-\u9fff\uff00-\uffef])\s+(?P<en>[A-Za-z].*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TitledGroup[T]:
    """Entries of one title: guides on a shelf, collections of a theme."""

    title_zh: str
    title_en: str
    entries: tuple[T, ...]


def in_both(text: str) -> tuple[str, str]:
    """Return the Chinese and the English part of a text that has both, Chinese first; else the text twice.

    Examples
    --------
    >>> in_both("查地址 Search addresses")
    ('查地址', 'Search addresses')
    >>> in_both("李四")
    ('李四', '李四')
    """
    both = _BOTH.fullmatch(text)
    return (both["zh"], both["en"]) if both else (text, text)


def in_language(text: str, language: Language) -> str:
    """Return the part of a text in a language, as `in_both` finds it."""
    zh, en = in_both(text)
    return zh if language == "zh-CN" else en
