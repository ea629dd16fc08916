"""Counts by area: each is the number of items of the same filter, for everybody; and areas with nothing are there."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import h3
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.database.connection import connect
from layers.definition import read_definitions
from tests.twin.service import serving
from twin.aggregate.answer import Counts, properties
from twin.aggregate.suppression import counting

ALL_TIMES = ("2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z")


@pytest.fixture(scope="module")
def district(cluster, district_template):
    """The application over the synthetic district, with rows of several grades."""
    with serving(cluster, district_template, _happen) as running:
        yield running


async def _happen(url):
    """Let 4,000 events happen in the nine weeks before the middle of June, in some of the grids."""
    connection = await connect(url)
    await connection.execute(HAPPENED)
    await connection.close()


HAPPENED = """
INSERT INTO layer.events (id, geom, grid_code, area_code, urban_village_ids, source, event_class, severity, stage,
    occurred_at, closed_at, due_at, data_grade)
SELECT 'e' || n, ST_PointOnSurface(g.geom), g.grid_code, left(g.grid_code, 12),
    (SELECT array_agg(v.id ORDER BY v.id) FROM layer.urban_villages AS v WHERE ST_Intersects(v.geom, g.geom)),
    (ARRAY['hotline', 'grid_case', 'iot_alarm'])[1 + n % 3], (ARRAY['0101', '0102', '0406', NULL])[1 + n % 4],
    (1 + n % 3)::text, (ARRAY['closed', 'handle', 'file', 'merged', 'verify'])[1 + n % 5],
    '2026-06-17T00:00:00Z'::timestamptz - (n * 7919 % 5443200) * interval '1 second',
    CASE WHEN n % 5 = 0 THEN '2026-06-18T00:00:00Z'::timestamptz END,
    '2026-06-18T00:00:00Z'::timestamptz + (n % 7 - 3) * interval '1 year', 1 + n % 4
