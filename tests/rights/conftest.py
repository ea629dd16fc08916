"""The world that every reader is asked about, served once; each reader's other world is served beside it."""

from __future__ import annotations

from functools import cache

import pytest

from layers.definition import read_definitions
from layers.policy.read import read_policy
from tests.databases import run_async, temporary_database
from tests.readers import SHIPPED_POLICY
from tests.rights.roles import readers
from tests.rights.service import serving
from tests.rights.worlds import put, world


@cache
def policy():
    return read_policy(SHIPPED_POLICY)


@cache
def definitions():
    return read_definitions()


@pytest.fixture(scope="session")
def actors():
    """Every reader by name."""
    return readers(policy())


@pytest.fixture(scope="session")
def rows():
    """The rows of the world, by layer."""
    return world(definitions(), policy())


@pytest.fixture(scope="session")
def served(cluster, layers_template, actors, rows):
    """The application over the world."""
    with temporary_database(cluster, layers_template) as url:
        run_async(put(url, definitions(), rows))
        with serving(url, actors) as service:
            yield service
