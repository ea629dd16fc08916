"""`/twin/areas/{code}/features` against the answers of the worked fixture (`domain.md` 4.3)."""

from __future__ import annotations

import pytest

ALL = "events,flood_risk_points,video_points,emergency_resources,water_facilities"
GRID = "440106011001001"


def ids(found):
    return {feature["id"] for feature in found["features"]}


def test_my_grid(twin):
    found = twin.json(f"/twin/areas/{GRID}/features", layers=ALL)
    assert ids(found) == {"P", "C3", "F1", "PS1", "S2", "R1"}  # C1 is at y=450; PS1 stands on the edge


def test_every_point_is_in_one_grid(twin):
    grids = ["440106011001001", "440106011001002", "440106011002001", "440106011002002"]
    inside = [sorted(ids(twin.json(f"/twin/areas/{code}/features", layers=ALL))) for code in grids]
    everything = sorted(ids(twin.json("/twin/areas/440106/features", layers=ALL)))
    assert sorted(name for found in inside for name in found) == everything
    assert inside[1] == ["C1", "C4", "R3"]


@pytest.mark.parametrize("code", ["440106011001", "440106011", "440106011000", "440106", "440106000000"])
def test_larger_areas_hold_what_their_grids_hold(twin, code):
    found = ids(twin.json(f"/twin/areas/{code}/features", layers=ALL))
    assert found >= {"P", "C1", "C3", "C4", "F1", "PS1", "S2", "R1", "R3"}
    assert ("PS2" in found) == (code != "440106011001")


def test_a_village_spans_grids(twin):
    found = twin.json("/twin/areas/UV1/features", layers="events,video_points,emergency_resources,grids,buildings")
    assert ids(found) == {"P", "C1", "C2", "C5", "S1"} | {f"44010601100{c}00{g}" for c in "12" for g in "12"}


def test_lines_and_villages_belong_to_every_grid_they_share_ground_with(twin):
    layers = "waterways,urban_villages,buildings"
    assert ids(twin.json(f"/twin/areas/{GRID}/features", layers=layers)) == {"W1", "UV1", "K1"}
    assert ids(twin.json("/twin/areas/440106011002001/features", layers=layers)) == {"W1", "UV1"}
    assert ids(twin.json("/twin/areas/440106011001002/features", layers=layers)) == {"UV1"}


def test_features_come_layer_by_layer_and_the_limit_is_of_each(twin):
    found = twin.json("/twin/areas/440106011/features", layers="video_points,flood_risk_points", limit=2)
    assert [f["id"] for f in found["features"]] == ["C1", "C2", "F1", "F2"]
    assert [(c["number_matched"], c["number_returned"]) for c in found["layers"]] == [(6, 2), (3, 2)]


@pytest.mark.parametrize("code", ["440106099", "440106011001009", "999999", "UV2", "0", "x" * 200])
def test_an_area_that_is_not_there(twin, code):
    answer = twin.ask(f"/twin/areas/{code}/features", layers="video_points")
    assert answer.status_code == 404
    assert "15" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("actor", "code", "status"),
    [
        ("grid_worker", GRID, 200),
        ("grid_worker", "440106011001002", 403),
        ("grid_worker", "440106011002001", 403),
        ("grid_worker", "440106011009009", 403),  # not there: not told
        ("grid_worker", "440106011001", 200),  # holds the own grid: only its rows
        ("grid_worker", "UV1", 200),
        ("officer", "440106011001002", 200),
        ("officer", "440106011002", 403),
        ("neighbour", "UV1", 403),
        ("neighbour", "440106", 200),
        ("operator", "440106011002001", 200),
    ],
)
def test_another_area_is_forbidden(twin, actor, code, status):
    answer = twin.ask(f"/twin/areas/{code}/features", actor=actor, layers=ALL)
    assert answer.status_code == status, answer.text
    if status == 403:
        assert answer.json()["title"] == "Forbidden"
        assert code not in answer.text


def test_of_a_larger_area_one_gets_the_own_rows(twin):
    own = {"P", "C3", "F1", "PS1", "S2", "R1", "F2", "F3"}  # F2 and F3 lie elsewhere, and are public
    for code in ("440106011001", "440106", "UV1"):
        found = twin.json(f"/twin/areas/{code}/features", actor="grid_worker", layers=ALL)
        assert ids(found) <= own
        assert sum(layer["number_matched"] for layer in found["layers"]) == len(found["features"])
    listed = twin.json("/ogc/collections/video_points/items", actor="grid_worker")
    assert ids(listed) == {"C3"}
