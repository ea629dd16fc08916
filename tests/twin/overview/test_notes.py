"""Notes of leaders: written by who may, kept, and told to who sees what they are about."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import replace

import orjson
import pytest

from layers.database.connection import Role, connect
from layers.policy.read import read_policy
from tests.databases import run_async, temporary_database
from tests.impersonation import ACTOR_HEADER, Impersonation
from tests.ogc.service import Service
from tests.readers import SHIPPED_POLICY
from tests.rights.roles import readers

AREA = "440106011001"


@pytest.fixture(scope="module")
def service(cluster, fixture_url):
    """The application over the worked fixture under the shipped policy, asked by holders of its roles."""
    with temporary_database(cluster, fixture_url) as url:
        running = Service(url)
        actors = readers(read_policy(SHIPPED_POLICY))
        running.app.state.shared = replace(running.app.state.shared, authenticator=Impersonation(actors))
        yield running
        running.close()


def write(service, actor, **note):
    sent = {"content-type": "application/json"}
    return service.ask("/twin/notes", method="POST", actor=actor, headers=sent, content=orjson.dumps(note))


def words(service, actor, **asked):
    return [note["words"] for note in service.json("/twin/notes", actor=actor, **asked)["notes"]]


def test_a_leader_writes_and_who_sees_the_event_reads(service):
    first = write(service, "leader", layer="events", id="P", words=" 请速处置 ")
    assert first.status_code == 201, first.text
    kept = first.json()
    assert (kept["words"], kept["title"], kept["author_roles"]) == ("请速处置", "P", ["leader"])
    assert write(service, "leader", layer="communities", id=AREA, words="加强巡查").status_code == 201
    for actor in ("leader", "district_dispatcher", "street_dispatcher", "community_officer"):
        assert words(service, actor, layer="events", id="P") == ["请速处置"], actor
    assert words(service, "district_dispatcher", area="440106011") == ["加强巡查", "请速处置"]
    assert words(service, "district_dispatcher", area="440106011002") == []
    told = service.json("/twin/overview", actor="leader", area="440106011")["notes"]
    assert [note["words"] for note in told] == ["加强巡查", "请速处置"]
    assert service.json("/twin/overview", actor="analyst")["notes"] == []


def test_who_does_not_see_the_event_does_not_learn_of_its_note(service):
    write(service, "leader", layer="events", id="P", words="勿外传")
    assert words(service, "department_officer", layer="events", id="P") == []
    assert "勿外传" not in words(service, "department_officer")


def test_on_the_stream_who_may_read_a_note_is_told_of_it_at_once_and_of_its_removal(service):
    state = service.app.state.shared
    readers = ("leader", "district_dispatcher", "department_officer", "analyst")

    def ask(actor):
        scope = {"headers": [(ACTOR_HEADER.encode(), actor.encode())]}
        return lambda: state.authenticator.authenticate(scope, "")

    async def heard(change):
        with ExitStack() as open_streams:
            streams = {one: open_streams.enter_context(state.note_news.subscriber(ask(one))) for one in readers}
            notices = {one: stream.notices() for one, stream in streams.items()}
            await change()
            tasks = {one: asyncio.create_task(anext(found)) for one, found in notices.items()}
            await asyncio.wait_for(asyncio.gather(tasks["leader"], tasks["district_dispatcher"]), 60)
            done, waiting = await asyncio.wait(tasks.values(), timeout=0.5)
            for task in waiting:
                task.cancel()
            return {one: orjson.loads(task.result()) for one, task in tasks.items() if task in done}

    async def written():
        await asyncio.to_thread(write, service, "leader", layer="events", id="P", words="速报来")

    async def removed():
        connection = await connect(service.url, Role.OWNER)
        try:
            await connection.execute("DELETE FROM twin.note WHERE words = '速报来'")
        finally:
            await connection.close()

    about = [{"layer": "events", "id": "P"}]
    assert service.run(heard(written)) == {"leader": about, "district_dispatcher": about}
    assert service.run(heard(removed)) == {"leader": [], "district_dispatcher": [], "department_officer": []}


@pytest.mark.parametrize("actor", ["anonymous", "analyst", "data_steward", "auditor"])
def test_without_the_duty_nobody_reads(service, actor):
    assert service.ask("/twin/notes", actor=actor).status_code == 403


@pytest.mark.parametrize("actor", ["anonymous", "grid_worker", "district_dispatcher", "street_dispatcher"])
def test_without_the_duty_nobody_writes(service, actor):
    assert write(service, actor, layer="events", id="P", words="x").status_code == 403


@pytest.mark.parametrize(
    ("note", "status"),
    [
        ({"layer": "events", "id": "nothing", "words": "x"}, 404),
        ({"layer": "video_points", "id": "C1", "words": "x"}, 400),
        ({"layer": "events", "id": "P", "words": "   "}, 400),
        ({"layer": "events", "id": "P", "words": "长" * 1001}, 400),
        ({"layer": "events", "id": "P", "words": "a\0b"}, 400),
        ({"layer": "events", "id": "P"}, 400),
        ({"layer": "events", "id": "P", "words": "x", "author": "me"}, 400),
    ],
)
def test_bad_notes_are_refused(service, note, status):
    before = words(service, "leader")
    assert write(service, "leader", **note).status_code == status
    assert words(service, "leader") == before


def test_web_workers_can_neither_change_nor_remove_a_note(service):
    assert run_async(_privileges(service.url)) == {
        ("onemap_read", "SELECT"), ("onemap_ingest", "SELECT"), ("onemap_ingest", "INSERT"),
    }  # fmt: skip


def test_a_note_is_recorded_before_it_is_kept(service):
    write(service, "leader", layer="events", id="P", words="留痕")
    (record,) = [one for one in run_async(_recorded(service)) if (one.get("detail") or {}).get("characters") == 2]
    assert (record["action"], record["object"]) == ("dispatch", "note/events/P")
    assert "leader" in record["role"]
    assert "留痕" not in str(record)


async def _recorded(service):
    connection = await connect(service.url, Role.AUDITOR)
    try:
        rows = await connection.fetch("SELECT body FROM audit.record WHERE chain = 'sensitive'")
        return [orjson.loads(row["body"]) for row in rows]
    finally:
        await connection.close()


async def _privileges(url):
    connection = await connect(url, Role.OWNER)
    try:
        rows = await connection.fetch(
            """SELECT r.name, p.name AS right_to FROM unnest(ARRAY['onemap_read', 'onemap_ingest', 'onemap_identity'])
                AS r (name), unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS p (name)
            WHERE has_table_privilege(r.name, 'twin.note', p.name)"""
        )
        return {(row["name"], row["right_to"]) for row in rows}
    finally:
        await connection.close()
