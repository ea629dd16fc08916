"""A cache that asks `ChangedAreas` never shows what is old, and keeps whatever no change has touched."""

from __future__ import annotations

import random

import pytest

from layers.catalog import read_catalog
from layers.changed import ChangedAreas
from layers.database.connection import Role, connect, create_pool
from layers.definition import LayerDefinition
from layers.schema.tables import create_layer, drop_layer
from tests.databases import count_rows

pytestmark = pytest.mark.anyio
DOTS = LayerDefinition(
    id="dots",
    title_zh="点",
    title_en="Dots",
    geometry_type="Point",
    grade=1,
    synthetic=True,
    fields=({"name": "colour", "title_zh": "色", "title_en": "Colour", "type": "integer"},),
)
CELLS = [(113 + x, 23 + y, 114 + x, 24 + y) for x in range(4) for y in range(4)]
POINT = "ST_SetSRID(ST_MakePoint($2, $3), 4490)"


@pytest.fixture
async def dots(database_url):
    owner = await connect(database_url)
    await create_layer(owner, DOTS)
    pool = await create_pool(database_url, Role.READ, size=1)
    yield owner, pool, database_url
    await pool.close()
    await owner.close()


async def within(owner, box):
    return await owner.fetch(
        "SELECT id, colour, ST_X(geom), ST_Y(geom) FROM layer.dots WHERE geom && ST_MakeEnvelope($1, $2, $3, $4, 4490)"
        " ORDER BY id",
        *box,
    )


async def layer_now(owner, name="dots"):
    return (await read_catalog(owner))[name]


async def change(owner, chance):
    """Do one thing to the table, whatever comes; return the places where something was or is."""
    name, x, y = f"d{chance.randrange(12)}", 113 + chance.random() * 4, 23 + chance.random() * 4
    before = await owner.fetch("SELECT ST_X(geom), ST_Y(geom) FROM layer.dots WHERE id = $1", name)
    kind = chance.randrange(6)
    places = [tuple(row) for row in before]
    if kind <= 2:
        await owner.execute(
            f"INSERT INTO layer.dots (id, geom) VALUES ($1, {POINT})"
            " ON CONFLICT (id) DO UPDATE SET geom = excluded.geom",
            name,
            x,
            y,
        )
        return [*places, (x, y)]
    if kind == 3:
        await owner.execute("DELETE FROM layer.dots WHERE id = $1", name)
    elif kind == 4:
        await owner.execute("UPDATE layer.dots SET colour = coalesce(colour, 0) + 1 WHERE id = $1", name)
    else:
        await owner.execute("UPDATE layer.dots SET colour = colour WHERE id = $1", name)
        return []
    return places


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_called_current_is_and_what_is_not_touched_stays(dots, seed):
    owner, pool, _ = dots
    chance = random.Random(seed)
    areas = ChangedAreas(pool)
    kept = {}
    for _ in range(120):
        touched = await change(owner, chance)
        known = await areas.follow(await layer_now(owner))
        for box in CELLS:
            inside = any(box[0] <= x <= box[2] and box[1] <= y <= box[3] for x, y in touched)
            current = box in kept and areas.is_current("dots", kept[box][0], box)
            if box in kept:
                assert current is not inside
            if current:
                assert kept[box][1] == await within(owner, box)
            elif chance.random() < 0.7:
                kept[box] = known, await within(owner, box)
            else:
                kept.pop(box, None)


async def test_whatever_is_large_counts_as_everywhere(dots):
    owner, pool, _ = dots
    areas = ChangedAreas(pool)
    before = await areas.follow(await layer_now(owner))
    await owner.execute(
        "INSERT INTO layer.dots (id, geom) SELECT n::text, ST_SetSRID(ST_MakePoint(113.5, 23.5), 4490)"
        " FROM generate_series(1, 1001) AS n"
    )
    after = await areas.follow(await layer_now(owner))
    assert not areas.is_current("dots", before, CELLS[-1])
    assert areas.is_current("dots", after, CELLS[-1])
    await owner.execute("TRUNCATE layer.dots")
    await areas.follow(await layer_now(owner))
    assert not areas.is_current("dots", after, CELLS[-1])


async def test_another_layer_of_the_same_name_is_not_taken_for_it(dots):
    owner, pool, _ = dots
    areas = ChangedAreas(pool)
    before = await areas.follow(await layer_now(owner))
    await drop_layer(owner, "dots")
    await create_layer(owner, DOTS)
    await areas.follow(await layer_now(owner))
    assert not areas.is_current("dots", before, CELLS[0])


async def test_what_is_forgotten_counts_as_changed(dots):
    owner, pool, _ = dots
    areas = ChangedAreas(pool)
    first = await areas.follow(await layer_now(owner))
    for n in range(5):
        await owner.execute(f"INSERT INTO layer.dots (id, geom) VALUES ($1, {POINT})", f"d{n}", 113.5, 23.5)
    last = await areas.follow(await layer_now(owner))
    await owner.execute("SELECT onemap.forget_changed_areas('0 s', 2)")
    fresh = ChangedAreas(pool)
    await fresh.follow(await layer_now(owner))
    assert not fresh.is_current("dots", first, CELLS[-1])
    assert fresh.is_current("dots", last, CELLS[-1])
    assert await count_rows(owner, "onemap.changed_area WHERE layer = 'dots'") <= 2


async def test_a_layer_without_places_is_left_alone(database_url):
    owner = await connect(database_url)
    await create_layer(owner, DOTS.model_copy(update={"id": "words", "geometry_type": "None"}))
    await owner.execute("INSERT INTO layer.words (id) VALUES ('a')")
    assert await count_rows(owner, "onemap.changed_area WHERE layer = 'words'") == 1
    await owner.close()
