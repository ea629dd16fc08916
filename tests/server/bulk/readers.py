"""Files of features as their usual programs read them: rows with an id, properties as GeoJSON writes them, a shape."""

from __future__ import annotations

import io
import json
import tempfile
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import duckdb
import geopandas
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio.raw
import shapely

CHINA = timezone(timedelta(hours=8))
TAGS, EXTRA = "tags", "extra"


def of_geojson(content):
    features = json.loads(content)["features"]
    return [{"id": one["id"], **plain(one["properties"]), "geometry": placed(one["geometry"])} for one in features]


def of_text_sequence(content):
    records = [json.loads(part.lstrip("\x1e")) for part in content.decode().splitlines() if part]
    return of_geojson(json.dumps({"features": records}))


def of_parquet_by_pyarrow(content):
    return of_table(pq.read_table(io.BytesIO(content)).drop_columns("bbox"))


def of_parquet_by_geopandas(content):
    frame = geopandas.read_parquet(io.BytesIO(content))
    shapes = [None if one is None else one.wkb for one in frame.geometry]
    table = pq.read_table(io.BytesIO(content))  # pandas has no whole numbers that may be absent
    assert [*frame["id"]] == table["id"].to_pylist()
    return of_table(table.drop_columns(["bbox", "geometry"]).append_column("geometry", pa.array(shapes, pa.binary())))


def of_parquet_by_duckdb(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.parquet"
        path.write_bytes(content)
        with duckdb.connect() as con:
            table = con.sql("SELECT * EXCLUDE (bbox) FROM read_parquet(?)", params=[str(path)]).to_arrow_table()
    return of_table(table)


def of_arrow(content):
    return of_table(pa.ipc.open_stream(content).read_all())


def of_vector_file(content):
    ending = "gpkg" if content.startswith(b"SQLite") else "fgb"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x.{ending}"
        path.write_bytes(content)
        meta, _, shapes, columns = pyogrio.raw.read(path, datetime_as_string=True)
    rows = zip(*columns, strict=True)
    properties = [dict(zip(meta["fields"], (_known(value) for value in row), strict=True)) for row in rows]
    return of_rows([{**row, "geometry": shape} for row, shape in zip(properties, shapes, strict=True)])


def _known(value):
    """Return a value of numpy, which has no whole numbers and truths that may be absent."""
    value = value.item() if hasattr(value, "item") else value
    return None if value != value else value  # noqa: PLR0124  # NaN


def of_csv(content):
    frame = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, na_values=[""])
    return [{name: _known(value) for name, value in row.items()} for row in frame.to_dict("records")]


def of_workbook(content):
    sheet = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
    names, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(names, row, strict=True)) for row in rows]


def of_table(table):
    return of_rows(table.to_pylist())


def of_rows(given):
    rows = []
    for row in given:
        shape = row.pop("geometry", None)
        geometry = None if shape is None else json.loads(shapely.to_geojson(shapely.from_wkb(shape)))
        rows.append({**plain(row), "geometry": placed(geometry)})
    return rows


def plain(properties):
    """Return values in one way of writing: JSON read, times in milliseconds, days as text."""
    return {name: _plain(name, value) for name, value in properties.items()}


def _plain(name, value):
    if name in {TAGS, EXTRA} and isinstance(value, str):
        return json.loads(value)
    if name == "seen_at" and isinstance(value, str):
        value = datetime.fromisoformat(value)
    if name == "built" and isinstance(value, str):
        return value[:10]
    if isinstance(value, datetime):
        return round(value.replace(tzinfo=value.tzinfo or UTC).timestamp() * 1000)
    return value.isoformat() if isinstance(value, date) else value


def placed(geometry):
    """Return a geometry with its coordinates to the centimetre."""
    if geometry is None:
        return None
    return geometry["type"], _rounded(geometry["coordinates"])


def _rounded(value):
    return [_rounded(one) for one in value] if isinstance(value, (list, tuple)) else round(value, 6)
