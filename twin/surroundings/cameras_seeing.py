"""Which cameras see a place: within reach, turned to it, and with nothing in the way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import asyncpg
import numpy as np

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.coordinates.crs import ELLIPSOID
from layers.coordinates.district_crs import to_metres
from layers.errors import BadInput, TooMuch
from layers.read.rights import rights_at
from layers.types import Json
from twin.surroundings.computed import ComputedFeatures
from twin.surroundings.places import FeaturePlaces, read_places
from twin.surroundings.sight_line import Blocked, first_blocks, read_obstacles
from twin.surroundings.spot import Spot

CAMERAS = "video_points"
SIGHT_M_MAX = 2_000.0
CAMERAS_MAX = 500
EYE_M, HEIGHT_M_MAX = 6.0, 1_000.0
"""The height of a camera whose own is not known."""
RANGE_M = {"1": 200.0, "2": 80.0, "3": 60.0, "4": 200.0}
"""The reach of a camera whose own is not known, by type; `domain.md` 2.3."""
_RANGE_M_ELSE = 80.0
_TURNABLE = frozenset({"1", "4"})  # dome PTZ, remote bullet
OFF = frozenset({"offline", "fault"})
_OCTANTS = {"1": 90.0, "2": 270.0, "3": 180.0, "4": 0.0, "5": 135.0, "6": 45.0, "7": 225.0, "8": 315.0}
_OCTANT_HALF = 22.5
CAMERA_VALUES = (
    ("azimuth_deg", "float8"),
    ("ptz_home_azimuth", "float8"),
    ("direction_type", "text"),
    ("hfov_deg", "float8"),
    ("range_m", "float8"),
    ("mount_height_m", "float8"),
    ("camera_type", "text"),
    ("online_status", "text"),
)

type SightReason = Literal[
    "in_view", "out_of_range", "out_of_view", "blocked", "view_unknown", "place_rough", "height_unknown", "offline"
]


@dataclass(frozen=True, slots=True)
class CameraView:
    """How a camera is mounted and turned; None where it is not known, or hidden from the reader.

    Attributes
    ----------
    azimuth_deg
        Clockwise from true north.
    doubt_deg
        The azimuth may be wrong by so much: it is known by one of eight directions alone.
    """

    azimuth_deg: float | None
    doubt_deg: float
    hfov_deg: float | None
    range_m: float
    eye_m: float
    turns: bool
    status: str | None

    @classmethod
    def of(cls, values: Sequence[object]) -> CameraView:
        """Return the view of a row of values."""
        azimuth, home, octant, hfov, reach, mount, kind, status = values
        turns = kind in _TURNABLE
        known = azimuth if azimuth is not None else home if turns else None
        by_octant = None if known is not None else _OCTANTS.get(str(octant))
        return cls(
            _number(known) if by_octant is None else by_octant,
            0.0 if by_octant is None else _OCTANT_HALF,
            _number(hfov),
            _number(reach) or RANGE_M.get(str(kind), _RANGE_M_ELSE),
            _number(mount) or EYE_M,
            turns,
            None if status is None else str(status),
        )

    def looks(self, bearing_deg: float, distance_m: float) -> SightReason:
        """Return whether the camera is turned to a place, and the place within its reach."""
        if distance_m > self.range_m:
            return "out_of_range"
        if self.hfov_deg is not None and self.hfov_deg >= 360:
            return "in_view"
        if self.azimuth_deg is None or self.hfov_deg is None:
            return "view_unknown"
        off_deg = abs((bearing_deg - self.azimuth_deg + 180) % 360 - 180)
        if off_deg <= self.hfov_deg / 2 - self.doubt_deg:
            return "in_view"
        return "view_unknown" if off_deg <= self.hfov_deg / 2 + self.doubt_deg and self.doubt_deg else "out_of_view"


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


@dataclass(frozen=True, slots=True)
class Sight:
    """A question for cameras.

    Attributes
    ----------
    max_m
        Geodesic metres from the place.
    target_height_m
        Of what should be seen, above the ground.
    occlusion
        Whether buildings hide.

    Raises
    ------
    BadInput, TooMuch
        When a number is not within its limits.
    """

    max_m: float
    target_height_m: float = 1.0
    occlusion: bool = True

    def __post_init__(self) -> None:
        if not self.max_m > 0:
            raise BadInput(f"max_m is {self.max_m:g}; allowed are more than 0 up to {SIGHT_M_MAX:g}", parameter="max_m")
        if self.max_m > SIGHT_M_MAX:
            raise TooMuch(f"max_m is {self.max_m:g}; at most {SIGHT_M_MAX:g} is searched", parameter="max_m")
        if not 0 <= self.target_height_m <= HEIGHT_M_MAX:
            raise BadInput(
                f"target_height_m is {self.target_height_m:g}; allowed are 0 to {HEIGHT_M_MAX:g}",
                parameter="target_height_m",
            )


async def cameras_seeing(
    connection: asyncpg.Connection, catalog: Catalog, actor: Actor, layer: Layer, spot: Spot, sight: Sight
) -> tuple[ComputedFeatures, Layer | None]:
    """Return the cameras around a place with whether they see it; and the layer of buildings that was read.

    First those that see it, then those that can turn to it, those that do not, those of which it is not known; last
    those that are off. Equal ones are in the order of their distances, then of their ids.
    """
    places = await read_places(
        connection, layer, actor, spot, limit=CAMERAS_MAX, within_m=sight.max_m, values=CAMERA_VALUES
    )
    is_exact = all(case.geometry == "full" for case in rights_at(layer, actor).cases)
    views = [CameraView.of(values) for values in places.values]
    bearing = _bearings(places, spot)
    looks: list[SightReason] = [
        view.looks(bearing[n], places.distance_m[n]) if is_exact else "place_rough" for n, view in enumerate(views)
    ]
    aimed = [n for n, look in enumerate(looks) if look == "in_view" or (look == "out_of_view" and views[n].turns)]
    blocks: dict[int, Blocked | None] = {}
    buildings = None
    if sight.occlusion and aimed:
        eyes_m, place_m = to_metres(places.lonlat[aimed]), to_metres(np.array([[spot.lon, spot.lat]]))
        obstacles, buildings = await read_obstacles(connection, catalog, actor, eyes_m, place_m)
        heights = np.array([views[n].eye_m for n in aimed])
        found = await asyncio.to_thread(first_blocks, obstacles, eyes_m, heights, place_m, sight.target_height_m)
        blocks = dict(zip(aimed, found, strict=True))
    facts = [_facts(views[n], looks[n], blocks.get(n), places.distance_m[n], bearing[n]) for n in range(len(places))]
    order = sorted(range(len(places)), key=lambda n: (facts[n][0], places.distance_m[n], places.ids[n]))
    return ComputedFeatures(
        (layer.id,) * len(order),
        tuple(places.ids[n] for n in order),
        tuple(facts[n][1] for n in order),
        places.is_whole,
    ), buildings


def _bearings(places: FeaturePlaces, spot: Spot) -> list[float]:
    """Return the geodesic bearing from each camera to the place, 0 to 360 degrees."""
    count = len(places)
    azimuth, _, _ = ELLIPSOID.inv(
        places.lonlat[:, 0], places.lonlat[:, 1], np.full(count, spot.lon), np.full(count, spot.lat)
    )
    return [round(float(one) % 360, 1) % 360 for one in azimuth]


def _facts(
    view: CameraView, look: SightReason, block: Blocked | None, distance_m: float, bearing_deg: float
) -> tuple[int, Json]:
    """Return the group of the order, and what is computed of a camera."""
    visible: bool | str = look == "in_view"
    can_turn = look == "out_of_view" and view.turns and block is None
    reason: SightReason = look
    if look in {"view_unknown", "place_rough"}:
        visible = "unknown"
    elif block is not None:
        visible, reason = (False, "blocked") if block.certain else ("unknown", "height_unknown")
    group = 0 if visible is True else 1 if can_turn else 3 if visible == "unknown" else 2
    if view.status in OFF:
        group, visible, can_turn, reason = 4, False, False, "offline"
    return group, {
        "distance_m": distance_m,
        "bearing_deg": bearing_deg,
        "visible": visible,
        "can_turn_to": can_turn,
        "reason": reason,
        "blocked_by": block.building if block is not None else None,
    }
