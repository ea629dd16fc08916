"""What a page lists under a title in both languages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TitledGroup[T]:
    """Entries of one title: guides on a shelf, collections of a theme."""

    title_zh: str
    title_en: str
    entries: tuple[T, ...]
