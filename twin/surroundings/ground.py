"""A piece of ground that is asked about: an area by its code, what a warning names, or a polygon."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg
import numpy as np
import orjson
import shapely

from layers.actor import Actor
from layers.catalog import Catalog
from layers.clause import GEOMETRY, Clause, bind, compose
from layers.coordinates.crs import ELLIPSOID, STORED_SRID
from layers.coordinates.district_crs import to_degrees
from layers.errors import BadGeometry, BadInput, NotFound, TooMuch
from layers.live_source import EVENTS
from layers.read.relation import relation
from layers.read.rights import scoped
from twin.surroundings.area import find_area
from twin.surroundings.places import plain_value

VERTICES_MAX = 2_000
SIDE_DEG_MAX = 10.0
"""Ground is at most so wide and so high: a province; beyond, the plane that is measured in is none."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A piece of ground.

    Attributes
    ----------
    name
        The code of an area or the id of an event; None for a polygon.
    shape
        Polygon or MultiPolygon in CGCS2000 degrees.
    """

    name: str | None
    shape: shapely.Geometry

    @property
    def geometry(self) -> Clause:
        """The shape, as SQL with bound values."""
        return compose(f"ST_GeomFromWKB({{}}, {STORED_SRID})", bind(shapely.to_wkb(self.shape), "bytea"))

    @property
    def area_m2(self) -> float:
        """Its surface on the ellipsoid."""
        return abs(float(ELLIPSOID.geometry_area_perimeter(self.shape)[0]))


def box_around(shape_m: shapely.Geometry, distance_m: float) -> Clause:
    """Return the condition on the box around a shape of the measuring plane, and some metres more, for the index."""
    west, south, east, north = shapely.bounds(shapely.buffer(shape_m, distance_m + 1))
    corners = to_degrees(np.array([[west, south], [east, south], [east, north], [west, north]], dtype=np.float64))
    bounds = [*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist()]
    box = compose(f"ST_MakeEnvelope({{}}, {{}}, {{}}, {{}}, {STORED_SRID})", *(bind(one, "float8") for one in bounds))
    return compose("{} && {}", GEOMETRY, box)


def check_size(shape: shapely.Geometry, parameter: str) -> None:
    """Check how large ground is.

    Raises
    ------
    TooMuch
        When it is wider or higher than `SIDE_DEG_MAX`.
    """
    west, south, east, north = shapely.bounds(shape).tolist()
    if max(east - west, north - south) > SIDE_DEG_MAX:
        raise TooMuch(f"{parameter} is wider or higher than {SIDE_DEG_MAX:g} degrees", parameter=parameter)


def check_polygon(shape: shapely.Geometry, parameter: str = "polygon") -> None:
    """Check a polygon of a question.

    Raises
    ------
    TooMuch
        When it has more than `VERTICES_MAX` vertices, or is larger than `SIDE_DEG_MAX`.
    """
    check_size(shape, parameter)
    number = int(shapely.get_num_coordinates(shape))
    if number > VERTICES_MAX:
        raise TooMuch(f"{parameter} has {number} vertices; at most {VERTICES_MAX} are taken", parameter=parameter)


async def ground_of(
    connection: asyncpg.Connection, catalog: Catalog, actor: Actor, area: str | None, event: str | None
) -> Ground:
    """Return the ground of an area, or of an event that names one, as a warning does; one of both is given.

    Raises
    ------
    BadInput
        When neither or both are given.
    Forbidden, NotFound
        When the actor may not ask for the area, or sees no such area or event, or the event names no area.
    TooMuch
        When the area of the event is too large.
    """
    if (area is None) == (event is None):
        raise BadInput("say where in one way: area or event, or a polygon in the body", parameter="area")
    if event is not None:
        return await _of_event(connection, catalog, actor, event)
    found = await find_area(connection, catalog, actor, area or "")
    text, values = compose("SELECT ST_AsBinary({})", found.geometry).render()
    return Ground(found.code, shapely.from_wkb(await connection.fetchval(text, *values)))


async def _of_event(connection: asyncpg.Connection, catalog: Catalog, actor: Actor, event: str) -> Ground:
    layer = catalog.visible(EVENTS, actor)
    own = Clause("f.id = ?0::text", (event,))
    text, values = compose(
        f"SELECT {plain_value(layer, actor, 'area', 'jsonb')}::text FROM {{}} WHERE {{}} LIMIT 1",
        relation(layer, actor),
        scoped(layer, actor, own),
    ).render()
    area = None if "\0" in event else await connection.fetchval(text, *values)
    if area is None:
        raise NotFound(f"there is no event '{event[:80]}' that names an area", parameter="event")
    shape = geojson_polygon(orjson.loads(area), "event")
    check_size(shape, "event")
    return Ground(event, shape)


def geojson_polygon(geojson: object, parameter: str) -> shapely.Geometry:
    """Return a GeoJSON polygon or multipolygon.

    Raises
    ------
    BadGeometry
        When it is none, or is not valid.
    """
    try:
        found = shapely.from_geojson(orjson.dumps(geojson))
    except (shapely.GEOSException, TypeError) as error:
        raise BadGeometry(
            "a polygon is no GeoJSON; allowed are Polygon and MultiPolygon", parameter=parameter
        ) from error
    if found is None or found.geom_type not in {"Polygon", "MultiPolygon"} or found.is_empty:
        raise BadGeometry("the area is no polygon; allowed are Polygon and MultiPolygon", parameter=parameter)
    if not found.is_valid:
        raise BadGeometry("the area crosses itself; send polygons that are valid", parameter=parameter)
    return found
