"""Rasters beside their tiles: what there is, TileJSON, values at a place, along a line, under an area."""

from __future__ import annotations

from math import nan
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from layers.actor import Actor
from layers.errors import BadInput, TooMuch
from server.auth import actor_of
from server.base_url import base_url
from server.state import State
from tiles import raster as read
from tiles.look import COLORMAPS, FORMS, MEDIA, read_look
from tiles.raster import PROFILE_POINTS_MAX, Raster

router = APIRouter(tags=["raster"])
ActorHere = Annotated[Actor, Depends(actor_of)]
Lon = Annotated[float, Query(ge=-180, le=180, description="经度 Longitude (CRS84)")]
Lat = Annotated[float, Query(ge=-90, le=90, description="纬度 Latitude (CRS84)")]


class Area(BaseModel):
    """A GeoJSON polygon in CRS84."""

    type: Literal["Polygon", "MultiPolygon"]
    coordinates: list[Any] = Field(min_length=1)


@router.get("/raster", summary="栅格列表 The rasters there are")
async def listed(request: Request, actor: ActorHere) -> dict[str, Any]:
    """List rasters with what they can be asked for."""
    state = _state(request)
    base = base_url(request.scope, state.settings.server.public_url)
    found = [_described(raster, base) for raster in await state.rasters.visible(actor)]
    return {"rasters": found, "formats": list(MEDIA), "forms": list(FORMS), "colormaps": list(COLORMAPS)}


@router.get("/raster/{name}.json", summary="TileJSON 3.0 of a raster")
async def tilejson(name: str, request: Request, actor: ActorHere) -> dict[str, Any]:
    """Describe a raster's tiles; parameters of the look (`rescale`, `colormap`, `form` …) go into their address."""
    state = _state(request)
    raster = await state.rasters.get(name, actor)
    look = {key: value for key, value in request.query_params.items() if key != "f"}
    chosen = read_look(look, raster.bands)
    query = f"?{urlencode(look)}" if look else ""
    suffix = "png" if chosen.form == "terrain" else "webp"
    base = base_url(request.scope, state.settings.server.public_url)
    west, south, east, north = raster.extent_crs84
    described = {
        "tilejson": "3.0.0",
        "name": raster.title,
        "scheme": "xyz",
        "tiles": [f"{base}/raster/{raster.id}/{{z}}/{{x}}/{{y}}.{suffix}{query}"],
        "bounds": [west, south, east, north],
        "minzoom": 0,
        "maxzoom": raster.max_zoom,
        "tileSize": read.TILE_PIXELS,
    }
    return described | ({"encoding": "mapbox"} if chosen.form == "terrain" else {})


@router.get("/raster/{name}/point", summary="某点的值 The value at a place")
async def point(name: str, lon: Lon, lat: Lat, request: Request, actor: ActorHere) -> dict[str, Any]:
    """Return the value of each band at a place; null where there is none."""
    raster = await _state(request).rasters.get(name, actor)
    values = await run_in_threadpool(read.value_at, raster, lon, lat)
    return {"raster": raster.id, "lon": lon, "lat": lat, "values": values, **_facts(raster)}


@router.get("/raster/{name}/profile", summary="沿线剖面 Values along a line")
async def profile(
    name: str,
    line: Annotated[str, Query(max_length=20_000, description="lon,lat lon,lat … (CRS84)")],
    request: Request,
    actor: ActorHere,
    n: Annotated[int, Query(ge=2, le=PROFILE_POINTS_MAX, description="点数 Number of places")] = 100,
) -> dict[str, Any]:
    """Return the first band at evenly spaced places of a line, with the distance from its beginning."""
    raster = await _state(request).rasters.get(name, actor)
    rows = await run_in_threadpool(read.profile, raster, _line(line), n)
    return {"raster": raster.id, "points": rows, **_facts(raster)}


@router.post("/raster/{name}/statistics", summary="面内统计 Statistics under a polygon")
async def statistics(name: str, area: Area, request: Request, actor: ActorHere) -> dict[str, Any]:
    """Return statistics of each band under a polygon, pixels weighted by how much of them it covers."""
    state = _state(request)
    raster = await state.rasters.get(name, actor)
    corners = _count(area.coordinates)
    if corners > state.settings.limits.filter_vertices:
        raise TooMuch(f"the polygon has {corners} corners; at most {state.settings.limits.filter_vertices} are read")
    bands = await run_in_threadpool(read.statistics_under, raster, area.model_dump())
    return {"raster": raster.id, "bands": bands, **_facts(raster)}


def _described(raster: Raster, base: str) -> dict[str, Any]:
    return {
        "id": raster.id,
        "title": raster.title,
        "bounds": raster.extent_crs84,
        "bands": raster.bands,
        "srid": raster.srid,
        "maxzoom": raster.max_zoom,
        "tilejson": f"{base}/raster/{raster.id}.json",
        **_facts(raster),
    }


def _facts(raster: Raster) -> dict[str, Any]:
    """Return what a reader of values must know: what heights are above, and whether they are made up."""
    return {"vertical_datum": raster.vertical_datum, "synthetic": raster.synthetic}


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


def _count(coordinates: Any) -> int:
    if isinstance(coordinates, list) and coordinates and isinstance(coordinates[0], (int, float)):
        return 1
    return sum(map(_count, coordinates)) if isinstance(coordinates, list) else 0


def _state(request: Request) -> State:
    state: State = request.app.state.shared
    return state
