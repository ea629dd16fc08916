"""Rasters: the list, TileJSON, contours, times, and values at a place, along a line and under an area."""

from __future__ import annotations

from datetime import datetime
from math import nan
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request

from layers.coordinates.crs import CRS84
from layers.cql2 import parse_bbox
from layers.errors import BadInput
from layers.moment import read_time
from server.dependencies import ActorHere, AreaHere, BaseUrlHere, StateHere
from server.http.area import AREA_BODY
from server.tiles.contours import interval_of
from server.tiles.moment import moment_of
from tiles.raster import sampling
from tiles.raster.contours import contours, geojson, interval_at
from tiles.raster.members import Raster, RasterFrame, rfc3339
from tiles.raster.opened import OpenRasters
from tiles.raster.render import TILE_PIXELS
from tiles.raster.sampling import PROFILE_POINTS_MAX
from tiles.raster.style import COLORMAPS, FORMS, MEDIA, read_style

router = APIRouter(tags=["raster"])
CONTOUR_PIXELS_MAX = 1024  # along the longer side of the raster part that is read
Lon = Annotated[float, Query(ge=-180, le=180, description="经度 Longitude (CRS84)")]
Lat = Annotated[float, Query(ge=-90, le=90, description="纬度 Latitude (CRS84)")]
When = Annotated[
    str | None,
    Query(alias="datetime", max_length=100, description="时刻 The newest at or before it; without it the newest"),
]
Span = Annotated[
    str | None, Query(alias="datetime", max_length=100, description="时刻或时段 A moment, or first/last, .. is open")
]


@router.get("/raster", summary="栅格列表 The rasters there are")
async def listed(state: StateHere, base: BaseUrlHere, actor: ActorHere) -> dict[str, Any]:
    """List rasters with what they can be asked for."""
    found = [_description(raster, base) for raster in await state.rasters.visible(actor)]
    return {"rasters": found, "formats": list(MEDIA), "forms": list(FORMS), "colormaps": list(COLORMAPS)}


@router.get("/raster/{name}.json", summary="栅格的 TileJSON TileJSON 3.0 of a raster")
async def tilejson(
    name: str, request: Request, state: StateHere, base: BaseUrlHere, actor: ActorHere
) -> dict[str, Any]:
    """Describe a raster's tiles; parameters of the look (`rescale`, `colormap`, `form` …) go into their address."""
    raster = await state.rasters.get(name, actor)
    look = {key: value for key, value in request.query_params.items() if key != "f"}
    chosen = read_style({key: value for key, value in look.items() if key != "datetime"}, raster.bands)
    raster.at(moment_of(look))
    query = f"?{urlencode(look)}" if look else ""
    suffix = "png" if chosen.form == "terrain" else "webp"
    described = {
        "tilejson": "3.0.0",
        "name": raster.title,
        "scheme": "xyz",
        "tiles": [f"{base}/raster/{raster.id}/{{z}}/{{x}}/{{y}}.{suffix}{query}"],
        "bounds": list(raster.extent_crs84),
        "minzoom": 0,
        "maxzoom": raster.max_zoom,
        "tileSize": TILE_PIXELS,
        **raster.described_times(),
    }
    return described | ({"encoding": "mapbox"} if chosen.form == "terrain" else {})


@router.get("/raster/{name}/contours.json", summary="等高线的 TileJSON TileJSON 3.0 of a raster's contours")
async def contours_tilejson(
    name: str, request: Request, state: StateHere, base: BaseUrlHere, actor: ActorHere
) -> dict[str, Any]:
    """Describe vector tiles of contours; `interval_m` and `datetime` go into their address."""
    raster = await state.rasters.get(name, actor)
    given = {key: value for key, value in request.query_params.items() if key in {"interval_m", "datetime"}}
    interval_of(given, 1.0)
    raster.at(moment_of(given))
    query = f"?{urlencode(given)}" if given else ""
    fields = {"value": "Number", "index": "Boolean"}
    return {
        "tilejson": "3.0.0",
        "name": raster.title,
        "scheme": "xyz",
        "tiles": [f"{base}/raster/{raster.id}/contours/{{z}}/{{x}}/{{y}}.mvt{query}"],
        "bounds": list(raster.extent_crs84),
        "minzoom": max(0, raster.max_zoom - 5),
        "maxzoom": raster.max_zoom,
        "vector_layers": [{"id": "contours", "fields": fields}],
    }


@router.get("/raster/{name}/contours", summary="等值线 Contours in a box, as GeoJSON")
async def contours_in_box(
    name: str,
    bbox: Annotated[str, Query(max_length=200, description="west,south,east,north (CRS84)")],
    state: StateHere,
    actor: ActorHere,
    interval_m: Annotated[str | None, Query(max_length=40, description="等高距 Step between lines, m")] = None,
    when: When = None,
) -> dict[str, Any]:
    """Return lines of equal value; every fifth is marked `index`."""
    box = parse_bbox(bbox, CRS84).shape.bounds
    if box[0] >= box[2] or box[1] >= box[3]:
        raise BadInput(f"bbox '{bbox[:80]}' has no area", parameter="bbox")
    given = {} if interval_m is None else {"interval_m": interval_m}

    def read(files: OpenRasters, raster: Raster) -> dict[str, Any]:
        frame, area = raster.at(_moment(when)), sampling.rectangle(raster, box, CONTOUR_PIXELS_MAX)
        step = interval_of(given, interval_at(raster.max_zoom - 2))
        found = geojson(contours(files, frame, area, step), area)
        return {**found, "raster": raster.id, "interval_m": step, **_facts(raster, frame)}

    return await state.rasters.read(name, actor, read)


