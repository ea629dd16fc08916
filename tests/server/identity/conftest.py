"""Accounts and tokens of tests, in the database of the test."""

from __future__ import annotations

from pathlib import Path

import pytest

from layers.database.connection import connect
from layers.identity.labels import IdentityLabels
from layers.identity.tokens import add_token
from tests.databases import run_async

SHIPPED = {"folder": Path(__file__).parents[3] / "config" / "policy"}  # tests have an open policy unless they name this
DISPATCHER = IdentityLabels(("street_dispatcher",), ("440106011",), (), 3, {})
OPERATING = IdentityLabels(("operator",), (), (), 4, {})


def in_database(url, work):
    """Run a coroutine function of a connection in the owner's role, from a test that is not a coroutine."""

    async def run():
        connection = await connect(url)
        try:
            return await work(connection)
        finally:
            await connection.close()

    return run_async(run())


@pytest.fixture
def new_token(database_url):
    """Return a function that makes a token of the operator's role, or with the labels given."""

    def make(name="reader", labels=OPERATING, days=1, **how):
        return in_database(database_url, lambda connection: add_token(connection, name, labels, days, **how))

    return make
