"""The properties that a feature measures, as far as an actor may see them, with their titles and units."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from layers.actor import Actor
from layers.catalog import Layer
from layers.read.visible_times import shows_property

_TOLD = "SELECT property, unit FROM twin.observation_now WHERE id = $1 ORDER BY property"


@dataclass(frozen=True, slots=True)
class ObservedSeries:
    """A property that is measured.

    Attributes
    ----------
    title_zh, title_en
        Of the field that shows it; its code where none does.
    unit
        In UCUM; None where neither the field nor a message named one.
    """

    code: str
    title_zh: str
    title_en: str
    unit: str | None


async def read_observed(
    connection: asyncpg.Connection, layer: Layer, actor: Actor, feature_id: str
) -> dict[str, ObservedSeries]:
    """Return the properties of a feature by code: those that fields of its layer show, and what it sent itself."""
    told = {row["property"]: row["unit"] for row in await connection.fetch(_TOLD, feature_id)}
    shown = {
        field.live.observed: field
        for field in reversed(layer.definition.fields)
        if field.live is not None and field.live.observed
    }
    plain = {
        str(field.live.observation): field
        for field in layer.definition.fields
        if field.live is not None and field.live.observation and field.live.take == "value" and not field.live.derives
    }
    found = {}
    for code in sorted({*told, *filter(None, shown)}):
        if not shows_property(layer, actor, code):
            continue
        field = plain.get(code)
        found[code] = ObservedSeries(
            code,
            field.title_zh if field else code,
            field.title_en if field else code,
            (field.unit if field else None) or told.get(code),
        )
    return found
