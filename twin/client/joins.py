"""Joins of rows with a frame of one's own, with the answers that the server gives for two layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from twin.client.columns import needed

if TYPE_CHECKING:
    import geopandas

type JoinKind = Literal["within", "intersects", "nearest"]

CRS84 = "OGC:CRS84"
_PLANE = "+proj=tmerc +lat_0={:.4f} +lon_0={:.4f} +k=1 +ellps=GRS80 +units=m"
_MARGIN = 1.01  # of a distance, when rows are read for it


def join_frames(
    left: geopandas.GeoDataFrame, right: geopandas.GeoDataFrame, how: JoinKind, within_m: float | None
) -> geopandas.GeoDataFrame:
    """Return pairs as the server joins two layers: columns with ``left_`` and ``right_``, the places of the left.

    Distances are measured in a plane around the right frame: within 30 km of its middle they are right to a millimetre
    in a hundred metres.

    Parameters
    ----------
    right
        A frame with or without a column `id`; its index stands for a missing one.
    within_m
        Metres at most; None for touching alone, or for the nearest however far it is.

    Raises
    ------
    ImportError
        When geopandas is not installed.
    ValueError
        When the right frame has no reference system.
    """
    gpd = needed("geopandas")
    if right.crs is None:
        raise ValueError("the frame has no reference system; set one: frame.set_crs('OGC:CRS84')")
    prepared = right.to_crs(CRS84)
    if "id" not in prepared:
        prepared = prepared.assign(id=prepared.index.astype(str))
    places = left.geometry
    ours, theirs = _prefixed(left, "left_"), _prefixed(prepared, "right_")
    if how == "nearest" or within_m is not None:
        plane = _plane_of(prepared)
        ours, theirs = ours.to_crs(plane), theirs.to_crs(plane)
    if how == "nearest":
        found = gpd.sjoin_nearest(ours, theirs, max_distance=within_m, distance_col="distance_m")
        found = found.sort_values(["left_id", "distance_m", "right_id"]).drop_duplicates("left_id")
    elif within_m is not None:
        found = gpd.sjoin(ours, theirs, predicate="dwithin", distance=within_m)
        found["distance_m"] = found.geometry.distance(theirs.geometry.loc[found["index_right"]], align=False)
    else:
        found = gpd.sjoin(ours, theirs, predicate=how)
    found = found.sort_values(["left_id", "right_id"]).drop(columns="index_right")
    pairs = found.set_geometry(places.loc[found.index], crs=CRS84)
    named = [name for name in pairs.columns if name not in {"geometry", "distance_m"}]
    distance = ["distance_m"] if "distance_m" in pairs else []
    ordered: geopandas.GeoDataFrame = pairs[[*named, *distance, "geometry"]].reset_index(drop=True)
    return ordered


def box_around(right: geopandas.GeoDataFrame, within_m: float | None) -> tuple[float, float, float, float]:
    """Return the box, in degrees, outside which nothing can meet a frame: west, south, east, north.

    Raises
    ------
    ValueError
        When the frame has no reference system.
    """
    if right.crs is None:
        raise ValueError("the frame has no reference system; set one: frame.set_crs('OGC:CRS84')")
    bounds = right.to_crs(CRS84).total_bounds
    if within_m:
        plane = _plane_of(right.to_crs(CRS84))
        hull = needed("geopandas").GeoSeries(right.to_crs(plane).geometry.envelope, crs=plane)
        bounds = hull.buffer(within_m * _MARGIN).to_crs(CRS84).total_bounds
    west, south, east, north = map(float, bounds)
    return west, south, east, north


def _plane_of(frame: geopandas.GeoDataFrame) -> str:
    west, south, east, north = frame.total_bounds
    return _PLANE.format((south + north) / 2, (west + east) / 2)


def _prefixed(frame: geopandas.GeoDataFrame, prefix: str) -> geopandas.GeoDataFrame:
    place = frame.geometry.name
    named = {name: f"{prefix}{name}" for name in frame.columns if name != place}
    renamed: Any = frame.rename(columns=named)
    return renamed if place == "geometry" else renamed.rename_geometry("geometry")
