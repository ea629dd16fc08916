"""The shipped policy, and a database with one feature for each question of table 7.3."""

from __future__ import annotations

from functools import cache

import pytest

from layers.definition import read_definitions
from layers.policy.read import read_policy
from tests.databases import temporary_database
from tests.layers.policy.district import District
from tests.readers import SHIPPED_POLICY


@cache
def shipped():
    """Return the policy that is shipped."""
    return read_policy(SHIPPED_POLICY)


@pytest.fixture(scope="session")
def policy():
    return shipped()


@pytest.fixture(scope="session")
def definitions():
    return read_definitions()


@pytest.fixture(scope="session")
def district(cluster, layers_template):
    with temporary_database(cluster, layers_template) as url:
        opened = District(url)
        yield opened
        opened.close()
