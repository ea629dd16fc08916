"""Feeds as files: what is checked, and how a folder is read again without a restart."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from layers.definition import read_definitions
from layers.errors import BadInput
from twin.connectors.protocols import read_feed, read_registry

CONFIG = Path(__file__).resolve().parents[3] / "config" / "feeds"
NAMES = {"hotline", "grid_cases", "iot_water", "video_status", "vehicles_jt808", "warnings_cap", "demo"}
GOOD = """
name: one
title_zh: 一
title_en: One
protocol: http
crs_source: CGCS2000
kinds: [position]
supplies: [vehicles]
"""


def write(folder: Path, text: str, name: str = "one.yaml") -> None:
    """Write a file whose time of change differs from the last, whatever the clock's grain."""
    path = folder / name
    last_ns = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(last_ns + 1_000_000_000,) * 2)


def test_the_feeds_of_the_house_are_good():
    registry = read_registry(CONFIG)
    assert registry.faults == {}
    assert set(registry.by_name) >= NAMES


def test_the_feeds_of_the_house_supply_collections_and_fields_that_exist():
    layers = read_definitions()
    for feed in read_registry(CONFIG).by_name.values():
        assert set(feed.supplies) <= set(layers), feed.name
        for mapping in feed.mapping:
            if mapping.kind == "feature_change":
                known = set(layers[feed.supplies[0]].by_name) | {"change", "lon", "lat"}
                assert set(mapping.data) <= known, feed.name


def test_no_secret_is_in_a_file():
    for path in CONFIG.glob("*.yaml"):
        assert "password" not in path.read_text("utf-8").lower().replace("no password", "")


def test_an_unchanged_folder_is_not_read_again(tmp_path):
    write(tmp_path, GOOD)
    first = read_registry(tmp_path)
    assert first.renewed() is first


def test_a_changed_file_counts_and_its_neighbour_stays_the_same_object(tmp_path):
    write(tmp_path, GOOD)
    write(tmp_path, GOOD.replace("one", "two"), "two.yaml")
    first = read_registry(tmp_path)
    write(tmp_path, GOOD + "rate_limit_per_s: 7\n")
    second = first.renewed()
    assert second.by_name["one"].rate_limit_per_s == 7
    assert second.by_name["two"] is first.by_name["two"]


def test_a_broken_file_keeps_the_old_feed_and_says_why_until_it_is_mended(tmp_path):
    write(tmp_path, GOOD)
    first = read_registry(tmp_path)
    write(tmp_path, GOOD.replace("crs_source: CGCS2000", "crs_source: WGS72"))
    second = first.renewed()
    assert second.by_name["one"] is first.by_name["one"]
    assert "crs_source" in second.faults["one.yaml"]
    assert second.renewed() is second
    write(tmp_path, GOOD)
    assert second.renewed().faults == {}


def test_a_new_broken_file_is_reported_and_is_no_feed(tmp_path):
    write(tmp_path, "name: [")
    registry = read_registry(tmp_path)
    assert registry.by_name == {}
    assert "not YAML" in registry.faults["one.yaml"]


def test_a_removed_file_ends_the_feed(tmp_path):
    write(tmp_path, GOOD)
    first = read_registry(tmp_path)
    (tmp_path / "one.yaml").unlink()
    assert first.renewed().by_name == {}


def test_a_missing_folder_has_no_feeds(tmp_path):
    assert read_registry(tmp_path / "none").by_name == {}


MAPPING = """
mapping:
  - kind: position
    id: i
    subject: {template: "vehicles/{i}"}
    time: t
    data: {lon: x, lat: y}
"""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("just a text", "file"),
        (GOOD + "passwort: x\n", "passwort"),
        (GOOD + "since: 2026-13-45\n", "not YAML"),
        (GOOD.replace("[position]", "[]"), "kinds"),
        (GOOD.replace("name: one", "name: other"), "named alike"),
        (GOOD.replace("protocol: http", "protocol: mqtt"), "connection.url"),
        (GOOD.replace("protocol: http", "protocol: jt808"), "connection.port"),
        (GOOD.replace("protocol: http", "protocol: drop\nconnection: {pattern: a.csv}"), "needs a mapping"),
        (GOOD.replace("protocol: http", "protocol: cap").replace("CGCS2000", "GCJ02"), "by its standard"),
        (GOOD.replace("protocol: http", "protocol: sensorthings"), "datastreams"),
        (GOOD.replace("protocol: http", "protocol: ngsi"), "entity_types"),
        (GOOD + "connection: {url: 'mqtt://me:secret@host/x'}\n", "connection.url"),
        (GOOD + "connection: {pattern: '../*.csv'}\n", "connection.pattern"),
        (GOOD + MAPPING.replace("lon: x", "long: x"), "no fields of a position"),
        (GOOD + MAPPING.replace("kind: position", "kind: observation"), "needs rules for ['property']"),
        (GOOD.replace("[position]", "[event]") + MAPPING, "kinds allows"),
        (GOOD + MAPPING.replace("id: i\n", "id: {path: i, constant: 1}\n"), "one of path"),
        (GOOD + MAPPING.replace("id: i\n", "id: {template: '{a..b}'}\n"), "not a path"),
        (GOOD + MAPPING.replace("id: i\n", "id: a.b.c.d.e.f.g.h.i\n"), "pattern"),
        (GOOD + MAPPING.replace('    subject: {template: "vehicles/{i}"}\n', ""), "needs a subject"),
    ],
)  # fmt: skip
def test_a_feed_that_cannot_be_right_is_refused(tmp_path, text, says):
    write(tmp_path, text)
    with pytest.raises(BadInput, match=r"one\.yaml") as refused:
        read_feed(tmp_path / "one.yaml")
    assert says in refused.value.message
