"""What a file says of the layer inside."""

from __future__ import annotations

from datetime import UTC, datetime

from layers.coordinates.crs import CRS84, Crs
from layers.definition import LayerDefinition

_TOLD = ("title_zh", "title_en", "description_zh", "description_en", "standard", "source", "attribution")


def about_layer(definition: LayerDefinition, crs: Crs = CRS84) -> dict[str, str]:
    """Return titles, source, licence (openness and attribution), and the moment in which the layer was read."""
    facts = {name: text for name in _TOLD if (text := getattr(definition, name))}
    synthetic = {"synthetic": "true"} if definition.synthetic else {}
    return {**facts, **synthetic, **about_datum(crs), "openness": definition.openness, "read_at": now()}


def about_datum(crs: Crs) -> dict[str, str]:
    """Return the name of a shifted datum, as a fact and as a member: a file can name it nowhere else."""
    return {} if crs.datum is None else {"datum": crs.datum}


def now() -> str:
    """Return the moment, to the second, in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
