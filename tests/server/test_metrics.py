"""`/metrics` is Prometheus's text format, for operators."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from prometheus_client.core import GaugeMetricFamily

from server.metrics import prometheus_text

TOKEN = "a-token-of-the-tests"  # opens nothing but the tests' own server
LINE = re.compile(r'^(?:# (?:HELP|TYPE) onemap_\w+ .+|onemap_\w+(?:\{(?:\w+="(?:[^"\\]|\\.)*",?)+\})? [-+.e\d]+)$')


def test_what_labels_hold_is_escaped():
    odd = GaugeMetricFamily("onemap_b", "odd", labels=["feed"])
    odd.add_metric(['a"b\\c\nd'], 1.5)
    assert (
        prometheus_text(odd).decode()
        == '# HELP onemap_b odd\n# TYPE onemap_b gauge\nonemap_b{feed="a\\"b\\\\c\\nd"} 1.5\n'
    )


@pytest.fixture
def client(district_url, live_server, tmp_path):
    (tmp_path / "operator-token").write_text(TOKEN, encoding="ascii")
    with httpx.Client(base_url=live_server(district_url, home=tmp_path), timeout=120) as client:
        yield client


def figures(client):
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200, answer.text
    lines = answer.text.splitlines()
    assert all(LINE.match(line) for line in lines), answer.text
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def of(found, name, **labels):
    return sum(
        value
        for key, value in found.items()
        if key.partition("{")[0] == name and all(f'{label}="{text}"' in key for label, text in labels.items())
    )


def test_only_operators_see_them(client):
    assert client.get("/metrics").status_code == 403


def test_a_crowd_that_wants_one_tile_is_one_query(client):
    before = figures(client)
    with ThreadPoolExecutor(30) as crowd:
        path = f"{client.base_url}/tiles/buildings/13/6675/3554.mvt"
        answers = list(crowd.map(lambda _: httpx.get(path, timeout=120), range(100)))
    after = figures(client)
    assert len({answer.content for answer in answers}) == 1
    assert of(after, "onemap_tile_queries_total") == of(before, "onemap_tile_queries_total") + 1
    assert of(after, "onemap_tiles_total") == of(before, "onemap_tiles_total") + 100


def test_tiles_are_counted_by_how_they_were_come_by(client):
    before = figures(client)
    client.get("/tiles/streets/12/3337/1777.mvt").raise_for_status()
    client.get("/tiles/streets/12/3337/1777.mvt").raise_for_status()
    after = figures(client)
    for how in ("drawn", "memory"):
        assert of(after, "onemap_tiles_total", how=how) == of(before, "onemap_tiles_total", how=how) + 1
    assert of(after, "onemap_tile_queries_total") == of(before, "onemap_tile_queries_total") + 1
    assert of(after, "onemap_tile_drawn_bytes_total") > of(before, "onemap_tile_drawn_bytes_total")
    assert of(after, "onemap_layer_features", layer="streets") > 0
    assert of(after, "onemap_catalogue_trusted") == 1
