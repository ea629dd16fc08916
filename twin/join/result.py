"""The result of the join of many points: one array a fact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from layers.types import Texts
from twin.join.metres import Lengths

type Lists = npt.NDArray[np.object_]  # a tuple of ids, often the empty one


@dataclass(frozen=True, slots=True)
class JoinedPoints:
    """The areas and surroundings of `n` points; all arrays are `[n]`.

    Attributes
    ----------
    area_code
        12 digits, with zeros for unknown tiers; None outside of every area.
    district, street, community
        6, 9 and 12 digits; None where unknown.
    grid_code, grid_match, grid_distance_m
        The one grid of a point, how it was found (``inside``, ``nearest`` or ``none``), and the distance to it: 0
        inside, NaN for none.
    urban_village_ids
        Every village that covers the point, in the order of their ids.
    waterway_id, chainage_m, bank, waterway_distance_m
        The nearest waterway within 100 m; None and NaN where there is none.
    video_point_ids
        The nearest three within 300 m, the nearest first.
    flood_risk_point_id
        The nearest within 200 m, or None.
    """

    area_code: Texts
    district: Texts
    street: Texts
    community: Texts
    grid_code: Texts
    grid_match: Texts
    grid_distance_m: Lengths
    urban_village_ids: Lists
    waterway_id: Texts
    chainage_m: Lengths
    bank: Texts
    waterway_distance_m: Lengths
    video_point_ids: Lists
    flood_risk_point_id: Texts

    def __len__(self) -> int:
        return len(self.area_code)

    def row(self, position: int) -> dict[str, object]:
        """Return the facts of one point by name, None for NaN."""
        found = {name: getattr(self, name)[position] for name in self.__dataclass_fields__}
        return {name: None if value is None or value != value else _plain(value) for name, value in found.items()}  # noqa: PLR0124  # NaN


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value
