"""Frames from GeoJSON, for the answers that have no columnar form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from twin.client.columns import needed
from twin.client.question import Datum

if TYPE_CHECKING:
    import geopandas

CRS84 = "OGC:CRS84"


def to_geodataframe(collection: Mapping[str, Any], datum: Datum | None = None) -> geopandas.GeoDataFrame:
    """Return the features of a collection, in their order, with `id` as the first column; empty without features.

    Parameters
    ----------
    datum
        In which the places are; a shifted one has no name that geopandas knows, so the frame has no `crs`.

    Raises
    ------
    ImportError
        When geopandas is not installed.
    """
    geopandas = needed("geopandas")
    features = [
        {**feature, "properties": {"id": feature.get("id"), **(feature["properties"] or {})}}
        for feature in collection["features"]
    ]
    crs = None if datum else CRS84
    if not features:
        return geopandas.GeoDataFrame({"id": [], "geometry": []}, geometry="geometry", crs=crs)
    frame = geopandas.GeoDataFrame.from_features(features, crs=crs)
    return frame[["id", *(name for name in frame.columns if name != "id")]]
