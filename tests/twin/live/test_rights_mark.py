"""Who resumes under other rights than those he was cut under takes the state anew; nobody else does."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.database.connection import connect
from layers.errors import BadInput
from layers.policy.policy import Policy
from layers.schema.tables import create_layer, drop_layer
from tests.layers.cameras import CAMERAS
from tests.layers.read.policies import actor_of, role, rule
from tests.twin.change_log import happened, prepare, write
from tests.twin.live.test_live import watching
from tests.twin.waiting import until
from twin.live.resume_point import SEQ_MAX, ResumePoint
from twin.live.rights_mark import RightsMark
from twin.live.subscriber import OTHER_RIGHTS, UNKNOWN_RIGHTS
from twin.live.visibility import Visibility

pytestmark = pytest.mark.anyio
SHOPS = CAMERAS.model_copy(update={"id": "shops", "fields": CAMERAS.fields[:-2]})  # no grade of its own a row

NAME_HIDDEN = SHOPS.fields[0].model_copy(update={"grade": 4})


def catalog_of(*definitions):
    return Catalog({one.id: Layer(one, 1, datetime.now(UTC), lowest_grade=one.grade) for one in definitions})


def cameras_of(grade, phone_grade):
    fields = tuple(
        one.model_copy(update={"grade": phone_grade}) if one.name == "contact_phone" else one for one in SHOPS.fields
    )
    return SHOPS.model_copy(update={"grade": grade, "fields": fields})


actors = st.builds(Actor, st.just("x"), st.integers(1, 4), st.sampled_from([(), ("440106011",), ("440106012",)]))
definitions = st.builds(cameras_of, st.integers(1, 4), st.integers(1, 4))
CHANGE = {"kind": "event", "layer": "shops", "id": "a", "contact_phone": "138", "area_code": "440106011001"}


def shown(actor, definition):
    catalog = catalog_of(definition)
    return Visibility(actor, lambda: catalog).shown({**CHANGE, "grade": definition.grade})


@given(actors, actors, definitions, definitions)
def test_equal_marks_are_equal_rights(one, other, before, after):
    """What two readers see of a change differs only where their marks do."""
    seen = [shown(one, before), shown(other, after)]
    marks = [RightsMark.of(actor, catalog_of(d)) for actor, d in ((one, before), (other, after))]
    if marks[0].text == marks[1].text:
        assert seen[0] == seen[1]
    assert (marks[0].text == marks[1].text) == marks[0].agrees_with(marks[1])


def test_a_mark_tells_nothing_of_a_hidden_layer_and_ends_no_stream_for_a_new_one():
    reader, hidden = Actor("x", 2), SHOPS.model_copy(update={"id": "hidden", "grade": 4})
    alone, beside, more = (RightsMark.of(reader, catalog_of(SHOPS, *others)) for others in ((), (hidden,), (CAMERAS,)))
    assert alone.text == beside.text != more.text
    assert alone.agrees_with(more)
    assert not beside.agrees_with(RightsMark.of(reader, catalog_of(SHOPS, hidden.model_copy(update={"grade": 1}))))


def test_a_rule_that_is_changed_changes_the_mark():
    def mark(**more):
        policy = Policy((role("officer", 3),), (rule("own", "officer", "cameras", **more),))
        return RightsMark.of(actor_of(policy, "officer", areas=("440106011",)), catalog_of(CAMERAS)).text

    rules = [{}, {"areas": "own"}, {"rows": "name = '甲'"}, {"geometry": "cell_500"}, {"fields": {"name": "absent"}}]
    assert len({mark(**one) for one in rules}) == len(rules)


@given(st.integers(0, SEQ_MAX), st.none() | st.binary(min_size=8, max_size=8))
def test_a_point_is_read_as_it_is_written(seq, rights):
    point = ResumePoint(seq, rights.hex() if rights else "")
    assert ResumePoint.read(str(point), "since") == point


@pytest.mark.parametrize("text", ["", "-1", "x", "1-", "1-ab", "1-" + "A" * 16, "١", "9" * 19, "1" * 40, "1 "])
def test_anything_else_is_refused(text):
    with pytest.raises(BadInput, match="since"):
        ResumePoint.read(text, "since")


async def test_a_definition_that_hides_more_ends_streams_and_meets_who_comes_again(database_url, live_server):
    await prepare(database_url)
    owner = await connect(database_url)
    await create_layer(owner, SHOPS, declared=False)
    address = live_server(database_url)
    with watching(address, "layers=shops") as stream, watching(address, "layers=events") as other:
        stream.next("ready")
        other.next("ready")
        last = stream.last_id
        with watching(address, "layers=shops", **{"Last-Event-ID": last}) as again:
            assert again.next("ready")[1]["rights"] == last.partition("-")[2]
        await create_layer(owner, SHOPS.model_copy(update={"fields": (NAME_HIDDEN, *SHOPS.fields[1:])}), declared=False)
        assert stream.next("resync") == (None, {"seq": 0, "detail": OTHER_RIGHTS})
        await write(database_url, happened("e1"))
        assert other.next("changes")[1][0]["id"] == "e1"  # nothing has changed for it
    with watching(address, "layers=shops", **{"Last-Event-ID": last}) as again:
        assert again.next("resync")[1]["detail"] == OTHER_RIGHTS
        again.next("ready")
        now = again.last_id
    assert now.partition("-")[2] not in {"", last.partition("-")[2]}
    with watching(address, f"layers=shops&since={now}") as again:
        again.next("ready")
    await owner.close()


async def test_a_number_that_tells_no_rights_begins_anew_and_a_snapshot_tells_them(database_url, live_server):
    await prepare(database_url)
    await write(database_url, happened("e1"))
    address = live_server(database_url)
    seen = httpx.get(f"{address}/twin/snapshot?layers=events").json()
    await write(database_url, happened("e2"))
    with watching(address, f"layers=events&since={seen['seq']}-{seen['rights']}") as stream:
        stream.next("ready")
        assert [change["id"] for change in stream.next("changes")[1]] == ["e2"]
    with watching(address, "layers=events", **{"Last-Event-ID": str(seen["seq"])}) as stream:
        seq, told = stream.next("resync")
        assert (seq, told["detail"]) == (seen["seq"] + 1, UNKNOWN_RIGHTS)
        assert stream.next("ready")[0] == seq
    with watching(address, "layers=events&snapshot=true", **{"Last-Event-ID": str(seen["seq"])}) as stream:
        assert stream.next("resync")[1] == {"detail": UNKNOWN_RIGHTS}
        assert stream.next("snapshot")[1]["layer"] == "events"


async def test_a_layer_that_is_dropped_ends_the_streams_that_showed_it(database_url, live_server):
    await prepare(database_url)
    owner = await connect(database_url)
    address = live_server(database_url)
    hidden = SHOPS.model_copy(update={"id": "hidden", "grade": 4})
    with watching(address, "layers=events") as other, watching(address) as all_of_it:
        other.next("ready")
        all_of_it.next("ready")
        for definition in (SHOPS, hidden):  # made while they listen
            await create_layer(owner, definition, declared=False)
        await until(lambda: httpx.get(f"{address}/live?layers=shops&since=x").status_code == 400)  # no longer 404
        with watching(address, "layers=shops") as stream:
            stream.next("ready")
            await drop_layer(owner, "hidden")
            await write(database_url, happened("e1"))
            assert all_of_it.next("changes")[1][0]["id"] == "e1", "what is hidden goes unseen"
            await drop_layer(owner, "shops")
            for one in (stream, all_of_it):
                assert one.next("resync")[1]["detail"] == OTHER_RIGHTS
            await write(database_url, happened("e2"))
            assert [other.next("changes")[1][0]["id"] for _ in range(2)] == ["e1", "e2"]
    assert httpx.get(f"{address}/live?layers=shops").status_code == 404
    await owner.close()
