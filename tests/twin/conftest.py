from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.broker import Broker
from tests.databases import close_for_writing, run_async, temporary_database
from tests.twin.fixture import load_fixture
from tests.twin.service import TwinService, serving


@pytest.fixture(scope="session")
def fixture_url(cluster, layers_template) -> Iterator[str]:
    """URL of a database that holds the worked fixture of the domain reference; nobody writes to it."""
    with temporary_database(cluster, layers_template) as url:
        run_async(load_fixture(url))
        close_for_writing(url)
        yield url


@pytest.fixture
def fixture_copy_url(cluster, fixture_url) -> Iterator[str]:
    """URL of a database of the test's own that holds the worked fixture."""
    with temporary_database(cluster, fixture_url) as url:
        yield url


@pytest.fixture(scope="session")
def twin(cluster, fixture_url) -> Iterator[TwinService]:
    """The application over the worked fixture, for reading."""
    with serving(cluster, fixture_url) as running:  # a connection to a database would keep it from being cloned
        yield running


@pytest.fixture
def broker(tmp_path) -> Iterator[Broker]:
    """A running MQTT broker of the test's own; see `Broker`."""
    running = Broker(tmp_path / "broker")
    running.start()
    yield running
    running.stop()
