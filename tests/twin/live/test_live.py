"""`/live`: server-sent events of a real server over a real log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import jsonschema
import pytest

from layers.catalog import read_catalog
from layers.database.connection import Role, connect, create_pool
from tests.twin.change_log import DEADLINE_SECONDS, GRIDS, happened, moved, newest, prepare, write
from tests.twin.intake.test_pipeline import Squares, event, position
from twin.intake.pipeline import Pipeline

pytestmark = pytest.mark.anyio


def number_of(event_id):
    return int(event_id.partition("-")[0])


class Stream:
    """A second reader of server-sent events than the browser's."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.last_id = None

    def next(self, name):
        """Return id and data of the next event, which must have that name; signs of life are passed over."""
        fields = {}
        for line in self._lines:
            if line and not line.startswith((":", "retry")):
                key, _, value = line.partition(": ")
                fields[key] = value
            elif fields:
                self.last_id = fields.get("id", self.last_id)
                if "event" in fields:
                    break
                fields = {}
        assert fields.get("event") == name, fields
        return number_of(fields["id"]) if "id" in fields else None, json.loads(fields["data"])

    def life(self):
        """Return the number that the next sign of life carries."""
        seen = False
        for line in self._lines:
            seen = seen or line == ": still here"
            if seen and line.startswith("id: "):
                return number_of(line[4:])
        raise AssertionError("the stream ended")


@contextmanager
def watching(address, query="", **headers):
    with httpx.stream("GET", f"{address}/live?{query}", headers=headers, timeout=DEADLINE_SECONDS) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in response.headers
        yield Stream(response.iter_lines())


@pytest.fixture
async def ready_url(database_url):
    await prepare(database_url)
    return database_url


async def test_a_watcher_hears_what_happens_and_resumes_without_loss(ready_url, live_server):
    address = live_server(ready_url)
    with watching(address, **{"Accept-Encoding": "gzip"}) as stream:
        stream.next("ready")
        await write(ready_url, moved("v1", 0), happened("e1", title="道路积水"))
        seq, changes = stream.next("changes")
    last_id = stream.last_id
    assert {change["id"] for change in changes} == {"v1", "e1"}
    assert next(c for c in changes if c["id"] == "e1")["title"] == "道路积水"
    await write(ready_url, moved("v2", 0))
    await write(ready_url, moved("v3", 0))
    with watching(address, **{"Last-Event-ID": last_id}) as stream:
        assert stream.next("ready")[0] == seq  # cut here, nothing that follows is skipped
        _, missed = stream.next("changes")
        await write(ready_url, moved("v4", 0))
        _, heard = stream.next("changes")
    assert [change["id"] for change in (*missed, *heard)] == ["v2", "v3", "v4"]


async def test_changes_come_as_cloud_events_for_who_asks(ready_url, live_server):
    address = live_server(ready_url)
    with watching(address, "f=cloudevents") as stream, watching(address) as plain:
        stream.next("ready")
        plain.next("ready")
        await write(ready_url, moved("v1", 0), happened("e1", title="道路积水"))
        heard = [stream.next("cloudevent")[1] for _ in range(2)]
        seq, changes = plain.next("changes")
    assert sorted(json.dumps(one["data"]) for one in heard) == sorted(map(json.dumps, changes))
    assert len({one["id"] for one in heard}) == 2
    described = httpx.get(f"{address}/asyncapi.json").json()["components"]["messages"]["cloudEvent"]
    for one in heard:
        jsonschema.validate(one, described["payload"])
        assert one["subject"] == f"{one['data']['layer']}/{one['data']['id']}"
        assert one["type"] == f"cn.onemap.{one['data']['kind']}.changed"
    await write(ready_url, moved("v2", 0))
    with watching(address, "f=cloudevents", **{"Last-Event-ID": plain.last_id}) as stream:
        assert stream.next("ready")[0] == seq
        assert stream.next("cloudevent")[1]["subject"].endswith("/v2"), "nothing twice, nothing left out"


async def test_one_change_is_one_cloud_event_whoever_hears_of_it(ready_url, live_server):
    address = live_server(ready_url)
    with watching(address, "f=cloudevents") as all_of_it, watching(address, "f=cloudevents&layers=events") as part:
        all_of_it.next("ready")
        part.next("ready")
        await write(ready_url, moved("v1", 0), happened("e1", title="道路积水"))
        heard = {one["id"]: one for _, one in (all_of_it.next("cloudevent"), all_of_it.next("cloudevent"))}
        _, same = part.next("cloudevent")
    assert heard[same["id"]] == same


async def test_what_a_feed_brings_is_heard(ready_url, live_server):
    owner = await connect(ready_url)
    catalog = await read_catalog(owner)
    await owner.execute("INSERT INTO layer.vehicles (id, data_grade) VALUES ('v1', 2)")
    await owner.close()
    pool = await create_pool(ready_url, Role.INGEST, size=2)
    pipeline = Pipeline(pool, lambda: catalog, Squares)
    pipeline.start()
    with watching(live_server(ready_url)) as stream:
        stream.next("ready")
        await pipeline.offer("test", [position("v1", 0), event("e1", 0, 1, "collect", title="道路积水")])
        _, changes = stream.next("changes")
    assert {change["id"] for change in changes} == {"v1", "e1"}
    await pipeline.stop()
    await pool.close()


