"""Rows as a map draws them: geometries, and GeoJSON features with a colour."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import shapely

from twin.client.columns import is_geometry

ROWS_MAX = 20_000
_COLOR = "_color"


def geometries_of(table: pa.Table) -> Sequence[Any]:
    """Return the places of a table as shapely geometries, None where a row has none.

    Raises
    ------
    ValueError
        When the layer has no places, or there are more rows than a map can show.
    """
    if table.num_rows > ROWS_MAX:
        raise ValueError(f"there are more than {ROWS_MAX:,} rows; narrow them by bbox or where, or draw their counts")
    column = next((field.name for field in table.schema if is_geometry(field)), None)
    if column is None:
        raise ValueError("this layer has no places to draw")
    stored = table.column(column).combine_chunks()
    found: Sequence[Any] = shapely.from_wkb((stored.storage if hasattr(stored, "storage") else stored).to_pylist())
    return found


def drawn_features(table: pa.Table, color: str | None) -> tuple[list[dict[str, Any]], list[float] | None]:
    """Return rows with a place as GeoJSON features, and their box: west, south, east, north; None without any.

    Raises
    ------
    ValueError
        When the layer has no places, or there are more rows than a map can show.
    """
    places = geometries_of(table)
    plain = table.select([field.name for field in table.schema if not is_geometry(field)])
    rows = json.loads(json.dumps(plain.to_pylist(), default=str))
    features = [
        {
            "type": "Feature",
            "id": row["id"],
            "geometry": json.loads(shapely.to_geojson(place)),
            "properties": row | ({_COLOR: color} if color else {}),
        }
        for row, place in zip(rows, places, strict=True)
        if place is not None
    ]
    bounds = shapely.total_bounds(list(places)).tolist() if features else None
    return features, bounds