@router.get("/raster/{name}/times", summary="时刻列表 The moments a raster shows")
async def times(
    name: str,
    state: StateHere,
    actor: ActorHere,
    when: Span = None,
    limit: Annotated[int, Query(ge=1, le=10_000, description="至多几个 The newest so many")] = 1000,
) -> dict[str, Any]:
    """List the times of a raster, oldest first; of more than `limit` the newest."""
    raster = await state.rasters.get(name, actor)
    found = raster.within(*_span(when))
    listed = [rfc3339(time) for time in found[-limit:]]
    return {"raster": raster.id, "numberMatched": len(found), **raster.described_times(), "times": listed}


@router.get("/raster/{name}/point", summary="某点的值 The value at a place, or its course in time")
async def point(name: str, lon: Lon, lat: Lat, state: StateHere, actor: ActorHere, when: Span = None) -> dict[str, Any]:
    """Return the value of each band at a place, null where there is none; for an interval, of every moment in it."""

    def read(files: OpenRasters, raster: Raster) -> dict[str, Any]:
        place = {"raster": raster.id, "lon": lon, "lat": lat}
        if when is not None and "/" in when:
            series = sampling.series_at(files, raster, raster.within(*_span(when)), lon, lat)
            return {**place, "series": series, **_facts(raster)}
        frame = raster.at(_moment(when))
        return {**place, "values": sampling.value_at(files, raster, frame, lon, lat), **_facts(raster, frame)}

    return await state.rasters.read(name, actor, read)


@router.get("/raster/{name}/profile", summary="沿线剖面 Values along a line")
async def profile(
    name: str,
    line: Annotated[str, Query(max_length=20_000, description="lon,lat lon,lat … (CRS84)")],
    state: StateHere,
    actor: ActorHere,
    n: Annotated[int, Query(ge=2, le=PROFILE_POINTS_MAX, description="点数 Number of places")] = 100,
    when: When = None,
) -> dict[str, Any]:
    """Return the first band at evenly spaced places of a line, with the distance from its beginning."""
    corners = _line(line)

    def read(files: OpenRasters, raster: Raster) -> dict[str, Any]:
        frame = raster.at(_moment(when))
        return {"raster": raster.id, "points": sampling.profile(files, frame, corners, n), **_facts(raster, frame)}

    return await state.rasters.read(name, actor, read)


@router.post("/raster/{name}/statistics", summary="面内统计 Statistics under a polygon", openapi_extra=AREA_BODY)
async def statistics(
    name: str, area: AreaHere, state: StateHere, actor: ActorHere, when: When = None
) -> dict[str, Any]:
    """Return statistics of each band under a polygon, pixels weighted by how much of them it covers."""

    def read(files: OpenRasters, raster: Raster) -> dict[str, Any]:
        frame = raster.at(_moment(when))
        bands = sampling.statistics_under(files, raster, frame, area)
        return {"raster": raster.id, "bands": bands, **_facts(raster, frame)}

    return await state.rasters.read(name, actor, read)


def _moment(when: str | None) -> datetime | None:
    return moment_of({} if when is None else {"datetime": when})


def _span(when: str | None) -> tuple[datetime | None, datetime | None]:
    """Read a moment or an interval; None is open."""
    if when is None:
        return None, None
    first, slash, last = when.partition("/")
    if not slash:
        last = first
    begin, end = (None if side in {"", ".."} else read_time(side, "datetime") for side in (first, last))
    if begin and end and begin > end:
        raise BadInput(f"datetime is '{when[:80]}', which ends before it begins", parameter="datetime")
    return begin, end


def _description(raster: Raster, base: str) -> dict[str, Any]:
    return {
        "id": raster.id,
        "title": raster.title,
        "bounds": raster.extent_crs84,
        "bands": raster.bands,
        "srids": raster.srids,
        "members": sum(len(frame.members) for frame in raster.frames.values()),
        "overlap": raster.overlap,
        "maxzoom": raster.max_zoom,
        "tilejson": f"{base}/raster/{raster.id}.json",
        **raster.described_times(),
        **_facts(raster),
    }


def _facts(raster: Raster, frame: RasterFrame | None = None) -> dict[str, Any]:
    """Return the facts that accompany values: time, vertical datum, whether they are synthetic."""
    facts = {"vertical_datum": raster.vertical_datum, "synthetic": raster.synthetic}
    return facts | ({"time": rfc3339(frame.time)} if frame and frame.time else {})


def _line(text: str) -> list[tuple[float, float]]:
    corners = []
    for part in text.split():
        lon, comma, lat = part.partition(",")
        try:
            place = float(lon), float(lat)
        except ValueError:
            place = nan, nan
        if not comma or not (-180 <= place[0] <= 180 and -90 <= place[1] <= 90):
            raise BadInput(f"line holds '{part[:40]}'; it is lon,lat lon,lat … in degrees", parameter="line")
        corners.append(place)
    return corners
