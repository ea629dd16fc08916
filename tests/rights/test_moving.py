"""Moving features tell every reader what the track tells, and nobody more."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import quote

import pytest

from tests.rights.changes import EPOCH

MOVERS = ("vehicles", "grid_workers")
SPAN = f"from={EPOCH:%Y-%m-%dT%H:%M:%SZ}&to={EPOCH + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
INTERVAL = f"datetime={EPOCH:%Y-%m-%dT%H:%M:%SZ}/{EPOCH + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"


def of_track(track):
    shape, times, speeds = track["geometry"], track["properties"]["times"], track["properties"].get("speed_kmh")
    lines = {"LineString": lambda it: [it], "Point": lambda it: [[it]], "MultiLineString": lambda it: it}
    several = shape is not None and shape["type"] == "MultiLineString"
    places = [] if shape is None else lines[shape["type"]](shape["coordinates"])
    times, speeds = (one if several or one is None else [one] for one in (times, speeds))
    # a line of one place has it twice
    found = [
        (datetime.fromisoformat(at), *place)
        for line, moments in zip(places, times, strict=bool(places))
        for at, place in zip(moments, line, strict=False)
    ]
    return found, [speed for line in speeds for speed in line] if speeds is not None else None


def of_sequence(sequence):
    return [
        (datetime.fromisoformat(at), *place)
        for movement in sequence["geometrySequence"]
        for at, place in zip(movement["datetimes"], movement["coordinates"], strict=True)
    ]


@pytest.mark.parametrize("layer", MOVERS)
def test_a_sequence_tells_every_reader_what_the_track_tells(served, actors, rows, layer):
    told = set()
    for name in actors:
        for row in rows[layer][:4]:
            item = f"/ogc/collections/{layer}/items/{quote(row['id'], safe='')}"
            track = served.ask(f"/twin/features/{layer}/{quote(row['id'], safe='')}/track?{SPAN}", actor=name)
            sequence = served.ask(f"{item}/tgsequence?{INTERVAL}&limit=100", actor=name)
            assert sequence.status_code == track.status_code, (name, row["id"], sequence.text)
            told.add(track.status_code)
            if track.status_code != 200:
                assert served.ask(f"{item}/tproperties/speed_kmh", actor=name).status_code != 200, (name, row["id"])
                continue
            places, speeds = of_track(track.json())
            assert of_sequence(sequence.json()) == places, (name, row["id"])
            speed = served.ask(f"{item}/tproperties/speed_kmh?{INTERVAL}", actor=name)
            assert (speed.status_code == 200) is (speeds is not None), (name, row["id"], speed.text)
            if speeds is not None:
                given = [value for part in speed.json()["valueSequence"] for value in part["values"]]
                assert given == pytest.approx([one for one in speeds if one is not None])
    assert {200, 404} <= told or {200, 403} <= told
