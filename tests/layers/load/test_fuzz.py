"""Any CSV is loaded or refused, every row is counted once, and the layer has only the rows that were counted."""

from __future__ import annotations

import asyncio
import csv
import io
import tempfile
from pathlib import Path

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layers.errors import OneMapError
from layers.load import load_file
from tests.databases import count_rows

cell = st.one_of(
    st.text(max_size=12),
    st.floats().map(str),
    st.sampled_from(
        ["113.33", "23.13", "113330000", "无", "None", "2026/6/8", "=1+1", "in_use", "\\.", "\\N", '"', "'"]
    ),
)
header = st.permutations(["id", "name", "status", "battery_pct", "install_date", "lon", "lat"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    header,
    st.lists(st.lists(cell, min_size=7, max_size=7), max_size=6),
    st.sampled_from(["append", "replace", "upsert"]),
)
def test_any_csv(layers_url, names, rows, mode):
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows(rows)
    asyncio.run(_check(layers_url, text.getvalue().encode("utf-8", "replace"), mode))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.sampled_from(["csv", "geojsonl", "txt"]))
def test_any_bytes(layers_url, content, suffix):
    asyncio.run(_check(layers_url, b"id,lon,lat\n" + content, "append", suffix))


async def _check(url: str, content: bytes, mode: str, suffix: str = "csv") -> None:
    connection = await asyncpg.connect(url)
    try:
        before = await count_rows(connection, "layer.iot_devices")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"a.{suffix}"
            path.write_bytes(content)
            try:
                summary = await load_file(url, path, "iot_devices", mode=mode)
            except OneMapError:
                assert await count_rows(connection, "layer.iot_devices") == before
                return
        assert summary.read == summary.loaded + summary.rejected.total()
        held = await connection.fetchval("SELECT count(*) FROM onemap.quarantine WHERE load_id = $1", summary.load_id)
        assert held == summary.rejected.total()
        after = await count_rows(connection, "layer.iot_devices")
        if mode == "append":
            assert after == before + summary.loaded
        elif mode == "replace" and summary.loaded:
            assert after == summary.loaded
    finally:
        await connection.close()
