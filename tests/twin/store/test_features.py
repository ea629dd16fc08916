from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.databases import count_rows
from tests.twin.envelopes import envelope
from tests.twin.fixture import lonlat
from twin.envelope.message import Reading
from twin.envelope.read import read_structured
from twin.jobs.upkeep import Upkeep
from twin.store.features import features
from twin.store.features.check import check_changes
from twin.store.features.claims import FieldClaims
from twin.store.placed import PlacedMessage

pytestmark = pytest.mark.anyio
NOON = datetime(2026, 6, 8, 4, tzinfo=UTC)
COUNTED = ("created_at", "version")  # they tell of the row's own life, not of the feature
HERE, THERE = lonlat(350, 350), lonlat(700, 350)


def change(what, subject, seconds=0, place=None, geometry=None, *, version=1, **properties):
    data = {"change": what}
    if what != "delete":
        data["properties"] = properties
    if place:
        data |= {"lon": place[0], "lat": place[1]}
    if geometry:
        data["geometry"] = geometry
    time = (NOON + timedelta(seconds=seconds)).isoformat()
    given = envelope("feature_change", data, subject=subject, time=time, id=f"{what}-{seconds}-{version}")
    return read_structured({**given, "version": version}, now=NOON)


async def put(connection, catalog, *messages):
    reading = Reading(list(messages))
    check_changes(reading, catalog)
    assert not reading.refused, reading.refused[0].detail
    async with connection.transaction():
        return await features.write(
            connection, catalog, [PlacedMessage(m, None, None, (), None) for m in reading.messages]
        )


async def row_of(connection, layer, name):
    found = await connection.fetchrow(f"SELECT * FROM layer.{layer} WHERE id = $1", name)
    return None if found is None else dict(found)


async def test_a_feature_is_made_changed_and_removed_with_everything_derived(ingest, catalog):
    made = await put(ingest, catalog, change("upsert", "video_points/N1", 0, HERE, name="新", camera_type="球机"))
    assert [(c["operation"], c["old"], c["area_code"]) for c in made] == [("create", None, "440106011001")]
    row = await row_of(ingest, "video_points", "N1")
    assert (row["grid_code"], row["camera_type"], row["version"]) == ("440106011001001", "1", 1)
    (moved,) = await put(ingest, catalog, change("patch", "video_points/N1", 5, THERE, hfov_deg=60, name=None))
    assert (moved["operation"], moved["old"]) == ("update", made[0]["new"])
    assert moved["new"][0] > moved["old"][0]
    row = await row_of(ingest, "video_points", "N1")
    assert (row["grid_code"], row["camera_type"], row["name"], row["version"]) == ("440106011002001", "1", None, 2)
    (gone,) = await put(ingest, catalog, change("delete", "video_points/N1", 6))
    assert (gone["operation"], gone["new"], gone["grade"]) == ("delete", None, 3)
    assert await row_of(ingest, "video_points", "N1") is None
    assert await count_rows(ingest, "twin.feature_change") == 3
    assert await ingest.fetchval("SELECT shapes_changed FROM twin.upkeep WHERE layer = 'video_points'")


async def test_a_loaded_feature_is_patched_and_what_is_nobodys_is_not_made(ingest, catalog):
    before = await row_of(ingest, "video_points", "C1")
    changes = await put(
        ingest,
        catalog,
        change("patch", "video_points/C1", 1, online_status="offline"),
        change("patch", "video_points/nobody", 1, online_status="offline"),
    )
    assert [c["id"] for c in changes] == ["C1"]
    after = await row_of(ingest, "video_points", "C1")
    assert {name for name in before if before[name] != after[name]} <= {"online_status", "version", "updated_at"}
    assert after["online_status"] == "offline"
    assert await row_of(ingest, "video_points", "nobody") is None


async def test_what_moves_is_told_where_it_is_and_its_row_beside(ingest, catalog):
    """Who sees positions is told by the place, the others by the row; a patch that moves the row says what it was."""
    await put(ingest, catalog, change("upsert", "vehicles/V9", 0, HERE, plate_no="粤A12345"))
    place = {"area_code": "440106012001", "grid_code": "440106012001001", "lon": 113.4, "lat": 23.2}
    await ingest.execute(
        "INSERT INTO twin.position_now (layer, id, phenomenon_time, area_code, grid_code, lon, lat)"
        " VALUES ('vehicles', 'V9', now(), $1, $2, $3, $4)",
        *place.values(),
    )
    (renamed,) = await put(ingest, catalog, change("patch", "vehicles/V9", 1, plate_no="粤A54321"))
    assert place.items() <= renamed.items()
    assert renamed["stored"] == {"area_code": "440106011001", "grid_code": "440106011001001"}
    assert renamed["before"]["plate_no"] == "粤A12345"
    assert renamed["row"]["plate_no"] == "粤A54321"
    assert "old" not in renamed, "nobody is told where its row has its place"
    (moved,) = await put(ingest, catalog, change("patch", "vehicles/V9", 2, THERE, capacity=3))
    assert place.items() <= moved.items()
    assert (moved["before"]["stored"], moved["stored"]["area_code"]) == (renamed["stored"], "440106011002")
    (gone,) = await put(ingest, catalog, change("delete", "vehicles/V9", 3))
    assert place.items() <= gone.items()


