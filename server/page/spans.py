"""Durations as people read them."""

from __future__ import annotations

_UNITS = ((86_400, " 天", " d"), (3_600, " 小时", " h"), (60, " 分", " min"), (1, " 秒", " s"))


def duration_text(seconds: float, *, english: bool) -> str:
    """Return a duration in its largest whole unit, below a second with one digit.

    Examples
    --------
    >>> duration_text(130, english=True)
    '2 min'
    """
    for size, zh, en in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)}{en if english else zh}"
    return f"{max(seconds, 0):.1f}{' s' if english else ' 秒'}"
