"""Reports, tasks, their steps and patrols over HTTP, under the shipped policy, on a real database."""

from __future__ import annotations

import json
import threading
from types import SimpleNamespace
from uuid import uuid4

import httpx
import numpy as np
import pytest

from layers.coordinates.datum import to_datum
from layers.database.connection import Role, connect
from tests.databases import run_async, temporary_database
from tests.docs.curl import answer_of, blocks_of
from tests.field_work import make_people, send_ticket, serving
from twin.city.stages import FOLLOWS
from twin.store.events.steps import STEPS


@pytest.fixture(scope="module")
def here(cluster, district_template, tmp_path_factory):
    with temporary_database(cluster, district_template) as url:
        people = run_async(make_people(url))
        with serving(tmp_path_factory.mktemp("home"), url) as address, httpx.Client(base_url=address, timeout=120) as c:
            wang, zhao, chen = people
            yield SimpleNamespace(url=url, address=address, client=c, wang=wang, zhao=zhao, chen=chen)


def reported(here, who, at=None, **changed):
    lon, lat = at or who.lonlat
    body = {"id": str(uuid4()), "lon": lon, "lat": lat, "class": "0406", **changed}
    return here.client.post("/twin/reports", json=body, headers=who.bearer if who else {})


_COLLECTED = "SELECT 1 FROM twin.event_version WHERE event_id = $1 AND stage = 'collect'"
_WALKED = """
SELECT lon, lat FROM twin.position WHERE layer = 'grid_workers' AND id = $1 AND phenomenon_time = $2::text::timestamptz
"""
_NOTED = "SELECT body FROM audit.record WHERE body::json->>'object' = $1"


def rows(url, statement, *values, role=Role.OWNER):
    async def read():
        connection = await connect(url, role)
        try:
            return await connection.fetch(statement, *values)
        finally:
            await connection.close()

    return run_async(read())


def event(here, event_id):
    (row,) = rows(here.url, "SELECT * FROM layer.events WHERE id = $1", event_id)
    return row


def test_a_report_is_an_event_of_its_place_in_the_workers_name(here):
    answer = reported(
        here, here.wang, words="积水，联系人 13812345678", photos=["photo:abc"], severity="2", accuracy_m=12.5
    )
    assert answer.status_code == 200, answer.text
    told = answer.json()
    stored = event(here, told["id"])
    assert (told["stage"], told["duplicate"], told["grid"]["code"]) == ("collect", False, here.wang.grid)
    assert (stored["grid_code"], stored["area_code"]) == (here.wang.grid, here.wang.grid[:12])
    assert (stored["source"], stored["event_class"], stored["severity"]) == ("grid_case", "0406", "2")
    assert stored["reporter_id"] == here.wang.worker
    assert stored["snapshot_refs"] == ["photo:abc"]
    assert "13812345678" not in stored["description_redacted"]
    assert "积水" in stored["title"]
    (counted,) = rows(here.url, "SELECT accepted FROM twin.feed WHERE name = $1", "grid_phones")
    assert counted["accepted"] >= 1


def test_a_report_that_is_sent_again_is_one_event(here):
    name = str(uuid4())
    first, again = (reported(here, here.wang, id=name, words="一次").json() for _ in range(2))
    assert (first["duplicate"], again["duplicate"]) == (False, True)
    assert first["id"] == again["id"]
    assert (
        len(rows(here.url, "SELECT 1 FROM twin.event_version WHERE event_id = $1 AND stage = 'collect'", first["id"]))
        == 1
    )
    stolen = reported(here, here.zhao, id=name, words="别人的")
    assert stolen.status_code == 409
    assert event(here, first["id"])["reporter_id"] == here.wang.worker


