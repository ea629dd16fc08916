"""The cameras along a route: where on the way they come, and which part of it they see."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import asyncpg
import numpy as np
import shapely

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.clause import GEOMETRY, Clause, bind, compose
from layers.coordinates.crs import ELLIPSOID, STORED_SRID
from layers.coordinates.district_crs import to_degrees, to_metres
from layers.read.rights import rights_at
from layers.types import Json, Points, Positions
from twin.join.metres import Lengths, MetrePoints
from twin.surroundings.cameras_seeing import CAMERA_VALUES, CAMERAS_MAX, OFF, CameraView, Sight, SightReason
from twin.surroundings.computed import ComputedFeatures
from twin.surroundings.places import read_places
from twin.surroundings.sight_line import first_blocks, read_obstacles
from twin.surroundings.spot import Spot

BESIDE_M_MAX = 500.0
STEP_M = 10.0
"""The route is looked at every so many metres."""
_LINES_MAX = 1_500


async def cameras_along(
    connection: asyncpg.Connection, catalog: Catalog, actor: Actor, layer: Layer, lonlat: Points, sight: Sight
) -> tuple[ComputedFeatures, Layer | None]:
    """Return the cameras beside a route in the order of travel; and the layer of buildings that was read.

    Each has `along_m` and `offset_m` of the nearest place of the route, `sees_route` (true, false, unknown), and from
    where to where along the route it sees it. A camera whose exact place is hidden from the reader is `unknown`.

    Parameters
    ----------
    lonlat
        `[k, 2]` the route in CGCS2000 degrees.
    sight
        `max_m` is the distance from the route.
    """
    line = shapely.linestrings(to_metres(lonlat))
    scale = float(MetrePoints.of(lonlat[:1]).scale[0])
    spot = Spot(float(lonlat[0, 0]), float(lonlat[0, 1]))
    where = beside_route(line, sight.max_m * scale)
    places = await read_places(connection, layer, actor, spot, limit=CAMERAS_MAX, where=where, values=CAMERA_VALUES)
    if not len(places):
        return ComputedFeatures((), (), (), places.is_whole), None
    views = [CameraView.of(values) for values in places.values]
    eyes_m = to_metres(places.lonlat)
    points = shapely.points(eyes_m)
    along_m, offset_m = shapely.line_locate_point(line, points) / scale, shapely.distance(line, points) / scale
    is_exact = all(case.geometry == "full" for case in rights_at(layer, actor).cases)
    camera, at_m, looks = _looks(views, places.lonlat, line, scale) if is_exact else _nothing()
    blocked, certain, buildings = await _blocked(
        connection, catalog, actor, views, eyes_m, (camera, at_m * scale, looks), line, sight
    )
    facts = []
    for n, view in enumerate(views):
        mine = camera == n
        seen = mine & (looks == "in_view") & ~blocked
        doubt = mine & ((looks == "view_unknown") | (blocked & ~certain))
        facts.append(_facts(view, at_m[seen], is_doubtful=bool(doubt.any()) or not is_exact))
    order = [n for n in np.lexsort((np.array(places.ids), np.round(along_m, 1))).tolist() if offset_m[n] <= sight.max_m]
    return ComputedFeatures(
        (layer.id,) * len(order),
        tuple(places.ids[n] for n in order),
        tuple(
            {"along_m": round(float(along_m[n]), 1), "offset_m": round(float(offset_m[n]), 1)} | facts[n] for n in order
        ),
        places.is_whole,
    ), buildings


def beside_route(line: shapely.LineString, distance_m: float) -> Clause:
    """Return the condition on what lies beside a route; both in metres of the measuring plane."""
    area = shapely.transform(shapely.buffer(shapely.simplify(line, 1), distance_m + 2, quad_segs=4), to_degrees)
    shape = compose(f"ST_GeomFromWKB({{}}, {STORED_SRID})", bind(shapely.to_wkb(area), "bytea"))
    return compose("{} && {} AND ST_Intersects({}, {})", GEOMETRY, shape, GEOMETRY, shape)


def _nothing() -> tuple[Positions, Lengths, np.ndarray[tuple[int], np.dtype[np.object_]]]:
    return np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0, dtype=object)


def _looks(
    views: Sequence[CameraView], eyes: Points, line: shapely.LineString, scale: float
) -> tuple[Positions, Lengths, np.ndarray[tuple[int], np.dtype[np.object_]]]:
    """Return pairs of a camera and a place of the route within its reach: `[p]` camera, metres along, how it looks."""
    length_m = shapely.length(line) / scale
    steps_m = np.append(np.arange(0, length_m, STEP_M), length_m)
    samples = shapely.line_interpolate_point(line, steps_m * scale)
    lonlat = to_degrees(shapely.get_coordinates(samples))
    reach_m = np.array([view.range_m for view in views]) * scale * (1 + 1e-6)
    camera, sample = shapely.STRtree(samples).query(
        shapely.points(to_metres(eyes)), predicate="dwithin", distance=reach_m
    )
    azimuth, _, distance_m = ELLIPSOID.inv(*eyes[camera].T, *lonlat[sample].T)
    found: list[SightReason] = [
        views[n].looks(bearing % 360, far)
        for n, bearing, far in zip(camera.tolist(), np.atleast_1d(azimuth), np.atleast_1d(distance_m), strict=True)
    ]
    return camera, steps_m[sample], np.array(found, dtype=object)


async def _blocked(
    connection: asyncpg.Connection,
    catalog: Catalog,
    actor: Actor,
    views: Sequence[CameraView],
    eyes_m: Points,
    pairs: tuple[Positions, Lengths, np.ndarray[tuple[int], np.dtype[np.object_]]],
    line: shapely.LineString,
    sight: Sight,
) -> tuple[np.ndarray[tuple[int], np.dtype[np.bool_]], np.ndarray[tuple[int], np.dtype[np.bool_]], Layer | None]:
    """Return which pairs a building hides, and whether that is certain.

    Of more than `_LINES_MAX` pairs every second, third and so on is tested; of the others it is not known.
    """
    camera, plane_m, looks = pairs
    blocked, certain = np.zeros(len(camera), dtype=np.bool_), np.ones(len(camera), dtype=np.bool_)
    aimed = np.flatnonzero(looks == "in_view")
    if not sight.occlusion or not len(aimed):
        return blocked, certain, None
    every = -(-len(aimed) // _LINES_MAX)
    tested = aimed[::every]
    places_m = shapely.get_coordinates(shapely.line_interpolate_point(line, plane_m[tested]))
    obstacles, buildings = await read_obstacles(connection, catalog, actor, eyes_m[camera[tested]], places_m)
    heights = np.array([views[n].eye_m for n in camera[tested]])
    found = await asyncio.to_thread(
        first_blocks, obstacles, eyes_m[camera[tested]], heights, places_m, sight.target_height_m
    )
    blocked[aimed], certain[aimed] = True, False  # what is not tested is not told as seen
    blocked[tested] = [one is not None for one in found]
    certain[tested] = [one is None or one.certain for one in found]
    return blocked, certain, buildings


def _facts(view: CameraView, seen_m: Lengths, *, is_doubtful: bool) -> Json:
    is_off = view.status in OFF
    sees: bool | str = bool(len(seen_m)) and not is_off
    if not sees and is_doubtful and not is_off:
        sees = "unknown"
    shown = len(seen_m) and not is_off
    return {
        "sees_route": sees,
        "sees_from_m": round(float(seen_m.min()), 1) if shown else None,
        "sees_to_m": round(float(seen_m.max()), 1) if shown else None,
    }
