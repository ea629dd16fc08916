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
from layers.read.facts import observed_fields
from layers.schema.tables import refresh_statistics, table_of
from layers.tiers import TIER_OF_LAYER
from tests.rights.changes import EPOCH, SPEED, changes
from tests.rights.oracle import GEOM, seen
from tests.twin.change_log import write

OWN = ("440106011001", "440106011001001")
MEASURED = "measured"
"""The key of what a feature measured: a value of each property, another one where a field that it feeds is hidden."""
OTHER = ("440106012003", "440106012003002")
_BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
PLAIN = ("q{n}a", "q{n}b", "q{n}b")
TEXTS = {
    "name": ("张{n}甲", "张{n}乙", "李{n}丙"),
    "phone": ("138{n:04}1234", "138{n:03}91234", "139{n:04}4321"),
    "id_number": ("440106{n:08}1234", "440106{n:07}91234", "440107{n:08}4321"),
    "plate": ("粤A1{n}123", "粤A2{n}123", "粤B1{n}321"),
    "address": ("天河路{n}号5栋601房", "天河路{n}号6栋702房", "龙口路{n}号5栋601房"),
    "pseudonym": ("q{n}a", "q{n}a", "q{n}b"),
}
"""The value of a field that some rule masks; another one with the same mask; and one with another mask."""
VARIED = {
    "handler_id": ("W1", "W2"),
    "reporter_id": ("W1", "W2"),
    "worker_id": ("W1", "W2"),
    "on_duty": (True, False),
    "shared_with": (["street", "water"], ["police"]),
    "owner_org": ("水务局", "公安分局"),
    "lead_org": ("水务局", "公安分局"),
    "assist_orgs": (["城管局"], ["应急局"]),
    "source": ("hotline", "weather_warning"),
    "event_class": ("0105", "0701"),
    "level": ("community", "district"),
    "matter_prefix": ("", "04"),
    "feature_layer": ("water_facilities", "water_facilities"),
    "vehicle_kind": ("emergency_pump", "police"),
}
"""Values that rules test; a test holds the policy to them."""


def world(definitions, policy, actor=None):
    """Return the rows by layer of a world; with an actor, of the other one that it cannot tell apart from this."""
    made = {definition.id: list(_rows(definition, policy, actor)) for definition in definitions.values()}
    rows = {name: [row for row, _ in pairs] for name, pairs in made.items()}
    for definition in definitions.values():
        for field in definition.stored_fields:
            targets = [target for target in field.refers_to if target not in TIER_OF_LAYER and target in rows]
            if targets and field.name not in VARIED:
                _refer(made[definition.id], field, rows[targets[0]])
    return rows


def _refer(made, field, targets):
    """Let a field name features of another layer, of which some are hidden; where it is hidden itself, other ones."""
    for number, (row, shown) in enumerate(made):
        is_other = shown is not None and field.name not in shown
        named = targets[(number + is_other) % len(targets)]["id"]
        row[field.name] = [named] if field.type == "string_array" else named


def _rows(definition, policy, actor):
    """Yield every row, with how the actor is shown its fields; without an actor, None."""
    masks = _masks(definition, policy)
    varied = [name for name in VARIED if name in definition.by_name]
    places = product((OWN, OTHER), (1, 2, 3, 4), (0, 1) if varied else (0,))
    for number, (place, grade, choice) in enumerate(places, 1):
        deciding = _deciding(definition, place, grade, choice)
        if actor is None:
            row = {**deciding, "id": f"{definition.id}-{number}"}
            yield _filled(definition, row, None, number, masks), None
        else:
            how = seen(actor, definition, deciding)
            row = {**deciding, "id": f"{definition.id}-{number}{'' if how else 'b'}"}
            fields = how.fields if how else {}
            yield _filled(definition, row, fields, number, masks), fields


def _masks(definition, policy):
    """Return the mask that any rule names for a field, by its name."""
    rules = [rule for rule in policy.rules if definition.id in rule.layers]
    return {name: how for rule in rules for name, how in rule.fields.items() if how not in {"full", "absent"}}


def _deciding(definition, place, grade, choice):
    """Return the values that decide who sees a row; they are the same in both worlds."""
    area, grid = place
    fixed = {"area_code": area, "grid_code": grid, "data_grade": grade, "valid_from": None, "valid_to": None}
    row = {name: value for name, value in fixed.items() if name in definition.by_name}
    row |= {name: values[choice] for name, values in VARIED.items() if name in definition.by_name}
    if "grid_codes" in definition.by_name:
        row["grid_codes"] = [grid]
    if definition.id in TIER_OF_LAYER:
        tier = TIER_OF_LAYER[definition.id]
        code = area[: tier.digits]  # which is no secret; one area of every grade
        row.setdefault(f"{tier.name}_code", f"{code[:-1]}{(int(code[-1]) + grade - 1) % 10}")
    return {"data_grade": grade, **row, "id": "unknown"}


def _filled(definition, row, shown, number, masks):
    """Fill a row with values of no other cell; what is not shown, differs from what it is where nothing is said."""
    for place, field in enumerate(definition.stored_fields):
        if field.name not in row:
            row[field.name] = _value(field, number * 100 + place, _variant(shown, field.name), masks.get(field.name))
    if definition.geometry_type != "None":
        row[GEOM] = _place(number, _variant(shown, GEOM), (shown or {}).get(GEOM, "absent"))
    if definition.motion is not None:
        row[SPEED] = number + 50.0 * (_variant(shown, SPEED) > 0)
    row[MEASURED] = {
        code: number + 0.5 * any(_variant(shown, name) for name in names)
        for code, names in observed_fields(definition).items()
    }
    return row


