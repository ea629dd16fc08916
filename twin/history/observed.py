"""The properties that a feature measures, as far as an actor may see them, with their titles and units."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from layers.actor import Actor
from layers.catalog import Layer
from layers.read.learned.times import shows_property, visible_times

_TOLD = (
    "SELECT property, unit, value_text IS NOT NULL AS is_text FROM twin.observation_now WHERE id = $1 ORDER BY property"
)


@dataclass(frozen=True, slots=True)
class ObservedSeries:
    """A property that is measured.

    Attributes
    ----------
    title_zh, title_en
        Of the field that shows it; its code where none does.
    unit
        In UCUM; None where neither the field nor a message named one.
    is_text
        Whether the newest value is a text; what never came is a number.
    """

    code: str
    title_zh: str
    title_en: str
    unit: str | None
    is_text: bool = False


async def read_observed(
    connection: asyncpg.Connection, layer: Layer, actor: Actor, feature_id: str
) -> dict[str, ObservedSeries]:
    """Return the properties of a feature by code: those that fields of its layer show, and what it sent itself."""
    told = {row["property"]: row for row in await connection.fetch(_TOLD, feature_id)}
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
        field, newest = plain.get(code), told.get(code)
        found[code] = ObservedSeries(
            code,
            field.title_zh if field else code,
            field.title_en if field else code,
            (field.unit if field else None) or (newest["unit"] if newest else None),
            bool(newest and newest["is_text"]),
        )
    return found


async def has_past(connection: asyncpg.Connection, layer: Layer, actor: Actor, feature_id: str) -> bool:
    """Whether there is a feature whose series an actor may see at some time."""
    if "\0" in feature_id:
        return False
    text, values = visible_times(layer, actor, feature_id, "").render()
    return bool(await connection.fetch(text, *values))
