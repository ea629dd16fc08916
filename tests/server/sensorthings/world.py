"""Stations and devices with some days of observations, and the same in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from layers.database.connection import connect

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
DAYS = 4
STATIONS = ("W1", "W2", "W'3:x")  # a quote and a colon are letters of an id like any other
GAUGES = ("R1", "R2")
DEVICES = ("D1", "D2")
SECRET = "W9"  # of grade 4
_PLACES = {
    name: (113.30 + 0.01 * n, 23.10 + 0.005 * n) for n, name in enumerate((*STATIONS, *GAUGES, *DEVICES, SECRET))
}


def things():
    """Return the visible things: layer, id, name, longitude, latitude."""
    layers = {"water_level_stations": STATIONS, "rain_gauges": GAUGES, "iot_devices": DEVICES}
    return [(layer, name, f"站 {name}", *_PLACES[name]) for layer, names in layers.items() for name in names]


def series():
    """Return layer, id, property, unit, and step in minutes of every series of what is visible."""
    found = [("water_level_stations", name, "level_m", "m", 60) for name in STATIONS]
    found += [("water_level_stations", "W1", "flow_m3s", "m3/s", 180)]
    found += [("rain_gauges", name, "rain_mm", "mm", 60) for name in GAUGES]
    found += [("iot_devices", name, "noise_db", "dB[SPL]", 120) for name in DEVICES]
    return [*found, ("iot_devices", "D1", "online_status", None, 720)]


def observations():
    """Return layer, id, property, time, result and quality of every observation of what is visible."""
    random = Random(20261101)
    found = []
    for layer, name, code, _, step in series():
        for n in range(DAYS * 24 * 60 // step):
            value = round(random.uniform(-1, 6), 2) if code != "online_status" else random.choice(["online", "fault"])
            quality = random.choice(["good", "good", "suspect", None])
            found.append((layer, name, code, BEGIN + timedelta(minutes=step * n), value, quality))
    return found


async def fill(url):
    """Fill a database that has the layers."""
    connection = await connect(url)
    try:
        for day in range(DAYS):
            await connection.execute("SELECT twin.make_day($1)", (BEGIN + timedelta(days=day)).date())
        secret = ("water_level_stations", SECRET, f"站 {SECRET}", *_PLACES[SECRET])
        for layer, name, title, lon, lat in [*things(), secret]:
            await connection.execute(
                f"""INSERT INTO layer.{layer} (id, name, data_grade, geom)
                VALUES ($1, $2, $3, ST_SetSRID(ST_MakePoint($4, $5), 4490))""",
                name, title, 4 if name == SECRET else 2, lon, lat,
            )  # fmt: skip
        hidden = [("water_level_stations", SECRET, "level_m", BEGIN, 9.99, "good")]
        units = {(name, code): unit for _, name, code, unit, _ in series()}
        rows = [
            (name, code, at, *_written(value), units.get((name, code), "m"), quality)
            for _, name, code, at, value, quality in [*observations(), *hidden]
        ]
        corrected = [("W1", "level_m", BEGIN, -99.0, None, "m", "missing")]  # the version before counts no more
        await connection.executemany(_OLDER, corrected)
        await connection.executemany(_HISTORY, rows)
        await connection.execute(_NEWEST)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


def _written(value):
    return (None, value) if isinstance(value, str) else (value, None)


_COLUMNS = "id, property, phenomenon_time, value, value_text, unit, quality_flag"
_OLDER = f"INSERT INTO twin.observation ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)"
_HISTORY = f"INSERT INTO twin.observation ({_COLUMNS}, source_version) VALUES ($1, $2, $3, $4, $5, $6, $7, 2)"
_NEWEST = f"""INSERT INTO twin.observation_now ({_COLUMNS})
SELECT DISTINCT ON (id, property) {_COLUMNS} FROM twin.observation
ORDER BY id, property, phenomenon_time DESC, source_version DESC NULLS LAST"""