async def test_a_restarted_server_goes_on_where_the_client_was(ready_url, live_server):
    with watching(live_server(ready_url)) as stream:
        stream.next("ready")
        await write(ready_url, happened("e1"))
        seq, _ = stream.next("changes")
    await write(ready_url, happened("e2"))
    with watching(live_server(ready_url), f"since={seq}") as stream:  # another process, that was not there
        stream.next("ready")
        await write(ready_url, happened("e3"))
        heard = stream.next("changes")[1]
        while [change["id"] for change in heard] != ["e2", "e3"]:
            heard += stream.next("changes")[1]


async def test_the_public_does_not_hear_of_what_it_may_not_see(ready_url, live_server):
    with watching(live_server(ready_url), "layers=vehicles") as stream:
        stream.next("ready")
        await write(ready_url, moved("police", 0, grade=3), happened("e1"), moved("v1", 0))
        _, changes = stream.next("changes")
    assert [change["id"] for change in changes] == ["v1"]
    assert "grade" not in changes[0]


async def test_a_filter_chooses_as_it_does_for_items(ready_url, live_server):
    address = live_server(ready_url)
    with watching(address, "layers=events&filter=stage IN ('accept') AND title LIKE '%25水'") as stream:
        stream.next("ready")
        said = {"stage": "accept", "title": "积水"}
        await write(ready_url, happened("e1", stage="collect", title="积水"), happened("e2", **said), moved("v1", 1))
        assert [change["id"] for change in stream.next("changes")[1]] == ["e2"]
    for query in ("filter=handler_id='x'", "filter=(((", "filter=made_up=1", "filter=stage=3"):
        refused = httpx.get(f"{address}/live?layers=events&{query}", timeout=DEADLINE_SECONDS)
        items = httpx.get(f"{address}/ogc/collections/events/items?{query}", timeout=DEADLINE_SECONDS)
        assert refused.status_code == items.status_code == 400
        if "made_up" not in query and "handler" not in query:  # streams can name what only changes have, too
            assert refused.json()["detail"] == items.json()["description"]


async def test_the_state_comes_first_then_what_changed_since(ready_url, live_server):
    owner = await connect(ready_url)
    await owner.execute(
        """INSERT INTO layer.vehicles (id, data_grade, area_code, grid_code, vehicle_kind) SELECT 'v' || i, 2 + i / 3,
        '440106011001', '44010601100100' || i, 'fire' FROM generate_series(0, 3) AS i"""
    )
    await owner.close()
    query = "layers=vehicles&snapshot=true&areas=440106011001&filter=vehicle_kind='fire'"
    with watching(live_server(ready_url), query) as stream:
        number, state = stream.next("snapshot")
        assert number is None  # whoever is cut here begins again
        assert state["layer"] == "vehicles"
        assert {feature["id"] for feature in state["features"]} == {"v0", "v1", "v2"}
        seq, _ = stream.next("ready")
        assert seq == await newest(ready_url)
        await write(ready_url, moved("v1", 1))
        assert [change["id"] for change in stream.next("changes")[1]] == ["v1"]


async def test_a_number_the_log_does_not_know_is_told_to_start_again(ready_url, live_server):
    seq = await write(ready_url, moved("v1", 0))
    with watching(live_server(ready_url), f"since={seq + 5}") as stream:
        assert stream.next("resync")[1]["seq"] <= seq
        stream.next("ready")
        await write(ready_url, happened("e1"))
        assert [change["id"] for change in stream.next("changes")[1]] == ["e1"]


async def test_signs_of_life_move_the_number_to_resume_from(ready_url, live_server):
    address = live_server(ready_url, live={"heartbeat_s": 0.2})
    with watching(address, "areas=999") as stream:
        stream.next("ready")
        seq = await write(ready_url, *(happened(f"e{n}", grid=GRIDS[0]) for n in range(4)))
        while stream.life() < seq:
            pass


async def test_there_is_an_end_to_how_many_are_served(ready_url, live_server):
    address = live_server(ready_url, live={"clients_max": 1})
    with watching(address) as stream:
        stream.next("ready")
        refused = httpx.get(f"{address}/live", timeout=DEADLINE_SECONDS)
        assert refused.status_code == 503
        assert "most it serves" in refused.json()["detail"]


async def test_a_wrong_question_is_answered_at_once(ready_url, live_server):
    address = live_server(ready_url)
    for query in (
        "since=-1",
        "since=x",
        "layers=nothing",
        "areas=%27",
        "bbox=1,2,3",
        "filter=stage='x'",
        "snapshot=true",
        "layers=events&snapshot=true&filter=kind='event'",
        f"areas={','.join(map(str, range(600)))}",
    ):
        answer = httpx.get(f"{address}/live?{query}", timeout=DEADLINE_SECONDS)
        assert answer.status_code in {400, 404}, query
        assert answer.json()["detail"]
    assert httpx.get(f"{address}/live", headers={"Last-Event-ID": "x"}, timeout=DEADLINE_SECONDS).status_code == 400
    wrong = httpx.get(f"{address}/live", headers={"Authorization": "Bearer x"}, timeout=DEADLINE_SECONDS)
    assert wrong.status_code == 401
