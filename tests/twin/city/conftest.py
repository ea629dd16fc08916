from __future__ import annotations

import json

import pytest
import shapely

from layers.demo.generate import generate
from twin.city.city import City, Liveliness
from twin.city.district import PROPERTIES, CityDistrict

SEED = 440106
NOON = 1_780_891_200  # 2026-06-08 12:00 in China, a Monday


def features(tables):
    """Return the generated layers as the OGC API would."""
    return {layer: _features(tables[layer]) for layer in PROPERTIES}


def _features(table):
    names = [name for name in PROPERTIES[table.layer] if name in table.columns]
    shapes = [json.loads(text) for text in shapely.to_geojson(table.geometry).tolist()]
    columns = {name: table.column(name) for name in names}
    return [
        {
            "type": "Feature",
            "id": number,
            "geometry": shapes[k],
            "properties": {name: column[k] for name, column in columns.items()},
        }
        for k, number in enumerate(table.ids)
    ]


@pytest.fixture(scope="session")
def given():
    return features(generate(0.05))


@pytest.fixture(scope="session")
def district(given):
    return CityDistrict(given)


@pytest.fixture(scope="session")
def city(district):
    return City(district, SEED, Liveliness())