FROM generate_series(1, 4000) AS n JOIN (
    SELECT *, row_number() OVER (ORDER BY grid_code) AS place, count(*) OVER () AS all_of_them FROM layer.grids
) AS g ON g.place = 1 + (n * n) % (g.all_of_them / 2)
"""


@pytest.fixture(scope="module")
def codes(district):
    """Codes of grids, the street of the first, and ids of urban villages."""
    grids = district.json("collections/grids/items", actor="operator", limit=1000)["features"]
    named = sorted(f["properties"]["grid_code"] for f in grids)
    villages = district.json("collections/urban_villages/items", actor="operator", limit=1000)["features"]
    return named, sorted(f["id"] for f in villages)


FILTERS = st.sampled_from(
    [
        None,
        "event_class LIKE '01%'",
        "stage = 'closed' OR severity = '1'",
        "source IN ('hotline', 'iot_alarm') AND NOT stage = 'handle'",
        "occurred_at > TIMESTAMP('2020-01-01T00:00:00Z')",
        "event_class IS NULL",
    ]
)
ACTORS = st.sampled_from(["anonymous", "operator", "officer"])
MEMBERS = {
    "grid": "grid_code = '{}'",
    "community": "area_code = '{}'",
    "street": "area_code LIKE '{}%'",
    "district": "area_code LIKE '{}%'",
    "urban_village": "A_CONTAINS(urban_village_ids, ('{}'))",
}


def aggregate(district, **asked):
    answer = district.ask("/twin/aggregate", **asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def items(district, layer, where, actor):
    filters = " AND ".join(f"({part})" for part in where if part)
    asked = {"filter": filters} if filters else {}
    return district.json(f"collections/{layer}/items", actor=actor, resulttype="hits", **asked)["numberMatched"]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(by=st.sampled_from(sorted(MEMBERS)), where=FILTERS, actor=ACTORS, pick=st.integers(0, 10**6))
@example(by="grid", where=None, actor="operator", pick=0)
def test_a_count_is_that_of_the_items(district, by, where, actor, pick):
    asked = {"filter": where} if where else {}
    found = aggregate(district, layer="events", by=by, actor=actor, f="json", **asked)
    assert found["matched"] == items(district, "events", [where], actor)
    if by in {"grid", "district"} and found["areas"]:
        assert sum(area["count"] for area in found["areas"]) <= found["matched"]
    busy = [area for area in found["areas"] if area["count"]] or found["areas"]
    for area in (busy[pick % len(busy)], found["areas"][pick % len(found["areas"])]) if busy else ():
        member = MEMBERS[by].format(area["code"])
        assert area["count"] == items(district, "events", [where, member], actor)
        late = "closed_at IS NULL AND (stage IS NULL OR stage NOT IN ('closed', 'evaluate', 'merged', 'voided'))"
        assert area["open"] == items(district, "events", [where, member, late], actor)


@pytest.mark.parametrize("actor", ["officer", "grid_worker", "neighbour"])
def test_whoever_has_an_area_counts_in_it_only(twin, actor):
    found = aggregate(twin, layer="events", by="grid", actor=actor, f="json")
    assert {area["code"] for area in found["areas"]} == {
        "officer": {"440106011001001", "440106011001002"},
        "grid_worker": {"440106011001001"},
        "neighbour": set(),
    }[actor]
    assert found["matched"] == items(twin, "events", [], actor)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.none() | st.integers(-9 * 7 * 288, 0),
    length=st.none() | st.integers(1, 30 * 288),
    by=st.sampled_from(["grid", "community", "street", "district"]),
    actor=ACTORS,
)
def test_the_roll_ups_say_what_the_rows_say(district, start, length, by, actor):
    five, now = timedelta(minutes=5), datetime(2026, 6, 17, tzinfo=UTC)
    begin = None if start is None else now + start * five
    end = None if length is None else (begin or now - 30 * timedelta(days=1)) + length * five
    span = {name: at.isoformat() for name, at in (("from", begin), ("to", end)) if at is not None}
    asked = {"layer": "events", "by": by, "actor": actor, "f": "json", **span}
    rolled, counted = aggregate(district, **asked), aggregate(district, filter="id IS NOT NULL", **asked)
    assert rolled["areas"] == counted["areas"]
    assert rolled["matched"] == counted["matched"]


def test_every_area_is_there_with_its_shape_and_size(district, codes):
    found = aggregate(district, layer="events", by="grid", actor="operator", filter="title = 'nothing at all'")
    assert found["matched"] == 0
    assert [f["properties"]["code"] for f in found["features"]] == codes[0]
    assert {f["properties"]["count"] for f in found["features"]} == {0}
    assert all(f["geometry"]["type"] == "MultiPolygon" for f in found["features"])
    assert all(f["properties"]["area_km2"] > 0 for f in found["features"])
    assert found["features"][0]["properties"]["baseline_mean"] is None


@pytest.mark.parametrize(
    ("layer", "by"),
    [("video_points", "square:250"), ("buildings", "square:500"), ("emergency_resources", "h3:8"),
     ("buildings", "urban_village")],
)  # fmt: skip
def test_features_of_any_layer_lie_in_cells_and_villages(district, layer, by):
    found = aggregate(district, layer=layer, by=by, actor="operator", f="json")
    total = items(district, layer, [], "operator")
    assert found["matched"] == total
    placed = sum(area["count"] for area in found["areas"])
    assert placed == total if by != "urban_village" else placed <= total
    assert by == "urban_village" or any(area["count"] == 0 for area in found["areas"])


def test_a_cell_holds_the_points_that_the_library_says(district):
    found = aggregate(district, layer="video_points", by="h3:9", actor="operator", f="json")
    points = district.json("collections/video_points/items", actor="operator", limit=10000)["features"]
    expected: dict[str, int] = {}
    for point in points:
        lon, lat = point["geometry"]["coordinates"]
        cell = h3.latlng_to_cell(lat, lon, 9)
        expected[cell] = expected.get(cell, 0) + 1
    assert {area["code"]: area["count"] for area in found["areas"] if area["count"]} == expected


def test_the_baseline_is_the_same_span_of_eight_weeks(district):
    start = datetime(2026, 6, 8, 2, tzinfo=UTC)
    span = "occurred_at >= TIMESTAMP('{}') AND occurred_at < TIMESTAMP('{}')"
    for hours in (6, 24 * 9):
        end = start + timedelta(hours=hours)
        asked = {"from": start.isoformat(), "to": end.isoformat()}
        found = aggregate(district, layer="event", by="district", actor="operator", f="json", **asked)
        (area,) = found["areas"]
        member = f"area_code LIKE '{area['code']}%'"

        def number(weeks, end=end, member=member):
            back = timedelta(days=7 * weeks)
            text = span.format((start - back).strftime(FORM), (end - back).strftime(FORM))
            return items(district, "events", [text, member], "operator")

        past = [number(weeks) for weeks in range(1, 9)]
        mean = sum(past) / 8
        spread = (sum(n * n for n in past) / 8 - mean * mean) ** 0.5
        assert area["count"] == number(0)
        assert area["baseline_mean"] == pytest.approx(mean, abs=1e-3)
        assert area["z_score"] == (pytest.approx((number(0) - mean) / spread, abs=1e-3) if spread else None)


FORM = "%Y-%m-%dT%H:%M:%SZ"


def test_the_same_as_a_table_for_spreadsheets(district):
    answer = district.ask("/twin/aggregate", layer="events", by="street", f="csv", actor="operator")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    found = aggregate(district, layer="events", by="street", f="json", actor="operator")
    assert [row["count"] for row in rows] == [str(area["count"]) for area in found["areas"]]


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"layer": "events", "by": "country"}, "square"),
        ({"layer": "events", "by": "square:99"}, "square"),
        ({"layer": "events", "by": "h3:10"}, "h3:8"),
        ({"layer": "events", "filter": "nothing = 1"}, "nothing"),
        ({"layer": "events", "from": "yesterday"}, "from"),
        ({"layer": "events", "from": "2026-06-08T10:00:00Z", "to": "2026-06-08T09:00:00Z"}, "later"),
        ({"layer": "buildings", "from": "2026-06-08T10:00:00Z"}, "no time"),
    ],
)
def test_what_cannot_be_asked(twin, asked, word):
    answer = twin.ask("/twin/aggregate", **asked)
    assert answer.status_code == 400
    assert word in answer.json()["detail"]
    assert twin.ask("/twin/aggregate", layer="nothing").status_code == 404
    assert twin.ask("/twin/aggregate", layer="grid_workers", actor="public").status_code == 404


def test_a_few_persons_are_not_told_to_those_below_an_officer():
    workers = Layer(read_definitions()["grid_workers"], 1, datetime.now(UTC), lowest_grade=2)
    catalog = Catalog({"grid_workers": workers})
    assert counting(catalog, "grid_workers", Actor("guest", clearance=2)).least == 5
    assert counting(catalog, "grid_workers", Actor("officer", clearance=3)).least == 1
    row = {"key": "1", "name": "一", "open": 1, "overdue": 1, "km2": 2.0, "people": 100.0, "mean": 1.0, "squares": 2.0}
    for count in range(7):
        rows = [{**row, "count": count}]
        shown = properties(Counts(rows, count, least=5), rows[0])
        assert shown["count"] == ("<5" if count in {1, 2, 3, 4} else count)
        assert (shown["per_km2"] is None) == (count in {1, 2, 3, 4})
