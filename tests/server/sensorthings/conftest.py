from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.databases import run_async, temporary_database
from tests.server.sensorthings.asking import Sensors
from tests.server.sensorthings.world import fill


@pytest.fixture(scope="module")
def sensors(cluster, layers_template) -> Iterator[Sensors]:
    """The application over stations and devices with some days of observations."""
    with temporary_database(cluster, layers_template) as url:
        run_async(fill(url))
        running = Sensors(url)
        yield running
        running.close()
