"""The leak paths that must be closed (`domain.md` 7.4), each by its number, over HTTP, for readers of real roles.

Path 10, references to films and pictures, has its tests beside the references. The matrix proves the first seven for
every role, layer, field and row; here stands what each of them means.
"""

from __future__ import annotations

import csv
import io
from urllib.parse import quote

import orjson
import pytest

from layers.database.connection import connect
from layers.read.masks import mask_geometry
from layers.schema.tables import refresh_statistics
from tests.databases import run_async, temporary_database
from tests.rights.addresses import MOMENT, TILES
from tests.rights.changes import EPOCH
from tests.rights.conftest import definitions
from tests.rights.oracle import GEOM, seen
from tests.rights.service import serving
from twin.envelope.refused import Reason, Refused
from twin.feeds.xml import read_xml
from twin.store.purge import purge_past

HIDDEN = "contact_phone"  # of emergency_resources: grade 3


def items(layer):
    return f"/ogc/collections/{layer}/items?limit=100"


def visible(actors, rows, name, layer):
    """Return the rows of a layer that a reader may see, by the policy."""
    return [row for row in rows[layer] if seen(actors[name], definitions()[layer], row)]


def hidden(actors, rows, name, layer):
    """Return the rows of a layer that a reader may not see."""
    return [row for row in rows[layer] if not seen(actors[name], definitions()[layer], row)]


@pytest.mark.parametrize("name", ["anonymous", "grid_worker", "analyst"])
def test_path_01_what_is_hidden_can_be_neither_filtered_nor_sorted_by(name, served):
    asked = (f"filter={HIDDEN} LIKE '138%25'", f"{HIDDEN}=138", f"sortby={HIDDEN}", f"sortby=-{HIDDEN}")
    for parameter in asked:
        address = f"{items('emergency_resources')}&{parameter.replace(' ', '%20')}"
        assert served.ask(address, actor=name).status_code in {400, 403}, parameter
    for document in ("queryables", "schema", "sortables"):
        address = f"/ogc/collections/emergency_resources/{document}?f=json"
        assert HIDDEN not in served.json(address, actor=name)["properties"], document
        assert HIDDEN in served.json(address, actor="district_dispatcher")["properties"], document


@pytest.mark.parametrize("name", ["anonymous", "grid_worker", "department_officer"])
def test_path_02_numbers_and_validators_are_of_visible_rows_alone(name, served, actors, rows):
    for layer in ("events", "vehicles", "video_points"):
        number = len(visible(actors, rows, name, layer))
        counted = served.ask(f"{items(layer)}&resulttype=hits", actor=name)
        assert (counted.json()["numberMatched"] if counted.status_code == 200 else 0) == number, layer
    everybody = served.ask(items("events"), actor="grid_worker")
    assert everybody.status_code == 200
    assert "etag" not in everybody.headers


def test_path_03_tiles_are_masked_before_they_are_encoded_and_kept_apart_by_reader(served, actors, rows):
    address = "/tiles/vehicles,events/9/417/222.mvt"
    asked = [served.ask(address, actor=name) for name in ("district_dispatcher", "anonymous", "district_dispatcher")]
    assert [answer.status_code for answer in asked] == [200, 200, 200]
    assert asked[0].content == asked[2].content != asked[1].content
    assert "private" in asked[0].headers["cache-control"]
    for layer in ("vehicles", "events"):
        shown = {row["id"] for row in visible(actors, rows, "anonymous", layer)}
        told = [row["id"] for row in rows[layer] if _whole(row["id"]) in asked[1].content and row["id"] not in shown]
        assert told == []
        assert all(_whole(row["id"]) in asked[0].content for row in visible(actors, rows, "district_dispatcher", layer))


def _whole(text):
    """Return a text as a value of a tile: its length comes first, so that no longer one begins with it."""
    return bytes([len(text)]) + text.encode()


@pytest.mark.parametrize("name", ["anonymous", "grid_worker", "analyst"])
def test_path_04_streams_replays_and_errors_tell_no_more_than_items(name, served, actors, rows):
    for layer in ("events", "vehicles", "grid_workers"):
        shown = {row["id"] for row in visible(actors, rows, name, layer)}
        heard = {change["id"] for change in served.heard(name) if change["layer"] == layer}
        assert heard - shown <= {"the-last-of-all"}, layer
        replay = served.ask(f"/twin/replay?layers={layer}&from={MOMENT}&to={MOMENT}&step=1s", actor=name).text
        assert [row["id"] for row in hidden(actors, rows, name, layer) if f'"{row["id"]}"' in replay] == []
    fields = (HIDDEN, "no_such")
    asked = [served.ask(f"{items('emergency_resources')}&filter={field}%20=%20'1'", actor=name) for field in fields]
    errors = [answer.json()["description"].replace(field, "*") for answer, field in zip(asked, fields, strict=True)]
    assert errors[0] == errors[1], "a hidden field is told from one that does not exist"