def test_the_same_report_sent_at_the_same_time_is_one_event(here):
    name, answers = str(uuid4()), []
    threads = [threading.Thread(target=lambda: answers.append(reported(here, here.wang, id=name))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {200}
    found = rows(
        here.url, "SELECT 1 FROM twin.event_version WHERE event_id = $1 AND stage = 'collect'", f"report-{name}"
    )
    assert len(found) == 1


@pytest.mark.parametrize("datum", ["gcj02", "bd09"])
def test_a_place_of_the_phones_own_map_is_put_right(here, datum):
    lon, lat = to_datum(np.array([here.wang.lonlat]), datum)[0].tolist()
    told = reported(here, here.wang, at=(lon, lat), crs=datum).json()
    assert told["grid"]["code"] == here.wang.grid
    (row,) = rows(here.url, "SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat FROM layer.events WHERE id = $1", told["id"])
    assert (row["lon"], row["lat"]) == pytest.approx(here.wang.lonlat, abs=2e-6)


@pytest.mark.parametrize(
    ("changed", "status", "word"),
    [
        ({"class": "9999"}, 400, "0406"),
        ({"id": "7"}, 400, "id"),
        ({"crs": "mars"}, 400, "gcj02"),
        ({"lon": 0.0, "lat": 0.0}, 400, "zero"),
        ({"lon": 114.9, "lat": 22.1}, 400, "outside_district"),
        ({"seen_at": "2090-01-01T00:00:00Z"}, 400, "yet to come"),
        ({"words": "x" * 2001}, 400, "words"),
        ({"photos": ["p"] * 10}, 400, "photos"),
        ({"stage": "closed"}, 400, "stage"),
        ({"lon": "NaN"}, 400, "lon"),
    ],
)
def test_a_report_that_cannot_be_says_what_is_wrong(here, changed, status, word):
    answer = reported(here, here.wang, **changed)
    assert (answer.status_code, word in answer.text) == (status, True), answer.text


def test_who_may_report(here):
    assert (
        here.client.post(
            "/twin/reports", json={"id": str(uuid4()), "lon": 113.3, "lat": 23.1, "class": "0406"}
        ).status_code
        == 401
    )
    assert reported(here, here.chen).status_code == 200
    elsewhere = reported(here, here.wang, at=here.zhao.lonlat, words="别处").json()
    assert elsewhere["grid"]["code"] == here.zhao.grid
    mine = here.client.get(f"/ogc/collections/events/items/{elsewhere['id']}", headers=here.wang.bearer).json()
    assert mine["properties"]["reporter_id"] == here.wang.worker, "a worker sees the own report, wherever it is"
    assert "extra" not in mine["properties"]


def test_reports_of_one_person_are_paced(here):
    limited = here.client.get("/twin/reports").json()
    assert {"0406", "0102"} <= {one["code"] for one in limited["classes"]}
    answers = [reported(here, here.zhao, **{"class": "none"}).status_code for _ in range(70)]
    assert set(answers) == {400, 429}
    assert reported(here, here.chen).status_code == 200, "nobody else waits"


def tasks(here, who, **query):
    answer = here.client.get("/twin/tasks", params=query, headers=who.bearer)
    assert answer.status_code == 200, answer.text
    return {one["id"]: one for one in answer.json()["features"]}


def step(here, who, event_id, name, version, **more):
    body = {"step": name, "version": version, **more}
    return here.client.post(f"/twin/tasks/{event_id}/steps", json=body, headers=who.bearer)


def test_tasks_are_those_of_the_own_grid_and_the_own_ones(here):
    wang, zhao = here.wang, here.zhao
    late, soon = {"due_at": "2026-06-08T03:00:00Z"}, {"due_at": "2090-06-08T03:00:00Z"}
    send_ticket(here.address, "t-mine", "dispatch", wang.lonlat, title="我的", handler_id=wang.worker, **late)
    send_ticket(here.address, "t-given", "dispatch", zhao.lonlat, title="外网格", handler_id=wang.worker, **soon)
    send_ticket(here.address, "t-other", "dispatch", zhao.lonlat, title="别人的", handler_id=zhao.worker)
    send_ticket(here.address, "t-over", "closed", wang.lonlat, handler_id=wang.worker)
    found = tasks(here, wang, lon=wang.lonlat[0], lat=wang.lonlat[1], limit=200)
    assert {"t-mine", "t-given"} <= found.keys()
    assert not {"t-other", "t-over"} & found.keys()
    mine = found["t-mine"]["properties"]
    assert (mine["mine"], mine["overdue"], mine["steps"]) == (True, True, ["claim", "return"])
    assert mine["distance_m"] == pytest.approx(0, abs=0.1)
    assert found["t-given"]["properties"]["distance_m"] > 1
    dues = [one["properties"].get("due_at") for one in found.values() if one["properties"].get("due_at")]
    assert dues == sorted(dues)
    assert tasks(here, here.chen) == {}, "an officer handles nothing by this policy"


def test_a_task_is_claimed_finished_and_each_step_counts_once(here):
    wang = here.wang
    send_ticket(here.address, "t-claim", "dispatch", wang.lonlat, title="可接")
    version = tasks(here, wang, limit=200)["t-claim"]["properties"]["version"]
    assert step(here, wang, "t-claim", "claim", version).json() == {
        "id": "t-claim",
        "stage": "handle",
        "duplicate": False,
    }
    assert step(here, wang, "t-claim", "claim", version).json()["duplicate"] is True
    assert step(here, wang, "t-claim", "suspend", version, note="迟了").status_code == 409, "it has moved on"
    claimed = tasks(here, wang, limit=200)["t-claim"]["properties"]
    assert (claimed["stage"], claimed["mine"], claimed["version"]) == ("handle", True, version + 1)
    assert step(here, wang, "t-claim", "claim", version + 1).status_code == 409, "the stage has no such step"
    done = step(here, wang, "t-claim", "finish", version + 1, note="已清理，13812345678", photos=["photo:after"])
    assert done.json()["stage"] == "feedback"
    stored = event(here, "t-claim")
    assert (stored["stage"], stored["handler_id"], stored["title"]) == ("feedback", wang.worker, "可接")
    assert stored["handled_at"] is not None
    assert "已清理" in stored["handling_note"]
    assert "13812345678" not in stored["handling_note"]
    assert stored["snapshot_refs"] == ["photo:after"]
    assert stored["source_event_id"] == "t-claim", "a step is no message of the ticket's source"
    log = here.client.get("/twin/events/t-claim/log", headers=wang.bearer).json()
    assert [one["stage_to"] for one in log["steps"]] == ["dispatch", "handle", "feedback"]


def test_of_two_who_take_the_same_step_one_is_told(here):
    send_ticket(here.address, "t-race", "dispatch", here.wang.lonlat, handler_id=None)
    both = []

    def claim():
        both.append(step(here, here.wang, "t-race", "claim", 1))

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in both} == {200}
    assert len(rows(here.url, "SELECT 1 FROM twin.event_version WHERE event_id = 't-race' AND stage = 'handle'")) == 1


def test_who_may_take_a_step(here):
    wang, zhao = here.wang, here.zhao
    send_ticket(here.address, "t-whose", "dispatch", wang.lonlat, handler_id="somebody-else")
    assert step(here, wang, "t-whose", "claim", 1).status_code == 409, "it is somebody else's"
    assert step(here, zhao, "t-whose", "claim", 1).status_code == 404, "what he may not see is not there"
    assert step(here, wang, "no-such", "claim", 1).status_code == 404
    assert step(here, here.chen, "t-whose", "claim", 1).status_code == 403
    assert here.client.post("/twin/tasks/t-whose/steps", json={"step": "claim", "version": 1}).status_code == 401
    assert "note" in step(here, wang, "t-whose", "return", 1).text
    given = reported(here, wang, words="自报").json()
    mine = here.client.get(f"/ogc/collections/events/items/{given['id']}", headers=zhao.bearer)
    assert mine.status_code == 404


def test_steps_follow_the_stages_of_a_case():
    for taken in STEPS.values():
        assert all(taken.after in FOLLOWS[stage] for stage in taken.before)


def test_a_patrol_is_sent_with_consent_in_the_own_name(here):
    wang = here.wang
    lon, lat = to_datum(np.array([wang.lonlat]), "gcj02")[0].tolist()
    one = {"lon": lon, "lat": lat, "at": "2026-06-08T02:30:00Z", "accuracy_m": 8, "speed_kmh": 4.0}

    def sent(who, **body):
        return here.client.post("/twin/patrol", json=body, headers=who.bearer if who else {})

    assert sent(wang, crs="gcj02", positions=[one]).status_code == 400, "without consent"
    assert sent(wang, consent=False, positions=[one]).status_code == 400
    taken = sent(wang, consent=True, crs="gcj02", positions=[one]).json()
    assert (taken["accepted"], taken["duplicate"]) == (1, 0)
    assert sent(wang, consent=True, crs="gcj02", positions=[one]).json()["duplicate"] == 1
    (row,) = rows(here.url, _WALKED, wang.worker, one["at"])
    assert (row["lon"], row["lat"]) == pytest.approx(wang.lonlat, abs=2e-6)
    assert sent(here.chen, consent=True, positions=[one]).status_code == 403
    assert sent(None, consent=True, positions=[one]).status_code == 403


def test_what_is_done_is_audited(here):
    given = reported(here, here.wang, words="审计").json()
    (noted,) = rows(here.url, _NOTED, f"events/{given['id']}", role=Role.AUDITOR)
    body = json.loads(noted["body"])
    assert body["action"] == "write"
    assert "of-wang" in noted["body"]


def test_nobody_pushes_to_the_feed_of_the_phones(here):
    assert here.client.post("/feeds/grid_phones", json={}).status_code == 404


def test_the_guide_is_answered_as_it_is_printed(here):
    report, listed = (answer_of(block, here.address, here.wang.token) for block in blocks_of("grid-worker"))
    told = json.loads(report)
    assert (told["stage"], told["duplicate"]) == ("collect", False)
    assert told["grid"]["code"].startswith("440106")
    assert json.loads(listed)["type"] == "FeatureCollection"
