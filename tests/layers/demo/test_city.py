"""Roads hang together; houses stand beside roads and water and not in each other; water flows to the river."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import shapely

from layers.demo.district.frame import MetricFrame


def test_roads_are_one_network(small):
    roads = small["roads"]
    parent = {node: node for node in roads.column("from_node") + roads.column("to_node")}

    def root(node):
        while parent[node] != node:
            node = parent[node]
        return node

    for a, b in zip(roads.column("from_node"), roads.column("to_node"), strict=True):
        parent[root(a)] = root(b)
    assert len({root(node) for node in parent}) == 1


def test_nodes_are_where_the_lines_end(small):
    roads, place = small["roads"], {}
    for line, *nodes in zip(roads.geometry, roads.column("from_node"), roads.column("to_node"), strict=True):
        for node, point in zip(nodes, (line.coords[0], line.coords[-1]), strict=True):
            assert place.setdefault(node, point) == pytest.approx(point, abs=2.5e-7)


def test_every_class_of_road_is_there(quarter):
    classes = set(quarter["roads"].column("road_class"))
    assert classes == {"expressway", "arterial", "sub_arterial", "branch", "alley"}


def test_addresses_name_a_road_of_the_network(small):
    roads = set(small["roads"].column("name"))
    streets = set(small["streets"].column("name"))
    for address in small["buildings"].column("address"):
        street, road, number = re.fullmatch(r"广州市天河区(.+?街道)(\D+)(\d+)号（示例）", address).groups()
        assert street in streets
        assert road in roads
        assert int(number) > 0


def test_borders_of_streets_are_main_roads(small, metres):
    main = np.isin(small["roads"].column("road_class"), ["arterial", "expressway"])
    roads = shapely.union_all(metres["roads"][main]).buffer(1)
    borders = shapely.union_all(shapely.boundary(metres["streets"]))
    inner = borders.difference(
        shapely.union_all(metres["districts"]).boundary.buffer(400)
    )  # river bank and hills end roads
    assert inner.intersection(roads).length > 0.93 * inner.length


def test_buildings_touch_no_other(metres):
    tree = shapely.STRtree(metres["buildings"])
    a, b = tree.query(metres["buildings"], predicate="intersects")
    assert np.array_equal(a, b)


def test_buildings_stand_beside_roads(small, metres):
    half = np.array(small["roads"].column("width_m")) / 2
    hit = shapely.STRtree(metres["buildings"]).query(metres["roads"], predicate="dwithin", distance=half)
    assert hit.size == 0


def test_buildings_stand_beside_water(small, metres):
    water = shapely.transform(
        shapely.from_geojson([json.dumps(e) for e in small["waterways"].column("extent")]), MetricFrame(113.37).metres
    )
    assert shapely.STRtree(metres["buildings"]).query(water, predicate="intersects").size == 0
    assert shapely.STRtree(metres["buildings"]).query(metres["waterways"], predicate="intersects").size == 0


def test_houses_of_villages_are_small_and_close(small, metres):
    inside = shapely.STRtree(metres["buildings"]).query(metres["urban_villages"], predicate="contains")[1]
    outside = np.setdiff1d(np.arange(len(metres["buildings"])), inside)
    assert (
        np.median(shapely.area(metres["buildings"][inside]))
        < 130
        < np.median(shapely.area(metres["buildings"][outside]))
    )
    houses = metres["buildings"][inside]
    pairs, gap = shapely.STRtree(houses).query_nearest(houses, exclusive=True, return_distance=True)
    assert len(set(pairs[0])) == len(houses)
    assert np.median(gap) < 2.0


def test_the_core_is_taller_than_the_hills(small, metres):
    height = np.array(small["buildings"].column("height_m"))
    north = shapely.get_coordinates(shapely.centroid(metres["buildings"]))[:, 1]
    assert np.percentile(height[north < 2_560_000], 95) > 60 > np.percentile(height[north > 2_565_500], 95)
    assert height.min() > 2


def test_a_village_reaches_over_several_grids(quarter):
    share = shapely.STRtree(quarter["grids"].geometry).query(quarter["urban_villages"].geometry, predicate="intersects")
    assert np.median(np.bincount(share[0])) >= 3
    assert {"石牌村", "冼村", "猎德村"} <= set(quarter["urban_villages"].column("name"))


def test_creeks_flow_south_into_what_they_name(small, metres):
    water = small["waterways"]
    number = {code: k for k, code in enumerate(water.ids)}
    kinds, downstream = water.column("waterway_type"), water.column("downstream_code")
    assert [d for d, k in zip(downstream, kinds, strict=True) if k == "river"] == [None]
    for line, kind, into in zip(metres["waterways"], kinds, downstream, strict=True):
        assert line.is_simple
        if kind == "creek":
            end = shapely.Point(line.coords[-1])
            assert end.distance(metres["waterways"][number[into]]) < 0.5
            assert line.coords[0][1] > line.coords[-1][1] or line.length < 2500
    assert max(water.column("chainage_start_m")) > 0 == min(water.column("chainage_start_m"))


def test_the_camera_of_a_flood_point_looks_at_it(small, metres):
    cameras, points = small["video_points"], small["flood_risk_points"]
    place = {i: k for k, i in enumerate(cameras.ids)}
    azimuth = cameras.column("azimuth_deg")
    for target, watching in zip(metres["flood_risk_points"], points.column("camera_ids"), strict=True):
        assert watching
        for camera in watching:
            here = metres["video_points"][place[camera]]
            wanted = np.degrees(np.arctan2(target.x - here.x, target.y - here.y)) % 360
            assert abs((azimuth[place[camera]] - wanted + 180) % 360 - 180) < 30


def test_poles_carry_devices_at_the_same_point(small):
    devices = small["iot_devices"]
    place = dict(zip(devices.ids, shapely.to_wkb(devices.geometry), strict=True))
    kind = dict(zip(devices.ids, devices.column("device_type"), strict=True))
    carried = [(i, p) for i, p in zip(devices.ids, devices.column("parent_id"), strict=True) if p]
    assert len(carried) > 100
    for device, pole in carried:
        assert kind[pole] == "smart_pole"
        assert place[device] == place[pole]


def test_points_lie_in_the_district(small):
    (district,) = small["districts"].geometry
    shapely.prepare(district)
    for name in (
        "video_points",
        "iot_devices",
        "vehicles",
        "grid_workers",
        "events",
        "emergency_resources",
        "rain_gauges",
    ):
        assert shapely.covers(district, small[name].geometry).all(), name


def test_workers_stand_in_their_grid(small):
    grids = dict(zip(small["grids"].ids, small["grids"].geometry, strict=True))
    workers = small["grid_workers"]
    for point, codes in zip(workers.geometry, workers.column("grid_codes"), strict=True):
        assert grids[codes[0]].covers(point)
    heads = small["grids"].column("grid_head_id")
    assert len(set(heads)) == len(heads)
    assert set(heads) <= set(workers.ids)
