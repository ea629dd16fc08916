"""Rejected rows: kept with reason and line, exported safely, corrected, loaded again."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.coordinates.crs import transform
from layers.errors import NotFound
from layers.load import LoadOptions, load_file
from layers.load.quarantine import count_quarantine, export_quarantine, list_quarantine, retry_quarantine
from layers.spreadsheet import guarded
from tests.databases import count_rows
from tests.layers.load.conftest import feature, point

pytestmark = pytest.mark.anyio

BAD = (
    "id,name,status,lon,lat\nA,好,in_use,113.33,23.13\nB,反,in_use,23.13,113.33\n"
    "C,=cmd|' /C calc'!A0,gone,113.33,23.13\n"
)


async def test_list_and_count(layers_url, write):
    await load_file(layers_url, write("a.csv", BAD), "iot_devices")
    entries = await list_quarantine(layers_url, "iot_devices")
    assert [(e.line, e.reason, e.record["id"]) for e in entries] == [(3, "swapped", "B"), (4, "unknown_code", "C")]
    assert await count_quarantine(layers_url) == {("iot_devices", "swapped"): 1, ("iot_devices", "unknown_code"): 1}
    assert [e.line for e in await list_quarantine(layers_url, after=entries[0].id)] == [4]
    assert len(await list_quarantine(layers_url, reason="swapped", limit=1)) == 1
    assert await list_quarantine(layers_url, "roads") == []


async def test_export_correct_and_load_again(layers_url, db, write, tmp_path):
    await load_file(layers_url, write("a.csv", BAD), "iot_devices")
    out = tmp_path / "out.csv"
    assert await export_quarantine(layers_url, out, "iot_devices") == 2
    with out.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["name"] for r in rows] == ["反", "'=cmd|' /C calc'!A0"]
    assert "in_use" in rows[1]["_detail"]
    rows[0] |= {"lon": "113.34", "lat": "23.14"}
    rows[1] |= {"status": "in_use"}
    with out.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    (summary,) = await retry_quarantine(layers_url, "iot_devices", corrected=out)
    assert (summary.loaded, summary.rejected.total()) == (2, 0)
    assert await db.fetchval("SELECT name FROM layer.iot_devices WHERE id = 'C'") == "=cmd|' /C calc'!A0"
    assert await list_quarantine(layers_url) == []
    assert await count_rows(db, "onemap.quarantine WHERE resolved_at IS NOT NULL") == 2


async def test_retry_with_a_declared_fix(layers_url, db, write):
    await load_file(layers_url, write("a.csv", BAD), "iot_devices")
    (summary,) = await retry_quarantine(layers_url, "iot_devices", fixes=frozenset({"swapped"}))
    assert (summary.loaded, dict(summary.rejected)) == (1, {"unknown_code": 1})
    assert await db.fetchval("SELECT ST_AsText(geom) FROM layer.iot_devices WHERE id = 'B'") == "POINT(113.33 23.13)"
    assert [e.record["id"] for e in await list_quarantine(layers_url)] == ["C"]


async def test_retry_keeps_the_system_that_the_first_file_was_in(layers_url, db, write):
    x, y = transform(np.array([[113.33, 23.13]]), 4490, 4547)[0]
    path = write("a.geojson", [feature(point(x, y), id="A", lon=7, lat=8, status="gone")])
    await load_file(layers_url, path, "iot_devices", LoadOptions(crs="EPSG:4547"))
    assert (await list_quarantine(layers_url))[0].reason == "unknown_code"
    await db.execute("UPDATE onemap.quarantine SET record = jsonb_set(record, '{status}', '\"in_use\"')")
    (summary,) = await retry_quarantine(layers_url, "iot_devices")
    assert summary.loaded == 1, summary
    lon, lat = await db.fetchrow("SELECT ST_X(geom), ST_Y(geom) FROM layer.iot_devices")
    assert (lon, lat) == pytest.approx((113.33, 23.13), abs=1e-7)


async def test_export_as_geojson(layers_url, write, tmp_path):
    path = write("a.geojson", [feature(point(23.13, 113.33), id="A", name="名")])
    await load_file(layers_url, path, "iot_devices")
    assert await export_quarantine(layers_url, tmp_path / "o.geojson", kind="geojson") == 1
    (found,) = json.loads((tmp_path / "o.geojson").read_text(encoding="utf-8"))["features"]
    assert found["geometry"] == {"type": "Point", "coordinates": [23.13, 113.33]}
    assert found["properties"]["_reason"] == "swapped"
    assert found["properties"]["name"] == "名"


async def test_nothing_waits(layers_url, tmp_path):
    with pytest.raises(NotFound, match="nothing of layer"):
        await retry_quarantine(layers_url, "iot_devices")
    assert await export_quarantine(layers_url, tmp_path / "o.csv") == 0


@given(st.text())
def test_no_cell_is_a_formula(text):
    safe = guarded(text)
    if safe[:1] in "=+-@\t\r" and safe:
        float(safe)
