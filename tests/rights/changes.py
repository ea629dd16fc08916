"""The log of a world: a change of every row, and a last one that everybody may hear."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.rights.oracle import GEOM

SPEED = "speed_kmh"
EPOCH = datetime(2026, 11, 1, tzinfo=UTC)
LAST = "the-last-of-all"


def changes(definitions, rows):
    """Return the changes of a world in their order."""
    of_rows = [_change(definition, row) for definition in definitions.values() for row in rows[definition.id]]
    public = {"kind": "event", "layer": "events", "id": LAST, "grade": 1, "source": "weather_warning"}
    return [*of_rows, public | {"phenomenon_time": EPOCH, "lon": 113.38, "lat": 23.11}]


def _change(definition, row):
    change = {"layer": definition.id, "id": row["id"], "grade": row["data_grade"], "phenomenon_time": EPOCH}
    change |= {name: row.get(name) for name in ("area_code", "grid_code")}
    if definition.motion is not None:
        lon, lat = row[GEOM]
        return change | {"kind": "position", "lon": lon, "lat": lat, SPEED: row[SPEED]}
    if definition.id == "events":
        lon, lat = row[GEOM]
        said = {name: row[name] for name in definition.by_name if row.get(name) is not None and name != "data_grade"}
        return said | change | {"kind": "event", "lon": lon, "lat": lat}
    place = [*row[GEOM], *row[GEOM]] if GEOM in row else None
    return change | {"kind": "feature", "operation": "update", "old": place, "new": place}