def test_path_05_a_masked_point_does_not_travel_with_a_joinable_key(served, actors, rows):
    definition, analyst = definitions()["events"], actors["analyst"]
    joinable = {field.name for field in definition.fields if field.tells_place}
    assert joinable >= {"grid_code", "address"}
    features = {feature["id"]: feature for feature in served.json(items("events"), actor="analyst")["features"]}
    shown = [(row, seen(analyst, definition, row)) for row in visible(actors, rows, "analyst", "events")]
    masked = [features[row["id"]] for row, how in shown if how.fields[GEOM] == "cell_100"]
    assert masked
    for feature in masked:
        assert joinable & {name for name, value in feature["properties"].items() if value is not None} == set()
    corners = [feature["geometry"]["coordinates"] for feature in masked]
    assert run_async(_are_centres(served.url, corners)) == []


async def _are_centres(url, places):
    """Return the places that are not the centre of a cell of 100 m."""
    connection = await connect(url)
    try:
        point = "ST_SetSRID(ST_MakePoint(p.lon, p.lat), 4490)"
        return await connection.fetch(
            f"""SELECT p.lon, p.lat FROM unnest($1::float8[], $2::float8[]) AS p (lon, lat)
            WHERE ST_Distance({point}::geography, ({mask_geometry("cell_100", point)})::geography) > 0.1""",
            *([place[axis] for place in places] for axis in (0, 1)),
        )
    finally:
        await connection.close()


def test_path_06_small_counts_are_suppressed_and_polygons_cannot_be_subtracted(small):
    counted = "/twin/aggregate?layer=grid_workers&by=community&f=json"
    areas = {area["code"]: area["count"] for area in small.json(counted, actor="analyst")["areas"]}
    assert areas == {"440106011001": "<5", "440106011002": "*", "440106011003": 9}, "one alone could be subtracted"
    for narrower in ("filter=" + quote("id = 'W1'"), "by=h3:10", "by=square:250", "from=2026-11-01T10:00:00Z"):
        address = counted.replace("by=community", narrower) if narrower[:2] == "by" else f"{counted}&{narrower}"
        assert served_status(small, address) in {400, 403}, narrower


def test_path_06_what_is_public_cannot_be_subtracted_from_a_count_of_all(small):
    def counts(by, **more):
        return {
            area["code"]: area for area in small.json(f"/twin/aggregate?layer=events&by={by}&f=json", **more)["areas"]
        }

    shown = counts("community", actor="anonymous")
    assert {code: area["count"] for code, area in shown.items()} == {
        "440106011001": "*",  # the street's own count less the others would tell the next one
        "440106011002": "*",  # 8, of which everybody reads 6
        "440106011003": 9,
    }
    assert all(area["per_km2"] is None for area in shown.values() if area["count"] == "*")
    filtered = small.json("/twin/aggregate?layer=events&by=community&f=json&filter=" + quote("id IS NOT NULL"))
    assert [area["count"] for area in filtered["areas"]] == [1, 6, 0], "what he reads, he may ask anything of"
    exact = {code: area["count"] for code, area in counts("community", actor="district_dispatcher").items()}
    assert exact == {"440106011001": 7, "440106011002": 8, "440106011003": 9}


def served_status(service, address):
    """Return the status of an address for an analyst."""
    return service.ask(address, actor="analyst").status_code


@pytest.mark.parametrize("name", ["anonymous", "grid_worker", "street_dispatcher"])
def test_path_07_a_hidden_feature_is_answered_as_one_that_does_not_exist(name, served, actors, rows):
    for layer in ("events", "grid_workers"):
        for row in hidden(actors, rows, name, layer):
            one, other = (f"/ogc/collections/{layer}/items/{feature}" for feature in (row["id"], "events-999"))
            asked = [served.ask(address, actor=name) for address in (one, other)]
            assert [answer.status_code for answer in asked] == [404, 404]
            texts = [answer.text.replace(row["id"], "*").replace("events-999", "*") for answer in asked]
            assert _without_request(texts[0]) == _without_request(texts[1])


def _without_request(text):
    return {key: value for key, value in orjson.loads(text).items() if key not in {"request_id", "instance"}}


def test_path_08_bombs_are_refused_before_they_cost(served):
    corners = ", ".join(f"{n % 90} 1" for n in range(9_000))
    bombs = {
        "a polygon": f"filter={quote(f'S_INTERSECTS(geom, POLYGON(({corners})))')}",
        "parentheses": f"filter={quote('(' * 5_000 + 'id = 1' + ')' * 5_000)}",
        "a box of five numbers": "bbox=1,2,3,4,5",
        "a thousand fields": "properties=" + ",".join(f"f{n}" for n in range(1_000)),
    }
    addresses = {what: f"{items('events')}&{bomb}" for what, bomb in bombs.items()}
    answers = served.answers("anonymous", addresses.values())
    refused = {what for what, address in addresses.items() if answers[address][0] in {400, 413, 414}}
    assert refused == {*bombs}
    largest = served.ask(items("events").replace("limit=100", "limit=1000000"), actor="anonymous")
    assert largest.status_code == 400 or largest.json()["numberReturned"] <= 10_000


