"""`/twin/nearby` against the answers of the worked fixture (`domain.md` 4.4)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from layers.actor import OPERATOR, Actor
from layers.catalog import read_catalog
from layers.database.connection import Role, connect
from tests.layers.schema.fixture import INCIDENT
from tests.twin.fixture import lonlat
from twin.surroundings.nearby import nearby_clause
from twin.surroundings.spot import Spot

ALL = "video_points,emergency_resources,flood_risk_points,water_facilities"
LON, LAT = lonlat(*INCIDENT)
EXPECTED = {  # planar metres; on the ground 0.006 % less
    "C1": 100.0,
    "C2": 100.0,
    "S1": 111.8,
    "F1": 141.4,
    "PS1": 158.1,
    "C6": 174.9,
    "C3": 200.0,
    "C5": 250.0,
    "R1": 300.0,
}


def near(twin, **asked):
    return twin.json("/twin/nearby", **{"lon": LON, "lat": LAT, "radius_m": 300, "layers": ALL, **asked})


def distances(found):
    return {feature["id"]: feature["properties"]["distance_m"] for feature in found["features"]}


def test_what_is_within_300_m_of_the_incident(twin):
    """F2 lies 304.8 m away, S2 320.2 m, PS2 335.4 m, C4 350 m: not within."""
    assert distances(near(twin)) == {name: pytest.approx(value, abs=0.1) for name, value in EXPECTED.items()}


def test_exactly_300_m_of_the_plane_are_within_and_the_mercator_trap_is_none(twin):
    """R1: 299.983 m on the ground, 327.9 m in Web Mercator."""
    assert distances(near(twin))["R1"] == pytest.approx(299.983, abs=0.001)
    assert "R1" not in distances(near(twin, radius_m=299.98))
    assert "C3" in distances(near(twin, radius_m=200))  # a buffer of 200 Mercator metres ends at 184 m


def test_the_limit_of_the_radius_is_within(twin):
    exact = distances(near(twin))["C6"]
    assert "C6" in distances(near(twin, radius_m=exact))
    assert "C6" not in distances(near(twin, radius_m=exact - 0.001))


def test_nearest_first_then_by_id_and_layers_counted(twin):
    found = near(twin)
    order = [(f["properties"]["distance_m"], f["id"]) for f in found["features"]]
    assert order == sorted(order)
    assert [layer["id"] for layer in found["layers"]] == ALL.split(",")
    assert {layer["id"]: layer["number_matched"] for layer in found["layers"]} == {
        "video_points": 5,
        "emergency_resources": 2,
        "flood_risk_points": 1,
        "water_facilities": 1,
    }


def test_the_limit_is_of_each_layer_and_keeps_the_nearest(twin):
    found = near(twin, limit=1)
    assert [f["id"] for f in found["features"]] == ["C1", "S1", "F1", "PS1"]
    cameras = found["layers"][0]
    assert (cameras["number_matched"], cameras["number_returned"]) == (5, 1)


def test_features_are_geojson_with_their_own_properties(twin):
    feature = near(twin, layers="emergency_resources", limit=1)["features"][0]
    assert feature["type"] == "Feature"
    assert feature["geometry"]["coordinates"] == pytest.approx(lonlat(450, 300), abs=1e-7)
    assert (feature["properties"]["layer"], feature["properties"]["resource_type"]) == (
        "emergency_resources",
        "shelter",
    )
    assert feature["properties"]["grid_code"] == "440106011002001"


def test_the_past_is_told_as_it_was(twin):
    """Nothing was there before it was loaded; a moment after that is like now."""
    began, now = "2020-01-01T00:00:00Z", datetime.now(UTC).isoformat()
    assert distances(near(twin, at=now)) == distances(near(twin))
    assert near(twin, at=began)["features"] == []
    area = {"layers": "video_points,emergency_resources"}
    told = twin.json("/twin/areas/440106011001001/features", **area)
    assert twin.json("/twin/areas/440106011001001/features", **area, at=now) == told
    assert told["features"]
    assert not twin.json("/twin/areas/440106011001001/features", **area, at=began)["features"]


def test_lines_and_areas_count_from_their_edge(twin):
    found = distances(near(twin, layers="waterways,buildings,grids,urban_villages"))
    assert found["W1"] == pytest.approx(150, abs=0.05)
    assert found["K1"] == pytest.approx(90, abs=0.05)
    assert found["440106011001001"] == found["UV1"] == 0
    assert found["440106011002001"] == pytest.approx(50, abs=0.05)


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"radius_m": 0}, 400),
        ({"radius_m": -5}, 400),
        ({"radius_m": "nan"}, 400),
        ({"radius_m": 5001}, 413),
        ({"radius_m": "inf"}, 413),
        ({"layers": ""}, 400),
        ({"layers": "nothing"}, 400),
        ({"layers": "video_points,nothing"}, 400),
        ({"layers": ",".join(f"l{n}" for n in range(21))}, 413),
        ({"at": "yesterday"}, 400),
        ({"limit": 0}, 400),
        ({"limit": 1001}, 400),
        ({"lon": "nan"}, 400),
    ],
)
def test_limits(twin, wrong, status):
    answer = twin.ask("/twin/nearby", **{"lon": LON, "lat": LAT, "radius_m": 300, "layers": ALL, **wrong})
    assert answer.status_code == status, answer.text


def test_one_sees_what_one_may(twin):
    seen = {actor: set(distances(near(twin, actor=actor))) for actor in ("operator", "officer", "grid_worker")}
    assert seen["operator"] == set(EXPECTED)
    assert seen["officer"] == {"C1", "C3", "F1", "PS1", "R1"}  # community 001 alone
    assert seen["grid_worker"] == {"C3", "F1", "PS1", "R1"}  # grid 001001 alone
    hidden = twin.ask("/twin/nearby", actor="public", lon=LON, lat=LAT, radius_m=300, layers="video_points")
    assert hidden.status_code == 400
    assert "video_points" not in hidden.json()["detail"].partition("layers: ")[2]


def test_fields_of_a_higher_grade_are_absent(twin):
    given = near(twin, layers="emergency_resources", actor="anonymous")["features"][0]["properties"]
    assert "quantity" not in given
    assert "quantity" in near(twin, layers="emergency_resources", actor="operator")["features"][0]["properties"]


@pytest.mark.parametrize("actor", [OPERATOR, Actor("officer", 3, ("440106011",))])
def test_the_spatial_index_is_used(district_url, actor):
    async def plan(layer):
        connection = await connect(district_url, Role.READ)
        await connection.execute("SET enable_seqscan = off")  # a district of 2 % is read whole
        catalog = await read_catalog(connection)
        west, south, east, north = catalog[layer].extent_crs84
        spot = Spot((west + east) / 2, (south + north) / 2)
        text, values = nearby_clause(catalog[layer], actor, spot, 300, 100).render()
        rows = await connection.fetch(f"EXPLAIN {text}", *values)
        await connection.close()
        return "\n".join(row[0] for row in rows)

    for layer in ("video_points", "buildings", "roads"):
        assert f"{layer}_geom_idx" in asyncio.run(plan(layer))
