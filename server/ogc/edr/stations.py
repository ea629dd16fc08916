"""Values of stations: series of what they measured, read as the SensorThings API reads them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import orjson
from shapely.geometry import mapping

from layers.catalog import Layer
from layers.clause import all_of
from layers.errors import NotFound, TooMuch
from server.audit.touched import touch
from server.ogc.edr.coverage import Coverage, EdrParameter
from server.ogc.edr.request import EdrRequest
from server.ogc.visit import Visit
from twin.sensing.condition import Condition
from twin.sensing.entities import EntityQuery, EntityRow, page
from twin.sensing.entity_types import SETS, SensorEntity
from twin.sensing.rows import SensingRows
from twin.sensing.things import measures, without_live
from twin.surroundings.places import read_places
from twin.surroundings.spot import Spot

VALUES_MAX = 20_000
STATIONS_MAX = 2_000
NEAR_M = 2_000
"""A position has the values of the nearest station, at most so far away."""
_COLUMNS = frozenset({"property", "time", "value", "text", "name", "shape"})


def has_series(layer: Layer) -> bool:
    """Whether features of a layer measure something at places."""
    return measures(layer.definition) and layer.definition.geometry_type != "None"


async def station_parameters(connection: asyncpg.Connection, layer: Layer, visit: Visit) -> list[EdrParameter]:
    """Return what the features of a layer measure, as far as the visitor may see it."""
    rows = SensingRows.of(visit.actor, [layer])
    columns = frozenset({"property_name", "property_about", "unit", "is_number"})
    query = EntityQuery(SETS["ObservedProperties"], rows, {}, columns=columns, top=500)
    return [
        EdrParameter(row["property"], row["property_name"], row["property_about"], row["unit"], row["is_number"])
        for row in await page(connection, query)
    ]


async def station_coverages(
    connection: asyncpg.Connection, layer: Layer, visit: Visit, asked: EdrRequest, station: str | None
) -> list[Coverage]:
    """Return a series of points for each station that is asked for and has values.

    Raises
    ------
    NotFound
        When there is no such station, or none near a position.
    TooMuch
        When there are more values than one answer holds.
    """
    rows = SensingRows.of(visit.actor, [layer])
    key: dict[str, object] = {"layer": layer.id}
    if station is not None or asked.query == "position":
        key["id"] = await _station(connection, rows, asked, station)
    entity = SETS["Datastreams" if asked.newest else "Observations"]
    place = "Thing/Locations/location" if asked.newest else "FeatureOfInterest/feature"
    tests = [] if "id" in key or asked.shape is None else [_within(place, asked)]
    if asked.names:
        named = "ObservedProperty/id" if asked.newest else "Datastream/ObservedProperty/id"
        tests.append(_any([{"op": "=", "args": [{"property": named}, name]} for name in asked.names]))
    for op, moment in ((">=", asked.first), ("<=", asked.last)):
        if moment is not None and not asked.newest:
            tests.append({"op": op, "args": [{"property": "phenomenonTime"}, {"timestamp": moment.isoformat()}]})
    found = await page(connection, _query(entity, rows, key, tests, VALUES_MAX))
    if len(found) > VALUES_MAX:
        raise TooMuch(
            f"more than {VALUES_MAX:,} values are asked for; take a shorter datetime or fewer parameters",
            parameter="datetime",
        )
    touch(layer, visit.actor, rows=len({row["id"] for row in found}))
    return _by_station(found, asked)


async def station_places(
    connection: asyncpg.Connection, layer: Layer, visit: Visit, asked: EdrRequest
) -> dict[str, Any]:
    """Return the stations as GeoJSON, with their ids for `locations`.

    Raises
    ------
    TooMuch
        When there are more than one answer holds.
    """
    rows = SensingRows.of(visit.actor, [layer])
    tests = [] if asked.shape is None else [_within("location", asked)]
    query = _query(SETS["Locations"], rows, {"layer": layer.id}, tests, STATIONS_MAX)
    found = [row for row in await page(connection, query) if row["shape"] is not None]
    if len(found) > STATIONS_MAX:
        raise TooMuch(f"there are more than {STATIONS_MAX:,} locations; name a bbox", parameter="bbox")
    touch(layer, visit.actor, rows=len(found))
    declared = {} if asked.crs.datum is None else {"datum": asked.crs.datum}
    features = [
        {
            "type": "Feature",
            "id": row["id"],
            **declared,
            "geometry": asked.moved_geojson(row["shape"]),
            "properties": {"label": row["name"], "edrqueryendpoint": f"{visit.ogc}/collections/{layer.id}/locations"},
        }
        for row in found
    ]
    named = {"crs": {"type": "name", "properties": {"name": asked.crs.uri}}}
    return {"type": "FeatureCollection", **declared, **named, "features": features, "numberReturned": len(features)}


async def _station(connection: asyncpg.Connection, rows: SensingRows, asked: EdrRequest, station: str | None) -> str:
    (layer,) = rows.layers
    if station is not None:
        known = "\0" not in station and await page(
            connection, _query(SETS["Things"], rows, {"layer": layer.id, "id": station}, [], 1)
        )
        if not known:
            raise NotFound(f"there is no location '{station[:80]}' in '{layer.id}'", parameter="locationId")
        return station
    assert asked.shape is not None  # noqa: S101  # a position has one
    spot = Spot(*asked.shape.coords[0])
    near = await read_places(
        connection, without_live(layer, rows.actor), rows.actor, spot, limit=1, within_m=float(NEAR_M)
    )
    if not near.ids:
        raise NotFound(f"no station of '{layer.id}' is within {NEAR_M} m of this place", parameter="coords")
    return near.ids[0]


def _centre(row: EntityRow) -> tuple[float, float]:
    shape = orjson.loads(row["shape"])
    coordinates = shape["coordinates"]
    while isinstance(coordinates[0], list):
        coordinates = coordinates[0]
    return float(coordinates[0]), float(coordinates[1])


def _query(
    entity: SensorEntity, rows: SensingRows, key: Mapping[str, object], tests: Sequence[Any], top: int
) -> EntityQuery:
    condition = Condition(entity, rows)
    where = all_of(condition.of(test) for test in tests)
    columns = _COLUMNS if entity.source in {"series", "observation"} else frozenset({"name", "shape"})
    return EntityQuery(entity, rows, key, where, frozenset(condition.reads), columns=columns, top=top)


def _within(place: str, asked: EdrRequest) -> dict[str, Any]:
    assert asked.shape is not None  # noqa: S101  # the caller has looked
    return {"op": "st_intersects", "args": [{"property": place}, dict(mapping(asked.shape))]}


def _any(tests: list[Any]) -> Any:
    return tests[0] if len(tests) == 1 else {"op": "or", "args": tests}


def _by_station(rows: Sequence[EntityRow], asked: EdrRequest) -> list[Coverage]:
    """Return a series for each station; its times are those of all of its parameters."""
    stations: dict[str, list[EntityRow]] = defaultdict(list)
    for row in rows:
        if row["shape"] is not None:
            stations[row["id"]].append(row)
    found = []
    for name, own in sorted(stations.items()):
        times = sorted({row["time"] for row in own})
        values: dict[str, list[float | str | None]] = {}
        place: dict[datetime, int] = {time: number for number, time in enumerate(times)}
        for row in own:
            series = values.setdefault(row["property"], [None] * len(times))
            series[place[row["time"]]] = row["text"] if row["value"] is None else row["value"]
        ((x, y),) = asked.moved([_centre(own[0])])
        found.append(Coverage("PointSeries", [x], [y], times, values, name, own[0]["name"]))
    return found
