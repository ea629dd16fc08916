"""Masks: the part of a personal value that an actor sees who may not see all of it."""

from __future__ import annotations

from layers.definition import Mask

_EXPRESSIONS: dict[Mask, str] = {
    "name": "left({0}, 1) || '**'",  # 张**
    "phone": "left({0}, 3) || '****' || right({0}, 4)",  # 138****1234
    "plate": "left({0}, 2) || '**' || right({0}, 3)",  # 粤A**123
}


def mask_column(mask: Mask, column: str) -> str:
    """Return the SQL of a masked column; the mask ``absent`` shows nothing and has no such SQL.

    Raises
    ------
    KeyError
        For the mask ``absent``: leave the field out instead.
    """
    return _EXPRESSIONS[mask].format(column)
