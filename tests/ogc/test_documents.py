"""Landing page, collections, schemas: the documents that clients navigate by."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("path", ["/ogc", "/ogc/"])
def test_landing_page_answers_with_and_without_slash(service, path):
    links = {link["rel"]: link for link in service.json(path)["links"]}
    assert {"service-desc", "service-doc", "conformance", "data", "self"} <= links.keys()
    assert links["data"]["href"] == "http://map.test/ogc/collections"


def finite(links):
    """Leave out the streams, whose answers have no end (`tests/twin/test_asyncapi.py` tests them)."""
    return [link for link in links if link["rel"] != "hub"]


def test_every_link_of_the_landing_page_leads_somewhere(service):
    for link in finite(service.json("/ogc")["links"]):
        answer = service.ask(link["href"])
        assert answer.status_code == 200, link


@pytest.mark.requirement("http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/collections")
def test_collections_are_those_the_actor_may_see(service):
    assert [c["id"] for c in service.json("collections")["collections"]] == ["areas", "lines", "plain_list", "points"]
    assert "hidden" in {c["id"] for c in service.json("collections", actor="operator")["collections"]}
    assert service.ask("collections/hidden").status_code == 404


def test_a_collection_says_what_it_is(service):
    points = service.json("collections/points")
    assert points["title"] == "点"
    assert service.json("collections/points", lang="en")["title"] == "Points"
    assert service.json("collections/points", lang="en-GB")["title"] == "Points"
    for path in ("collections/points", "collections/points/items", "collections/points/items/r0001", "conformance"):
        refused = service.ask(path, lang="AAA")
        assert refused.status_code == 400
        assert "zh-CN, en" in refused.json()["description"]
    assert service.json("collections/points", headers={"accept-language": "en-GB,zh;q=0.5"})["title"] == "Points"
    assert points["itemCount"] == 100  # data_grade 1 and 2 of 1 to 4
    assert service.json("collections/points", actor="operator")["itemCount"] == 200
    assert points["storageCrs"].endswith("/EPSG/0/4490")
    assert points["crs"][0].endswith("CRS84")
    assert len(points["crs"]) == 6
    assert points["synthetic"] is True
    assert points["attribution"] == "© 测试"
    west, south, east, north = points["extent"]["spatial"]["bbox"][0]
    assert 113.29 < west < 113.31 < east
    assert 23.09 < south < 23.11 < north
    assert points["extent"]["temporal"]["interval"][0][0] == "2025-12-31T16:00:00Z"
    kinds = {link["type"] for link in points["links"] if link["rel"] == "items"}
    assert {"application/geo+json", "text/csv", "application/vnd.ogc.fg+json", "text/html"} <= kinds
    assert "temporal" not in service.json("collections/areas")["extent"]


def test_every_link_of_a_collection_leads_somewhere(service):
    for link in finite(service.json("collections/points")["links"]):
        assert service.ask(link["href"]).status_code == 200, link
