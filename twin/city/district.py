"""The district of the city: its features, as OGC API Features returns them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from layers.tiers import DISTRICT, STREET
from twin.city.plane import Floats, Plane

type GeoJsonFeature = Mapping[str, Any]

PROPERTIES: dict[str, tuple[str, ...]] = {  # by collection, the properties the city reads: none that it changes itself
    "districts": ("name",),
    "streets": ("street_code", "name"),
    "grids": ("grid_code",),
    "roads": ("name", "road_class", "one_way", "width_m", "speed_limit_kmh", "from_node", "to_node", "area_code"),
    "grid_workers": ("role_code", "grid_codes"),
    "vehicles": ("vehicle_kind",),
    "video_points": ("area_code",),
    "water_level_stations": ("name", "station_type", "warning_level_m", "area_code"),
    "rain_gauges": ("name",),
    "air_quality_stations": ("station_level",),
    "flood_risk_points": (
        "name", "area_code", "warn_depth_m", "close_depth_m", "historical_max_depth_m", "drain_design_yr",
        "responsible_org",
    ),
    "water_facilities": ("name", "facility_type", "pump_count", "design_flow_m3s", "installed_kw"),
    "iot_devices": ("device_type", "name", "area_code", "report_interval_s"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Thing:
    """A feature with a place: a point, or a point inside its geometry.

    Attributes
    ----------
    lonlat
        CRS84 degrees.
    x_m, y_m
        Metres in the district's plane.
    """

    id: str
    lonlat: tuple[float, float]
    x_m: float
    y_m: float
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class CityDistrict:
    """The features of each collection; a collection that is missing is empty.

    Parameters
    ----------
    features
        GeoJSON features by collection.
    """

    features: Mapping[str, Sequence[GeoJsonFeature]] = field(repr=False)

    @cached_property
    def border(self) -> BaseGeometry:
        """The district, else the union of its grids, in CRS84; empty when there are neither."""
        found = self.features.get("districts") or self.features.get("grids") or ()
        return shapely.union_all([shape(one["geometry"]) for one in found if one["geometry"]])

    @cached_property
    def code(self) -> str:
        """The six digits of the district."""
        grids = self.features.get("grids") or ()
        return str(grids[0]["properties"]["grid_code"])[: DISTRICT.digits] if grids else "000000"

    @cached_property
    def name(self) -> str:
        """The district's name."""
        found = self.features.get("districts") or ()
        return str(found[0]["properties"].get("name") or self.code) if found else self.code

    @cached_property
    def plane(self) -> Plane:
        """The plane in metres about the centre of the district."""
        middle = self.border.centroid
        return Plane(0.0, 0.0) if middle.is_empty else Plane(middle.x, middle.y)

    @cached_property
    def streets(self) -> dict[str, str]:
        """Name of each street by its nine digits."""
        found = self.features.get("streets") or ()
        return {str(f["properties"]["street_code"])[: STREET.digits]: str(f["properties"]["name"]) for f in found}

    def street_of(self, code: str | None) -> str:
        """Return the name of the street of an area or grid code; the district's name when it is unknown."""
        return self.streets.get((code or "")[: STREET.digits], self.name)

    def things(self, collection: str) -> list[Thing]:
        """Return the features of a collection that have a geometry, in the order of their ids."""
        features = [f for f in self.features.get(collection) or () if f.get("geometry")]
        features.sort(key=lambda feature: str(feature["id"]))
        points = [_point(feature["geometry"]) for feature in features]
        places = self.plane.metres(points) if points else np.empty((0, 2))
        return [
            Thing(str(f["id"]), point, float(place[0]), float(place[1]), f["properties"])
            for f, point, place in zip(features, points, places, strict=True)
        ]

    def metres(self, geometry: Mapping[str, Any]) -> BaseGeometry:
        """Return a GeoJSON geometry in the plane."""
        flat: BaseGeometry = shapely.transform(shape(geometry), self._flat)
        return flat

    @cached_property
    def inner(self) -> BaseGeometry:
        """The district in the plane without its outermost 20 m: rounded positions in it never lie outside."""
        inner: BaseGeometry = shapely.transform(self.border, self._flat).buffer(-20.0)
        shapely.prepare(inner)
        return inner

    def _flat(self, lonlat: Floats) -> Floats:
        return self.plane.metres(lonlat)


def _point(geometry: Mapping[str, Any]) -> tuple[float, float]:
    if geometry["type"] == "Point":
        lon, lat = geometry["coordinates"][:2]
        return float(lon), float(lat)
    inside = shape(geometry).representative_point()
    return inside.x, inside.y
