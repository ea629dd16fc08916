"""A message with the areas it lies in."""

from __future__ import annotations

from dataclasses import dataclass

from twin.envelope.message import Message


@dataclass(frozen=True, slots=True)
class PlacedMessage:
    """A message, and what the join found where it lies.

    Attributes
    ----------
    grid_code, area_code
        Of the one grid and area it belongs to; None outside of all of them.
    urban_village_ids
        Every village that covers the place.
    waterway_id
        The nearest waterway within reach; None without one.
    """

    message: Message
    grid_code: str | None
    area_code: str | None
    urban_village_ids: tuple[str, ...]
    waterway_id: str | None
