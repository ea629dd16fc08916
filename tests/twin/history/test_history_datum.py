"""Tracks, rows and replays of history in GCJ-02 and BD-09: pages, streams of all rows, and files."""

from __future__ import annotations

import io
from itertools import chain, cycle
from urllib.parse import parse_qs, urlsplit

import openpyxl
import orjson
import pyarrow.parquet as pq
import pytest

from layers.coordinates.datum import DATUMS
from tests.twin.answer_datum import OF_HISTORY, assert_declared, assert_same, read_answer

ROWS = "/twin/positions?layers=vehicles&from=2026-06-08T00:00:00%2B08:00&to=2026-06-09T00:00:00%2B08:00"
TRACK = ROWS.replace("positions?layers=vehicles", "features/vehicles/V1/track?simplify_m=20")


@pytest.mark.parametrize(("path", "datum"), [*zip(chain(*OF_HISTORY.values()), cycle(DATUMS), strict=False)])
def test_history(history, path, datum):
    plain, shifted = history.ask(path), history.ask(f"{path}&answer_crs={datum}")
    assert shifted.status_code == 200, shifted.text
    f = "ndjson" if "/replay" in path else parse_qs(urlsplit(path).query).get("f", ["json"])[0]
    assert_same(read_answer(plain.content, f), read_answer(shifted.content, f), datum)
    assert_declared(shifted, datum)
    assert "content-crs" not in plain.headers
    if f not in {"parquet", "arrow"}:
        assert datum in shifted.text.splitlines()[-1]
        assert datum not in plain.text


@pytest.mark.parametrize("path", [ROWS, f"{ROWS}&limit=5", TRACK])
def test_a_file_says_its_datum_or_is_refused(history, path):
    stored = pq.read_metadata(io.BytesIO(history.ask(f"{path}&f=parquet&answer_crs=gcj02").content)).metadata
    assert orjson.loads(stored[b"geo"])["columns"]["geometry"]["crs"] is None
    assert orjson.loads(stored[b"onemap"])["datum"] == "gcj02"
    book = openpyxl.load_workbook(io.BytesIO(history.ask(f"{path}&f=xlsx&answer_crs=gcj02").content), read_only=True)
    names, row, *_ = book.active.iter_rows(values_only=True)
    assert dict(zip(names, row, strict=True))["datum"] == "gcj02"
    for f in ("flatgeobuf", "gpkg"):
        answer = history.ask(f"{path}&f={f}&answer_crs=gcj02")
        assert answer.status_code == 400
        assert "answer_crs=gcj02 take f=" in answer.text


@pytest.mark.parametrize("datum", DATUMS)
def test_a_box_and_a_filter_select_in_the_datum_of_the_answer(history, datum):
    first = f"{ROWS}&limit=1&answer_crs={datum}"
    (row,) = history.json(first)["rows"]
    x, y = row["lon"], row["lat"]
    near = f"bbox={x - 1e-6},{y - 1e-6},{x + 1e-6},{y + 1e-6}"
    by_filter = f"filter=S_DWITHIN(geom,POINT({x}%20{y}),0.2)"
    assert row in history.json(f"{ROWS}&answer_crs={datum}&{near}&bbox-crs={datum}")["rows"]
    assert row in history.json(f"{ROWS}&answer_crs={datum}&{by_filter}&filter-crs={datum}")["rows"]
    assert not history.json(f"{ROWS}&{near}")["rows"]
    assert not history.json(f"{ROWS}&{by_filter}")["rows"]
    answer = history.ask(f"{ROWS}&bbox-crs={datum}")
    assert (answer.status_code, "without a bbox" in answer.text) == (400, True)
