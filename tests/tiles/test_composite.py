"""A composite of several tiles is one tile whose MVT layers have unique names."""

from __future__ import annotations

import mapbox_vector_tile
from hypothesis import given
from hypothesis import strategies as st

from tiles.composite import composite

POINT = {"geometry": "POINT(1 2)", "properties": {"id": "a"}}


def tile(*names, count=1):
    return mapbox_vector_tile.encode([{"name": name, "features": [POINT] * count} for name in names])


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,40}", fullmatch=True), st.integers(0, 60), min_size=1, max_size=4))
def test_every_layer_and_its_names_are_there(counts):
    whole = mapbox_vector_tile.decode(composite({name: tile(name, "labels", count=n) for name, n in counts.items()}))
    assert set(whole) == {n for name in counts for n in (name, name if name == "labels" else f"{name}_labels")}
    for name, count in counts.items():
        assert len(whole[name]["features"]) == count
        assert all(feature["properties"] == {"id": "a"} for feature in whole[name]["features"])


def test_nothing_and_nothing_is_nothing():
    assert composite({"a": b"", "b": b""}) == b""
