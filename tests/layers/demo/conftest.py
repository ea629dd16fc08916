"""The small district that the tests look at, generated once."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from layers.demo.district.frame import MetricFrame
from layers.demo.generate import generate
from layers.demo.table import DemoTable

SMALL = 0.02
QUARTER = 0.25


@pytest.fixture(scope="session")
def small() -> dict[str, DemoTable]:
    return generate(SMALL)


@pytest.fixture(scope="session")
def quarter() -> dict[str, DemoTable]:
    return generate(QUARTER)


@pytest.fixture(scope="session")
def metres(small: dict[str, DemoTable]) -> dict[str, np.ndarray]:
    """Geometries by layer in EPSG:4547."""
    frame = MetricFrame(113.37)
    return {name: shapely.transform(table.geometry, frame.metres) for name, table in small.items()}
