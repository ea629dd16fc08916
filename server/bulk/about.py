"""What a file says of the layer inside."""

from __future__ import annotations

from datetime import UTC, datetime

from layers.coordinates.crs import CRS84, Crs
from layers.definition import LayerDefinition

_TOLD = ("title_zh", "title_en", "description_zh", "description_en", "standard", "source", "attribution")


def about_layer(definition: LayerDefinition, crs: Crs = CRS84) -> dict[str, str]:
    """Return titles, source, licence (openness and attribution), and the moment in which the layer was read.

    A shifted datum is named here, where a file can name it nowhere else.
    """
    facts = {name: text for name in _TOLD if (text := getattr(definition, name))}
    synthetic = {"synthetic": "true"} if definition.synthetic else {}
    shifted = {} if crs.datum is None else {"datum": crs.datum}
    return {**facts, **synthetic, **shifted, "openness": definition.openness, "read_at": now()}


def now() -> str:
    """Return the moment, to the second, in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
