"""Units as people write them."""

from __future__ import annotations


def unit_text(ucum: str) -> str:
    """Return a UCUM unit as people write it: m2 is m², and {person} is empty, since the field's title says it.

    Examples
    --------
    >>> unit_text("m3/s")
    'm³/s'
    """
    if ucum.startswith("{") or ucum == "1":
        return ""
    return ucum.replace("2", "²").replace("3", "³").replace("Cel", "℃").replace("deg", "°")
