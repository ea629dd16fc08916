"""`/twin/features/{layer}/{id}/related`: the relations of features of the worked fixture."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest


def related(service, layer, feature, **how):
    return service.json(f"/twin/features/{layer}/{feature}/related", **how)


def ids(found, name):
    return [one["id"] for one in found[name]]


def test_a_pump_has_its_areas_its_stretch_its_keeper_and_the_event_nearby(duty):
    found = related(duty, "water_facilities", "PS1")
    codes = {tier: found[tier]["code"] for tier in ("district", "street", "community", "grid")}
    assert codes["grid"] == "440106011001001"  # on the edge of two grids
    assert codes["district"] == "440106"
    assert found["waterway"]["id"] == "W1"
    assert found["waterway"]["chainage_m"] == pytest.approx(400, abs=0.5)
    assert [(one["id"], one["relation"]) for one in found["events"]] == [("P", "near")]
    assert found["events"][0]["distance_m"] == pytest.approx(158.1, abs=0.1)
    assert found["responsible"][0]["level"] == "object"
    assert ids(found["responsible"][0], "responsible") == ["pump"]


def test_the_cameras_of_an_event_are_those_that_cameras_seeing_names(duty):
    found = related(duty, "events", "P")
    place = {"lon": repr(found["lon"]), "lat": repr(found["lat"]), "max_m": 300}
    seen = duty.json("/twin/cameras-seeing", **place)
    assert [one["id"] for one in found["cameras"] if one["relation"] == "sees"] == seen["seeing"]
    assert ids(found, "urban_villages") == ["UV1"]
    assert ids(found, "events") == []  # not itself


def test_it_says_so_when_not_all_are_told(duty, monkeypatch):
    whole = related(duty, "events", "P")
    assert (whole["complete"], len(whole["cameras"]) > 1) == (True, True)
    monkeypatch.setattr("twin.relations.related._CAMERAS_MAX", 1)
    cut = related(duty, "events", "P")
    assert (cut["complete"], len(cut["cameras"])) == (False, 1)


def test_an_area_has_the_events_in_it(duty):
    found = related(duty, "grids", "440106011001001")
    assert [(one["id"], one["relation"]) for one in found["events"]] == [("P", "within")]
    assert found["responsible"][0]["level"] == "grid_worker"


def test_what_has_no_place_has_those_who_answer_for_it(duty):
    found = related(duty, "responsibilities", "street")
    assert (found["lon"], found["grid"], found["cameras"]) == (None, None, [])
    assert [rung["level"] for rung in found["responsible"]] == ["street", "district"]


def test_as_of_a_moment_it_tells_what_was_there_then(duty):
    now = related(duty, "events", "P")
    then = datetime.now(UTC).isoformat()
    (gone, *_) = ids(now, "cameras")
    duty.execute(f"UPDATE layer.video_points SET geom = ST_Translate(geom, 0.2, 0) WHERE id = '{gone}'")
    try:
        assert gone not in ids(related(duty, "events", "P"), "cameras")
        past = related(duty, "events", "P", at=then)
        assert {**past, "complete": None} == {**now, "complete": None}
    finally:
        duty.execute(f"UPDATE layer.video_points SET geom = ST_Translate(geom, -0.2, 0) WHERE id = '{gone}'")
    long_ago = "/twin/features/events/P/related?at=2020-01-01T00:00:00Z"
    assert duty.ask(long_ago).status_code == 404
    assert duty.ask(long_ago.replace("2020-01-01T00:00:00Z", "soon")).status_code == 400
    place = {"lon": repr(now["lon"]), "lat": repr(now["lat"])}
    asked = {**place, "radius_m": 5000}
    assert duty.json("/twin/patrols", **asked, at=then) == duty.json("/twin/patrols", **asked)
    assert duty.json("/twin/patrols", **asked, at="2020-01-01T00:00:00Z")["number_matched"] == 0
    assert duty.json("/twin/locate", **place, at=then) == duty.json("/twin/locate", **place)


def test_single_features_link_to_their_relations(duty):
    links = duty.json("/ogc/collections/water_facilities/items/PS1")["links"]
    (href,) = [link["href"] for link in links if link["rel"] == "related"]
    assert duty.json(href)["id"] == "PS1"


@pytest.mark.parametrize(("layer", "feature"), [("water_facilities", "PS9"), ("nothing", "PS1"), ("events", "a%00b")])
def test_what_is_not_there_has_none(duty, layer, feature):
    assert duty.ask(f"/twin/features/{layer}/{feature}/related").status_code == 404


@pytest.mark.parametrize(
    ("reader", "cameras", "persons"), [("anonymous", None, None), ("leader", False, True), ("analyst", False, False)]
)
def test_a_reader_is_told_what_it_may_know(ruled, reader, cameras, persons):
    answer = ruled.ask("/twin/features/water_facilities/PS1/related", actor=reader)
    if cameras is None:
        assert answer.status_code == 404
        return
    found = answer.json()
    assert bool(found["cameras"]) == cameras
    named = [one["person"] for rung in found["responsible"] for one in rung["responsible"] if one["person"]]
    assert bool(named) == persons
