"""The small district that the tests look at, generated once."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from layers.demo.district.frame import Frame
from layers.demo.generate import generate
from layers.demo.table import Table

SMALL = 0.02
QUARTER = 0.25


@pytest.fixture(scope="session")
def small() -> dict[str, Table]:
    return generate(SMALL)


@pytest.fixture(scope="session")
def quarter() -> dict[str, Table]:
    return generate(QUARTER)


@pytest.fixture(scope="session")
def metres(small: dict[str, Table]) -> dict[str, np.ndarray]:
    """Geometries by layer in EPSG:4547."""
    frame = Frame(113.37)
    return {name: shapely.transform(table.geometry, frame.metres) for name, table in small.items()}
