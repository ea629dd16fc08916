from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.broker import Broker
from layers.schema.tables import sync_definitions
from tests.conftest import _database, _run
from tests.twin.fixture import load_fixture
from tests.twin.service import TwinService


@pytest.fixture(scope="session")
def layers_url(cluster, template) -> Iterator[str]:
    """URL of a database with every layer, none with rows; nobody writes to it."""
    with _database(cluster, template) as url:
        _run(sync_definitions(url))
        yield url


@pytest.fixture(scope="session")
def fixture_url(cluster, layers_url) -> Iterator[str]:
    """URL of a database that holds the worked fixture of the domain reference; nobody writes to it."""
    with _database(cluster, layers_url) as url:
        _run(load_fixture(url))
        yield url


@pytest.fixture
def fixture_copy_url(cluster, fixture_url) -> Iterator[str]:
    """URL of a database of the test's own that holds the worked fixture."""
    with _database(cluster, fixture_url) as url:
        yield url


@pytest.fixture(scope="session")
def twin(cluster, fixture_url) -> Iterator[TwinService]:
    """The application over the worked fixture, for reading."""
    with _database(cluster, fixture_url) as url:  # whoever is connected to a database keeps it from being copied
        running = TwinService(url)
        yield running
        running.close()


@pytest.fixture
def broker(tmp_path) -> Iterator[Broker]:
    """A running MQTT broker of the test's own; see `Broker`."""
    running = Broker(tmp_path / "broker")
    running.start()
    yield running
    running.stop()
