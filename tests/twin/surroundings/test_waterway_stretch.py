"""`/twin/waterway-stretch-impact` against the table of the worked fixture (`domain.md` 4.8)."""

from __future__ import annotations

import pytest

from layers.database.connection import Role, connect
from tests.layers.schema.fixture import line, put
from tests.twin.service import serving
from twin.surroundings import waterway_stretch

STRETCH = {"waterway": "W1", "chainage_from_m": 200, "chainage_to_m": 600, "offset_m": 120}
TABLE = {"F1": (250, 50), "PS1": (400, 0), "S1": (450, 100), "C6": (500, 60), "F2": (550, 80)}


def asked(service, actor="operator", **question):
    return service.json("/twin/waterway-stretch-impact", actor=actor, **{**STRETCH, **question})


def test_the_table(worked):
    found = asked(worked)
    told = {one["id"]: one["properties"] for one in found["features"]}
    assert list(told) == list(TABLE)  # downstream; F3, PS2 (beyond the flat end), C1, C2, S2 are not within
    for name, (chainage_m, offset_m) in TABLE.items():
        assert told[name]["chainage_m"] == pytest.approx(chainage_m, abs=0.02)
        assert told[name]["offset_m"] == pytest.approx(offset_m, abs=0.02)
    sides = {name: properties["side"] for name, properties in told.items()}
    assert sides == {"F1": "left", "PS1": "mid", "S1": "left", "C6": "left", "F2": "right"}
    assert told["PS1"]["layer"] == "water_facilities"
    assert found["complete"] is True


async def _tributaries(url):
    """Let two streams flow into W1, and a third into the first of these."""
    connection = await connect(url, Role.OWNER)
    try:
        for name, course, into in (
            ("T1", ((300, 500), (300, 200)), "W1"),
            ("T2", ((600, 500), (600, 200)), "W1"),
            ("T3", ((100, 400), (300, 400)), "T1"),
        ):
            await put(connection, "waterways", name, line(*course), name=name, downstream_code=into)
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def branched(cluster, fixture_url):
    with serving(cluster, fixture_url, _tributaries) as running:
        yield running


@pytest.mark.parametrize(
    ("question", "reached"),
    [
        (
            {"waterway": "W1", "follow": "upstream", "chainage_from_m": 700, "chainage_to_m": 750},
            ["T1", "T2", "T3", "W1"],
        ),
        ({"waterway": "T3", "follow": "downstream"}, ["T1", "T3", "W1"]),
        ({"waterway": "T3"}, ["T3"]),
    ],
)
def test_what_is_followed_says_whether_a_waterway_was_left_out(branched, monkeypatch, question, reached):
    asked = {"offset_m": 50, "layers": "video_points", "follow_m": 5_000, **question}
    whole = branched.json("/twin/waterway-stretch-impact", **asked)
    assert (sorted({one["waterway"] for one in whole["stretches"]}), whole["complete"]) == (reached, True)
    monkeypatch.setattr(waterway_stretch, "WATERWAYS_MAX", 1)
    cut = branched.json("/twin/waterway-stretch-impact", **asked)
    assert (len(cut["stretches"]), cut["complete"]) == (1, len(reached) == 1)
