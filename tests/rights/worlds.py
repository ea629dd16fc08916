"""Two worlds that differ only in what a role may not see.

Every layer has rows of all grades, inside and outside of the role's areas, its own and others'. In the second world
each value that the role does not see is another one; a value it sees masked differs where the mask hides it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import product

import numpy as np
import orjson

from layers.coordinates.crs import transform
from layers.database.connection import connect
from layers.schema.tables import refresh_statistics, sync_definitions, table_of
from tests.rights.oracle import GEOM, seen

AREA_LAYERS = {"districts", "streets", "communities", "grids"}  # whose codes are no secret
OWN = ("440106011001", "440106011001001")
OTHER = ("440106012003", "440106012003002")
_BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
TEXTS = {
    "name": ("张{n}甲", "张{n}乙"),
    "phone": ("138{n:04}1234", "138{n:03}91234"),
    "id_number": ("440106{n:08}1234", "440106{n:07}91234"),
    "plate": ("粤A1{n}123", "粤A2{n}123"),
    "address": ("天河路{n}号5栋601房", "天河路{n}号6栋702房"),
}
VARIED = {
    "handler_id": ("W1", "W2"),
    "worker_id": ("W1", "W2"),
    "on_duty": (True, False),
    "shared_with": (["street", "water"], ["police"]),
    "owner_org": ("水务局", "公安分局"),
    "lead_org": ("水务局", "公安分局"),
    "assist_orgs": (["城管局"], ["应急局"]),
    "source": ("hotline", "weather_warning"),
    "event_class": ("0105", "0701"),
    "vehicle_kind": ("emergency_pump", "police"),
}
"""Values that rules test; a test holds the policy to them."""


EPOCH = datetime(2026, 11, 1, tzinfo=UTC)


def worlds(definitions, actor):
    """Return the rows by layer of two worlds that the actor cannot tell apart."""
    pairs = {definition.id: list(_pairs(definition, actor)) for definition in definitions.values()}
    for definition in definitions.values():
        for field in definition.stored_fields:
            if field.refers_to and field.name not in VARIED and not {*field.refers_to} & AREA_LAYERS:
                _refer(pairs[definition.id], field, pairs)
    return tuple({name: [pair[side] for pair in rows] for name, rows in pairs.items()} for side in (0, 1))


def _refer(rows, field, pairs):
    """Let a field name a feature that the actor may not see, which has another id in each world."""
    hidden = next(
        (pair for target in field.refers_to for pair in pairs.get(target, ()) if pair[0]["id"] != pair[1]["id"]), None
    )
    for pair in rows:
        for row, other in zip(pair, hidden or (None, None), strict=True):
            named = None if other is None else other["id"]
            row[field.name] = [named] if named and field.type == "string_array" else named


def _pairs(definition, actor):
    varied = [name for name in VARIED if name in definition.by_name]
    places = product((OWN, OTHER), (1, 2, 3, 4), (0, 1) if varied else (0,))
    for number, (place, grade, choice) in enumerate(places, 1):
        deciding = _deciding(definition, place, grade, choice)
        shown = seen(actor, definition, deciding)
        yield [_row(definition, deciding, shown, number, variant) for variant in (0, 1)]


def _deciding(definition, place, grade, choice):
    """Return the values that decide who sees a row; they are the same in both worlds."""
    area, grid = place
    fixed = {"area_code": area, "grid_code": grid, "data_grade": grade, "valid_from": None, "valid_to": None}
    row = {name: value for name, value in fixed.items() if name in definition.by_name}
    row |= {name: values[choice] for name, values in VARIED.items() if name in definition.by_name}
    if "grid_codes" in definition.by_name:
        row["grid_codes"] = [grid]
    return {"data_grade": grade, **row, "id": "unknown"}


def _row(definition, deciding, shown, number, variant):
    fields = shown.fields if shown else {}
    row = dict(deciding)
    row["id"] = f"{definition.id}-{number}{'' if shown else 'ab'[variant]}"
    for place, field in enumerate(definition.stored_fields):
        showing = fields.get(field.name, "absent")
        if field.name not in deciding:
            row[field.name] = _value(field, number * 100 + place, 0 if showing == "full" else variant, showing)
    if definition.geometry_type != "None":
        showing = fields.get(GEOM, "absent")
        row[GEOM] = _place(number, 0 if showing == "full" else variant, showing)
    return row


def _value(field, n, variant, showing):  # noqa: PLR0911  # a type each
    """Return a value of a field that no other cell has; with the other variant, one that shows the same."""
    match field.type:
        case "string":
            texts = TEXTS.get(showing) or (("q{n}a", "q{n}b") if showing != "pseudonym" else ("q{n}a", "q{n}a"))
            return texts[variant].format(n=n)
        case "integer" | "number":
            return (5, 7)[variant] if showing == "stock_class" else 1000 + n * 2 + variant
        case "boolean":
            return bool(variant)
        case "date":
            return date(2001, 1, 1) + timedelta(days=n + variant * 7)
        case "datetime":
            return _BEGIN + timedelta(days=n % 300, seconds=variant * 77)
        case "string_array":
            return [f"q{n}{'ab'[variant]}"]
        case _:
            return {"k": f"q{n}{'ab'[variant]}"}


def _place(number, variant, showing):
    """Return longitude and latitude; of a place shown by its cell, two in the same cell of 100 m."""
    east, north = 435_000 + 700.0 * number, 2_557_000 + 130.0 * (number % 7)
    metres = (east // 500 * 500 + 30, north // 500 * 500 + 30)  # well inside
    shift = (40 if showing.startswith("cell") else 170) * variant
    found = transform(np.array([[metres[0] + shift, metres[1]]], dtype=np.float64), 4547, 4490)
    return float(found[0, 0]), float(found[0, 1])


async def put(url, definitions, rows):
    """Make every layer of a database and fill it."""
    await sync_definitions(url)
    connection = await connect(url)
    try:
        for definition in definitions.values():
            for row in rows[definition.id]:
                await _insert(connection, definition, row)
            await refresh_statistics(connection, definition)
    finally:
        await connection.close()


async def _insert(connection, definition, row):
    stored = {field.name: field.type for field in definition.stored_fields}
    values = {name: _stored(row[name], stored[name]) for name in stored}
    columns = ['"id"', *(f'"{name}"' for name in values)]
    places = [f"${n}" for n in range(1, len(columns) + 1)]
    given = [row["id"], *values.values()]
    if GEOM in row:
        columns.append("geom")
        places.append(f"{_shape(definition)}")
        lon, lat = row[GEOM]
        places[-1] = places[-1].format(x=f"({lon!r})", y=f"({lat!r})")
    await connection.execute(
        f"INSERT INTO {table_of(definition.id)} ({', '.join(columns)}) VALUES ({', '.join(places)})", *given
    )
    if definition.motion is not None:
        await connection.execute(
            """INSERT INTO twin.position_now (layer, id, lon, lat, phenomenon_time, speed_kmh, area_code, grid_code)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)""",
            *(definition.id, row["id"], *row[GEOM], EPOCH, row[GEOM][0] - 100, row["area_code"], row["grid_code"]),
        )


def _stored(value, kind):
    return orjson.dumps(value).decode() if kind == "json" and value is not None else value


def _shape(definition):
    point = "ST_MakePoint({x}, {y})"
    shapes = {
        "Point": point,
        "MultiPoint": f"ST_Multi({point})",
        "LineString": "ST_MakeLine(ST_MakePoint({x}, {y}), ST_MakePoint({x} + 0.0005, {y}))",
        "Polygon": "ST_MakeEnvelope({x}, {y}, {x} + 0.0005, {y} + 0.0005)",
    }
    kind = definition.geometry_type
    shape = (
        shapes.get(kind) or f"ST_Multi({shapes[kind.removeprefix('Multi')]})"
        if kind.removeprefix("Multi") in shapes
        else point
    )
    return f"ST_SetSRID({shape}, 4490)"
