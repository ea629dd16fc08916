from __future__ import annotations

import pytest


@pytest.fixture
def database_url(layers_url: str) -> str:
    """URL of a database of the test's own that has every defined layer: making them takes most of a second."""
    return layers_url
