"""The axis order of every coordinate system, in parameters and in answers."""

from __future__ import annotations

import numpy as np
import pytest

from layers.coordinates.crs import CRS84, SERVED, SHIFTED, transform
from tests.ogc.service import BASE

OGC = "http://www.opengis.net/spec"
PLACE = (113.305, 23.1)  # of r0001, alone within 100 m
ALL = pytest.mark.parametrize("crs", SERVED, ids=lambda c: c.short)


def official(lonlat, crs):
    """Return a place in a system and its official axis order."""
    x, y = transform(np.array([lonlat]), 4490, crs.srid)[0].tolist()
    return (y, x) if crs.flips else (x, y)


def around(crs):
    """Return a box of a few hundred metres around the place."""
    width = 0.002 if crs.unit == "degree" else 200
    first, second = official(PLACE, crs)
    return first - width, second - width, first + width, second + width


@ALL
@pytest.mark.parametrize("path", ["collections/points/items", "collections/points/items/r0001"])
@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.requirement(f"{OGC}/ogcapi-features-2/1.0/conf/crs")
def test_geometries_come_in_the_official_order(service, crs, path, slow):
    parameters = {"crs": crs.uri} | ({} if path.endswith("r0001") else {"id": "r0001"})
    answer = service.ask(path, slow=slow, **parameters)
    assert answer.headers["content-crs"] == f"<{crs.uri}>"
    document = answer.json()
    feature = document["features"][0] if "features" in document else document
    tolerance = 1e-7 if crs.unit == "degree" else 1e-3
    assert feature["geometry"]["coordinates"] == pytest.approx(official(PLACE, crs), abs=tolerance)


@pytest.mark.parametrize("crs", [*SERVED, *SHIFTED], ids=lambda c: c.short)
@pytest.mark.parametrize("path", ["collections/points/items", "collections/points/items/r0001"])
def test_a_current_copy_keeps_its_system(service, crs, path):
    first = service.ask(path, crs=crs.named(BASE))
    again = service.ask(path, crs=crs.named(BASE), headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.headers["content-crs"] == first.headers["content-crs"] == f"<{crs.named(BASE)}>"


@ALL
def test_a_box_is_read_in_the_official_order(service, crs):
    box = ",".join(map(repr, around(crs)))
    found = service.json("collections/points/items", bbox=box, bbox__crs=crs.uri, actor="operator")
    assert [feature["id"] for feature in found["features"]] == ["r0001"]


@ALL
def test_a_filter_is_read_in_the_official_order(service, crs):
    a, b, c, d = around(crs)
    text = f"S_WITHIN(geom, POLYGON(({a} {b}, {c} {b}, {c} {d}, {a} {d}, {a} {b})))"
    found = service.json("collections/points/items", filter=text, filter__crs=crs.uri, actor="operator")
    assert [feature["id"] for feature in found["features"]] == ["r0001"]


@ALL
@pytest.mark.parametrize("of", ["bbox", "filter"])
def test_exchanged_axes_are_told_alike_in_every_system(service, crs, of):
    """Web Mercator is the exception: both axes have one range, so swapped ones name another place, which is empty."""
    a, b, c, d = around(crs)
    box = f"{b!r},{a!r},{d!r},{c!r}"
    asked = {"bbox": box, "bbox__crs": crs.uri}
    if of == "filter":
        asked = {"filter": f"S_INTERSECTS(geom,BBOX({box}))", "filter__crs": crs.uri}
    answer = service.ask("collections/points/items", **asked)
    if crs.short == "EPSG:3857":
        assert answer.json()["numberMatched"] == 0
        return
    assert answer.status_code == 400
    assert f"axis order of {crs.short}" in answer.json()["description"]


@pytest.mark.parametrize("crs", [c for c in SERVED if c.unit == "metre"], ids=lambda c: c.short)
def test_a_box_far_larger_than_where_a_system_is_used_is_a_box(service, crs):
    corners = [official(corner, crs) for corner in ((100.0, 15.0), (130.0, 40.0))]
    box = ",".join(repr(number) for corner in corners for number in corner)
    assert service.json("collections/points/items", bbox=box, bbox__crs=crs.uri)["numberMatched"] == 100


def test_without_crs_the_answer_is_in_crs84(service):
    answer = service.ask("collections/points/items/r0001")
    assert answer.headers["content-crs"] == f"<{CRS84.uri}>"
    assert answer.json()["geometry"]["coordinates"] == list(PLACE)


@pytest.mark.parametrize("parameter", ["crs", "bbox__crs", "filter__crs"])
def test_a_system_that_is_not_offered_is_refused_with_those_that_are(service, parameter):
    asked = {parameter: "EPSG:2326", "bbox": "113,23,114,24", "filter": "floors = 1"}
    answer = service.ask("collections/points/items", **asked)
    assert answer.status_code == 400
    assert "EPSG:2326" in answer.json()["description"]
    assert "EPSG:4490" in answer.json()["description"]


def test_a_box_over_the_antimeridian(service):
    everywhere_else = service.json("collections/points/items", bbox="114,-90,113,90")
    assert everywhere_else["numberMatched"] == 0
    assert service.json("collections/points/items", bbox="113,-90,112,90")["numberMatched"] == 100


def test_a_box_with_heights(service):
    flat = service.json("collections/points/items", bbox="113.3,23.1,113.35,23.12")
    high = service.json("collections/points/items", bbox="113.3,23.1,-5,113.35,23.12,5")
    assert flat["numberMatched"] == high["numberMatched"] > 0
