"""A status has an age: what a device says of itself holds for three of its intervals, in every output alike."""

from __future__ import annotations

from collections import Counter
from itertools import product

import mapbox_vector_tile
import pytest

from layers.definition import read_definitions
from layers.live_source import INTERVAL_S, SILENT_INTERVALS
from tests.databases import temporary_database
from tests.twin.service import TwinService

AGED = sorted(
    name
    for name, layer in read_definitions().items()
    if any(field.live and field.live.status and field.live.interval for field in layer.fields)
)
STORED = ("online", "offline", "fault", "unknown", None)
HEARD = (None, "row", "feed")  # never, as the row says, by a feed
SAID = (None, "online", "fault")
INTERVALS_AGO = (0.5, 20)
INTERVAL = (300, None)
LON, LAT = 113.3316634, 23.1395597
CASES = [
    (f"D{number:03}", *case)
    for number, case in enumerate(product(STORED, HEARD, SAID, INTERVALS_AGO, INTERVAL))
    if case[1] == "feed" or case[2] is None
]


def expected(stored, heard, said, intervals_ago, _):
    if heard is None:
        return stored if stored not in {"online", None} else "unknown"
    if intervals_ago > SILENT_INTERVALS:
        return "offline"
    return ((stored if heard == "row" else said) or "online"), False


def status_of(case):
    """Return the status and whether the data are stale."""
    answer = expected(*case)
    return answer if isinstance(answer, tuple) else (answer, True)


def rows_of(layer, name, stored, heard, said, intervals_ago, interval_s):
    """Write a device, and what was heard of it, as SQL."""
    ago = f"now() - interval '{intervals_ago * (interval_s or INTERVAL_S)} seconds'"
    columns = "id, name, online_status, report_interval_s, last_seen_at, area_code, geom"
    row_time = ago if heard == "row" else "NULL"
    yield (
        f"INSERT INTO layer.{layer} ({columns}) VALUES ('{layer}-{name}', '{name}', {_quoted(stored)}, "
        f"{interval_s or 'NULL'}, {row_time}, '440106011001', ST_SetSRID(ST_MakePoint({LON}, {LAT}), 4490))"
    )
    if heard == "feed":
        yield (
            "INSERT INTO twin.observation_now (id, property, value, value_text, phenomenon_time) VALUES "
            f"('{layer}-{name}', 'battery_pct', 50, NULL, {ago}), "
            f"('{layer}-{name}', 'online_status', NULL, {_quoted(said)}, {ago})"
        )


@pytest.fixture(scope="module")
def town(cluster, fixture_url):
    with temporary_database(cluster, fixture_url) as url:
        running = TwinService(url)
        running.execute("; ".join(statement for layer in AGED for case in CASES for statement in rows_of(layer, *case)))
        running.execute("ANALYZE")
        yield running
        running.close()


def _quoted(text):
    return "NULL" if text is None else f"'{text}'"


def wanted(layer):
    return {f"{layer}-{name}": status_of(case) for name, *case in CASES}


def shown(features):
    return {
        f["id"]: (f["properties"]["online_status"], f["properties"]["is_stale"])
        for f in features
        if f["properties"]["name"].startswith("D")
    }


@pytest.mark.parametrize("layer", AGED)
def test_items_and_filters_say_what_the_silence_means(town, layer):
    everything = shown(town.json(f"collections/{layer}/items", limit=1000)["features"])
    assert everything == wanted(layer)
    for status in ("online", "offline", "unknown", "fault"):
        some = {name for name, (is_so, _) in wanted(layer).items() if is_so == status}
        asked = {"filter": f"online_status = '{status}' AND name LIKE 'D%'", "limit": 1000}
        found = town.json(f"collections/{layer}/items", **asked)
        assert {f["id"] for f in found["features"]} == some
        assert found["numberMatched"] == len(some)


@pytest.mark.parametrize("layer", AGED)
def test_every_other_output_says_the_same(town, layer):
    near = town.json(f"/twin/nearby?lon={LON}&lat={LAT}&radius_m=5&layers={layer}&limit=1000")
    statuses = {f["id"]: f["properties"]["online_status"] for f in near["features"]}
    assert {name: statuses[name] for name in wanted(layer)} == {name: s for name, (s, _) in wanted(layer).items()}
    picture = town.json("/twin/snapshot", layers=layer, bbox="113.33,23.13,113.34,23.15")["layers"][layer]
    assert shown(picture["features"]) == wanted(layer)
    counts = Counter(status for status, _ in wanted(layer).values())
    for status, number in counts.items():
        asked = {"layer": layer, "by": "district", "filter": f"online_status = '{status}' AND name LIKE 'D%'"}
        told = town.json("/twin/aggregate", f="json", **asked)
        assert sum(row["count"] for row in told["areas"]) == number, status


@pytest.mark.parametrize("layer", AGED)
def test_a_tile_says_the_same(town, layer):
    column, row = 26699, 14218  # of level 15; the place of all the devices
    found = Counter()
    answer = town.ask(f"/tiles/{layer}/15/{column}/{row}.mvt")
    assert answer.status_code == 200, answer.text
    for feature in mapbox_vector_tile.decode(answer.content)[layer]["features"]:
        found[feature["properties"]["online_status"]] += 1
    assert found == Counter(status for status, _ in wanted(layer).values())