STORY = [
    change("upsert", "video_points/C1", 10, HERE, name="一", camera_type="1"),
    change("patch", "video_points/C1", 20, name="二"),
    change("patch", "video_points/C1", 20, name="三", version=2),
    change("delete", "video_points/C1", 30),
    change("patch", "video_points/C1", 40, mount_height_m=6),
    change("upsert", "video_points/C1", 50, THERE, camera_type="2"),
    change("patch", "video_points/C1", 60, name="四"),
]


@pytest.mark.parametrize("seed", range(3))
async def test_order_and_repetition_change_nothing(ingest, catalog, seed):
    numbers = random.Random(seed)
    names = [f.name for f in catalog["video_points"].definition.fields if f.has_column and f.name not in COUNTED]
    loaded = await row_of(ingest, "video_points", "C1")
    ends = []
    for length in (3, 4, 5, 7):
        told = STORY[:length]
        for sent in (told, numbers.sample([*told, *numbers.choices(told, k=3)], length + 3)):
            for part in itertools.batched(sent, numbers.randint(1, 4)):
                await put(ingest, catalog, *part)
            row = await row_of(ingest, "video_points", "C1")
            ends.append(None if row is None else {**{name: row[name] for name in names}, "geom": row["geom"]})
            await ingest.execute("DELETE FROM twin.feature_now; DELETE FROM twin.feature_change")
            await ingest.execute("DELETE FROM layer.video_points WHERE id = 'C1'")
            await restore(ingest, loaded)
        assert ends[-1] == ends[-2], length
    assert ends[2] is None
    assert ends[-1]["name"] == "四"


async def restore(connection, row):
    columns = ", ".join(f'"{name}"' for name in row)
    marks = ", ".join(f"${n}" for n in range(1, len(row) + 1))
    await connection.execute(f"INSERT INTO layer.video_points ({columns}) VALUES ({marks})", *row.values())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_words_are_the_same_in_whatever_order_they_come(data):
    told = data.draw(st.permutations(STORY))
    sorted_words, shuffled = FieldClaims(), FieldClaims()
    for message in STORY:
        sorted_words.add(message)
    for message in told:
        shuffled.add(message)
    assert (shuffled.made, shuffled.gone, shuffled.stamped) == (
        sorted_words.made,
        sorted_words.gone,
        sorted_words.stamped,
    )


async def test_what_follows_from_a_change_is_derived_later(ingest, catalog, fixture_copy_url):
    west, north = lonlat(0, 0), lonlat(410, 400)
    box = [[west[0], west[1]], [north[0], west[1]], [north[0], north[1]], [west[0], north[1]], [west[0], west[1]]]
    shape = {"type": "Polygon", "coordinates": [box]}
    version = await ingest.fetchval("SELECT version FROM onemap.layer WHERE id = 'grids'")
    await put(ingest, catalog, change("patch", "grids/440106011001001", 1, geometry=shape, name="改"))
    assert await ingest.fetchval("SELECT version FROM onemap.layer WHERE id = 'grids'") > version
    kind = await ingest.fetchval("SELECT GeometryType(geom) FROM layer.grids WHERE id = '440106011001001'")
    assert kind == "MULTIPOLYGON"
    before = await ingest.fetchval("SELECT camera_count FROM layer.urban_villages WHERE id = 'UV1'")
    await put(ingest, catalog, change("upsert", "video_points/N1", 1, HERE, name="新"))
    upkeep = Upkeep(fixture_copy_url, lambda: catalog)
    assert await upkeep.catch_up() == ["grids", "video_points"]
    assert await ingest.fetchval("SELECT camera_count FROM layer.urban_villages WHERE id = 'UV1'") == before + 1
    assert await ingest.fetchval("SELECT row_count FROM onemap.layer WHERE id = 'video_points'") == 7
    assert await upkeep.catch_up() == []


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        (change("upsert", "video_points/X", 0, (116.4, 39.9), name="x"), "outside the district"),
        (change("upsert", "video_points/X", 0, name="x"), "lon and lat"),
        (change("patch", "video_points/X", 0, colour="red"), "colour"),
        (change("patch", "video_points/X", 0, grid_code="1"), "computed here"),
        (change("patch", "video_points/X", 0, data_grade=1), "data_grade"),
        (change("patch", "video_points/X", 0, camera_type="飞船"), "camera_type"),
        (change("patch", "video_points/X", 0, mount_height_m="high"), "a number"),
        (change("patch", "video_points/X", 0, mount_height_m=[1]), "one value"),
        (change("patch", "video_points/X", 0, name="x" * 101), "at most 100"),
        (change("patch", "events/X", 0, title="x"), "kind event"),
        (change("patch", "nothing/X", 0, title="x"), "no layer"),
        (change("patch", "grids/X", 0, HERE, name="x"), "polygons"),
        (
            change(
                "patch",
                "video_points/X",
                0,
                geometry={"type": "LineString", "coordinates": [list(HERE), list(THERE)]},
                name="x",
            ),
            "points",
        ),
    ],
)
async def test_what_does_not_fit_the_layer_is_refused_whole(catalog, bad, word):
    reading = Reading([change("patch", "video_points/C1", 1, name="good"), bad])
    check_changes(reading, catalog)
    assert len(reading.messages) == 1
    (refused,) = reading.refused
    assert refused.index == 1
    assert word in refused.detail
    assert orjson.loads(refused.raw)["subject"] == bad.subject