def _variant(shown, name):
    """Return which value a field has: 0 as it is seen in full, 1 for another below the same mask, 2 for any other."""
    how = "full" if shown is None else shown.get(name, "absent")
    return {"full": 0, "absent": 2}.get(how, 1)


def _value(field, n, variant, mask):  # noqa: PLR0911  # a type each
    """Return a value of a field that no other cell has."""
    differs = int(variant > 0)
    match field.type:
        case "string":
            return TEXTS.get(mask, PLAIN)[variant].format(n=n)
        case "integer" | "number":
            return (n, n + 7, 0)[variant] if mask == "stock_class" else 1000 + n * 2 + differs
        case "boolean":
            return bool(differs)
        case "date":
            return date(2001, 1, 1) + timedelta(days=n + differs * 7)
        case "datetime":
            return _BEGIN + timedelta(days=n % 300, seconds=differs * 77)
        case "string_array":
            return [f"q{n}{'ab'[differs]}"]
        case _:
            return {"k": f"q{n}{'ab'[differs]}"}


def _place(number, variant, showing):
    """Return longitude and latitude; of a place shown by its cell, two in the same cell of 100 m.

    Rows of all grades lie within 80 m of each other: a hidden one is the nearest to its place, and not to others.
    """
    group, among = divmod(number - 1, 4)
    east, north = 435_500.0 + 1_000 * group + 30, 2_557_000.0 + 130 * (group % 7) // 100 * 100 + 15 + 20 * among
    shift = 0 if variant == 0 else 40 if showing.startswith("cell") else 170
    found = transform(np.array([[east + shift, north]], dtype=np.float64), 4547, 4490)
    return float(found[0, 0]), float(found[0, 1])


async def put(url, definitions, rows):
    """Fill the layers of a database that has them."""
    connection = await connect(url)
    try:
        async with connection.transaction():
            for definition in definitions.values():
                await _insert(connection, definition, rows[definition.id])
        for definition in definitions.values():
            await refresh_statistics(connection, definition)
    finally:
        await connection.close()
    await write(url, *changes(definitions, rows))


async def _insert(connection, definition, rows):
    kinds = {field.name: field.type for field in definition.stored_fields}
    columns = ["id", *kinds]
    places = [f"${n}" for n in range(1, len(columns) + 1)]
    given = [[row["id"], *(_stored(row[name], kind) for name, kind in kinds.items())] for row in rows]
    if definition.geometry_type != "None":
        columns.append("geom")
        places.append(_shape(definition, f"${len(columns)}::float8", f"${len(columns) + 1}::float8"))
        given = [[*values, *row[GEOM]] for values, row in zip(given, rows, strict=True)]
    named = ", ".join(f'"{name}"' for name in columns)
    await connection.executemany(f"INSERT INTO {table_of(definition.id)} ({named}) VALUES ({', '.join(places)})", given)
    if definition.motion is not None:
        await connection.executemany(
            """INSERT INTO twin.position_now (layer, id, lon, lat, phenomenon_time, speed_kmh, area_code, grid_code)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)""",
            [_position(definition, row) for row in rows],
        )
        await connection.executemany(
            """INSERT INTO twin.position
                (layer, id, lon, lat, phenomenon_time, speed_kmh, area_code, grid_code, ingested_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $5)""",
            [_position(definition, row, minutes) for row in rows for minutes in range(3)],
        )
    await connection.executemany(
        "INSERT INTO twin.observation (id, property, phenomenon_time, value, ingested_at) VALUES ($1, $2, $3, $4, $3)",
        [(row["id"], code, EPOCH, value) for row in rows for code, value in row[MEASURED].items()],
    )
    if definition.id == "events":
        await connection.executemany(
            """INSERT INTO twin.event_version (event_id, phenomenon_time, source_version, record, ingested_at)
            VALUES ($1, $2, 1, $3, $2)""",
            [(row["id"], EPOCH, _record(definition, row)) for row in rows],
        )


def _record(definition, row):
    """Return what a feed said of an event: all of its row."""
    said = {field.name: row[field.name] for field in definition.stored_fields if row[field.name] is not None}
    lon, lat = row[GEOM]
    return orjson.dumps(said | {"lon": lon, "lat": lat}).decode()


def _position(definition, row, minutes=0):
    lon, lat = row[GEOM]
    at = EPOCH + timedelta(minutes=minutes)
    return definition.id, row["id"], lon, lat, at, row[SPEED], row["area_code"], row["grid_code"]


def _stored(value, kind):
    return orjson.dumps(value).decode() if kind == "json" and value is not None else value


def _shape(definition, x, y):
    kind = definition.geometry_type
    single = kind.removeprefix("Multi")
    shape = {
        "LineString": f"ST_MakeLine(ST_MakePoint({x}, {y}), ST_MakePoint({x} + 0.0005, {y}))",
        "Polygon": f"ST_MakeEnvelope({x}, {y}, {x} + 0.0005, {y} + 0.0005)",
    }.get(single, f"ST_MakePoint({x}, {y})")
    return f"ST_SetSRID({shape if kind == single else f'ST_Multi({shape})'}, 4490)"
