"""Answers in GCJ-02 and BD-09 beside those in CRS84: reading both, and the law that holds between them."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from layers.coordinates.datum import from_datum

_ROUND_DEG = 1.02e-7  # both answers are rounded to seven decimals, each by half of the last one
_DECLARED = frozenset({"datum", "timeStamp", "links", "next"})
_P = "lon=113.3316634&lat=23.1395597"
_ENDS = "from=113.3350806,23.1395741&to=113.3316455,23.1431713"
_SPAN = "from=2026-06-08T00:00:00%2B08:00&to=2026-06-09T00:00:00%2B08:00"
_TABLES = ("csv", "parquet", "arrow")
OPERATIONS = {
    "/twin/locate": [f"/twin/locate?{_P}"],
    "/twin/nearby": [f"/twin/nearby?{_P}&radius_m=800&layers=video_points,waterways,urban_villages"],
    "/twin/areas/{code}/features": ["/twin/areas/440106011001/features?layers=video_points,roads"],
    "/twin/nearest-resources": [f"/twin/nearest-resources?{_P}"],
    "/twin/route": [f"/twin/route?{_ENDS}"],
    "/twin/reachable": [f"/twin/reachable?{_P}&minutes=5"],
    "/twin/cameras-seeing": [f"/twin/cameras-seeing?{_P}"],
    "/twin/cameras-along-route": [f"/twin/cameras-along-route?{_ENDS}"],
    "/twin/waterway-stretch-impact": ["/twin/waterway-stretch-impact?waterway=W1&offset_m=500"],
    "/twin/coverage": [f"/twin/coverage?area=440106011001&{_SPAN}"],
    "/twin/population": ["/twin/population?area=440106011001"],
    "/twin/broadcast-terminals": ["/twin/broadcast-terminals?area=440106011001"],
    "/twin/aggregate": ["/twin/aggregate?layer=events&by=grid"],
    "/twin/snapshot": ["/twin/snapshot?layers=grids,events&at=2026-06-08T00:00:00%2B08:00&basis=phenomenon"],
    "/twin/warnings": ["/twin/warnings"],
    "/twin/addresses": ["/twin/addresses?q=%E9%BE%99%E5%8F%A3%E8%A5%BF%E8%B7%AF120%E5%8F%B7"],
    "/twin/service-sites": [f"/twin/service-sites?{_P}&open_only=false&at=2026-06-08T09:00:00%2B08:00"],
    "/twin/patrols": [f"/twin/patrols?{_P}"],
    "/twin/overview": ["/twin/overview?area=440106011001&at=2026-06-08T10:00:00%2B08:00&basis=phenomenon"],
    "/twin/tasks": ["/twin/tasks"],
    "/twin/features/{layer}/{feature_id}/related": ["/twin/features/video_points/C1/related"],
    "/twin/download": [],  # an archive: tests/server/bulk/test_download.py
    "/twin/fences/transitions": [],  # of what is not in the fixture: tests/twin/rules
    "/twin/incomplete/{event_id}/addresses": [],  # tests/twin/geocoding
}
"""Addresses of every operation that takes `answer_crs`, over the worked fixture."""
OF_HISTORY = {
    "/twin/features/{layer}/{feature_id}/track": [
        f"/twin/features/vehicles/V1/track?simplify_m=20&{_SPAN}",
        *(f"/twin/features/vehicles/V1/track?simplify_m=20&f={f}&{_SPAN}" for f in (*_TABLES, "geojsonseq")),
    ],
    "/twin/positions": [
        f"/twin/positions?layers=vehicles&limit={limit}&{_SPAN}&f={f}"
        for f in ("json", "geojson", "geojsonseq", *_TABLES)
        for limit in (50, "all")
    ],
    "/twin/observations": [f"/twin/observations?limit=50&{_SPAN}"],
    "/twin/replay": [f"/twin/replay?layers=vehicles&step=6h&basis=phenomenon&{_SPAN}"],
    "/twin/events/versions": [],  # a version has no place beside its values
}
"""The same of history."""


@dataclass(frozen=True)
class Answer:
    """The coordinates of an answer `[n, 2]` in their order, and all else that it says."""

    lonlat: np.ndarray
    rest: object


def read_json(document) -> Answer:
    """Take the coordinates out of GeoJSON, and out of members `lon` and `lat`, wherever they stand."""
    found: list[list[float]] = []

    def without(node):
        if isinstance(node, dict):
            if "coordinates" in node:
                positions = shapely.get_coordinates(shapely.from_geojson(orjson.dumps(node)))
                found.extend(positions.tolist())
                return [node["type"], len(positions)]
            node = {name: value for name, value in node.items() if name not in _DECLARED}
            if isinstance(node.get("lon"), float):
                found.append([node.pop("lon"), node.pop("lat")])
            return {name: without(value) for name, value in node.items()}
        return [without(one) for one in node] if isinstance(node, list) else node

    rest = without(document)
    return Answer(np.array(found).reshape(-1, 2), rest)


def read_answer(content: bytes, media: str) -> Answer:
    """Read an answer of any format."""
    if media in {"json", "geojson"}:
        return read_json(orjson.loads(content))
    if media in {"geojsonl", "geojsonseq", "ndjson"}:
        return read_json([orjson.loads(line.lstrip(b"\x1e")) for line in content.splitlines() if line.strip()])
    if media == "csv":
        rows = [dict(row) for row in csv.DictReader(io.StringIO(content.decode("utf-8-sig")))]
        for row in rows:
            row.pop("datum", None)
        places = [shapely.from_wkt(row.pop("geometry")) for row in rows if "geometry" in row]
        points = [[float(row.pop("lon")), float(row.pop("lat"))] for row in rows if row.get("lon")]
        return Answer(shapely.get_coordinates(places) if places else np.array(points).reshape(-1, 2), rows)
    table = pq.read_table(io.BytesIO(content)) if media == "parquet" else pa.ipc.open_stream(content).read_all()
    places = shapely.get_coordinates(shapely.from_wkb(np.array(table.column("geometry").to_pylist(), dtype=object)))
    shown = [name for name in ("geometry", "bbox", "lon", "lat") if name in table.column_names]
    if "lon" in shown:  # of history: beside the points
        beside = np.column_stack([table.column(axis).to_numpy() for axis in ("lon", "lat")])
        places = np.vstack([places, beside])
    return Answer(places, table.drop_columns(shown).to_pylist())


def assert_same(plain: Answer, shifted: Answer, datum: str) -> None:
    """Check that an answer in a datum says what the plain one says."""
    assert len(plain.lonlat) == len(shifted.lonlat) > 0
    assert np.abs(from_datum(shifted.lonlat, datum) - plain.lonlat).max() <= _ROUND_DEG
    assert np.abs(shifted.lonlat - plain.lonlat).max() > 1e-3
    assert plain.rest == shifted.rest


def assert_declared(answer, datum: str) -> None:
    """Check that an answer's header names the datum, by an address that says what it is."""
    name = re.fullmatch("<(.*)>", answer.headers["content-crs"])[1]
    assert urlsplit(name).path == f"/crs/{datum}"
