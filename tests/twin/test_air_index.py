"""The air quality index against the standard's own table, and what the map makes of what stations measure."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.air_index import SERIES, breakpoints, sub_index, sub_index_sql
from tests.twin.service import serving

INDEX = (0, 50, 100, 150, 200, 300, 400, 500)
TABLE = {  # HJ 633-2012, table 1: the oracle, apart from the file that the house reads
    ("so2", 24): (0, 50, 150, 475, 800, 1600, 2100, 2620),
    ("so2", 1): (0, 150, 500, 650, 800),
    ("no2", 24): (0, 40, 80, 180, 280, 565, 750, 940),
    ("no2", 1): (0, 100, 200, 700, 1200, 2340, 3090, 3840),
    ("pm10", 24): (0, 50, 150, 250, 350, 420, 500, 600),
    ("co", 24): (0, 2, 4, 14, 24, 36, 48, 60),
    ("co", 1): (0, 5, 10, 35, 60, 90, 120, 150),
    ("o3", 1): (0, 160, 200, 300, 400, 800, 1000, 1200),
    ("o3", 8): (0, 100, 160, 215, 265, 800),
    ("pm2_5", 24): (0, 35, 75, 115, 150, 250, 350, 500),
}
VECTORS = [  # of the domain reference, 2.6
    ("pm2_5", 24, 80, 107), ("pm2_5", 24, 35, 50), ("pm10", 24, 120, 85), ("o3", 8, 170, 110),
    ("no2", 24, 45, 57), ("co", 24, 0.9, 23), ("so2", 24, 10, 10), ("pm2_5", 24, 77.5, 104),
]  # fmt: skip


def test_the_file_holds_the_table():
    assert {key: tuple(float(bound) for bound, _ in steps) for key, steps in breakpoints().items()} == TABLE


@pytest.mark.parametrize(("pollutant", "hours"), TABLE)
def test_every_cell_of_the_table(pollutant, hours):
    for bound, index in zip(TABLE[pollutant, hours], INDEX, strict=False):
        assert sub_index(pollutant, hours, bound) == index
        is_last = bound == TABLE[pollutant, hours][-1]
        assert sub_index(pollutant, hours, bound + 0.001) == index + (not is_last)


@pytest.mark.parametrize(("pollutant", "hours", "value", "index"), VECTORS)
def test_vectors(pollutant, hours, value, index):
    assert sub_index(pollutant, hours, value) == index


@given(st.sampled_from(sorted(TABLE)), st.integers(0, 40_000), st.integers(0, 40_000))
def test_more_is_never_better_and_never_rounded_down(row, a, b):
    less, more = sorted((a / 10, b / 10))
    assert sub_index(*row, less) <= sub_index(*row, more)
    bounds = TABLE[row]
    if less < bounds[-1]:
        k = next(k for k in range(1, len(bounds)) if less <= bounds[k])
        exact = INDEX[k - 1] + (INDEX[k] - INDEX[k - 1]) * (less - bounds[k - 1]) / (bounds[k] - bounds[k - 1])
        assert exact - 1e-9 <= sub_index(*row, less) < exact + 1 + 1e-9


@pytest.fixture(scope="module")
def town(cluster, fixture_url):
    with serving(cluster, fixture_url) as running:
        yield running


def test_the_database_computes_the_same(town):
    values = sorted({bound + step for bounds in TABLE.values() for bound in bounds for step in (-0.1, 0, 0.1, 7.3)})
    for pollutant, hours in TABLE:
        listed = ", ".join(f"({value!r}::float8)" for value in values)
        wanted = [sub_index(pollutant, hours, value) for value in values]
        found = town.run(
            _fetch(town.url, f"SELECT {sub_index_sql(pollutant, hours, 'v.value')} FROM (VALUES {listed}) AS v (value)")
        )
        assert found == wanted


async def _fetch(url, statement):
    from layers.database.connection import connect  # noqa: PLC0415  # for this one helper

    connection = await connect(url)
    try:
        return [row[0] for row in await connection.fetch(statement)]
    finally:
        await connection.close()


NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = {series.property_code: (series.pollutant, series.period_h) for series in SERIES}


def station(town, name, level="national", **measured):
    """Put a station on the map that has measured something; a value alone is new, a pair says how many minutes ago."""
    place = "ST_SetSRID(ST_MakePoint(113.33, 23.14), 4490)"
    columns, values = "id, name, station_level, geom", f"'{name}', '{name}', '{level}', {place}"
    statements = [f"INSERT INTO layer.air_quality_stations ({columns}) VALUES ({values})"]
    for code, one in measured.items():
        value, ago_min = one if isinstance(one, tuple) else (one, 0)
        at = (NOW - timedelta(minutes=ago_min)).isoformat()
        text = f"NULL, '{value}'" if isinstance(value, str) else f"{'NULL' if value is None else value}, NULL"
        statements.append(
            f"INSERT INTO twin.observation_now (id, property, phenomenon_time, value, value_text) "
            f"VALUES ('{name}', '{code}', '{at}', {text})"
        )
    town.execute("; ".join([*statements, "SELECT onemap.touch('air_quality_stations')"]))
    return town.json(f"collections/air_quality_stations/items/{name}")["properties"]


def test_the_index_is_the_worst_of_what_is_measured(town):
    said = station(town, "A1", pm2_5=80, pm10=120, o3=170, no2=45, co=0.9, so2=10)
    parts = {code: sub_index(*HOUR[code], value) for code, value in said.items() if code in HOUR and value is not None}
    assert len(parts) == 6
    assert said["aqi"] == max(parts.values()) == 107
    assert (said["aqi_level"], said["primary_pollutant"]) == ("3", "pm2_5")
    assert datetime.fromisoformat(said["aqi_at"]) == NOW


@pytest.mark.parametrize(
    ("measured", "index", "level", "primary"),
    [
        ({}, None, None, None),
        ({"pm2_5": None}, None, None, None),
        ({"pm2_5": 77.5}, 104, "3", "pm2_5"),
        ({"pm2_5": 35}, 50, "1", "none"),
        ({"pm2_5": 35.1}, 51, "2", "pm2_5"),
        ({"pm2_5": 250.1}, 301, "6", "pm2_5"),
        ({"pm2_5": 9999}, 500, "6", "pm2_5"),
        ({"pm2_5": None, "no2": 100}, 50, "1", "none"),
        ({"pm2_5": 200, "pm2_5_24h": 30, "o3": 40}, 43, "1", "none"),  # the mean of a day is what the table is for
        ({"pm2_5": (200, 90), "o3": 40}, 13, "1", "none"),  # of another hour
        ({"so2": 2000}, 200, "4", "so2"),
        ({"so2": 2000, "so2_24h": 1700}, 320, "6", "so2"),
        ({"o3_8h": 170}, 110, "3", "o3"),
        ({"o3_8h": 900, "o3": 900}, 350, "6", "o3"),
        ({"aqi": 35, "primary_pollutant": "none", "pm2_5": (77.5, 5)}, 35, "1", "none"),
        ({"aqi": (35, 5), "primary_pollutant": ("none", 5), "pm2_5": 77.5}, 104, "3", "pm2_5"),
        ({"aqi": 35, "primary_pollutant": "none", "pm2_5": 77.5}, 35, "1", "none"),  # the station's own, of that time
    ],
)
def test_what_follows_from_some_of_it(town, request, measured, index, level, primary):
    said = station(town, f"B{abs(hash(request.node.name))}", **measured)
    assert (said["aqi"], said["aqi_level"], said["primary_pollutant"]) == (index, level, primary)


def test_a_micro_station_never_feeds_the_index(town):
    said = station(town, "M1", level="micro", pm2_5=77.5)
    assert (said["pm2_5"], said["aqi"], said["aqi_level"], said["primary_pollutant"]) == (77.5, None, None, None)


def test_the_index_can_be_asked_for_and_drawn(town):
    station(town, "C1", pm2_5=260)
    found = town.json("collections/air_quality_stations/items", filter="aqi > 250 AND name = 'C1'", sortby="-aqi")
    assert [f["properties"]["aqi"] for f in found["features"]] == [math.ceil(310)]
    assert town.json("collections/air_quality_stations/items", filter="aqi_level = '6'", limit=100)["numberMatched"] > 0
    assert town.json("/twin/snapshot", layers="air_quality_stations", bbox="113,23,114,24")["layers"]
