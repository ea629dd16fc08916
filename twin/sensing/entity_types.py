"""The entity types of SensorThings 1.1: their properties, their keys, and how they lead to each other.

Every entity is a row of one of three sources (`twin/sensing/rows.py`), and each source has the columns of the one
before it: a thing; a thing and a property it measures; a thing, a property and a time. So a key is a set of columns,
and two entities are linked when they agree in the columns that their keys share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from layers.cql2 import Queryable

Source = Literal["thing", "series", "observation", "property", "none"]
_THING = ("layer", "id")
_SERIES = (*_THING, "property")
_OBSERVATION = (*_SERIES, "time")


def _text(column: str) -> Queryable:
    return Queryable(column, column, "string")


@dataclass(frozen=True)
class SensorEntity:
    """A type of entity.

    Attributes
    ----------
    name, set
        Of one and of many: ``Thing``, ``Things``.
    key
        The columns that identify an entity.
    id_column
        The column that holds its id as text.
    properties
        Columns by the names that filters and orders know, without those of linked entities.
    members
        Names of its properties in a document, in their order.
    links
        Types of linked entities by the name of the link; a name in the plural leads to many.
    """

    name: str
    set: str
    source: Source
    key: tuple[str, ...]
    id_column: str
    properties: Mapping[str, Queryable]
    members: tuple[str, ...]
    links: tuple[str, ...] = field(default=())

    def shares(self, other: SensorEntity) -> tuple[str, ...]:
        """Return the columns in which linked entities of two types agree."""
        return tuple(column for column in self.key if column in other.key)

    def holds(self, other: SensorEntity) -> bool:
        """Whether a row of this type has all columns of the one entity of another type that it is linked with."""
        return other.source != "none" and set(other.key) <= set(self.key)


_NAMED = {"name": _text("name"), "description": _text("about")}
_TYPES = (
    SensorEntity(
        "Thing", "Things", "thing", _THING, "thing_key", _NAMED, ("name", "description", "properties"),
        ("Locations", "HistoricalLocations", "Datastreams"),
    ),
    SensorEntity(
        "Location", "Locations", "thing", _THING, "thing_key",
        {**_NAMED, "location": Queryable("location", "geom", "geometry")},
        ("name", "description", "encodingType", "location"), ("Things", "HistoricalLocations"),
    ),
    SensorEntity(
        "HistoricalLocation", "HistoricalLocations", "none", ("moment",), "thing_key",
        {"time": Queryable("time", "time", "datetime")}, ("time",), ("Thing", "Locations"),
    ),
    SensorEntity(
        "Datastream", "Datastreams", "series", _SERIES, "series_key",
        {
            "name": _text("series_name"), "description": _text("series_about"),
            "unitOfMeasurement/name": _text("unit"), "unitOfMeasurement/symbol": _text("unit"),
        },
        ("name", "description", "observationType", "unitOfMeasurement"),
        ("Thing", "Sensor", "ObservedProperty", "Observations"),
    ),
    SensorEntity(
        "Sensor", "Sensors", "thing", _THING, "thing_key", _NAMED,
        ("name", "description", "encodingType", "metadata"), ("Datastreams",),
    ),
    SensorEntity(
        "ObservedProperty", "ObservedProperties", "property", ("property",), "property",
        {"name": _text("property_name"), "description": _text("property_about")},
        ("name", "definition", "description"), ("Datastreams",),
    ),
    SensorEntity(
        "Observation", "Observations", "observation", _OBSERVATION, "observation_key",
        {
            "phenomenonTime": Queryable("phenomenonTime", "time", "datetime"),
            "resultTime": Queryable("resultTime", "time", "datetime"),
            "result": Queryable("result", "value", "number"),
            "resultQuality": _text("quality"),
        },
        ("phenomenonTime", "resultTime", "result", "resultQuality"), ("Datastream", "FeatureOfInterest"),
    ),
    SensorEntity(
        "FeatureOfInterest", "FeaturesOfInterest", "thing", _THING, "thing_key",
        {**_NAMED, "feature": Queryable("feature", "geom", "geometry")},
        ("name", "description", "encodingType", "feature"), ("Observations",),
    ),
)  # fmt: skip
SETS: Mapping[str, SensorEntity] = {one.set: one for one in _TYPES}
"""Types by the name of their set."""
_BY_LINK: Mapping[str, SensorEntity] = {**SETS, **{one.name: one for one in _TYPES}}


def linked_type(of: SensorEntity, link: str) -> SensorEntity | None:
    """Return the type that a link leads to; None when the type has no such link."""
    return _BY_LINK[link] if link in of.links else None


def leads_to_many(link: str) -> bool:
    """Whether a link leads to a set."""
    return link in SETS