@pytest.mark.parametrize(
    "parameter",
    [
        "sortby=id;DROP TABLE layer.events",
        "sortby=(SELECT 1)",
        "properties=pg_sleep(10)",
        "filter=pg_sleep(10) = 1",
        "filter=name = 'x' OR 1=1; --",
        'filter="id"" OR TRUE OR """ = 1',
        "filter=id = 'x'' OR ''1''=''1'",
        "id=x' OR '1'='1",
    ],
)
def test_path_09_no_text_of_a_caller_becomes_sql(parameter, served):
    key, _, value = parameter.partition("=")
    answer = served.ask(f"{items('events')}&{key}={quote(value)}", actor="district_dispatcher")
    assert answer.status_code == 400 or answer.json()["features"] == []
    assert len(served.json(items("events"), actor="district_dispatcher")["features"]) > 1


@pytest.fixture
def small(cluster, layers_template, actors):
    """Two vehicles, one of which is a formula, and workers of three communities, served to every reader."""
    with temporary_database(cluster, layers_template) as url:
        run_async(_park(url))
        with serving(url, actors) as service:
            yield service


async def _park(url):
    connection = await connect(url)
    try:
        await connection.execute(
            """INSERT INTO layer.vehicles (id, plate_no, name, data_grade, geom)
            SELECT id, plate_no, name, 1, ST_SetSRID(ST_MakePoint(113.38, 23.11), 4490) FROM (
                VALUES ('V1', '=cmd|calc', '@SUM(1+1)'), ('V2', 'KEPT', 'kept')) AS v (id, plate_no, name)"""
        )
        await connection.execute(
            """INSERT INTO twin.position (layer, id, lon, lat, phenomenon_time)
            SELECT 'vehicles', id, 113.38, 23.11, $1 FROM layer.vehicles""",
            EPOCH,
        )
        for community, number in (("440106011001", 3), ("440106011002", 7), ("440106011003", 9)):
            await connection.execute(
                """INSERT INTO layer.communities (id, community_code, data_grade, geom)
                VALUES ($1, $1, 1, ST_SetSRID(ST_Multi(ST_MakeEnvelope(113.3, 23.1, 113.4, 23.2)), 4490))""",
                community,
            )
            await connection.execute(
                """INSERT INTO layer.grid_workers (id, area_code, data_grade)
                SELECT $1 || n, $1, 3 FROM generate_series(1, $2) AS n""",
                *(community, number),
            )
        for community, public, hidden in (("440106011001", 1, 6), ("440106011002", 6, 2), ("440106011003", 0, 9)):
            await connection.execute(
                """INSERT INTO layer.events (id, area_code, data_grade, geom)
                SELECT $1 || n, $1, CASE WHEN n > $2 THEN 2 ELSE 1 END,
                    ST_SetSRID(ST_MakePoint(113.35, 23.15), 4490) FROM generate_series(1, $2::int + $3::int) AS n""",
                *(community, public, hidden),
            )
        for layer in ("vehicles", "communities", "grid_workers", "events"):
            await refresh_statistics(connection, definitions()[layer])
    finally:
        await connection.close()


def test_path_11_what_is_deleted_is_gone_from_the_past_from_tiles_and_from_exports(small):
    held = (items("vehicles"), f"{items('vehicles')}&f=csv", f"/tiles/vehicles/{TILES[1]}.mvt")
    before = [small.ask(address, actor="district_dispatcher").content for address in held]
    assert all(b"V1" in body for body in before)
    assert run_async(_purge(small.url)) >= 1
    after = [small.ask(address, actor="district_dispatcher").content for address in held]
    assert not [body for body in after if b"V1" in body]
    assert all(b"V2" in body for body in after)
    assert small.ask("/ogc/collections/vehicles/items/V1", actor="district_dispatcher").status_code == 404


async def _purge(url):
    connection = await connect(url)
    try:
        await connection.execute("DELETE FROM layer.vehicles WHERE id = 'V1'")
        return await purge_past(connection, "vehicles", ["V1"])
    finally:
        await connection.close()


def test_path_12_no_cell_is_a_formula_and_no_xml_reaches_out(small):
    table = small.ask(f"{items('vehicles')}&f=csv", actor="district_dispatcher").content.decode("utf-8-sig")
    cells = [cell for row in csv.reader(io.StringIO(table)) for cell in row]
    assert "'=cmd|calc" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]
    reaching = b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>"
    with pytest.raises(Refused) as refused:
        read_xml(reaching)
    assert refused.value.reason == Reason.XML_DECLARATIONS


def test_every_other_path_has_its_test():
    numbers = {name.split("_")[2] for name in globals() if name.startswith("test_path_")}
    assert numbers == {f"{number:02}" for number in range(1, 13)} - {"10"}
