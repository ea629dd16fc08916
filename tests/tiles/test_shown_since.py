"""Since when a layer shows what it shows at a moment: a tile as of then is that of the moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from layers.actor import OPERATOR, Actor
from layers.definition import FieldDefinition
from layers.layer_rights import rights_of
from layers.moment import Moment
from layers.read.learned.shown_since import ALWAYS, ShownSince
from layers.schema.tables import create_layer
from tests.running_app import OPERATOR as OPERATOR_HEADER
from tests.tiles.conftest import LAMPS
from tests.tiles.test_past import HERE, THERE, drawn, moment_of

pytestmark = pytest.mark.anyio
PUBLIC = Actor("stranger", clearance=1)
STALLS = LAMPS.model_copy(
    update={
        "id": "stalls",
        "fields": tuple(
            FieldDefinition(name=name, title_zh=name, title_en=name, type=kind)
            for name, kind in (("data_grade", "integer"), ("valid_from", "datetime"), ("valid_to", "datetime"))
        ),
        "map": LAMPS.map.model_copy(update={"tile_fields": ()}),
    }
)
CHANGES = (
    "INSERT INTO layer.lamps (id, geom, colour) VALUES ('a', {here}, 1), ('b', {there}, 1)",
    "UPDATE layer.lamps SET colour = 2 WHERE id = 'a'",
    "UPDATE layer.lamps SET geom = {here} WHERE id = 'b'",
    "DELETE FROM layer.lamps WHERE id = 'a'",
    "INSERT INTO layer.lamps (id, geom, colour) VALUES ('a', {there}, 3)",
)
PLACES = {
    name: f"ST_SetSRID(ST_MakePoint({lon}, {lat}), 4490)" for name, (lon, lat) in {"here": HERE, "there": THERE}.items()
}


async def since(town, known, layer, at, actor=OPERATOR):
    return await known.since(town.pool, "database", layer, at, rights_of(layer.definition, actor))


async def test_a_tile_since_then_is_that_of_the_moment_and_only_a_change_begins_another(town):
    moments = [await moment_of(town.owner), await moment_of(town.owner)]
    for change in CHANGES:
        await town.owner.execute(change.format(**PLACES))
        moments += [await moment_of(town.owner), await moment_of(town.owner)]
    known, layer, found = ShownSince(), await town.layer(), []
    for moment in moments:
        then = await since(town, known, layer, moment.at)
        assert then <= moment.at
        found.append(then)
        for place in (HERE, THERE):
            shown = await drawn(town.owner, layer.as_of(Moment(then)), place)
            assert shown == await drawn(town.owner, layer.as_of(moment), place)
    assert [later == earlier for earlier, later in pairwise(found)] == [True, False] * len(CHANGES) + [True]
    assert found[0] == ALWAYS
    assert await since(town, known, layer, None) == found[-1], "the present is the past after the last change"


async def test_what_changes_in_hidden_rows_is_not_told(town):
    await create_layer(town.owner, STALLS)
    known, row = (
        ShownSince(),
        "INSERT INTO layer.stalls (id, geom, data_grade) VALUES ($1, {here}, $2)".format(**PLACES),
    )
    told = []
    for change in ((row, "open", 1), (row, "hidden", 3), ("UPDATE layer.stalls SET data_grade = 1", None, None)):
        statement, *values = change
        await town.owner.execute(statement, *filter(None, values))
        layer = await town.layer("stalls")
        told.append([await since(town, known, layer, None, who) for who in (OPERATOR, PUBLIC)])
    operator, public = zip(*told, strict=True)
    assert operator[0] < operator[1] < operator[2], "each change is one, and is read anew with the layer's version"
    assert public[0] == public[1] < public[2], "the stranger learns of a row when it is shown to him"


async def test_a_row_that_is_valid_for_a_time_changes_the_layer_without_being_written(town):
    await create_layer(town.owner, STALLS)
    now, minute = datetime.now(UTC), timedelta(minutes=1)
    begins, ends = now + 60 * minute, now + 120 * minute
    row = "INSERT INTO layer.stalls (id, geom, valid_from, valid_to) VALUES ('s', {here}, $1, $2)"
    await town.owner.execute(row.format(**PLACES), begins, ends)
    known, layer = ShownSince(), await town.layer("stalls")
    told = [await since(town, known, layer, at) for at in (begins - minute, begins + minute, ends - minute, ends)]
    assert told[1:] == [begins, begins, ends]
    assert told[0] < begins
    assert await since(town, known, layer, None) is None, "the present shows what is not valid yet"


def test_layers_that_feeds_change_are_not_listed(client):
    client.headers.update(OPERATOR_HEADER)
    at = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    names = "buildings,streets,events,vehicles,flood_risk_points"
    for moment in ({}, {"at": at}):
        answer = client.get("/tiles/since", params={"layers": names, **moment})
        assert answer.status_code == 200, answer.text
        assert answer.json()["since"].keys() == {"buildings", "streets"}
    assert client.get("/tiles/since", params={"layers": "nosuch"}).status_code == 404
    assert client.get("/tiles/since", params={"layers": ",".join(["streets"] * 101)}).status_code == 413
