"""The Accept header (RFC 9110 12.5.1)."""

from __future__ import annotations

_PARTS_MAX = 20  # parts of a header that are read


def accepted_types(accept: str) -> list[str]:
    """Return the media types of an Accept header in lower case, the preferred one first.

    Types of weight 0 and of a weight that is no number are left out; parameters of a type are not compared.
    """
    ranked = sorted((_read_part(part) for part in accept.split(",")[:_PARTS_MAX]), key=lambda pair: -pair[0])
    return [kind for weight, kind in ranked if weight > 0]


def _read_part(part: str) -> tuple[float, str]:
    kind, *parameters = (p.strip().lower() for p in part.split(";"))
    weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
    try:
        return float(weight), kind
    except ValueError:
        return 0.0, kind
