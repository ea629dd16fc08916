"""`/twin/waterway-stretch-impact` against the table of the worked fixture (`domain.md` 4.8)."""

from __future__ import annotations

import pytest

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
