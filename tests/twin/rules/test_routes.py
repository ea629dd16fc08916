"""`/twin/rules`, the transitions of fences and the log of an event, for readers with different rights."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from layers.database.connection import connect
from tests.twin.service import serving

T = datetime(2026, 6, 8, 4, tzinfo=UTC)
TRANSITION = """
INSERT INTO twin.fence_transition (fence, action, at, since, layer, mover, area_layer, area_id, area_name, grid_code,
    area_code, grade)
VALUES ($1, $2, $3, $3, 'vehicles', $4, 'urban_villages', $5, '村', $6, left($6, 12), $7)
"""
VERSION = """
INSERT INTO twin.event_version (event_id, phenomenon_time, source_version, stage, message, record)
VALUES ('E1', $1, $2, $3, $4, $5::jsonb)
"""


async def prepare(url):
    owner = await connect(url)
    for n in range(5):
        grid = "440106011001001" if n % 2 else "440106099001001"
        await owner.execute(TRANSITION, "flood", "enter" if n < 3 else "exit", T, f"V{n}", "UV1", grid, 3)
    await owner.execute("INSERT INTO layer.events (id, title, data_grade) VALUES ('E1', '积水', 2), ('E4', '密', 4)")
    await owner.execute(VERSION, T, 1, "collect", "/feeds/hotline 1", '{"stage": "collect", "handler_id": "W1"}')
    rule = '{"rule_ids": ["accept_over"], "last_action": "level_up", "level_current": "street", "overdue": true}'
    await owner.execute(VERSION, T, 2**40 + 1, None, "/rules/handling E1", rule)
    await owner.execute(VERSION, T, 2, "handle", "/feeds/hotline 2", '{"stage": "handle"}')
    state = '{"faults": {"x": "there is no layer"}, "open": {"flood_depth": 3}, "in_force": ["flood_depth"]}'
    await owner.execute("INSERT INTO twin.cursor (name, seq, state) VALUES ('rules', 0, $1::jsonb)", state)
    await owner.close()


@pytest.fixture(scope="module")
def ruled(cluster, fixture_url):
    with serving(cluster, fixture_url, prepare) as running:
        yield running


def movers(ruled, query="", actor="operator"):
    answer = ruled.ask(f"/twin/fences/transitions{query}", actor=actor)
    assert answer.status_code == 200, answer.text
    return [one["mover"] for one in answer.json()["transitions"]], answer.json()["next"]


def test_transitions_are_told_newest_first_and_page_by_page(ruled):
    assert movers(ruled)[0] == ["V4", "V3", "V2", "V1", "V0"]
    first, after = movers(ruled, "?limit=2")
    second, last = movers(ruled, f"?limit=3&before={after}")
    assert (first + second, last) == (["V4", "V3", "V2", "V1", "V0"], None)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?action=exit", ["V4", "V3"]),
        ("?mover=V1", ["V1"]),
        ("?fence=other", []),
        ("?area=UV1&start=2026-06-08T12:00:00%2B08:00", ["V4", "V3", "V2", "V1", "V0"]),
        ("?end=2026-06-08T12:00:00%2B08:00", []),
    ],
)
def test_transitions_are_chosen(ruled, query, found):
    assert movers(ruled, query)[0] == found


@pytest.mark.parametrize(
    ("actor", "found"),
    [
        ("operator", ["V4", "V3", "V2", "V1", "V0"]),
        ("anonymous", []),
        ("public", []),
        ("officer", ["V3", "V1"]),
        ("grid_worker", ["V3", "V1"]),
        ("neighbour", ["V4", "V2", "V0"]),
    ],
)
def test_who_may_not_see_the_vehicle_hears_nothing_of_it(ruled, actor, found):
    assert movers(ruled, actor=actor)[0] == found


@pytest.mark.parametrize("query", ["?action=fly", "?limit=0", "?limit=1001", "?before=x", "?start=soon"])
def test_what_cannot_be_asked_is_refused(ruled, query):
    assert ruled.ask(f"/twin/fences/transitions{query}").status_code in {400, 422}


def test_the_log_of_an_event_tells_who_did_what(ruled):
    steps = ruled.ask("/twin/events/E1/log").json()["steps"]
    told = [(one["actor"], one["action"], one["rule_ids"], one["stage_from"], one["stage_to"]) for one in steps]
    assert told == [
        ("source", "version", [], None, "collect"),
        ("source", "version", [], "collect", "handle"),
        ("system", "level_up", ["accept_over"], "handle", "handle"),
    ]
    assert steps[2]["changed"] == {"level_current": "street", "overdue": True}
    assert "W1" not in str(steps)


def test_the_log_shows_each_reader_what_it_may_see(ruled):
    assert ruled.ask("/twin/events/E4/log", actor="anonymous").status_code == 404
    assert ruled.ask("/twin/events/none/log").status_code == 404
    assert ruled.ask("/twin/events/a%00b/log").status_code == 404
    assert ruled.ask("/twin/events/E1/log", actor="public").status_code == 404
    assert ruled.ask("/twin/events/E1/log", actor="anonymous").status_code == 200


def test_rules_say_how_they_do(ruled):
    public = ruled.ask("/twin/rules", actor="anonymous").json()
    assert public["faults"] == {}, "what is in a file is for officers"
    assert {rule["open"] for rule in public["rules"]} == {None}, "and so is what is open"
    assert {public[name] for name in ("behind", "moved_at", "unsaid", "set_aside")} == {None}
    answer = ruled.ask("/twin/rules").json()
    known = {rule["name"]: rule for rule in answer["rules"]}
    assert {"flood_depth", "handling", "workdays", "crowd", "vehicles_flooded"} <= known.keys()
    assert (known["flood_depth"]["in_force"], known["flood_depth"]["open"]) == (True, 3)
    assert known["handling"]["in_force"] is False
    assert answer["faults"] == {"x": "there is no layer"}
    assert answer["unsaid"] == answer["set_aside"] == 0
