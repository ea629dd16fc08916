"""Joins: what the server joins, and what is joined here with a frame, are the same pairs."""

from __future__ import annotations

import geopandas
import pytest

from twin.client import Twin

CASES = [
    ("video_points", "urban_villages", "within", None),
    ("roads", "grids", "intersects", None),
    ("emergency_resources", "flood_risk_points", "intersects", 2500.0),
    ("flood_risk_points", "emergency_resources", "nearest", None),
    ("flood_risk_points", "roads", "nearest", 400.0),
]


@pytest.mark.parametrize(("left", "right", "how", "within_m"), CASES)
def test_a_frame_is_joined_as_the_server_joins_its_layer(twin: Twin, left, right, how, within_m):
    rows = twin[left].columns("name")
    frame = twin[right].columns("name").to_geopandas()
    there = rows.join(twin[right].columns("name"), how, within_m=within_m)
    here = rows.join(frame, how, within_m=within_m)
    assert len(there) > 0
    assert set(there.columns) == set(here.columns)
    pairs = there.sort_values(["left_id", "right_id"]), here.sort_values(["left_id", "right_id"])
    assert [list(one[["left_id", "right_id"]].itertuples(index=False, name=None)) for one in pairs[:1]] == [
        list(one[["left_id", "right_id"]].itertuples(index=False, name=None)) for one in pairs[1:]
    ]
    assert there.crs == here.crs
    if "distance_m" in there:
        assert pairs[0]["distance_m"].tolist() == pytest.approx(pairs[1]["distance_m"].tolist(), abs=0.05)


def test_a_layer_is_counted_by_another(twin: Twin):
    counted = twin["video_points"].join("urban_villages", aggregate=["count"])
    assert len(counted) == twin["urban_villages"].count()
    pairs = twin["video_points"].within("urban_villages")
    assert counted["count"].sum() == len(pairs)


def test_conditions_hold_on_their_side(twin: Twin):
    village = twin["urban_villages"].to_pandas(limit=1)["id"].iloc[0]
    chosen = twin["urban_villages"].where(f"id = '{village}'")
    assert set(twin["video_points"].join(chosen)["right_id"]) <= {village}
    found = twin["video_points"].join("urban_villages", where="online_status = 'offline'")
    assert set(found["left_online_status"]) <= {"offline"}


def test_a_frame_of_ones_own_needs_a_reference_system_and_no_id(twin: Twin):
    grids = twin["grids"].to_geopandas()
    bare = geopandas.GeoDataFrame(geometry=grids.geometry.to_numpy())
    with pytest.raises(ValueError, match="set_crs"):
        twin["video_points"].within(bare)
    with pytest.raises(ValueError, match="group the pairs"):
        twin["video_points"].join(grids, aggregate=["count"])
    joined = twin["video_points"].within(bare.set_crs("OGC:CRS84").to_crs(4547))
    assert set(joined["right_id"]) <= {str(number) for number in bare.index}
